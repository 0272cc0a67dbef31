//! `kill -9` at any moment, then `--resume`: the records are those of an undisturbed run.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::world::{World, expected, gzip, sample, text};

const ROOT: &str = "THRESH_TEST_KILLED_RUN";

fn world_at(root: PathBuf) -> World {
    let mut world = World::at(root);
    world.split_size = 20_000;
    world.options.chunk_size = 10_000;
    world.resume = true;
    world
}

/// The process that is killed: this test binary, running only this function.
#[test]
#[ignore = "run by the test below in a process of its own"]
fn child() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let mut world = world_at(root.into());
    world.on_line = |line| {
        // Slow enough to be hit in the middle.
        if line.ends_with(b"0") {
            sleep(Duration::from_micros(600));
        }
    };
    world.run();
}

fn start(world: &World) -> std::process::Child {
    let test = "engine::kill::child";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored"])
        .env(ROOT, &world.root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn resumed_after_kill_gives_the_same_records() {
    let lines = sample(20_000);
    let fixture = World::new();
    for (index, part) in lines.chunks(250).enumerate() {
        fixture.input(&format!("{index:03}.gz"), &gzip(&text(part)));
    }
    let world = world_at(fixture.root.clone());
    let mut killed = 0;
    for round in 0..20_u64 {
        let mut child = start(&world);
        // Moments spread over the life of a process, and different each time.
        sleep(Duration::from_millis(5 + (round * 37) % 150));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
    }
    assert!(killed > 5, "only {killed} processes were still running");
    let manifest = world.run().manifest;
    let (good, bad) = expected(&lines);
    assert_eq!(world.lines("good"), good);
    assert_eq!(world.lines("bad"), bad);
    assert_eq!(manifest.counters.records_in, 20_000);
    let leftovers: Vec<String> = world.names("good").into_iter().filter(|name| !name.starts_with("part-")).collect();
    assert_eq!(leftovers, ["_SUCCESS", "_manifest.json"]);
}
