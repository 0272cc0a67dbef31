use super::super::serialized_block::MARKER;
use super::super::*;
use proptest::prelude::*;

/// Feeds a stream to a framer in pieces and returns all records and the bytes skipped.
fn framed(format: &RawFormat, stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, u64) {
    let mut framer = Framer::new(format);
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    let mut skipped = 0;
    let mut take = |buffer: &mut Vec<u8>, eof: bool| {
        let cut = framer.cut(buffer, eof);
        let chunk: Vec<u8> = buffer.drain(..cut).collect();
        let mut records = records(format, &chunk);
        found.extend(records.by_ref().map(<[u8]>::to_vec));
        skipped += records.skipped();
    };
    for part in stream.chunks(piece.max(1)) {
        buffer.extend_from_slice(part);
        take(&mut buffer, false);
    }
    take(&mut buffer, true);
    assert!(buffer.is_empty());
    (found, skipped)
}

fn blocks() -> RawFormat {
    RawFormat::Thrift(ThriftContainer::Blocks)
}

fn packed(records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = SerializedBlockWriter::new();
    for record in records {
        writer.push(record, &mut out);
    }
    writer.flush(&mut out);
    out
}

fn numbered(count: u8) -> Vec<Vec<u8>> {
    (0..count).map(|number| vec![number; 1 + usize::from(number) % 7]).collect()
}

#[test]
fn lines_come_out_whole_whatever_the_pieces() {
    let stream = b"a\n\nb\r\nc\rd\r\r\n\xFFe";
    let expected: Vec<Vec<u8>> = [&b"a"[..], b"", b"b", b"c", b"d", b"", b"\xFFe"].map(<[u8]>::to_vec).to_vec();
    for piece in 1..=stream.len() {
        assert_eq!(framed(&RawFormat::CloudFront, stream, piece), (expected.clone(), 0), "pieces of {piece}");
    }
}

#[test]
fn base64_lines_leave_out_empty_ones() {
    let lines = RawFormat::Thrift(ThriftContainer::Lines);
    let expected = vec![b"AA==".to_vec(), b" bad ".to_vec()];
    assert_eq!(framed(&lines, b"AA==\n\n \r\n bad \n", 3), (expected, 0));
}

#[test]
fn blocks_come_out_whole_whatever_the_pieces() {
    let records = numbered(250);
    let stream = packed(&records);
    for piece in [1, 7, 100, stream.len()] {
        assert_eq!(framed(&blocks(), &stream, piece), (records.clone(), 0), "pieces of {piece}");
    }
}

#[test]
fn garbage_around_blocks_is_skipped_and_counted() {
    let records = numbered(3);
    let block = packed(&records);
    let stream = [b"garbage", &block[..], &MARKER[..9], &block[..], b"more"].concat();
    let expected = [records.clone(), records].concat();
    for piece in [1, 5, stream.len()] {
        assert_eq!(framed(&blocks(), &stream, piece), (expected.clone(), 7 + 9 + 4), "pieces of {piece}");
    }
}

#[test]
fn a_cut_off_block_keeps_its_whole_records() {
    let records = numbered(5);
    let stream = packed(&records);
    let (found, skipped) = framed(&blocks(), &stream[..stream.len() - 1], 64);
    assert_eq!(found, records[..4]);
    assert_eq!(skipped, 2 + records[4].len() as u64 - 1);
}

#[test]
fn a_block_with_a_wrong_length_does_not_swallow_the_next() {
    let records = numbered(3);
    let mut stream = packed(&records);
    stream[16] += 10;
    let block = packed(&records);
    stream.extend_from_slice(&block);
    let (found, skipped) = framed(&blocks(), &stream, stream.len());
    assert_eq!(found, [records.clone(), records].concat());
    assert_eq!(skipped, 0);
}

fn structs() -> RawFormat {
    RawFormat::Thrift(ThriftContainer::Structs)
}

fn thrift_records() -> Vec<Vec<u8>> {
    let written = |body: &str| {
        let mut bytes = Vec::new();
        let payload = ThriftPayload { ip_address: Some("\n\n"), body: Some(body), ..ThriftPayload::default() };
        write_collector_payload(&payload, &mut bytes);
        bytes
    };
    ["", "a\nb", "\n\x0B\0d"].map(written).to_vec()
}

