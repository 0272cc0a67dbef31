//! `kill -9` of the whole process group at random moments, then the same command again.

use std::os::unix::process::CommandExt;
use std::process::Child;
use std::time::Duration;

use super::world::{World, code, event_ids, expect, page_views, text};

/// A generator whose numbers are the same every time; the moments they hit are not.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn kill_group(child: &mut Child) -> bool {
    let running = child.try_wait().unwrap().is_none();
    if running {
        // The runner leads a group of its own, and every step is in it.
        let group = i32::try_from(child.id()).unwrap();
        assert_eq!(unsafe { libc::kill(-group, libc::SIGKILL) }, 0);
    }
    child.wait().unwrap();
    running
}

/// Kills the runner `kills` times while files come in, then lets it end. Everything must be where it belongs, once.
fn survive(world: &World, kills: usize, seed: u64) {
    let mut random = Random(seed);
    let mut collected = 0;
    let mut files: Vec<Vec<u8>> = Vec::new();
    let (mut killed, mut rounds) = (0, 0);
    // Until one is seen to end by itself, the life of a runner is a guess.
    let mut longest = 3000;
    while killed < kills {
        rounds += 1;
        assert!(rounds < kills * 10, "only {killed} of {rounds} runners were still running when they were killed");
        // Something new now and then; always something to do.
        if rounds % 4 == 1 {
            for _ in 0..=random.below(2) {
                let content = page_views(collected..collected + 5);
                world.collect(&format!("i-{}/log-{}", files.len() % 2, files.len() / 2), &content);
                files.push(content);
                collected += 5;
            }
        }
        let mut runner = world.runner_command("run", &[]);
        let started = std::time::Instant::now();
        let mut child = runner.process_group(0).spawn().unwrap();
        let until = Duration::from_millis(random.below(longest));
        while started.elapsed() < until && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(3));
        }
        if kill_group(&mut child) {
            killed += 1;
        } else {
            let output = child.wait_with_output().unwrap();
            assert!(matches!(code(&output), 0 | 3), "{}", text(&output));
            longest = u64::try_from(started.elapsed().as_millis()).unwrap().max(300);
        }
    }
    let mut last = world.run(&[]);
    while code(&last) == 0 {
        last = world.run(&[]);
    }
    expect(&last, 3);

    assert_eq!(world.loaded(), event_ids(0..collected), "each event once");
    assert_eq!(world.query("SELECT count(*) FROM com_acme_click_1"), [collected.to_string()]);
    for folder in ["in", "processing", "enriched/good", "shredded/good", "state/open", "state/claim"] {
        assert_eq!(world.snapshot(folder).into_keys().collect::<Vec<_>>(), [""; 0], "{folder}");
    }
    let everything = world.snapshot("");
    let leftovers: Vec<&String> = everything.keys().filter(|name| name.contains(".thresh-")).collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
    let archived = world.snapshot("archive/raw");
    let mut contents: Vec<&Vec<u8>> = archived
        .iter()
        .filter(|(name, _)| name.contains("/log-") || name.contains("log-"))
        .map(|(_, bytes)| bytes)
        .collect();
    contents.sort();
    let mut expected: Vec<&Vec<u8>> = files.iter().collect();
    expected.sort();
    assert_eq!(contents, expected, "no raw file is lost, none is there twice");
    let runs = world.run_ids("archive/raw");
    assert_eq!(world.query("SELECT count(*) FROM manifest"), [runs.len().to_string()]);
    for folder in ["archive/raw", "archive/enriched", "archive/shredded"] {
        assert_eq!(world.run_ids(folder), runs, "{folder}");
        for id in &runs {
            assert!(world.snapshot(folder).contains_key(&format!("run={id}/_SUCCESS")), "{folder} {id}");
            assert!(!world.snapshot(folder).keys().any(|name| name.contains("_journal/")), "{folder} {id}");
        }
    }
    let enriched: u64 = runs.iter().map(|id| world.manifest("archive/enriched", id).counters.events_good).sum();
    assert_eq!(enriched as usize, collected);
}

#[test]
fn fifty_kills_on_disk() {
    survive(&World::on_disk(), 50, 11);
}

#[test]
fn kills_on_s3() {
    survive(&World::on_s3(), 10, 7);
}
