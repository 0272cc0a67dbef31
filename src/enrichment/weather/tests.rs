use serde_json::json;

use super::super::config::{ConfigItem, Cursor};
use super::super::testing::{EventBench, try_config};
use super::super::{EnrichmentOptions, LocalAssets};
use super::*;
use crate::http::stub::{Answer, Stub};

const DAY: &str = r#"{"message":"","cod":"200","list":[
    {"dt":1588075200,"main":{"temp":288.15,"pressure":1013,"humidity":55,"temp_min":287,"temp_max":289.5,"sea_level":null},
     "wind":{"speed":3.6,"deg":250},"clouds":{"all":0},"rain":{"3h":0.5},
     "weather":[{"id":800,"main":"Clear","description":"clear sky","icon":"01d","extra":1}]},
    {"dt":1588078800,"main":{"temp":1,"pressure":2,"humidity":3,"temp_min":4,"temp_max":5},"wind":{"speed":6,"deg":7},
     "clouds":{"all":8},"weather":[]}]}"#;

fn bench(host: &str) -> EventBench {
    let data =
        json!({"parameters": {"apiKey": "k3y", "apiHost": host, "timeout": 5, "cacheSize": 100, "geoPrecision": 1}});
    let options = EnrichmentOptions::default();
    let root = Cursor::root(&data);
    let item = ConfigItem { schema_key: "iglu:x", parameters: root.field("parameters"), data: root, options: &options };
    let config = read_config(&item, &mut Reader::default(), "").unwrap();
    let mut bench =
        EventBench::with_resources(Box::new(config), &Resources { assets: &LocalAssets, options: &options }).unwrap();
    bench.columns = vec![(Column::geo_latitude, "20.713052"), (Column::geo_longitude, "70.98224")];
    bench.derived_millis = Some(1_588_076_400_000);
    bench
}

fn failure(bench: &mut EventBench) -> String {
    bench.run(|_, outcome| outcome.failures.first().map(|(_, text)| text.clone()).unwrap_or_default())
}

#[test]
fn the_closest_stamp_becomes_an_entity() {
    let stub = Stub::start(|_| Answer::new(200, DAY));
    let mut bench = bench(&stub.url);
    let expected = r#"{"main":{"humidity":55,"pressure":1013,"temp":288.15,"temp_min":287,"temp_max":289.5},"wind":{"speed":3.6,"deg":250},"clouds":{"all":0},"rain":{"3h":0.5},"weather":[{"main":"Clear","description":"clear sky","id":800,"icon":"01d"}],"dt":"2020-04-28T12:00:00.000Z"}"#;
    bench.run(|_, outcome| {
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        assert_eq!(outcome.entities[0].0, SCHEMA);
        assert_eq!(outcome.data(), [expected]);
    });
    bench.columns = vec![(Column::geo_latitude, "21.0"), (Column::geo_longitude, "71.2")];
    bench.derived_millis = Some(1_588_078_000_000);
    bench.run(|_, outcome| assert!(outcome.data()[0].contains(r#""dt":"2020-04-28T13:00:00.000Z""#)));
    let asked: Vec<String> = stub.asked().iter().map(|asked| asked.path.clone()).collect();
    let url = "/data/2.5/history/city?appid=k3y&lat=20.713052&lon=70.98224&start=1588032000&end=1588118400&cnt=24";
    assert_eq!(asked, [url], "a place a day is asked for once");
}

#[test]
fn coordinates_are_rounded() {
    for (degrees, precision, expected) in
        [(1.321, 1.0, 10), (1.321, 2.0, 15), (2.6, 2.0, 25), (2.85321, 2.0, 30), (7.312, 5.0, 74), (-0.4, 1.0, 0)]
    {
        assert_eq!(rounded_tenths(degrees, precision), expected, "{degrees} {precision}");
    }
}

#[test]
fn what_is_missing_is_told() {
    let mut bench = bench("http://127.0.0.1:1");
    bench.columns = Vec::new();
    bench.derived_millis = None;
    bench.run(|_, outcome| {
        let texts: Vec<String> = outcome.failures.iter().map(|(id, text)| format!("{} {text}", id.unwrap())).collect();
        let missing = |name: &str| format!(r#"weather {{"field":"{name}","value":null,"expectation":"missing"}}"#);
        assert_eq!(texts, ["geo_latitude", "geo_longitude", "derived_tstamp"].map(missing));
    });
}

#[test]
fn failures_are_told_and_remembered() {
    for (status, body, expected) in [
        (401, "{}", "Check your API key"),
        (500, "", "Request failed with status 500"),
        (200, r#"{"cod":"404","message":"city not found"}"#, "city not found"),
        (200, r#"{"list":[]}"#, "Server response has no weather stamps"),
        (200, r#"{"list":[{"dt":1}]}"#, "unusable stamp"),
        (200, "nope", "Could not parse the weather"),
    ] {
        let stub = Stub::start(move |_| Answer::new(status, body));
        let mut bench = bench(&stub.url);
        for _ in 0..2 {
            let text = failure(&mut bench);
            assert!(text.contains(expected), "{text}");
        }
        assert_eq!(stub.asked().len(), 1);
    }
    assert!(!failure(&mut bench("http://127.0.0.1:1")).contains("k3y"));
}

#[test]
fn configurations_are_checked() {
    let data = json!({"enabled": true, "parameters": {"apiKey": "k", "apiHost": "h", "timeout": 5, "geoPrecision": 0}});
    let errors = try_config("weather_enrichment_config", &data.to_string()).unwrap_err();
    let expected = [
        "Could not extract parameters.cacheSize as integer from supplied JSON due to it is missing",
        "geoPrecision must be greater than 0",
    ];
    assert_eq!(errors, expected);
}
