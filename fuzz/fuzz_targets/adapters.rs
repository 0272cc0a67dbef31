//! Any payload for any adapter.
//!
//! The first byte chooses the adapter, the second the content type; then come the querystring and, after a line feed, the
//! body.
#![no_main]

use std::sync::OnceLock;

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use thresh::adapter::{ADAPTERS, AdapterConfig, AdapterError, Registry, Tools};
use thresh::badrow::legacy::{Origin, texts};
use thresh::iglu::{Checked, ClientError, SelfDescribing, Validator};
use thresh::payload::{Api, CollectorPayload, Context, Source, parse_querystring};

/// Finds everything good: what adapters do is independent of registries.
struct Good;

impl Validator for Good {
    fn check(&mut self, _: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
        Ok(Checked { superseded_by: None })
    }
}

const CONTENT_TYPES: [Option<&str>; 7] = [
    None,
    Some("application/json"),
    Some("application/json; charset=utf-8"),
    Some("application/x-www-form-urlencoded"),
    Some("multipart/form-data; boundary=B"),
    Some("multipart/form-data; boundary=\"B\""),
    Some("text/plain"),
];

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry::new(&AdapterConfig::default(), None))
}

fuzz_target!(|data: &[u8]| {
    let [adapter, content_type, text @ ..] = data else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let info = ADAPTERS[usize::from(*adapter) % ADAPTERS.len()];
    // An event is nested a little deeper than its payload, and may so pass the limit of the parser.
    let is_shallow = text.matches(['[', '{', '%']).count() < 400;
    let (query, body) = text.split_once('\n').map_or((text, None), |(query, body)| (query, Some(body)));
    let arena = Bump::new();
    let Ok(querystring) = parse_querystring(query, "UTF-8", &arena) else { return };
    let payload = CollectorPayload {
        api: Api { vendor: info.vendor, version: info.version },
        querystring,
        content_type: CONTENT_TYPES[usize::from(*content_type) % CONTENT_TYPES.len()],
        body,
        source: Source { name: "fuzz", encoding: "UTF-8", hostname: None },
        context: Context::default(),
    };
    let mut tools = Tools { arena: &arena, validator: &mut Good };
    match registry().to_raw_events(&payload, &mut tools) {
        Ok(events) => {
            assert!(!events.is_empty());
            // What webhooks write is JSON; native events carry whatever the tracker sent.
            for event in events.iter().filter(|_| info.block.is_some() && is_shallow) {
                for name in ["ue_pr", "co"] {
                    let Some(json) = event.parameters.get(name) else { continue };
                    assert!(thresh::json::parse(json, &arena).is_ok(), "{name}: {json}");
                }
            }
        }
        Err(AdapterError::Failures(messages)) => {
            assert!(!messages.is_empty());
            for message in &messages {
                let mut json = Vec::new();
                message.write_json(&mut json);
                let json = String::from_utf8(json).unwrap();
                assert!(!is_shallow || thresh::json::parse(&json, &arena).is_ok(), "{json}");
            }
            assert!(!texts(&messages, Origin::Adapter(&payload)).is_empty());
        }
        Err(AdapterError::Unexpected(text)) => assert!(!text.is_empty()),
    }
});
