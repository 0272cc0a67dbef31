//! `referer_parser`: medium, source and search term of the page's referrer.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/RefererParserEnrichment.scala`;
//! snowplow-referer-parser/jvm-referer-parser 1.1.0. Mediums that are not known there are accepted, because the
//! published list has one (`chatbot`, since July 2025).

use std::borrow::Cow;
use std::sync::Arc;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::text::{form_decode, java_trim, percent_decode};
use super::{Enrichment, Step, StepContext, asset_uri};
use crate::event::Column;
use crate::payload::decode::tsv_safe;
use crate::protocol::uri::Uri;

type Map<K, V> = hashbrown::HashMap<K, V, foldhash::fast::RandomState>;

/// The configuration.
#[derive(Clone, Debug)]
pub struct RefererParserConfig {
    /// Hosts that count as our own.
    pub internal_domains: Vec<String>,
    /// Where the list of referers is.
    pub database: String,
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let parameters = &item.parameters;
    let domains = reader.required::<Vec<String>>(&parameters.field("internalDomains"));
    let database = reader.required::<String>(&parameters.field("database"));
    let uri = reader.required::<String>(&parameters.field("uri"));
    reader.warn_ignored(parameters, &["referrers"], "lists inside the configuration came after enrich 3.9.0");
    let internal_domains = domains?.iter().map(|domain| java_trim(domain).to_owned()).collect();
    Some(Box::new(RefererParserConfig { internal_domains, database: asset_uri(&uri?, &database?) }))
}

impl EnrichmentConfig for RefererParserConfig {
    fn assets(&self) -> Vec<String> {
        vec![self.database.clone()]
    }

    fn build(&self, resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        let bytes = resources.assets.fetch(&self.database)?.into_bytes(&self.database)?;
        let referers = Referers::parse(&bytes, self.internal_domains.clone())
            .map_err(|reason| BuildError::Unusable(format!("{}: {reason}", self.database)))?;
        Ok(Box::new(referers))
    }
}

/// What kind of referrer a domain is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Medium {
    Unknown,
    Internal,
    Search,
    /// Written as it is called in the list.
    Other(String),
}

/// A medium's source.
#[derive(Debug)]
struct Source {
    medium: Medium,
    name: String,
    /// Query parameters that hold the search term.
    parameters: Vec<String>,
}

/// The list of referers, by host and path.
#[derive(Debug, Default)]
pub struct Referers {
    sources: Vec<Source>,
    /// Position in `sources` by domain, which may carry a path.
    domains: Map<String, usize>,
    internal_domains: Vec<String>,
}

/// What the list says of a referrer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefererDetails<'r, 't> {
    /// `search`, `internal`, `unknown`, …
    pub medium: &'r str,
    /// For example `Google`.
    pub source: Option<&'r str>,
    /// The search term, not yet fit for a column.
    pub term: Option<Cow<'t, str>>,
}

impl Referers {
    /// Reads the list: `{medium: {source: {"domains": […], "parameters": […]}}}`.
    pub fn parse(json: &[u8], internal_domains: Vec<String>) -> Result<Referers, String> {
        let json: serde_json::Value = serde_json::from_slice(json).map_err(|error| format!("not JSON: {error}"))?;
        let mut referers = Referers { internal_domains, ..Referers::default() };
        for (medium_name, sources) in json.as_object().ok_or("Referers json must be an object")? {
            let sources = sources.as_object().ok_or_else(|| format!("Medium '{medium_name}' not an object"))?;
            let medium = match medium_name.as_str() {
                "unknown" => Medium::Unknown,
                "internal" => Medium::Internal,
                "search" => Medium::Search,
                other => Medium::Other(other.to_owned()),
            };
            for (name, source) in sources {
                let parameters = string_list(source, "parameters").unwrap_or_default();
                let domains = string_list(source, "domains")
                    .ok_or_else(|| format!("Source '{name}' of medium '{medium_name}' has no list of domains"))?;
                let at = referers.sources.len();
                referers.sources.push(Source { medium: medium.clone(), name: name.clone(), parameters });
                referers.domains.extend(domains.into_iter().map(|domain| (domain, at)));
            }
        }
        Ok(referers)
    }

