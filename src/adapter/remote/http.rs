//! Remote services over HTTP.

use std::sync::{Condvar, Mutex, PoisonError};

use super::{RemoteClient, RemoteError, RemoteResponse};
use crate::adapter::RemoteAdapters;
use crate::http::{HttpClient, HttpError, HttpOptions, HttpRequest};

/// Reaches remote services with a limited number of requests at a time.
pub struct HttpRemoteClient {
    client: HttpClient,
    free: Mutex<usize>,
    one_is_free: Condvar,
}

impl HttpRemoteClient {
    /// A client with the configured limits.
    pub fn new(config: &RemoteAdapters) -> HttpRemoteClient {
        let options = HttpOptions {
            connect_timeout: config.connection_timeout,
            timeout: config.read_timeout,
            // A redirect is an answer that holds no events.
            max_redirects: 0,
            ..HttpOptions::default()
        };
        let free = Mutex::new(config.max_connections.max(1));
        HttpRemoteClient { client: HttpClient::new(options), free, one_is_free: Condvar::new() }
    }

    fn take_slot(&self) -> Slot<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.one_is_free.wait_while(free, |free| *free == 0);
        *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
        Slot { client: self }
    }
}

/// The right to send one request; given back when dropped.
struct Slot<'c> {
    client: &'c HttpRemoteClient,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.client.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.client.one_is_free.notify_one();
    }
}

impl RemoteClient for HttpRemoteClient {
    fn post_json(&self, url: &str, body: &str) -> Result<RemoteResponse, RemoteError> {
        let request = HttpRequest {
            headers: vec![("content-type", "application/json"), ("accept", "*/*")],
            body: Some(body.as_bytes()),
            ..HttpRequest::new("POST", url)
        };
        let _slot = self.take_slot();
        match self.client.send(&request) {
            Ok(answer) => {
                Ok(RemoteResponse { status: answer.status, body: String::from_utf8_lossy(&answer.body).into_owned() })
            }
            Err(error) => Err(RemoteError { closed_early: is_early_close(&error), message: error.to_string() }),
        }
    }
}

/// Whether the service closed the connection instead of answering, as it may do with one it had kept open.
fn is_early_close(error: &HttpError) -> bool {
    let HttpError::Connection(text) = error else { return false };
    let text = text.to_ascii_lowercase();
    ["disconnected", "unexpected end of file", "eof", "connection reset", "broken pipe"]
        .iter()
        .any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::http::stub::{Answer, Stub};

    fn client(max_connections: usize) -> HttpRemoteClient {
        HttpRemoteClient::new(&RemoteAdapters {
            connection_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_millis(500),
            max_connections,
            services: Vec::new(),
        })
    }

    #[test]
    fn a_request_and_its_answer() {
        let stub = Stub::start(|_| Answer::new(201, "né".as_bytes()));
        let answer = client(1).post_json(&stub.url, r#"{"body":"x"}"#).unwrap();
        assert_eq!(answer, RemoteResponse { status: 201, body: "né".to_owned() });
        let asked = &stub.asked()[0];
        assert_eq!((asked.method.as_str(), asked.body.as_slice()), ("POST", br#"{"body":"x"}"#.as_slice()));
        assert_eq!(asked.header("content-type"), Some("application/json"));
        assert_eq!(asked.header("accept"), Some("*/*"));
    }

    #[test]
    fn hanging_up_is_told_from_other_failures() {
        let stub = Stub::start(|_| Answer { hang_up: true, ..Answer::new(200, "") });
        assert!(client(1).post_json(&stub.url, "{}").unwrap_err().closed_early);
        let slow = Stub::start(|_| Answer { delay: Duration::from_secs(2), ..Answer::new(200, "") });
        assert!(!client(1).post_json(&slow.url, "{}").unwrap_err().closed_early);
        assert!(!client(1).post_json("http://127.0.0.1:1/", "{}").unwrap_err().closed_early);
        assert!(!client(1).post_json("no url", "{}").unwrap_err().closed_early);
    }

    #[test]
    fn no_more_requests_than_allowed_at_a_time() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let stub = Stub::start(|_| {
            let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
            MOST.fetch_max(running, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(10));
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            Answer::new(200, "{}")
        });
        let client = client(2);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| client.post_json(&stub.url, "{}").unwrap());
            }
        });
        assert_eq!(stub.asked().len(), 6);
        assert!(MOST.load(Ordering::SeqCst) <= 2);
    }
}
