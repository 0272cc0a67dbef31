//! Inputs that are broken, or not what they should be: nothing is lost silently, and memory stays small.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::{World, code, gzip, page_views, stderr};

/// Runs `enrich`; gives its exit code, its messages, and its largest memory in MiB.
#[allow(clippy::zombie_processes)] // wait4 waits for it.
fn measured(world: &World, arguments: &[&str]) -> (i32, String, u64) {
    let mut child = world.command().args(arguments).stdout(std::process::Stdio::null()).spawn().unwrap();
    let mut messages = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut messages).unwrap();
    let mut status = 0;
    // SAFETY: both structures are plain numbers, and the process is a child that nobody else waits for.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(child.id() as i32, &mut status, 0, &mut usage), child.id() as i32);
        usage
    };
    assert!(libc::WIFEXITED(status), "ended by a signal: {messages}");
    (libc::WEXITSTATUS(status), messages, usage.ru_maxrss as u64 / 1024)
}

const MOST_MEMORY: u64 = 300;

#[test]
fn a_line_of_200_mb_is_one_bad_row() {
    let world = World::new();
    world.input("a", &page_views(0..3));
    let mut file = std::fs::OpenOptions::new().append(true).open(world.path("in/a")).unwrap();
    for _ in 0..200 {
        file.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    file.write_all(b"\n").unwrap();
    file.write_all(&page_views(3..5)).unwrap();
    drop(file);
    let (code, messages, memory) = measured(&world, &["in", "--run-id", "r"]);
    assert_eq!(code, 0, "{messages}");
    assert!(memory < MOST_MEMORY, "{memory} MiB");
    assert_eq!(world.lines("good", "r").len(), 5);
    let [bad] = &world.lines("bad", "r")[..] else { panic!("one bad row") };
    assert!(bad.contains("size_violation") && bad.contains(r#""actualSizeBytes":209715201"#), "{}", &bad[..400]);
}

#[test]
fn a_compressed_bomb_of_newlines_stays_small() {
    let world = World::new();
    // Hundreds to 1, and nothing but tiny records: headers, so that they cost little.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..30 {
        encoder.write_all(&b"#Fields:\n".repeat(1 << 18)).unwrap();
    }
    let stored = encoder.finish().unwrap();
    assert!(stored.len() < 1 << 20);
    world.input("a.gz", &stored).input("b.gz", &stored);
    let (code, messages, memory) = measured(&world, &["in", "--format", "cloudfront", "--run-id", "r"]);
    assert_eq!(code, 0, "{messages}");
    assert!(memory < MOST_MEMORY, "{memory} MiB");
}

#[test]
fn every_kind_of_broken_object_is_named() {
    let world = World::new();
    let lines = page_views(0..2000);
    let stored = gzip(&lines);
    world.input("a-whole.gz", &stored);
    world.input("b-truncated.gz", &stored[..stored.len() * 2 / 3]);
    std::fs::create_dir(world.path("in/c-folder")).unwrap();
    world.input("d-unreadable", &lines);
    world.input("e-random.gz", &[0xFF; 5000]);
    world.input("f-broken.lzo", &[&b"\x89LZO\x00\x0D\x0A\x1A\x0A"[..], &[0xEE; 100]].concat());
    std::fs::set_permissions(world.path("in/d-unreadable"), std::fs::Permissions::from_mode(0o000)).unwrap();
    // Those who may read everything see it whole.
    let readable = std::fs::read(world.path("in/d-unreadable")).is_ok();
    let (code, messages, memory) = measured(&world, &["in", "--run-id", "r", "--format", "cloudfront"]);
    assert_eq!(code, 5, "{messages}");
    assert!(memory < MOST_MEMORY);
    let mut expected = vec![("b-truncated.gz", "ends early"), ("e-random.gz", "gzip"), ("f-broken.lzo", "lzo")];
    if !readable {
        expected.push(("d-unreadable", "access denied"));
    }
    assert!(messages.starts_with(&format!("warning: {} input objects could not be read whole", expected.len())));
    for (name, word) in expected {
        let line = messages.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {messages}"));
        assert!(line.contains(word), "{line}");
    }
    let good = world.lines("good", "r").len();
    let whole = if readable { 4000 } else { 2000 };
    assert!(good > whole + 100 && good < whole + 2000, "what is readable is kept: {good}");
    let manifest = std::fs::read_to_string(world.run_folder("good", "r").join("_manifest.json")).unwrap();
    assert!(manifest.contains("b-truncated.gz") && manifest.contains("ends early"));
    assert!(world.is_complete("r"));

    let (code, messages, _) = measured(&world, &["in", "--run-id", "fast", "--format", "cloudfront", "--fail-fast"]);
    assert_eq!(code, 1);
    assert!(messages.starts_with("error: ") && messages.contains("cannot be read whole"), "{messages}");
    assert!(!world.is_complete("fast"));
}

#[test]
fn garbage_is_bad_rows_or_a_named_object() {
    let world = World::new();
    let mut random = 1_u64;
    let garbage: Vec<u8> = std::iter::repeat_with(|| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 56) as u8
    })
    .take(300_000)
    .collect();
    world.input("a", &garbage);
    let named = world.run(&["in", "--run-id", "auto"]);
    assert_eq!(code(&named), 5);
    assert!(stderr(&named).contains("format cannot be told"), "{}", stderr(&named));
    let told = world.run(&["in", "--run-id", "told", "--format", "cloudfront"]);
    assert_eq!(code(&told), 0, "{}", stderr(&told));
    let lines = thresh::pipeline::lines(&garbage).count();
    assert_eq!(world.lines("bad", "told").len(), lines);
    let thrift = world.run(&["in", "--run-id", "thrift", "--format", "thrift", "--summary", "json"]);
    let summary: serde_json::Value = serde_json::from_slice(&thrift.stdout).unwrap();
    assert!(summary["bad_rows"].as_u64() > Some(0), "{summary}");
}
