//! The table of tracker-protocol parameters, and the pass that turns them into columns.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/Transform.scala` and `.../utils/MapTransformer.scala`.
//!
//! Parameters are visited in insertion order, which needs no sorting. Where the reference's own order (that of a hash
//! trie from five parameters on) shows, it is restored: in the choice between two parameters for one column, and in the
//! order of failures.

use bumpalo::Bump;

use super::convert::{self, Expectation};
use super::decimal::decimal;
use super::ip::first_ip;
use crate::badrow::{EnrichmentFailure, Message};
use crate::event::{Column, EnrichedEvent};
use crate::json::{self, Value};
use crate::payload::decode::tsv_safe;
use crate::payload::{Parameters, base64_text, hash_order_key};

/// How a parameter's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Converter {
    Text,
    FirstIp,
    EventType,
    Platform,
    Uuid,
    Timestamp,
    Integer,
    BooleanDigit,
    /// Width here, height in the next column.
    Dimensions,
    Decimal,
    Json,
    Base64Json,
}

/// Which of two parameters for one column wins once the reference's order is that of its hash trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rivalry {
    None,
    Winner,
    Loser,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
struct Rule {
    name: &'static str,
    converter: Converter,
    column: Column,
    rivalry: Rivalry,
}

const fn rule(name: &'static str, converter: Converter, column: Column) -> Rule {
    Rule { name, converter, column, rivalry: Rivalry::None }
}

const fn winner(name: &'static str, converter: Converter, column: Column) -> Rule {
    Rule { name, converter, column, rivalry: Rivalry::Winner }
}

const fn loser(name: &'static str, converter: Converter, column: Column) -> Rule {
    Rule { name, converter, column, rivalry: Rivalry::Loser }
}

/// Every parameter of the first pass. `tnuid` is the second pass.
static RULES: [Rule; 74] = [
    rule("e", Converter::EventType, Column::event),
    rule("p", Converter::Platform, Column::platform),
    rule("ip", Converter::FirstIp, Column::user_ipaddress),
    rule("aid", Converter::Text, Column::app_id),
    rule("tid", Converter::Integer, Column::txn_id),
    rule("uid", Converter::Text, Column::user_id),
    rule("duid", Converter::Text, Column::domain_userid),
    rule("nuid", Converter::Text, Column::network_userid),
    rule("ua", Converter::Text, Column::useragent),
    rule("fp", Converter::Text, Column::user_fingerprint),
    rule("vid", Converter::Integer, Column::domain_sessionidx),
    rule("sid", Converter::Uuid, Column::domain_sessionid),
    rule("eid", Converter::Uuid, Column::event_id),
    rule("dtm", Converter::Timestamp, Column::dvce_created_tstamp),
    rule("stm", Converter::Timestamp, Column::dvce_sent_tstamp),
    rule("ttm", Converter::Timestamp, Column::true_tstamp),
    rule("tna", Converter::Text, Column::name_tracker),
    rule("tv", Converter::Text, Column::v_tracker),
    rule("cv", Converter::Text, Column::v_collector),
    rule("lang", Converter::Text, Column::br_lang),
    rule("f_pdf", Converter::BooleanDigit, Column::br_features_pdf),
    rule("f_fla", Converter::BooleanDigit, Column::br_features_flash),
    rule("f_java", Converter::BooleanDigit, Column::br_features_java),
    rule("f_dir", Converter::BooleanDigit, Column::br_features_director),
    rule("f_qt", Converter::BooleanDigit, Column::br_features_quicktime),
    rule("f_realp", Converter::BooleanDigit, Column::br_features_realplayer),
    rule("f_wma", Converter::BooleanDigit, Column::br_features_windowsmedia),
    rule("f_gears", Converter::BooleanDigit, Column::br_features_gears),
    rule("f_ag", Converter::BooleanDigit, Column::br_features_silverlight),
    rule("cookie", Converter::BooleanDigit, Column::br_cookies),
    rule("res", Converter::Dimensions, Column::dvce_screenwidth),
    rule("vp", Converter::Dimensions, Column::br_viewwidth),
    rule("ds", Converter::Dimensions, Column::doc_width),
    rule("cd", Converter::Text, Column::br_colordepth),
    rule("tz", Converter::Text, Column::os_timezone),
    rule("refr", Converter::Text, Column::page_referrer),
    rule("url", Converter::Text, Column::page_url),
    rule("page", Converter::Text, Column::page_title),
    rule("cs", Converter::Text, Column::doc_charset),
    loser("co", Converter::Json, Column::contexts),
    winner("cx", Converter::Base64Json, Column::contexts),
    loser("ue_pr", Converter::Json, Column::unstruct_event),
    winner("ue_px", Converter::Base64Json, Column::unstruct_event),
    winner("se_ca", Converter::Text, Column::se_category),
    loser("ev_ca", Converter::Text, Column::se_category),
    winner("se_ac", Converter::Text, Column::se_action),
    loser("ev_ac", Converter::Text, Column::se_action),
    loser("se_la", Converter::Text, Column::se_label),
    winner("ev_la", Converter::Text, Column::se_label),
    loser("se_pr", Converter::Text, Column::se_property),
    winner("ev_pr", Converter::Text, Column::se_property),
    loser("se_va", Converter::Decimal, Column::se_value),
    winner("ev_va", Converter::Decimal, Column::se_value),
    rule("tr_id", Converter::Text, Column::tr_orderid),
    rule("tr_af", Converter::Text, Column::tr_affiliation),
    rule("tr_tt", Converter::Decimal, Column::tr_total),
    rule("tr_tx", Converter::Decimal, Column::tr_tax),
    rule("tr_sh", Converter::Decimal, Column::tr_shipping),
    rule("tr_ci", Converter::Text, Column::tr_city),
    rule("tr_st", Converter::Text, Column::tr_state),
    rule("tr_co", Converter::Text, Column::tr_country),
    rule("tr_cu", Converter::Text, Column::tr_currency),
    rule("ti_id", Converter::Text, Column::ti_orderid),
    rule("ti_sk", Converter::Text, Column::ti_sku),
    loser("ti_na", Converter::Text, Column::ti_name),
    winner("ti_nm", Converter::Text, Column::ti_name),
    rule("ti_ca", Converter::Text, Column::ti_category),
    rule("ti_pr", Converter::Decimal, Column::ti_price),
    rule("ti_qu", Converter::Integer, Column::ti_quantity),
    rule("ti_cu", Converter::Text, Column::ti_currency),
    rule("pp_mix", Converter::Integer, Column::pp_xoffset_min),
    rule("pp_max", Converter::Integer, Column::pp_xoffset_max),
    rule("pp_miy", Converter::Integer, Column::pp_yoffset_min),
    rule("pp_may", Converter::Integer, Column::pp_yoffset_max),
];

