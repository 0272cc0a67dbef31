//! `api_request_enrichment_config`: entities out of the answers of an HTTP service.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/apirequest/*.scala`. The configured time-out
//! never had an effect there; here it limits the whole exchange.

mod answer;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::evaluator::{Evaluator, Lookups};
use super::inputs::{Source, read_source};
use super::jsonpath::parse_gatling;
use super::set::{BuildError, Resources, SharedEnrichment};
use super::{Enrichment, Entity, Step, StepContext};
use crate::badrow::{EnrichmentFailure, EnrichmentInfo, Message};
use crate::http::{HttpClient, HttpOptions, HttpRequest};
use answer::{Finished, Output};
use request::{Request, Template};

const IDENTIFIER: &str = "api-request";
/// For configurations without one, which the schema does not allow.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The configuration.
#[derive(Clone)]
pub struct ApiRequest {
    schema_key: String,
    inputs: Vec<(String, Source)>,
    template: Template,
    /// User and password.
    basic_auth: Option<(String, String)>,
    outputs: Vec<Output>,
    cache_size: usize,
    cache_ttl: u64,
    timeout: Duration,
    ignore_on_error: bool,
    strict_parity: bool,
}

impl std::fmt::Debug for ApiRequest {
    /// Addresses and passwords are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiRequest").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let parameters = &item.parameters;
    let inputs = reader.list(&parameters.field("inputs"))?;
    let inputs: Vec<Option<(String, Source)>> = inputs
        .iter()
        .map(|input| {
            let key = reader.required::<String>(&input.field("key"));
            let source = read_source(input, reader);
            Some((key?, source?))
        })
        .collect();
    let http = parameters.field("api").field("http");
    let method = reader.required::<String>(&http.field("method"));
    let uri = reader.required::<String>(&http.field("uri"));
    let timeout = reader.optional::<i64>(&http.field("timeout")).and_then(|millis| millis.try_into().ok());
    let basic = http.field("authentication").field("httpBasic");
    let user = reader.optional::<String>(&basic.field("username"));
    let password = reader.optional::<String>(&basic.field("password"));
    let with_auth = user.is_some() || password.is_some();
    let outputs = reader.list(&parameters.field("outputs"))?;
    let outputs: Vec<Option<Output>> = outputs
        .iter()
        .map(|output| {
            let schema = reader.required::<String>(&output.field("schema"));
            let path = reader.parsed(&output.field("json").field("jsonPath"), |text| {
                parse_gatling(text)
                    .map(|path| (text.to_owned(), path))
                    .map_err(|error| format!("API Request enrichment:JSONPath error {error}"))
            });
            let (path_text, path) = path?;
            Some(Output { schema: schema?, path, path_text })
        })
        .collect();
    let cache_size = reader.required::<i64>(&parameters.field("cache").field("size"));
    let cache_ttl = reader.required::<i64>(&parameters.field("cache").field("ttl"));
    let ignore_on_error = reader.optional::<bool>(&parameters.field("ignoreOnError")).unwrap_or(false);
    Some(Box::new(ApiRequest {
        schema_key: item.schema_key.to_owned(),
        inputs: inputs.into_iter().collect::<Option<_>>()?,
        template: Template { method: method?, uri: uri? },
        basic_auth: with_auth.then(|| (user.unwrap_or_default(), password.unwrap_or_default())),
        outputs: outputs.into_iter().collect::<Option<_>>()?,
        cache_size: cache_size?.try_into().unwrap_or(0),
        cache_ttl: cache_ttl?.try_into().unwrap_or(0),
        timeout: timeout.map_or(DEFAULT_TIMEOUT, Duration::from_millis),
        ignore_on_error,
        strict_parity: item.options.strict_parity,
    }))
}

impl EnrichmentConfig for ApiRequest {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        let options = HttpOptions {
            connect_timeout: self.timeout.min(Duration::from_secs(5)),
            timeout: self.timeout,
            max_redirects: 0,
            ..HttpOptions::default()
        };
        Ok(Box::new(Shared {
            memo: Evaluator::with_ttl(self.cache_size, self.cache_ttl),
            client: HttpClient::new(options),
            config: self.clone(),
        }))
    }
}

/// The client, and what all workers have learned with it.
struct Shared {
    config: ApiRequest,
    client: HttpClient,
    memo: Evaluator<Request, Arc<Vec<Finished>>>,
}

impl SharedEnrichment for Shared {
    fn step(&self) -> Step {
        Step::ApiRequest
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, lookups: Lookups::default() })
    }
}

impl Shared {
    /// Sends a request and takes the outputs out of the answer.
    fn ask(&self, request: &Request) -> Result<Arc<Vec<Finished>>, String> {
        let config = &self.config;
        let response = self.client.send(&HttpRequest {
            headers: vec![("content-type", "application/json"), ("accept", "*/*")],
            basic_auth: config.basic_auth.as_ref().map(|(user, password)| (user.as_str(), password.as_str())),
            body: request.body.as_ref().map(String::as_bytes),
            ..HttpRequest::new(&config.template.method, &request.url)
        });
        let response = response.map_err(|error| error.to_string())?;
        if !response.is_success() {
            return Err(format!("Request failed with status {}", response.status));
        }
        let body = String::from_utf8_lossy(&response.body);
        Ok(Arc::new(answer::take_outputs(&body, &config.outputs)?))
    }
}

struct Instance {
    shared: Arc<Shared>,
    lookups: Lookups,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::ApiRequest
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let shared = &*self.shared;
        let config = &shared.config;
        let Some(request) = config.template.request(&config.inputs, config.strict_parity, cx) else { return };
        let errors = match shared.memo.get(&request, &mut self.lookups, || shared.ask(&request)) {
            Ok(outputs) => {
                let errors: Vec<String> = outputs.iter().filter_map(|output| output.as_ref().err().cloned()).collect();
                if errors.is_empty() {
                    let entities: Vec<Entity<'a>> =
                        outputs.iter().flatten().map(|entity| entity.in_arena(cx.arena)).collect();
                    cx.add_entities(entities);
                    return;
                }
                errors
            }
            // Every output meets the same failure.
            Err(error) => vec![error; config.outputs.len().max(1)],
        };
        if config.ignore_on_error {
            return;
        }
        cx.failures.extend(errors.into_iter().map(|error| EnrichmentFailure {
            enrichment: Some(EnrichmentInfo { schema_key: config.schema_key.clone().into(), identifier: IDENTIFIER }),
            message: Message::simple(error),
        }));
    }

    fn take_lookups(&mut self) -> Lookups {
        std::mem::take(&mut self.lookups)
    }
}
