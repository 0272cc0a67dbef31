//! `cookie_extractor_config`: an entity for each chosen cookie.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/CookieExtractorEnrichment.scala`; the parser
//! of Apache httpcore 4.4, `BasicHeaderValueParser` and `TokenParser`.

use std::borrow::Cow;
use std::sync::Arc;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::text::text_in;
use super::{Enrichment, Entity, Step, StepContext};
use crate::json::write_string;

const SCHEMA: &str = "iglu:org.ietf/http_cookie/jsonschema/1-0-0";

/// Names of the cookies to extract.
#[derive(Clone, Debug)]
pub struct CookieExtractor {
    /// Names, compared exactly.
    pub names: Vec<String>,
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let names = reader.required(&item.parameters.field("cookies"))?;
    Some(Box::new(CookieExtractor { names }))
}

impl EnrichmentConfig for CookieExtractor {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        Ok(Box::new(self.clone()))
    }
}

impl SharedEnrichment for CookieExtractor {
    fn step(&self) -> Step {
        Step::Cookies
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, json: Vec::new() })
    }
}

struct Instance {
    shared: Arc<CookieExtractor>,
    json: Vec<u8>,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::Cookies
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let mut entities = Vec::new();
        for header in cx.raw.context.headers {
            let Some(list) = header.strip_prefix("Cookie:") else { continue };
            for (name, value) in CookieList::new(list) {
                if !self.shared.names.iter().any(|wanted| *wanted == name) {
                    continue;
                }
                self.json.clear();
                write_name_value(&name, value.as_deref(), &mut self.json);
                entities.push(Entity { schema: SCHEMA, data: text_in(&self.json, cx.arena), cache_id: 0 });
            }
        }
        cx.add_entities(entities);
    }
}

/// Appends `{"name":…,"value":…}`.
pub(super) fn write_name_value(name: &str, value: Option<&str>, json: &mut Vec<u8>) {
    json.extend_from_slice(br#"{"name":"#);
    write_string(name, json);
    json.extend_from_slice(br#","value":"#);
    match value {
        Some(value) => write_string(value, json),
        None => json.extend_from_slice(b"null"),
    }
    json.push(b'}');
}

/// The pairs of a `Cookie` header's value. A comma outside quotes ends the list.
struct CookieList<'h> {
    rest: &'h str,
    ended: bool,
}

impl<'h> CookieList<'h> {
    fn new(list: &'h str) -> Self {
        let rest = list.trim_start_matches(is_blank);
        CookieList { rest, ended: rest.is_empty() }
    }

    /// Reads up to one of the delimiters, which is consumed too and returned.
    fn token(&mut self, delimiters: &[char], quotes: bool) -> (Cow<'h, str>, Option<char>) {
        let end = if quotes { value_end(self.rest, delimiters) } else { self.rest.find(delimiters) };
        let raw = &self.rest[..end.unwrap_or(self.rest.len())];
        let delimiter = end.and_then(|end| self.rest[end..].chars().next());
        self.rest = end.map_or("", |end| &self.rest[end + 1..]);
        let text = raw.trim_matches(is_blank);
        let plain = !(text.contains(is_blank) || quotes && text.contains('"'));
        (if plain { Cow::Borrowed(text) } else { Cow::Owned(normalise(text, quotes)) }, delimiter)
    }
}

impl<'h> Iterator for CookieList<'h> {
    type Item = (Cow<'h, str>, Option<Cow<'h, str>>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let (name, mut delimiter) = self.token(&['=', ';', ','], false);
        let mut value = None;
        if delimiter == Some('=') {
            let (text, after) = self.token(&[';', ','], true);
            value = Some(text);
            delimiter = after;
        }
        self.ended = delimiter == Some(',') || self.rest.is_empty();
        Some((name, value))
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// Where the value ends: the first delimiter outside double quotes.
fn value_end(text: &str, delimiters: &[char]) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            other if !quoted && delimiters.contains(&other) => return Some(at),
            _ => {}
        }
    }
    None
}

/// Runs of blanks become one space; quoted parts lose their quotes and the escapes of `"` and `\`.
fn normalise(text: &str, quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if is_blank(character) {
            blank = true;
            continue;
        }
        if blank && !out.is_empty() {
            out.push(' ');
        }
        blank = false;
        if quotes && character == '"' {
            unquote(&mut characters, &mut out);
        } else {
            out.push(character);
        }
    }
    out
}

/// Copies up to the closing quote.
fn unquote(characters: &mut std::str::Chars<'_>, out: &mut String) {
    while let Some(character) = characters.next() {
        match character {
            '"' => return,
            '\\' => match characters.next() {
                Some(escaped @ ('"' | '\\')) => out.push(escaped),
                Some(other) => out.extend(['\\', other]),
                None => return,
            },
            '\r' | '\n' => {}
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{EventBench, config};
    use super::*;
    use proptest::prelude::*;

    fn extract(names: &str, headers: &[&'static str]) -> Vec<String> {
        let mut bench = EventBench::new(config("cookie_extractor_config", &format!(r#"{{"cookies":{names}}}"#)));
        bench.headers = headers.to_vec();
        bench.run(|_, outcome| outcome.entities.iter().map(|(_, data, _)| data.clone()).collect())
    }

    #[test]
    fn worked_examples() {
        let found = extract(r#"["ck1","","ck3","ck4","ck5"]"#, &["Cookie: ck1;=cv2;ck3=;ck4=cv4;ck5=\"cv5\""]);
        let expected = [
            r#"{"name":"ck1","value":null}"#,
            r#"{"name":"","value":"cv2"}"#,
            r#"{"name":"ck3","value":""}"#,
            r#"{"name":"ck4","value":"cv4"}"#,
            r#"{"name":"ck5","value":"cv5"}"#,
        ];
        assert_eq!(found, expected);
        assert!(extract(r#"["sp"]"#, &["cookie: sp=1"]).is_empty());
        assert!(extract(r#"["sp"]"#, &["Cookie: a=1, b=2; sp=3"]).is_empty());
        assert!(extract(r#"["sp"]"#, &["Cookie : sp=1", "Cookie", "Cookie:", "Cookie: "]).is_empty());
    }

    #[test]
    fn quotes_blanks_and_repeated_names() {
        let found = extract(r#"["a","b c"]"#, &["Cookie: a =  \"x;,\\\"y\" ; b   c= 1 \t 2 ;a=z", "Cookie: a=2"]);
        let expected = [
            r#"{"name":"a","value":"x;,\"y"}"#,
            r#"{"name":"b c","value":"1 2"}"#,
            r#"{"name":"a","value":"z"}"#,
            r#"{"name":"a","value":"2"}"#,
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn any_header_is_read_to_its_end(list in "[a-c=;,\" \\\\\t]{0,40}|\\PC{0,30}") {
            let pairs = CookieList::new(&list).count();
            prop_assert!(pairs <= list.len() + 1);
        }
    }
}
