//! Every enrichment by the name of its configuration's schema, and the versions that are read.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/*.scala` (criteria), snowplow/iglu-central
//! (published versions). pii_enrichment_config 2-0-1 is read too, unless it asks for what 2-0-0 cannot do.

use super::super::{
    anon_ip, api_request, campaign_attribution, cookie_extractor, cross_navigation, currency, event_fingerprint,
    http_header_extractor, iab, ip_lookups, pii, referer_parser, sql_query, ua_parser, user_agent_utils, weather,
};
use super::{ConfigItem, EnrichmentConfig, Reader};
use crate::iglu::SchemaCriterion;

/// Reads one configuration's parameters; `None` if something is wrong, which the reader then knows.
pub(super) type Read = fn(&ConfigItem<'_>, &mut Reader) -> Option<Box<dyn EnrichmentConfig>>;

/// What becomes of an enabled configuration.
pub(super) enum Kind {
    /// It is read and run.
    Built(Read),
    /// It is known but cannot be run; the text says why.
    NotBuilt(&'static str),
}

/// One enrichment.
pub(super) struct Row {
    /// Name of the configuration's schema.
    pub name: &'static str,
    vendor: &'static str,
    model: u32,
    /// `None` for any.
    addition: Option<u32>,
    /// What to do about another version, with a leading space; or nothing.
    pub hint: &'static str,
    pub kind: Kind,
}

impl Row {
    /// Which schema keys fit.
    pub fn criterion(&self) -> SchemaCriterion {
        SchemaCriterion::new(self.vendor, self.name, Some(self.model), Some(0), self.addition)
    }
}

const SNOWPLOW: &str = "com.snowplowanalytics.snowplow";
const ENRICHMENTS: &str = "com.snowplowanalytics.snowplow.enrichments";
const NO_YAUAA: &str = "YAUAA's rules are a Java library that has no counterpart here";
const OLD_REFERERS: &str = " Version 1-0-0 used a list that was part of the program; name a list of your own with uri and \
                            database, for example a copy of referers-latest.json";
const NOT_OPEN: &str = "it is newer than the last open release of the reference (enrich 3.9.0)";

/// The table.
pub(super) static ROWS: &[Row] = &[
    row("anon_ip", SNOWPLOW, 1, Kind::Built(anon_ip::read)),
    row("ip_lookups", SNOWPLOW, 2, Kind::Built(ip_lookups::read)),
    row("ua_parser_config", SNOWPLOW, 1, Kind::Built(ua_parser::read)),
    row("user_agent_utils_config", SNOWPLOW, 1, Kind::Built(user_agent_utils::read)),
    row_with_hint("referer_parser", SNOWPLOW, 2, OLD_REFERERS, Kind::Built(referer_parser::read)),
    row("campaign_attribution", SNOWPLOW, 1, Kind::Built(campaign_attribution::read)),
    row("event_fingerprint_config", SNOWPLOW, 1, Kind::Built(event_fingerprint::read)),
    row("cookie_extractor_config", SNOWPLOW, 1, Kind::Built(cookie_extractor::read)),
    row("http_header_extractor_config", ENRICHMENTS, 1, Kind::Built(http_header_extractor::read)),
    row("iab_spiders_and_robots_enrichment", ENRICHMENTS, 1, Kind::Built(iab::read)),
    row("javascript_script_config", SNOWPLOW, 1, JAVASCRIPT),
    row("pii_enrichment_config", ENRICHMENTS, 2, Kind::Built(pii::read)),
    row("currency_conversion_config", SNOWPLOW, 1, Kind::Built(currency::read)),
    row("weather_enrichment_config", ENRICHMENTS, 1, Kind::Built(weather::read)),
    row("sql_query_enrichment_config", ENRICHMENTS, 1, Kind::Built(sql_query::read)),
    row("api_request_enrichment_config", ENRICHMENTS, 1, Kind::Built(api_request::read)),
    row("cross_navigation_config", ENRICHMENTS, 1, Kind::Built(cross_navigation::read)),
    row("yauaa_enrichment_config", ENRICHMENTS, 1, Kind::NotBuilt(NO_YAUAA)),
    row("asn_lookups", ENRICHMENTS, 1, Kind::NotBuilt(NOT_OPEN)),
    row("bot_detection_enrichment_config", ENRICHMENTS, 1, Kind::NotBuilt(NOT_OPEN)),
];

#[cfg(feature = "js")]
const JAVASCRIPT: Kind = Kind::Built(super::super::javascript::read);
#[cfg(not(feature = "js"))]
const JAVASCRIPT: Kind = Kind::NotBuilt("this program was built without its feature `js`");

const fn row(name: &'static str, vendor: &'static str, model: u32, kind: Kind) -> Row {
    Row { name, vendor, model, addition: None, hint: "", kind }
}

const fn row_with_hint(name: &'static str, vendor: &'static str, model: u32, hint: &'static str, kind: Kind) -> Row {
    Row { name, vendor, model, addition: None, hint, kind }
}

/// The row with this name.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}
