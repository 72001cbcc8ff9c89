//! Caches: what is found need not be made.

use crate::log::run;

/// How long each request took: 1 ms for the lookup, 10 ms more for a miss.
fn times(cache: &str, workload: &str, sections: &str) -> Vec<f64> {
    let log = run(&format!(
        "
services:
  s: {{workers: 99, endpoints: {{get: [{{cache: {{{cache}, miss: [{{compute: 10ms}}]}}}}, {{compute: 1ms}}]}}}}
workloads: {{w: {{target: s.get, {workload}}}}}
{sections}
"
    ));
    let calls = log.calls("w->s.get");
    let mut calls: Vec<_> = calls
        .iter()
        .map(|(from, to, _)| (*from, to - from))
        .collect();
    calls.sort_by(|a, b| a.0.total_cmp(&b.0));
    calls.into_iter().map(|(_, took)| took).collect()
}

#[test]
fn a_key_is_there_once_it_was_made_and_until_its_time_is_over() {
    // Two come before the first has made it.
    let took = times("keys: {}, ttl: 1s", "AT(0 5 20 1000 1020)", "");
    // Made at 10 and again at 15: it lives until 1015.
    assert_eq!(took, [11.0, 11.0, 1.0, 1.0, 11.0]);
}

#[test]
fn a_crash_empties_a_cache() {
    let crash = "faults: [{at: 100ms, for: 100ms, crash: {service: s}}]";
    assert_eq!(
        times("keys: {}", "AT(0 50 300 350)", crash),
        [11.0, 1.0, 11.0, 1.0]
    );
}

#[test]
fn a_failed_miss_leaves_nothing_behind() {
    let log = run("
services: {s: {workers: 9, endpoints: {get: [{cache: {keys: {}, miss: [{compute: 10ms}, {fail: 1}]}}]}}}
workloads: {w: {target: s.get, AT(0 50)}}
");
    let took: Vec<f64> = log
        .calls("w->s.get")
        .iter()
        .map(|(from, to, _)| to - from)
        .collect();
    assert_eq!(took, [10.0, 10.0]);
}

#[test]
fn a_hit_ratio_is_met_and_a_cold_cache_warms_up() {
    let many = "arrivals: {deterministic: {rate: 1000/s}}";
    let hits = |took: &[f64]| took.iter().filter(|t| **t == 1.0).count() as f64;
    let took = times("hit_ratio: 80%", many, "");
    let ratio = hits(&took) / took.len() as f64;
    // Four standard deviations of 10,000 draws.
    assert!(
        (ratio - 0.8).abs() < 4.0 * (0.16f64 / took.len() as f64).sqrt(),
        "{ratio}"
    );
    // Over the first 5,000 the chance rises from 0 to 0.8: half of it on the mean.
    let took = times("hit_ratio: 80%, warm_after: 5000", many, "");
    let cold = hits(&took[..5000]) / 5000.0;
    assert!(
        (cold - 0.4).abs() < 4.0 * (0.24f64 / 5000.0).sqrt(),
        "{cold}"
    );
}

#[test]
fn the_share_of_keys_that_fit_is_the_share_of_hits() {
    // Ten keys alike, room for five: in the long run a lookup finds its key half of the time (LRU of
    // independent, even draws).
    let took = times(
        "keys: {count: 10}, capacity: 5",
        "closed: {users: 1, think: 1ms}",
        "",
    );
    let hits = took.iter().filter(|t| **t == 1.0).count() as f64 / took.len() as f64;
    assert!((hits - 0.5).abs() < 0.05, "{hits} of {}", took.len());
}
