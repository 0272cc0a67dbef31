//! What comes out: the same records, in few files, whatever the codec.

use crate::support::files::{Files, decode, gzip, lzop};

/// `a\nb\n`, and `c\nd` without a line end, as gzip files of another writer.
const AB: &str = "1f8b08000000000000034be44ae20200972a571804000000";
const CD: &str = "1f8b08000000000000034be64a0100a0e1e00503000000";
/// `a\nb\n` as lzop wrote it.
const LZOP_AB: &str = "894c5a4f000d0a1a0a104020a00940010503000001000081a46b021dde0000000005612e7478744da905e50000000400000004027400d8610a620a00000000";

pub fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The only data file in the run folder.
fn single(files: &Files) -> (String, Vec<u8>) {
    let mut data: Vec<_> = files.all("out/run=1").into_iter().filter(|(name, _)| !name.starts_with('_')).collect();
    assert_eq!(data.len(), 1, "{:?}", data.iter().map(|(name, _)| name).collect::<Vec<_>>());
    data.pop().unwrap()
}

const COMPACT: [&str; 6] = ["compact", "in", "--output", "out", "--run-id", "1"];

fn compact(files: &Files, code: i32, more: &[&str]) -> String {
    files.expect(code, &[&COMPACT[..], more].concat())
}

#[test]
fn members_are_joined_as_they_are_and_lines_stay_apart() {
    let files = Files::local();
    files.put("in/1.gz", hex(CD)).put("in/2.gz", hex(AB)).put("in/3.gz", "");
    let mut padded = hex(CD);
    padded.extend([0; 64]);
    files.put("in/4.gz", padded).put("in/5.gz", hex(AB));
    compact(&files, 0, &[]);
    let (name, bytes) = single(&files);
    assert!(name.starts_with("part-00000.") && name.ends_with(".gz"), "{name}");
    assert_eq!(decode(&bytes, &name).unwrap(), b"c\nd\na\nb\nc\nd\na\nb\n");
    assert_eq!(bytes[..23], hex(CD), "the member itself is untouched");
    let between = decode(&bytes[23..bytes.len() - 24 - 23 - 24], "x.gz");
    assert!(between.is_ok() || bytes.len() > 4 * 23, "line ends are members of their own");
    let manifest = files.json("out/run=1/_manifest.json");
    assert_eq!(manifest["counters"]["records_in"], 8);
    assert_eq!(manifest["counters"]["named"]["line_ends_added"], 2);
    assert_eq!(manifest["outputs"][0]["records"], 8);
    assert_eq!(manifest["outputs"][0]["crc32c"], format!("{:08x}", crc32c::crc32c(&bytes)));
    assert_eq!(manifest["inputs"][0]["records"], 2);
    assert_eq!(manifest["inputs"][0]["target"], name.as_str());
    assert_eq!(files.names("in").len(), 5, "sources stay unless they are to go");
}

#[test]
fn glued_lines_only_where_they_are_asked_for() {
    let files = Files::local();
    files.put("in/1.gz", hex(CD)).put("in/2.gz", hex(AB));
    compact(&files, 0, &["--newlines", "keep"]);
    let (name, bytes) = single(&files);
    assert_eq!(bytes, [hex(CD), hex(AB)].concat());
    assert_eq!(decode(&bytes, &name).unwrap(), b"c\nda\nb\n");
    let text = Files::local();
    text.put("in/1.tsv", "a\tb").put("in/2.tsv", "c\td\n").put("in/3.tsv", "");
    compact(&text, 0, &["--verify", "stored"]);
    assert_eq!(single(&text).1, b"a\tb\nc\td\n", "the end of plain text is seen without reading it");
    assert!(single(&text).0.ends_with(".tsv"));
}

