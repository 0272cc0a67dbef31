use serde_json::json;

use super::super::config::{ConfigItem, Cursor};
use super::super::testing::{EventBench, try_config};
use super::super::{EnrichmentOptions, LocalAssets};
use super::*;
use crate::http::stub::{Answer, Stub};

const RATES: &str = r#"{"base":"USD","rates":{"USD":1,"GBP":0.622,"EUR":0.721,"JPY":81.87,"XYZ":3}}"#;
/// 13 March 2011, 10:00 UTC.
const MILLIS: i64 = 1_300_010_400_000;

fn bench(host: &str, account: &str) -> EventBench {
    let data =
        json!({"parameters": {"apiKey": "k3y", "baseCurrency": "EUR", "rateAt": "EOD_PRIOR", "accountType": account}});
    let options = EnrichmentOptions::default();
    let root = Cursor::root(&data);
    let item = ConfigItem { schema_key: "iglu:x", parameters: root.field("parameters"), data: root, options: &options };
    let config = read_config(&item, &mut Reader::default(), host).unwrap();
    let mut bench =
        EventBench::with_resources(Box::new(config), &Resources { assets: &LocalAssets, options: &options }).unwrap();
    bench.collector_millis = Some(MILLIS);
    bench
}

fn bases(bench: &mut EventBench, columns: &[(Column, &'static str)]) -> [Option<String>; 5] {
    bench.columns = columns.to_vec();
    let targets = [
        Column::base_currency,
        Column::tr_total_base,
        Column::tr_tax_base,
        Column::tr_shipping_base,
        Column::ti_price_base,
    ];
    bench.run(|event, outcome| {
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        targets.map(|column| event.get(column).map(str::to_owned))
    })
}

#[test]
fn worked_examples() {
    let stub = Stub::start(|_| Answer::new(200, RATES));
    let mut bench = bench(&stub.url, "DEVELOPER");
    let texts = |texts: [&str; 5]| texts.map(|text| (!text.is_empty()).then(|| text.to_owned()));
    let pounds = [
        (Column::tr_currency, "GBP"),
        (Column::tr_total, "11.00"),
        (Column::tr_tax, "2.67"),
        (Column::tr_shipping, "0"),
        (Column::ti_price, "9"),
    ];
    assert_eq!(bases(&mut bench, &pounds), texts(["EUR", "12.75", "3.09", "0.00", ""]));
    let euros = [(Column::tr_currency, "EUR"), (Column::tr_total, "11.00")];
    assert_eq!(bases(&mut bench, &euros), texts(["EUR", "11.00", "", "", ""]));
    let yen = [(Column::ti_currency, "JPY"), (Column::ti_price, "1000000")];
    assert_eq!(bases(&mut bench, &yen), texts(["EUR", "", "", "", "8806.29"]), "whichever currency came first");
    assert_eq!(bases(&mut bench, &[]), texts(["EUR", "", "", "", ""]), "the base is set on every event");
    let asked: Vec<String> = stub.asked().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(asked, ["/api/historical/2011-03-13.json?app_id=k3y"], "one question a day");
}

#[test]
fn paid_accounts_ask_for_their_base() {
    let stub = Stub::start(|_| Answer::new(200, r#"{"rates":{"EUR":1,"JPY":113.55}}"#));
    let mut bench = bench(&stub.url, "ENTERPRISE");
    bases(&mut bench, &[(Column::tr_currency, "JPY"), (Column::tr_total, "100")]);
    assert_eq!(stub.asked()[0].path, "/api/historical/2011-03-13.json?app_id=k3y&base=EUR");
}

#[test]
fn failures_are_collected_and_no_column_is_set() {
    let stub = Stub::start(|_| Answer::new(401, r#"{"error":true,"status":401,"message":"invalid_app_id"}"#));
    let mut bench = bench(&stub.url, "DEVELOPER");
    let amounts = [(Column::tr_total, "1"), (Column::tr_tax, "2"), (Column::tr_shipping, "3")];
    bench.columns =
        [&[(Column::tr_currency, "RUP"), (Column::ti_currency, "EUR"), (Column::ti_price, "1")][..], &amounts].concat();
    let unknown = r#"{"field":"tr_currency","value":"RUP","expectation":"Unknown currency 'RUP'"}"#;
    let refused = r#"{"error":"Open Exchange Rates error, type: [OtherErrors], message: [invalid_app_id]"}"#;
    bench.run(|event, outcome| {
        let texts: Vec<&str> = outcome.failures.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, [unknown, unknown, unknown, refused]);
        assert_eq!(event.get(Column::base_currency), Some("EUR"));
        assert_eq!(event.get(Column::ti_price_base), None);
    });
    bench.columns = vec![(Column::tr_currency, "EUR"), (Column::tr_total, "1")];
    for millis in [Some(0), Some(4_000_000_000_000), None] {
        bench.collector_millis = millis;
        bench.run(|_, outcome| {
            let text = &outcome.failures[0].1;
            let expected =
                if millis.is_some() { "Exchange rate unavailable on the date [" } else { r#""expectation":"missing""# };
            assert!(text.contains(expected), "{text}");
        });
    }
}

#[test]
fn answers_are_read_carefully() {
    let error = |body: &str| rates::parse(body).unwrap_err();
    assert!(error("nope").contains("OER response is not JSON: "));
    assert!(error("{}").contains("OER response couldn't be decoded"));
    assert!(error(r#"{"rates":{"EUR":"1"}}"#).contains("couldn't be decoded"));
    let rates = rates::parse(r#"{"rates":{"EUR":1,"JPY":0}}"#).unwrap();
    assert!(rates.rate("GBP", "EUR").unwrap_err().contains("Currency not found in the API, invalid currency GBP"));
    assert!(rates.rate("JPY", "EUR").is_err());
}

#[test]
fn the_key_is_kept_secret() {
    let mut bench = bench("http://127.0.0.1:1", "DEVELOPER");
    bench.columns = vec![(Column::tr_currency, "GBP"), (Column::tr_total, "1")];
    bench.run(|_, outcome| {
        assert!(outcome.failures[0].1.contains("an error happened while converting the currency"));
        assert!(!outcome.failures[0].1.contains("k3y"), "{:?}", outcome.failures);
    });
    let data = json!({"enabled": true, "parameters": {"apiKey": "k3y", "baseCurrency": "XXY", "rateAt": "NOW", "accountType": "FREE"}});
    let errors = try_config("currency_conversion_config", &data.to_string()).unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].contains("Unknown currency 'XXY'"));
}
