mod gzip;
mod lzop;

use std::io::{self, Cursor, Read};

use proptest::prelude::*;

use super::*;
use gzip::gzip_file;
use lzop::crafted;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Gives a few bytes at a time, as a network may.
struct Dribble(Cursor<Vec<u8>>, usize);

impl Read for Dribble {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = target.len().min(self.1);
        self.0.read(&mut target[..count])
    }
}

type Outcome = (Vec<u8>, Option<CodecError>);

fn drain(decoder: io::Result<Decoder>) -> Outcome {
    let mut plain = Vec::new();
    let error = match decoder {
        Ok(mut decoder) => decoder.read_to_end(&mut plain).err(),
        Err(error) => Some(error),
    };
    let error = error.map(|error| *error.into_inner().unwrap().downcast::<CodecError>().unwrap());
    (plain, error)
}

fn streamed(stored: &[u8], step: usize, name: &str) -> Outcome {
    drain(Decoder::new(Box::new(Dribble(Cursor::new(stored.to_vec()), step)), name))
}

fn whole(stored: &[u8], name: &str) -> Outcome {
    drain(Decoder::whole(stored.to_vec(), name).map_err(io::Error::from))
}

/// Every way to decode must agree.
fn decode(stored: &[u8], name: &str) -> Outcome {
    let outcome = streamed(stored, 1 << 20, name);
    assert_eq!(outcome, streamed(stored, 7, name));
    assert_eq!(outcome, whole(stored, name));
    let mut plain = b"before".to_vec();
    let result = decode_whole(stored, name, 1 << 30, &mut plain);
    assert_eq!(outcome, (plain[6..].to_vec(), result.err()));
    outcome
}

fn text(lines: usize) -> Vec<u8> {
    (0..lines).flat_map(|line| format!("{line}\tsome text {}\n", line * 7919 % 1000).into_bytes()).collect()
}

fn gzip_of(members: &[&[u8]]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(GzipMembers::Many, 6);
    let mut out = Vec::new();
    for member in members {
        encoder.block(member, &mut out);
    }
    out
}

fn lzop_of(plain: &[u8], compress: bool) -> (Vec<u8>, Vec<u8>) {
    let mut out = Vec::new();
    let mut encoder = LzopEncoder::new(compress, 1_700_000_000, &mut out);
    for piece in plain.chunks(1 << 20) {
        encoder.append(piece, &mut out);
    }
    let index = encoder.finish(&mut out);
    (out, index)
}

const AB: &str = "1f8b08000000000000034be44ae20200972a571804000000";
const CD: &str = "1f8b08000000000000034be64a0100a0e1e00503000000";
const LZOP_AB: &str =
    "894c5a4f000d0a1a0a 1040 20a0 0940 01 05 03000001 000081a4 6b021dde 00000000 05 612e747874 4da905e5
    00000004 00000004 027400d8 610a620a 00000000";
/// The reference's test file of a corrupted record.
const LZOP_BAD: &str = "894c5a4f000d0a1a0a 1030 2060 0940 01 05 03000001 000081b4 5892f26f 00000000
    1d 436f727275707465645468726966744c696e6573537065632e6c696e65 6c6d1036
    00000003 00000003 024f0128 626164 00000000";

#[test]
fn content_decides_before_the_name() {
    let detect = |first: &[u8], name| Codec::detect(first, name);
    assert_eq!(detect(&hex(AB), "x.lzo"), Ok(Codec::Gzip));
    assert_eq!(detect(&hex(LZOP_AB), "x.gz"), Ok(Codec::Lzop));
    assert_eq!(detect(b"text", "x.gz"), Ok(Codec::Gzip));
    assert_eq!(detect(b"text", "X.GZ"), Ok(Codec::Gzip));
    assert_eq!(detect(b"text", "x.lzo"), Ok(Codec::Lzop));
    assert_eq!(detect(b"text", "x.gz.txt"), Ok(Codec::Plain));
    assert_eq!(detect(b"x\x9c", "part.deflate"), Ok(Codec::Deflate));
    assert_eq!(detect(b"", "x.bz2"), Ok(Codec::Plain));
    for (first, name) in [(b"text".as_slice(), "a.bz2"), (b"text", "a.snappy"), (b"\x28\xB5\x2F\xFD\0", "a.log")] {
        let error = detect(first, name).unwrap_err();
        assert!(matches!(error, CodecError::Unsupported { .. }), "{error}");
        assert!(decode(first, name).1.is_some());
    }
    assert!(is_lzop_index("2015-a.lzo.index") && !is_lzop_index("a.lzo"));
}

