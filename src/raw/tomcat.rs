//! Access logs of the Clojure collector on Tomcat.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../loaders/CljTomcatLoader.scala`; what the collector writes:
//! snowplow/snowplow r117, `2-collectors/clojure-collector`. No header lines; no double encoding.

use bumpalo::Bump;

use super::columns::Columns;
use super::{Loaded, fallback, input_data, parse_querystring_column, parse_timestamp_columns, unless_dash};
use crate::badrow::LoaderMessage;
use crate::payload::decode::url_decode;
use crate::payload::{CollectorPayload, Context, PATH_EXPECTATION, Source, base64_text, parse_path};

const VERB_EXPECTATION: &str = "operation must be POST if content type and/or body are provided";

/// Loads one line.
pub(super) fn load<'a>(line: &'a str, arena: &'a Bump) -> Loaded<'a> {
    let columns = Columns::split(line);
    let Some(request) = Request::of(&columns) else {
        return Loaded::Bad(vec![fallback("does not match the raw event format")]);
    };
    let [date, time, _, _, ip, method, _, path, _, referer, agent, query, ..] = columns.texts;
    if request.body.is_some() && !method.eq_ignore_ascii_case("POST") {
        let method = arena.alloc_str(&method.to_uppercase());
        return Loaded::Bad(vec![input_data("verb", Some(method), VERB_EXPECTATION)]);
    }
    let mut messages = Vec::new();
    let timestamp = parse_timestamp_columns(date, time, &mut messages);
    let querystring = parse_querystring_column(query, &mut messages, arena);
    let api = parse_path(path);
    if api.is_none() {
        messages.push(input_data("path", Some(path), PATH_EXPECTATION));
    }
    let content_type = request.content_type(&mut messages, arena);
    let Some(api) = api.filter(|_| messages.is_empty()) else {
        return Loaded::Bad(messages);
    };
    Loaded::Payload(CollectorPayload {
        api,
        querystring,
        content_type,
        body: request.body.map(|column| base64_text(column, arena)),
        source: Source { name: "clj-tomcat", encoding: "UTF-8", hostname: None },
        context: Context {
            timestamp,
            ip_address: unless_dash(ip),
            useragent: unless_dash(agent),
            useragent_encoded: true,
            referer_uri: unless_dash(referer),
            headers: &[],
            user_id: None,
        },
    })
}

/// The two columns about the request's body, still encoded.
#[derive(Clone, Copy, Debug, Default)]
struct Request<'a> {
    content_type: Option<&'a str>,
    body: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// The columns of one of the layouts the collector wrote; `None` for any other line.
    fn of(columns: &Columns<'a>) -> Option<Request<'a>> {
        (columns.texts[2] == "-").then_some(())?;
        let has_dashes = columns.texts[12..15] == ["-", "-", "-"];
        let [content_type, body] = match columns.count {
            // Empty columns for content type and body show as a gap at the end.
            12 if columns.trailing_gap != 1 => return Some(Request::default()),
            15 if columns.trailing_gap != 1 && has_dashes => return Some(Request::default()),
            14 if columns.trailing_gap == 0 => [columns.texts[12], columns.texts[13]],
            17 if columns.trailing_gap == 0 && has_dashes => [columns.texts[15], columns.texts[16]],
            _ => return None,
        };
        Some(match (content_type, body) {
            ("-", "-") => Request::default(),
            // Windows phones send a content type with GET requests, too.
            (_, "-") => Request { content_type: Some(content_type), body: None },
            _ => Request { content_type: Some(content_type), body: Some(body) },
        })
    }

    fn content_type(&self, messages: &mut Vec<LoaderMessage<'a>>, arena: &'a Bump) -> Option<&'a str> {
        let column = self.content_type?;
        match url_decode(column, arena) {
            Ok(text) => Some(text),
            Err(error) => {
                messages.push(input_data("contentType", Some(column), error.to_string()));
                None
            }
        }
    }
}