    /// Looks a referrer up; `None` if it is no web address. `key` is scratch memory.
    pub fn look_up<'r, 't>(
        &'r self,
        referrer: &Uri<'t>,
        page_host: Option<&str>,
        key: &mut String,
    ) -> Option<RefererDetails<'r, 't>> {
        let scheme = referrer.scheme?;
        if !matches!(scheme, "http" | "https" | "android-app") {
            return None;
        }
        let (host, path) = (referrer.host?, referrer.path?);
        let only = |medium| RefererDetails { medium, source: None, term: None };
        if page_host == Some(host) || self.internal_domains.iter().any(|domain| domain == host) {
            return Some(only("internal"));
        }
        let path = percent_decode(path).unwrap_or(Cow::Borrowed(path));
        let Some(source) = self.find(host, &path, key) else { return Some(only("unknown")) };
        let name = Some(source.name.as_str());
        Some(match &source.medium {
            Medium::Unknown => only("unknown"),
            Medium::Internal => only("internal"),
            Medium::Other(medium) => RefererDetails { medium, source: name, term: None },
            Medium::Search => {
                let term = referrer.query.and_then(|query| search_term(query, &source.parameters));
                RefererDetails { medium: "search", source: name, term }
            }
        })
    }

    /// Tries the whole path, its first segment, and no path; for each the host and its parent domains.
    fn find(&self, host: &str, path: &str, key: &mut String) -> Option<&Source> {
        if let Some(first) = path.split('/').find(|segment| !segment.is_empty()) {
            if let Some(source) = self.find_host(host, path, "", key) {
                return Some(source);
            }
            if let Some(source) = self.find_host(host, "/", first, key) {
                return Some(source);
            }
        }
        self.find_host(host, "", "", key)
    }

    fn find_host(&self, host: &str, slash: &str, path: &str, key: &mut String) -> Option<&Source> {
        let mut domain = host;
        loop {
            key.clear();
            key.push_str(domain);
            key.push_str(slash);
            key.push_str(path);
            if let Some(at) = self.domains.get(key.as_str()) {
                return Some(&self.sources[*at]);
            }
            domain = domain.split_once('.')?.1;
        }
    }
}

fn string_list(object: &serde_json::Value, name: &str) -> Option<Vec<String>> {
    object.get(name)?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The value of the first query parameter that the source is known to keep search terms in. A malformed escape before
/// it means that there is none.
fn search_term<'q>(query: &'q str, parameters: &[String]) -> Option<Cow<'q, str>> {
    for piece in query.split('&') {
        let (name, value) = match piece.find('=') {
            Some(at) if at > 0 => (&piece[..at], &piece[at + 1..]),
            _ => (piece, ""),
        };
        let name = form_decode(name)?;
        let value = form_decode(value)?;
        if parameters.iter().any(|parameter| *parameter == name) {
            return Some(value);
        }
    }
    None
}

impl SharedEnrichment for Referers {
    fn step(&self) -> Step {
        Step::RefererParser
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, key: String::new() })
    }
}

struct Instance {
    shared: Arc<Referers>,
    key: String,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::RefererParser
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let Some(referrer) = &cx.referrer else { return };
        let page_host = cx.event.get(Column::page_urlhost);
        let Some(details) = self.shared.look_up(referrer, page_host, &mut self.key) else { return };
        let column = |text: &str| tsv_safe(cx.arena.alloc_str(text), cx.arena);
        cx.event.set(Column::refr_medium, column(details.medium));
        if let Some(source) = details.source {
            cx.event.set(Column::refr_source, column(source));
        }
        if let Some(term) = details.term {
            cx.event.set(Column::refr_term, column(&term));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{EventBench, config, try_config};
    use super::*;

    const LIST: &str = r#"{
        "search": {
            "Google": {"domains": ["google.com", "google.fr"], "parameters": ["q", "query"]},
            "Google Images": {"domains": ["google.fr/imgres"], "parameters": ["q"]},
            "Dalesearch": {"domains": ["www.dalesearch.com"], "parameters": ["q"]}
        },
        "email": {
            "Yahoo! Mail": {"domains": ["mail.yahoo.net"]},
            "Orange Webmail": {"domains": ["orange.fr/webmail"]}
        },
        "social": {"Facebook": {"domains": ["facebook.com"]}},
        "chatbot": {"ChatGPT": {"domains": ["chatgpt.com"]}},
        "unknown": {"Google": {"domains": ["support.google.com"]}},
        "internal": {"Us": {"domains": ["us.example"]}}
    }"#;

