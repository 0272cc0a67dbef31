//! `event_fingerprint_config`: a digest of the tracker's parameters.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/EventFingerprintEnrichment.scala`.

use std::sync::Arc;

use bumpalo::collections::Vec as ArenaVec;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::digest::HashFunction;
use super::set::{BuildError, Resources, SharedEnrichment};
use super::text::{java_order, text_in};
use super::{Enrichment, Step, StepContext};
use crate::event::Column;
use crate::payload::NameValue;

/// Stands after every key and every value.
const UNIT_SEPARATOR: u8 = 0x1F;

/// Which digest, and which parameters stay out of it.
#[derive(Clone, Debug)]
pub struct EventFingerprint {
    /// The digest.
    pub algorithm: HashFunction,
    /// Names of parameters that stay out.
    pub excluded: Vec<String>,
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let excluded = reader.required(&item.parameters.field("excludeParameters"));
    let algorithm = reader.parsed(&item.parameters.field("hashAlgorithm"), |name| match name {
        "MD5" => Ok(HashFunction::Md5),
        "SHA1" => Ok(HashFunction::Sha1),
        "SHA256" => Ok(HashFunction::Sha256),
        "SHA384" => Ok(HashFunction::Sha384),
        "SHA512" => Ok(HashFunction::Sha512),
        _ => Err(format!("[{name}] is not a supported event fingerprint generation algorithm")),
    });
    Some(Box::new(EventFingerprint { algorithm: algorithm?, excluded: excluded? }))
}

impl EnrichmentConfig for EventFingerprint {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        Ok(Box::new(self.clone()))
    }
}

impl SharedEnrichment for EventFingerprint {
    fn step(&self) -> Step {
        Step::Fingerprint
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, text: Vec::with_capacity(4096), hex: Vec::with_capacity(128) })
    }
}

struct Instance {
    shared: Arc<EventFingerprint>,
    text: Vec<u8>,
    hex: Vec<u8>,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::Fingerprint
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let mut entries = ArenaVec::with_capacity_in(cx.raw.parameters.len(), cx.arena);
        entries.extend(cx.raw.parameters.iter());
        self.shared.write_text(&mut entries, &mut self.text);
        self.hex.clear();
        self.shared.algorithm.write_hex(&self.text, &mut self.hex);
        cx.event.set(Column::event_fingerprint, Some(text_in(&self.hex, cx.arena)));
    }
}

impl EventFingerprint {
    /// Writes the text that is hashed.
    pub fn write_text(&self, entries: &mut [NameValue<'_>], text: &mut Vec<u8>) {
        text.clear();
        if entries.iter().all(|(name, _)| name.is_ascii()) {
            entries.sort_unstable_by_key(|(name, _)| *name);
        } else {
            entries.sort_unstable_by(|left, right| java_order(left.0, right.0));
        }
        for (name, value) in entries {
            let Some(value) = value else { continue };
            if self.excluded.iter().any(|excluded| excluded == name) {
                continue;
            }
            text.extend_from_slice(name.as_bytes());
            text.push(UNIT_SEPARATOR);
            text.extend_from_slice(value.as_bytes());
            text.push(UNIT_SEPARATOR);
        }
    }

    /// The fingerprint of these parameters.
    pub fn fingerprint(&self, entries: &mut [NameValue<'_>]) -> String {
        let mut text = Vec::new();
        self.write_text(entries, &mut text);
        self.algorithm.hex(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(algorithm: HashFunction, excluded: &[&str], entries: &[NameValue<'_>]) -> String {
        let excluded = excluded.iter().map(|name| (*name).to_owned()).collect();
        EventFingerprint { algorithm, excluded }.fingerprint(&mut entries.to_vec())
    }

    #[test]
    fn worked_examples() {
        let buy = [
            ("stm", Some("1000000000000")),
            ("eid", Some("123e4567-e89b-12d3-a456-426655440000")),
            ("e", Some("se")),
            ("se_ac", Some("buy")),
        ];
        for (algorithm, expected) in [
            (HashFunction::Md5, "6829c2021516783f1ef03a9e9736ac77"),
            (HashFunction::Sha1, "00b058442f1f3a552fa1550b99ce5b8810a0ea75"),
            (HashFunction::Sha256, "6698caf728ab1bf3ab9d1da032fc15608b78ac3368b398f0fb3f68969134a605"),
        ] {
            assert_eq!(fingerprint(algorithm, &["stm", "eid"], &buy), expected);
        }
        let action =
            [("se_pr", Some("property")), ("e", Some("se")), ("se_ca", Some("category")), ("se_ac", Some("action"))];
        assert_eq!(fingerprint(HashFunction::Md5, &[], &action), "d9da320fae80dbf250856b9c17bbd37f");
        assert_eq!(fingerprint(HashFunction::Sha1, &[], &action), "ce3de52b1774f29fa12c7e44aaded6f79e3c7801");
        let unicode = [("e", Some("pv")), ("page", Some("Ünïcode €")), ("eid", Some("x"))];
        assert_eq!(fingerprint(HashFunction::Md5, &["eid"], &unicode), "1e2936f88d69b28a1ce733065d159d0e");
    }

    #[test]
    fn parameters_without_value_count_as_absent_and_nothing_is_hashed_too() {
        let with = [("a", None), ("b", Some("1"))];
        let without = [("b", Some("1"))];
        assert_eq!(fingerprint(HashFunction::Md5, &[], &with), fingerprint(HashFunction::Md5, &[], &without));
        assert_eq!(fingerprint(HashFunction::Md5, &[], &[]), "d41d8cd98f00b204e9800998ecf8427e");
        assert_ne!(
            fingerprint(HashFunction::Md5, &[], &[("prefix", Some("suffix"))]),
            fingerprint(HashFunction::Md5, &[], &[("prefi", Some("xsuffix"))])
        );
    }
}
