//! Word of a load to those who watch: StatsD gauges, and events to a webhook.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3, `modules/loader/.../dsl/metrics/{Metrics,StatsDReporter}.scala` and
//! `dsl/Monitoring.scala`; snowplow/iglu-central, `com.snowplowanalytics.monitoring.batch/{load_succeeded,alert}`.

use std::collections::BTreeMap;
use std::net::UdpSocket;

use serde_json::{Value, json};

use super::discovery::ShreddedRun;
use super::report::{RunOutcome, RunReport};
use crate::http::{HttpClient, HttpRequest, RetryPolicy};

/// Who is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// `host:port` of a StatsD server.
    pub statsd: Option<String>,
    /// Prefix of its keys.
    pub statsd_prefix: String,
    /// A URL that takes events.
    pub webhook: Option<String>,
    /// Labels that go along.
    pub tags: BTreeMap<String, String>,
}

/// Prefix of StatsD keys if none is given.
pub const STATSD_PREFIX: &str = "snowplow.rdbloader";
/// Longest message of an alert.
const MOST_MESSAGE: usize = 4096;

impl Hooks {
    /// Tells what became of a run. What cannot be told is logged: the data is loaded all the same.
    pub fn tell(&self, run: &ShreddedRun, report: &RunReport, ended: jiff::Timestamp) {
        if let Some(address) = &self.statsd
            && report.outcome == RunOutcome::Loaded
        {
            let lines = self.metrics(run, report, ended);
            if let Err(error) = send_datagrams(address, &lines) {
                tracing::warn!(%error, address, "StatsD cannot be told");
            }
        }
        if let Some(url) = &self.webhook {
            let body = self.event(run, report, ended).to_string();
            if let Err(error) = post(url, body.as_bytes()) {
                tracing::warn!(error, url, "the webhook cannot be told");
            }
        }
    }

    /// The gauges of a run that was loaded, as StatsD gets them.
    pub fn metrics(&self, run: &ShreddedRun, report: &RunReport, ended: jiff::Timestamp) -> Vec<String> {
        let mut values: Vec<(&str, i64)> = Vec::new();
        let events = report.tables.iter().find(|table| table.table == super::plan::EVENTS).and_then(|table| table.rows);
        let message = run.message.as_ref();
        if let Some(count) = message.and_then(|message| message.count_good).or(events) {
            values.push(("count_good", count as i64));
        }
        let age = |text: Option<&str>| {
            let instant: jiff::Timestamp = text?.parse().ok()?;
            Some(ended.as_second() - instant.as_second())
        };
        if let Some(message) = message {
            let times = [
                ("latency_collector_to_load_min", message.max.as_deref()),
                ("latency_collector_to_load_max", message.min.as_deref()),
                ("latency_shredder_start_to_load", Some(message.started.as_str())),
                ("latency_shredder_end_to_load", Some(message.completed.as_str())),
            ];
            values.extend(times.into_iter().filter_map(|(name, text)| Some((name, age(text)?))));
        }
        let prefix = match self.statsd_prefix.trim_end_matches('.') {
            "" => STATSD_PREFIX,
            prefix => prefix,
        };
        let tags: Vec<String> = self.tags.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        let tags = if tags.is_empty() { String::new() } else { format!("|#{}", tags.join(",")) };
        values.into_iter().map(|(key, value)| format!("{prefix}.{key}:{value}|g{tags}")).collect()
    }

    fn event(&self, run: &ShreddedRun, report: &RunReport, ended: jiff::Timestamp) -> Value {
        const VENDOR: &str = "iglu:com.snowplowanalytics.monitoring.batch";
        let application = concat!("thresh-", env!("CARGO_PKG_VERSION"));
        let started = ended - jiff::SignedDuration::from_secs_f64(report.seconds.clamp(0.0, 1e9));
        let alert = |severity: &str, message: &str| {
            let message: String = message.chars().take(MOST_MESSAGE).collect();
            json!({
                "schema": format!("{VENDOR}/alert/jsonschema/1-0-0"),
                "data": {
                    "application": application, "base": run.base, "severity": severity, "message": message,
                    "tags": self.tags,
                },
            })
        };
        match report.outcome {
            RunOutcome::Loaded | RunOutcome::Planned => json!({
                "schema": format!("{VENDOR}/load_succeeded/jsonschema/3-0-0"),
                "data": {
                    "shredding": run.message.as_ref().map(|message| &message.data),
                    "application": application,
                    "attempt": 1,
                    "loadingStarted": started.to_string(),
                    "loadingCompleted": ended.to_string(),
                    "tags": self.tags,
                },
            }),
            RunOutcome::AlreadyLoaded => alert("INFO", "Folder is already loaded"),
            RunOutcome::Failed => alert("ERROR", report.error.as_deref().unwrap_or("Load failed")),
        }
    }
}

