//! The second look: what becomes of events whose ids may occur more than once.
//!
//! The events set aside are spread over temporary files by id, so that all events with one id meet in one of them and a
//! file's keys fit into memory (50 bytes an event; the events themselves stay on disk). Then, file by file and in the
//! order of their appearance, they come out with their fate.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::ops::Range;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::key::{MissingFingerprint, fingerprint, id_hash, new_id, pair_hash};
use super::seen::{Claim, Pair, SeenStore};
use crate::event::normal::Moment;
use crate::event::read::split_tsv;
use crate::event::{Column, EnrichedEvent};
use crate::shred::check::{id_text, id_value};

/// Events that one temporary file holds, about.
const EVENTS_A_FILE: u64 = 250_000;
/// Temporary files at most.
const MOST_FILES: u64 = 256;
/// Plain bytes handed out at once.
const CHUNK: usize = 1 << 20;
/// Events that a store is asked about at once.
const CLAIMS: usize = 1000;

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is written under its own id.
    Keep,
    /// It is written under this new id: other events have the same.
    Rename(u128),
    /// The batch holds the same event.
    DropCopy,
    /// An earlier batch held the same event.
    DropSeen,
    /// The store of seen events could not tell.
    Fail(String),
}

/// Lines with their fate.
#[derive(Debug, Default)]
pub struct ResolvedLines {
    /// The lines' bytes.
    pub bytes: Vec<u8>,
    /// Where each line is, and what becomes of it.
    pub lines: Vec<(Range<usize>, Fate)>,
}

/// Decides about events set aside.
pub struct Resolution<'r> {
    files: std::vec::IntoIter<File>,
    current: Option<(BufReader<File>, std::vec::IntoIter<Fate>)>,
    missing: MissingFingerprint,
    seen: Option<&'r dyn SeenStore>,
    run: u64,
    hashes: Vec<u128>,
}

/// What is kept of an event while a file is decided about.
struct Entry {
    id: u128,
    fingerprint: u128,
    etl: i64,
    position: u64,
    /// For the store.
    pair: Option<Box<str>>,
}

fn invalid(text: impl std::fmt::Display) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, text.to_string())
}

