//! The parameters that webhook adapters make: a self-describing event and the few query parameters that survive.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/Adapter.scala`, `toUnstructEventParams` and `buildFormatter`;
//! `utils/JsonUtils.scala`, `toJson`.

use bumpalo::Bump;

use super::date_time::reformatted;
use super::number::digit_value;
use super::tree::Tree;
use crate::json::write_string;
use crate::payload::{CollectorPayload, Parameters, RawEvent};

/// Query parameters that go into every event.
const CARRIED_OVER: [&str; 6] = ["nuid", "aid", "cv", "eid", "ttm", "url"];
/// Parameters that the formatted adapters leave out of the event's JSON.
const NOT_DATA: [&str; 4] = ["nuid", "aid", "cv", "p"];

const UNSTRUCT: &str =
    r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"#;

/// Writes JSON into the arena.
pub fn json_text(arena: &Bump, write: impl FnOnce(&mut Vec<u8>)) -> &str {
    let mut out = Vec::with_capacity(256);
    write(&mut out);
    match std::str::from_utf8(&out) {
        Ok(text) => arena.alloc_str(text),
        // Writers only append whole strings; losing a character beats losing the event.
        Err(_) => arena.alloc_str(&String::from_utf8_lossy(&out)),
    }
}

/// The text of `ue_pr`: an event in its two envelopes.
pub fn unstruct_event<'a>(arena: &'a Bump, schema: &str, write_data: impl FnOnce(&mut Vec<u8>)) -> &'a str {
    json_text(arena, |out| {
        out.extend_from_slice(UNSTRUCT.as_bytes());
        write_string(schema, out);
        out.extend_from_slice(br#","data":"#);
        write_data(out);
        out.extend_from_slice(b"}}");
    })
}

/// What is the same for all events of a webhook.
#[derive(Clone, Copy, Debug)]
pub struct Webhook {
    /// The tracker version.
    pub tracker: &'static str,
    /// The platform unless the query names one.
    pub platform: &'static str,
}

impl Webhook {
    /// A webhook whose platform is `srv`.
    pub const fn server(tracker: &'static str) -> Webhook {
        Webhook { tracker, platform: "srv" }
    }

    /// A raw event of this webhook.
    pub fn event<'a>(
        &self,
        payload: &CollectorPayload<'a>,
        query: &Parameters<'a>,
        schema: &str,
        data: &Tree<'a>,
        arena: &'a Bump,
    ) -> RawEvent<'a> {
        let json = unstruct_event(arena, schema, |out| data.write(out));
        RawEvent::from_payload(payload, self.parameters(query, json))
    }

    /// The parameters of an event whose `ue_pr` is `json`.
    pub fn parameters<'a>(&self, query: &Parameters<'a>, json: &'a str) -> Parameters<'a> {
        let mut parameters = Parameters::new();
        parameters.insert("tv", Some(self.tracker));
        parameters.insert("e", Some("ue"));
        parameters.insert("p", query.entry("p").unwrap_or(Some(self.platform)));
        parameters.insert("ue_pr", Some(json));
        for name in CARRIED_OVER {
            if let Some(value) = query.entry(name) {
                parameters.insert(name, value);
            }
        }
        parameters
    }
}

/// Which parameters are more than texts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Formatter {
    /// `true` and `false` become booleans.
    pub booleans: &'static [&'static str],
    /// Integers of any size become numbers.
    pub integers: &'static [&'static str],
    /// `yyyy-MM-dd HH:mm:ss` becomes `yyyy-MM-ddTHH:mm:ss.SSSZ`.
    pub date_times: &'static [&'static str],
}

impl Formatter {
    /// Appends the parameters as an object, without those that are about the event rather than in it.
    pub fn write(&self, parameters: &Parameters<'_>, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for (name, value) in parameters.in_reference_order() {
            if NOT_DATA.contains(&name) {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            write_string(name, out);
            out.push(b':');
            self.write_value(name, value, out);
        }
        out.push(b'}');
    }

    fn write_value(&self, name: &str, value: Option<&str>, out: &mut Vec<u8>) {
        let Some(text) = value.filter(|text| !text.is_empty()) else {
            return out.extend_from_slice(b"null");
        };
        if self.booleans.contains(&name) && matches!(text, "true" | "false") {
            return out.extend_from_slice(text.as_bytes());
        }
        if self.integers.contains(&name)
            && let Some(digits) = big_integer(text)
        {
            return out.extend_from_slice(digits.as_bytes());
        }
        if self.date_times.contains(&name)
            && let Some(date_time) = reformatted(text)
        {
            return write_string(&date_time, out);
        }
        write_string(text, out);
    }
}

/// An integer of any size without sign `+` and leading zeros; `None` for any other text.
fn big_integer(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let ascii: String =
        digits.chars().map(|c| digit_value(c).map(|digit| char::from(b'0' + digit))).collect::<Option<_>>()?;
    let significant = ascii.trim_start_matches('0');
    match (ascii.is_empty(), significant.is_empty()) {
        (true, _) => None,
        (_, true) => Some("0".to_owned()),
        _ => Some(format!("{sign}{significant}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatted_values() {
        let formatter = Formatter { booleans: &["b", "c"], integers: &["i", "j", "k"], date_times: &["d"] };
        let pairs = [("b", Some("true")), ("c", Some("1")), ("x", None), ("y", Some(""))];
        let mut out = Vec::new();
        formatter.write(&Parameters::from_pairs(&pairs), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"b":true,"c":"1","x":null,"y":null}"#);
        let pairs = [("i", Some("+0099999999999999999999")), ("j", Some("-0")), ("k", Some("2m")), ("d", Some("x"))];
        let mut out = Vec::new();
        formatter.write(&Parameters::from_pairs(&pairs), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"i":99999999999999999999,"j":0,"k":"2m","d":"x"}"#);
    }

    #[test]
    fn a_platform_without_value_suppresses_the_default() {
        let query = Parameters::from_pairs(&[("p", None), ("foo", Some("1"))]);
        let parameters = Webhook::server("x").parameters(&query, "{}");
        let expected = [("tv", Some("x")), ("e", Some("ue")), ("p", None), ("ue_pr", Some("{}"))];
        assert_eq!(parameters.in_reference_order(), expected);
    }
}
