//! Two runners at once.

use super::world::{World, code, event_ids, expect, page_views, text};

/// Waits until a runner is held in a step.
fn wait_until_held(world: &World, runner: &mut std::process::Child) {
    while !world.path("held").exists() {
        assert!(runner.try_wait().unwrap().is_none(), "the runner ended before it came to the step");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn second_is_refused(world: &World) {
    world.collect("a", &page_views(0..10));
    std::fs::write(world.path("hold-enrich"), "").unwrap();
    let mut first = world.faulty(&[]).spawn().unwrap();
    wait_until_held(world, &mut first);
    world.collect("b", &page_views(10..20));
    let before = world.snapshot("");
    for arguments in [&[][..], &["--resume-from", "shred"], &["--skip", "staging"]] {
        let second = world.run(arguments);
        expect(&second, 17);
        assert!(text(&second).contains("Lock already held at "), "{}", text(&second));
        assert!(text(&second).contains(&format!("process {} on", first.id())), "{}", text(&second));
    }
    assert_eq!(world.snapshot(""), before, "untouched");
    std::fs::remove_file(world.path("hold-enrich")).unwrap();
    let first = first.wait_with_output().unwrap();
    expect(&first, 0);
    assert_eq!(world.loaded(), event_ids(0..10));
    expect(&world.run(&[]), 0);
    assert_eq!(world.loaded(), event_ids(0..20));
}

#[test]
fn the_second_runner_exits_17_untouched_on_disk() {
    second_is_refused(&World::on_disk());
}

#[test]
fn the_second_runner_exits_17_untouched_on_s3() {
    second_is_refused(&World::on_s3());
}

#[test]
fn runners_that_start_at_the_same_moment_do_the_work_once() {
    let world = World::on_s3();
    world.collect("a", &page_views(0..10));
    let runners: Vec<_> = (0..4).map(|_| world.runner_command("run", &[]).spawn().unwrap()).collect();
    let outputs: Vec<_> = runners.into_iter().map(|runner| runner.wait_with_output().unwrap()).collect();
    let count = |wanted: i32| outputs.iter().filter(|output| code(output) == wanted).count();
    assert_eq!(count(0), 1, "{:?}", outputs.iter().map(text).collect::<Vec<_>>());
    assert_eq!(count(0) + count(17) + count(3), 4, "{:?}", outputs.iter().map(text).collect::<Vec<_>>());
    assert_eq!(world.loaded(), event_ids(0..10));
    assert_eq!(world.run_ids("archive/raw").len(), 1);
}

#[test]
fn one_more_lock_keeps_pipelines_apart() {
    let (one, other) = (World::on_disk(), World::on_disk());
    let lock = one.path("shared.lock").display().to_string();
    one.collect("a", &page_views(0..1));
    other.collect("a", &page_views(0..1));
    std::fs::write(one.path("hold-shred"), "").unwrap();
    let mut first = one.faulty(&["--lock", &lock]).spawn().unwrap();
    wait_until_held(&one, &mut first);
    expect(&other.run(&["--lock", &lock]), 17);
    assert_eq!(other.data("in"), ["a"]);
    assert_eq!(other.data("state/claim"), [""; 0], "what was claimed before is given back");
    std::fs::remove_file(one.path("hold-shred")).unwrap();
    expect(&first.wait_with_output().unwrap(), 0);
    expect(&other.run(&["--lock", &lock]), 0);
}

/// A lock of EmrEtlRunner's own: a file with a process id.
#[test]
fn a_lock_file_of_another_program_counts() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..1));
    let lock = world.path("emr.lock");
    std::fs::write(&lock, "4711").unwrap();
    expect(&world.run(&["--lock", &lock.display().to_string()]), 17);
    assert_eq!(world.data("in"), ["a"]);
    std::fs::remove_file(&lock).unwrap();
    expect(&world.run(&["--lock", &lock.display().to_string()]), 0);
}

#[test]
fn asked_to_stop_it_stops_and_goes_on_later() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..10));
    std::fs::write(world.path("hold-shred"), "").unwrap();
    let mut runner = world.faulty(&[]).spawn().unwrap();
    wait_until_held(&world, &mut runner);
    assert_eq!(unsafe { libc::kill(i32::try_from(runner.id()).unwrap(), libc::SIGTERM) }, 0);
    expect(&runner.wait_with_output().unwrap(), 130);
    assert_eq!(world.data("state/claim"), [""; 0]);
    assert_eq!(world.data("state/open").len(), 1);
    std::fs::remove_file(world.path("hold-shred")).unwrap();
    expect(&world.run(&[]), 0);
    assert_eq!(world.loaded(), event_ids(0..10));
}

/// snowplow/snowplow 1615: a step hung for hours.
#[test]
fn complaint_15_a_step_that_hangs_is_ended() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..10));
    std::fs::write(world.path("hold-enrich"), "").unwrap();
    let output = world.faulty(&["--step-timeout", "1"]).output().unwrap();
    expect(&output, 1);
    assert!(text(&output).contains("failed in step enrich (exit code 124)"), "{}", text(&output));
    std::fs::remove_file(world.path("hold-enrich")).unwrap();
    expect(&world.run(&[]), 0);
    assert_eq!(world.loaded(), event_ids(0..10));
}
