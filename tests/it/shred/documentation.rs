//! The worked example of `docs/SHREDDING.md`: its files are written, its commands run, and what they print is compared.

use std::path::Path;
use std::process::Command;

/// One fenced block: the words after the fence, and its lines.
struct Block<'t> {
    head: &'t str,
    lines: Vec<&'t str>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(head) = line.strip_prefix("```") {
            found.push(Block { head, lines: lines.by_ref().take_while(|line| *line != "```").collect() });
        }
    }
    found
}

fn shell(folder: &Path, command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_thresh")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh").args(["-c", command]).current_dir(folder).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A line `…` stands for any lines.
fn fits(expected: &[&str], found: &[&str]) -> bool {
    match expected.split_first() {
        None => found.is_empty(),
        Some((&"…", rest)) => (0..=found.len()).any(|skipped| fits(rest, &found[skipped..])),
        Some((line, rest)) => found.split_first().is_some_and(|(first, others)| first == line && fits(rest, others)),
    }
}

#[test]
fn the_worked_example() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SHREDDING.md")).unwrap();
    let example = text.split("\n## ").find(|section| section.starts_with("From an event to tables")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut commands = 0;
    for block in blocks(example) {
        if let Some((_, file)) = block.head.split_once("file=") {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, block.lines.join("\n") + "\n").unwrap();
            continue;
        }
        assert_eq!(block.head, "console");
        let mut lines = block.lines.as_slice();
        while let Some((command, rest)) = lines.split_first() {
            let command = command.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {command}"));
            let end = rest.iter().position(|line| line.starts_with("$ ")).unwrap_or(rest.len());
            let printed = shell(folder.path(), command);
            let found: Vec<&str> = printed.lines().collect();
            assert!(fits(&rest[..end], &found), "{command} printed\n{printed}");
            lines = &rest[end..];
            commands += 1;
        }
    }
    assert!(commands >= 8, "{commands}");
}
