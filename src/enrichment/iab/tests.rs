use super::super::testing::{EventBench, config, try_config};
use super::*;

fn bench(exclude: &str) -> EventBench {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("ip_exclude_current_cidr.txt", "192.168.151.21\n192.127.245.128/32\n12.0.0.0/8\n");
    write(
        "include_current.txt",
        "# Comment\nXdroid|1|1\nuser agent at the start only|1|1\nSome user agent|1|0\nInactive Browser|0|0|03/30/2017\n",
    );
    write("exclude_current.txt", exclude);
    let file = |name: &str| serde_json::json!({"uri": folder.path().to_str().unwrap(), "database": name});
    let parameters = serde_json::json!({
        "ipFile": file("ip_exclude_current_cidr.txt"),
        "excludeUseragentFile": file("exclude_current.txt"),
        "includeUseragentFile": file("include_current.txt"),
    });
    let mut bench = EventBench::new(config("iab_spiders_and_robots_enrichment", &parameters.to_string()));
    bench.derived_millis = Some(1_490_745_600_000);
    bench
}

const EXCLUDE: &str = "xonitor|1||0|1|0\nUser Agent At The Start Only|1|User Agent Exclude|1|2|1\nxdroid old|0||0|0|0|03/29/2017\nxdroid bad|1||0|3|0\n";

fn check(bench: &mut EventBench, user_agent: &'static str, ip: &'static str) -> String {
    bench.columns = vec![(Column::useragent, user_agent), (Column::user_ipaddress, ip)];
    bench.run(|_, outcome| {
        assert!(outcome.failures.is_empty());
        let Some((schema, data, _)) = outcome.entities.first() else { return "nothing".to_owned() };
        assert_eq!(schema, SCHEMA);
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        let text = |name: &str| data[name].as_str().unwrap();
        format!("{} {} {} {}", data["spiderOrRobot"], text("category"), text("reason"), text("primaryImpact"))
    })
}

#[test]
fn worked_examples() {
    let mut bench = bench(EXCLUDE);
    for (user_agent, ip, expected) in [
        ("Xdroid", "192.168.0.1", "false BROWSER PASSED_ALL NONE"),
        ("Mozilla/5.0", "192.168.151.21", "true SPIDER_OR_ROBOT FAILED_IP_EXCLUDE UNKNOWN"),
        ("Xdroid", "12.1.2.3:8080", "true SPIDER_OR_ROBOT FAILED_IP_EXCLUDE UNKNOWN"),
        ("xonitor", "192.168.0.1", "true SPIDER_OR_ROBOT FAILED_UA_INCLUDE UNKNOWN"),
        ("xxx user agent at the start only", "192.168.0.1", "true SPIDER_OR_ROBOT FAILED_UA_INCLUDE UNKNOWN"),
        (
            "user agent at the start only",
            "192.168.0.1",
            "true ACTIVE_SPIDER_OR_ROBOT FAILED_UA_EXCLUDE PAGE_AND_AD_IMPRESSIONS",
        ),
        ("user agent at the start only User Agent Exclude", "192.168.0.1", "false BROWSER PASSED_ALL NONE"),
        ("Some user agent xonitor", "::1", "true ACTIVE_SPIDER_OR_ROBOT FAILED_UA_EXCLUDE AD_IMPRESSIONS"),
        ("Some Inactive Browser", "192.168.0.1", "false BROWSER PASSED_ALL NONE"),
        ("xdroid old", "192.168.0.1", "true INACTIVE_SPIDER_OR_ROBOT FAILED_UA_EXCLUDE PAGE_IMPRESSIONS"),
        (" ", "192.168.0.1", "nothing"),
        ("Xdroid", "example.com", "nothing"),
    ] {
        assert_eq!(check(&mut bench, user_agent, ip), expected, "{user_agent} {ip}");
    }
}

#[test]
fn dates_count_when_the_event_happened() {
    let mut bench = bench(EXCLUDE);
    bench.derived_millis = Some(1_490_831_999_999);
    assert_eq!(check(&mut bench, "Some Inactive Browser", "1.1.1.1"), "false BROWSER PASSED_ALL NONE");
    bench.derived_millis = Some(1_490_832_000_000);
    let robot = "true SPIDER_OR_ROBOT FAILED_UA_INCLUDE UNKNOWN";
    assert_eq!(check(&mut bench, "Some Inactive Browser", "1.1.1.1"), robot);
    bench.derived_millis = Some(1_490_745_599_999);
    let active = "true ACTIVE_SPIDER_OR_ROBOT FAILED_UA_EXCLUDE PAGE_IMPRESSIONS";
    assert_eq!(check(&mut bench, "xdroid old", "1.1.1.1"), active);
    bench.derived_millis = None;
    assert_eq!(check(&mut bench, "Xdroid", "1.1.1.1"), "nothing");
}

#[test]
fn a_bad_flag_fails_the_event_that_meets_it() {
    let mut bench = bench(EXCLUDE);
    bench.columns = vec![(Column::useragent, "xdroid bad"), (Column::user_ipaddress, "1.1.1.1")];
    bench.run(|_, outcome| {
        let expected = r#"{"error":"Invalid value of impression flag: '3'"}"#;
        assert_eq!(outcome.failures, [(Some(IDENTIFIER), expected.to_owned())]);
        assert!(outcome.entities.is_empty());
    });
}

#[test]
fn all_three_files_are_needed() {
    let errors = try_config("iab_spiders_and_robots_enrichment", r#"{"enabled":true,"parameters":{}}"#).unwrap_err();
    assert_eq!(errors.len(), 6, "{errors:?}");
}
