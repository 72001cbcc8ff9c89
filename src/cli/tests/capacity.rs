//! `stormglass capacity`: what it says, writes and refuses.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Nothing is left to chance: 100/s at most, whoever comes evenly.
const MODEL: &str = "
name: till
run: {duration: 20s, warmup: 2s}
slo: {availability: 99%}
zones: {a: {nodes: 1}, b: {nodes: 1}}
policies: {hasty: [{timeout: 60ms}]}
services:
  till: {instances: 2, balancer: round_robin, queue: {capacity: 20}, endpoints: {pay: [{compute: 20ms}]}}
workloads:
  users: {target: till.pay, policy: hasty, arrivals: {deterministic: {rate: 30/s}}}
  staff: {target: till.pay, policy: hasty, closed: {users: 1, think: 10s}}
";
const QUICK: [&str; 6] = [
    "--replications",
    "2",
    "--max-replications",
    "2",
    "--points",
    "4",
];

fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("till.yaml"), MODEL).unwrap();
    dir
}

fn capacity(dir: &Path, args: &[&str], code: i32) -> (String, String) {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    command
        .current_dir(dir)
        .arg("capacity")
        .args(args)
        .env("NO_COLOR", "1");
    let output = command.assert().code(code).get_output().clone();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn the_page_and_the_files() {
    let dir = place();
    let (page, errors) = capacity(dir.path(), &[&["till.yaml"], &QUICK[..]].concat(), 0);
    assert_eq!(errors, "", "no bar without a terminal");
    assert!(
        page.starts_with("Capacity of till for users\n  ✓ "),
        "{page}"
    );
    assert!(page.contains("users: availability ≥ 99 %"), "{page}");
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
    let mut names: Vec<String> = fs::read_dir(dir.path().join("output/till-capacity"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "availability_load.png",
        "availability_load.svg",
        "capacity.csv",
        "capacity.json",
        #[cfg(feature = "parquet")]
        "capacity.parquet",
        "latency_load.png",
        "latency_load.svg",
    ];
    assert_eq!(names, expected);
}

/// One of two that share the load evenly is lost, and callers are not told: whatever goes there is
/// refused, so that half of all requests fail under any load.
#[test]
fn without_a_node() {
    let dir = place();
    let with = ["till.yaml", "--format", "json", "--without", "node:b-1"];
    let (json, _) = capacity(dir.path(), &[&with, &QUICK[..]].concat(), 0);
    assert!(!dir.path().join("output").exists(), "JSON writes nothing");
    let found: Value = serde_json::from_str(&json).unwrap();
    let [intact, lost] = [0, 1].map(|case| found["cases"][case].clone());
    // Two tills of 50/s each; the one of the staff takes 0.1/s of it, 1 % may fail.
    let [low, high] = ["low", "high"].map(|key| intact[key].as_f64().unwrap());
    assert!(low < 101.5 && high > 99.5, "{low} {high}");
    assert_eq!(lost["without"], "node:b-1");
    assert_eq!(lost["outcome"], "below");

    let told = "services.till.discovery={health_check: {interval: 500ms, timeout: 50ms, unhealthy: 1, healthy: 1}}";
    let (json, _) = capacity(
        dir.path(),
        &[&with, &QUICK[..], &["--set", told]].concat(),
        0,
    );
    let found: Value = serde_json::from_str(&json).unwrap();
    let left = found["cases"][1]["left"]["value"].as_f64().unwrap();
    assert!((left - 0.5).abs() < 0.03, "{left}");
}

#[test]
fn bad_input_says_what_is_allowed() {
    let dir = place();
    let no_slo = MODEL.replace("slo: {availability: 99%}\n", "");
    fs::write(dir.path().join("no_slo.yaml"), no_slo).unwrap();
    for (args, says) in [
        (
            &["till.yaml", "--workload", "user"][..],
            "did you mean `users`?",
        ),
        (&["till.yaml", "--workload", "staff"], "till.yaml:11:"),
        (&["till.yaml", "--without", "node:c-1"], "`a-1`, `b-1`"),
        (&["till.yaml", "--without", "b-1"], "`zone:NAME`"),
        (&["till.yaml", "--within", "0%"], "no share above 0"),
        (&["till.yaml", "--replications", "1"], "2..=1000000"),
        (&["no_slo.yaml"], "--set slo.availability"),
        (&["nothing.yaml"], "nothing.yaml"),
        (&["till.yaml", "--set", "services.till.worker=2"], "workers"),
    ] {
        let (page, errors) = capacity(dir.path(), args, 2);
        assert!(errors.contains(says), "{args:?}: {errors}");
        assert_eq!(page, "", "{args:?}");
    }
    assert!(!dir.path().join("output").exists());
}

#[test]
fn a_precision_that_is_not_reached_has_a_code() {
    let dir = place();
    let poisson = "workloads.users.arrivals={poisson: {rate: 30/s}}";
    let args = [
        "till.yaml",
        "--within",
        "0.1%",
        "--format",
        "json",
        "--set",
        poisson,
    ];
    let (json, _) = capacity(dir.path(), &[&args, &QUICK[..]].concat(), 4);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found["precise"], false);
}
