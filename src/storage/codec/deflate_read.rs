//! Streaming inflate over a [`Source`], shared by gzip and zlib streams.

use std::io;

use flate2::{Decompress, FlushDecompress, Status};

use super::source::Source;

/// One step of inflating.
pub(super) struct Step {
    pub(super) produced: usize,
    pub(super) end: StepEnd,
}

pub(super) enum StepEnd {
    /// There may be more.
    More,
    /// The compressed data ended by itself.
    Finished,
    /// The input ended first.
    OutOfInput,
    /// The data is damaged; what was produced before is good.
    Damaged(&'static str),
}

/// Inflates into `target`, which must not be empty. An error of the input below loses nothing: call again.
pub(super) fn step(source: &mut Source, inflate: &mut Decompress, target: &mut [u8]) -> io::Result<Step> {
    let input = source.buffer()?;
    let exhausted = input.is_empty();
    let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
    let result = inflate.decompress(input, target, FlushDecompress::None);
    let consumed = (inflate.total_in() - before_in) as usize;
    let produced = (inflate.total_out() - before_out) as usize;
    source.consume(consumed);
    let end = match result {
        Ok(Status::StreamEnd) => StepEnd::Finished,
        // Without input it may still have bits in hand that found no room the last time.
        Ok(_) if consumed == 0 && produced == 0 && exhausted => StepEnd::OutOfInput,
        Ok(_) if consumed == 0 && produced == 0 => StepEnd::Damaged("the data leads nowhere"),
        Ok(_) => StepEnd::More,
        // zlib's own words depend on how the input was cut into buffers.
        Err(_) => StepEnd::Damaged("invalid deflate data"),
    };
    Ok(Step { produced, end })
}
