//! Outlier ejection: callers leave out instances that fail. Rates, shares and times are the policy's
//! own affair; here it is held to what it hears and to what becomes of its word.

use crate::log::{Log, run};
use policy::Outcome::{Error, Timeout};

/// A request every 10 ms to three instances in turn, of which the first is out of order.
fn ejected(policy: &str, fault: &str) -> Log {
    run(&format!(
        "
policies: {{p: [{policy}]}}
services:
  s:
    instances: 3
    workers: 99
    balancer: round_robin
    outlier_ejection:
      {{consecutive: 2, interval: 100ms, base_ejection_time: 1s, max_ejection: 1, success_rate: none}}
    endpoints: {{e: [compute: 1ms]}}
workloads:
  w: {{target: s.e, policy: p, arrivals: {{deterministic: {{rate: 100/s}}}}}}
  v: {{target: s.e, policy: p, arrivals: {{deterministic: {{rate: 100/s}}}}}}
faults: [{{at: 0s, {fault}}}]
"
    ))
}

/// Ends of the calls of `w` that failed.
fn failures(log: &Log) -> Vec<f64> {
    let calls = log.calls("w->s.e");
    let failed = calls.iter().filter(|call| !call.2.is_success());
    failed.map(|call| call.1).collect()
}

#[test]
fn an_instance_that_fails_is_left_out_and_comes_back() {
    let log = ejected("", "errors: {instance: s-1, ratio: 1}");
    let failed = failures(&log);
    // Two failures; out for a second, to the next multiple of 100 ms. Then two more; out for two
    // seconds, then for three.
    let seconds: Vec<_> = failed.iter().map(|at| (at / 1000.0) as u32).collect();
    assert_eq!(seconds, [0, 0, 1, 1, 3, 3, 6, 6]);
    assert!(failed[1] < 70.0, "both within two turns: {failed:?}");
    assert!((1100.0..1170.0).contains(&failed[2]), "{failed:?}");
    // Each caller finds out by itself.
    assert_eq!(log.count("v->s.e", Error), 8);
}

#[test]
fn it_is_stated_who_is_left_out() {
    let log = ejected("", "errors: {instance: s-1, ratio: 1}");
    let ejected = log.ejected("s");
    assert_eq!(
        ejected.len(),
        2 * (4 + 3),
        "two callers, four times out, three times back"
    );
    let sum: i64 = ejected.iter().map(|(_, change)| change).sum();
    assert_eq!(sum, 2);
}

#[test]
fn a_timeout_speaks_against_an_instance() {
    for policy in ["timeout: 5ms", "{retry: {attempts: 1}}, timeout: 5ms"] {
        let log = ejected(policy, "slow: {instance: s-1, factor: 1000}");
        assert_eq!(log.count("w->s.e", Timeout), 8, "{policy}");
    }
}

#[test]
fn no_connection_speaks_against_an_instance() {
    let log = ejected("", "crash: {instance: s-1}");
    assert_eq!(failures(&log).len(), 8);
}

#[test]
fn a_policy_with_a_state_for_each_instance_follows() {
    let policy = "circuit_breaker: {window: {consecutive: 9}, open_for: 1s, scope: instance}";
    let log = ejected(policy, "errors: {instance: s-1, ratio: 1}");
    assert_eq!(log.count("w->s.e", Error), 8);
}

#[test]
fn a_refusal_does_not_speak_against_an_instance() {
    let log = run("
services:
  s:
    instances: 2
    queue: {capacity: 0}
    balancer: round_robin
    outlier_ejection: {consecutive: 1, success_rate: none}
    endpoints: {e: [compute: 10ms]}
workloads: {w: {target: s.e, AT(0 1 2 3 4 5 6 7)}}
");
    assert_eq!(log.refused("s").len(), 6);
    assert!(log.ejected("s").is_empty());
}

#[test]
fn a_caller_who_is_gone_says_nothing_of_an_instance() {
    // The requests of 0 and 3 ms are given up with their callers, at 5 ms by a timeout further up.
    let log = run("
policies: {p: [timeout: 5ms]}
services:
  web: {workers: 9, abandoned: cancel, endpoints: {e: [call: s.e]}}
  s:
    instances: 2
    workers: 9
    outlier_ejection: {consecutive: 1, success_rate: none}
    endpoints: {e: [compute: 10ms]}
workloads: {w: {target: web.e, policy: p, AT(0 3)}}
");
    assert_eq!(log.count("w->web.e", Timeout), 2);
    assert!(log.ejected("s").is_empty());
}

#[test]
fn a_copy_that_lost_does_not_speak_against_an_instance() {
    let policy = "hedge: {attempts: 2, delay: 5ms}";
    let log = ejected(policy, "slow: {instance: s-1, factor: 1000}");
    assert!(
        log.attempts("w->s.e").len() > 1300,
        "every third goes twice"
    );
    assert!(log.ejected("s").is_empty());
    // Unless its own time was up before.
    let log = ejected(
        &format!("{policy}, timeout: 3ms"),
        "slow: {instance: s-1, factor: 1000}",
    );
    assert!(!log.ejected("s").is_empty());
}

#[test]
fn the_only_instance_is_never_left_out() {
    let log = run("
services:
  s: {outlier_ejection: {consecutive: 1}, endpoints: {e: [{fail: 1}]}}
workloads: {w: {target: s.e, AT(0 1 2)}}
");
    assert_eq!(log.count("w->s.e", Error), 3);
}
