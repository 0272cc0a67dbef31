//! One day's rates.
//!
//! Facts: snowplow/scala-forex 1.0.0 (`Forex.scala`, `oerclient/*.scala`); the format of Open Exchange Rates'
//! `historical/*.json`.

use std::collections::HashMap;

use super::super::decimal::Decimal;
use super::CurrencyConfig;
use crate::event::time::{Civil, joda_text, now_millis};
use crate::http::{HttpClient, HttpRequest};

const MILLIS_PER_DAY: i64 = 86_400_000;
/// 1 January 1999: there are no rates before.
const FIRST_DAY: i64 = 10_592;
/// Decimals of an inverted rate.
const INVERTED: i64 = 6;

/// What one unit of the answer's base is worth.
#[derive(Debug)]
pub(super) struct Rates(HashMap<String, Decimal>);

/// The day whose rates are used: the event's own, UTC.
pub(super) fn day_of(millis: i64) -> Result<i64, String> {
    let day = millis.div_euclid(MILLIS_PER_DAY);
    if day < FIRST_DAY || millis > now_millis() {
        return Err(error(
            "ResourcesNotAvailable",
            &format!("Exchange rate unavailable on the date [{}]", joda_text(millis)),
        ));
    }
    Ok(day)
}

fn error(kind: &str, message: &str) -> String {
    format!("Open Exchange Rates error, type: [{kind}], message: [{message}]")
}

/// Asks for a day's rates.
pub(super) fn fetch(client: &HttpClient, config: &CurrencyConfig, day: i64) -> Result<Rates, String> {
    let date = Civil::from_millis(day * MILLIS_PER_DAY);
    let base = if config.paid { format!("&base={}", config.base) } else { String::new() };
    let url = format!(
        "{}/api/historical/{:04}-{:02}-{:02}.json?app_id={}{base}",
        config.host, date.year, date.month, date.day, config.api_key
    );
    let response = client.send(&HttpRequest::new("GET", &url));
    // The address holds the key, so the client's own words, which may repeat it, are not passed on with it.
    let response = response.map_err(|failure| {
        let text = failure.to_string().replace(&config.api_key, "***");
        format!("an error happened while converting the currency: {text}")
    })?;
    parse(&String::from_utf8_lossy(&response.body))
}

/// Reads an answer. The status is not looked at: errors have a body of their own.
pub(super) fn parse(body: &str) -> Result<Rates, String> {
    let json: serde_json::Value = serde_json::from_str(body)
        .map_err(|failure| error("OtherErrors", &format!("OER response is not JSON: {failure}")))?;
    if let Some(message) = json.get("message").and_then(|message| message.as_str()) {
        return Err(error("OtherErrors", message));
    }
    let undecodable = || error("OtherErrors", "OER response couldn't be decoded");
    let rates = json.get("rates").and_then(|rates| rates.as_object()).ok_or_else(undecodable)?;
    let rate = |(code, rate): (&String, &serde_json::Value)| {
        let number = rate.as_number().and_then(|number| Decimal::parse(number.as_str()));
        number.map(|number| (code.clone(), number)).ok_or_else(undecodable)
    };
    rates.iter().map(rate).collect::<Result<_, _>>().map(Rates)
}

impl Rates {
    /// What one unit of `from` is worth in `to`.
    pub fn rate(&self, from: &str, to: &str) -> Result<Decimal, String> {
        let of = |code: &str| {
            let missing =
                || error("IllegalCurrency", &format!("Currency not found in the API, invalid currency {code}"));
            self.0.get(code).ok_or_else(missing)
        };
        let (from_rate, to_rate) = (of(from)?, of(to)?);
        let inverted = from_rate.reciprocal(INVERTED);
        inverted
            .map(|one| one.times(to_rate))
            .ok_or_else(|| error("OtherErrors", &format!("the rate of {from} is zero")))
    }
}
