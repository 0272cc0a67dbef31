//! The same records, however they are cut into files, compressed and stored, give the same records.

use std::path::Path;
use std::process::Command;

use thresh::storage::codec::LzopEncoder;

use super::{World, code, gzip, stderr};
use crate::support::s3::FakeS3;

/// Logs of the load generator, decompressed: 1,500 records of every kind, spoilt ones among them.
fn logs(world: &World, format: &str) -> Vec<u8> {
    let folder = world.path("generated");
    let mut command = Command::new(env!("CARGO_BIN_EXE_thresh-loadgen"));
    command.arg(&folder).args(["--format", format, "--events", "1500", "--files", "1", "--bad-share", "0.1"]);
    command.args(["--gzip", "1", "--write-registry"]).arg(world.path("registry"));
    assert!(command.output().unwrap().status.success());
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "gz")).unwrap();
    let mut plain = Vec::new();
    let stored = std::fs::File::open(file).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(stored), &mut plain).unwrap();
    plain
}

fn lines(plain: &[u8]) -> Vec<&[u8]> {
    plain.split_inclusive(|byte| *byte == b'\n').collect()
}

fn lzop(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = LzopEncoder::new(true, 1_559_556_000, &mut out);
    // Blocks that end within records.
    for piece in plain.chunks(100_003) {
        encoder.append(piece, &mut out);
    }
    encoder.finish(&mut out);
    out
}

/// A run with the generated registry; its good and bad lines, sorted.
fn enriched(world: &World, run_id: &str, arguments: &[&str]) -> (Vec<String>, Vec<String>) {
    let output = base(world, run_id).args(["--output", "good", "--bad", "bad"]).args(arguments).output().unwrap();
    assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
    (sorted(world.lines("good", run_id), world), sorted(world.lines("bad", run_id), world))
}

/// The lines in order, without what differs between any two runs: the event ids that thresh had to invent, and when a
/// registry was asked.
fn sorted(lines: Vec<String>, world: &World) -> Vec<String> {
    let raw = std::fs::read(world.path("plain/log")).unwrap();
    let attempt = regex::Regex::new("\"lastAttempt\":\"[^\"]*\"").unwrap();
    let id = regex::Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap();
    let without_new_ids = |line: String| {
        let known = |text: &str| memchr::memmem::find(&raw, text.as_bytes()).is_some();
        let replace = |found: &regex::Captures<'_>| if known(&found[0]) { found[0].to_owned() } else { String::new() };
        id.replace_all(&attempt.replace_all(&line, ""), replace).into_owned()
    };
    let mut lines: Vec<String> = lines.into_iter().map(without_new_ids).collect();
    lines.sort();
    lines
}

fn base(world: &World, run_id: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
    command.current_dir(world.path("")).env_remove("RUST_LOG");
    command.args(["enrich", "--run-id", run_id, "--resolver", "registry/resolver.json", "--offline", "--threads", "2"]);
    command.args(["--enrichments", "registry/enrichments", "--etl-tstamp", "1600000000000"]);
    command
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Writes the records in every shape; returns what to give as input, by name.
fn shapes(world: &World, plain: &[u8]) -> Vec<&'static str> {
    let all = lines(plain);
    put(&world.path("plain/log"), plain);
    put(&world.path("gzipped/log.gz"), &gzip(plain));
    let middle = all[..all.len() / 2].concat().len();
    let members = [gzip(&plain[..middle + 7]), gzip(&plain[middle + 7..])].concat();
    put(&world.path("members/no-suffix"), &members);
    put(&world.path("lzopped/log.lzo"), &lzop(plain));
    for (number, records) in all.chunks(all.len().div_ceil(1000)).enumerate() {
        let records = records.concat();
        // Small files of every codec beside each other.
        let name = world.path("small").join(format!("{:02}/{number:04}", number % 17));
        match number % 3 {
            0 => put(&name, &records),
            1 => put(&name.with_extension("gz"), &gzip(&records)),
            _ => put(&name.with_extension("lzo"), &lzop(&records)),
        }
    }
    vec!["plain", "gzipped", "members", "lzopped", "small"]
}

fn check(format: &str) {
    let world = World::new();
    let plain = logs(&world, format);
    let shapes = shapes(&world, &plain);
    let (good, bad) = enriched(&world, "plain", &["plain", "--format", format]);
    assert!(good.len() > 1000 && bad.len() > 20, "{} good, {} bad", good.len(), bad.len());
    for name in &shapes[1..] {
        let (these, those) = enriched(&world, name, &[name, "--format", format]);
        assert!(these == good, "{format} {name}: {} events instead of {}", these.len(), good.len());
        assert!(those == bad, "{format} {name}: {} bad rows instead of {}", those.len(), bad.len());
    }
    let (these, those) = enriched(&world, "cut", &["small", "--format", format, "--split-size", "20k"]);
    assert!(these == good && those == bad, "{format}: many splits");
}

#[test]
fn cloudfront_logs_in_any_shape() {
    check("cloudfront");
}

#[test]
fn tomcat_logs_in_any_shape() {
    check("clj-tomcat");
}

#[test]
fn s3_and_local_disk_give_the_same() {
    let world = World::new();
    let plain = logs(&world, "cloudfront");
    shapes(&world, &plain);
    let (good, bad) = enriched(&world, "local", &["plain", "--format", "cloudfront"]);
    let server = FakeS3::start();
    let all = lines(&plain);
    for (number, records) in all.chunks(100).enumerate() {
        // Keys as people have them.
        let key = ["raw/2019 06/a+b", "raw/dt=2019-06-03/é", "raw/x"][number % 3];
        server.put(&format!("{key}/{number}.gz"), gzip(&records.concat()));
    }
    server.put("raw/_$folder$", Vec::new());
    server.put("raw/x/", Vec::new());
    server.put("raw/x_$folder$", Vec::new());
    let mut command = base(&world, "s3");
    command.envs(server.environment()).arg("--s3-path-style");
    let output = command
        .args(["s3://test-bucket/raw/", "--format", "cloudfront", "--split-size", "40k"])
        .args(["--output", "s3://test-bucket/enriched/good/", "--bad", "s3://test-bucket/enriched/bad/"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for (name, expected) in [("good", good), ("bad", bad)] {
        let folder = format!("enriched/{name}/run=s3/");
        let keys: Vec<String> = server.state().objects.keys().filter(|key| key.starts_with(&folder)).cloned().collect();
        assert!(keys.contains(&format!("{folder}_SUCCESS")), "{keys:?}");
        let parts = keys.iter().filter(|key| key.contains("/part-"));
        let mut found = Vec::new();
        for key in parts {
            let stored = server.content(key).unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&stored[..]), &mut text).unwrap();
            found.extend(text.lines().map(str::to_owned));
        }
        let found = sorted(found, &world);
        assert!(found == expected, "{name}: {} records instead of {}", found.len(), expected.len());
    }
}