fn send_datagrams(address: &str, lines: &[String]) -> std::io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0").or_else(|_| UdpSocket::bind("[::]:0"))?;
    lines.iter().try_for_each(|line| socket.send_to(line.as_bytes(), address).map(|_| ()))
}

fn post(url: &str, body: &[u8]) -> Result<(), String> {
    let client = HttpClient::default();
    let mut request = HttpRequest::new("POST", url);
    request.headers.push(("content-type", "application/json"));
    request.body = Some(body);
    let policy = RetryPolicy::default();
    let mut last = String::new();
    for attempt in 1..=policy.attempts {
        match client.send(&request) {
            Ok(answer) if answer.is_success() => return Ok(()),
            Ok(answer) if answer.status < 500 && answer.status != 429 => {
                return Err(format!("status {}", answer.status));
            }
            Ok(answer) => last = format!("status {}", answer.status),
            Err(error) if !error.is_transient() => return Err(error.to_string()),
            Err(error) => last = error.to_string(),
        }
        if attempt < policy.attempts {
            std::thread::sleep(policy.pause_after(attempt));
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::stub::{Answer, Stub};
    use crate::load::discovery::Layout;
    use crate::load::message::ShreddingComplete;
    use crate::storage::Location;

    const MESSAGE: &[u8] = br#"{"schema":"iglu:com.snowplowanalytics.snowplow.storage.rdbloader/shredding_complete/jsonschema/1-0-1","data":{"base":"s3://b/run=1/","types":[],"timestamps":{"jobStarted":"2021-03-05T10:01:00Z","jobCompleted":"2021-03-05T10:04:00Z","min":"2021-03-05T08:59:00Z","max":"2021-03-05T09:58:00Z"},"compression":"GZIP","processor":{"artifact":"a","version":"1.2.3"},"count":{"good":1200}}}"#;

    fn run() -> ShreddedRun {
        ShreddedRun {
            location: Location::parse("s3://b/run=1").unwrap(),
            base: "s3://b/run=1/".into(),
            layout: Layout::E,
            atomic: Vec::new(),
            atomic_folder: String::new(),
            types: Vec::new(),
            message: Some(ShreddingComplete::parse(MESSAGE).unwrap()),
            manifest: None,
            gzip: true,
            warnings: Vec::new(),
        }
    }

    fn report(outcome: RunOutcome) -> RunReport {
        RunReport {
            base: "s3://b/run=1/".into(),
            outcome,
            loaded_at: None,
            tables: Vec::new(),
            changed_tables: Vec::new(),
            seconds: 60.0,
            warnings: Vec::new(),
            error: Some("no".into()),
        }
    }

    fn ended() -> jiff::Timestamp {
        "2021-03-05T10:10:00Z".parse().unwrap()
    }

    #[test]
    fn statsd_gets_gauges() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let hooks = Hooks {
            statsd: Some(server.local_addr().unwrap().to_string()),
            tags: [("env".to_owned(), "prod".to_owned())].into(),
            ..Hooks::default()
        };
        hooks.tell(&run(), &report(RunOutcome::Loaded), ended());
        let mut lines = Vec::new();
        for _ in 0..5 {
            let mut buffer = [0; 200];
            let length = server.recv(&mut buffer).unwrap();
            lines.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        }
        assert_eq!(
            lines,
            [
                "snowplow.rdbloader.count_good:1200|g|#env:prod",
                "snowplow.rdbloader.latency_collector_to_load_min:720|g|#env:prod",
                "snowplow.rdbloader.latency_collector_to_load_max:4260|g|#env:prod",
                "snowplow.rdbloader.latency_shredder_start_to_load:540|g|#env:prod",
                "snowplow.rdbloader.latency_shredder_end_to_load:360|g|#env:prod",
            ]
        );
    }

    #[test]
    fn the_webhook_gets_events() {
        let stub = Stub::start(|_| Answer::new(200, ""));
        let hooks = Hooks { webhook: Some(format!("{}/hook", stub.url)), ..Hooks::default() };
        for outcome in [RunOutcome::Loaded, RunOutcome::AlreadyLoaded, RunOutcome::Failed] {
            hooks.tell(&run(), &report(outcome), ended());
        }
        let bodies: Vec<Value> =
            stub.asked().iter().map(|asked| serde_json::from_slice(&asked.body).unwrap()).collect();
        assert_eq!(bodies[0]["schema"], "iglu:com.snowplowanalytics.monitoring.batch/load_succeeded/jsonschema/3-0-0");
        assert_eq!(bodies[0]["data"]["shredding"]["count"]["good"], 1200);
        assert_eq!(bodies[0]["data"]["loadingStarted"], "2021-03-05T10:09:00Z");
        assert_eq!(
            (&bodies[1]["data"]["severity"], &bodies[1]["data"]["message"]),
            (&json!("INFO"), &json!("Folder is already loaded"))
        );
        assert_eq!((&bodies[2]["data"]["severity"], &bodies[2]["data"]["message"]), (&json!("ERROR"), &json!("no")));
    }
}
