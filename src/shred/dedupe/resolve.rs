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
mod tests;
