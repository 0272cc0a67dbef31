//! The engine, through library calls, with a stage of the test's own.

mod kill;
mod stages;
mod world;

use proptest::prelude::*;
use thresh::pipeline::{Encoding, EngineError};
use thresh::run::Status;
use thresh::storage::codec::GzipMembers;
use world::{World, expected, gzip, sample, text};

fn check(world: &World, lines: &[String]) {
    let (good, bad) = expected(lines);
    assert_eq!(world.lines("good"), good);
    assert_eq!(world.lines("bad"), bad);
}

#[test]
fn one_file_or_many_give_the_same_records() {
    let lines = sample(5000);
    let whole = text(&lines);
    let pieces: Vec<Vec<u8>> = lines.chunks(5).map(text).collect();
    type Files = Vec<(String, Vec<u8>)>;
    let ways: Vec<(&str, Files)> = vec![
        ("one file", vec![("a".into(), whole.clone())]),
        ("one gzip file", vec![("a.gz".into(), gzip(&whole))]),
        ("one file of 1000 members", vec![("a".into(), pieces.iter().flat_map(|piece| gzip(piece)).collect())]),
        ("1000 files", pieces.iter().enumerate().map(|(at, piece)| (format!("{at:04}"), piece.clone())).collect()),
        (
            "1000 gzip files",
            pieces.iter().enumerate().map(|(at, piece)| (format!("{at:04}.gz"), gzip(piece))).collect(),
        ),
        ("CRLF", vec![("a".into(), text(&lines.iter().map(|line| format!("{line}\r")).collect::<Vec<_>>()))]),
        ("no last line end", vec![("a".into(), whole[..whole.len() - 1].to_vec())]),
    ];
    for (way, files) in ways {
        let mut world = World::new();
        world.options.chunk_size = 20_000;
        for (name, bytes) in &files {
            world.input(name, bytes);
        }
        let outcome = world.run();
        check(&world, &lines);
        let counters = &outcome.manifest.counters;
        assert_eq!(counters.records_in, 5000, "{way}");
        assert_eq!((counters.records_ignored, counters.named["panics"]), (100, 100), "{way}");
        let by_input: u64 = outcome.manifest.inputs.iter().map(|input| input.records.unwrap()).sum();
        assert_eq!(by_input, 5000, "{way}");
    }
}

#[test]
fn large_gzip_files_are_streamed() {
    // Above the limit for objects that workers inflate on their own.
    let mut lines = sample(150_000);
    for (index, line) in lines.iter_mut().enumerate() {
        line.push_str(&format!(" {:x}", (index as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)));
    }
    let stored = gzip(&text(&lines));
    assert!(stored.len() > 2 << 20);
    let world = World::new();
    world.input("a.gz", &stored).input("b", b"last\n");
    let outcome = world.run();
    lines.push("last".into());
    check(&world, &lines);
    assert_eq!(outcome.manifest.inputs[0].records, Some(150_000));
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let lines = sample(20_000);
    let stored: Vec<Vec<u8>> = lines.chunks(3000).map(|part| gzip(&text(part))).collect();
    let outputs: Vec<_> = [1, 2, 7]
        .into_iter()
        .map(|threads| {
            let mut world = World::new();
            world.options.threads = threads;
            world.options.chunk_size = 30_000;
            world.split_size = stored[0].len() as u64 * 2;
            for (index, bytes) in stored.iter().enumerate() {
                world.input(&index.to_string(), bytes);
            }
            world.run();
            let mut files = world.files("good");
            files.extend(world.files("bad").into_iter().map(|(name, bytes)| (format!("bad/{name}"), bytes)));
            files.retain(|name, _| !name.ends_with("_manifest.json"));
            files
        })
        .collect();
    assert!(outputs[0].len() > 5, "{:?}", outputs[0].keys());
    assert_eq!(outputs[0], outputs[1]);
    assert_eq!(outputs[0], outputs[2]);
}

#[test]
fn every_encoding_is_readable() {
    let lines = sample(30_000);
    let single = Encoding::Gzip { members: GzipMembers::Single, level: 6 };
    for encoding in [Encoding::Plain, single, Encoding::Gzip { members: GzipMembers::Many, level: 12 }] {
        let mut world = World::new();
        world.encoding = encoding;
        world.options.chunk_size = 100_000;
        world.input("a", &text(&lines)).run();
        check(&world, &lines);
        if encoding == single {
            let bytes = &world.files("good")["part-00000.txt.gz"];
            let mut first_member = String::new();
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut first_member).unwrap();
            assert_eq!(first_member.lines().count(), expected(&lines).0.len());
        }
    }
}

