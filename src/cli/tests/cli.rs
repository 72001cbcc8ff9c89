//! The binary as a user meets it: what it prints, what it writes, how it ends.

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Nothing in it is left to chance: what a page says of it can be worked out by hand. For two
/// seconds `back` takes 50 ms, longer than its callers wait.
const TINY: &str = "
name: tiny
run: {duration: 20s, warmup: 2s, seed: 3}
slo: {availability: 99.9%, latency: {p99: 1s}}
policies:
  client: [{retry: {attempts: 2, backoff: 5ms, jitter: none}}, {timeout: 40ms}]
services:
  front: {workers: 8, threading: async, endpoints: {get: [{compute: 1ms}, {call: back.get}]}}
  back: {workers: 2, queue: {capacity: 20}, endpoints: {get: [{compute: 5ms}]}}
workloads:
  users: {target: front.get, policy: client, arrivals: {deterministic: {rate: 100/s}}}
faults:
  - {at: 10s, for: 2s, slow: {service: back, factor: 10}}
";

fn stormglass(dir: &Path) -> Command {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    command.current_dir(dir).env_clear();
    command
}

fn with_model() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tiny.yaml"), TINY).unwrap();
    dir
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const FILES: [&str; 20] = [
    "anatomy.png",
    "anatomy.svg",
    "availability.png",
    "availability.svg",
    "cascade.png",
    "cascade.svg",
    "ccdf.png",
    "ccdf.svg",
    "details.json",
    "failures.png",
    "failures.svg",
    "latency.png",
    "latency.svg",
    "manifest.json",
    "model.yaml",
    "percentiles.png",
    "percentiles.svg",
    "result.json",
    "summary.csv",
    "timeseries.csv",
];

#[test]
fn help() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["", "run", "capacity", "stability", "check", "schema", "new"] {
        let mut args = vec![command, "--help"];
        args.retain(|arg| !arg.is_empty());
        let output = stormglass(dir.path()).args(&args).assert().code(0);
        let name = format!("help_{command}");
        insta::assert_snapshot!(name, text(&output.get_output().stdout));
    }
}

#[test]
fn a_run_prints_a_page_and_writes_its_files() {
    let dir = with_model();
    let assert = stormglass(dir.path())
        .args(["run", "tiny.yaml", "--replications", "3"])
        .assert()
        .code(0);
    let output = assert.get_output();
    assert_eq!(text(&output.stderr), "", "no bar without a terminal");
    let page = text(&output.stdout);
    // What was run is broken into lines that depend on the time it took.
    let (before, rest) = page.split_once("\nRun\n").unwrap();
    let (facts, after) = rest.split_once("\n\n").unwrap();
    assert!(facts.starts_with("  tiny · seed 3 · 3 replications of 20 s (warm-up 2 s) · "));
    insta::assert_snapshot!("page", format!("{before}\n[run]\n\n{after}"));
    assert_eq!(names(&dir.path().join("output/tiny")), FILES);
}

#[test]
fn two_runs_write_the_same_tables_and_charts() {
    let dir = with_model();
    for (out, threads) in [("a", "1"), ("b", "2")] {
        let args = ["run", "tiny.yaml", "--replications", "2", "--out", out];
        stormglass(dir.path())
            .args(args)
            .args(["--threads", threads])
            .assert()
            .code(0);
    }
    for name in FILES.iter().filter(|name| **name != "result.json") {
        let [a, b] = ["a", "b"].map(|out| fs::read(dir.path().join(out).join(name)).unwrap());
        assert!(a == b, "{name} differs");
    }
}

#[test]
fn json_is_one_object_and_writes_nothing_unasked() {
    let dir = with_model();
    let assert = stormglass(dir.path())
        .args(["run", "tiny.yaml", "--format", "json", "--seed", "9"])
        .assert()
        .code(0);
    let output = assert.get_output();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["model"], "tiny");
    assert_eq!(json["seed"], 9);
    assert_eq!(json["slo"].as_array().unwrap().len(), 2);
    assert!(json["workloads"]["users"]["issued"].as_u64().unwrap() > 1000);
    assert_eq!(names(dir.path()), ["tiny.yaml"]);

    stormglass(dir.path())
        .args(["run", "tiny.yaml", "--format", "json", "--out", "here"])
        .assert()
        .code(0);
    assert_eq!(names(&dir.path().join("here")), FILES);
    assert_eq!(names(dir.path()), ["here", "tiny.yaml"]);
}

#[test]
fn short_options_are_sets_and_win_over_them() {
    let dir = with_model();
    let run = |args: &[&str]| {
        let mut command = stormglass(dir.path());
        command.args(["run", "tiny.yaml", "--format", "json"]);
        let output = command.args(args).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        json
    };
    let json = run(&["--duration", "5s", "--warmup", "1s", "--replications", "2"]);
    assert_eq!(json["simulated_s"], 5.0);
    assert_eq!(json["warmup_s"], 1.0);
    assert_eq!(json["replications"], 2);
    let json = run(&["--seed", "5", "--set", "run.seed=4"]);
    assert_eq!(json["seed"], 5);
}

#[test]
fn a_missed_objective_ends_with_3_only_when_asked() {
    let dir = with_model();
    let args = ["run", "tiny.yaml", "--format", "json"];
    stormglass(dir.path()).args(args).assert().code(0);
    stormglass(dir.path())
        .args(args)
        .args(["--fail-on", "slo"])
        .assert()
        .code(3);
    stormglass(dir.path())
        .args(args)
        .args(["--fail-on", "slo", "--set", "slo.availability=10%"])
        .assert()
        .code(0);
}

