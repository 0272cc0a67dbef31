//! `campaign_attribution`: marketing columns out of the page's query.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/CampaignAttributionEnrichment.scala`.

use std::sync::Arc;

use bumpalo::Bump;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::{Enrichment, Step, StepContext};
use crate::event::Column;
use crate::payload::decode::tsv_safe;
use crate::payload::{NameValue, hash_order_key};

const FIELDS: [(&str, Column); 5] = [
    ("mktMedium", Column::mkt_medium),
    ("mktSource", Column::mkt_source),
    ("mktTerm", Column::mkt_term),
    ("mktContent", Column::mkt_content),
    ("mktCampaign", Column::mkt_campaign),
];

/// Networks that are known without configuration.
const CLICK_IDS: [(&str, &str); 3] = [("gclid", "Google"), ("msclkid", "Microsoft"), ("dclid", "DoubleClick")];

/// Scala's maps keep insertion order up to this size.
const SMALL_MAP: usize = 4;

/// Which query parameters go where.
#[derive(Clone, Debug, Default)]
pub struct CampaignAttribution {
    /// Parameter names by precedence for medium, source, term, content and campaign.
    pub fields: [Vec<String>; 5],
    /// Click-id parameters and their networks, by precedence.
    pub click_ids: Vec<(String, String)>,
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let fields = item.parameters.field("fields");
    let names = FIELDS.map(|(name, _)| reader.required::<Vec<String>>(&fields.field(name)));
    let custom = fields.field("mktClickId").value().and_then(|value| value.as_object()).and_then(|object| {
        object.iter().map(|(name, network)| Some((name.clone(), network.as_str()?.to_owned()))).collect()
    });
    let [Some(medium), Some(source), Some(term), Some(content), Some(campaign)] = names else { return None };
    let click_ids = click_ids(custom.unwrap_or_default());
    Some(Box::new(CampaignAttribution { fields: [medium, source, term, content, campaign], click_ids }))
}

/// The known networks extended or overridden by the configured ones, in the order of Scala's map.
pub fn click_ids(custom: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = CLICK_IDS.map(|(name, network)| (name.to_owned(), network.to_owned())).into();
    for (name, network) in custom {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = network,
            None => all.push((name, network)),
        }
    }
    if all.len() > SMALL_MAP {
        all.sort_by_cached_key(|(name, _)| hash_order_key(name));
    }
    all
}

impl EnrichmentConfig for CampaignAttribution {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        Ok(Box::new(self.clone()))
    }
}

impl SharedEnrichment for CampaignAttribution {
    fn step(&self) -> Step {
        Step::Campaign
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance(self))
    }
}

struct Instance(Arc<CampaignAttribution>);

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::Campaign
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let Some(query) = cx.page_query else { return };
        for (names, (_, column)) in self.0.fields.iter().zip(FIELDS) {
            cx.event.set(column, first_of(names, query, cx.arena));
        }
        let (click_id, network) = self.0.click_id(query, cx.arena);
        cx.event.set(Column::mkt_clickid, click_id);
        cx.event.set(Column::mkt_network, network);
    }
}

/// The value of the first of these names that the query has. An empty value hides later names too.
fn first_of<'a>(names: &[String], query: &[NameValue<'a>], arena: &'a Bump) -> Option<&'a str> {
    names.iter().find_map(|name| last_value(name, query)).and_then(|value| tsv_safe(value, arena))
}

/// The value of the last pair with this name; empty if it has none.
fn last_value<'a>(name: &str, query: &[NameValue<'a>]) -> Option<&'a str> {
    query.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.unwrap_or(""))
}

impl CampaignAttribution {
    fn click_id<'a>(&self, query: &[NameValue<'a>], arena: &'a Bump) -> (Option<&'a str>, Option<&'a str>) {
        let found = self.click_ids.iter().find_map(|(name, network)| Some((last_value(name, query)?, network)));
        match found {
            Some((value, network)) => (tsv_safe(value, arena), tsv_safe(arena.alloc_str(network), arena)),
            None => (None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{EventBench, config};
    use super::*;

    const CONFIG: &str = r#"{"mapping":"static","fields":{
        "mktMedium":["utm_medium","medium"],"mktSource":["utm_source","source"],"mktTerm":["utm_term","legacy_term"],
        "mktContent":["utm_content"],"mktCampaign":["utm_campaign","cid","legacy_campaign"]}}"#;

    const MARKETING: [Column; 7] = [
        Column::mkt_medium,
        Column::mkt_source,
        Column::mkt_term,
        Column::mkt_content,
        Column::mkt_campaign,
        Column::mkt_clickid,
        Column::mkt_network,
    ];

    #[test]
    fn worked_example() {
        let mut bench = EventBench::new(config("campaign_attribution", CONFIG));
        bench.query = Some(vec![
            ("utm_source", Some("GoogleSearch")),
            ("source", Some("bad_source")),
            ("utm_medium", Some("cpc")),
            ("legacy_term", Some("bad_term")),
            ("utm_term", Some("native american tarot deck")),
            ("legacy_campaign", Some("bad_campaign")),
            ("cid", Some("uk-tarot--native-american")),
            ("msclkid", Some("500")),
        ]);
        let expected = [
            Some("cpc"),
            Some("GoogleSearch"),
            Some("native american tarot deck"),
            None,
            Some("uk-tarot--native-american"),
            Some("500"),
            Some("Microsoft"),
        ];
        bench.run(|event, _| assert_eq!(MARKETING.map(|column| event.get(column)), expected));
    }

    #[test]
    fn an_empty_value_hides_later_names_and_absent_ones_clear_the_column() {
        let mut bench = EventBench::new(config("campaign_attribution", CONFIG));
        bench.columns = vec![(Column::mkt_content, "stale")];
        bench.query = Some(vec![("medium", Some("x")), ("utm_medium", Some("y")), ("utm_medium", None)]);
        bench.run(|event, _| assert_eq!(MARKETING.map(|column| event.get(column)), [None; 7]));
        bench.query = None;
        bench.run(|event, _| assert_eq!(event.get(Column::mkt_content), Some("stale")));
    }

    #[test]
    fn custom_networks_extend_and_override() {
        let pair = |name: &str, network: &str| (name.to_owned(), network.to_owned());
        let ids = click_ids(vec![pair("customclid", "Custom"), pair("gclid", "Override")]);
        let expected = [
            pair("gclid", "Override"),
            pair("msclkid", "Microsoft"),
            pair("dclid", "DoubleClick"),
            pair("customclid", "Custom"),
        ];
        assert_eq!(ids, expected);
        assert_eq!(click_ids(vec![pair("a", "A"), pair("b", "B")]).len(), 5);
    }
}
