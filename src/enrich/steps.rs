//! The steps that every event goes through, and the order of all steps.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/EnrichmentManager.scala`. Two differences: IP lookups
//! run before weather, which needs the location, and a page query is never unreadable.

use crate::badrow::{EnrichmentFailure, Message};
use crate::enrichment::{Step, StepContext};
use crate::event::Column;
use crate::payload::{Charset, split_uri_query};
use crate::protocol::convert::{integer_text, timestamp_text};
use crate::protocol::crossdomain::cross_domain;
use crate::protocol::derived::derived_timestamp;
use crate::protocol::parameters::Parsed;
use crate::protocol::schema_fields::set_schema_fields;
use crate::protocol::uri::Uri;

/// A step that cannot be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FixedStep {
    CollectorVersion,
    PageUri,
    DerivedTimestamp,
    ReferrerUri,
    PageQuery,
    CrossDomain,
    SchemaFields,
}

/// A place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A step that always runs.
    Fixed(FixedStep),
    /// An enrichment, if it is configured.
    Configured(Step),
}

/// The order of steps up to the validation of enrichment entities.
pub(super) const ORDER: [Place; 23] = [
    Place::Fixed(FixedStep::CollectorVersion),
    Place::Fixed(FixedStep::PageUri),
    Place::Fixed(FixedStep::DerivedTimestamp),
    Place::Configured(Step::Iab),
    Place::Configured(Step::UserAgentUtils),
    Place::Configured(Step::UaParser),
    Place::Configured(Step::Currency),
    Place::Fixed(FixedStep::ReferrerUri),
    Place::Configured(Step::RefererParser),
    Place::Fixed(FixedStep::PageQuery),
    Place::Configured(Step::Campaign),
    Place::Fixed(FixedStep::CrossDomain),
    Place::Configured(Step::Fingerprint),
    Place::Configured(Step::Cookies),
    Place::Configured(Step::Headers),
    Place::Configured(Step::Yauaa),
    Place::Configured(Step::CrossNavigation),
    Place::Fixed(FixedStep::SchemaFields),
    Place::Configured(Step::IpLookups),
    Place::Configured(Step::Weather),
    Place::Configured(Step::JavaScript),
    Place::Configured(Step::SqlQuery),
    Place::Configured(Step::ApiRequest),
];

/// The order of the steps after that.
pub(super) const LATE_ORDER: [Step; 2] = [Step::AnonIp, Step::Pii];

/// What the fixed steps hand to each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress<'a> {
    /// What the parameters held besides column texts.
    pub parsed: Parsed<'a>,
    /// The page's URI, once its step has run.
    pub page: Option<Uri<'a>>,
}

impl FixedStep {
    pub(super) fn run<'a>(self, cx: &mut StepContext<'a, '_>, progress: &mut Progress<'a>) {
        match self {
            FixedStep::CollectorVersion => collector_version(cx),
            FixedStep::PageUri => progress.page = page_uri(cx),
            FixedStep::DerivedTimestamp => set_derived_timestamp(cx, &progress.parsed),
            FixedStep::ReferrerUri => referrer_uri(cx),
            FixedStep::PageQuery => page_query(cx, progress.page),
            FixedStep::CrossDomain => set_cross_domain(cx),
            FixedStep::SchemaFields => schema_fields(cx),
        }
    }
}

fn fail<'a>(cx: &mut StepContext<'a, '_>, message: Message<'a>) {
    cx.failures.push(EnrichmentFailure::unconditional(message));
}

fn collector_version(cx: &mut StepContext<'_, '_>) {
    if cx.event.get(Column::v_collector).is_none_or(str::is_empty) {
        fail(cx, Message::input("v_collector", None, "should be set"));
    }
}