/// Slots of the index: a power of two, sparse enough for almost no collisions.
const SLOTS: usize = 512;
const EMPTY: u8 = 0xFF;

/// Open addressing by the packed name: slot to rule.
static INDEX: [u8; SLOTS] = {
    let mut index = [EMPTY; SLOTS];
    let mut at = 0;
    while at < RULES.len() {
        let mut slot = slot_of(pack(RULES[at].name.as_bytes()));
        while index[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        index[slot] = at as u8;
        at += 1;
    }
    index
};

/// A name of up to seven bytes and its length as one number; 0 for every longer name.
const fn pack(name: &[u8]) -> u64 {
    if name.len() > 7 {
        return 0;
    }
    let mut packed = name.len() as u64;
    let mut at = 0;
    while at < name.len() {
        packed = packed << 8 | name[at] as u64;
        at += 1;
    }
    packed
}

const fn slot_of(packed: u64) -> usize {
    (packed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 55) as usize
}

fn find(name: &str) -> Option<&'static Rule> {
    let mut slot = slot_of(pack(name.as_bytes()));
    loop {
        match INDEX[slot] {
            EMPTY => return None,
            at => {
                let rule = &RULES[usize::from(at)];
                if rule.name == name {
                    return Some(rule);
                }
            }
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// What the parameters hold besides column texts, kept so that nothing is parsed twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parsed<'a> {
    /// The contexts' JSON.
    pub contexts: Option<Value<'a>>,
    /// The self-describing event's JSON.
    pub unstruct_event: Option<Value<'a>>,
    /// `dvce_created_tstamp` in milliseconds.
    pub created_millis: Option<i64>,
    /// `dvce_sent_tstamp` in milliseconds.
    pub sent_millis: Option<i64>,
    /// `true_tstamp` in milliseconds.
    pub true_millis: Option<i64>,
}

/// Turns parameters into columns. Failures are appended in the reference's order; the columns of good parameters are
/// set all the same.
// A stage of its own in profiles (benches/instructions.py).
#[inline(never)]
pub fn apply<'a>(
    parameters: &Parameters<'a>,
    event: &mut EnrichedEvent<'a>,
    failures: &mut Vec<EnrichmentFailure<'a>>,
    arena: &'a Bump,
) -> Parsed<'a> {
    let mut pass = Pass { event, parsed: Parsed::default(), failures: Vec::new(), won: 0, arena };
    let hashed = parameters.is_hashed();
    let mut second_pass = None;
    for (name, value) in parameters.iter() {
        let Some(value) = value else { continue };
        match find(name) {
            Some(rule) => pass.visit(rule, name, value, hashed),
            None if name == "tnuid" => second_pass = Some(value),
            None => {}
        }
    }
    if let Some(network_userid) = second_pass {
        pass.event.set(Column::network_userid, tsv_safe(network_userid, arena));
    }
    let Pass { parsed, failures: mut found, .. } = pass;
    if hashed {
        found.sort_by_key(|(name, _)| hash_order_key(name));
    }
    failures.extend(found.into_iter().map(|(_, message)| EnrichmentFailure::unconditional(message)));
    parsed
}

