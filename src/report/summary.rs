//! The last lines of a run on standard output: for people, or one JSON object, from the same struct.

use std::fmt::Write;

use serde::Serialize;

use super::{Counters, bytes_text, count_text};

/// What a run did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The command, for example `enrich`.
    pub command: String,
    /// The run's id.
    pub run_id: String,
    /// `complete`, `already complete`, `failed` or `interrupted`.
    pub status: String,
    /// The counters, those of resumed splits included.
    #[serde(flatten)]
    pub counters: Counters,
    /// Input objects.
    pub inputs: u64,
    /// Input objects that could not be read whole; the manifest names them.
    pub failed_inputs: u64,
    /// Input bytes as stored.
    pub bytes_in: u64,
    /// Output bytes as stored.
    pub bytes_out: u64,
    /// Parts written.
    pub parts: u64,
    /// Splits taken over from the run that was resumed.
    pub resumed_splits: u64,
    /// How long this process worked.
    pub seconds: f64,
    /// Records a second, of those that this process read.
    pub records_per_second: f64,
    /// The run folders.
    pub outputs: Vec<String>,
}

impl Summary {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a summary has only string keys")
    }

    /// A few aligned lines, with a line end after each.
    pub fn to_text(&self) -> String {
        let counters = &self.counters;
        let mut text = String::new();
        let _ = writeln!(text, "{} run={} {} in {:.1} s", self.command, self.run_id, self.status, self.seconds);
        let _ = writeln!(
            text,
            "  records  in {}  good {}  bad {}  filtered {}",
            count_text(counters.records_in),
            count_text(counters.records_good_source),
            count_text(counters.records_bad_source),
            count_text(counters.records_ignored),
        );
        let _ = writeln!(
            text,
            "  written  events {}  bad rows {}  parts {}",
            count_text(counters.events_good),
            count_text(counters.bad_rows),
            count_text(self.parts),
        );
        for (name, count) in &counters.named {
            let _ = writeln!(text, "  {:<8} {}", name.replace('_', " "), count_text(*count));
        }
        let _ = writeln!(text, "  bytes    in {}  out {}", bytes_text(self.bytes_in), bytes_text(self.bytes_out));
        let _ =
            writeln!(text, "  inputs   {}  not read whole {}", count_text(self.inputs), count_text(self.failed_inputs));
        if self.resumed_splits > 0 {
            let _ = writeln!(text, "  resumed  {} splits were in place already", count_text(self.resumed_splits));
        }
        let _ = writeln!(text, "  rate     {} records/s", count_text(self.records_per_second.round() as u64));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Summary {
        let mut counters = Counters { records_in: 1200, records_good_source: 1190, ..Counters::default() };
        counters.records_bad_source = 10;
        counters.events_good = 1300;
        counters.bad_rows = 10;
        counters.count("panics", 1);
        Summary {
            command: "enrich".into(),
            run_id: "r1".into(),
            status: "complete".into(),
            counters,
            inputs: 3,
            bytes_in: 2048,
            bytes_out: 100,
            parts: 2,
            seconds: 2.0,
            records_per_second: 600.0,
            outputs: vec!["/out/run=r1".into()],
            ..Summary::default()
        }
    }

    #[test]
    fn text_names_every_fate() {
        let expected = "\
enrich run=r1 complete in 2.0 s
  records  in 1,200  good 1,190  bad 10  filtered 0
  written  events 1,300  bad rows 10  parts 2
  panics   1
  bytes    in 2.0 KiB  out 100 B
  inputs   3  not read whole 0
  rate     600 records/s
";
        assert_eq!(sample().to_text(), expected);
    }

    #[test]
    fn json_is_one_flat_line() {
        let text = sample().to_json();
        assert!(!text.contains('\n'));
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["records_in"], 1200);
        assert_eq!(parsed["named"]["panics"], 1);
        assert_eq!(parsed["status"], "complete");
    }
}
