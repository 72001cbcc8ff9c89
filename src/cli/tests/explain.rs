//! `stormglass explain`: what it says of a run's folder, and what it refuses.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const MODEL: &str = "
name: shop
run: {duration: 60s, seed: 3}
policies: {wait: [{timeout: 100ms}]}
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: back.get, policy: wait}]}}
  back: {workers: 10, endpoints: {get: [{compute: {exponential: {mean: 5ms}}}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 100/s}}}
faults:
  - {at: 20s, for: 10s, slow: {service: back, factor: 30}}
";

fn stormglass(dir: &Path, args: &[&str], code: i32) -> (String, String) {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    command.current_dir(dir).args(args).env("NO_COLOR", "1");
    let output = command.assert().code(code).get_output().clone();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

/// A folder with a model that was run, and the page of the run.
fn run() -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("shop.yaml"), MODEL).unwrap();
    let (page, _) = stormglass(dir.path(), &["run", "shop.yaml"], 0);
    (dir, page)
}

#[test]
fn a_burst_is_told_from_its_root_to_the_user() {
    let (dir, run) = run();
    assert!(run.contains("back slow x30: "), "{run}");
    assert!(run.contains("stormglass explain DIR"), "{run}");
    let (page, errors) = stormglass(dir.path(), &["explain", "output/shop"], 0);
    assert_eq!(errors, "");
    assert!(page.starts_with("shop: one burst of failures\n"), "{page}");
    let places = [
        "root      back slow x30, 0:20 – 0:30",
        "user",
        "way",
        "hit",
        "peak",
        "end",
    ];
    let found: Vec<_> = places
        .map(|place| page.find(&format!("\n  {place}")))
        .into();
    assert!(found.iter().all(Option::is_some), "{found:?}: {page}");
    assert!(found.is_sorted(), "{page}");
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
}

#[test]
fn the_json_keeps_to_its_schema_and_says_the_same_each_time() {
    let (dir, _) = run();
    let args = ["explain", "output/shop", "--format", "json"];
    let (text, _) = stormglass(dir.path(), &args, 0);
    assert_eq!(stormglass(dir.path(), &args, 0).0, text);
    let json: Value = serde_json::from_str(&text).unwrap();
    let (schema, _) = stormglass(dir.path(), &["schema", "explanation"], 0);
    let schema: Value = serde_json::from_str(&schema).unwrap();
    for key in schema["required"].as_array().unwrap() {
        assert!(json.get(key.as_str().unwrap()).is_some(), "{key}");
    }
    let burst = &json["bursts"][0];
    assert_eq!(burst["roots"][0]["kind"], "fault");
    let failed = burst["failed"].as_u64().unwrap();
    let chains = burst["chains"].as_array().unwrap();
    let sum: u64 = chains.iter().map(|c| c["failed"].as_u64().unwrap()).sum();
    assert_eq!(sum, failed);
}

#[test]
fn only_the_folder_of_a_run_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |folder: &str| stormglass(dir.path(), &["explain", folder], 2).1;
    let error = refused("nowhere");
    assert!(
        error.contains("nowhere") && error.contains("there is no such folder"),
        "{error}"
    );
    assert!(error.contains("stormglass run"), "{error}");
    fs::create_dir(dir.path().join("empty")).unwrap();
    assert!(refused("empty").contains("none of result.json"));
}
