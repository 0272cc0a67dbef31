//! Rows through a script.

use bumpalo::Bump;

use super::engine::{Engine, Script};
use crate::json;
use crate::recovery::coerce::thrift_of_base64;
use crate::recovery::known::Left;
use crate::recovery::outcome::{Discard, Extras, Fate, Recovery};
use crate::recovery::recoverer::UNRECOVERABLE;
use crate::recovery::rows::{BadRow, Row};

/// What the lines of the input are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputKind {
    /// Bad rows and raw lines, told apart line by line.
    #[default]
    Auto,
    /// Bad rows.
    Bad,
    /// Raw lines.
    Raw,
}

/// Applies one script to rows. One per worker; it never leaves its thread.
pub struct ScriptRecoverer<'c> {
    script: &'c Script,
    kind: InputKind,
    /// Whether results that are base64 of a Thrift record become records.
    to_thrift: bool,
    extras: Extras<'c>,
    engine: Option<Engine>,
    arena: Bump,
}

/// A line as the script sees it.
enum Seen<'a> {
    Event(&'a str, Vec<String>),
    Not(Fate, String),
}

impl<'c> ScriptRecoverer<'c> {
    /// A recoverer for a script.
    pub fn new(script: &'c Script, kind: InputKind, to_thrift: bool, extras: Extras<'c>) -> ScriptRecoverer<'c> {
        ScriptRecoverer { script, kind, to_thrift, extras, engine: None, arena: Bump::new() }
    }

    /// Recovers one line; the buffers of `out` are cleared first.
    pub fn recover(&mut self, line: &str, out: &mut Recovery) -> Fate {
        out.clear();
        let mut arena = std::mem::take(&mut self.arena);
        let fate = self.recover_in(arena.alloc_str(line), &arena, out);
        arena.reset();
        self.arena = arena;
        if !matches!(fate, Fate::Recovered | Fate::RecoveredLine) {
            out.keep_row(line);
        }
        fate
    }

    fn recover_in(&mut self, line: &str, arena: &Bump, out: &mut Recovery) -> Fate {
        let (event, errors) = match self.see(line, arena) {
            Seen::Event(event, errors) => (event, errors),
            Seen::Not(fate, reason) => {
                out.reason = reason;
                return fate;
            }
        };
        match self.call(event, &errors) {
            Err(reason) => {
                out.reason = reason;
                Fate::Failed
            }
            Ok(None) => Fate::Discarded(Discard::ByScript),
            Ok(Some(text)) => {
                if self.extras.trace {
                    out.trace = Some((event.into(), text.as_str().into()));
                }
                self.finish(text, arena, out)
            }
        }
    }

    fn see<'a>(&self, line: &'a str, arena: &'a Bump) -> Seen<'a> {
        if self.kind == InputKind::Raw {
            return Seen::Event(line, Vec::new());
        }
        let row = BadRow::parse(line, arena);
        if self.extras.is_outside(&row) {
            return Seen::Not(Fate::OutsideTime, String::new());
        }
        match row {
            BadRow::Legacy { line, messages, .. } => Seen::Event(line, messages),
            BadRow::LegacyOversized => Seen::Not(Fate::Unrecoverable, "an oversized row holds no record".to_owned()),
            BadRow::SelfDescribing(row) => see_self_describing(&row, arena),
            // A broken bad row must not pass for a log line; other JSON may be one.
            BadRow::Foreign(reason)
                if self.kind == InputKind::Bad || line.starts_with('{') && json::parse(line, arena).is_err() =>
            {
                Seen::Not(Fate::Failed, reason)
            }
            BadRow::Foreign(_) => Seen::Event(line, Vec::new()),
        }
    }

    fn call(&mut self, event: &str, errors: &[String]) -> Result<Option<String>, String> {
        let mut engine = match self.engine.take() {
            Some(engine) => engine,
            None => Engine::new(self.script)?,
        };
        let result = engine.call(self.script, event, errors);
        let spoilt = engine.is_spoilt() || matches!(result, Err((_, true)));
        if !spoilt {
            self.engine = Some(engine);
        }
        result.map_err(|(reason, _)| reason)
    }

    fn finish(&self, mut text: String, arena: &Bump, out: &mut Recovery) -> Fate {
        if let Some(known) = self.extras.known {
            match known.strip_line(&text) {
                (Left::Nothing, _) => return Fate::Discarded(Discard::AlreadyGood),
                (_, Some(stripped)) => text = stripped,
                _ => {}
            }
        }
        if self.extras.is_repeated(text.as_bytes()) {
            return Fate::Discarded(Discard::Duplicate);
        }
        if self.to_thrift
            && let Ok(payload) = thrift_of_base64(&text, arena)
        {
            payload.write_thrift(&mut out.record);
            return Fate::Recovered;
        }
        out.record.extend_from_slice(text.as_bytes());
        Fate::RecoveredLine
    }
}

