//! Enrichments that need nothing but the event and data files.

use serde_json::{Value, json};
use thresh::event::Column;

use super::{ENRICHMENTS, Hit, SNOWPLOW, column, command, configure, configure_with, derived, done, failures};
use crate::adapters::runs::world_with;
use crate::enrich::World;
use crate::support::mmdb::database;

const CHROME: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/33.0.1750.152 Safari/537.36";

/// A world with every enrichment that needs no service.
fn world() -> World {
    let world = world_with([("iglu:com.acme/seen/jsonschema/1-0-0", json!({"type": "object"}))]);
    let data = world.path("data");
    std::fs::create_dir_all(&data).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(data.join(name), bytes).unwrap();
    let milton = json!({
        "country": {"iso_code": "US"},
        "city": {"names": {"en": "Milton"}},
        "postal": {"code": "98354"},
        "location": {"latitude": 47.2513, "longitude": -122.3149, "time_zone": "America/Los_Angeles"},
        "subdivisions": [{"iso_code": "WA", "names": {"en": "Washington"}}],
    });
    write("GeoLite2-City.mmdb", &database("GeoLite2-City", &[("216.160.83.0/24", milton)]));
    let isp = json!({"isp": "Century Link", "organization": "Lariat Software"});
    write("GeoIP2-ISP.mmdb", &database("GeoIP2-ISP", &[("216.160.83.0/24", isp)]));
    write("ip_exclude_current_cidr.txt", b"192.168.151.21\n12.0.0.0/8\n");
    write("include_current.txt", b"mozilla|1|1\n");
    write("exclude_current.txt", b"spider|1||0|1|0\n");
    let referers = json!({"search": {"Finder": {"domains": ["find.example"], "parameters": ["q"]}}});
    write("referers.json", referers.to_string().as_bytes());
    let file = |name: &str| json!({"uri": format!("file://{}", data.display()), "database": name});

    configure(&world, SNOWPLOW, "anon_ip", "1-0-1", json!({"anonOctets": 2, "anonSegments": 3}));
    let lookups = json!({"geo": file("GeoLite2-City.mmdb"), "isp": file("GeoIP2-ISP.mmdb")});
    configure(&world, SNOWPLOW, "ip_lookups", "2-0-0", lookups);
    configure(&world, SNOWPLOW, "ua_parser_config", "1-0-0", json!({}));
    configure(&world, SNOWPLOW, "user_agent_utils_config", "1-0-0", json!({}));
    let mut referer_parser = file("referers.json");
    referer_parser["internalDomains"] = json!(["www.shop.com"]);
    configure(&world, SNOWPLOW, "referer_parser", "2-0-0", referer_parser);
    let fields = json!({
        "mktMedium": ["utm_medium"], "mktSource": ["utm_source"], "mktTerm": ["utm_term"],
        "mktContent": ["utm_content"], "mktCampaign": ["utm_campaign"], "mktClickId": {"cid": "Clicks"},
    });
    configure(&world, SNOWPLOW, "campaign_attribution", "1-0-1", json!({"mapping": "static", "fields": fields}));
    let fingerprint = json!({"excludeParameters": ["eid", "nuid", "stm", "cv"], "hashAlgorithm": "SHA256"});
    configure(&world, SNOWPLOW, "event_fingerprint_config", "1-0-1", fingerprint);
    configure(&world, SNOWPLOW, "cookie_extractor_config", "1-0-0", json!({"cookies": ["sp"]}));
    configure(&world, ENRICHMENTS, "http_header_extractor_config", "1-0-0", json!({"headersPattern": "X-F.*"}));
    let lists = json!({
        "ipFile": file("ip_exclude_current_cidr.txt"),
        "excludeUseragentFile": file("exclude_current.txt"),
        "includeUseragentFile": file("include_current.txt"),
    });
    configure(&world, ENRICHMENTS, "iab_spiders_and_robots_enrichment", "1-0-0", lists);
    configure_with(&world, ENRICHMENTS, "cross_navigation_config", "1-0-0", json!({}));
    configure(&world, SNOWPLOW, "javascript_script_config", "1-0-0", json!({"script": script()}));
    world
}

/// Sees what the enrichments before it did, changes a column, adds an entity, and fails when it is told to.
fn script() -> String {
    use base64::Engine;
    let source = r#"
        function process(event) {
            if (event.getApp_id() == "fail") throw "as told";
            var derived = JSON.parse(event.getDerived_contexts());
            event.setApp_id(new String(event.getApp_id()).toUpperCase());
            return [{ schema: "iglu:com.acme/seen/jsonschema/1-0-0",
                      data: { city: event.getGeo_city(), browser: event.br_name, entities: derived.data.length } }];
        }"#;
    base64::engine::general_purpose::STANDARD.encode(source)
}

