//! lzop, from the formats' descriptions and byte by byte damage.

use super::*;

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
pub(super) fn crafted(version: u16, needed: u16, method: u8, flags: u32, block: &[u8]) -> Vec<u8> {
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
    let (stored, index) = lzop_of(b"a\nb\n", false);
    let expected = "894c5a4f000d0a1a0a 1010 2060 0940 01 05 00000000 000081a4 6553f100 00000000 00 2d2203be
        00000004 00000004 610a620a 00000000";
    assert_eq!(stored, hex(expected));
    assert_eq!(index, hex("0000000000000026"));
    let long = text(60_000);
    for compress in [false, true] {
        let (stored, index) = lzop_of(&long, compress);
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

/// Moves the blocks of all files into one file.
fn merged(files: &[Vec<u8>]) -> (Vec<u8>, Vec<u8>) {
    let mut out = Vec::new();
    let mut encoder: Option<LzopEncoder> = None;
    for file in files {
        let mut blocks = LzopBlocks::new(Box::new(Cursor::new(file.clone())));
        while let Some(block) = blocks.next_block().unwrap() {
            let begin = |out: &mut Vec<u8>| LzopEncoder::with_checksums(block.checksums, false, 0, out);
            encoder.get_or_insert_with(|| begin(&mut out)).append_block(block, &mut out);
        }
    }
    let index = encoder.unwrap().finish(&mut out);
    (out, index)
}

#[test]
fn blocks_of_several_files_make_one() {
    let first = hex(LZOP_AB);
    let (file, index) = merged(&[first.clone(), first.clone()]);
    assert_eq!(decode(&file, "x"), (b"a\nb\na\nb\n".to_vec(), None));
    // Our header is without a name: 38 bytes.
    assert_eq!(file.len(), 38 + 16 + 16 + 4);
    assert_eq!(index, [38_u64.to_be_bytes(), 54_u64.to_be_bytes()].concat());
    assert_eq!(file[54..58], 4_u32.to_be_bytes(), "the index points at a block's size");
    let text = text(40_000);
    for flags in [0, 0x1, 0x2, 0x100, 0x200, 0x303] {
        let mut other = Vec::new();
        let mut encoder = LzopEncoder::with_checksums(flags, true, 0, &mut other);
        encoder.append(&text, &mut other);
        encoder.finish(&mut other);
        assert_eq!(decode(&other, "x"), (text.clone(), None), "{flags:x}");
        let (file, _) = merged(&[other.clone(), first.clone()]);
        assert_eq!(decode(&file, "x"), ([text.as_slice(), b"a\nb\n"].concat(), None), "{flags:x}");
        assert!(file.len() < other.len() + 60, "blocks stay compressed");
        let mut damaged = file.clone();
        let at = damaged.len() - 6;
        damaged[at] ^= 1;
        assert_eq!(
            decode(&damaged, "x").1.is_some(),
            flags & 0x101 != 0,
            "{flags:x}: checksums are those of the first"
        );
    }
}