/// The first pass over one event's parameters.
struct Pass<'a, 'e> {
    event: &'e mut EnrichedEvent<'a>,
    parsed: Parsed<'a>,
    failures: Vec<(&'a str, Message<'a>)>,
    /// One bit per rule: winners that have set their column.
    won: u128,
    arena: &'a Bump,
}

impl<'a> Pass<'a, '_> {
    fn visit(&mut self, rule: &'static Rule, name: &'a str, value: &'a str, hashed: bool) {
        let beaten = hashed && rule.rivalry == Rivalry::Loser && self.won & column_bit(rule.column) != 0;
        match self.convert(rule, value) {
            // A losing value must be good, too, but it is not kept.
            Ok(_) if beaten => {}
            Ok(converted) => {
                if rule.rivalry == Rivalry::Winner {
                    self.won |= column_bit(rule.column);
                }
                self.keep(rule.column, converted);
            }
            Err(expectation) => self.failures.push((name, Message::input(name, Some(value), expectation))),
        }
    }

    fn convert(&self, rule: &Rule, value: &'a str) -> Result<Converted<'a>, Expectation> {
        let arena = self.arena;
        Ok(match rule.converter {
            Converter::Text => Converted::Text(tsv_safe(value, arena)),
            Converter::FirstIp => Converted::Text(first_ip(value, arena)),
            Converter::EventType => Converted::Text(Some(convert::event_type(value)?)),
            Converter::Platform => Converted::Text(Some(convert::platform(value)?)),
            Converter::Uuid => Converted::Text(Some(convert::uuid(value, arena)?)),
            Converter::Timestamp => {
                let (millis, text) = convert::timestamp(value, arena)?;
                Converted::Timestamp(millis, text)
            }
            Converter::Integer => Converted::Text(convert::integer(value, arena)?),
            Converter::BooleanDigit => Converted::Text(Some(convert::boolean_digit(value)?)),
            Converter::Dimensions => {
                let (width, height) = convert::dimensions(value, arena)?;
                Converted::Dimensions(width, height)
            }
            Converter::Decimal => Converted::Text(decimal(value, arena)?),
            Converter::Json => Converted::Json(parse_json(value, arena)?),
            Converter::Base64Json => Converted::Json(parse_json(base64_text(value, arena), arena)?),
        })
    }

    fn keep(&mut self, column: Column, converted: Converted<'a>) {
        match converted {
            Converted::Text(text) => self.event.set(column, text),
            Converted::Timestamp(millis, text) => {
                self.event.set(column, Some(text));
                match column {
                    Column::dvce_created_tstamp => self.parsed.created_millis = Some(millis),
                    Column::dvce_sent_tstamp => self.parsed.sent_millis = Some(millis),
                    _ => self.parsed.true_millis = Some(millis),
                }
            }
            Converted::Dimensions(width, height) => {
                self.event.set(column, Some(width));
                self.event.set(height_column(column), Some(height));
            }
            Converted::Json(value) => {
                self.event.set(column, Some(value.compact_in(self.arena)));
                match column {
                    Column::contexts => self.parsed.contexts = Some(value),
                    _ => self.parsed.unstruct_event = Some(value),
                }
            }
        }
    }
}

/// A converted value.
enum Converted<'a> {
    Text(Option<&'a str>),
    Timestamp(i64, &'a str),
    Dimensions(&'a str, &'a str),
    Json(Value<'a>),
}

fn column_bit(column: Column) -> u128 {
    // Every column with two writers is below 128.
    1u128 << (column as u32 % 128)
}

fn height_column(width: Column) -> Column {
    match width {
        Column::dvce_screenwidth => Column::dvce_screenheight,
        Column::br_viewwidth => Column::br_viewheight,
        _ => Column::doc_height,
    }
}

fn parse_json<'a>(text: &'a str, arena: &'a Bump) -> Result<Value<'a>, Expectation> {
    json::parse(text, arena).map_err(|error| format!("invalid json: {error}").into())
}

#[cfg(test)]
mod tests;
