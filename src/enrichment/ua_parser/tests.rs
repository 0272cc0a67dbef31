use super::super::EnrichmentOptions;
use super::super::testing::{EventBench, config, try_config};
use super::*;

fn bench() -> EventBench {
    EventBench::new(config("ua_parser_config", "{}"))
}

#[test]
fn worked_examples() {
    let mut bench = bench();
    let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3";
    bench.columns = vec![(Column::useragent, iphone)];
    let expected = concat!(
        r#"{"useragentFamily":"Mobile Safari","useragentMajor":"5","useragentMinor":"1","useragentPatch":null,"#,
        r#""useragentVersion":"Mobile Safari 5.1","osFamily":"iOS","osMajor":"5","osMinor":"1","osPatch":"1","#,
        r#""osPatchMinor":null,"osVersion":"iOS 5.1.1","deviceFamily":"iPhone"}"#
    );
    let first = bench.run(|_, outcome| {
        assert_eq!(outcome.entities[0].0, SCHEMA);
        assert_eq!(outcome.data(), [expected]);
        outcome.entities[0].2
    });
    let again = bench.run(|_, outcome| {
        assert_eq!(outcome.data(), [expected]);
        outcome.entities[0].2
    });
    assert!(first != 0 && first == again, "one number for one entity");
    let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_10) AppleWebKit/600.1.25 (KHTML, like Gecko) Version/8.0 Safari/600.1.25";
    bench.columns = vec![(Column::useragent, mac)];
    let expected = concat!(
        r#"{"useragentFamily":"Safari","useragentMajor":"8","useragentMinor":"0","useragentPatch":null,"#,
        r#""useragentVersion":"Safari 8.0","osFamily":"Mac OS X","osMajor":"10","osMinor":"10","osPatch":null,"#,
        r#""osPatchMinor":null,"osVersion":"Mac OS X 10.10","deviceFamily":"Mac"}"#
    );
    bench.run(|_, outcome| {
        assert_eq!(outcome.data(), [expected]);
        assert_ne!(outcome.entities[0].2, first);
    });
}

#[test]
fn empty_is_parsed_and_absent_is_skipped() {
    let mut bench = bench();
    bench.run(|_, outcome| assert!(outcome.entities.is_empty()));
    bench.columns = vec![(Column::useragent, "")];
    bench.run(|_, outcome| {
        let other = concat!(
            r#"{"useragentFamily":"Other","useragentMajor":null,"useragentMinor":null,"useragentPatch":null,"#,
            r#""useragentVersion":"Other","osFamily":"Other","osMajor":null,"osMinor":null,"osPatch":null,"#,
            r#""osPatchMinor":null,"osVersion":"Other","deviceFamily":"Other"}"#
        );
        assert_eq!(outcome.data(), [other]);
    });
}

#[test]
fn own_rules_replace_those_built_in() {
    let folder = tempfile::tempdir().unwrap();
    let rules = "user_agent_parsers:\n- regex: '.*'\n  family_replacement: 'Ours'\nos_parsers:\n- regex: '.*'\n  os_replacement: 'Our OS'\ndevice_parsers:\n- regex: '.*'\n  device_replacement: 'Our Device'\n";
    std::fs::write(folder.path().join("rules.yml"), rules).unwrap();
    std::fs::write(folder.path().join("broken.yml"), "user_agent_parsers: 1").unwrap();
    let parameters =
        |name: &str| serde_json::json!({"uri": folder.path().to_str().unwrap(), "database": name}).to_string();
    let mut bench = EventBench::new(config("ua_parser_config", &parameters("rules.yml")));
    bench.columns = vec![(Column::useragent, "x")];
    bench.run(|_, outcome| assert!(outcome.data()[0].contains(r#""osFamily":"Our OS""#)));
    let broken = config("ua_parser_config", &parameters("broken.yml"));
    let error = EventBench::with_options(broken, &EnrichmentOptions::default()).err().unwrap().to_string();
    assert!(error.starts_with("Failed to initialize ua parser: ["), "{error}");
}

#[test]
fn parameters_may_be_absent_but_not_half() {
    assert!(try_config("ua_parser_config", r#"{"enabled":true}"#).is_ok());
    let errors = try_config("ua_parser_config", r#"{"enabled":true,"parameters":{"uri":"http://x"}}"#).unwrap_err();
    assert_eq!(errors, ["Could not extract parameters.database as string from supplied JSON due to it is missing"]);
}
