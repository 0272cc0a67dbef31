//! Progress on standard error: a bar on a terminal, otherwise a line from time to time, for people or for programs.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{bytes_text, count_text, logging};

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressMode {
    /// A bar if standard error is a terminal, plain lines otherwise.
    #[default]
    Auto,
    /// A bar.
    Bar,
    /// A line every 30 seconds.
    Plain,
    /// A JSON object a line every 5 seconds.
    Json,
    /// Nothing.
    Off,
}

/// What has been done so far. Workers add to it without locks.
#[derive(Debug, Default)]
pub struct Meter {
    /// Input bytes as stored.
    pub bytes: AtomicU64,
    /// All input bytes; 0 if unknown.
    pub bytes_total: AtomicU64,
    /// Records.
    pub records: AtomicU64,
    /// Bad rows.
    pub bad_rows: AtomicU64,
    /// Splits committed.
    pub splits: AtomicU64,
    /// All splits.
    pub splits_total: AtomicU64,
}

impl Meter {
    /// Adds to one of the fields.
    pub fn add(field: &AtomicU64, amount: u64) {
        field.fetch_add(amount, Ordering::Relaxed);
    }

    fn read(&self, since: Instant) -> Reading {
        let get = |field: &AtomicU64| field.load(Ordering::Relaxed);
        Reading {
            bytes: get(&self.bytes),
            bytes_total: get(&self.bytes_total),
            records: get(&self.records),
            bad_rows: get(&self.bad_rows),
            splits: get(&self.splits),
            splits_total: get(&self.splits_total),
            seconds: since.elapsed().as_secs_f64(),
        }
    }
}

#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Reading {
    bytes: u64,
    bytes_total: u64,
    records: u64,
    bad_rows: u64,
    splits: u64,
    splits_total: u64,
    seconds: f64,
}

impl Reading {
    fn rate(&self) -> u64 {
        if self.seconds > 0.0 { (self.records as f64 / self.seconds) as u64 } else { 0 }
    }

    fn line(&self, label: &str) -> String {
        let share = (self.bytes * 100).checked_div(self.bytes_total).map(|share| format!(" ({}%)", share.min(100)));
        format!(
            "{label}: {} of {}{}, {} records, {} bad rows, {} records/s, {}/{} splits, {:.0} s",
            bytes_text(self.bytes),
            bytes_text(self.bytes_total),
            share.unwrap_or_default(),
            count_text(self.records),
            count_text(self.bad_rows),
            count_text(self.rate()),
            self.splits,
            self.splits_total,
            self.seconds,
        )
    }

    fn json(&self, label: &str) -> String {
        let mut object = serde_json::to_value(self).expect("numbers only");
        object["progress"] = label.into();
        object["records_per_second"] = self.rate().into();
        object.to_string()
    }
}

/// Shows a [`Meter`] until it is dropped.
pub struct Progress {
    meter: Arc<Meter>,
    started: Instant,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Progress {
    /// Starts to show progress. `label` is the command's name.
    pub fn start(mode: ProgressMode, label: &'static str) -> Progress {
        let meter = Arc::new(Meter::default());
        let shared = Arc::new(Shared::default());
        let started = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        let mode = match mode {
            ProgressMode::Auto if terminal => ProgressMode::Bar,
            ProgressMode::Auto => ProgressMode::Plain,
            given => given,
        };
        let show: Option<(Duration, Show)> = match mode {
            ProgressMode::Bar => Some((Duration::from_millis(200), bar(label))),
            ProgressMode::Plain => Some((Duration::from_secs(30), lines(label, Reading::line))),
            ProgressMode::Json => Some((Duration::from_secs(5), lines(label, Reading::json))),
            ProgressMode::Auto | ProgressMode::Off => None,
        };
        let thread = show.map(|(interval, show)| {
            let (meter, shared) = (Arc::clone(&meter), Arc::clone(&shared));
            std::thread::Builder::new()
                .name("progress".into())
                .spawn(move || tick(interval, &meter, started, &shared, show))
                .expect("the system gives a thread")
        });
        Progress { meter, started, shared, thread }
    }

    /// What to add to.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        {
            let _held = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.wake.notify_all();
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Shows a reading; `None` means that it is over.
type Show = Box<dyn FnMut(Option<&Reading>) + Send>;

fn tick(interval: Duration, meter: &Meter, started: Instant, shared: &Shared, mut show: Show) {
    let mut held = shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
    let mut next = Instant::now() + interval;
    while !shared.stopped.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now >= next {
            show(Some(&meter.read(started)));
            next = now + interval;
            continue;
        }
        held = shared.wake.wait_timeout(held, next - now).unwrap_or_else(PoisonError::into_inner).0;
    }
    show(None);
}

fn lines(label: &'static str, text: fn(&Reading, &str) -> String) -> Show {
    Box::new(move |reading| {
        if let Some(reading) = reading {
            let _ = writeln!(std::io::stderr(), "{}", text(reading, label));
        }
    })
}

fn bar(label: &'static str) -> Show {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let template = "{prefix} [{bar:30}] {bytes}/{total_bytes} {msg} {elapsed} eta {eta}";
    bar.set_style(ProgressStyle::with_template(template).expect("the template is right").progress_chars("=> "));
    bar.set_prefix(label);
    logging::set_bar(Some(bar.clone()));
    Box::new(move |reading| match reading {
        Some(reading) => {
            bar.set_length(reading.bytes_total);
            let records = format!("{} records {}/s", count_text(reading.records), count_text(reading.rate()));
            bar.set_message(records);
            bar.set_position(reading.bytes);
        }
        None => {
            logging::set_bar(None);
            bar.finish_and_clear();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        let meter = Meter::default();
        Meter::add(&meter.bytes, 512);
        Meter::add(&meter.bytes_total, 1024);
        Meter::add(&meter.records, 2000);
        let mut reading = meter.read(Instant::now());
        reading.seconds = 2.0;
        reading
    }

    #[test]
    fn lines_for_people_and_programs() {
        let line = reading().line("enrich");
        assert_eq!(line, "enrich: 512 B of 1.0 KiB (50%), 2,000 records, 0 bad rows, 1,000 records/s, 0/0 splits, 2 s");
        let parsed: serde_json::Value = serde_json::from_str(&reading().json("enrich")).unwrap();
        assert_eq!(parsed["records_per_second"], 1000);
        assert_eq!(parsed["progress"], "enrich");
    }

    #[test]
    fn unknown_total_is_no_division_by_zero() {
        let mut unknown = reading();
        unknown.bytes_total = 0;
        assert!(unknown.line("x").starts_with("x: 512 B of 0 B, "));
    }

    #[test]
    fn stops_at_once() {
        let begin = Instant::now();
        drop(Progress::start(ProgressMode::Plain, "test"));
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}
