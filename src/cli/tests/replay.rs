//! A replication again, up to one event.

use assert_cmd::Command;
use std::fs;

const MODEL: &str = "
name: tiny
run: {duration: 20s, seed: 3, replications: 2}
services: {back: {endpoints: {get: [{compute: {exponential: {mean: 5ms}}}]}}}
workloads: {users: {target: back.get, arrivals: {deterministic: {rate: 100/s}}}}
faults: [{at: 10s, for: 2s, slow: {service: back, factor: 10}}]
";

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tiny.yaml"), MODEL).unwrap();
    let mut command = Command::cargo_bin("stormglass").unwrap();
    command.current_dir(dir.path()).env_clear();
    let output = command
        .arg("run")
        .arg("tiny.yaml")
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    // Nothing is written: a replay is to be read.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn the_same_event_is_the_same_page_and_another_replication_is_another_one() {
    let first = ["--seed", "7", "--until", "500"];
    let (code, page, _) = run(&first);
    assert_eq!(code, Some(0));
    assert!(
        page.starts_with("tiny · seed 7, replication 0 · behind event 500"),
        "{page}"
    );
    assert!(
        page.contains("users->back.get: a call ends, success, after"),
        "{page}"
    );
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
    assert_eq!(run(&first).1, page);
    let (_, other, _) = run(&["--seed", "7", "--replication", "1", "--until", "500"]);
    assert_ne!(other, page);
}

#[test]
fn a_replication_alone_and_files_make_no_sense() {
    let (code, _, complaint) = run(&["--replication", "1"]);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("--until"), "{complaint}");
    assert_eq!(run(&["--until", "5", "--out", "there"]).0, Some(2));
}
