//! Logs on standard error, kept apart from the progress bar.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// The bar that log lines must not tear.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Says which bar is on the screen.
pub(super) fn set_bar(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Writes to standard error while the bar, if there is one, is out of the way.
pub fn write_stderr(bytes: &[u8]) -> io::Result<()> {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(|| io::stderr().write_all(bytes)),
        None => io::stderr().write_all(bytes),
    }
}

/// The filter that the flags ask for: `-q` −1, nothing 0, `-v` 1 and so on. `RUST_LOG` wins.
pub fn filter(verbosity: i8, rust_log: Option<&str>) -> EnvFilter {
    if let Some(directives) = rust_log.filter(|text| !text.is_empty()) {
        return EnvFilter::new(directives);
    }
    EnvFilter::new(match verbosity {
        i8::MIN..=-1 => "error",
        0 => "warn",
        1 => "warn,thresh=info",
        2 => "info,thresh=debug",
        _ => "debug,thresh=trace",
    })
}

/// Installs the subscriber; later calls do nothing.
pub fn init(verbosity: i8, format: LogFormat) {
    let rust_log = std::env::var("RUST_LOG").ok();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(verbosity, rust_log.as_deref()))
        .with_target(verbosity > 1)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()) && std::env::var_os("NO_COLOR").is_none())
        .with_writer(AroundBar);
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

struct AroundBar;

impl<'a> MakeWriter<'a> for AroundBar {
    type Writer = AroundBar;

    fn make_writer(&'a self) -> AroundBar {
        AroundBar
    }
}

impl Write for AroundBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_stderr(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_log_wins() {
        assert_eq!(filter(-1, None).to_string(), "error");
        assert_eq!(filter(1, Some("")).to_string(), filter(1, None).to_string());
        assert_eq!(filter(3, Some("off")).to_string(), "off");
    }
}
