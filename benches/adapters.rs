//! What a batch of webhook events costs in its adapter: the cost of an event must not depend on the size of its batch.

use bumpalo::Bump;
use divan::Bencher;
use divan::counter::ItemsCount;
use thresh::adapter::{AdapterConfig, Registry, Tools};
use thresh::iglu::{Checked, ClientError, SelfDescribing, Validator};
use thresh::payload::{Api, CollectorPayload, Context, Source};

fn main() {
    divan::main();
}

/// Finds everything good: these adapters do not validate.
struct Good;

impl Validator for Good {
    fn check(&mut self, _: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
        Ok(Checked { superseded_by: None })
    }
}

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

fn array(events: usize, event: impl Fn(usize) -> String) -> String {
    format!("[{}]", (0..events).map(event).collect::<Vec<_>>().join(","))
}

fn measure(bencher: Bencher<'_, '_>, api: Api<'static>, content_type: &str, body: &str, events: usize) {
    let registry = Registry::new(&AdapterConfig::default(), None);
    let mut arena = Bump::new();
    bencher.counter(ItemsCount::new(events)).bench_local(|| {
        arena.reset();
        let payload = CollectorPayload {
            api,
            querystring: &[],
            content_type: Some(content_type),
            body: Some(body),
            source: Source { name: "bench", encoding: "UTF-8", hostname: None },
            context: Context::default(),
        };
        let result = registry.to_raw_events(&payload, &mut Tools { arena: &arena, validator: &mut Good });
        assert_eq!(result.expect("all events are good").len(), events);
    });
}

#[divan::bench(args = SIZES)]
fn sendgrid(bencher: Bencher<'_, '_>, events: usize) {
    let body = array(events, |number| {
        format!(
            r#"{{"email":"user{number}@example.com","timestamp":1446549615,"smtp-id":"<14c5d75ce93.dfd.64b469@example>","event":"open","category":"cat facts","sg_event_id":"sgid-{number}","sg_message_id":"14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0","useragent":"Mozilla/4.0 (compatible; MSIE 6.1; Windows XP)","ip":"255.255.255.255"}}"#
        )
    });
    let api = Api { vendor: "com.sendgrid", version: "v3" };
    measure(bencher, api, "application/json", &body, events);
}

#[divan::bench(args = SIZES)]
fn mandrill(bencher: Bencher<'_, '_>, events: usize) {
    let json = array(events, |number| {
        format!(
            r#"{{"event":"click","ts":1415267366,"_id":"id-{number}","ip":"127.0.0.1","url":"http://example.com/a?b=c","msg":{{"ts":1365109999,"subject":"This is an example","email":"user{number}@example.com","tags":["webhook-example"],"opens":[{{"ts":1365111111}}],"clicks":[{{"ts":1365111111,"url":"http://example.com"}}],"state":"sent"}}}}"#
        )
    });
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let body = format!("mandrill_events={}", json.bytes().map(encode).collect::<String>());
    let api = Api { vendor: "com.mandrill", version: "v1" };
    measure(bencher, api, "application/x-www-form-urlencoded", &body, events);
}
