//! One worker of a run: lines in, rows out, suspects set aside, stores asked.

use std::sync::Arc;

use bumpalo::Bump;

use super::check::CheckedEvent;
use super::dedupe::{Claim, HASH_BYTES, Pair, fingerprint, pair_hash};
use super::job::Shared;
use super::output::ShredCounters;
use super::shredder::{Identity, Shredder};
use super::sink::TypeBuffers;
use crate::pipeline::{Segment, Unusable, Worker, guard, lines};
use crate::report::Counters;

/// One thread's part of the stage.
pub struct ShredWorker {
    shared: Arc<Shared>,
    shredder: Shredder,
    arena: Bump,
}

impl ShredWorker {
    pub(super) fn new(shared: Arc<Shared>) -> ShredWorker {
        ShredWorker { shredder: shared.shredder(), arena: Bump::new(), shared }
    }
}

impl Worker<(), TypeBuffers> for ShredWorker {
    fn process(&mut self, segment: &Segment<'_, ()>, out: &mut TypeBuffers, counters: &mut Counters) {
        let asks_a_store = self.shared.dedupe.as_ref().is_some_and(|dedupe| dedupe.seen.is_some());
        if asks_a_store {
            self.process_asking(segment.bytes, out);
        } else {
            for line in lines(segment.bytes) {
                self.line(line, out);
            }
        }
        self.hand_over(out, counters);
    }

    fn unusable(&mut self, segment: &Segment<'_, ()>, why: Unusable, out: &mut TypeBuffers, counters: &mut Counters) {
        let (length, limit) = match why {
            Unusable::Oversized { length, limit } => (length, limit),
            Unusable::Incomplete => (segment.bytes.len() as u64, segment.bytes.len() as u64),
        };
        self.shredder.oversized(segment.bytes, length, limit, &mut out.output);
        self.hand_over(out, counters);
    }
}

impl ShredWorker {
    fn line(&mut self, line: &[u8], out: &mut TypeBuffers) {
        let before = self.shredder.report().counters;
        let mut arena = std::mem::take(&mut self.arena);
        let (shared, shredder) = (&self.shared, &mut self.shredder);
        let done = guard(out, |out| {
            if let Some(checked) = shredder.check(line, &arena, &mut out.output) {
                if shared.is_suspect(&checked) {
                    set_aside(shredder, &checked, out);
                } else {
                    shredder.emit(&checked, Identity::Own, &arena, &mut out.output);
                }
            }
        });
        arena.reset();
        self.arena = arena;
        if let Err(message) = done {
            self.shredder.failed(before, line, &message, false, &mut out.output);
        }
    }

    /// All lines of a chunk are checked, then the store is asked about them at once, then they are written.
    fn process_asking(&mut self, bytes: &[u8], out: &mut TypeBuffers) {
        let arena = std::mem::take(&mut self.arena);
        let mut passed = Vec::new();
        for line in lines(bytes) {
            let before = self.shredder.report().counters;
            let (shared, shredder) = (&self.shared, &mut self.shredder);
            let done = guard(out, |out| {
                let checked = shredder.check(line, &arena, &mut out.output)?;
                if shared.is_suspect(&checked) {
                    set_aside(shredder, &checked, out);
                    return None;
                }
                Some(checked)
            });
            match done {
                Ok(checked) => passed.extend(checked.map(|checked| (line, checked))),
                Err(message) => self.shredder.failed(before, line, &message, false, &mut out.output),
            }
        }
        if let Err(message) = self.ask_and_emit(&passed, &arena, out) {
            self.shared.stop(message);
        }
        drop(passed);
        self.arena = arena;
        self.arena.reset();
    }

    fn ask_and_emit<'a>(
        &mut self,
        passed: &[(&[u8], CheckedEvent<'a>)],
        arena: &'a Bump,
        out: &mut TypeBuffers,
    ) -> Result<(), String> {
        let Some(dedupe) = &self.shared.dedupe else { return Ok(()) };
        let Some(store) = &dedupe.seen else { return Ok(()) };
        let mut asked = Vec::new();
        let mut pairs = Vec::new();
        for (index, (_, checked)) in passed.iter().enumerate() {
            // An event without a fingerprint equals no other.
            if let Some(text) = fingerprint(checked.event, dedupe.missing) {
                let hash = pair_hash(checked.id, &text);
                pairs.push(Pair { event_id: checked.event_id.into(), fingerprint: text, hash });
                asked.push(index);
            }
        }
        let mut claims = vec![Claim::New; passed.len()];
        let answers = store.claim(&pairs).map_err(|error| error.to_string())?;
        for ((index, pair), claim) in asked.into_iter().zip(&pairs).zip(answers) {
            if claim == Claim::New && store.wants_hashes() {
                push_hash(pair.hash, &mut out.hashes);
            }
            claims[index] = claim;
        }
        for ((line, checked), claim) in passed.iter().zip(claims) {
            let before = self.shredder.report().counters;
            let shredder = &mut self.shredder;
            let done = guard(out, |out| match &claim {
                Claim::New => shredder.emit(checked, Identity::Own, arena, &mut out.output),
                Claim::Seen => shredder.dropped(checked, true),
                Claim::Failed(text) => shredder.runtime_error(checked, text, &mut out.output),
            });
            if let Err(message) = done {
                // The event itself was counted when it was checked.
                let counted = ShredCounters {
                    events_in: before.events_in - 1,
                    entities_in: before.entities_in - checked.entity_count(),
                    ..before
                };
                self.shredder.failed(counted, line, &message, false, &mut out.output);
            }
        }
        Ok(())
    }

    /// Tells the engine and the wave what was done.
    fn hand_over(&mut self, out: &mut TypeBuffers, counters: &mut Counters) {
        let report = self.shredder.take_report();
        add_counters(&report.counters, counters);
        out.report.merge(report);
    }
}

pub(super) fn push_hash(hash: u128, hashes: &mut Vec<u8>) {
    hashes.extend_from_slice(&hash.to_le_bytes()[..HASH_BYTES]);
}

fn set_aside(shredder: &mut Shredder, checked: &CheckedEvent<'_>, out: &mut TypeBuffers) {
    shredder.deferred(checked);
    out.aside.extend_from_slice(checked.line.as_bytes());
    out.aside.push(b'\n');
}

/// A record is good unless it gave a bad row: events that are dropped as duplicates, or set aside, were good ones.
pub(super) fn add_counters(done: &ShredCounters, counters: &mut Counters) {
    counters.records_in += done.events_in;
    counters.records_bad_source += done.bad_rows.min(done.events_in);
    counters.records_good_source += done.events_in - done.bad_rows.min(done.events_in);
    counters.events_good += done.atomic_rows;
    counters.bad_rows += done.bad_rows;
    for (name, amount) in done.named() {
        if amount > 0 {
            counters.count(name, amount);
        }
    }
}
