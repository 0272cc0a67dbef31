//! Spoiling: the ways in which real traffic is bad.

use super::event::{Event, Params};
use super::random::Random;
use super::world;

/// A kind of fault, or of oddity that must not be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// A context parameter that is no base64 of JSON.
    BadBase64,
    /// JSON cut off in the middle.
    BadJson,
    /// An entity whose schema nobody has.
    UnknownSchema,
    /// An entity that does not fit its schema.
    InvalidData,
    /// An event id that is no UUID.
    BadUuid,
    /// Bytes that are not UTF-8.
    BadUtf8,
    /// A record cut in the middle.
    Truncated,
    /// A record of 1.5 MB.
    Oversize,
    /// A client with an IPv6 address: not a fault.
    Ipv6,
    /// Values encoded twice: not a fault.
    DoubleEncoded,
}

/// Every kind, in the order of the command line's help.
pub const ALL_FAULTS: [Fault; 10] = [
    Fault::BadBase64,
    Fault::BadJson,
    Fault::UnknownSchema,
    Fault::InvalidData,
    Fault::BadUuid,
    Fault::BadUtf8,
    Fault::Truncated,
    Fault::Oversize,
    Fault::Ipv6,
    Fault::DoubleEncoded,
];

/// Of so many oversize faults drawn, one is made: they weigh a thousand times as much as other records.
const OVERSIZE_ONE_IN: u64 = 100;

impl Fault {
    /// Name on the command line and in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Fault::BadBase64 => "bad-base64",
            Fault::BadJson => "bad-json",
            Fault::UnknownSchema => "unknown-schema",
            Fault::InvalidData => "invalid-data",
            Fault::BadUuid => "bad-uuid",
            Fault::BadUtf8 => "bad-utf8",
            Fault::Truncated => "truncated",
            Fault::Oversize => "oversize",
            Fault::Ipv6 => "ipv6",
            Fault::DoubleEncoded => "double-encoded",
        }
    }

    /// The kind of this name.
    pub fn by_name(name: &str) -> Option<Fault> {
        ALL_FAULTS.into_iter().find(|fault| fault.name() == name)
    }

    /// Draws one of these kinds; oversize records are made rarer than drawn.
    pub fn draw(kinds: &[Fault], random: &mut Random) -> Fault {
        match *random.pick(kinds) {
            Fault::Oversize if kinds.len() > 1 && random.below(OVERSIZE_ONE_IN) != 0 => Fault::BadUuid,
            fault => fault,
        }
    }

    /// Spoils the event's parameters, where the fault lies there. What concerns the whole record (truncation, bad
    /// bytes, the client's address) is left to the writer of the record.
    pub fn spoil(self, event: &mut Event, random: &mut Random) {
        let params = &mut event.params;
        match self {
            Fault::BadBase64 => set(params, "cx", "*** not base64 ***".into()),
            Fault::BadJson => {
                set(params, "cx", String::new());
                params.retain(|(name, _)| *name != "cx");
                set(params, "co", r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/js"#.into());
            }
            Fault::UnknownSchema => set_entity(params, "com.acme/nobody_has_this", r#"{"a":1}"#, random),
            Fault::InvalidData => set_entity(params, "com.acme/experiment", r#"{"name":5,"variant":"z"}"#, random),
            Fault::BadUuid => set(params, "eid", format!("not-a-uuid-{}", random.below(1_000_000))),
            Fault::Oversize => set(params, "page", "x".repeat(1_500_000)),
            Fault::DoubleEncoded => set(params, "page", "Caf%C3%A9%20%2F%20Tarot".into()),
            Fault::BadUtf8 | Fault::Truncated | Fault::Ipv6 => {}
        }
    }

    /// A client address in place of the user's own.
    pub fn address(self, random: &mut Random) -> Option<String> {
        (self == Fault::Ipv6).then(|| world::ipv6(random))
    }

    /// Spoils a finished text record.
    pub fn spoil_record(self, record: &mut Vec<u8>) {
        match self {
            Fault::Truncated => record.truncate(record.len() / 3),
            Fault::BadUtf8 => {
                let middle = record.len() * 2 / 3;
                record.splice(middle..middle, [0xC3, 0x28, 0xFF]);
            }
            _ => {}
        }
    }
}

fn set(params: &mut Params, name: &'static str, value: String) {
    match params.iter_mut().find(|(known, _)| *known == name) {
        Some(entry) => entry.1 = value,
        None => params.push((name, value)),
    }
}

fn set_entity(params: &mut Params, schema: &str, data: &str, random: &mut Random) {
    use base64::Engine;
    let entity = format!(r#"{{"schema":"iglu:{schema}/jsonschema/1-0-0","data":{data}}}"#);
    let items = [super::entities::web_page(random), entity];
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(super::entities::contexts(&items));
    set(params, "cx", text);
}
