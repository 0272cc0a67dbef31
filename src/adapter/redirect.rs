//! The redirect: a click on a link that the collector counted and passed on.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/snowplow/RedirectAdapter.scala`; base64 of the `cx` it writes:
//! apache/commons-codec `Base64(true)`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bumpalo::Bump;

use super::helpers::standard::{json_text, unstruct_event};
use super::{Adapter, AdapterError, AdapterInfo, AdapterResult, Tools};
use crate::badrow::Message;
use crate::json::{Value, parse, write_compact, write_string};
use crate::payload::{CollectorPayload, Parameters, RawEvent, base64_text};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Snowplow redirect",
    vendor: "r",
    version: "tp2",
    tracker: Some("r-tp2"),
    block: None,
    input: "querystring with `u`",
    content_type: "ignored",
    events: "one",
    schemas: &[],
    notes: &[
        "Failures become `tracker_protocol_violations` rows.",
        "Without `e` the redirect is the event, with `e` it becomes the first context.",
        "The default platform is `web`.",
    ],
    build: |_| Box::new(Redirect),
};

const URI_REDIRECT: &str = "iglu:com.snowplowanalytics.snowplow/uri_redirect/jsonschema/1-0-0";
const CONTEXTS: &str = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1","data":["#;
/// Length of a line of the base64 it writes.
const BASE64_LINE: usize = 76;

struct Redirect;

impl Adapter for Redirect {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let arena = tools.arena;
        let mut parameters = Parameters::from_pairs(payload.querystring);
        if parameters.is_empty() {
            return Err(Message::input("querystring", None, "empty querystring: not a valid URI redirect").into());
        }
        let Some(uri) = parameters.get("u") else { return Err(missing_uri(&parameters, arena).into()) };
        let given_platform = parameters.entry("p");
        parameters.remove("u");
        if !parameters.contains("e") {
            let json = unstruct_event(arena, URI_REDIRECT, |out| write_uri(uri, out));
            parameters.insert("e", Some("ue"));
            parameters.insert("ue_pr", Some(json));
        } else {
            let (name, json) = with_redirect(&parameters, uri, arena)?;
            parameters.insert(name, Some(json));
        }
        parameters.insert("tv", Some("r-tp2"));
        parameters.insert("p", given_platform.unwrap_or(Some("web")));
        Ok(vec![RawEvent::from_payload(payload, parameters)])
    }
}

fn missing_uri<'a>(parameters: &Parameters<'a>, arena: &'a Bump) -> Message<'a> {
    let shown: Vec<String> = parameters
        .in_reference_order()
        .into_iter()
        .map(|(name, value)| format!("{name}={}", value.unwrap_or("null")))
        .collect();
    let shown = arena.alloc_str(&shown.join("&"));
    Message::input("querystring", Some(shown), "missing `u` parameter: not a valid URI redirect")
}

/// The contexts parameter that takes the redirect, and its new value.
fn with_redirect<'a>(
    parameters: &Parameters<'a>,
    uri: &str,
    arena: &'a Bump,
) -> Result<(&'static str, &'a str), AdapterError<'a>> {
    let no_value = |name: &str| AdapterError::Unexpected(format!("parameter `{name}` has no value"));
    if let Some(encoded) = parameters.entry("cx") {
        let text = base64_text(encoded.ok_or_else(|| no_value("cx"))?, arena);
        let json = prepended(text, uri, arena)?;
        return Ok(("cx", arena.alloc_str(&chunked_base64(json))));
    }
    match parameters.entry("co") {
        Some(None) => Err(no_value("co")),
        None | Some(Some("")) => Ok(("co", contexts(uri, arena))),
        Some(Some(text)) => Ok(("co", prepended(text, uri, arena)?)),
    }
}

fn contexts<'a>(uri: &str, arena: &'a Bump) -> &'a str {
    json_text(arena, |out| {
        out.extend_from_slice(CONTEXTS.as_bytes());
        write_redirect(uri, out);
        out.extend_from_slice(b"]}");
    })
}

/// Existing contexts with the redirect in front; unchanged if their `data` is no array.
fn prepended<'a>(text: &'a str, uri: &str, arena: &'a Bump) -> Result<&'a str, Message<'a>> {
    let json = parse(text, arena).map_err(|error| Message::not_json("co|cx", Some(text), &error))?;
    let Some(items) = json.get("data").filter(Value::is_array) else { return Ok(json.compact_in(arena)) };
    Ok(json_text(arena, |out| {
        out.push(b'{');
        for (at, (key, value)) in json.members().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_string(&key, out);
            out.push(b':');
            if key != "data" {
                write_compact(value, out);
                continue;
            }
            out.push(b'[');
            write_redirect(uri, out);
            for item in items.elements() {
                out.push(b',');
                write_compact(item, out);
            }
            out.push(b']');
        }
        out.push(b'}');
    }))
}

