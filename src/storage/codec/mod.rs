//! Compressed streams: what an object is wrapped in, decided by its first bytes, then by its name; decoders that give
//! everything readable before they report damage; encoders.
//!
//! Formats: RFC 1952 (gzip), RFC 1950 (`.deflate`, as Hadoop's default codec writes it), lzop 1.04 and
//! twitter/hadoop-lzo `LzopInputStream` (lzop).

mod decoder;
mod deflate_read;
mod error;
#[cfg(feature = "isal")]
mod gzip_isal;
mod gzip_member;
mod gzip_read;
mod gzip_whole;
mod gzip_write;
mod lzop_blocks;
mod lzop_read;
mod lzop_write;
mod source;

pub use decoder::{Decoder, Whole, decode_whole};
pub use error::CodecError;
pub use gzip_write::{GzipBlock, GzipEncoder, GzipFrame, GzipMembers};
pub use lzop_blocks::{LzopBlock, LzopBlocks};
pub use lzop_write::LzopEncoder;

/// How an object is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Plain,
    /// gzip, one member or many.
    Gzip,
    /// An lzop file.
    Lzop,
    /// One zlib stream, known by the name's end `.deflate` only.
    Deflate,
}

/// As many first bytes as [`Codec::detect`] ever looks at.
pub const DETECT_BYTES: usize = 10;

const LZOP_MAGIC: [u8; 9] = [0x89, b'L', b'Z', b'O', 0x00, 0x0D, 0x0A, 0x1A, 0x0A];
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

/// Formats that are told apart so that they are not taken for garbled text: first bytes, end of the name, what it is.
const UNSUPPORTED: [(&[u8], &str, &str); 9] = [
    (b"\x28\xB5\x2F\xFD", ".zst", "zstd"),
    (b"\xFD7zXZ\x00", ".xz", "xz"),
    (b"PK\x03\x04", ".zip", "a zip archive"),
    (b"BZh91AY&SY", ".bz2", "bzip2"),
    (b"\xFF\x06\x00\x00sNaPpY", ".snappy", "snappy"),
    (b"\x04\x22\x4D\x18", ".lz4", "lz4"),
    (b"", ".br", "brotli"),
    (b"", ".lzo_deflate", "LZO without the lzop container"),
    (b"", ".7z", "a 7z archive"),
];

impl Codec {
    /// Decides by the first bytes (at least [`DETECT_BYTES`] of them if the object has as many), then by the name. An
    /// empty object is plain whatever its name.
    pub fn detect(first: &[u8], name: &str) -> Result<Codec, CodecError> {
        if first.starts_with(&GZIP_MAGIC) {
            return Ok(Codec::Gzip);
        }
        if first.starts_with(&LZOP_MAGIC) {
            return Ok(Codec::Lzop);
        }
        if first.is_empty() {
            return Ok(Codec::Plain);
        }
        let name = name.to_ascii_lowercase();
        for (magic, ending, what) in UNSUPPORTED {
            let by_content = !magic.is_empty() && first.starts_with(magic);
            if by_content || name.ends_with(ending) {
                let how = if by_content { "content" } else { "name" };
                let detail = format!("{what} by its {how}; decompress it, or recompress it with gzip");
                return Err(CodecError::Unsupported { detail });
            }
        }
        Ok(match name.rsplit_once('.') {
            Some((_, "gz")) => Codec::Gzip,
            Some((_, "lzo")) => Codec::Lzop,
            Some((_, "deflate")) => Codec::Deflate,
            _ => Codec::Plain,
        })
    }

    /// The codec's name, as in messages.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Plain => "plain",
            Codec::Gzip => "gzip",
            Codec::Lzop => "lzop",
            Codec::Deflate => "deflate",
        }
    }
}

/// Whether a name is that of an index beside an lzop file: it only helps to split, and is never data.
pub fn is_lzop_index(name: &str) -> bool {
    name.ends_with(".lzo.index")
}

#[cfg(test)]
mod tests;
