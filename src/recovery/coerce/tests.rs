use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

fn thrift(payload: &Value, kind: PayloadKind) -> String {
    let mut out = Vec::new();
    coerce(payload, kind, &Bump::new()).unwrap().write_thrift(&mut out);
    STANDARD.encode(out)
}

#[test]
fn a_raw_event_becomes_a_get() {
    let raw = json!({"vendor":"com.snowplowanalytics.snowplow","version":"tp2",
        "parameters":{"e":"pv","page":"DemoPageTitle"},"loaderName":"c","encoding":"UTF-8"});
    assert_eq!(
        thrift(&json!({"raw": raw}), PayloadKind::RawEvent),
        "CgDIAAAAAAAAAAALANIAAAAFVVRGLTgLANwAAAABYwsBQAAAACMvY29tLnNub3dwbG93YW5hbHl0aWNzLnNub3dwbG93L3RwMgsBSgAAABdlPXB2JnBhZ2U9RGVtb1BhZ2VUaXRsZQt6aQAAAEFpZ2x1OmNvbS5zbm93cGxvd2FuYWx5dGljcy5zbm93cGxvdy9Db2xsZWN0b3JQYXlsb2FkL3RocmlmdC8xLTAtMAA="
    );
}

#[test]
fn a_request_keeps_body_and_headers() {
    let payload = json!({"vendor":"com.snowplowanalytics.snowplow","version":"tp2","querystring":[],
        "contentType":"application/json","body":"{\"a\":1}","collector":"ssc-1.0.1-kinesis","encoding":"UTF-8",
        "hostname":null,"timestamp":"2020-06-08T11:26:50.123Z","ipAddress":"192.0.2.7","useragent":null,
        "refererUri":null,"headers":["Host: x.acme.com"],"networkUserId":null});
    assert_eq!(
        thrift(&payload, PayloadKind::Collector),
        "CwBkAAAACTE5Mi4wLjIuNwoAyAAAAXKTrt0LCwDSAAAABVVURi04CwDcAAAAEXNzYy0xLjAuMS1raW5lc2lzCwFAAAAAIy9jb20uc25vd3Bsb3dhbmFseXRpY3Muc25vd3Bsb3cvdHAyCwFKAAAAAAsBVAAAAAd7ImEiOjF9DwFeCwAAAAEAAAAQSG9zdDogeC5hY21lLmNvbQsBaAAAABBhcHBsaWNhdGlvbi9qc29uC3ppAAAAQWlnbHU6Y29tLnNub3dwbG93YW5hbHl0aWNzLnNub3dwbG93L0NvbGxlY3RvclBheWxvYWQvdGhyaWZ0LzEtMC0wAA=="
    );
}

#[test]
fn user_agents_of_logs_are_decoded() {
    let payload = |collector: &str, agent: &str| {
        let payload = json!({"vendor":"a","version":"b","collector":collector,"encoding":"UTF-8","useragent":agent});
        coerce(&payload, PayloadKind::Collector, &Bump::new()).unwrap().user_agent.unwrap().into_owned()
    };
    assert_eq!(payload("cloudfront", "Mozilla/5.0%20(X11)"), "Mozilla/5.0 (X11)");
    assert_eq!(payload("cloudfront", "100%"), "100%");
    assert_eq!(payload("ssc-1.0.0-kinesis", "Mozilla/5.0%20(X11)"), "Mozilla/5.0%20(X11)");
}

#[test]
fn webhook_bodies_are_rebuilt() {
    let event = |vendor: &str| {
        json!({"raw":{"vendor":vendor,"version":"v3","loaderName":"c","encoding":"UTF-8","parameters":[
            {"name":"ue_pr","value":"{\"schema\":\"iglu:x/y/jsonschema/1-0-0\",\"data\":{\"schema\":\"iglu:com.sendgrid/open/jsonschema/3-0-0\",\"data\":{\"ip\":\"1.2.3.4\"}}}"}]}})
    };
    let arena = Bump::new();
    let (sendgrid, iglu) = (event("com.sendgrid"), event("com.snowplowanalytics.iglu"));
    let sendgrid = coerce(&sendgrid, PayloadKind::RawEvent, &arena).unwrap();
    assert_eq!(sendgrid.body.as_deref(), Some(r#"[{"ip":"1.2.3.4","event":"open"}]"#));
    let iglu = coerce(&iglu, PayloadKind::RawEvent, &arena).unwrap();
    assert_eq!(iglu.body.as_deref(), Some(r#"{"ip":"1.2.3.4"}"#));
    assert_eq!(iglu.querystring.as_deref(), Some("schema=iglu:com.sendgrid/open/jsonschema/3-0-0"));
}

#[test]
fn instants_in_every_form() {
    for text in ["2020-06-08T11:26:50.123Z", "2020-06-08T13:26:50.123+02:00", "2020-06-08T11:26:50.123"] {
        assert_eq!(parse_instant(text), Some(1_591_615_610_123), "{text}");
    }
    assert_eq!(parse_instant("2020-06-08T11:26:50Z"), Some(1_591_615_610_000));
    assert_eq!(parse_instant("yesterday"), None);
}

#[test]
fn type_clashes_are_named() {
    let error = |payload: Value| coerce(&payload, PayloadKind::Collector, &Bump::new()).unwrap_err();
    let base = json!({"vendor":"a","version":"b","collector":"c","encoding":"UTF-8"});
    let with = |name: &str, value: Value| {
        let mut payload = base.clone();
        payload[name] = value;
        payload
    };
    assert!(error(with("body", json!(1))).starts_with("body:"));
    assert!(error(with("timestamp", json!("yesterday"))).starts_with("timestamp:"));
    assert!(error(with("querystring", json!([{"name":"a","value":[]}]))).starts_with("querystring:"));
    assert!(error(json!({"version":"b"})).starts_with("vendor:"));
}
