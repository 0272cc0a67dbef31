//! `currency_conversion_config`: amounts of transactions in one's own currency, by the rates of Open Exchange Rates.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/CurrencyConversionEnrichment.scala`;
//! snowplow/scala-forex 1.0.0. The reference's rate for a currency depends on which currency of a day was asked for
//! first, because it also inverts rates that it remembers; here every rate is the one of a first question, so that the
//! order of events does not matter.

mod codes;
mod rates;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::decimal::Decimal;
use super::evaluator::{Evaluator, Lookups};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::{Enrichment, Step, StepContext};
use crate::badrow::{EnrichmentFailure, EnrichmentInfo, Message};
use crate::event::Column;
use crate::http::{HttpClient, HttpOptions};
use rates::Rates;

const IDENTIFIER: &str = "currency-conversion";
const HOST: &str = "http://openexchangerates.org";
/// Days whose rates are remembered, and for how many seconds a failure is.
const DAYS: usize = 4096;
const ERROR_LIVES: u64 = 60;

/// Currency and amount of each conversion, and where the result goes.
const CONVERSIONS: [(Column, Column, Column); 4] = [
    (Column::tr_currency, Column::tr_total, Column::tr_total_base),
    (Column::tr_currency, Column::tr_tax, Column::tr_tax_base),
    (Column::tr_currency, Column::tr_shipping, Column::tr_shipping_base),
    (Column::ti_currency, Column::ti_price, Column::ti_price_base),
];

/// The configuration.
#[derive(Clone)]
struct CurrencyConfig {
    schema_key: String,
    api_key: String,
    base: &'static str,
    /// Whether the account may ask for rates of a base of its own.
    paid: bool,
    host: String,
}

impl std::fmt::Debug for CurrencyConfig {
    /// The key is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CurrencyConfig({})", self.base)
    }
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    read_config(item, reader, HOST).map(|config| Box::new(config) as _)
}

fn read_config(item: &ConfigItem<'_>, reader: &mut Reader, host: &str) -> Option<CurrencyConfig> {
    let parameters = &item.parameters;
    let api_key = reader.required(&parameters.field("apiKey"));
    let base = reader.parsed(&parameters.field("baseCurrency"), |code| {
        codes::find(code).map(|currency| currency.0).ok_or_else(|| format!("Unknown currency '{code}'"))
    });
    let paid = reader.parsed(&parameters.field("accountType"), |name| match name {
        "DEVELOPER" => Ok(false),
        "ENTERPRISE" | "UNLIMITED" => Ok(true),
        _ => Err(format!("[{name}] is not one of DEVELOPER, ENTERPRISE and UNLIMITED")),
    });
    reader.parsed(&parameters.field("rateAt"), |name| match name {
        "EOD_PRIOR" => Ok(()),
        _ => Err(format!("[{name}] is not EOD_PRIOR")),
    });
    let schema_key = item.schema_key.to_owned();
    Some(CurrencyConfig { schema_key, api_key: api_key?, base: base?, paid: paid?, host: host.to_owned() })
}

impl EnrichmentConfig for CurrencyConfig {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        let options = HttpOptions {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            ..HttpOptions::default()
        };
        Ok(Box::new(Currency {
            config: self.clone(),
            client: HttpClient::new(options),
            days: Evaluator::new(DAYS, u64::MAX, ERROR_LIVES),
        }))
    }
}

/// The rates of all days asked for.
struct Currency {
    config: CurrencyConfig,
    client: HttpClient,
    /// By days since 1970.
    days: Evaluator<i64, Arc<Rates>>,
}

impl SharedEnrichment for Currency {
    fn step(&self) -> Step {
        Step::Currency
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, lookups: Lookups::default() })
    }
}

struct Instance {
    shared: Arc<Currency>,
    lookups: Lookups,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::Currency
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let currency = &*self.shared;
        cx.event.set(Column::base_currency, Some(currency.config.base));
        let mut results = Vec::new();
        let mut messages = Vec::new();
        match cx.collector_millis {
            None => messages.push(Message::input("collector_tstamp", None, "missing")),
            Some(millis) => {
                for (from, amount, target) in CONVERSIONS {
                    let (Some(code), Some(amount)) = (cx.event.get(from), cx.event.get(amount)) else { continue };
                    match currency.convert(code, amount, millis, &mut self.lookups) {
                        Ok(text) => results.push((target, text)),
                        Err(Failure::UnknownCurrency) => messages.push(Message::input(
                            from.info().name,
                            Some(code),
                            format!("Unknown currency '{code}'"),
                        )),
                        Err(Failure::Rates(text)) => messages.push(Message::simple(text)),
                    }
                }
            }
        }
        if messages.is_empty() {
            for (column, text) in results {
                cx.event.set(column, Some(cx.arena.alloc_str(&text)));
            }
        }
        cx.failures.extend(messages.into_iter().map(|message| EnrichmentFailure {
            enrichment: Some(EnrichmentInfo {
                schema_key: currency.config.schema_key.clone().into(),
                identifier: IDENTIFIER,
            }),
            message,
        }));
    }

    fn take_lookups(&mut self) -> Lookups {
        std::mem::take(&mut self.lookups)
    }
}

/// Why an amount could not be converted.
enum Failure {
    UnknownCurrency,
    Rates(String),
}

impl Currency {
    /// An amount in the base currency, rounded to its decimals.
    fn convert(&self, code: &str, amount: &str, millis: i64, lookups: &mut Lookups) -> Result<String, Failure> {
        let (code, _) = codes::find(code).ok_or(Failure::UnknownCurrency)?;
        let day = rates::day_of(millis).map_err(Failure::Rates)?;
        let rates = self.days.get(&day, lookups, || rates::fetch(&self.client, &self.config, day).map(Arc::new));
        let rate = rates.and_then(|rates| rates.rate(code, self.config.base)).map_err(Failure::Rates)?;
        // The reference's amounts are 64-bit floats, exactly.
        let amount = amount.parse::<f64>().ok().and_then(Decimal::exact);
        let amount = amount.ok_or_else(|| Failure::Rates(format!("[{code}] amount is no number")))?;
        let converted = if code == self.config.base { amount } else { amount.times(&rate) };
        let decimals = codes::find(self.config.base).map_or(2, |currency| currency.1);
        Ok(converted.rounded(i64::from(decimals)).java_text())
    }
}