fn hit() -> Hit {
    let cross = "6de9024e-17b9-4026-bd4d-efec50ae84cb.1680681134458.ed5de6be-1f2f-4c2c-a5c3-6c0a4e7a8f43.dGVzdFVzZXI.c291cmNl.web.cmVhc29u";
    let url = format!("http://www.shop.com/?utm_medium=cpc&utm_source=ads&cid=77&_sp={cross}");
    Hit {
        headers: vec!["X-Forwarded-Proto: https", "Cookie: other=1; sp=abc", "Accept: */*"],
        agent: Some(CHROME),
        ip: Some("216.160.83.56"),
        ..Hit::new()
    }
    .with("aid", "shop")
    .with("url", &url)
    .with("refr", "http://www.find.example/search?q=red+shoes")
}

#[test]
fn all_of_them_at_once() {
    let world = world();
    done(command(&world, &[hit()]));
    assert_eq!(world.lines("bad", "r"), Vec::<String>::new());
    let line = &world.lines("good", "r")[0];
    for (name, value) in [
        (Column::app_id, "SHOP"),
        (Column::user_ipaddress, "216.160.x.x"),
        (Column::geo_country, "US"),
        (Column::geo_region, "WA"),
        (Column::geo_city, "Milton"),
        (Column::geo_zipcode, "98354"),
        (Column::geo_latitude, "47.2513"),
        (Column::geo_longitude, "-122.3149"),
        (Column::geo_region_name, "Washington"),
        (Column::geo_timezone, "America/Los_Angeles"),
        (Column::ip_isp, "Century Link"),
        (Column::ip_organization, "Lariat Software"),
        (Column::br_name, "Chrome 33"),
        (Column::br_family, "Chrome"),
        (Column::br_version, "33.0.1750.152"),
        (Column::br_type, "Browser"),
        (Column::br_renderengine, "WEBKIT"),
        (Column::os_name, "Mac OS X"),
        (Column::os_manufacturer, "Apple Inc."),
        (Column::dvce_type, "Computer"),
        (Column::dvce_ismobile, "0"),
        (Column::refr_medium, "search"),
        (Column::refr_source, "Finder"),
        (Column::refr_term, "red shoes"),
        (Column::mkt_medium, "cpc"),
        (Column::mkt_source, "ads"),
        (Column::mkt_clickid, "77"),
        (Column::mkt_network, "Clicks"),
        (Column::refr_domain_userid, "6de9024e-17b9-4026-bd4d-efec50ae84cb"),
    ] {
        assert_eq!(column(line, name).as_deref(), Some(value), "{name:?}");
    }
    assert_eq!(column(line, Column::event_fingerprint).map(|text| text.len()), Some(64));
    let entities = derived(line);
    let names: Vec<&str> = entities.iter().map(|(schema, _)| schema.split('/').nth(1).unwrap()).collect();
    let latest_first =
        ["seen", "cross_navigation", "http_header", "http_cookie", "ua_parser_context", "spiders_and_robots"];
    assert_eq!(names, latest_first);
    let data = |name: &str| &entities.iter().find(|(schema, _)| schema.contains(name)).unwrap().1;
    assert_eq!(*data("/seen/"), json!({"city": "Milton", "browser": "Chrome 33", "entities": 5}));
    assert_eq!(data("/cross_navigation/")["user_id"], "testUser");
    assert_eq!(*data("/http_header/"), json!({"name": "X-Forwarded-Proto", "value": "https"}));
    assert_eq!(*data("/http_cookie/"), json!({"name": "sp", "value": "abc"}));
    assert_eq!(data("/ua_parser_context/")["useragentFamily"], "Chrome");
    let person = json!({
        "spiderOrRobot": false, "category": "BROWSER", "reason": "PASSED_ALL", "primaryImpact": "NONE",
    });
    assert_eq!(*data("/spiders_and_robots/"), person);
}

#[test]
fn one_that_fails_costs_its_event_only() {
    let world = world();
    let robot = Hit { agent: Some("Mozilla spider"), ..hit() };
    done(command(&world, &[hit().with("aid", "fail"), robot, hit()]));
    let good = world.lines("good", "r");
    assert_eq!(good.len(), 2);
    let robot: Value = derived(&good[0]).pop().unwrap().1;
    assert_eq!((&robot["spiderOrRobot"], &robot["category"]), (&json!(true), &json!("ACTIVE_SPIDER_OR_ROBOT")));
    let failed = failures(&world.lines("bad", "r")[0]);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].0, "Javascript enrichment");
    let text = failed[0].1["error"].as_str().unwrap();
    assert!(text.starts_with("Error during execution of JavaScript function: ["), "{text}");
    assert!(text.contains("as told"), "{text}");
}
