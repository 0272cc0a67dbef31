//! The self-describing JSON that events carry: the browser tracker's own entities and five of an imaginary shop.

use super::random::Random;
use super::world::{SECTIONS, WORDS};

const CONTEXTS: &str = "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0";
const UNSTRUCT: &str = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0";

/// Wraps entities into the `contexts` envelope.
pub fn contexts(items: &[String]) -> String {
    format!(r#"{{"schema":"{CONTEXTS}","data":[{}]}}"#, items.join(","))
}

/// Wraps an event into the `unstruct_event` envelope.
pub fn unstruct(event: &str) -> String {
    format!(r#"{{"schema":"{UNSTRUCT}","data":{event}}}"#)
}

fn entity(key: &str, data: String) -> String {
    format!(r#"{{"schema":"iglu:{key}","data":{{{data}}}}}"#)
}

/// `web_page` 1-0-0
pub fn web_page(random: &mut Random) -> String {
    entity("com.snowplowanalytics.snowplow/web_page/jsonschema/1-0-0", format!(r#""id":"{}""#, random.uuid()))
}

/// `link_click` 1-0-1
pub fn link_click(page: usize, random: &mut Random) -> String {
    let section = SECTIONS[(page + 3) % SECTIONS.len()];
    let data = format!(
        r#""targetUrl":"https://www.shop.example.com/{section}/{}.html","elementId":"link-{}","elementClasses":["btn","nav-{section}"],"elementTarget":"_self""#,
        random.below(2000),
        random.below(400)
    );
    entity("com.snowplowanalytics.snowplow/link_click/jsonschema/1-0-1", data)
}

/// `client_session` 1-0-1
pub fn session(random: &mut Random) -> String {
    let data = format!(
        r#""userId":"{}","sessionId":"{}","sessionIndex":{},"previousSessionId":null,"storageMechanism":"LOCAL_STORAGE","firstEventId":"{}""#,
        random.uuid(),
        random.uuid(),
        1 + random.below(80),
        random.uuid()
    );
    entity("com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-1", data)
}

/// `geolocation_context` 1-1-0
pub fn geolocation(random: &mut Random) -> String {
    let data = format!(
        r#""latitude":{}.{:04},"longitude":{}.{:04},"latitudeLongitudeAccuracy":{}"#,
        random.below(80),
        random.below(10_000),
        random.below(170),
        random.below(10_000),
        random.below(60)
    );
    entity("com.snowplowanalytics.snowplow/geolocation_context/jsonschema/1-1-0", data)
}

/// `PerformanceTiming` 1-0-0
pub fn performance(millis: i64, random: &mut Random) -> String {
    const STEPS: [&str; 18] = [
        "navigationStart",
        "fetchStart",
        "domainLookupStart",
        "domainLookupEnd",
        "connectStart",
        "secureConnectionStart",
        "connectEnd",
        "requestStart",
        "responseStart",
        "responseEnd",
        "unloadEventStart",
        "unloadEventEnd",
        "domLoading",
        "domInteractive",
        "domContentLoadedEventStart",
        "domContentLoadedEventEnd",
        "domComplete",
        "loadEventStart",
    ];
    let mut at = millis - 4000;
    let mut data = String::with_capacity(700);
    for step in STEPS {
        at += random.below(120) as i64;
        data.push_str(&format!(r#""{step}":{at},"#));
    }
    data.push_str(r#""redirectStart":0,"redirectEnd":0"#);
    entity("org.w3/PerformanceTiming/jsonschema/1-0-0", data)
}

/// `com.acme/experiment` 1-0-0
pub fn experiment(random: &mut Random) -> String {
    let data = format!(
        r#""name":"checkout-{}","variant":"{}""#,
        random.below(6),
        ["control", "a", "b"][random.below(3) as usize]
    );
    entity("com.acme/experiment/jsonschema/1-0-0", data)
}

/// `com.acme/product`: twenty fields, in several versions.
pub fn product(page: usize, random: &mut Random) -> String {
    let (word, section) = (WORDS[page % WORDS.len()], SECTIONS[page % SECTIONS.len()]);
    let addition = page % 3;
    let data = format!(
        concat!(
            r#""sku":"pbz{:05}","name":"{} deck","brand":"{}","category":"{}","price":{}.{:02},"currency":"EUR","quantity":{},"#,
            r#""inStock":{},"rating":{}.{},"reviews":{},"color":"{}","size":"{}","weight":{},"material":"paper","position":{},"#,
            r#""list":"{}","coupon":{},"discount":{},"releasedAt":"2019-0{}-1{}T08:00:00Z","tags":["{}","{}"]"#
        ),
        page,
        word,
        ["acme", "umbrella", "globex"][random.below(3) as usize],
        section,
        random.below(90),
        random.below(100),
        1 + random.below(4),
        random.chance(0.8),
        random.below(5),
        random.below(10),
        random.below(900),
        ["gold", "blue", "violet"][random.below(3) as usize],
        ["S", "M", "L"][random.below(3) as usize],
        100 + random.below(900),
        random.below(40),
        section,
        if random.chance(0.3) { "\"SPRING\"" } else { "null" },
        random.below(30),
        1 + random.below(9),
        random.below(9),
        word,
        section
    );
    entity(&format!("com.acme/product/jsonschema/1-0-{addition}"), data)
}