/// Of self-describing rows, those about records that no loader could read hold a line.
fn see_self_describing<'a>(row: &Row<'a>, arena: &'a Bump) -> Seen<'a> {
    let name = row.key.name;
    if UNRECOVERABLE.contains(&name) {
        return Seen::Not(Fate::Unrecoverable, format!("Failed to recover bad row of type {name}."));
    }
    let payload = row.data.get("payload").and_then(|payload| payload.as_str_in(arena));
    match payload.filter(|_| name == "collector_payload_format_violation") {
        Some(payload) => {
            let message = row.data.get("failure").and_then(|failure| failure.get("message"));
            let text = |message: json::Value<'_>| {
                let inner = message.get("error").or_else(|| message.get("expectation"));
                inner.and_then(|text| text.as_str()).map(std::borrow::Cow::into_owned)
            };
            Seen::Event(payload, message.and_then(text).into_iter().collect())
        }
        None => Seen::Not(Fate::Unmatched, format!("scripts see lines, and {name} rows hold none; use --config")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::known::SeenRecords;
    use crate::script::ScriptLimits;

    fn outcomes(source: &str, kind: InputKind, lines: &[&str]) -> Vec<(Fate, String)> {
        let script = Script::new("s.js", source, ScriptLimits::default()).unwrap();
        let seen = SeenRecords::default();
        let extras = Extras { seen: Some(&seen), ..Extras::default() };
        let mut recoverer = ScriptRecoverer::new(&script, kind, false, extras);
        let mut out = Recovery::default();
        let mut all = Vec::new();
        for line in lines {
            let fate = recoverer.recover(line, &mut out);
            let text = if fate == Fate::RecoveredLine { &out.record } else { &out.row };
            all.push((fate, String::from_utf8(text.clone()).unwrap()));
        }
        all
    }

    #[test]
    fn the_filter_of_the_worked_example() {
        let source = "function process(event, errors) {
            return errors.length == 1 && /schema not found/.test(errors[0]) ? event : null; }";
        let lines = [
            r#"{"line":"a","errors":["schema not found"]}"#,
            r#"{"line":"b","errors":["schema not found","other"]}"#,
            r#"{"line":"c","errors":[{"level":"error","message":"other"}]}"#,
        ];
        let fates = outcomes(source, InputKind::Auto, &lines);
        assert_eq!(fates[0], (Fate::RecoveredLine, "a".to_owned()));
        assert_eq!(fates[1].0, Fate::Discarded(Discard::ByScript));
        assert_eq!(fates[2].1, format!("{}\n", lines[2]));
    }

    #[test]
    fn every_line_ends_somewhere() {
        let source = "function process(event, errors) { return errors.length + event; }";
        let lines = [
            "raw\tline",
            r#"{"a":"ndjson"}"#,
            r#"{"line":"cut o"#,
            r#"{"size":1,"errors":[]}"#,
            "raw\tline",
            r#"{"schema":"iglu:com.snowplowanalytics.snowplow.badrows/collector_payload_format_violation/jsonschema/1-0-0","data":{"failure":{"message":{"error":"e"}},"payload":"p"}}"#,
            r#"{"schema":"iglu:com.snowplowanalytics.snowplow.badrows/schema_violations/jsonschema/2-0-0","data":{}}"#,
        ];
        let fates: Vec<Fate> = outcomes(source, InputKind::Auto, &lines).into_iter().map(|(fate, _)| fate).collect();
        let line = Fate::RecoveredLine;
        let twice = Fate::Discarded(Discard::Duplicate);
        assert_eq!(fates, [line, line, Fate::Failed, Fate::Unrecoverable, twice, line, Fate::Unmatched]);
        assert_eq!(outcomes(source, InputKind::Bad, &["raw\tline"])[0].0, Fate::Failed);
        assert_eq!(outcomes(source, InputKind::Raw, &[lines[2]])[0], (line, format!("0{}", lines[2])));
    }
}