fn write_redirect(uri: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"schema":"#);
    write_string(URI_REDIRECT, out);
    out.extend_from_slice(br#","data":"#);
    write_uri(uri, out);
    out.push(b'}');
}

fn write_uri(uri: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"uri":"#);
    write_string(uri, out);
    out.push(b'}');
}

/// URL-safe, unpadded, a CRLF after every full line but the last.
fn chunked_base64(text: &str) -> String {
    let encoded = URL_SAFE_NO_PAD.encode(text);
    let mut out = String::with_capacity(encoded.len() + encoded.len() / BASE64_LINE * 2);
    for (at, character) in encoded.chars().enumerate() {
        if at > 0 && at % BASE64_LINE == 0 {
            out.push_str("\r\n");
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use proptest::prelude::*;

    use super::*;
    use crate::adapter::testing::{Request, events, failures, is_unexpected, mutations, payload, run};

    fn redirect(query: &[(&str, Option<&str>)]) -> Request {
        payload("r", "tp2").query(query)
    }

    #[test]
    fn without_an_event_the_redirect_is_the_event() {
        assert_eq!(
            events(redirect(&[("u", Some("https://x.y")), ("aid", Some("a"))])),
            [concat!(
                "e = ue\naid = a\ntv = r-tp2\n",
                r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.snowplowanalytics.snowplow/uri_redirect/jsonschema/1-0-0","data":{"uri":"https://x.y"}}}"#,
                "\np = web\n"
            )]
        );
    }

    #[test]
    fn with_an_event_the_redirect_is_a_context() {
        assert_eq!(
            events(redirect(&[("u", Some("https://x.y")), ("e", Some("se")), ("p", Some("mob"))])),
            [concat!(
                "e = se\np = mob\n",
                r#"co = {"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1","data":[{"schema":"iglu:com.snowplowanalytics.snowplow/uri_redirect/jsonschema/1-0-0","data":{"uri":"https://x.y"}}]}"#,
                "\ntv = r-tp2\n"
            )]
        );
    }

    #[test]
    fn existing_contexts_keep_their_place_behind_it() {
        let co = r#"{ "schema":"s", "data":[{"a":1.50}], "x":0}"#;
        let query = [("u", Some("u")), ("e", Some("se")), ("co", Some(co)), ("p", None)];
        let text = &events(redirect(&query))[0];
        let expected = r#"{"schema":"s","data":[{"schema":"iglu:com.snowplowanalytics.snowplow/uri_redirect/jsonschema/1-0-0","data":{"uri":"u"}},{"a":1.50}],"x":0}"#;
        assert!(text.contains(&format!("co = {expected}\n")), "{text}");
        assert!(text.contains("p = (none)\n"), "{text}");
        let query = [("u", Some("u")), ("e", Some("se")), ("co", Some("[1, 2]"))];
        assert!(events(redirect(&query))[0].contains("co = [1,2]\n"));
    }

    #[test]
    fn encoded_contexts_are_encoded_again_and_leave_the_others_alone() {
        let cx = URL_SAFE_NO_PAD.encode(r#"{"schema":"s","data":[{"schema":"t","data":{}}]}"#);
        let query = [("u", Some("https://x.y")), ("e", Some("se")), ("cx", Some(&*cx)), ("co", Some("{[-"))];
        let text = events(redirect(&query)).remove(0);
        assert!(text.contains("co = {[-\n"), "{text}");
        let written = text.split_once("cx = ").unwrap().1.split("\ne = ").next().unwrap();
        assert_eq!(written.find("\r\n"), Some(76));
        let arena = Bump::new();
        assert_eq!(
            base64_text(written.split("\ntv").next().unwrap(), &arena).split("\u{fffd}").next().unwrap(),
            r#"{"schema":"s","data":[{"schema":"iglu:com.snowplowanalytics.snowplow/uri_redirect/jsonschema/1-0-0","data":{"uri":"https://x.y"}},{"schema":"t","data":{}}]}"#
        );
    }

    #[test]
    fn encoded_contexts_without_an_event_are_not_read() {
        let text = events(redirect(&[("u", Some("x")), ("cx", Some("dGVzdHRlc3R0ZXN0"))]));
        assert!(text[0].contains("cx = dGVzdHRlc3R0ZXN0\n"));
    }

    #[test]
    fn failing_redirects() {
        assert_eq!(
            failures(redirect(&[])),
            [r#"{"field":"querystring","value":null,"expectation":"empty querystring: not a valid URI redirect"}"#]
        );
        assert_eq!(
            failures(redirect(&[("u", None), ("cx", Some("dGVz"))])),
            [
                r#"{"field":"querystring","value":"u=null&cx=dGVz","expectation":"missing `u` parameter: not a valid URI redirect"}"#
            ]
        );
        assert_eq!(
            failures(redirect(&[("u", Some("x")), ("e", Some("se")), ("co", Some("{[-"))])),
            [r#"{"field":"co|cx","value":"{[-","error":"invalid json: expected \" got '[-' (line 1, column 2)"}"#]
        );
        for name in ["co", "cx"] {
            assert!(is_unexpected(redirect(&[("u", Some("x")), ("e", Some("se")), (name, None)])), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_context_panics(any in any::<String>(), mutated in mutations(r#"{"schema":"s","data":[{"a":1}]}"#)) {
            for text in [any, mutated] {
                for name in ["co", "cx"] {
                    run(&redirect(&[("u", Some(&text)), ("e", Some("se")), (name, Some(&text))]));
                }
            }
        }

        #[test]
        fn chunks_decode_to_the_same(text in any::<String>()) {
            let arena = Bump::new();
            let encoded = chunked_base64(&text);
            prop_assert_eq!(base64_text(&encoded, &arena), text.as_str());
            prop_assert!(encoded.split("\r\n").all(|line| line.len() <= BASE64_LINE));
        }
    }
}