impl<'r> Resolution<'r> {
    /// Spreads events over temporary files in `folder`. `expected` is how many there are; `run` names the run, so that
    /// the same run gives the same new ids.
    pub fn begin(
        sources: impl Iterator<Item = std::io::Result<Box<dyn Read + Send>>>,
        expected: u64,
        folder: &Path,
        missing: MissingFingerprint,
        seen: Option<&'r dyn SeenStore>,
        run: &str,
    ) -> std::io::Result<Resolution<'r>> {
        let count = (expected / EVENTS_A_FILE + 1).min(MOST_FILES) as usize;
        let files: std::io::Result<Vec<_>> = (0..count).map(|_| tempfile::tempfile_in(folder)).collect();
        let mut writers: Vec<_> = files?.into_iter().map(|file| BufWriter::with_capacity(64 << 10, file)).collect();
        let mut position = 0u64;
        let mut line = Vec::new();
        for source in sources {
            let mut reader = BufReader::with_capacity(256 << 10, source?);
            loop {
                line.clear();
                if reader.read_until(b'\n', &mut line)? == 0 {
                    break;
                }
                let (_, id) = columns_of(&line)?;
                let writer = &mut writers[(id_hash(id) % count as u64) as usize];
                writer.write_all(&(line.len() as u32).to_le_bytes())?;
                writer.write_all(&position.to_le_bytes())?;
                writer.write_all(&line)?;
                position += 1;
            }
        }
        let files = writers.into_iter().map(|writer| writer.into_inner().map_err(|error| error.into_error()));
        let files = files.collect::<std::io::Result<Vec<File>>>()?.into_iter();
        let run = xxh3_128(run.as_bytes()) as u64;
        Ok(Resolution { files, current: None, missing, seen, run, hashes: Vec::new() })
    }

    /// The next lines, or nothing at the end.
    pub fn next(&mut self, out: &mut ResolvedLines) -> std::io::Result<bool> {
        out.bytes.clear();
        out.lines.clear();
        while out.bytes.len() < CHUNK {
            let Some((reader, fates)) = &mut self.current else {
                let Some(file) = self.files.next() else { break };
                self.current = Some(self.decide(file)?);
                continue;
            };
            let Some(fate) = fates.next() else {
                self.current = None;
                continue;
            };
            let start = out.bytes.len();
            read_record(reader, &mut out.bytes)?.ok_or_else(|| invalid("a temporary file became shorter"))?;
            let end = out.bytes.len() - usize::from(out.bytes.ends_with(b"\n"));
            out.lines.push((start..end, fate));
        }
        Ok(!out.lines.is_empty())
    }

    /// The hashes of events that were claimed since the last call, if the store wants them.
    pub fn take_hashes(&mut self) -> Vec<u128> {
        std::mem::take(&mut self.hashes)
    }

    fn decide(&mut self, file: File) -> std::io::Result<(BufReader<File>, std::vec::IntoIter<Fate>)> {
        let mut reader = BufReader::with_capacity(256 << 10, file);
        reader.rewind()?;
        let mut entries = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            let Some(position) = read_record(&mut reader, &mut line)? else { break };
            entries.push(self.entry(&line, position)?);
        }
        let fates = self.fates(&entries)?;
        reader.rewind()?;
        Ok((reader, fates.into_iter()))
    }

    fn entry(&self, line: &[u8], position: u64) -> std::io::Result<Entry> {
        let (event, id) = columns_of(line)?;
        let text = fingerprint(&event, self.missing);
        // An event without a fingerprint equals no other.
        let own = u128::from(position) | 1 << 127;
        Ok(Entry {
            id,
            fingerprint: text.as_deref().map_or(own, |text| pair_hash(0, text) >> 1),
            // Without a time it counts as the oldest.
            etl: event.get(Column::etl_tstamp).and_then(Moment::parse).map_or(i64::MIN, |moment| moment.millis),
            position,
            pair: self.seen.and(text).map(|text| text.into()),
        })
    }

    fn fates(&mut self, entries: &[Entry]) -> std::io::Result<Vec<Fate>> {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_unstable_by_key(|index| {
            let entry = &entries[*index];
            (entry.id, entry.fingerprint, entry.etl, entry.position)
        });
        let mut fates = vec![Fate::DropCopy; entries.len()];
        let same = |a: &usize, b: &usize| {
            (entries[*a].id, entries[*a].fingerprint) == (entries[*b].id, entries[*b].fingerprint)
        };
        let winners: Vec<usize> = order.chunk_by(same).map(|copies| copies[0]).collect();
        for index in &winners {
            fates[*index] = Fate::Keep;
        }
        self.claim(entries, &winners, &mut fates)?;
        for namesakes in winners.chunk_by(|a, b| entries[*a].id == entries[*b].id) {
            // Positions depend on what else was set aside; the rank among namesakes does not.
            let ranked = namesakes.iter().copied().zip(0..);
            let kept: Vec<(usize, u64)> = ranked.filter(|(index, _)| fates[*index] == Fate::Keep).collect();
            if kept.len() > 1 {
                for (index, rank) in kept {
                    fates[index] = Fate::Rename(new_id(self.run, entries[index].id, rank));
                }
            }
        }
        Ok(fates)
    }

    fn claim(&mut self, entries: &[Entry], winners: &[usize], fates: &mut [Fate]) -> std::io::Result<()> {
        let Some(store) = self.seen else { return Ok(()) };
        let claimable: Vec<(usize, &str)> =
            winners.iter().filter_map(|index| Some((*index, entries[*index].pair.as_deref()?))).collect();
        for part in claimable.chunks(CLAIMS) {
            let pair = |(index, fingerprint): &(usize, &'_ str)| {
                let id = entries[*index].id;
                let hash = pair_hash(id, fingerprint);
                Pair { event_id: id_text(id).into(), fingerprint: fingerprint.to_string().into(), hash }
            };
            let pairs: Vec<Pair<'_>> = part.iter().map(pair).collect();
            let claims = store.claim(&pairs).map_err(invalid)?;
            for (((index, _), pair), claim) in part.iter().zip(&pairs).zip(claims) {
                match claim {
                    Claim::New if store.wants_hashes() => self.hashes.push(pair.hash),
                    Claim::New => {}
                    Claim::Seen => fates[*index] = Fate::DropSeen,
                    Claim::Failed(text) => fates[*index] = Fate::Fail(text),
                }
            }
        }
        Ok(())
    }
}

