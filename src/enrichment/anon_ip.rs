//! `anon_ip`: masks the end of the client's address.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/AnonIpEnrichment.scala`.

use std::net::IpAddr;
use std::sync::Arc;

use bumpalo::Bump;
use bumpalo::collections::String as ArenaString;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::{Enrichment, Step, StepContext};
use crate::event::Column;

/// How much of an address is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnonIp {
    /// IPv4 octets from the right, 1 to 4.
    pub octets: usize,
    /// IPv6 groups from the right, 1 to 8.
    pub segments: usize,
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let octets: i64 = reader.required(&item.parameters.field("anonOctets"))?;
    let segments = item.parameters.field("anonSegments").value().and_then(|value| value.as_i64()).unwrap_or(octets);
    let octets_fit = (1..=4).contains(&octets);
    if !octets_fit {
        reader.error(format!(
            "IPv4 address octets to anonymize must be 1, 2, 3 or 4. Value: {octets} was given. Error: [out of range]"
        ));
    }
    if !(1..=8).contains(&segments) {
        reader.error(format!(
            "IPv6 address segments to anonymize must be 1, 2, 3, 4, 5, 6, 7 or 8. Value {segments} was given. Error: \
             [out of range]"
        ));
        return None;
    }
    octets_fit.then(|| Box::new(AnonIp { octets: octets as usize, segments: segments as usize }) as _)
}

impl EnrichmentConfig for AnonIp {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        Ok(Box::new(*self))
    }
}

impl SharedEnrichment for AnonIp {
    fn step(&self) -> Step {
        Step::AnonIp
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(*self)
    }
}

impl Enrichment for AnonIp {
    fn step(&self) -> Step {
        Step::AnonIp
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        if let Some(ip) = cx.event.get(Column::user_ipaddress) {
            let masked = self.mask(ip, cx.arena);
            cx.event.set(Column::user_ipaddress, (!masked.is_empty()).then_some(masked));
        }
    }
}

impl AnonIp {
    /// The masked address.
    pub fn mask<'a>(&self, ip: &'a str, arena: &'a Bump) -> &'a str {
        match ip.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => self.mask_v4(ip, arena),
            // Mapped addresses go by their text; those written without dots stay readable, as in the reference.
            Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_some() => self.mask_dotted(ip, arena),
            Ok(IpAddr::V6(v6)) => {
                let groups = v6.segments().map(|group| format!("{group:x}"));
                mask_parts(groups.iter().map(String::as_str), 8 - self.segments, 8, ':', "", arena)
            }
            Err(_) if ip.contains('.') || ip.is_empty() => self.mask_dotted(ip, arena),
            Err(_) if ip.contains(':') => {
                mask_parts(without_trailing_empties(ip, ':').into_iter(), 8 - self.segments, 8, ':', "", arena)
            }
            Err(_) => ip,
        }
    }

    /// The common case: four parts, as the parser has just seen.
    fn mask_v4<'a>(&self, ip: &str, arena: &'a Bump) -> &'a str {
        let mut masked = ArenaString::with_capacity_in(ip.len() + 1, arena);
        let end = match 4 - self.octets {
            0 => 0,
            kept => ip.match_indices('.').nth(kept - 1).map_or(ip.len(), |(dot, _)| dot),
        };
        masked.push_str(&ip[..end]);
        masked.push_str(if end == 0 { "x" } else { ".x" });
        for _ in 1..self.octets {
            masked.push_str(".x");
        }
        masked.into_bump_str()
    }

    fn mask_dotted<'a>(&self, ip: &'a str, arena: &'a Bump) -> &'a str {
        const MAPPED: &str = "::FFFF:";
        let (prefix, rest) = match ip.strip_prefix(MAPPED) {
            Some(rest) => (MAPPED, rest),
            None => ("", ip),
        };
        let parts = without_trailing_empties(rest, '.');
        let count = parts.len();
        mask_parts(parts.into_iter(), 4 - self.octets, count, '.', prefix, arena)
    }
}

/// Java's `split`: trailing empty parts are dropped, but the empty text is one part.
fn without_trailing_empties(text: &str, separator: char) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split(separator).collect();
    if text.is_empty() {
        return parts;
    }
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts
}

/// The first `keep` parts, then `x` until there are `count`.
fn mask_parts<'a, 'p>(
    parts: impl Iterator<Item = &'p str>,
    keep: usize,
    count: usize,
    separator: char,
    prefix: &str,
    arena: &'a Bump,
) -> &'a str {
    let mut masked = ArenaString::with_capacity_in(48, arena);
    masked.push_str(prefix);
    let kept = parts.take(keep);
    for (index, part) in kept.chain(std::iter::repeat("x")).take(count).enumerate() {
        if index > 0 {
            masked.push(separator);
        }
        masked.push_str(part);
    }
    masked.into_bump_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn worked_examples() {
        for (input, octets, segments, expected) in [
            ("0.23.0.20", 1, 1, "0.23.0.x"),
            ("94.15.213.171", 4, 4, "x.x.x.x"),
            ("777.2", 1, 1, "777.2"),
            ("777.2.23", 4, 4, "x.x.x"),
            ("999.aaa.bbb.c", 3, 3, "999.x.x.x"),
            ("hello;goodbye", 3, 3, "hello;goodbye"),
            ("", 4, 4, "x"),
            ("4b0c::880c:99a8:4b0:4411", 2, 2, "4b0c:0:0:0:880c:99a8:x:x"),
            ("2605:2700:0:3::4713:93e3", 4, 5, "2605:2700:0:x:x:x:x:x"),
            ("2700:zzzz::gggg", 4, 6, "2700:zzzz:x:x:x:x:x:x"),
            ("f334::40cb:152.16.24.142", 4, 2, "f334:0:0:0:0:40cb:x:x"),
            ("::192.168.0.1", 4, 1, "0:0:0:0:0:0:c0a8:x"),
            ("::FFFF:152.16.24.123", 2, 4, "::FFFF:152.16.x.x"),
            ("::FFFF:152.16.24.123", 4, 4, "::FFFF:x.x.x.x"),
            ("::ffff:152.16.24.123", 4, 4, "x.x.x.x"),
            ("::ffff:102:304", 1, 4, "::ffff:102:304"),
            ("1.2.3.4:8080", 1, 1, "1.2.3.x"),
            ("[2001:db8::1]:80", 1, 1, "[2001:db8::1]:80:x:x:x"),
        ] {
            let arena = Bump::new();
            assert_eq!(AnonIp { octets, segments }.mask(input, &arena), expected, "{input} {octets} {segments}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_masked_without_panic(ip in "[0-9a-fF:.x\\[\\]]{0,40}|\\PC{0,20}", octets in 1usize..=4, segments in 1usize..=8) {
            let arena = Bump::new();
            AnonIp { octets, segments }.mask(&ip, &arena);
        }

        #[test]
        fn the_masked_octets_never_survive(a in 0u8..=255, b in 0u8..=255, c in 0u8..=255, d in 0u8..=255) {
            let arena = Bump::new();
            let masked = AnonIp { octets: 2, segments: 8 }.mask(arena.alloc_str(&format!("{a}.{b}.{c}.{d}")), &arena);
            prop_assert_eq!(masked, format!("{a}.{b}.x.x"));
        }
    }
}