#[test]
fn parts_are_numbered_without_holes() {
    let mut world = World::new();
    world.split_size = 1;
    world.input("a", b"one\n").input("b", b"two BAD\n").input("c", b"# no\n").input("d", b"four\n");
    world.run();
    let parts = |numbers: &[usize]| -> Vec<String> {
        let control = ["_SUCCESS".to_owned(), "_manifest.json".to_owned()];
        control.into_iter().chain(numbers.iter().map(|number| format!("part-{number:05}.txt.gz"))).collect()
    };
    assert_eq!(world.names("good"), parts(&[0, 1, 2, 3]));
    assert_eq!(world.names("bad"), parts(&[0, 1, 2, 3]));
    assert_eq!(world.lines("good"), ["ONE", "FOUR"]);

    let mut all_good = World::new();
    all_good.split_size = 1;
    all_good.input("a", b"one\n").input("b", b"# no\n").run();
    assert_eq!(all_good.names("good"), parts(&[0, 1]));
    assert_eq!(all_good.names("bad"), parts(&[]), "an output that nobody wrote to has no parts");
}

#[test]
fn the_manifest_lists_what_is_there() {
    let mut world = World::new();
    world.split_size = 40;
    world.input("a", &text(&sample(40))).input("b", b"one\n").input("empty", b"");
    let manifest = world.run().manifest;
    assert_eq!(manifest.status, Status::Complete);
    let records = |name: &str| {
        let mut found = manifest.inputs.iter().filter(|input| input.location.ends_with(name));
        found.next().unwrap().records
    };
    assert_eq!((records("/a"), records("/b"), records("/empty")), (Some(40), Some(1), Some(0)));
    let mut lines = 0;
    for output in &manifest.outputs {
        let bytes = std::fs::read(&output.location).unwrap();
        assert_eq!(
            (bytes.len() as u64, format!("{:08x}", crc32c::crc32c(&bytes))),
            (output.size, output.crc32c.clone())
        );
        lines += output.records;
    }
    assert_eq!(lines, manifest.counters.events_good + manifest.counters.bad_rows);
    manifest.counters.check_balance().unwrap();
}

#[test]
fn broken_objects_are_named_and_the_rest_goes_on() {
    let world = World::new();
    let good = text(&sample(3000));
    let stored = gzip(&good);
    let mut damaged = stored.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0xFF);
    world.input("a-whole.gz", &stored);
    world.input("b-truncated.gz", &stored[..stored.len() / 2]);
    world.input("c-damaged.gz", &damaged);
    world.input("d-unreadable", b"%UNREADABLE\n");
    world.input("e-garbage.gz", b"this is no gzip");
    world.input("f-zstd", b"\x28\xB5\x2F\xFDxxxxxxxxxxxx");
    world.input("g-whole", &good);
    std::os::unix::fs::symlink(world.root.join("in/g-whole"), world.root.join("in/h-link")).unwrap();
    let manifest = world.run().manifest;
    let failed: Vec<&str> =
        manifest.failed_inputs.iter().map(|failed| failed.location.rsplit_once('/').unwrap().1).collect();
    assert_eq!(failed, ["b-truncated.gz", "c-damaged.gz", "d-unreadable", "e-garbage.gz", "f-zstd"]);
    for (failed, word) in
        manifest.failed_inputs.iter().zip(["ends early", "damaged", "no known format", "gzip", "zstd"])
    {
        assert!(failed.reason.contains(word), "{failed:?}");
    }
    let records: Vec<u64> = manifest.inputs.iter().map(|input| input.records.unwrap()).collect();
    assert_eq!([records[0], records[6], records[7]], [3000; 3]);
    assert!(records[1] > 100 && records[1] < 3000, "what was readable is kept: {records:?}");
    assert!(records[2] > 100 && records[2] < 3000, "{records:?}");
    let from_truncated = &world.lines("good")[expected(&sample(3000)).0.len()..][..50];
    assert_eq!(from_truncated, &expected(&sample(3000)).0[..50]);
    assert!(manifest.failed_inputs[0].left_out_bytes > 0, "the cut line is not passed off as a record");
    manifest.counters.check_balance().unwrap();
    assert!(world.names("good").contains(&"_SUCCESS".to_owned()));
}

