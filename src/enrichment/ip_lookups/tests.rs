use serde_json::json;

use super::super::EnrichmentOptions;
use super::super::testing::{EventBench, config};
use super::writer::database;
use crate::event::Column;

const GEO: [Column; 8] = [
    Column::geo_country,
    Column::geo_region,
    Column::geo_city,
    Column::geo_zipcode,
    Column::geo_latitude,
    Column::geo_longitude,
    Column::geo_region_name,
    Column::geo_timezone,
];
const NET: [Column; 4] = [Column::ip_isp, Column::ip_organization, Column::ip_domain, Column::ip_netspeed];

fn city() -> Vec<u8> {
    let milton = json!({
        "country": {"iso_code": "US", "names": {"de": "USA", "en": "United States"}},
        "city": {"names": {"en": "Milton"}},
        "postal": {"code": "98354"},
        "location": {"latitude": 47.2513, "longitude": -122.3149, "time_zone": "America/Los_Angeles", "metro_code": 819},
        "subdivisions": [{"iso_code": "WA", "names": {"en": "Washington"}}],
    });
    let boxford = json!({
        "country": {"iso_code": "GB"},
        "city": {"names": {"de": "Boxford"}},
        "location": {"latitude": 51.75, "longitude": -1.25, "time_zone": "Europe/London"},
        "subdivisions": [{"iso_code": "ENG", "names": {"en": "England"}}, {"iso_code": "WBK", "names": {"en": "West Berkshire"}}],
    });
    let nowhere = json!({"country": {"iso_code": "BT"}, "is_anonymous": true});
    let broken = json!({"country": {"iso_code": 7}});
    database(
        "GeoLite2-City",
        &[
            ("216.160.83.56/29", milton),
            ("2.125.160.216/29", boxford),
            ("2001:db8::/32", nowhere),
            ("9.9.9.9/32", broken),
        ],
    )
}

fn bench() -> EventBench {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("GeoLite2-City.mmdb", city());
    let isp = json!({"isp": "Century Link", "organization": "Lariat Software", "autonomous_system_number": 209});
    write("GeoIP2-ISP.mmdb", database("GeoIP2-ISP", &[("216.160.83.0/24", isp)]));
    let domain = json!({"domain": "nuvox.net"});
    write("GeoIP2-Domain.mmdb", database("GeoIP2-Domain", &[("70.46.123.145/32", domain)]));
    let types = [
        ("70.46.0.0/16", json!({"connection_type": "Cable/DSL"})),
        ("5.0.0.0/8", json!({"connection_type": "Satellite"})),
    ];
    write("GeoIP2-Connection-Type.mmdb", database("GeoIP2-Connection-Type", &types));
    let uri = folder.path().to_str().unwrap();
    let parameters = json!({
        "geo": {"uri": uri, "database": "GeoLite2-City.mmdb"},
        "isp": {"uri": uri, "database": "GeoIP2-ISP.mmdb"},
        "domain": {"uri": uri, "database": "GeoIP2-Domain.mmdb"},
        "connectionType": {"uri": uri, "database": "GeoIP2-Connection-Type.mmdb"},
    });
    EventBench::new(config("ip_lookups", &parameters.to_string()))
}

fn look_up(bench: &mut EventBench, ip: &'static str) -> (Vec<String>, Vec<String>) {
    bench.columns = vec![(Column::user_ipaddress, ip)];
    bench.run(|event, outcome| {
        assert!(outcome.failures.is_empty() && outcome.entities.is_empty());
        let texts =
            |columns: &[Column]| columns.iter().map(|column| event.get(*column).unwrap_or("-").to_owned()).collect();
        (texts(&GEO), texts(&NET))
    })
}

#[test]
fn columns_come_out_of_all_databases() {
    let mut bench = bench();
    let milton = ["US", "WA", "Milton", "98354", "47.2513", "-122.3149", "Washington", "America/Los_Angeles"];
    for ip in ["216.160.83.57", "216.160.83.57:8080", " 216.160.83.57", "::ffff:216.160.83.57", "216.160.83.57"] {
        let (geo, net) = look_up(&mut bench, ip);
        assert_eq!(geo, milton, "{ip}");
        assert_eq!(net, ["Century Link", "Lariat Software", "-", "-"], "{ip}");
    }
    let (geo, net) = look_up(&mut bench, "70.46.123.145");
    assert_eq!(geo, ["-"; 8]);
    assert_eq!(net, ["-", "-", "nuvox.net", "Cable/DSL"]);
}

#[test]
fn the_last_subdivision_counts_and_only_english_names() {
    let (geo, _) = look_up(&mut bench(), "2.125.160.217");
    assert_eq!(geo, ["GB", "WBK", "-", "-", "51.75", "-1.25", "West Berkshire", "Europe/London"]);
}

#[test]
fn a_record_without_location_is_at_zero() {
    let (geo, _) = look_up(&mut bench(), "[2001:db8::1]:443");
    assert_eq!(geo, ["BT", "-", "-", "-", "0.0", "0.0", "-", "-"]);
}

#[test]
fn what_is_not_found_or_not_readable_writes_nothing() {
    let mut bench = bench();
    for ip in ["192.0.2.0", "hello", "", "9.9.9.9", "5.1.1.1", "216.160.83.57/24"] {
        let (geo, net) = look_up(&mut bench, ip);
        assert_eq!((geo, net), (vec!["-".to_owned(); 8], vec!["-".to_owned(); 4]), "{ip}");
    }
}

#[test]
fn a_database_of_another_type_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("GeoIP2-ISP.mmdb"), city()).unwrap();
    std::fs::write(folder.path().join("GeoIP2-Domain.mmdb"), b"nonsense").unwrap();
    let error = |name: &str, file: &str| {
        let parameters = json!({name: {"uri": folder.path().to_str().unwrap(), "database": file}}).to_string();
        let bench = EventBench::with_options(config("ip_lookups", &parameters), &EnrichmentOptions::default());
        bench.err().unwrap().to_string()
    };
    assert!(error("isp", "GeoIP2-ISP.mmdb").ends_with("holds GeoLite2-City where GeoIP2-ISP is needed"));
    assert!(error("domain", "GeoIP2-Domain.mmdb").contains("not a MaxMind database"));
    assert!(error("geo", "GeoLite2-City.mmdb").ends_with("no such file"));
}
