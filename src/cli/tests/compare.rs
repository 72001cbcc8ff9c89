//! `stormglass compare`: what it says, writes and refuses.

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const MODEL: &str = "
run: {duration: 60s, warmup: 5s}
services: {server: {workers: 1, endpoints: {serve: [{compute: {exponential: {mean: 10ms}}}]}}}
workloads: {users: {target: server.serve, arrivals: {poisson: {rate: 50/s}}}}
";
const FASTER: &str = "services.server.endpoints.serve=[{compute: {exponential: {mean: 9ms}}}]";

fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), MODEL).unwrap();
    fs::write(dir.path().join("b.yaml"), MODEL.replace("10ms", "9ms")).unwrap();
    dir
}

fn compare(dir: &Path, args: &[&str], code: i32) -> (String, String) {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    command
        .current_dir(dir)
        .arg("compare")
        .args(args)
        .env("NO_COLOR", "1");
    let output = command.assert().code(code).get_output().clone();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn two_models_and_one_with_a_change_say_the_same() {
    let dir = place();
    let usual = ["--metric", "users.latency.mean", "--format", "json"];
    let (files, _) = compare(dir.path(), &[&["a.yaml", "b.yaml"], &usual[..]].concat(), 0);
    let with = format!("b: {FASTER}");
    let (sets, _) = compare(
        dir.path(),
        &[&["a.yaml", "--with", &with], &usual[..]].concat(),
        0,
    );
    let [files, sets] = [files, sets].map(|text| {
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["differences"].clone()
    });
    assert_eq!(files, sets);
    assert_eq!(files[0]["verdict"], "better");
    assert!(!dir.path().join("output").exists(), "JSON writes nothing");
}

#[test]
fn the_page_and_the_files() {
    let dir = place();
    let (page, _) = compare(dir.path(), &["a.yaml", "b.yaml", "--replications", "6"], 0);
    assert!(page.starts_with("b against a\n  b.yaml\n"), "{page}");
    assert!(page.contains("4 differences were tested"), "{page}");
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
    let out = dir.path().join("output/b-against-a");
    let rows = |name: &str| fs::read_to_string(out.join(name)).unwrap().lines().count();
    assert_eq!(rows("differences.csv"), 1 + 4);
    assert_eq!(rows("replications.csv"), 1 + 2 * 6 * 4);
    for name in ["differences.svg", "differences.png", "comparison.json"] {
        assert!(out.join(name).exists(), "{name}");
    }
}

#[test]
fn several_settings_are_one_family() {
    let dir = place();
    let args = [
        "a.yaml",
        "--set",
        "run.duration=20s",
        "--with",
        "two: services.server.workers=2",
        "--with",
        "services.server.workers=3; workloads.users.arrivals.poisson.rate=60/s",
        "--metric",
        "users.latency.mean",
        "--correction",
        "bonferroni",
    ];
    let (page, _) = compare(dir.path(), &args, 0);
    assert!(
        page.contains("two against a\n") && page.contains("C against a\n"),
        "{page}"
    );
    assert!(
        page.contains("2 differences were tested: p is adjusted by Bonferroni"),
        "{page}"
    );
    assert!(
        dir.path()
            .join("output/2-settings-against-a/differences.csv")
            .exists()
    );
}

#[test]
fn a_precision_is_reached_or_the_exit_code_says_so() {
    let dir = place();
    let with = |width: &str, most: &str, code| {
        let precision = format!("users.latency.mean={width}");
        let args = [
            "a.yaml",
            "b.yaml",
            "--precision",
            &precision,
            "--max-replications",
            most,
        ];
        compare(dir.path(), &args, code).0
    };
    with("1ms", "100", 0);
    let page = with("1us", "12", 4);
    assert!(page.contains("wider than asked for"), "{page}");
    assert!(page.contains("12 replications of each"), "{page}");
}

#[test]
fn mistakes_are_told_before_anything_is_written() {
    let dir = place();
    let cases: [(&[&str], &str); 8] = [
        (&["a.yaml"], "nothing to compare with"),
        (&["a.yaml", "a.yaml"], "two settings are called"),
        (&["a.yaml", "c.yaml"], "the file cannot be read"),
        (&["a.yaml", "--with", "services.server.wrkers=2"], "wrkers"),
        (&["a.yaml", "--with", "x"], "expected PATH=VALUE"),
        (
            &["a.yaml", "b.yaml", "--metric", "users.p99"],
            "there is no metric `users.p99`",
        ),
        (
            &["a.yaml", "b.yaml", "--precision", "users.availability=5ms"],
            "it takes points",
        ),
        (&["a.yaml", "b.yaml", "--replications", "1"], "2.."),
    ];
    for (args, message) in cases {
        let (_, error) = compare(dir.path(), args, 2);
        assert!(error.contains(message), "{args:?}: {error}");
        assert!(!dir.path().join("output").exists(), "{args:?}");
    }
}

/// What is compared without being named is the workloads' own, whatever else a model has.
#[test]
fn transactions_are_compared_when_they_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let model = "
run: {duration: 20s}
services:
  order:
    workers: 8
    endpoints: {create: [{transaction: {protocol: two_phase_commit, participants: [stock.reserve], prepare_timeout: 1s}}]}
  stock: {workers: 8, endpoints: {reserve: [{compute: {exponential: {mean: 5ms}}}]}}
workloads: {users: {target: order.create, arrivals: {poisson: {rate: 20/s}}}}
";
    fs::write(dir.path().join("t.yaml"), model).unwrap();
    let of = |more: &[&str]| {
        let usual = [
            "t.yaml",
            "--with",
            "services.stock.workers=1",
            "--format",
            "json",
        ];
        let (json, _) = compare(dir.path(), &[&usual[..], more].concat(), 0);
        let record: serde_json::Value = serde_json::from_str(&json).unwrap();
        let differences = record["differences"].as_array().unwrap().clone();
        let names = differences
            .iter()
            .map(|d| d["metric"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        of(&[]),
        [
            "users.availability",
            "users.throughput",
            "users.latency.p50",
            "users.latency.p99"
        ]
    );
    let named = "transactions.order.create.latency.p99";
    assert_eq!(of(&["--metric", named]), [named]);
}
