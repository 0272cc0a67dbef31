//! What makes two events the same: id and fingerprint.

use std::borrow::Cow;
use std::fmt::Write as _;

use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};

use crate::event::{Column, EnrichedEvent};

/// What counts as the fingerprint of an event that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingFingerprint {
    /// A hash of what the tracker sent: two copies of such an event are the same event.
    #[default]
    Computed,
    /// Something of its own, as in the reference: such an event equals no other.
    Unique,
}

/// The columns that come from the tracker alone. Those that two deliveries of one event differ in are not among them:
/// collector and ETL times, sent time, address, cookies, everything looked up.
const SENT: [Column; 60] = [
    Column::app_id,
    Column::platform,
    Column::dvce_created_tstamp,
    Column::event,
    Column::txn_id,
    Column::name_tracker,
    Column::v_tracker,
    Column::user_id,
    Column::user_fingerprint,
    Column::domain_userid,
    Column::domain_sessionidx,
    Column::domain_sessionid,
    Column::page_url,
    Column::page_title,
    Column::page_referrer,
    Column::contexts,
    Column::unstruct_event,
    Column::se_category,
    Column::se_action,
    Column::se_label,
    Column::se_property,
    Column::se_value,
    Column::tr_orderid,
    Column::tr_affiliation,
    Column::tr_total,
    Column::tr_tax,
    Column::tr_shipping,
    Column::tr_city,
    Column::tr_state,
    Column::tr_country,
    Column::tr_currency,
    Column::ti_orderid,
    Column::ti_sku,
    Column::ti_name,
    Column::ti_category,
    Column::ti_price,
    Column::ti_quantity,
    Column::ti_currency,
    Column::pp_xoffset_min,
    Column::pp_xoffset_max,
    Column::pp_yoffset_min,
    Column::pp_yoffset_max,
    Column::br_lang,
    Column::br_features_pdf,
    Column::br_features_flash,
    Column::br_features_java,
    Column::br_cookies,
    Column::br_colordepth,
    Column::br_viewwidth,
    Column::br_viewheight,
    Column::os_timezone,
    Column::dvce_screenwidth,
    Column::dvce_screenheight,
    Column::doc_charset,
    Column::doc_width,
    Column::doc_height,
    Column::true_tstamp,
    Column::event_vendor,
    Column::event_name,
    Column::event_version,
];

/// The fingerprint of an event; `None` if it has none and equals no other event.
pub fn fingerprint<'a>(event: &EnrichedEvent<'a>, missing: MissingFingerprint) -> Option<Cow<'a, str>> {
    match (event.get(Column::event_fingerprint), missing) {
        (Some(text), _) => Some(Cow::Borrowed(text)),
        (None, MissingFingerprint::Unique) => None,
        (None, MissingFingerprint::Computed) => {
            let mut hasher = Xxh3::new();
            for column in SENT {
                hasher.update(event.get(column).unwrap_or_default().as_bytes());
                hasher.update(b"\t");
            }
            // The prefix keeps it apart from anything an enrichment computes.
            let mut text = String::with_capacity(37);
            let _ = write!(text, "thr1-{:032x}", hasher.digest128());
            Some(Cow::Owned(text))
        }
    }
}

/// A hash of an id.
pub(super) fn id_hash(id: u128) -> u64 {
    xxh3_64(&id.to_le_bytes())
}

/// A hash of an id with a fingerprint.
pub fn pair_hash(id: u128, fingerprint: &str) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(&id.to_le_bytes());
    hasher.update(fingerprint.as_bytes());
    hasher.digest128()
}

/// The new id of an event, a version 4 UUID, from its rank among its namesakes: the same for the same event of the same
/// run, so that a repeated run writes what the first one wrote.
pub(super) fn new_id(run: u64, id: u128, rank: u64) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&id.to_le_bytes());
    bytes[16..24].copy_from_slice(&run.to_le_bytes());
    bytes[24..].copy_from_slice(&rank.to_le_bytes());
    let hash = xxh3_128(&bytes);
    let version = 0xF << 76;
    let variant = 0b11 << 62;
    hash & !version & !variant | 4 << 76 | 0b10 << 62
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shred::check::id_text;

    #[test]
    fn fingerprints_leave_deliveries_aside() {
        let event = |set: &[(Column, &'static str)]| {
            let mut event = EnrichedEvent::default();
            for (column, text) in set {
                event.set(*column, Some(text));
            }
            event
        };
        let of = |set: &[(Column, &'static str)]| fingerprint(&event(set), MissingFingerprint::Computed).unwrap();
        let base = of(&[(Column::app_id, "a"), (Column::collector_tstamp, "1")]);
        assert_eq!(base, of(&[(Column::app_id, "a"), (Column::collector_tstamp, "2"), (Column::etl_tstamp, "3")]));
        assert_ne!(base, of(&[(Column::app_id, "b")]));
        assert_ne!(of(&[(Column::tr_city, "x")]), of(&[(Column::tr_state, "x")]));
        let own = event(&[(Column::event_fingerprint, "f1")]);
        assert_eq!(fingerprint(&own, MissingFingerprint::Unique).as_deref(), Some("f1"));
        assert_eq!(fingerprint(&event(&[]), MissingFingerprint::Unique), None);
    }

    #[test]
    fn new_ids_are_version_4_and_repeatable() {
        for rank in 0..100 {
            let text = id_text(new_id(1, 7, rank));
            assert_eq!(text.as_bytes()[14], b'4', "{text}");
            assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{text}");
        }
        assert_eq!(new_id(1, 7, 3), new_id(1, 7, 3));
        assert_ne!(new_id(1, 7, 3), new_id(1, 7, 4));
        assert_ne!(new_id(1, 7, 3), new_id(2, 7, 3));
    }
}
