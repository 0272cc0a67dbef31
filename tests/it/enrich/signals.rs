//! Interrupted, killed, locked out.

use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{World, code, gzip, page_views, stderr};

fn signal(child: &Child, signal: i32) {
    // SAFETY: sends a signal to a child that was not waited for yet.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
}

fn wait_for(path: &Path, child: &mut Child) -> bool {
    let patience = Instant::now() + Duration::from_secs(60);
    while !path.exists() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(Instant::now() < patience, "{} never came", path.display());
        sleep(Duration::from_millis(1));
    }
    true
}

/// 60 splits of 100 events.
fn many_splits() -> World {
    let world = World::new();
    for file in 0..60 {
        world.input(&format!("{file:02}.gz"), &gzip(&page_views(file * 100..(file + 1) * 100)));
    }
    world
}

const ARGUMENTS: [&str; 9] =
    ["in", "--run-id", "r", "--split-size", "1", "--threads", "2", "--etl-tstamp", "1500000000000"];

/// The column that numbers the events.
fn event_ids(world: &World) -> Vec<String> {
    let lines = world.lines("good", "r");
    lines.iter().map(|line| line.split('\t').nth(6).unwrap().to_owned()).collect()
}

#[test]
fn ctrl_c_is_130_and_can_be_resumed() {
    let world = many_splits();
    let mut child = world.command().args(ARGUMENTS).spawn().unwrap();
    assert!(wait_for(&world.run_folder("good", "r").join("_journal/00001.json"), &mut child), "over too soon");
    signal(&child, libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", stderr(&output));
    assert!(stderr(&output).contains("--resume"), "{}", stderr(&output));
    assert!(!world.is_complete("r"));
    let manifest = std::fs::read_to_string(world.run_folder("good", "r").join("_manifest.json")).unwrap();
    assert!(manifest.contains(r#""status": "interrupted""#));
    let resumed = world.command().args(ARGUMENTS).args(["--resume", "--summary", "json"]).output().unwrap();
    assert_eq!(code(&resumed), 0, "{}", stderr(&resumed));
    let summary: serde_json::Value = serde_json::from_slice(&resumed.stdout).unwrap();
    assert!(summary["resumed_splits"].as_u64() >= Some(2), "{summary}");
    assert_eq!(summary["events_good"], 6000);
    let ids = event_ids(&world);
    assert_eq!(ids.len(), 6000);
    assert!(ids.iter().enumerate().all(|(index, id)| *id == format!("{index:08x}-0000-4000-8000-{index:012x}")));
}

#[test]
fn killed_at_any_moment_then_resumed() {
    let world = many_splits();
    let undisturbed = many_splits();
    assert_eq!(code(&undisturbed.command().args(ARGUMENTS).output().unwrap()), 0);
    let mut interrupted = 0;
    for round in 0..20_u64 {
        let mut child = world.command().args(ARGUMENTS).arg("--resume").spawn().unwrap();
        sleep(Duration::from_millis(10 + (round * 53) % 190));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            interrupted += 1;
        }
        child.wait().unwrap();
    }
    let last = world.command().args(ARGUMENTS).arg("--resume").output().unwrap();
    assert_eq!(code(&last), 0, "{}", stderr(&last));
    assert!(interrupted > 3, "killed {interrupted} times");
    assert_eq!(world.lines("good", "r"), undisturbed.lines("good", "r"));
    let names = |world: &World| {
        let entries = std::fs::read_dir(world.run_folder("good", "r")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&world), names(&undisturbed));
}

#[test]
fn a_living_run_keeps_others_out() {
    let world = World::new();
    std::fs::create_dir(world.path("in")).unwrap();
    let pipe = std::ffi::CString::new(world.path("in/pipe").to_str().unwrap()).unwrap();
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    let arguments = ["in/pipe", "--run-id", "r", "--format", "cloudfront"];
    let mut first = world.command().args(arguments).spawn().unwrap();
    assert!(wait_for(&world.run_folder("good", "r").join("_journal/plan.json"), &mut first));
    let second = world.command().args(arguments).arg("--resume").output().unwrap();
    assert_eq!(code(&second), 17, "{}", stderr(&second));
    assert!(stderr(&second).contains(&format!("process {}", first.id())), "{}", stderr(&second));
    // The first one waits for a writer that never comes: it takes two signals.
    signal(&first, libc::SIGINT);
    sleep(Duration::from_millis(300));
    signal(&first, libc::SIGTERM);
    let output = first.wait_with_output().unwrap();
    assert_eq!(code(&output), 130);
    assert!(stderr(&output).contains("once more to stop at once"));
}
