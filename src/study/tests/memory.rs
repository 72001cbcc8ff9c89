//! What a run needs of memory: the peak of a process that does nothing else.
//!
//! A peak cannot be taken back, so each measurement has a process of its own: the test starts
//! itself once more and reads what that says. Only Linux tells a process its own peak.
#![cfg(target_os = "linux")]

use model::{Model, Set};
use std::path::Path;
use std::process::Command;
use stormglass_study::{Options, Progress, record::RunRecord, run};

/// Says in the second process which of several measurements to take.
const ALONE: &str = "STORMGLASS_MEASURE_ALONE";

/// What the second process says before the number.
const ANSWER: &str = "peak KiB: ";

const MIB: u64 = 1024;

/// The peak of the resident memory of a process that does only this work, in KiB.
///
/// `test` is the name of the test that asks, `label` tells its measurements apart.
fn peak(test: &str, label: &str, work: impl FnOnce()) -> u64 {
    let mine = std::env::var(ALONE);
    if mine.as_deref() == Ok(label) {
        work();
        println!("\n{ANSWER}{}", own_peak());
        std::process::exit(0);
    }
    if mine.is_ok() {
        return 0;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ALONE, label)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let answer = said.lines().find_map(|line| line.strip_prefix(ANSWER));
    let peak = answer
        .unwrap_or_else(|| panic!("{label}: {output:?}"))
        .parse()
        .unwrap();
    println!("{label}: {peak} KiB");
    peak
}

/// `VmHWM` of proc(5): the highest resident set so far.
fn own_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn simulate(model: &Model) -> RunRecord {
    let record = run(model, &Options::default(), &Progress::new()).unwrap();
    assert_eq!(
        (record.stopped.as_deref(), &record.violations[..]),
        (None, &[][..])
    );
    record
}

/// A million requests at once; each is answered ten seconds later.
fn herd(policies: &str, policy: &str) -> Model {
    let text = format!(
        "
name: herd
run: {{duration: 20s, warmup: 0s}}
{policies}
services: {{sleeper: {{threading: async, endpoints: {{rest: [{{wait: 10s}}]}}}}}}
workloads: {{sheep: {{target: sleeper.rest, {policy} batch: {{size: 1000000, at: 1s}}}}}}
"
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("herd.yaml");
    std::fs::write(&file, text).unwrap();
    load(&file, &[])
}

fn load(file: &Path, sets: &[Set]) -> Model {
    match model::load(file, sets) {
        Ok(loaded) => loaded.model,
        Err(report) => panic!("{}", report.render(100, false)),
    }
}

fn all_sleep_and_succeed(model: &Model) {
    let record = simulate(model);
    let sheep = &record.workloads["sheep"];
    assert_eq!((sheep.issued, sheep.succeeded), (1_000_000, 1_000_000));
    assert_eq!(sheep.latency_ms.max.mean, Some(10_000.0));
}

#[test]
fn a_million_in_flight_fit_into_a_gibibyte() {
    let test = "a_million_in_flight_fit_into_a_gibibyte";
    let bare = peak(test, "bare", || all_sleep_and_succeed(&herd("", "")));
    let policies = "policies: {p: [{retry: {attempts: 3, backoff: 10ms}}, {timeout: 15s}]}";
    let guarded = peak(test, "guarded", || {
        all_sleep_and_succeed(&herd(policies, "policy: p,"));
    });
    // Less than two words for each would say that they were not there at once.
    assert!(bare > 16 * MIB, "{bare} KiB");
    assert!(bare < 1024 * MIB, "{bare} KiB");
    assert!(guarded > bare && guarded < 1024 * MIB, "{guarded} KiB");
}

#[test]
fn eight_times_as_long_takes_no_more() {
    let test = "eight_times_as_long_takes_no_more";
    // With both storms of the checkout in the shorter run.
    for (name, short, long) in [("three_tier", "5s", "40s"), ("checkout", "400s", "3200s")] {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        let file = models.join(name).with_extension("yaml");
        let of = |duration: &str| {
            peak(test, &format!("{name} {duration}"), || {
                let model = load(&file, &[Set::new("run.duration", duration)]);
                let record = simulate(&model);
                assert_eq!(record.simulated_s, model.run.duration.as_secs_f64());
            })
        };
        let (short, long) = (of(short), of(long));
        assert!(
            long < short + 4 * MIB,
            "{name}: {short} KiB, then {long} KiB"
        );
    }
}