#[test]
fn a_damaged_file_costs_nobody_else() {
    let whole = gzip(b"x1\nx2\n");
    for (name, damaged) in [
        ("in/2.gz", whole[..whole.len() - 5].to_vec()),
        ("in/2.gz", [whole.as_slice(), b"junk"].concat()),
        ("in/2.lzo", hex(LZOP_AB)[..50].to_vec()),
    ] {
        let files = Files::local();
        let codec = name.rsplit('.').next().unwrap();
        let good = if codec == "gz" { gzip(b"a\n") } else { lzop(b"a\n") };
        files.put(&format!("in/1.{codec}"), &good).put(name, &damaged).put(&format!("in/3.{codec}"), &good);
        let said = compact(&files, 5, &["--delete-source"]);
        assert!(said.contains(name) && said.contains("copied as it is"), "{said}");
        let mut data = files.all("out/run=1");
        data.retain(|name, _| !name.starts_with('_'));
        let alone: Vec<_> = data.iter().filter(|(name, _)| name.starts_with("alone-")).collect();
        assert_eq!(alone.len(), 1);
        assert_eq!(*alone[0].1, damaged, "every byte is kept");
        let (merged, bytes) = data.iter().find(|(name, _)| name.starts_with("part-")).unwrap();
        assert_eq!(decode(bytes, merged).unwrap(), b"a\na\n");
        assert!(files.names("in").is_empty(), "what is whole elsewhere may go");
        let manifest = files.json("out/run=1/_manifest.json");
        assert_eq!(manifest["inputs"][1]["target"], alone[0].0.as_str());
        assert_eq!(manifest["failed_inputs"].as_array().unwrap().len(), 1);
        let strict = Files::local();
        strict.put(&format!("in/1.{codec}"), &good).put(name, &damaged);
        let said = compact(&strict, 1, &["--delete-source", "--fail-fast"]);
        assert!(said.contains(name), "{said}");
        assert_eq!(strict.names("in").len(), 2);
    }
}

#[test]
fn lzop_files_are_joined_block_by_block() {
    let files = Files::local();
    let long: Vec<u8> = (0..60_000).flat_map(|line| format!("{line} and more\n").into_bytes()).collect();
    let mut without_checksums = Vec::new();
    let mut encoder = thresh::storage::codec::LzopEncoder::new(false, 0, &mut without_checksums);
    encoder.append(b"last", &mut without_checksums);
    encoder.finish(&mut without_checksums);
    files.put("in/1.lzo", hex(LZOP_AB)).put("in/1.lzo.index", 43_u64.to_be_bytes());
    files.put("in/2.lzo", lzop(&long)).put("in/3.lzo", without_checksums).put("in/4.lzo", hex(LZOP_AB));
    compact(&files, 0, &["--lzo-index", "--delete-source"]);
    let data = files.all("out/run=1");
    let (name, bytes) = data.iter().find(|(name, _)| name.ends_with(".lzo")).unwrap();
    let expected = [b"a\nb\n", long.as_slice(), b"last\n", b"a\nb\n"].concat();
    assert!(decode(bytes, name).unwrap() == expected);
    let magic = &bytes[..9];
    assert_eq!(memchr::memmem::find_iter(bytes, magic).count(), 1, "one header, as hadoop-lzo wants it");
    let index = &data[&format!("{name}.index")];
    let offsets: Vec<usize> =
        index.chunks(8).map(|offset| u64::from_be_bytes(offset.try_into().unwrap()) as usize).collect();
    assert!(offsets.len() > 5, "{offsets:?}");
    assert_eq!(bytes[offsets[0]..offsets[0] + 4], 4_u32.to_be_bytes());
    assert_eq!(bytes[*offsets.last().unwrap()..][..4], 4_u32.to_be_bytes());
    assert_eq!(bytes.len(), offsets.last().unwrap() + 12 + 4 + 4, "the last block and the end mark");
    assert!(files.names("in").is_empty(), "an index goes with its file: {:?}", files.names("in"));
}

