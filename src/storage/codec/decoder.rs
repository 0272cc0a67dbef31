//! [`Decoder`]: any object as plain bytes.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::Decompress;

use super::deflate_read::{StepEnd, step};
use super::gzip_whole::{self, MemberReader};
use super::lzop_read::LzopReader;
use super::source::Source;
use super::{Codec, CodecError, DETECT_BYTES};

const BUFFER: usize = 256 << 10;

/// Plain bytes of an object. Damage comes as an [`io::Error`] that holds a [`CodecError`], after everything readable
/// was given; [`crate::storage::StorageError::from_io`] takes it out again.
pub struct Decoder {
    codec: Codec,
    kind: Kind,
}

enum Kind {
    Plain(Source),
    Gzip(Box<MemberReader>),
    Lzop(Box<LzopReader>),
    Deflate(Box<DeflateReader>),
}

impl Decoder {
    /// Decodes a stream of bytes as stored. Reads its first bytes to see what it is.
    pub fn new(mut stored: Box<dyn Read + Send>, name: &str) -> io::Result<Decoder> {
        let mut first = Vec::with_capacity(DETECT_BYTES);
        stored.by_ref().take(DETECT_BYTES as u64).read_to_end(&mut first)?;
        let codec = Codec::detect(&first, name)?;
        let all = Cursor::new(first).chain(BufReader::with_capacity(BUFFER, stored));
        Ok(Decoder::with_codec(codec, Box::new(all)))
    }

    /// Decodes an object that is held in memory; faster for gzip.
    pub fn whole(stored: Vec<u8>, name: &str) -> Result<Decoder, CodecError> {
        let codec = Codec::detect(&stored, name)?;
        if codec == Codec::Gzip {
            return Ok(Decoder { codec, kind: Kind::Gzip(Box::new(MemberReader::whole(stored))) });
        }
        Ok(Decoder::with_codec(codec, Box::new(Cursor::new(stored))))
    }

    fn with_codec(codec: Codec, stored: Box<dyn BufRead + Send>) -> Decoder {
        let source = Source::new(stored, 0);
        let kind = match codec {
            Codec::Plain => Kind::Plain(source),
            Codec::Gzip => Kind::Gzip(Box::new(MemberReader::streamed(source))),
            Codec::Lzop => Kind::Lzop(Box::new(LzopReader::new(source))),
            Codec::Deflate => Kind::Deflate(Box::new(DeflateReader::new(source))),
        };
        Decoder { codec, kind }
    }

    /// The next plain bytes, where they were decoded if possible, else in `buffer`. Empty at the end.
    pub fn next_block<'a>(&'a mut self, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        let has_block = match &mut self.kind {
            Kind::Gzip(reader) => reader.has_block(),
            Kind::Plain(_) | Kind::Lzop(_) | Kind::Deflate(_) => false,
        };
        if !has_block {
            buffer.resize(BUFFER, 0);
            let count = loop {
                match self.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    outcome => break outcome?,
                }
            };
            return Ok(&buffer[..count]);
        }
        match &mut self.kind {
            Kind::Gzip(reader) => Ok(reader.take_block()),
            Kind::Plain(_) | Kind::Lzop(_) | Kind::Deflate(_) => Ok(&[]),
        }
    }

    /// What the object is wrapped in.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Bytes as stored up to the end of the data read so far: without zeros that follow a gzip file's last member.
    pub fn data_end(&self) -> u64 {
        match &self.kind {
            Kind::Gzip(reader) => reader.data_end(),
            Kind::Plain(_) | Kind::Lzop(_) | Kind::Deflate(_) => self.stored_position(),
        }
    }

    /// Bytes as stored that were used so far, for progress.
    pub fn stored_position(&self) -> u64 {
        match &self.kind {
            Kind::Plain(source) => source.position(),
            Kind::Gzip(reader) => reader.position(),
            Kind::Lzop(reader) => reader.position(),
            Kind::Deflate(reader) => reader.source.position(),
        }
    }
}

