//! `stormglass trace`: what it says, writes and refuses.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// At 1 s ten requests come at once, and one worker needs 10 ms for each: the last one waits for 90 ms,
/// and those whose turn comes after 65 ms are not waited for.
const MODEL: &str = "
name: shop
run: {duration: 10s, seed: 3}
policies: {hasty: [{timeout: 65ms}]}
services: {order: {workers: 1, endpoints: {place: [{compute: 10ms}]}}}
workloads:
  patient: {target: order.place, batch: {at: 1s, size: 10}}
  hasty: {target: order.place, policy: hasty, batch: {at: 5s, size: 10}}
";

fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("shop.yaml"), MODEL).unwrap();
    dir
}

fn trace(dir: &Path, args: &[&str], code: i32) -> (String, String) {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    command
        .current_dir(dir)
        .arg("trace")
        .args(args)
        .env("NO_COLOR", "1");
    let output = command.assert().code(code).get_output().clone();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn the_page_and_the_files() {
    let dir = place();
    let (page, errors) = trace(
        dir.path(),
        &["shop.yaml", "--slowest", "1", "--failed", "2"],
        0,
    );
    assert_eq!(errors, "", "no bar without a terminal");
    for part in [
        "hasty: 6 answered, 4 failed (4 timeout)",
        "patient: 10 answered, none failed",
        "slowest 1: request 10 of patient, at 1.000 s: answered after 100 ms",
        "90 % waiting in order's queue, 10 % working in order",
        "failed 2: request ",
        "100 % waiting in order's queue",
        "output/shop-trace",
        "traces.otlp.json traces.chrome.json",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert!(!page.contains('\u{1b}'), "NO_COLOR is heeded");
    for name in ["traces.otlp.json", "traces.chrome.json"] {
        let bytes = fs::read(dir.path().join("output/shop-trace").join(name)).unwrap();
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(json.is_object());
    }
}

#[test]
fn json_is_one_object_and_of_the_run_that_is_traced() {
    let dir = place();
    let (json, _) = trace(dir.path(), &["shop.yaml", "--format", "json"], 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["workloads"]["hasty"]["failed"]["timeout"], 4);
    let traces = json["traces"].as_array().unwrap();
    // Five slowest, and all that failed.
    assert_eq!(traces.len(), 9);
    assert_eq!(traces[0]["latency_ns"], 100_000_000);
    assert!(!dir.path().join("output").exists());
    let run = Command::cargo_bin("stormglass")
        .unwrap()
        .current_dir(dir.path())
        .args([
            "run",
            "shop.yaml",
            "--format",
            "json",
            "--replications",
            "1",
        ])
        .output()
        .unwrap();
    let run: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(json["fingerprint"], run["fingerprint"]);
}

#[test]
fn settings_change_what_is_traced() {
    let dir = place();
    let args = ["shop.yaml", "--workload", "hasty", "--slowest", "0"];
    let (page, _) = trace(dir.path(), &args, 0);
    assert!(page.contains("failed 4: "), "{page}");
    assert!(!page.contains("patient"), "{page}");
    let more = ["--set", "policies.hasty=[{timeout: 1s}]", "--out", "here"];
    let (page, _) = trace(dir.path(), &[&args[..], &more].concat(), 0);
    assert!(page.contains("there is no request to show"), "{page}");
    assert!(dir.path().join("here/traces.otlp.json").exists());
}

#[test]
fn what_cannot_be_traced_is_said_and_nothing_is_written() {
    let dir = place();
    for (args, says) in [
        (
            &["shop.yaml", "--workload", "hastey"][..],
            "did you mean `hasty`?",
        ),
        (&["nowhere.yaml"], "nowhere.yaml"),
        (&["shop.yaml", "--slowest", "many"], "--slowest"),
        (&["shop.yaml", "--failed", "1001"], "1001"),
        (&["shop.yaml", "--set", "services.ordr.workers=2"], "ordr"),
    ] {
        let (page, errors) = trace(dir.path(), args, 2);
        assert_eq!(page, "");
        assert!(errors.contains(says), "{says} is not in\n{errors}");
    }
    assert!(!dir.path().join("output").exists());
}