#[test]
fn bare_structs_are_cut_by_structure() {
    let records = thrift_records();
    let with_end = records.iter().flat_map(|record| [&record[..], b"\n"].concat()).collect::<Vec<u8>>();
    let without_end = &with_end[..with_end.len() - 1];
    for piece in [1, 10, with_end.len()] {
        assert_eq!(framed(&structs(), &with_end, piece), (records.clone(), 0));
        assert_eq!(framed(&structs(), without_end, piece), (records.clone(), 0));
    }
}

#[test]
fn a_damaged_struct_is_one_record() {
    let good = thrift_records();
    let stream = [&good[0][..], b"\n\xFFnoise\n", &good[0], b"\n"].concat();
    let expected = vec![good[0].clone(), b"\xFFnoise".to_vec(), good[0].clone()];
    for piece in [1, stream.len()] {
        assert_eq!(framed(&structs(), &stream, piece), (expected.clone(), 0));
    }
    // A length that reaches beyond the end of the stream.
    let too_long = [&b"\x0B\0\x64\x00\x00\x7F\xFF"[..], b"\n", &good[0], b"\n"].concat();
    let (found, _) = framed(&structs(), &too_long, 8);
    assert_eq!(found, [b"\x0B\0\x64\x00\x00\x7F\xFF".to_vec(), good[0].clone()]);
}

#[test]
fn the_end_of_a_record_too_long_to_hold_is_found() {
    let mut lines = Framer::new(&RawFormat::CloudFront);
    assert_eq!(lines.skip(b"2013", 4, b"abc"), None);
    assert_eq!(lines.skip(b"2013", 7, b"de\r\nf"), Some(4));
    assert_eq!(lines.skip(b"2013", 4, b"x\r"), None);
    assert_eq!(lines.skip(b"2013", 6, b"\nf"), Some(1));
    assert_eq!(lines.skip(b"2013", 4, b"x\r"), None);
    assert_eq!(lines.skip(b"2013", 6, b"f"), Some(0));

    let block = packed(&numbered(50));
    let mut framer = Framer::new(&blocks());
    let (start, rest) = block.split_at(30);
    assert_eq!(framer.skip(start, 30, &rest[..10]), None);
    assert_eq!(framer.skip(start, 40, &[&rest[10..], &block[..]].concat()), Some(rest.len() - 10));

    let good = thrift_records();
    let mut framer = Framer::new(&structs());
    assert_eq!(framer.skip(&[0x0B; 20], 20, b"noise"), None);
    assert_eq!(framer.skip(&[0x0B; 20], 25, &[b"noise\n", &good[0][..]].concat()), Some(6));
}

#[test]
fn the_corrupted_file_of_the_reference() {
    // What its LZO layer holds.
    let format = "thrift".parse::<RawFormat>().unwrap().settle(b"bad");
    let (found, _) = framed(&format, b"bad", 10);
    assert_eq!(found, [b"bad".to_vec()]);
    assert_eq!(record_text(&format, &found[0]), "bac=");
}

proptest! {
    #[test]
    fn packed_records_come_out(records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..120), piece in 1usize..500) {
        prop_assert_eq!(framed(&blocks(), &packed(&records), piece), (records, 0));
    }

    #[test]
    fn no_bytes_are_lost_among_lines(stream: Vec<u8>, piece in 1usize..50) {
        let (whole, _) = framed(&RawFormat::Tomcat, &stream, stream.len());
        prop_assert_eq!(framed(&RawFormat::Tomcat, &stream, piece), (whole, 0));
    }

    #[test]
    fn nothing_panics_on_damage(at: usize, byte: u8, piece in 1usize..100, noise: Vec<u8>) {
        let mut stream = packed(&numbered(20));
        let at = at % stream.len();
        stream[at] = byte;
        framed(&blocks(), &stream, piece);
        framed(&structs(), &stream, piece);
        framed(&blocks(), &noise, piece);
        framed(&structs(), &noise, piece);
    }
}
