//! Writes gzip in blocks that workers compress independently of each other.
//!
//! Either every block is a complete member, or all blocks form one member: each is then a run of deflate blocks that
//! ends on a byte border (a sync flush), and the checksums are combined. Source: RFC 1951, 1952.

use flate2::{Compress, Compression, FlushCompress, Status};

use super::gzip_member::MemberEncoder;

/// How many members a gzip file gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GzipMembers {
    /// One a block: the fastest, and read by everything that reads gzip as RFC 1952 describes it.
    #[default]
    Many,
    /// One for the whole file, for readers that stop after the first.
    Single,
}

/// What the frame needs to know of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GzipBlock {
    crc32: u32,
    plain: u64,
}

/// A worker's compressor; keep it, it is expensive to make.
pub struct GzipEncoder {
    kind: Kind,
}

enum Kind {
    Many {
        encoder: MemberEncoder,
        /// Room for the worst case, kept from block to block.
        room: Vec<u8>,
    },
    Single(Compress),
}

impl GzipEncoder {
    /// A compressor of the given level: 0 (stored) to 12 for many members, to 9 for one; higher levels count as the
    /// highest.
    pub fn new(members: GzipMembers, level: u32) -> GzipEncoder {
        let kind = match members {
            GzipMembers::Many => Kind::Many { encoder: MemberEncoder::new(level), room: Vec::new() },
            GzipMembers::Single => Kind::Single(Compress::new(Compression::new(level.min(9)), false)),
        };
        GzipEncoder { kind }
    }

    /// Appends `plain` compressed to `out`. Blocks may be placed in any order; each is independent.
    pub fn block(&mut self, plain: &[u8], out: &mut Vec<u8>) -> GzipBlock {
        match &mut self.kind {
            Kind::Many { encoder, room } => {
                let bound = encoder.bound(plain.len());
                if room.len() < bound {
                    room.resize(bound, 0);
                }
                let size = encoder.encode(plain, room);
                out.extend_from_slice(&room[..size]);
                GzipBlock { crc32: 0, plain: plain.len() as u64 }
            }
            Kind::Single(compress) => {
                compress.reset();
                deflate_synced(compress, plain, out);
                GzipBlock { crc32: crc32fast::hash(plain), plain: plain.len() as u64 }
            }
        }
    }
}

fn deflate_synced(compress: &mut Compress, plain: &[u8], out: &mut Vec<u8>) {
    loop {
        let consumed = compress.total_in() as usize;
        out.reserve((plain.len() - consumed) / 4 + 1024);
        let status = compress.compress_vec(&plain[consumed..], out, FlushCompress::Sync);
        debug_assert!(matches!(status, Ok(Status::Ok | Status::BufError)));
        // Flushed when there was room to spare.
        if compress.total_in() as usize == plain.len() && out.len() < out.capacity() {
            return;
        }
    }
}

/// What comes before, and after, the blocks of one file.
#[derive(Clone, Debug)]
pub struct GzipFrame {
    members: GzipMembers,
    crc: crc32fast::Hasher,
    plain: u64,
    blocks: u64,
}

impl GzipFrame {
    /// Begins a file.
    pub fn begin(members: GzipMembers, out: &mut Vec<u8>) -> GzipFrame {
        if members == GzipMembers::Single {
            // No name, no time, so that equal data gives equal files; operating system unknown.
            out.extend_from_slice(&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF]);
        }
        GzipFrame { members, crc: crc32fast::Hasher::new(), plain: 0, blocks: 0 }
    }

    /// Notes the next block of the file.
    pub fn add(&mut self, block: GzipBlock) {
        if self.members == GzipMembers::Single {
            self.crc.combine(&crc32fast::Hasher::new_with_initial_len(block.crc32, block.plain));
        }
        self.plain += block.plain;
        self.blocks += 1;
    }

    /// Ends the file. One without blocks becomes a valid empty gzip file.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self.members {
            GzipMembers::Many if self.blocks == 0 => {
                GzipEncoder::new(GzipMembers::Many, 1).block(&[], out);
            }
            GzipMembers::Many => {}
            GzipMembers::Single => {
                // An empty last block, CRC-32, length modulo 2^32.
                out.extend_from_slice(&[0x03, 0x00]);
                out.extend_from_slice(&self.crc.finalize().to_le_bytes());
                out.extend_from_slice(&(self.plain as u32).to_le_bytes());
            }
        }
    }
}
