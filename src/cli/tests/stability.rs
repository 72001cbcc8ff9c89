//! `stormglass stability`: what it says, writes and refuses.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A tenth of `models/metastable.yaml`: 30/s, hence a hidden capacity of 15/s.
const MODEL: &str = "
name: db
run: {duration: 200s, seed: 3}
policies:
  client: [{retry: {attempts: 2, backoff: 0s}}, {timeout: 1s}]
services:
  db: {endpoints: {get: [{compute: {erlang: {k: 20, mean: 33.33333ms}}}]}}
workloads:
  users: {target: db.get, policy: client, arrivals: {deterministic: {rate: 20/s}}}
faults:
  - {at: 20s, for: 10s, pause: {service: db}}
";
const QUICK: [&str; 4] = ["--replications", "1", "--within", "20%"];

fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("db.yaml"), MODEL).unwrap();
    dir
}

fn stability(dir: &Path, args: &[&str], code: i32) -> (String, String) {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    command
        .current_dir(dir)
        .arg("stability")
        .args(args)
        .env("NO_COLOR", "1");
    let output = command.assert().code(code).get_output().clone();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn the_page_and_the_files() {
    let dir = place();
    let args = ["db.yaml", "--load", "5/s,20/s,50/s"];
    let (page, errors) = stability(dir.path(), &[&args[..], &QUICK].concat(), 0);
    assert_eq!(errors, "", "no bar without a terminal");
    assert!(
        page.starts_with("Stability of db under users\n  trigger: db pause at 20 s\n"),
        "{page}"
    );
    assert!(
        page.contains("the model's own load of 20/s is vulnerable"),
        "{page}"
    );
    for (load, state) in [
        ("5/s", "stable"),
        ("20/s", "vulnerable"),
        ("50/s", "overloaded"),
    ] {
        let row = |line: &str| line.trim().starts_with(load) && line.contains(state);
        assert!(page.lines().any(row), "{load} {state}: {page}");
    }
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
    let mut names: Vec<String> = fs::read_dir(dir.path().join("output/db-stability"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "stability.csv",
        "stability.json",
        #[cfg(feature = "parquet")]
        "stability.parquet",
        "stability.png",
        "stability.svg",
    ];
    assert_eq!(names, expected);
}

#[test]
fn triggers_and_settings_have_a_map_each() {
    let dir = place();
    let args = [
        "db.yaml",
        "--load",
        "20/s",
        "--trigger",
        "500ms,10s",
        "--vary",
        "policies.client.retry.attempts=1,2",
        "--format",
        "json",
    ];
    let (json, _) = stability(dir.path(), &[&args[..], &QUICK].concat(), 0);
    assert!(!dir.path().join("output").exists(), "JSON writes nothing");
    let found: Value = serde_json::from_str(&json).unwrap();
    let states = |setting: usize| found["settings"][setting]["states"].clone();
    assert_eq!(
        states(0),
        serde_json::json!(["stable"]),
        "nobody tries again"
    );
    assert_eq!(states(1), serde_json::json!(["vulnerable"]));
    let hidden = |trigger: usize| {
        let trigger = &found["settings"][1]["triggers"][trigger];
        trigger["hidden_capacity"]["value"].as_f64().unwrap()
    };
    assert!(
        hidden(1) < 20.0 && hidden(0) > 20.0,
        "{} {}",
        hidden(0),
        hidden(1)
    );
}

#[test]
fn bad_input_says_what_is_allowed() {
    let dir = place();
    let never = MODEL.replace(", for: 10s", "");
    fs::write(dir.path().join("never.yaml"), never).unwrap();
    let (calm, _) = MODEL.split_once("faults:").unwrap();
    fs::write(dir.path().join("calm.yaml"), calm).unwrap();
    for (args, says) in [
        (
            &["calm.yaml"][..],
            "no faults; a trigger is a fault with `at` and `for`",
        ),
        (&["never.yaml"], "never.yaml:1"),
        (&["db.yaml", "--trigger", "190s"], "no time to recover"),
        (&["db.yaml", "--trigger", "10"], "such as `500ms`"),
        (&["db.yaml", "--load", "100"], "such as `150/s`"),
        (&["db.yaml", "--healthy", "120%"], "no share"),
        (&["db.yaml", "--workload", "usrs"], "did you mean `users`?"),
        (
            &["db.yaml", "--vary", "policies.client.retry.attempts"],
            "PATH=VALUE",
        ),
        (
            &["db.yaml", "--vary", "policies.client.retry.atempts=1,2"],
            "attempts",
        ),
    ] {
        let (page, errors) = stability(dir.path(), args, 2);
        assert!(errors.contains(says), "{args:?}: {errors}");
        assert_eq!(page, "", "{args:?}");
    }
    assert!(!dir.path().join("output").exists());
}
