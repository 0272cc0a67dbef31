//! Compresses one gzip member: with libdeflate, or at level 1 with ISA-L where the feature `isal` is built in.

use libdeflater::{CompressionLvl, Compressor};

/// Compresses whole gzip members at one level. Keep it: it is expensive to make.
pub(super) enum MemberEncoder {
    Libdeflate(Compressor),
    #[cfg(feature = "isal")]
    Isal(super::gzip_isal::IsalEncoder),
}

impl MemberEncoder {
    /// Levels are 0 (stored) to 12; higher ones count as 12.
    pub fn new(level: u32) -> MemberEncoder {
        #[cfg(feature = "isal")]
        if level == super::gzip_isal::LEVEL {
            return MemberEncoder::Isal(super::gzip_isal::IsalEncoder::new());
        }
        MemberEncoder::Libdeflate(Compressor::new(CompressionLvl::new(level.min(12) as i32).unwrap_or_default()))
    }

    /// The largest number of bytes that `plain` bytes can take as a member.
    pub fn bound(&mut self, plain: usize) -> usize {
        match self {
            MemberEncoder::Libdeflate(compressor) => compressor.gzip_compress_bound(plain),
            #[cfg(feature = "isal")]
            MemberEncoder::Isal(_) => super::gzip_isal::bound(plain),
        }
    }

    /// Writes `plain` as a member to the beginning of `room`, which has at least [`bound`](MemberEncoder::bound) bytes,
    /// and returns the member's size in bytes.
    pub fn encode(&mut self, plain: &[u8], room: &mut [u8]) -> usize {
        match self {
            MemberEncoder::Libdeflate(compressor) => {
                compressor.gzip_compress(plain, room).expect("the bound is sufficient")
            }
            #[cfg(feature = "isal")]
            MemberEncoder::Isal(encoder) => encoder.encode(plain, room),
        }
    }
}
