use proptest::prelude::*;

use crate::adapter::testing::{Request, data, events, failures, is_unexpected, mutations, payload, run};

const BODY: &str = r#"{"signature":{"timestamp":"1657907833","token":"090e","signature":"4964"},"event-data":{"event":"opened","timestamp":1521472262.908181,"log-level":"info","recipient":"alice@example.com","client-info":{"client-os":"Linux","user-agent":"Moz"}}}"#;

fn post(body: &str) -> Request {
    payload("com.mailgun", "v1").content_type("application/json").body(body)
}

#[test]
fn an_opened_mail() {
    let expected = concat!(
        "tv = com.mailgun-v1\ne = ue\np = srv\n",
        r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.mailgun/message_opened/jsonschema/1-0-0","data":{"recipient":"alice@example.com","timestamp":"2022-07-15T17:57:13.000Z","clientInfo":{"clientOs":"Linux","userAgent":"Moz"},"signature":"4964","token":"090e","logLevel":"info"}}}"#,
        "\n"
    );
    assert_eq!(events(post(BODY)), [expected]);
}

#[test]
fn attachments_are_counted_and_the_text_goes() {
    let body = |count: &str| {
        format!(
            r#"{{"signature":{{"timestamp":1657907833,"token":"t","signature":"s"}},"event-data":{{"event":"dropped","timestamp":1,"attachment-count":{count},"body-plain":"hi"}}}}"#
        )
    };
    let request = post(&body("\"2\"")).query(&[("p", Some("mob"))]);
    assert!(events(request.clone())[0].starts_with("tv = com.mailgun-v1\ne = ue\np = mob\n"));
    let expected = r#"{"timestamp":"2022-07-15T17:57:13.000Z","signature":"s","token":"t","attachmentCount":2}"#;
    assert_eq!(data(request), [expected]);
    assert_eq!(data(post(&body("2.0"))), [expected]);
    let without = r#"{"timestamp":"2022-07-15T17:57:13.000Z","token":"t","signature":"s"}"#;
    for count in ["null", "1.5", "\"many\"", "3000000000", "{}"] {
        assert_eq!(data(post(&body(count))), [without], "{count}");
    }
}

#[test]
fn clashing_members_are_the_events() {
    let body = r#"{"signature":{"timestamp":1,"token":{"a":1,"b":{"x":1}},"signature":"s"},"event-data":{"event":"opened","timestamp":0,"token":{"c":1,"b":{"y":2}},"signature":1}}"#;
    let expected = r#"{"timestamp":"1970-01-01T00:00:01.000Z","token":{"c":1,"b":{"y":2,"x":1},"a":1},"signature":1}"#;
    assert_eq!(data(post(body)), [expected]);
}

#[test]
fn url_encoded_forms() {
    let body = "event=delivered&timestamp=1467040750&token=c2&signature=93&X-Mailgun-Sid=Wy&body-plain=&nothing";
    let request = post(body).content_type("application/x-www-form-urlencoded; charset=utf-8");
    let expected = r#"{"timestamp":"2016-06-27T15:19:10.000Z","xMailgunSid":"Wy","signature":"93","token":"c2"}"#;
    assert_eq!(data(request), [expected]);
    let request = post("event=opened&timestamp=1&signature=1").content_type("application/x-www-form-urlencoded");
    assert_eq!(failures(request), [r#"{"field":"token","value":null,"expectation":"missing 'token'"}"#]);
}

#[test]
fn forms_in_parts() {
    let part = |name: &str, value: &str| {
        format!("--B-1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let fields =
        [("event", "bounced"), ("timestamp", "1"), ("token", "t"), ("signature", "s"), ("attachment-count", "1")];
    let file = "--B-1\r\nContent-Disposition: form-data; name=\"attachment-1\"; filename=\"m.mime\"\r\nContent-Type: x/y\r\n\r\na\r\n\r\nb\r\n";
    let body: String = fields.iter().map(|(name, value)| part(name, value)).collect::<String>() + file + "--B-1--\r\n";
    let expected = r#"{"timestamp":"1970-01-01T00:00:01.000Z","attachment1":"a\r\n\r\nb","signature":"s","token":"t","attachmentCount":1}"#;
    for kind in ["multipart/form-data; boundary=B-1", "multipart/form-data; boundary=\"B-1\" "] {
        let found = data(post(&body).content_type(kind)).remove(0);
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    }
}

#[test]
fn failing_requests() {
    let input = |field: &str, value: &str, expectation: &str| {
        format!(r#"{{"field":"{field}","value":{value},"expectation":"{expectation}"}}"#)
    };
    let no_events = [input("body", "null", "empty body: no events to process")];
    assert_eq!(failures(payload("com.mailgun", "v1")), no_events);
    assert_eq!(failures(payload("com.mailgun", "v1").body("")), no_events);
    assert_eq!(
        failures(payload("com.mailgun", "v1").body("x")),
        [input("contentType", "null", "no content type: expected application/json")]
    );
    let broken = post("event=opened&a=<>").content_type("application/x-www-form-urlencoded");
    let reason = "could not parse body: Illegal character in query at index 33: http://localhost/?event=opened&a=<>";
    assert_eq!(failures(broken), [input("body", "\"event=opened&a=<>\"", reason)]);
    let multipart = post("body").content_type("multipart/form-data");
    let wrong = input("contentType", "\"multipart/form-data\"", "expected application/json");
    assert_eq!(failures(multipart), [wrong]);
    assert_eq!(failures(post("{")), [input("body", "\"{\"", "could not parse body: exhausted input")]);
    let no_event = "no `event` parameter provided: cannot determine event type";
    assert_eq!(failures(post("{}")), [input("body", "\"{}\"", no_event)]);
    let with = |signature: &str, event: &str| {
        failures(post(&format!(r#"{{"signature":{signature},"event-data":{event}}}"#))).remove(0)
    };
    assert!(with("{}", r#"{"event":1}"#).contains(r#""actual":null,"#));
    assert!(with("{}", r#"{"event":"released"}"#).contains(r#""actual":"released","expectedMapping":{"dropped":"#));
    let opened = r#"{"event":"opened"}"#;
    assert_eq!(with("[]", opened), input("timestamp", "null", "missing 'timestamp'"));
    assert_eq!(with(r#"{"timestamp":1}"#, opened), input("token", "null", "missing 'token'"));
    assert_eq!(with(r#"{"timestamp":1,"token":1}"#, opened), input("signature", "null", "missing 'signature'"));
    let signature = r#"{"timestamp":1,"token":1,"signature":1}"#;
    assert_eq!(with(signature, opened), input("event-data", "null", "missing 'event-data'"));
    let body = format!(r#"{{"signature":{signature},"event-data":{{"event":"opened","timestamp":1,"a":[{{"":1}}]}}}}"#);
    assert!(is_unexpected(post(&body)));
}

proptest! {
    #[test]
    fn no_body_panics(any in any::<String>(), mutated in mutations(BODY)) {
        for body in [&any, &mutated] {
            run(&post(body));
            run(&post(body).content_type("application/x-www-form-urlencoded"));
            run(&post(body).content_type(&format!("multipart/form-data; boundary={any}")));
        }
    }

    #[test]
    fn no_part_panics(
        mutated in mutations("--B\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\nopened\r\n--B--")
    ) {
        run(&post(&mutated).content_type("multipart/form-data; boundary=B"));
    }
}