/// The tracker's URL counts; without one the Referer header of the request does.
fn page_uri<'a>(cx: &mut StepContext<'a, '_>) -> Option<Uri<'a>> {
    let text = cx.event.get(Column::page_url).or(cx.raw.context.referer_uri)?;
    let uri = match Uri::parse(text, cx.arena) {
        Ok(uri) => uri,
        Err(error) => {
            fail(cx, Message::simple(error));
            return None;
        }
    };
    cx.event.set(Column::page_url, non_empty(uri.text));
    let columns = [
        Column::page_urlscheme,
        Column::page_urlhost,
        Column::page_urlport,
        Column::page_urlpath,
        Column::page_urlquery,
        Column::page_urlfragment,
    ];
    set_components(cx, &uri, columns);
    Some(uri)
}

fn referrer_uri(cx: &mut StepContext<'_, '_>) {
    let Some(text) = cx.event.get(Column::page_referrer) else { return };
    let uri = match Uri::parse(text, cx.arena) {
        Ok(uri) => uri,
        Err(error) => return fail(cx, Message::simple(error)),
    };
    let columns = [
        Column::refr_urlscheme,
        Column::refr_urlhost,
        Column::refr_urlport,
        Column::refr_urlpath,
        Column::refr_urlquery,
        Column::refr_urlfragment,
    ];
    set_components(cx, &uri, columns);
    cx.referrer = Some(uri);
}

/// Scheme, host, port, path, query and fragment; a parsed URI holds no control characters.
fn set_components<'a>(cx: &mut StepContext<'a, '_>, uri: &Uri<'a>, columns: [Column; 6]) {
    let port = match uri.column_port() {
        80 => "80",
        443 => "443",
        other => integer_text(i32::try_from(other).unwrap_or(i32::MAX), cx.arena),
    };
    let parts = [uri.scheme, uri.host, Some(port), uri.path, uri.query, uri.fragment];
    for (column, part) in columns.into_iter().zip(parts) {
        cx.event.set(column, part.and_then(non_empty));
    }
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn set_derived_timestamp<'a>(cx: &mut StepContext<'a, '_>, parsed: &Parsed<'a>) {
    let millis = derived_timestamp(parsed.true_millis, parsed.created_millis, parsed.sent_millis, cx.collector_millis);
    let Some(millis) = millis else { return };
    let text = timestamp_text(millis, cx.arena)
        .unwrap_or_else(|| cx.arena.alloc_str(&crate::event::time::column_timestamp(millis)));
    cx.derived_millis = Some(millis);
    cx.event.set(Column::derived_tstamp, Some(text));
}

fn page_query<'a>(cx: &mut StepContext<'a, '_>, page: Option<Uri<'a>>) {
    let Some(page) = page else { return };
    let charset = Charset::from_name(cx.raw.source.encoding).unwrap_or(Charset::Utf8);
    let pairs = split_uri_query(page.query.unwrap_or_default(), charset, cx.arena);
    cx.page_query = Some(pairs);
}

fn set_cross_domain(cx: &mut StepContext<'_, '_>) {
    let Some(pairs) = cx.page_query else { return };
    match cross_domain(pairs, cx.arena) {
        Ok(found) => {
            // What is not there leaves the columns as they are.
            for (column, value) in
                [(Column::refr_domain_userid, found.domain_userid), (Column::refr_dvce_tstamp, found.tstamp)]
            {
                if value.is_some() {
                    cx.event.set(column, value);
                }
            }
        }
        Err((value, expectation)) => fail(cx, Message::input("sp_dtm", Some(value), expectation)),
    }
}

fn schema_fields(cx: &mut StepContext<'_, '_>) {
    let key = cx.unstruct_event.map(|event| event.key);
    if let Err(expectation) = set_schema_fields(cx.event, key, cx.arena) {
        let value = cx.event.get(Column::event);
        fail(cx, Message::input("event", value, expectation));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_steps_stand_in_the_order_of_their_type() {
        let configured: Vec<Step> = ORDER
            .iter()
            .filter_map(|place| match place {
                Place::Configured(step) => Some(*step),
                Place::Fixed(_) => None,
            })
            .chain(LATE_ORDER)
            .collect();
        assert!(configured.is_sorted_by(|a, b| a < b));
        assert_eq!(configured.len(), Step::Pii as usize + 1, "no step is left out");
    }
}
