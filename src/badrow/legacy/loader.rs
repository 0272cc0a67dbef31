//! R117 wordings of what a loader finds wrong with a record.
//!
//! Facts: snowplow/snowplow r117, `3-enrich/scala-common-enrich/.../loaders/*.scala`. What R117 could not say stays as it
//! is.

use crate::badrow::LoaderMessage;

/// The R117 text of a violation found by the loader of this name (`cloudfront`, `clj-tomcat`, `thrift`, `tsv`,
/// `ndjson`).
pub fn loader_text(message: &LoaderMessage<'_>, loader: &str) -> String {
    match message {
        LoaderMessage::Fallback { error } => fallback_text(error, loader),
        LoaderMessage::InputData { payload_field, value, expectation } => {
            field_text(payload_field, value.as_deref(), expectation, loader)
        }
    }
}

fn fallback_text(error: &str, loader: &str) -> String {
    match (error, loader) {
        ("does not match header or data row formats", _) => {
            "Line does not match CloudFront header or data row formats".into()
        }
        ("does not match the raw event format", _) => {
            "Line does not match raw event format for Clojure Collector".into()
        }
        (_, "ndjson") if error.starts_with("expected a single line") => "Too many lines! Expected single line".into(),
        (_, "ndjson") if error.starts_with("invalid json") => "Unparsable JSON".into(),
        _ => match error.strip_prefix("error deserializing raw event") {
            Some(rest) => format!("Error deserializing raw event{rest}"),
            None => capitalised(error),
        },
    }
}

fn field_text(field: &str, value: Option<&str>, expectation: &str, loader: &str) -> String {
    let shown = value.unwrap_or("null");
    match (field, loader) {
        ("verb", "cloudfront") => format!("Only GET operations supported for CloudFront Collector, not {shown}"),
        ("verb", _) => format!("Operation must be POST, not {shown}, if request content type and/or body are provided"),
        ("dateTime", _) => {
            let (date, time) = shown.split_once(' ').unwrap_or((shown, ""));
            let cause = expectation.strip_prefix("could not convert timestamp: ").unwrap_or(expectation);
            format!("Unexpected exception converting date [{date}] and time [{time}] to timestamp: [{cause}]")
        }
        ("querystring", _) => {
            let rest = expectation.strip_prefix("could not extract name-value pairs from querystring with encoding ");
            let (encoding, cause) = rest.and_then(|rest| rest.split_once(": ")).unwrap_or(("UTF-8", expectation));
            format!(
                "Exception extracting name-value pairs from querystring [{shown}] with encoding [{encoding}]: [{cause}]"
            )
        }
        ("path", _) if value.is_none() => "Request does not contain a path".into(),
        ("path", _) => format!(
            "Request path {shown} does not match (/)vendor/version(/) pattern nor is a legacy /i(ce.png) request"
        ),
        ("contentType", _) => {
            let cause = expectation.strip_prefix("exception URL-decoding (encoding UTF-8): ").unwrap_or(expectation);
            format!("Field [Content type]: Exception URL-decoding [{shown}] (encoding [UTF-8]): [{cause}]")
        }
        _ => format!("Field [{field}]: [{shown}] {expectation}"),
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;
    use crate::raw::{Loaded, RawFormat, ThriftContainer, load};

    fn texts(format: &RawFormat, record: &str) -> Vec<String> {
        match load(format, record.as_bytes(), &Bump::new()) {
            Loaded::Bad(messages) => messages.iter().map(|message| loader_text(message, format.loader())).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wordings() {
        let cloudfront = RawFormat::CloudFront;
        assert_eq!(texts(&cloudfront, ""), ["Line does not match CloudFront header or data row formats"]);
        assert_eq!(
            texts(&cloudfront, "2013-08-29 00:18:48 LAX3 830 192.0.2.1 post h /i 200 - - -"),
            ["Only GET operations supported for CloudFront Collector, not POST"]
        );
        assert_eq!(
            texts(&cloudfront, "20yy-05-24 00:18:48 LAX3 830 192.0.2.1 GET h /x 200 - - a=%zz"),
            [
                "Unexpected exception converting date [20yy-05-24] and time [00:18:48] to timestamp: [Invalid format: \
                 \"20yy-05-24T00:18:48+00:00\" is malformed at \"yy-05-24T00:18:48+00:00\"]",
                "Exception extracting name-value pairs from querystring [a=%zz] with encoding [UTF-8]: [Malformed \
                 escape pair at index 20: http://localhost/?a=%zz]",
                "Request path /x does not match (/)vendor/version(/) pattern nor is a legacy /i(ce.png) request",
            ]
        );
        let tomcat = RawFormat::Tomcat;
        assert_eq!(texts(&tomcat, "#"), ["Line does not match raw event format for Clojure Collector"]);
        assert_eq!(
            texts(&tomcat, "2013-08-29 00:18:48 - 830 192.0.2.1 GET h /i 200 - - - - - - x e30"),
            ["Operation must be POST, not GET, if request content type and/or body are provided"]
        );
        let ndjson = RawFormat::Ndjson("a/b".into());
        assert_eq!(texts(&ndjson, "{"), ["Unparsable JSON"]);
        assert_eq!(texts(&ndjson, "{}\n{}"), ["Too many lines! Expected single line"]);
        let thrift = RawFormat::Thrift(ThriftContainer::Structs);
        assert_eq!(texts(&thrift, "\0"), ["Error deserializing raw event: null"]);
    }
}
