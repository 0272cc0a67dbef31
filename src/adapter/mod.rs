//! Adapters: from a collector payload to raw events, one file per vendor.
//!
//! Routing and failure shapes: snowplow/enrich 3.9.0, `modules/common/.../adapters/AdapterRegistry.scala`.

mod callrail;
mod cloudfront;
mod config;
pub mod docs;
mod google_analytics;
mod helpers;
mod hubspot;
mod iglu_webhook;
mod info;
mod mailchimp;
mod mailgun;
mod mandrill;
mod marketo;
mod olark;
mod pagerduty;
mod pingdom;
mod redirect;
mod registry;
mod remote;
mod sendgrid;
mod statusgator;
#[cfg(test)]
mod testing;
mod tp1;
mod tp2;
mod unbounce;
mod urban_airship;
mod vero;

use bumpalo::Bump;

use crate::badrow::Message;
use crate::iglu::Validator;
use crate::payload::{CollectorPayload, RawEvent};

pub use config::{AdapterConfig, AdapterConfigError, RemoteAdapters, RemoteService, SchemaOverrides};
pub use info::{ADAPTERS, AdapterInfo, SchemaTable};
pub use registry::{Registry, is_tracker_protocol};
pub use remote::{HttpRemoteClient, RemoteClient, RemoteError, RemoteResponse};

/// What adapters may use while they work on one payload.
pub struct Tools<'a, 't> {
    /// Memory that lives as long as the payload.
    pub arena: &'a Bump,
    /// Schema validation (only tp2 validates inside its adapter).
    pub validator: &'t mut dyn Validator,
}

/// Why a payload gave no events.
#[derive(Debug)]
pub enum AdapterError<'a> {
    /// Everything that is wrong with it: one `adapter_failures` or `tracker_protocol_violations` row.
    Failures(Vec<Message<'a>>),
    /// The reference throws on such input: one `generic_error` row with this text.
    Unexpected(String),
}

impl<'a> From<Message<'a>> for AdapterError<'a> {
    fn from(message: Message<'a>) -> Self {
        AdapterError::Failures(vec![message])
    }
}

/// At least one raw event, or why there is none: all or nothing.
pub type AdapterResult<'a> = Result<Vec<RawEvent<'a>>, AdapterError<'a>>;

/// Turns the payloads of one (vendor, version) into raw events. Shared by all workers.
pub trait Adapter: Send + Sync {
    /// Turns one payload into raw events.
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a>;
}