#[test]
fn plain_and_empty_objects_pass_through() {
    let long = text(100_000);
    assert_eq!(decode(&long, "x.txt"), (long.clone(), None));
    for name in ["x", "x.gz", "x.lzo", "x.deflate"] {
        assert_eq!(decode(b"", name), (vec![], None));
    }
    assert_eq!(decode(b"a", "x"), (b"a".to_vec(), None));
}

#[test]
fn a_cap_stops_bombs_of_every_codec() {
    let bomb = vec![b'x'; 3 << 20];
    let gz = gzip_of(&[&bomb[..1 << 20], &bomb[1 << 20..]]);
    let lzo = lzop_of(&bomb, true).0;
    for (stored, name) in [(&gz, "a.gz"), (&lzo, "a.lzo"), (&bomb, "a")] {
        for cap in [0, 1, 100, 1 << 20, (1 << 20) + 1, bomb.len() - 1] {
            let mut plain = b"ab".to_vec();
            let error = decode_whole(stored, name, cap, &mut plain).unwrap_err();
            assert!(
                matches!(error, CodecError::TooLarge { limit, .. } if limit == cap as u64),
                "{name} {cap}: {error}"
            );
            assert_eq!(plain.len(), cap + 2, "{name} {cap}");
        }
        let mut plain = b"ab".to_vec();
        decode_whole(stored, name, bomb.len(), &mut plain).unwrap();
        assert_eq!(plain.len(), bomb.len() + 2);
    }
}

#[test]
fn deflate_streams_are_read_by_name() {
    let plain = text(5000);
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
    let mut stored = vec![0; compressor.zlib_compress_bound(plain.len())];
    let size = compressor.zlib_compress(&plain, &mut stored).unwrap();
    stored.truncate(size);
    assert_eq!(decode(&stored, "part-00000.deflate"), (plain.clone(), None));
    let (part, error) = decode(&stored[..size / 2], "part-00000.deflate");
    assert!(plain.starts_with(&part) && !part.is_empty());
    assert!(matches!(error, Some(CodecError::Truncated { codec: "deflate", .. })));
    assert!(decode(b"text, not zlib", "part-00000.deflate").1.is_some());
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(prop::sample::select(b"abc\n\0\xff".to_vec()), 0..400), 0..6)
}

proptest! {
    #[test]
    fn what_is_written_is_read(pieces in pieces(), single: bool, compress: bool) {
        let plain = pieces.concat();
        let blocks: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let members = if single { GzipMembers::Single } else { GzipMembers::Many };
        prop_assert_eq!(decode(&gzip_file(members, &blocks), "x"), (plain.clone(), None));
        prop_assert_eq!(decode(&lzop_of(&plain, compress).0, "x"), (plain, None));
    }

    #[test]
    fn damage_never_panics_and_never_invents(
        pieces in pieces(), lzo: bool, bit in 0_u32..8,
        at in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(),
    ) {
        let plain = pieces.concat();
        let blocks: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let mut stored = if lzo { crafted(0x1030, 0x0940, 1, 0x303, &[plain.as_slice(), &[b'x'; 64]].concat()) }
            else { gzip_file(GzipMembers::Many, &blocks) };
        let place = at.index(stored.len());
        stored[place] ^= 1_u8 << bit;
        decode(&stored, if lzo { "x.lzo" } else { "x.gz" });
        stored[place] ^= 1_u8 << bit;
        stored.truncate(cut.index(stored.len() + 1));
        let (given, _) = decode(&stored, "x");
        if stored.len() >= DETECT_BYTES {
            prop_assert!([plain.as_slice(), &[b'x'; 64]].concat().starts_with(&given));
        }
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300), lzo: bool, header: bool) {
        let mut stored = match (lzo, header) {
            (true, true) => hex(LZOP_AB)[..43].to_vec(),
            (false, true) => hex(AB)[..10].to_vec(),
            _ => Vec::new(),
        };
        stored.extend(noise);
        decode(&stored, if lzo { "x.lzo" } else { "x.gz" });
    }
}