#[test]
fn a_large_broken_object_keeps_its_readable_part() {
    let world = World::new();
    let lines: Vec<String> =
        (0..200_000_u64).map(|index| format!("{:x}", index.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let stored = gzip(&text(&lines));
    let cut = stored.len() * 3 / 4;
    assert!(cut > 1 << 20);
    world.input("a.gz", &stored[..cut]).input("b", b"after\n");
    let manifest = world.run().manifest;
    assert_eq!(manifest.failed_inputs.len(), 1);
    let good = world.lines("good");
    assert!(good.len() > 100_000 && good.len() < 200_000);
    assert_eq!(good.last().unwrap(), "AFTER");
    assert!(good[..good.len() - 1].iter().zip(&lines).all(|(out, line)| *out == line.to_ascii_uppercase()));
}

#[test]
fn fail_fast_stops_at_the_first_broken_object() {
    let mut world = World::new();
    world.options.fail_fast = true;
    world.input("a.gz", &gzip(b"one\n")[..12]).input("b", b"two\n");
    let Err(EngineError::Input { location, reason }) = world.try_run() else { panic!("it went on") };
    assert!(location.to_string().ends_with("/a.gz") && reason.contains("ends early"), "{location}: {reason}");
    let names = world.names("good");
    assert!(!names.contains(&"_SUCCESS".to_owned()), "{names:?}");
    let manifest: thresh::run::Manifest = serde_json::from_slice(&world.files("good")["_manifest.json"]).unwrap();
    assert_eq!(manifest.status, Status::Failed);
    assert!(manifest.error.unwrap().contains("a.gz"));
}

#[test]
fn records_without_end_are_cut_off_not_held() {
    for chunk_size in [1000, 1 << 20] {
        let mut world = World::new();
        world.options.max_record = 300_000;
        world.options.chunk_size = chunk_size;
        let long = "x".repeat(5_000_000);
        let almost = "y".repeat(299_999);
        world.input("a", format!("one\n{long}\r\ntwo\n{almost}\n{long}").as_bytes());
        world.input("b", b"three\n");
        let manifest = world.run().manifest;
        let good = world.lines("good");
        assert_eq!(good.iter().map(String::len).collect::<Vec<_>>(), [3, 3, 299_999, 5]);
        assert_eq!(
            world.lines("bad"),
            [format!("oversized 5000002: {}", &long[..20]), format!("oversized 5000000: {}", &long[..20])]
        );
        assert_eq!(manifest.counters.records_in, 6);
    }
}

#[test]
fn interruption_leaves_no_success_and_can_be_resumed() {
    let mut world = World::new();
    world.split_size = 1;
    let lines = sample(3000);
    for (index, part) in lines.chunks(100).enumerate() {
        world.input(&format!("{index:03}"), &text(part));
    }
    world.cancel.set();
    assert!(matches!(world.try_run(), Err(EngineError::Interrupted)));
    assert!(!world.names("good").contains(&"_SUCCESS".to_owned()));
    world.cancel = thresh::pipeline::Cancel::default();
    world.resume = true;
    world.run();
    check(&world, &lines);
    assert_eq!(world.run().resumed, usize::MAX, "a complete run is left as it is");
}

#[test]
fn unwritable_output_ends_the_run() {
    let world = World::new();
    world.input("a", b"one\ntwo BAD\n");
    // A file where the folder of the second output should be.
    std::fs::write(world.root.join("bad"), b"").unwrap();
    assert!(matches!(world.try_run(), Err(EngineError::Run(_))));
}

#[test]
fn a_panic_outside_of_records_is_an_error_not_a_hang() {
    let mut world = World::new();
    world.options.threads = 4;
    world.options.chunk_size = 100;
    world.on_line = |line| assert!(!line.ends_with(b"77"), "unlucky");
    world.input("a", &text(&(0..2000).map(|index| index.to_string()).collect::<Vec<_>>()));
    let Err(EngineError::Panicked(message)) = world.try_run() else { panic!("no error") };
    assert!(message.starts_with("unlucky"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever the sizes, every line comes out once and in order.
    #[test]
    fn no_record_is_lost_or_doubled(
        files in prop::collection::vec(("[a-zB#\r\n]{0,300}", any::<bool>()), 1..12),
        threads in 1_usize..5,
        chunk_size in 1_usize..400,
        split_size in 1_u64..500,
    ) {
        let mut world = World::new();
        world.options.threads = threads;
        world.options.chunk_size = chunk_size;
        world.split_size = split_size;
        let mut lines = Vec::new();
        for (index, (content, packed)) in files.iter().enumerate() {
            let bytes = if *packed { gzip(content.as_bytes()) } else { content.clone().into_bytes() };
            world.input(&format!("{index:02}"), &bytes);
            lines.extend(thresh::pipeline::lines(content.as_bytes()).map(|line| String::from_utf8(line.to_vec()).unwrap()));
        }
        let outcome = world.run();
        let (good, bad) = expected(&lines);
        prop_assert_eq!(world.lines("good"), good);
        prop_assert_eq!(world.lines("bad"), bad);
        prop_assert_eq!(outcome.manifest.counters.records_in, lines.len() as u64);
    }
}
