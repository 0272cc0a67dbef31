//! What is known of each adapter, as data: the registry, the configuration check and the documentation read it.

use super::config::SchemaOverrides;
use super::helpers::event_types::EventType;
use super::{
    Adapter, callrail, cloudfront, google_analytics, hubspot, iglu_webhook, mailchimp, mailgun, mandrill, marketo,
    olark, pagerduty, pingdom, redirect, sendgrid, statusgator, tp1, tp2, unbounce, urban_airship, vero,
};

/// An adapter's own description.
pub struct AdapterInfo {
    /// For example `HubSpot`.
    pub title: &'static str,
    /// First segment of the request path.
    pub vendor: &'static str,
    /// Second segment of the request path.
    pub version: &'static str,
    /// The tracker version it gives its events, if any.
    pub tracker: Option<&'static str>,
    /// The name of its block of schemas in a configuration file, if it has any.
    pub block: Option<&'static str>,
    /// Where its data is.
    pub input: &'static str,
    /// What it demands of the content type.
    pub content_type: &'static str,
    /// How many events a payload gives.
    pub events: &'static str,
    /// Its schemas.
    pub schemas: &'static [SchemaTable],
    /// What users should know.
    pub notes: &'static [&'static str],
    /// Makes the adapter.
    pub build: fn(&SchemaOverrides) -> Box<dyn Adapter>,
}

/// One table of schemas.
pub struct SchemaTable {
    /// What selects a schema of the table, for example `` `event` ``.
    pub selector: &'static str,
    /// The rows.
    pub rows: &'static [EventType],
}

/// Every built-in adapter, native protocols first.
pub static ADAPTERS: [&AdapterInfo; 20] = [
    &tp2::INFO,
    &tp1::INFO,
    &redirect::INFO,
    &iglu_webhook::INFO,
    &callrail::INFO,
    &cloudfront::INFO,
    &google_analytics::INFO,
    &hubspot::INFO,
    &mailchimp::INFO,
    &mailgun::INFO,
    &mandrill::INFO,
    &marketo::INFO,
    &olark::INFO,
    &pagerduty::INFO,
    &pingdom::INFO,
    &sendgrid::INFO,
    &statusgator::INFO,
    &unbounce::INFO,
    &urban_airship::INFO,
    &vero::INFO,
];
