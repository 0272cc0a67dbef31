//! A small blocking HTTP client for everything that is not object storage: schema registries, the API enrichment,
//! downloads of data files.
//!
//! One client per purpose, shared between threads; connections are kept and reused. Redirects are followed here and
//! not by the transport, so that keys and passwords never travel on to another host.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

/// Limits of a client.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for one whole exchange, redirects not included.
    pub timeout: Duration,
    /// Largest body accepted, after decompression.
    pub max_body: u64,
    /// Redirects followed; with 0 a redirect is an answer like any other.
    pub max_redirects: u32,
}

impl Default for HttpOptions {
    fn default() -> Self {
        HttpOptions {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            max_body: 64 << 20,
            max_redirects: 10,
        }
    }
}

/// How often and how fast something is tried again.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Tries altogether, at least 1.
    pub attempts: u32,
    /// Pause after the first failure; doubled after every further one.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
}

impl RetryPolicy {
    /// One try.
    pub const ONCE: RetryPolicy =
        RetryPolicy { attempts: 1, first_pause: Duration::ZERO, longest_pause: Duration::ZERO };

    /// The pause after that many failed tries: exponential, with up to a quarter of it added at random so that workers
    /// do not come back all at once.
    pub fn pause_after(&self, attempts: u32) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << attempts.saturating_sub(1).min(16));
        with_jitter(doubled.min(self.longest_pause))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy { attempts: 4, first_pause: Duration::from_millis(500), longest_pause: Duration::from_secs(8) }
    }
}

/// A pause lengthened by up to a quarter.
pub fn with_jitter(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0) % 256;
    pause + pause / 4 * random as u32 / 256
}

/// One request.
#[derive(Clone)]
pub struct HttpRequest<'a> {
    /// For example `GET`.
    pub method: &'a str,
    /// An absolute `http` or `https` URL.
    pub url: &'a str,
    /// Headers as they are sent, also to other hosts after a redirect.
    pub headers: Vec<(&'a str, &'a str)>,
    /// Headers with secrets: dropped when a redirect leads to another host, never printed.
    pub secret_headers: Vec<(&'a str, &'a str)>,
    /// User and password for basic authentication; treated as a secret header.
    pub basic_auth: Option<(&'a str, &'a str)>,
    /// The body, if any.
    pub body: Option<&'a [u8]>,
    /// Instead of the client's [`HttpOptions::timeout`].
    pub timeout: Option<Duration>,
}

impl<'a> HttpRequest<'a> {
    /// A request without headers and body.
    pub fn new(method: &'a str, url: &'a str) -> Self {
        HttpRequest {
            method,
            url,
            headers: Vec::new(),
            secret_headers: Vec::new(),
            basic_auth: None,
            body: None,
            timeout: None,
        }
    }
}

impl std::fmt::Debug for HttpRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// An answer of whatever status.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// For example 200.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of a name given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The host's name has no address.
    #[error("unknown host {0}")]
    UnknownHost(String),
    /// No connection, or no whole answer in time.
    #[error("timed out ({0})")]
    TimedOut(String),
    /// The connection was refused or broke.
    #[error("connection failed: {0}")]
    Connection(String),
    /// The certificate is not trusted, or the handshake failed.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The body is larger than allowed.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    /// Too many redirects, or one that leads nowhere.
    #[error("redirected too often or to nowhere")]
    Redirect,
    /// The URL or a header cannot be sent.
    #[error("the request cannot be sent: {0}")]
    BadRequest(String),
    /// The answer is not HTTP, or its compression is broken.
    #[error("unreadable answer: {0}")]
    BadAnswer(String),
}

impl HttpError {
    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            HttpError::UnknownHost(_) | HttpError::TimedOut(_) | HttpError::Connection(_) | HttpError::BadAnswer(_)
        )
    }
}

/// The client. Cloning it shares its connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    agent: ureq::Agent,
    options: HttpOptions,
}

