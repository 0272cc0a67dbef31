//! `weather_enrichment_config`: an entity with the weather where and when an event happened.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/WeatherEnrichment.scala`;
//! snowplow/scala-weather 1.0.0; the history format of OpenWeatherMap 2.5. Values that are absent are left out, because
//! the schema takes no null.

mod history;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::evaluator::{Evaluator, Lookups};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::{Enrichment, Entity, Step, StepContext};
use crate::badrow::{EnrichmentFailure, EnrichmentInfo, Message};
use crate::event::Column;
use crate::http::{HttpClient, HttpOptions, HttpRequest};
use history::Stamp;

const SCHEMA: &str = "iglu:org.openweathermap/weather/jsonschema/1-0-0";
const IDENTIFIER: &str = "weather";
const SECONDS_PER_DAY: i64 = 86_400;

/// The configuration.
#[derive(Clone)]
struct WeatherConfig {
    schema_key: String,
    api_key: String,
    /// With its scheme.
    host: String,
    timeout: Duration,
    cache_size: usize,
    precision: f64,
}

impl std::fmt::Debug for WeatherConfig {
    /// The key is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WeatherConfig({})", self.host)
    }
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    read_config(item, reader, "https://").map(|config| Box::new(config) as _)
}

fn read_config(item: &ConfigItem<'_>, reader: &mut Reader, scheme: &str) -> Option<WeatherConfig> {
    let parameters = &item.parameters;
    let api_key = reader.required::<String>(&parameters.field("apiKey"));
    let host = reader.required::<String>(&parameters.field("apiHost"));
    let timeout = reader.required::<i64>(&parameters.field("timeout"));
    let cache_size = reader.required::<i64>(&parameters.field("cacheSize"));
    let precision = reader.required::<i64>(&parameters.field("geoPrecision"));
    if precision.is_some_and(|precision| precision <= 0) {
        reader.error("geoPrecision must be greater than 0");
    }
    Some(WeatherConfig {
        schema_key: item.schema_key.to_owned(),
        api_key: api_key?,
        host: format!("{scheme}{}", host?),
        timeout: Duration::from_secs(timeout?.try_into().unwrap_or(1).max(1)),
        cache_size: cache_size?.try_into().unwrap_or(1),
        precision: precision? as f64,
    })
}

impl EnrichmentConfig for WeatherConfig {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        let options =
            HttpOptions { connect_timeout: self.timeout, timeout: self.timeout * 2, ..HttpOptions::default() };
        Ok(Box::new(Weather {
            // A day's weather, or the failure to get it, is kept for the whole run.
            days: Evaluator::new(self.cache_size, u64::MAX, u64::MAX),
            client: HttpClient::new(options),
            config: self.clone(),
        }))
    }
}

/// The weather of the days and places asked for.
struct Weather {
    config: WeatherConfig,
    client: HttpClient,
    days: Evaluator<PlaceAndDay, Arc<Vec<Stamp>>>,
}

/// Days since 1970, and rounded coordinates in tenths of a degree.
type PlaceAndDay = (i64, i64, i64);

impl SharedEnrichment for Weather {
    fn step(&self) -> Step {
        Step::Weather
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, lookups: Lookups::default() })
    }
}

struct Instance {
    shared: Arc<Weather>,
    lookups: Lookups,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::Weather
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let weather = &*self.shared;
        let latitude = cx.event.get(Column::geo_latitude);
        let longitude = cx.event.get(Column::geo_longitude);
        let mut messages = Vec::new();
        for (name, missing) in [
            ("geo_latitude", latitude.is_none()),
            ("geo_longitude", longitude.is_none()),
            ("derived_tstamp", cx.derived_millis.is_none()),
        ] {
            if missing {
                messages.push(Message::input(name, None, "missing"));
            }
        }
        if let (Some(latitude), Some(longitude), Some(millis)) = (latitude, longitude, cx.derived_millis) {
            let seconds = millis.div_euclid(1000);
            match weather.at(latitude, longitude, seconds, &mut self.lookups) {
                Ok(stamps) => {
                    if let Some(stamp) = history::closest(&stamps, seconds) {
                        let data = cx.arena.alloc_str(&stamp.data);
                        cx.add_entities([Entity { schema: SCHEMA, data, cache_id: stamp.id }]);
                    }
                }
                Err(text) => messages.push(Message::simple(text)),
            }
        }
        cx.failures.extend(messages.into_iter().map(|message| EnrichmentFailure {
            enrichment: Some(EnrichmentInfo {
                schema_key: weather.config.schema_key.clone().into(),
                identifier: IDENTIFIER,
            }),
            message,
        }));
    }

    fn take_lookups(&mut self) -> Lookups {
        std::mem::take(&mut self.lookups)
    }
}

impl Weather {
    /// The stamps of the day. Of all events at about the same place the first one's coordinates are asked for.
    fn at(
        &self,
        latitude: &str,
        longitude: &str,
        seconds: i64,
        lookups: &mut Lookups,
    ) -> Result<Arc<Vec<Stamp>>, String> {
        let day = seconds.div_euclid(SECONDS_PER_DAY);
        let tenths = |text: &str| text.parse().map(|degrees: f64| rounded_tenths(degrees, self.config.precision));
        let (Ok(rough_latitude), Ok(rough_longitude)) = (tenths(latitude), tenths(longitude)) else {
            return Err(format!("[{latitude}, {longitude}] is no place"));
        };
        let place = (day, rough_latitude, rough_longitude);
        self.days.get(&place, lookups, || self.ask(latitude, longitude, day).map(Arc::new))
    }

    fn ask(&self, latitude: &str, longitude: &str, day: i64) -> Result<Vec<Stamp>, String> {
        let config = &self.config;
        let (start, end) = (day * SECONDS_PER_DAY, (day + 1) * SECONDS_PER_DAY);
        let url = format!(
            "{}/data/2.5/history/city?appid={}&lat={latitude}&lon={longitude}&start={start}&end={end}&cnt=24",
            config.host, config.api_key
        );
        let response = self.client.send(&HttpRequest::new("GET", &url));
        let response = response.map_err(|error| error.to_string().replace(&config.api_key, "***"))?;
        match response.status {
            200..300 => history::parse(&String::from_utf8_lossy(&response.body)),
            401 | 403 => Err("Check your API key".to_owned()),
            status => Err(format!("Request failed with status {status}")),
        }
    }
}

/// A coordinate rounded to parts of a degree, and then to tenths.
fn rounded_tenths(degrees: f64, precision: f64) -> i64 {
    let parts = (degrees * precision + 0.5).floor() / precision;
    (parts * 10.0).round() as i64
}
