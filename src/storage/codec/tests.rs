use std::io::{self, Cursor, Read};

use proptest::prelude::*;

use super::*;

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

fn gzip(members: &[&[u8]]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(GzipMembers::Many, 6);
    let mut out = Vec::new();
    for member in members {
        encoder.block(member, &mut out);
    }
    out
}

fn lzop(plain: &[u8], compress: bool) -> (Vec<u8>, Vec<u8>) {
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
fn gzip_reads_every_member_and_tolerates_zero_padding() {
    let both = [hex(AB), hex(CD)].concat();
    assert_eq!(decode(&both, "x"), (b"a\nb\nc\nd".to_vec(), None));
    let padded = [both.clone(), vec![0; 1000]].concat();
    assert_eq!(decode(&padded, "x"), (b"a\nb\nc\nd".to_vec(), None));
    let padded_between = [hex(AB), vec![0; 3], gzip(&[b""]), hex(CD)].concat();
    assert_eq!(decode(&padded_between, "x"), (b"a\nb\nc\nd".to_vec(), None));
    let many: Vec<Vec<u8>> = (0..300).map(|n| text(n * 10)).collect();
    let members: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    assert_eq!(decode(&gzip(&members), "x"), (many.concat(), None));
}

#[test]
fn gzip_headers_may_carry_every_optional_field() {
    let stored = hex(AB);
    let mut rich = stored[..3].to_vec();
    rich.push(0x1E);
    rich.extend_from_slice(&stored[4..10]);
    rich.extend_from_slice(b"\x03\0xyzname.log\0a comment\0");
    // The header's CRC-16, which libdeflate and we pass over.
    rich.extend_from_slice(b"\x12\x34");
    rich.extend_from_slice(&stored[10..]);
    assert_eq!(decode(&rich, "x"), (b"a\nb\n".to_vec(), None));
    for length in 3..rich.len() {
        let (_, error) = decode(&rich[..length], "x");
        assert!(matches!(error, Some(CodecError::Truncated { .. })), "{length}: {error:?}");
    }
}

#[test]
fn damaged_gzip_gives_what_is_readable_and_says_where() {
    let first = text(50_000);
    let second = text(30_000);
    let stored = gzip(&[&first, &second]);
    let border = gzip(&[&first]).len();

    let (plain, error) = decode(&stored[..stored.len() - 5_000], "x.gz");
    assert!(plain.len() > first.len() && [first.clone(), second.clone()].concat().starts_with(&plain));
    let cut = CodecError::Truncated { codec: "gzip", stored: stored.len() as u64 - 5_000, plain: plain.len() as u64 };
    assert_eq!(error, Some(cut));

    let mut wrong_crc = stored.clone();
    wrong_crc[border - 8] ^= 1;
    let (plain, error) = decode(&wrong_crc, "x.gz");
    assert_eq!(plain, first, "what came before is given; what comes after is not trusted");
    let Some(CodecError::Damaged { stored: at, detail, .. }) = error else { panic!("{error:?}") };
    assert_eq!(at, border as u64);
    assert!(detail.contains("CRC-32"), "{detail}");

    let mut wrong_length = stored.clone();
    wrong_length[border - 1] ^= 1;
    assert!(decode(&wrong_length, "x").1.unwrap().to_string().contains("length"));

    let garbage = [stored.as_slice(), b"\0\0garbage"].concat();
    let (plain, error) = decode(&garbage, "x");
    assert_eq!(plain, [first, second].concat());
    assert!(error.unwrap().to_string().contains("after the last member"));

    assert!(decode(b"plain text", "x.gz").1.unwrap().to_string().contains("it is not gzip"));
    assert!(decode(b"\x1f\x8b\x07\0\0\0\0\0\0\0\0", "x").1.unwrap().to_string().contains("method"));
    assert_eq!(decode(b"\x1f", "x.gz").1, Some(CodecError::Truncated { codec: "gzip", stored: 1, plain: 0 }));
}

#[test]
fn members_larger_than_a_chunk_are_streamed() {
    let big = text(900_000);
    assert!(big.len() > 16 << 20);
    let stored = gzip(&[b"small\n", &big, b"small\n"]);
    let expected = [b"small\n".as_slice(), &big, b"small\n"].concat();
    assert!(streamed(&stored, 1 << 20, "x") == (expected.clone(), None));
    assert!(whole(&stored, "x") == (expected.clone(), None));
    let mut plain = Vec::new();
    decode_whole(&stored, "x", expected.len(), &mut plain).unwrap();
    assert!(plain == expected);
}

#[test]
fn a_cap_stops_bombs_of_every_codec() {
    let bomb = vec![b'x'; 3 << 20];
    let gz = gzip(&[&bomb[..1 << 20], &bomb[1 << 20..]]);
    let lzo = lzop(&bomb, true).0;
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
fn lzop_files_of_other_writers_are_read() {
    assert_eq!(decode(&hex(LZOP_AB), "x"), (b"a\nb\n".to_vec(), None));
    assert_eq!(decode(&hex(LZOP_BAD), "x"), (b"bad".to_vec(), None));
    assert_eq!(hex(LZOP_BAD).len(), 86);
    let twice = [hex(LZOP_AB), hex(LZOP_BAD)].concat();
    assert_eq!(decode(&twice, "x"), (b"a\nb\nbad".to_vec(), None));
    let mut without_end = hex(LZOP_AB);
    without_end.truncate(59);
    assert_eq!(decode(&without_end, "x"), (b"a\nb\n".to_vec(), None));
}

#[test]
fn damaged_lzop_is_noticed() {
    let good = hex(LZOP_AB);
    for length in 1..good.len() {
        let (plain, error) = decode(&good[..length], "x.lzo");
        let whole_blocks = [43, 59].contains(&length);
        assert_eq!(error.is_none(), whole_blocks, "{length}: {error:?}");
        assert_eq!(plain.is_empty(), length < 59, "{length}");
        assert!(whole_blocks || matches!(error, Some(CodecError::Truncated { stored, .. }) if stored == length as u64));
    }
    let flipped = |at: usize, bit: u8| {
        let mut bad = good.clone();
        bad[at] ^= bit;
        decode(&bad, "x").1.map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(flipped(35, 1).contains("header"), "a letter of the name");
    assert!(flipped(55, 1).contains("Adler-32"), "a data byte");
    assert!(flipped(43, 0x80).contains("claims"), "a block of 2 GiB");
    assert!(flipped(50, 1).contains("claims"), "more stored than plain");
    assert!(flipped(18, 0x04).contains("unsupported"), "flags: see below");
    assert!(decode(b"no lzop at all", "x.lzo").1.unwrap().to_string().contains("it is not lzop"));
    let trailing = [good.as_slice(), b"\0\0\0junk"].concat();
    let (plain, error) = decode(&trailing, "x");
    assert_eq!(plain, b"a\nb\n");
    assert!(error.unwrap().to_string().contains("after the last block"));
}

/// An lzop file with a header of our choice and one block, every checksum that the flags ask for included.
fn crafted(version: u16, needed: u16, method: u8, flags: u32, block: &[u8]) -> Vec<u8> {
    let checksum = |data: &[u8], crc: bool| if crc { crc32fast::hash(data) } else { libdeflater::adler32(data) };
    let header_crc = flags & 0x1000 != 0;
    let mut header = [version.to_be_bytes(), [0x20, 0x60]].concat();
    if version >= 0x0940 {
        header.extend(needed.to_be_bytes());
    }
    header.push(method);
    if version >= 0x0940 {
        header.push(5);
    }
    header.extend(flags.to_be_bytes());
    header.extend([0; 8]);
    if version >= 0x0940 {
        header.extend([0; 4]);
    }
    header.extend(b"\x02ab");
    let mut out = [LZOP_MAGIC.as_slice(), &header, &checksum(&header, header_crc).to_be_bytes()].concat();
    if flags & 0x40 != 0 {
        let extra = b"\0\0\0\x05extra";
        out.extend_from_slice(extra);
        out.extend(checksum(extra, header_crc).to_be_bytes());
    }
    let packed = lzokay::compress::compress(block).unwrap();
    assert!(packed.len() < block.len());
    out.extend((block.len() as u32).to_be_bytes());
    out.extend((packed.len() as u32).to_be_bytes());
    for (flag, data, crc) in
        [(0x1, block, false), (0x100, block, true), (0x2, packed.as_slice(), false), (0x200, &packed, true)]
    {
        if flags & flag != 0 {
            out.extend(checksum(data, crc).to_be_bytes());
        }
    }
    out.extend(packed);
    out.extend([0; 4]);
    out
}

#[test]
fn lzop_headers_and_checksums_of_every_kind() {
    let block = text(1000);
    for flags in [0, 0x1, 0x2, 0x100, 0x200, 0x303, 0x1303, 0x1343, 0x0300_0041] {
        for (version, method) in [(0x1030, 1), (0x0940, 2), (0x0900, 3)] {
            let stored = crafted(version, 0x0940, method, flags, &block);
            assert_eq!(decode(&stored, "x"), (block.clone(), None), "{flags:x} {version:x}");
            let mut bad = stored.clone();
            let last = bad.len() - 40;
            bad[last] ^= 0x55;
            // Without checksums damage may go unnoticed; with them it never may.
            assert!(flags & 0x303 == 0 || decode(&bad, "x").1.is_some(), "{flags:x}");
        }
    }
    for (needed, method, flags) in
        [(0x0940, 1, 0x400), (0x0940, 1, 0x800), (0x0940, 1, 0x4000), (0x0940, 4, 0), (0x0940, 0, 0), (0x1040, 1, 0)]
    {
        let (plain, error) = decode(&crafted(0x1040, needed, method, flags, &block), "x");
        assert!(plain.is_empty() && matches!(error, Some(CodecError::Unsupported { .. })), "{needed:x} {flags:x}");
    }
}

#[test]
fn lzop_is_written_as_the_s3_loader_does() {
    let (stored, index) = lzop(b"a\nb\n", false);
    let expected = "894c5a4f000d0a1a0a 1010 2060 0940 01 05 00000000 000081a4 6553f100 00000000 00 2d2203be
        00000004 00000004 610a620a 00000000";
    assert_eq!(stored, hex(expected));
    assert_eq!(index, hex("0000000000000026"));
    let long = text(60_000);
    for compress in [false, true] {
        let (stored, index) = lzop(&long, compress);
        assert_eq!(decode(&stored, "x"), (long.clone(), None));
        let mut offset = 0x26;
        for entry in index.chunks(8) {
            assert_eq!(u64::from_be_bytes(entry.try_into().unwrap()), offset);
            let at = offset as usize;
            let plain_size = u32::from_be_bytes(stored[at..at + 4].try_into().unwrap());
            let stored_size = u32::from_be_bytes(stored[at + 4..at + 8].try_into().unwrap());
            assert!(plain_size <= 245_693 && (stored_size < plain_size) == compress);
            offset += 8 + u64::from(stored_size);
        }
        assert_eq!(offset as usize + 4, stored.len());
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

fn gzip_file(members: GzipMembers, blocks: &[&[u8]]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(members, 1);
    let mut out = Vec::new();
    let mut frame = GzipFrame::begin(members, &mut out);
    for block in blocks {
        frame.add(encoder.block(block, &mut out));
    }
    frame.finish(&mut out);
    out
}

#[test]
fn gzip_files_have_as_many_members_as_asked_for() {
    let long = text(50_000);
    let blocks = [b"one\n".as_slice(), &long, b"", b"two\n"];
    let first_member = |stored: &[u8]| {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(stored).read_to_end(&mut plain).unwrap();
        plain
    };
    let many = gzip_file(GzipMembers::Many, &blocks);
    assert_eq!(decode(&many, "x"), (blocks.concat(), None));
    assert_eq!(first_member(&many), b"one\n");
    let single = gzip_file(GzipMembers::Single, &blocks);
    assert_eq!(decode(&single, "x"), (blocks.concat(), None));
    assert_eq!(first_member(&single), blocks.concat());
    for members in [GzipMembers::Many, GzipMembers::Single] {
        let empty = gzip_file(members, &[]);
        assert_eq!(decode(&empty, "x"), (vec![], None));
        assert_eq!(first_member(&empty), b"");
    }
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
        prop_assert_eq!(decode(&lzop(&plain, compress).0, "x"), (plain, None));
    }

    #[test]
    fn damage_never_panics_and_never_invents(
        pieces in pieces(), lzo: bool, at in any::<prop::sample::Index>(), bit in 0_u32..8, cut in any::<prop::sample::Index>(),
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
