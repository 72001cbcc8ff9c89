//! Figures that follow from what a model says, whatever way the simulator takes to them.

use model::{Set, load};
use std::path::Path;
use stormglass_study::record::RunRecord;
use stormglass_study::{Options, Progress, run};

fn three_tier(policy: &str, duration: &str) -> RunRecord {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/three_tier.yaml");
    let sets = [
        Set::new("policies.patient", policy),
        Set::new("run.duration", duration),
    ];
    let loaded = load(&path, &sets).unwrap_or_else(|report| panic!("{report}"));
    run(&loaded.model, &Options::default(), &Progress::default()).expect("nobody stops it")
}

/// The world does not ask a policy that is one timeout, because it knows what such a policy says.
/// A retry of a single attempt changes nothing, but takes the way of asking.
#[test]
fn a_lone_timeout_is_kept_as_its_policy_would_keep_it() {
    let known = three_tier("[{timeout: 9ms}]", "5s");
    let asked = three_tier("[{retry: {attempts: 1}}, {timeout: 9ms}]", "5s");
    let failed = |record: &RunRecord| {
        record
            .workloads
            .values()
            .map(|w| w.failed.len())
            .sum::<usize>()
    };
    assert!(
        failed(&known) > 0,
        "some requests must run into the timeout"
    );
    assert_eq!(known.workloads, asked.workloads);
    assert_eq!(known.services, asked.services);
    assert_eq!(known.calls, asked.calls);
}

/// The same for no policy at all.
#[test]
fn a_call_without_a_policy_is_one_attempt() {
    let known = three_tier("[]", "2s");
    let asked = three_tier("[{retry: {attempts: 1}}]", "2s");
    assert_eq!(known.workloads, asked.workloads);
    assert_eq!(known.calls, asked.calls);
}

/// One core at load 0.8, shared by up to a hundred requests, is busy four fifths of the time: what
/// is busy are cores, however many workers share them.
#[test]
fn utilization_under_processor_sharing_is_that_of_the_cores() {
    let text = "
run: {duration: 2000s, warmup: 10s}
services:
  s: {workers: 100, scheduling: processor_sharing, endpoints: {go: [{compute: {exponential: {mean: 10ms}}}]}}
workloads:
  w: {target: s.go, arrivals: {poisson: {rate: 80/s}}}
";
    let loaded = model::read(text, "ps", &(), &[]).unwrap_or_else(|report| panic!("{report}"));
    let record = run(&loaded.model, &Options::default(), &Progress::default()).expect("runs");
    let utilization = record.services["s"].utilization.mean.expect("measured");
    // 160,000 requests of mean 10 ms: the standard error of the load is 0.25 % of it.
    assert!((utilization - 0.8).abs() < 0.01, "{utilization}");
}
