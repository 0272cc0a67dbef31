use std::io::Write;

use super::stub::{Answer, Stub};
use super::*;

fn client() -> HttpClient {
    HttpClient::new(HttpOptions { timeout: Duration::from_secs(10), max_body: 1000, ..HttpOptions::default() })
}

const FAST: RetryPolicy =
    RetryPolicy { attempts: 3, first_pause: Duration::from_millis(1), longest_pause: Duration::from_millis(2) };

#[test]
fn headers_bodies_and_statuses_go_both_ways() {
    let stub = Stub::start(|asked| Answer::new(418, asked.body.clone()).with_header("X-Kind", "teapot"));
    let request = HttpRequest {
        headers: vec![("content-type", "text/plain")],
        secret_headers: vec![("apikey", "k")],
        basic_auth: Some(("user", "pass")),
        body: Some(b"hello"),
        ..HttpRequest::new("PUT", &stub.url)
    };
    let response = client().send(&request).unwrap();
    assert_eq!((response.status, response.body.as_slice()), (418, b"hello".as_slice()));
    assert_eq!(response.header("x-kind"), Some("teapot"));
    let asked = &stub.asked()[0];
    assert_eq!(asked.method, "PUT");
    assert_eq!(asked.header("apikey"), Some("k"));
    assert_eq!(asked.header("authorization"), Some("Basic dXNlcjpwYXNz"));
    assert!(!format!("{request:?}").contains("pass"));
}

#[test]
fn gzip_answers_are_unpacked_and_large_ones_refused() {
    let stub = Stub::start(|asked| {
        let text = if asked.path == "/big" { vec![b'x'; 5000] } else { b"unpacked".to_vec() };
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&text).unwrap();
        Answer::new(200, encoder.finish().unwrap()).with_header("content-encoding", "gzip")
    });
    assert_eq!(client().get(&stub.url).unwrap().body, b"unpacked");
    let big = client().get(&format!("{}/big", stub.url)).map(|response| response.body.len());
    assert_eq!(big, Err(HttpError::TooLarge(1000)));
}

#[test]
fn redirects_are_followed_but_secrets_stay_at_home() {
    let other = Stub::start(|_| Answer::new(200, "there"));
    let elsewhere = other.url.clone();
    let stub = Stub::start(move |asked| match asked.path.as_str() {
        "/away" => Answer::new(302, "").with_header("location", &elsewhere),
        "/a/relative" => Answer::new(307, "").with_header("location", "here"),
        "/loop" => Answer::new(301, "").with_header("location", "/loop"),
        _ => Answer::new(200, "here"),
    });
    let fetch = |path: &str| {
        let url = format!("{}{path}", stub.url);
        let request = HttpRequest { secret_headers: vec![("apikey", "k")], ..HttpRequest::new("GET", &url) };
        client().send(&request)
    };
    assert_eq!(fetch("/away").unwrap().body, b"there");
    assert_eq!(other.asked()[0].header("apikey"), None);
    assert_eq!(fetch("/a/relative").unwrap().body, b"here");
    let last = stub.asked().pop().unwrap();
    assert_eq!((last.path.as_str(), last.header("apikey")), ("/a/here", Some("k")));
    assert_eq!(fetch("/loop").unwrap_err(), HttpError::Redirect);
}

#[test]
fn server_errors_are_retried_and_others_not() {
    let stub = Stub::start(|asked| match asked.path.as_str() {
        "/storm" => Answer::new(503, "busy"),
        "/gone" => Answer { hang_up: true, ..Answer::default() },
        _ => Answer::new(404, "no"),
    });
    let fetch = |path: &str| {
        let url = format!("{}{path}", stub.url);
        client().send_with_retries(&HttpRequest::new("GET", &url), &FAST)
    };
    let (result, attempts) = fetch("/storm");
    assert_eq!((result.unwrap().status, attempts), (503, 3));
    let (result, attempts) = fetch("/missing");
    assert_eq!((result.unwrap().status, attempts), (404, 1));
    let (result, attempts) = fetch("/gone");
    assert!(result.unwrap_err().is_transient());
    assert_eq!(attempts, 3);
}

#[test]
fn slow_answers_time_out() {
    let stub = Stub::start(|_| Answer { delay: Duration::from_secs(5), ..Answer::new(200, "late") });
    let request = HttpRequest { timeout: Some(Duration::from_millis(50)), ..HttpRequest::new("GET", &stub.url) };
    assert!(matches!(client().send(&request), Err(HttpError::TimedOut(_))));
}

#[test]
fn errors_name_what_failed() {
    assert!(matches!(client().get("http://127.0.0.1:1/"), Err(HttpError::Connection(_))));
    assert!(matches!(client().get("not a url"), Err(HttpError::BadRequest(_))));
    assert_eq!(host("https://u:p@a.b:81/x?y"), "a.b");
    assert_eq!(origin("http://a.b:1?x"), "http://a.b:1");
}

#[test]
fn pauses_grow_up_to_a_limit() {
    let policy =
        RetryPolicy { attempts: 9, first_pause: Duration::from_millis(100), longest_pause: Duration::from_millis(300) };
    for (attempts, least) in [(1, 100), (2, 200), (3, 300), (40, 300)] {
        let pause = policy.pause_after(attempts);
        assert!(pause >= Duration::from_millis(least) && pause < Duration::from_millis(least * 5 / 4 + 1), "{pause:?}");
    }
}