#[test]
fn bad_input_ends_with_2_and_says_where() {
    let dir = with_model();
    let complaint = |args: &[&str]| {
        let assert = stormglass(dir.path()).args(args).assert().code(2);
        let output = assert.get_output();
        assert_eq!(text(&output.stdout), "");
        text(&output.stderr)
    };
    insta::assert_snapshot!(
        "bad_set",
        complaint(&["run", "tiny.yaml", "--duration", "10"])
    );
    insta::assert_snapshot!("bad_command", complaint(&["fly"]));
    assert!(complaint(&["run", "tiny.yaml", "--set", "seed"]).contains("PATH=VALUE"));
    assert!(complaint(&["run", "none.yaml"]).contains("none.yaml"));
    assert!(complaint(&["run", "tiny.yaml", "--threads", "0"]).contains("--threads"));
    assert_eq!(names(dir.path()), ["tiny.yaml"]);
}

#[test]
fn check_reads_every_file() {
    let dir = with_model();
    fs::write(
        dir.path().join("bad.yaml"),
        TINY.replace("workers: 8", "wokers: 8"),
    )
    .unwrap();
    let assert = stormglass(dir.path())
        .args(["check", "bad.yaml", "tiny.yaml"])
        .assert()
        .code(2);
    let output = assert.get_output();
    assert_eq!(text(&output.stdout), "tiny.yaml: sound\n");
    let complaint = text(&output.stderr);
    assert!(
        complaint.contains("wokers") && complaint.contains("workers"),
        "{complaint}"
    );
    assert!(complaint.contains("bad.yaml:8"), "{complaint}");
}

#[test]
fn check_warns_and_strictly_refuses() {
    let dir = with_model();
    fs::write(
        dir.path().join("busy.yaml"),
        TINY.replace("rate: 100/s", "rate: 500/s"),
    )
    .unwrap();
    let check = |args: &[&str], code: i32| {
        let assert = stormglass(dir.path()).arg("check").args(args).assert();
        let output = assert.code(code);
        let output = output.get_output();
        (text(&output.stdout), text(&output.stderr))
    };
    for (args, code) in [(&["busy.yaml"][..], 0), (&["--strict", "busy.yaml"][..], 2)] {
        let (out, complaint) = check(args, code);
        assert_eq!(out, "busy.yaml: sound, with 1 warning\n");
        assert!(
            complaint.contains("services.back: utilization 1.25"),
            "{complaint}"
        );
        assert!(complaint.contains("busy.yaml:9"), "{complaint}");
    }
    let (out, complaint) = check(&["--strict", "tiny.yaml"], 0);
    assert_eq!(
        (out.as_str(), complaint.as_str()),
        ("tiny.yaml: sound\n", "")
    );
}

#[test]
fn schemas_are_json() {
    let dir = tempfile::tempdir().unwrap();
    let schema = |args: &[&str]| -> serde_json::Value {
        let assert = stormglass(dir.path()).args(args).assert().code(0);
        serde_json::from_slice(&assert.get_output().stdout).unwrap()
    };
    let model = schema(&["schema"]);
    assert!(model["$defs"].is_object());
    assert_eq!(model, schema(&["schema", "model"]));
    let results = schema(&["schema", "results"]);
    assert!(results["properties"].get("fingerprint").is_some());
}

#[test]
fn what_new_writes_is_sound_and_runs() {
    let dir = tempfile::tempdir().unwrap();
    let new = |code: i32| {
        stormglass(dir.path())
            .args(["new", "shop"])
            .assert()
            .code(code)
    };
    new(0);
    assert_eq!(
        names(&dir.path().join("shop")),
        ["experiment.yaml", "model.yaml"]
    );
    let model = dir.path().join("shop/model.yaml");
    stormglass(dir.path())
        .args(["check", "shop/model.yaml"])
        .assert()
        .code(0);
    stormglass(dir.path())
        .args(["run", "shop/model.yaml", "--duration", "30s"])
        .assert()
        .code(0);
    // Nothing fails in it.
    let mut calm = FILES.to_vec();
    calm.retain(|name| !name.starts_with("cascade") && !name.starts_with("failures"));
    assert_eq!(names(&dir.path().join("output/first-model")), calm);

    // It does not touch what is there, not even the other file.
    fs::write(&model, "mine").unwrap();
    fs::remove_file(dir.path().join("shop/experiment.yaml")).unwrap();
    new(2);
    assert_eq!(fs::read_to_string(&model).unwrap(), "mine");
    assert_eq!(names(&dir.path().join("shop")), ["model.yaml"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_a_failure_after_the_page() {
    let dir = with_model();
    let assert = stormglass(dir.path())
        .args(["run", "tiny.yaml", "--out", "tiny.yaml"])
        .assert()
        .code(1);
    let output = assert.get_output();
    assert!(text(&output.stdout).contains("tiny: "));
    assert!(text(&output.stderr).contains("--out"));
}

#[test]
fn color_only_where_it_is_wanted() {
    let dir = with_model();
    let page = |name: &str, value: &str| {
        let args = ["run", "tiny.yaml", "--duration", "5s"];
        let mut command = stormglass(dir.path());
        let output = command.args(args).env(name, value).output().unwrap();
        text(&output.stdout)
    };
    assert!(page("CLICOLOR_FORCE", "1").contains("\u{1b}["));
    assert!(!page("NO_COLOR", "1").contains('\u{1b}'));
}

/// A reader that goes away, as `head` does, is no failure.
#[test]
fn a_closed_pipe_is_quiet() {
    let dir = with_model();
    let binary = stormglass(dir.path());
    let mut child = std::process::Command::new(binary.get_program())
        .current_dir(dir.path())
        .args(["schema"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