/// The columns of a line that was an event when it was set aside, and its id.
fn columns_of(line: &[u8]) -> std::io::Result<(EnrichedEvent<'_>, u128)> {
    let text = std::str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line)).map_err(invalid)?;
    let event = split_tsv(text).map_err(invalid)?;
    let id = event.get(Column::event_id).and_then(id_value);
    Ok((event, id.ok_or_else(|| invalid("an event that was set aside has no id"))?))
}

/// Appends a record's line; its position, or nothing at the end.
fn read_record(reader: &mut BufReader<File>, line: &mut Vec<u8>) -> std::io::Result<Option<u64>> {
    let mut head = [0; 12];
    if reader.fill_buf()?.is_empty() {
        return Ok(None);
    }
    reader.read_exact(&mut head)?;
    let (length, position) = head.split_at(4);
    let length = u32::from_le_bytes(length.try_into().unwrap_or_default()) as usize;
    let start = line.len();
    line.resize(start + length, 0);
    reader.read_exact(&mut line[start..])?;
    Ok(Some(u64::from_le_bytes(position.try_into().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shred::dedupe::StoreError;
    use crate::shred::tests::line;
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    /// id, fingerprint, etl_tstamp
    type Given = (u128, &'static str, &'static str);

    fn text(given: &Given) -> String {
        let (id, fingerprint, etl) = given;
        line(&[(Column::event_id, &id_text(*id)), (Column::event_fingerprint, fingerprint), (Column::etl_tstamp, etl)])
    }

    fn resolve(
        events: &[Given],
        missing: MissingFingerprint,
        seen: Option<&dyn SeenStore>,
        expected: u64,
    ) -> Vec<Fate> {
        let lines: Vec<String> = events.iter().map(|given| text(given) + "\n").collect();
        let source = std::io::Cursor::new(lines.concat().into_bytes());
        let sources = std::iter::once(Ok(Box::new(source) as Box<dyn Read + Send>));
        let folder = std::env::temp_dir();
        let mut resolution = Resolution::begin(sources, expected, &folder, missing, seen, "run").unwrap();
        let mut found: HashMap<String, Vec<Fate>> = HashMap::new();
        let mut out = ResolvedLines::default();
        while resolution.next(&mut out).unwrap() {
            for (range, fate) in &out.lines {
                let text = String::from_utf8(out.bytes[range.clone()].to_vec()).unwrap();
                found.entry(text).or_default().push(fate.clone());
            }
        }
        // Equal lines keep their order, so their fates can be given back in it.
        let mut take = |given: &Given| found.get_mut(&text(given)).unwrap().remove(0);
        let fates = events.iter().map(&mut take).collect();
        assert!(found.values().all(Vec::is_empty), "a line came out twice");
        fates
    }

    #[test]
    fn the_worked_example() {
        let (ten, nine) = ("2021-01-01 10:00:00.000", "2021-01-01 09:00:00.000");
        let events = [(0xA, "f1", ten), (0xA, "f1", nine), (0xA, "f2", ten), (0xB, "", ten), (0xB, "", ten)];
        let fates = resolve(&events, MissingFingerprint::Unique, None, 5);
        assert_eq!(fates[0], Fate::DropCopy);
        let ids: HashSet<u128> = fates[1..]
            .iter()
            .map(|fate| match fate {
                Fate::Rename(id) => *id,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids.len(), 4, "four fresh ids");
        let computed = resolve(&events, MissingFingerprint::Computed, None, 5);
        assert_eq!(computed[3..], [Fate::Keep, Fate::DropCopy], "what the tracker sent is the same");
    }

    /// Which other events are set aside can differ from run to run: the first look may suspect one in vain.
    #[test]
    fn new_ids_do_not_depend_on_other_events() {
        let namesakes = [(7, "f1", ""), (7, "f2", ""), (7, "", ""), (7, "", "")];
        for missing in [MissingFingerprint::Unique, MissingFingerprint::Computed] {
            let alone = resolve(&namesakes, missing, None, 4);
            assert!(matches!(alone[..], [Fate::Rename(_), Fate::Rename(_), ..]), "{alone:?}");
            let mut events = vec![(1, "f1", ""), (2, "f1", "")];
            for namesake in namesakes {
                events.extend([namesake, (3, "f3", "")]);
            }
            let among_others = resolve(&events, missing, None, 10);
            assert_eq!([2, 4, 6, 8].map(|at| among_others[at].clone())[..], alone[..]);
        }
    }

    #[test]
    fn an_event_without_etl_time_is_the_oldest() {
        let fates = resolve(&[(1, "f", "2021-01-01 10:00:00"), (1, "f", "")], MissingFingerprint::Computed, None, 2);
        assert_eq!(fates, [Fate::DropCopy, Fate::Keep]);
    }

    /// Has seen some fingerprints and cannot tell of others.
    struct Store;

    impl SeenStore for Store {
        fn claim(&self, pairs: &[Pair<'_>]) -> Result<Vec<Claim>, StoreError> {
            let claim = |pair: &Pair<'_>| match &*pair.fingerprint {
                "seen" => Claim::Seen,
                "broken" => Claim::Failed("no answer".into()),
                "abort" => unreachable!(),
                _ => Claim::New,
            };
            if pairs.iter().any(|pair| pair.fingerprint == "abort") {
                return Err(StoreError { message: "throttled".into() });
            }
            Ok(pairs.iter().map(claim).collect())
        }
    }

    #[test]
    fn what_earlier_batches_had_is_gone_before_ids_are_compared() {
        let events = [(1, "seen", ""), (1, "seen", ""), (1, "new", ""), (2, "broken", ""), (2, "x", ""), (3, "", "")];
        let fates = resolve(&events, MissingFingerprint::Unique, Some(&Store), 6);
        assert_eq!(
            fates,
            [Fate::DropSeen, Fate::DropCopy, Fate::Keep, Fate::Fail("no answer".into()), Fate::Keep, Fate::Keep]
        );
    }

    #[test]
    fn a_store_that_fails_ends_the_resolution() {
        let source = std::io::Cursor::new(text(&(1, "abort", "")).into_bytes());
        let sources = std::iter::once(Ok(Box::new(source) as Box<dyn Read + Send>));
        let missing = MissingFingerprint::Computed;
        let begun = Resolution::begin(sources, 1, &std::env::temp_dir(), missing, Some(&Store), "run");
        let error = begun.unwrap().next(&mut ResolvedLines::default()).unwrap_err();
        assert!(error.to_string().contains("throttled"));
    }

    proptest! {
        /// Whatever the batch: of copies one stays, and no id is written twice.
        #[test]
        fn every_event_once_and_every_id_once(
            choices in proptest::collection::vec((0u128..5, 0usize..3, 0usize..3), 1..40),
            files in 1u64..4,
        ) {
            const FINGERPRINTS: [&str; 3] = ["f1", "f2", ""];
            const TIMES: [&str; 3] = ["", "2021-01-01 10:00:00", "2021-01-01 09:00:00"];
            let events: Vec<Given> =
                choices.iter().map(|(id, print, time)| (*id, FINGERPRINTS[*print], TIMES[*time])).collect();
            let fates = resolve(&events, MissingFingerprint::Unique, None, files * EVENTS_A_FILE);
            let mut written = HashSet::new();
            let mut kinds: HashMap<(u128, &str), u64> = HashMap::new();
            for ((id, print, _), fate) in events.iter().zip(&fates) {
                let kept = match fate {
                    Fate::Keep => Some(*id),
                    Fate::Rename(new) => Some(*new),
                    _ => None,
                };
                if let Some(kept) = kept {
                    prop_assert!(written.insert(kept), "id written twice");
                    *kinds.entry((*id, print)).or_default() += 1;
                }
            }
            let without = events.iter().filter(|(_, print, _)| print.is_empty()).count() as u64;
            let kept_without: u64 = kinds.iter().filter(|((_, print), _)| print.is_empty()).map(|(_, count)| count).sum();
            prop_assert_eq!(kept_without, without);
            for ((id, print), count) in &kinds {
                prop_assert!(print.is_empty() || *count == 1, "{} {} kept {} times", id, print, count);
            }
            let distinct: HashSet<_> = events.iter().filter(|(_, print, _)| !print.is_empty()).map(|(id, print, _)| (id, print)).collect();
            prop_assert_eq!(kinds.iter().filter(|((_, print), _)| !print.is_empty()).count(), distinct.len());
        }
    }
}
