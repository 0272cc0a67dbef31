//! What is wrong with a compressed stream, and where.

use std::io;

/// A compressed stream that cannot be read to its end. Offsets count bytes from the start of the object: `stored` as
/// stored, `plain` as decoded; everything before `plain` was delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The stream stops in the middle.
    #[error("the {codec} stream ends early, after {stored} stored and {plain} decoded bytes")]
    Truncated {
        /// `gzip`, `lzop` or `deflate`.
        codec: &'static str,
        /// Bytes as stored that were read.
        stored: u64,
        /// Bytes decoded and delivered.
        plain: u64,
    },
    /// The stream holds something that its format forbids, or a checksum disagrees.
    #[error("the {codec} stream is damaged near stored byte {stored} (after {plain} decoded bytes): {detail}")]
    Damaged {
        /// `gzip`, `lzop` or `deflate`.
        codec: &'static str,
        /// Where in the stored bytes, at most one read buffer or block late.
        stored: u64,
        /// Bytes decoded and delivered.
        plain: u64,
        /// What disagrees.
        detail: String,
    },
    /// A format, or a feature of one, that thresh does not read.
    #[error("unsupported codec: {detail}")]
    Unsupported {
        /// What it is, and what to do about it.
        detail: String,
    },
    /// The decoded data is larger than the caller allows.
    #[error("the {codec} stream decodes to more than {limit} bytes")]
    TooLarge {
        /// `gzip`, `lzop` or `deflate`.
        codec: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
}

impl From<CodecError> for io::Error {
    fn from(error: CodecError) -> io::Error {
        let kind = match error {
            CodecError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            CodecError::Unsupported { .. } => io::ErrorKind::Unsupported,
            CodecError::Damaged { .. } | CodecError::TooLarge { .. } => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}