    fn parse(bench: &mut EventBench, referrer: &'static str) -> [Option<String>; 3] {
        bench.columns = vec![(Column::page_urlhost, "www.snowplowanalytics.com")];
        bench.referrer = Some(referrer);
        let columns = [Column::refr_medium, Column::refr_source, Column::refr_term];
        bench.run(|event, _| columns.map(|column| event.get(column).map(str::to_owned)))
    }

    fn bench() -> EventBench {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("referers.json"), LIST).unwrap();
        let parameters = serde_json::json!({
            "internalDomains": [" www.internaldomain.com"],
            "database": "referers.json",
            "uri": folder.path().to_str().unwrap(),
        });
        EventBench::new(config("referer_parser", &parameters.to_string()))
    }

    #[test]
    fn worked_examples() {
        let mut bench = bench();
        for (referrer, medium, source, term) in [
            (
                "http://www.google.com/search?q=gateway+oracle+cards+denise+linn&hl=en",
                "search",
                "Google",
                "gateway oracle cards denise linn",
            ),
            ("http://www.google.com/search?q=%0Agateway%09oracle", "search", "Google", "gateway    oracle"),
            (
                "http://www.google.fr/imgres?q=Ogham+the+celtic+oracle",
                "search",
                "Google Images",
                "Ogham the celtic oracle",
            ),
            ("https://w.x.y.z.google.com/search?hl=en&q=Hephaestus", "search", "Google", "Hephaestus"),
            ("http://www.facebook.com/l.php?u=x", "social", "Facebook", ""),
            ("http://36ohk6dgmcd1n-c.c.yom.mail.yahoo.net/om/api/1.0/x", "email", "Yahoo! Mail", ""),
            ("http://webmail1m.orange.fr/webmail/fr_FR/read.html?FOLDER=SF_INBOX", "email", "Orange Webmail", ""),
            ("http://www.dalesearch.com/?q=+lego.nl+%2Fclub", "search", "Dalesearch", " lego.nl /club"),
            ("https://www.snowplowanalytics.com/account", "internal", "", ""),
            ("https://www.internaldomain.com", "internal", "", ""),
            ("http://www.spyfu.com/domain.aspx?d=3", "unknown", "", ""),
            ("ftp://x.com/a", "", "", ""),
            ("www.x.com/a", "", "", ""),
            ("https://support.google.com/x?q=1", "unknown", "", ""),
            ("https://a.us.example/", "internal", "", ""),
            ("https://chatgpt.com/", "chatbot", "ChatGPT", ""),
            ("HTTP://www.google.com/", "", "", ""),
            ("http://WWW.GOOGLE.COM/", "unknown", "", ""),
        ] {
            let expected = [medium, source, term].map(|text| (!text.is_empty()).then(|| text.to_owned()));
            assert_eq!(parse(&mut bench, referrer), expected, "{referrer}");
        }
    }

    #[test]
    fn terms_follow_the_order_of_the_query() {
        let term = |query| search_term(query, &["q".into(), "query".into()]).map(Cow::into_owned);
        assert_eq!(term("query=second&q=first").as_deref(), Some("second"));
        assert_eq!(term("=q&q"), Some(String::new()));
        assert_eq!(term("a=%zz&q=x"), None);
        assert_eq!(term("q=x&a=%zz").as_deref(), Some("x"));
        assert_eq!(term("q=a=b").as_deref(), Some("a=b"));
        assert_eq!(term("Q=x"), None);
    }

    #[test]
    fn a_path_is_compared_decoded_and_the_later_domain_wins() {
        let list = br#"{"social":{"A":{"domains":["x.com/a b"]},"B":{"domains":["x.com/a b"]}}}"#;
        let referers = Referers::parse(list, Vec::new()).unwrap();
        let arena = bumpalo::Bump::new();
        let uri = Uri::parse("http://x.com/a b/c", &arena).unwrap();
        let details = referers.look_up(&uri, None, &mut String::new()).unwrap();
        assert_eq!(details.source, Some("B"));
    }

    #[test]
    fn useless_lists_are_refused() {
        let error = |json: &str| Referers::parse(json.as_bytes(), Vec::new()).unwrap_err();
        assert_eq!(error("[]"), "Referers json must be an object");
        assert_eq!(error(r#"{"search":[]}"#), "Medium 'search' not an object");
        assert!(error(r#"{"search":{"x":{}}}"#).contains("no list of domains"));
        assert!(error("{").starts_with("not JSON"));
        let errors = try_config("referer_parser", r#"{"enabled":true,"parameters":{}}"#).unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
    }
}
