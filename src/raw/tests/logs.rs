use super::super::*;
use crate::event::time::instant_text;
use proptest::prelude::*;

const CLOUDFRONT: &str = "2013-08-29 00:18:48 LAX3 830 192.0.2.1 GET d1.cloudfront.net /i 200 http://x.com/a% \
                          Mozilla/5.0%20(X) e=pv&page=Celestial%2520Tarot&p=web";
const TOMCAT: &str = "2014-09-08 13:59:07 - - 37.157.33.123 POST - /com.snowplowanalytics.snowplow/tp2 200 - \
                      python-requests%2F2.2.1+CPython%2F3.3.5 &cv=clj-0.7.0-tom-0.1.0&nuid=5c6c40e4 - - - \
                      application%2Fjson%3B+charset%3Dutf-8 e30";

fn payload<'a>(format: &RawFormat, line: &'a str, arena: &'a Bump) -> CollectorPayload<'a> {
    match load(format, line.as_bytes(), arena) {
        Loaded::Payload(payload) => payload,
        other => panic!("{line}: {other:?}"),
    }
}

/// `field: value: expectation` or the text, one line a message.
fn messages(format: &RawFormat, line: &str) -> String {
    match load(format, line.as_bytes(), &Bump::new()) {
        Loaded::Bad(messages) => {
            let lines = messages.iter().map(|message| match message {
                LoaderMessage::InputData { payload_field, value, expectation } => {
                    format!("{payload_field}: {}: {expectation}", value.as_deref().unwrap_or("null"))
                }
                LoaderMessage::Fallback { error } => error.clone().into_owned(),
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_cloudfront_line() {
    let arena = Bump::new();
    let payload = payload(&RawFormat::CloudFront, CLOUDFRONT, &arena);
    assert_eq!((payload.api.vendor, payload.api.version), ("com.snowplowanalytics.snowplow", "tp1"));
    assert_eq!(payload.querystring, [("e", Some("pv")), ("page", Some("Celestial Tarot")), ("p", Some("web"))]);
    assert_eq!(payload.source, Source { name: "cloudfront", encoding: "UTF-8", hostname: None });
    assert_eq!((payload.content_type, payload.body), (None, None));
    let context = payload.context;
    assert_eq!(context.timestamp.map(instant_text).as_deref(), Some("2013-08-29T00:18:48Z"));
    assert_eq!(context.ip_address, Some("192.0.2.1"));
    assert_eq!(context.referer_uri, Some("http://x.com/a"));
    assert_eq!(context.useragent, Some("Mozilla/5.0%20(X)"));
    assert!(context.useragent_encoded);
    assert_eq!((context.headers.len(), context.user_id), (0, None));
}

#[test]
fn a_cloudfront_line_of_23_columns_knows_the_forwarded_address() {
    let arena = Bump::new();
    let columns = "2016-07-01 13:17:26 AMS50 480 255.255.255.255 GET d1.cloudfront.net /i 200 \
                   http://www.simplybusiness.co.uk/ Mozilla/5.0%20(Windows%20NT%206.1) e=pv&tz=Europe%252FLondon";
    let tail = "Hit LLzv== d1.cloudfront.net http 1627 0.003 67.71.16.237,%20202.134.75.113 - - Hit";
    let line = format!("{columns} - {tail}");
    let loaded = payload(&RawFormat::CloudFront, &line, &arena);
    assert_eq!(loaded.context.ip_address, Some("67.71.16.237"));
    assert_eq!(loaded.querystring[1], ("tz", Some("Europe/London")));

    let without_cookie = format!("{columns}\t\t{tail}");
    let loaded = payload(&RawFormat::CloudFront, &without_cookie, &arena);
    assert_eq!(loaded.context.ip_address, Some("67.71.16.237"), "an empty cookie column shifts nothing");

    let direct = line.replace("67.71.16.237,%20202.134.75.113", "-");
    let loaded = payload(&RawFormat::CloudFront, &direct, &arena);
    assert_eq!(loaded.context.ip_address, Some("255.255.255.255"));
}

#[test]
fn cloudfront_layouts() {
    let extended = |columns: usize| format!("{CLOUDFRONT}{}", " x".repeat(columns - 12));
    let is_good =
        |line: &str| matches!(load(&RawFormat::CloudFront, line.as_bytes(), &Bump::new()), Loaded::Payload(_));
    let good = [12, 15, 18, 19, 23, 24, 26, 33];
    for columns in 12..=33 {
        let expected = good.contains(&columns) || columns > 23;
        assert_eq!(is_good(&extended(columns)), expected, "{columns} columns");
        let expected = columns >= 23;
        assert_eq!(is_good(&format!("{}\t", extended(columns))), expected, "{columns} columns and white space");
        let expected = good.contains(&columns) || good.contains(&(columns + 1)) && columns > 12 || columns > 23;
        let empty_cookie = extended(columns).replacen("p=web ", "p=web  ", 1);
        assert_eq!(is_good(&empty_cookie), expected, "{columns} columns, an empty cookie among them");
    }
    assert!(!is_good(&format!(" {CLOUDFRONT}")), "white space in front");
    assert!(is_good(&CLOUDFRONT.replace(' ', "\t \x0B")));
}

#[test]
fn cloudfront_failures() {
    let format = RawFormat::CloudFront;
    for header in ["#Version: 1.0", "#Fields: date time x-edge-location", "#Fields:"] {
        assert!(matches!(load(&format, header.as_bytes(), &Bump::new()), Loaded::Ignored));
    }
    for line in ["", "NOT VALID", "# other", "2012-05-21 07:14:47 FRA2 3343 83.4.209.35 POST d3.cloudfront.net"] {
        assert_eq!(messages(&format, line), "does not match header or data row formats");
    }
    assert_eq!(messages(&format, &CLOUDFRONT.replace("GET", "Post")), "verb: POST: operation must be GET");
    let odd_layout = format!("{} x", CLOUDFRONT.replace("GET", "POST"));
    assert_eq!(messages(&format, &odd_layout), "verb: POST: operation must be GET", "the method is looked at first");
    let line = CLOUDFRONT.replace("2013-08-29", "20yy-05-24").replace("e=pv", "a=%zz").replace("/i", "/x");
    assert_eq!(
        messages(&format, &line),
        "dateTime: 20yy-05-24 00:18:48: could not convert timestamp: Invalid format: \"20yy-05-24T00:18:48+00:00\" is \
         malformed at \"yy-05-24T00:18:48+00:00\"\n\
         querystring: a=%zz&page=Celestial%20Tarot&p=web: could not extract name-value pairs from querystring with \
         encoding UTF-8: Malformed escape pair at index 20: http://localhost/?a=%zz&page=Celestial%20Tarot&p=web\n\
         path: /x: path does not match (/)vendor/version(/) nor is a legacy /i(ce.png) request"
    );
}

#[test]
fn cloudfront_columns_without_values() {
    let arena = Bump::new();
    let line = "2013-08-29 00:18:48 LAX3 830 - get d1 /i 200 - - -";
    let payload = payload(&RawFormat::CloudFront, line, &arena);
    assert!(payload.querystring.is_empty());
    let context = payload.context;
    assert_eq!((context.ip_address, context.referer_uri, context.useragent), (None, None, None));
}

#[test]
fn single_encoded_text_survives() {
    let arena = Bump::new();
    let line = CLOUDFRONT.replace("e=pv", "page=Introduction%20-%20Snowplow%20Analytics%25&dtm=1");
    let payload = payload(&RawFormat::CloudFront, &line, &arena);
    assert_eq!(payload.querystring[0], ("page", Some("Introduction - Snowplow Analytics%")));
}

#[test]
fn a_tomcat_line_with_a_body() {
    let arena = Bump::new();
    let payload = payload(&RawFormat::Tomcat, TOMCAT, &arena);
    assert_eq!(payload.api.version, "tp2");
    assert_eq!(payload.content_type, Some("application/json; charset=utf-8"));
    assert_eq!(payload.body, Some("{}"));
    assert_eq!(payload.querystring, [("cv", Some("clj-0.7.0-tom-0.1.0")), ("nuid", Some("5c6c40e4"))]);
    assert_eq!(payload.source.name, "clj-tomcat");
    assert_eq!(payload.context.referer_uri, None);
    assert_eq!(payload.context.useragent, Some("python-requests%2F2.2.1+CPython%2F3.3.5"));
    assert!(payload.context.useragent_encoded);
}

#[test]
fn tomcat_layouts() {
    let arena = Bump::new();
    let bodyless = "2014-09-08 13:59:07 - - 1.2.3.4 GET - /i 200 - - e=pv";
    let loaded = |tail: &str| {
        let line = arena.alloc_str(&format!("{bodyless}{tail}"));
        let payload = payload(&RawFormat::Tomcat, line, &arena);
        (payload.content_type, payload.body)
    };
    for tail in ["", " - - -", " - -", " - - - - -", "\t\t", " - - -\t\t"] {
        assert_eq!(loaded(tail), (None, None), "{tail:?}");
    }
    assert_eq!(loaded(" - - - text%2Fplain -"), (Some("text/plain"), None), "a GET with a content type");
    assert_eq!(loaded(" text%2Fplain -"), (Some("text/plain"), None));

    let format = RawFormat::Tomcat;
    let no_match = "does not match the raw event format";
    for tail in [" x", " -", " - - - x", " a b c", " - - - a b c", " ", " - - - a b ", " a b ", " - - x"] {
        assert_eq!(messages(&format, &format!("{bodyless}{tail}")), no_match, "{tail:?}");
    }
    assert_eq!(messages(&format, &bodyless.replacen(" - ", " LAX3 ", 1)), no_match);
    assert_eq!(messages(&format, "#Fields: date"), no_match);
    assert_eq!(messages(&format, ""), no_match);
}

#[test]
fn tomcat_bodies_need_post() {
    let format = RawFormat::Tomcat;
    let verb = "verb: GET: operation must be POST if content type and/or body are provided";
    assert_eq!(messages(&format, &TOMCAT.replace("POST", "get")), verb);
    let arena = Bump::new();
    let line = TOMCAT.replace("application%2Fjson%3B+charset%3Dutf-8", "-");
    let payload = payload(&format, &line, &arena);
    assert_eq!((payload.content_type, payload.body), (Some("-"), Some("{}")));
}

#[test]
fn tomcat_failures_come_in_order() {
    let line = TOMCAT
        .replace("2014-09-08", "x")
        .replace("&cv=", "cv=|")
        .replace("/com.snowplowanalytics.snowplow/tp2", "/com.sendgrid-api-v3")
        .replace("application%2F", "application%zz");
    let text = messages(&RawFormat::Tomcat, &line);
    let fields: Vec<&str> = text.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(fields, ["dateTime", "querystring", "path", "contentType"]);
    assert!(text.ends_with("Error at index 0 in: \"zz\""), "{text}");
}

#[test]
fn tomcat_querystrings_are_not_double_encoded() {
    let arena = Bump::new();
    let line = "2014-09-08 13:59:07 - - 1.2.3.4 GET - /i 200 - - page=a%2520b";
    assert_eq!(payload(&RawFormat::Tomcat, line, &arena).querystring, [("page", Some("a%20b"))]);
}

#[test]
fn lines_for_adapters() {
    let arena = Bump::new();
    let tsv: RawFormat = "tsv/com.amazon.aws.cloudfront/wd_access_log".parse().unwrap();
    assert!(matches!(load(&tsv, b"#Version: 1.0", &arena), Loaded::Ignored));
    let loaded = payload(&tsv, "a\tb", &arena);
    assert_eq!((loaded.api.vendor, loaded.api.version), ("com.amazon.aws.cloudfront", "wd_access_log"));
    assert_eq!((loaded.body, loaded.source.name), (Some("a\tb"), "tsv"));
    assert_eq!(loaded.context.timestamp, None);
    assert_eq!(payload(&tsv, "", &arena).body, Some(""));

    let ndjson: RawFormat = "ndjson/com.abc/v1".parse().unwrap();
    for nothing in ["", "\r\n", "\n\n"] {
        assert!(matches!(load(&ndjson, nothing.as_bytes(), &arena), Loaded::Ignored));
    }
    let loaded = payload(&ndjson, "{\"a\":1}", &arena);
    assert_eq!((loaded.body, loaded.source.name), (Some("{\"a\":1}"), "ndjson"));
    assert_eq!(payload(&ndjson, "{}\r\n", &arena).body, Some("{}\r\n"));
    assert_eq!(messages(&ndjson, "{}\n{}"), "expected a single line, found 2");
    assert_eq!(messages(&ndjson, " "), "invalid json: exhausted input");
    assert_eq!(messages(&ndjson, "{x"), "invalid json: expected \" got 'x' (line 1, column 2)");

    let nowhere = RawFormat::Ndjson("nowhere".into());
    assert_eq!(
        messages(&nowhere, "{}"),
        "path: nowhere: path does not match (/)vendor/version(/) nor is a legacy /i(ce.png) request"
    );
}

#[test]
fn bad_rows_show_the_repaired_line_or_base64() {
    assert_eq!(record_text(&RawFormat::CloudFront, b"a\xFFb"), "a\u{FFFD}b");
    let lines = RawFormat::Thrift(ThriftContainer::Lines);
    assert_eq!(record_text(&lines, b"bad"), "bac=");
    assert_eq!(record_text(&lines, b"!!"), "!!");
    assert_eq!(record_text(&RawFormat::Thrift(ThriftContainer::Blocks), &[0]), "AA==");
    match load(&lines, b"bad", &Bump::new()) {
        Loaded::Bad(messages) => assert_eq!(messages.len(), 1),
        other => panic!("{other:?}"),
    };
}

fn all_formats() -> [RawFormat; 7] {
    [
        RawFormat::CloudFront,
        RawFormat::Tomcat,
        RawFormat::Thrift(ThriftContainer::Blocks),
        RawFormat::Thrift(ThriftContainer::Lines),
        RawFormat::Thrift(ThriftContainer::Structs),
        RawFormat::Tsv("a/b".into()),
        RawFormat::Ndjson("a/b".into()),
    ]
}

proptest! {
    #[test]
    fn no_bytes_panic(record: Vec<u8>) {
        for format in all_formats() {
            load(&format, &record, &Bump::new());
            record_text(&format, &record);
        }
    }

    #[test]
    fn mutated_lines_never_panic(at in 0usize..100, byte: u8, cut in 0usize..300) {
        for (format, line) in [(RawFormat::CloudFront, CLOUDFRONT), (RawFormat::Tomcat, TOMCAT)] {
            let mut bytes = line.as_bytes().to_vec();
            bytes[at] = byte;
            bytes.truncate(cut);
            load(&format, &bytes, &Bump::new());
        }
    }
}
