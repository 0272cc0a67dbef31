//! Whatever the files are: each of their lines comes out once.

use proptest::prelude::*;
use thresh::compaction::{GroupKey, Limits, MergeOptions, Merger, PlanOptions, Unmatched, Verify, plan, stored_codecs};
use thresh::report::Meter;
use thresh::storage::codec::Codec;
use thresh::storage::{Location, Storage, StorageOptions};

use crate::support::files::{decode, gzip, lzop};

/// A file: its codec, its lines, whether the last one has an end.
type Content = (u8, Vec<String>, bool);

fn stored((codec, lines, ended): &Content) -> (Vec<u8>, &'static str) {
    let mut text = lines.join("\n");
    if *ended && !lines.is_empty() {
        text.push('\n');
    }
    match codec {
        0 => (text.into_bytes(), "txt"),
        1 => (gzip(text.as_bytes()), "txt.gz"),
        _ => (lzop(text.as_bytes()), "txt.lzo"),
    }
}

/// Read back or not: either way.
fn how_odd(target_size: u64) -> bool {
    target_size % 2 == 1
}

fn merge_all(files: &[Content], codec: Option<Codec>, target_size: u64, verify: Verify) -> (Vec<String>, u64) {
    let temporary = tempfile::tempdir().unwrap();
    let input = temporary.path().join("in");
    std::fs::create_dir(&input).unwrap();
    for (index, content) in files.iter().enumerate() {
        let (bytes, ending) = stored(content);
        std::fs::write(input.join(format!("{index:03}.{ending}")), bytes).unwrap();
    }
    let storage = Storage::new(StorageOptions::default());
    let objects = storage.list(&[Location::Local(input)]).unwrap();
    let objects = stored_codecs(&storage, objects, 2).unwrap();
    let keys = [GroupKey::All];
    let options = PlanOptions { keys: &keys, unmatched: Unmatched::Fail, target_size, codec };
    let planned = plan(objects, &options).unwrap();
    let folder = Location::Local(temporary.path().join("out"));
    let options = MergeOptions {
        codec,
        gzip_level: 1,
        repair: true,
        verify,
        delete: how_odd(target_size),
        index: true,
        fail_fast: true,
    };
    let merger = Merger { storage: &storage, planned: &planned, folder: &folder, options };
    let limits = Limits { threads: 1, stop: &|| false, meter: &Meter::default() };
    let (mut lines, mut records) = (Vec::new(), 0);
    for (split, range) in planned.splits.iter().enumerate() {
        for part in merger.merge(split, range.clone(), limits).unwrap().parts {
            let bytes = std::fs::read(temporary.path().join("out").join(&part.name)).unwrap();
            assert_eq!((part.size, part.crc32c), (bytes.len() as u64, format!("{:08x}", crc32c::crc32c(&bytes))));
            if part.name.ends_with(".index") {
                continue;
            }
            records += part.records;
            let text = String::from_utf8(decode(&bytes, &part.name).unwrap()).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    (lines, records)
}

fn content() -> impl Strategy<Value = Content> {
    (0_u8..3, prop::collection::vec("[a-z]{1,12}", 0..6), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_line_comes_out_once(
        files in prop::collection::vec(content(), 1..8), wish in 0_u8..4, target_size in 1_u64..200, how in 0_u8..3
    ) {
        let codec = [None, Some(Codec::Plain), Some(Codec::Gzip), Some(Codec::Lzop)][usize::from(wish)];
        let verify = [Verify::Auto, Verify::Content, Verify::Stored][usize::from(how)];
        let (mut lines, records) = merge_all(&files, codec, target_size, verify);
        let mut expected: Vec<String> = files.iter().flat_map(|(_, lines, _)| lines.clone()).collect();
        lines.sort();
        expected.sort();
        // gzip that is believed is not looked into, so that its missing line ends are not seen.
        if verify != Verify::Stored {
            prop_assert_eq!(&lines, &expected);
        }
        prop_assert_eq!(lines.concat().len(), expected.concat().len());
        if verify == Verify::Content {
            prop_assert_eq!(records, expected.len() as u64);
        }
    }
}