impl Read for Decoder {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        match &mut self.kind {
            Kind::Plain(source) => source.read(target),
            Kind::Gzip(reader) => reader.read(target),
            Kind::Lzop(reader) => reader.read(target),
            Kind::Deflate(reader) => reader.read(target),
        }
    }
}

/// What an object held in memory turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// What it is wrapped in.
    pub codec: Codec,
    /// Where its data ends; zeros that follow a gzip file's last member are padding.
    pub data_end: usize,
}

/// Decodes an object held in memory, appending at most `cap` bytes to `plain`. What is readable is appended even if
/// an error follows.
pub fn decode_whole(stored: &[u8], name: &str, cap: usize, plain: &mut Vec<u8>) -> Result<Whole, CodecError> {
    let codec = Codec::detect(stored, name)?;
    let mut data_end = stored.len();
    match codec {
        Codec::Plain if stored.len() > cap => {
            plain.extend_from_slice(&stored[..cap]);
            return Err(CodecError::TooLarge { codec: codec.name(), limit: cap as u64 });
        }
        Codec::Plain => plain.extend_from_slice(stored),
        Codec::Gzip => data_end = gzip_whole::decode_whole(stored, cap, plain)?,
        Codec::Lzop | Codec::Deflate => {
            let before = plain.len();
            let mut decoder = Decoder::with_codec(codec, Box::new(Cursor::new(stored.to_vec())));
            append_up_to(&mut |target| decoder.read(target), codec.name(), before, cap, plain)?;
        }
    }
    Ok(Whole { codec, data_end })
}

/// Appends what `read` gives until `plain` holds `cap` bytes more than `before`.
pub(super) fn append_up_to(
    read: &mut dyn FnMut(&mut [u8]) -> io::Result<usize>,
    codec: &'static str,
    before: usize,
    cap: usize,
    plain: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let limit = before.saturating_add(cap);
    loop {
        let start = plain.len();
        // One byte beyond the limit shows that there is more.
        let room = BUFFER.min(limit.saturating_sub(start).saturating_add(1));
        plain.resize(start + room, 0);
        let outcome = read(&mut plain[start..]);
        plain.truncate(start + *outcome.as_ref().unwrap_or(&0));
        match outcome {
            Ok(0) => return Ok(()),
            Ok(_) if plain.len() > limit => {
                plain.truncate(limit);
                return Err(CodecError::TooLarge { codec, limit: cap as u64 });
            }
            Ok(_) => {}
            Err(error) => return Err(codec_error(error, codec)),
        }
    }
}

/// Memory does not fail to be read, so the error is one of the codec.
fn codec_error(error: io::Error, codec: &'static str) -> CodecError {
    let detail = error.to_string();
    match error.into_inner().map(|inner| inner.downcast::<CodecError>()) {
        Some(Ok(known)) => *known,
        _ => CodecError::Damaged { codec, stored: 0, plain: 0, detail },
    }
}

/// A single zlib stream, as Hadoop's default codec writes it.
struct DeflateReader {
    source: Source,
    inflate: Decompress,
    plain: u64,
    ended: Option<Result<(), CodecError>>,
}

impl DeflateReader {
    fn new(source: Source) -> DeflateReader {
        DeflateReader { source, inflate: Decompress::new(true), plain: 0, ended: None }
    }

    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while !target.is_empty() {
            match &self.ended {
                Some(Ok(())) => break,
                Some(Err(error)) => return Err(error.clone().into()),
                None => {}
            }
            let done = step(&mut self.source, &mut self.inflate, target)?;
            self.plain += done.produced as u64;
            let (codec, stored, plain) = ("deflate", self.source.position(), self.plain);
            self.ended = match done.end {
                StepEnd::More => None,
                StepEnd::Finished => Some(Ok(())),
                StepEnd::OutOfInput => Some(Err(CodecError::Truncated { codec, stored, plain })),
                StepEnd::Damaged(detail) => {
                    Some(Err(CodecError::Damaged { codec, stored, plain, detail: detail.to_owned() }))
                }
            };
            if done.produced > 0 {
                return Ok(done.produced);
            }
        }
        Ok(0)
    }
}
