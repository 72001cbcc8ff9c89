//! Models name policies of other crates: they run, and what a crate cannot do is a mistake of the
//! model, with its line.

use std::fs;
use std::process::{Command, Output};
use tempfile::TempDir;

const MODEL: &str = "
policies:
  guarded:
    - retry: {attempts: 3, backoff: 5ms, implementation: backon, with: {jitter: true}}
    - circuit_breaker: {window: {consecutive: 5}, open_for: 1s, implementation: failsafe}
    - rate_limit: {gcra: {rate: 80/s, burst: 10}, implementation: governor}
    - timeout: 200ms
services:
  shop:
    workers: 4
    endpoints:
      buy: [{compute: {exponential: {mean: 10ms}}}, {fail: 10%}]
workloads:
  shoppers: {target: shop.buy, policy: guarded, arrivals: {poisson: {rate: 100/s}}}
run: {duration: 20s}
";

fn stormglass(command: &str, model: &str) -> Output {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("model.yaml"), model).unwrap();
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    Command::new(assert_cmd::cargo::cargo_bin("stormglass"))
        .arg(name)
        .arg("model.yaml")
        .args(rest.split_whitespace())
        .env("NO_COLOR", "1")
        .current_dir(dir.path())
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

#[test]
fn they_run_and_repeat_with_any_number_of_threads() {
    let run = |threads: u32| {
        let command = format!("run --format json --set run.replications=4 --threads {threads}");
        let output = stormglass(&command, MODEL);
        assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
        let mut record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        record["wall_s"] = serde_json::Value::Null;
        record
    };
    let record = run(1);
    assert_eq!(record, run(2));
    let issued = record["workloads"]["shoppers"]["issued"].as_u64().unwrap();
    let refused = record["workloads"]["shoppers"]["failed"]["rejected"].as_u64();
    // The limiter lets 80 of 100 a second through at most.
    assert!(refused.unwrap() * 10 > issued, "{record}");
}

#[test]
fn what_a_crate_cannot_do_is_a_mistake_at_its_setting() {
    let wrong = MODEL.replace("open_for: 1s", "half_open_calls: 3");
    let output = stormglass("check", &wrong);
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(printed.contains("model.yaml:5:68"), "{printed}");
    assert!(printed.contains("every call through"), "{printed}");
}

#[test]
fn an_unknown_name_is_answered_with_those_that_there_are() {
    let wrong = MODEL.replace("governor", "governer");
    let output = stormglass("check", &wrong);
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(printed.contains("`governor`"), "{printed}");
}
