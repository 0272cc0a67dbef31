//! Telling someone of a failure. That this fails in turn never changes how a run ends.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::http::{HttpClient, HttpOptions, HttpRequest, RetryPolicy};
use crate::orchestrate::state::Failure;
use crate::run::{RunId, utc_text};

/// As much of a log as is kept.
const LINES: usize = 20;
const BYTES: u64 = 8 << 10;

/// The last lines of a file; nothing if it cannot be read.
pub(super) fn last_lines(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = match read() {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the step's log cannot be read");
            return String::new();
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Posts the failure as JSON.
pub(super) fn post(url: &str, run_id: &RunId, failure: &Failure, config: &Path) {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let body = json!({
        "event": "run_failed",
        "run_id": run_id.as_str(),
        "step": failure.step,
        "exit_code": failure.exit_code,
        "at": utc_text(failure.at, "%Y-%m-%dT%H:%M:%SZ"),
        "host": host.trim(),
        "config": config.display().to_string(),
        "message": failure.message,
    })
    .to_string();
    let mut request = HttpRequest::new("POST", url);
    request.headers = vec![("content-type", "application/json")];
    request.body = Some(body.as_bytes());
    let client = HttpClient::new(HttpOptions { timeout: Duration::from_secs(15), ..HttpOptions::default() });
    match client.send_with_retries(&request, &RetryPolicy { attempts: 3, ..RetryPolicy::default() }).0 {
        Ok(answer) if answer.is_success() => {}
        Ok(answer) => tracing::warn!(status = answer.status, "the webhook did not take the failure"),
        Err(error) => tracing::warn!(%error, "the webhook cannot be reached"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let text: String = (0..5000).map(|number| format!("line {number}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let last = last_lines(&path);
        assert!(last.starts_with("line 4980\n") && last.ends_with("line 4999"), "{last}");
        assert_eq!(last_lines(&folder.path().join("none")), "");
    }
}