impl HttpClient {
    /// A client with the given limits. Proxies are taken from the usual environment variables, certificates from the
    /// system.
    pub fn new(options: HttpOptions) -> HttpClient {
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(crypto)
            .build();
        let agent = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .timeout_connect(Some(options.connect_timeout))
            .timeout_resolve(Some(options.connect_timeout))
            .timeout_global(Some(options.timeout))
            .user_agent(concat!("thresh/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        HttpClient { agent, options }
    }

    /// Fetches a URL.
    pub fn get(&self, url: &str) -> Result<HttpResponse, HttpError> {
        self.send(&HttpRequest::new("GET", url))
    }

    /// Sends a request and follows redirects.
    pub fn send(&self, request: &HttpRequest<'_>) -> Result<HttpResponse, HttpError> {
        let mut url = request.url.to_owned();
        let mut method = request.method;
        let mut body = request.body;
        let mut with_secrets = true;
        for _ in 0..=self.options.max_redirects {
            let response = self.exchange(request, method, &url, body, with_secrets)?;
            if !matches!(response.status, 301 | 302 | 303 | 307 | 308) || self.options.max_redirects == 0 {
                return Ok(response);
            }
            let Some(location) = response.header("location") else { return Ok(response) };
            let next = resolve_redirect(&url, location).ok_or(HttpError::Redirect)?;
            with_secrets &= origin(&next) == origin(&url);
            if response.status == 303 || matches!(response.status, 301 | 302) && method == "POST" {
                method = "GET";
                body = None;
            }
            url = next;
        }
        Err(HttpError::Redirect)
    }

    /// Sends a request, again after transient errors and 5xx answers. Also tells how many tries it took.
    pub fn send_with_retries(
        &self,
        request: &HttpRequest<'_>,
        policy: &RetryPolicy,
    ) -> (Result<HttpResponse, HttpError>, u32) {
        let mut attempts = 1;
        loop {
            let result = self.send(request);
            let again = match &result {
                Ok(response) => response.status >= 500 || response.status == 429,
                Err(error) => error.is_transient(),
            };
            if !again || attempts >= policy.attempts {
                return (result, attempts);
            }
            std::thread::sleep(policy.pause_after(attempts));
            attempts += 1;
        }
    }

    fn exchange(
        &self,
        request: &HttpRequest<'_>,
        method: &str,
        url: &str,
        body: Option<&[u8]>,
        with_secrets: bool,
    ) -> Result<HttpResponse, HttpError> {
        let mut builder = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, *value);
        }
        if with_secrets {
            for (name, value) in &request.secret_headers {
                builder = builder.header(*name, *value);
            }
            if let Some((user, password)) = request.basic_auth {
                use base64::Engine;
                let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                builder = builder.header("authorization", format!("Basic {credentials}"));
            }
        }
        let timeout = Some(request.timeout.unwrap_or(self.options.timeout));
        let unsendable = |error: ureq::http::Error| HttpError::BadRequest(error.to_string());
        let answer = match body {
            Some(body) => {
                let built = builder.body(body).map_err(unsendable)?;
                self.agent.run(self.agent.configure_request(built).timeout_global(timeout).build())
            }
            None => {
                let built = builder.body(()).map_err(unsendable)?;
                self.agent.run(self.agent.configure_request(built).timeout_global(timeout).build())
            }
        };
        let mut response = answer.map_err(|error| self.classify(error, url))?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        // The transport's own limit counts compressed bytes; this one is about memory.
        let limit = self.options.max_body;
        let reader = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut body = Vec::new();
        let read = reader.take(limit + 1).read_to_end(&mut body);
        read.map_err(|error| self.classify(error.into(), url))?;
        if body.len() as u64 > limit {
            return Err(HttpError::TooLarge(limit));
        }
        Ok(HttpResponse { status, headers, body })
    }

    fn classify(&self, error: ureq::Error, url: &str) -> HttpError {
        let text = error.to_string();
        match error {
            ureq::Error::HostNotFound => HttpError::UnknownHost(host(url).to_owned()),
            ureq::Error::Timeout(timeout) => HttpError::TimedOut(timeout.to_string()),
            ureq::Error::Io(error) => match error.kind() {
                std::io::ErrorKind::TimedOut => HttpError::TimedOut(error.to_string()),
                _ if error.to_string().contains("lookup address") => HttpError::UnknownHost(host(url).to_owned()),
                _ => HttpError::Connection(error.to_string()),
            },
            ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_) => HttpError::Connection(text),
            ureq::Error::BodyExceedsLimit(limit) => HttpError::TooLarge(limit),
            ureq::Error::RedirectFailed | ureq::Error::TooManyRedirects => HttpError::Redirect,
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) | ureq::Error::TlsRequired => {
                HttpError::Tls(text)
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => HttpError::BadRequest(text),
            _ => HttpError::BadAnswer(text),
        }
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        HttpClient::new(HttpOptions::default())
    }
}

/// Scheme and authority: `https://a.b:80`.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let length = url[start..].find(['/', '?', '#']).unwrap_or(url.len() - start);
    &url[..start + length]
}

/// The host's name, without user and port.
fn host(url: &str) -> &str {
    let authority = origin(url).split_once("://").map_or("", |(_, authority)| authority);
    let name = authority.rsplit_once('@').map_or(authority, |(_, name)| name);
    name.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(name, |(name, _)| name)
}

fn resolve_redirect(base: &str, location: &str) -> Option<String> {
    let location = location.split('#').next().unwrap_or_default();
    if location.starts_with("http://") || location.starts_with("https://") {
        return Some(location.to_owned());
    }
    let (scheme, _) = base.split_once("://")?;
    if location.starts_with("//") {
        return Some(format!("{scheme}:{location}"));
    }
    if location.starts_with('/') {
        return Some(format!("{}{location}", origin(base)));
    }
    if location.is_empty() || location.split(['/', '?']).next()?.contains(':') {
        return None;
    }
    let path = base.split(['?', '#']).next()?;
    let folder = path[origin(base).len()..].rfind('/').map_or("/", |at| &path[origin(base).len()..][..=at]);
    Some(format!("{}{folder}{location}", origin(base)))
}

#[cfg(test)]
pub(crate) mod stub;
#[cfg(test)]
mod tests;