#[test]
fn lzop_itself_reads_the_result() {
    let Ok(version) = std::process::Command::new("lzop").arg("-V").output() else { return };
    assert!(version.status.success());
    let files = Files::local();
    files.put("in/1.lzo", lzop(b"one\n")).put("in/2.lzo", hex(LZOP_AB)).put("in/3.lzo", lzop(b"three"));
    compact(&files, 0, &[]);
    let (name, _) = single(&files);
    let file = files.path("out/run=1").join(name);
    let read = std::process::Command::new("lzop").arg("-dc").arg(file).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&read.stdout), "one\na\nb\nthree\n");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn binary_records_get_no_line_ends() {
    let files = Files::local();
    let marker = hex("29d8d50658cd4c29b2bc57992171bdff");
    let block = [marker.as_slice(), &[3, 0, 0, 0], b"abc"].concat();
    files.put("in/1.lzo", lzop(&block)).put("in/2.lzo", lzop(&block));
    compact(&files, 0, &[]);
    let (name, bytes) = single(&files);
    assert_eq!(decode(&bytes, &name).unwrap(), [block.as_slice(), &block].concat());
    let manifest = files.json("out/run=1/_manifest.json");
    assert_eq!(manifest["counters"]["records_in"], 0, "lines are no records here");
    assert_eq!(manifest["inputs"][0].get("records"), None);
}

#[test]
fn codecs_are_changed_on_request() {
    let long: Vec<u8> = (0..90_000).flat_map(|line| format!("{line} of a longer file\n").into_bytes()).collect();
    for (wish, ending) in [("none", ""), ("gzip", ".gz"), ("lzop", ".lzo")] {
        let files = Files::local();
        files.put("in/1.tsv.gz", gzip(b"a")).put("in/2.tsv", "b").put("in/3.tsv.lzo", lzop(b"c"));
        files.put("in/4.tsv.gz", gzip(&long)).put("in/5.tsv", "");
        compact(&files, 0, &["--compression", wish, "--verify", "content"]);
        let (name, bytes) = single(&files);
        assert!(name.ends_with(&format!(".tsv{ending}")), "{name}");
        let plain = decode(&bytes, "by its content").unwrap();
        assert!(plain == [b"a\nb\nc\n", long.as_slice()].concat(), "{wish}");
    }
}

#[test]
fn content_decides_what_a_file_is() {
    let files = Files::local();
    files.put("in/1.txt", gzip(b"zipped\n")).put("in/2.txt", "plain\n").put("in/3", "plain too\n");
    files.put("in/4.gz", gzip(b"and zipped\n")).put("in/5.gzip", gzip(b"old ending\n")).put("in/6", gzip(b"none\n"));
    compact(&files, 0, &[]);
    let mut data = files.all("out/run=1");
    data.retain(|name, _| !name.starts_with('_'));
    assert_eq!(data.len(), 2, "{:?}", data.keys());
    for (name, bytes) in &data {
        let is_gzip = bytes.starts_with(&[0x1F, 0x8B]);
        assert_eq!(is_gzip, name.ends_with(".gz"), "a name says what is in it: {name}");
        assert!(decode(bytes, name).is_ok());
    }
    assert_eq!(files.lines("out"), files.lines("in"));
}

#[test]
fn what_cannot_be_read_is_carried_along() {
    let files = Files::local();
    files.put("in/_odd.zst", b"\x28\xB5\x2F\xFD rest").put("in/1.gz", gzip(b"a\n")).put("in/2.gz", gzip(b"b\n"));
    files.put("in/3.zst", b"\x28\xB5\x2F\xFD other");
    compact(&files, 0, &["--include-hidden", "--delete-source"]);
    let names = files.names("out/run=1");
    let alone: Vec<&String> = names.iter().filter(|name| name.starts_with("alone-")).collect();
    assert_eq!(alone.len(), 2, "{names:?}");
    assert!(alone.iter().any(|name| name.ends_with(".odd.zst")), "{names:?}");
    assert!(files.names("in").is_empty());
}
