//! gzip: members, headers, padding, damage.

use super::*;

#[test]
fn gzip_reads_every_member_and_tolerates_zero_padding() {
    let both = [hex(AB), hex(CD)].concat();
    assert_eq!(decode(&both, "x"), (b"a\nb\nc\nd".to_vec(), None));
    let padded = [both.clone(), vec![0; 1000]].concat();
    assert_eq!(decode(&padded, "x"), (b"a\nb\nc\nd".to_vec(), None));
    let padded_between = [hex(AB), vec![0; 3], gzip_of(&[b""]), hex(CD)].concat();
    assert_eq!(decode(&padded_between, "x"), (b"a\nb\nc\nd".to_vec(), None));
    let many: Vec<Vec<u8>> = (0..300).map(|n| text(n * 10)).collect();
    let members: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    assert_eq!(decode(&gzip_of(&members), "x"), (many.concat(), None));
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
    let stored = gzip_of(&[&first, &second]);
    let border = gzip_of(&[&first]).len();

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
    let stored = gzip_of(&[b"small\n", &big, b"small\n"]);
    let expected = [b"small\n".as_slice(), &big, b"small\n"].concat();
    assert!(streamed(&stored, 1 << 20, "x") == (expected.clone(), None));
    assert!(whole(&stored, "x") == (expected.clone(), None));
    let mut plain = Vec::new();
    decode_whole(&stored, "x", expected.len(), &mut plain).unwrap();
    assert!(plain == expected);
}

/// The window of a streamed object moves over members of all sizes.
#[test]
fn streams_of_many_members() {
    let lines = text(60_000);
    let mut state = 1_u64;
    let mut next_byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let noise: Vec<u8> = (0..6 << 20).map(|_| next_byte()).collect();
    let members: Vec<&[u8]> = lines.chunks(70_000).chain(noise.chunks(900_000)).chain([&noise[..5 << 20]]).collect();
    let stored = gzip_of(&members);
    let expected = members.concat();
    assert!(stored.len() > 8 << 20, "{}", stored.len());
    for step in [1 << 20, 65_521] {
        assert!(streamed(&stored, step, "x") == (expected.clone(), None));
    }
    assert!(whole(&stored, "x") == (expected, None));
    let (plain, error) = streamed(&stored[..3 << 20], 1 << 20, "x");
    assert!(members.concat().starts_with(&plain) && plain.len() > 3 << 20);
    assert!(matches!(error, Some(CodecError::Truncated { stored: 3_145_728, .. })), "{error:?}");
}

/// What was read before the stream failed is not lost.
#[test]
fn a_stream_that_fails_half_way() {
    let first = text(1000);
    let mut stored = gzip_of(&[&first, &first]);
    stored.truncate(stored.len() - 9);
    let failing = Cursor::new(stored).chain(Refusing);
    let mut plain = Vec::new();
    let error = Decoder::new(Box::new(failing), "x").unwrap().read_to_end(&mut plain).unwrap_err();
    assert_eq!(error.to_string(), "connection lost");
    assert!(plain.starts_with(&first) && plain.len() > first.len());
}

struct Refusing;

impl Read for Refusing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("connection lost"))
    }
}

pub(super) fn gzip_file(members: GzipMembers, blocks: &[&[u8]]) -> Vec<u8> {
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
pub(super) fn gzip_files_have_as_many_members_as_asked_for() {
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

#[test]
fn padding_does_not_belong_to_the_data() {
    let stored = gzip_of(&[b"a\n", b"b\n"]);
    for padding in [0, 1, 600] {
        let mut padded = stored.clone();
        padded.resize(stored.len() + padding, 0);
        let found = decode_whole(&padded, "x", 100, &mut Vec::new()).unwrap();
        assert_eq!(found, Whole { codec: Codec::Gzip, data_end: stored.len() });
        let mut whole = Decoder::whole(padded.clone(), "x").unwrap();
        let mut streamed = Decoder::new(Box::new(Cursor::new(padded)), "x").unwrap();
        for decoder in [&mut whole, &mut streamed] {
            io::copy(decoder, &mut io::sink()).unwrap();
            assert_eq!(decoder.data_end(), stored.len() as u64);
        }
    }
}

/// One encoder makes members of everything it is given, whatever came before: text, what cannot be compressed, what is
/// all the same, next to nothing. Level 1 has an encoder of its own in builds with the feature `isal`.
#[test]
fn an_encoder_is_used_again_for_blocks_of_all_kinds() {
    let mut state = 7_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(3 << 20)
    .collect();
    let (long, same, high) = (text(120_000), vec![0; 300_000], vec![0xFF; 70_000]);
    let blocks: [&[u8]; 14] = [
        &long,
        &noise,
        b"",
        b"x",
        &same,
        &long[..100],
        &noise[..65_535],
        &noise[..65_536],
        &noise[..131_070],
        &high,
        b"\0\0\0\0\0\0\0\0",
        &noise[..1],
        &long[..1 << 20],
        b"\n",
    ];
    for level in [0, 1, 2, 6, 9, 12] {
        let mut encoder = GzipEncoder::new(GzipMembers::Many, level);
        let mut stored = Vec::new();
        for (number, block) in blocks.iter().enumerate() {
            let before = stored.len();
            encoder.block(block, &mut stored);
            let member = &stored[before..];
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(member).read_to_end(&mut plain).unwrap();
            assert!(plain == *block, "block {number} at level {level}");
            assert!(member.len() <= block.len() + block.len() / 1000 + 64, "{number}, {level}: {}", member.len());
            if level > 0 && block.len() >= 70_000 && block[..100] != noise[..100] {
                assert!(member.len() < block.len() / 3, "{number}, {level}: {}", member.len());
            }
        }
        assert!(whole(&stored, "x") == (blocks.concat(), None), "level {level}");
    }
}
