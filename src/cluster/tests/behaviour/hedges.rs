//! Hedges: copies of a call at several instances at once.

use crate::log::{Log, run};
use policy::Outcome::{Error, Success, Timeout};

/// Two instances of one worker and 10 ms of work; the second one, which is picked first, is ten times
/// slower.
fn hedged(hedge: &str, abandoned: &str) -> Log {
    run(&format!(
        "
policies: {{p: [hedge: {{{hedge}}}]}}
services:
  s:
    instances: 2
    balancer: {{weighted: [1, 9]}}
    abandoned: {abandoned}
    endpoints: {{e: [compute: 10ms]}}
workloads: {{w: {{target: s.e, policy: p, AT(0)}}}}
faults: [{{at: 0s, slow: {{instance: s-2, factor: 10}}}}]
"
    ))
}

#[test]
fn a_copy_at_the_other_instance_answers_for_a_slow_one() {
    let log = hedged("delay: 20ms", "serve");
    assert_eq!(log.calls("w->s.e"), [(0.0, 30.0, Success)]);
    assert_eq!(log.attempts("w->s.e"), [0.0, 20.0]);
    // The slow one works on for nobody from 30 to 100.
    assert_eq!(log.completed("s"), [30.0, 100.0]);
    assert_eq!(log.wasted("s"), 70.0);
}

#[test]
fn a_copy_that_lost_is_stopped_where_the_callee_allows_it() {
    let log = hedged("delay: 20ms", "cancel");
    assert_eq!(log.calls("w->s.e"), [(0.0, 30.0, Success)]);
    assert_eq!(log.completed("s"), [30.0]);
    assert_eq!(log.busy("s"), [(0.0, 1), (20.0, 2), (30.0, 0)]);
    assert_eq!(log.wasted("s"), 0.0);
}

#[test]
fn a_copy_that_comes_too_late_changes_nothing() {
    let log = hedged("delay: 95ms", "serve");
    assert_eq!(log.calls("w->s.e"), [(0.0, 100.0, Success)]);
    assert_eq!(log.attempts("w->s.e"), [0.0, 95.0]);
    assert_eq!(log.wasted("s"), 5.0);
    assert_eq!(hedged("delay: 101ms", "serve").attempts("w->s.e"), [0.0]);
}

#[test]
fn without_a_delay_the_quicker_of_two_answers() {
    let log = hedged("delay: 0s", "cancel");
    assert_eq!(log.calls("w->s.e"), [(0.0, 10.0, Success)]);
    assert_eq!(log.attempts("w->s.e"), [0.0, 0.0]);
    assert_eq!(log.busy("s").last(), Some(&(10.0, 0)));
}

#[test]
fn copies_go_to_different_instances_while_there_are_others() {
    let balancers = [
        "random",
        "round_robin",
        "{least_requests: {}}",
        "{least_requests: {choices: 2}}",
        "peak_ewma",
        "{consistent_hash: {}}",
        "{weighted: [1, 8, 1]}",
    ];
    for balancer in balancers {
        // Also where a layer asks for the instance before the attempt is sent.
        for inside in [
            "",
            ", circuit_breaker: {window: {count: 9}, scope: instance}",
        ] {
            let log = run(&format!(
                "
policies: {{p: [hedge: {{attempts: 3, delay: 0s}}{inside}]}}
services: {{s: {{instances: 3, balancer: {balancer}, endpoints: {{e: [compute: 10ms]}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT(0 50 100 150 200 250 300 350)}}}}
"
            ));
            assert_eq!(log.attempts("w->s.e").len(), 24);
            // Nobody finds a worker busy: each of the three has one.
            let waited = |(arrived, served): &(f64, f64)| arrived != served;
            let waits = log.served("s").iter().filter(|s| waited(s)).count();
            assert_eq!(waits, 0, "{balancer}{inside}");
        }
    }
}

#[test]
fn more_copies_than_instances_share_them() {
    let log = run("
policies: {p: [hedge: {attempts: 3, delay: 0s}]}
services: {s: {instances: 2, endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, policy: p, AT(0)}}
");
    let waits = log.served("s").iter().map(|(from, to)| to - from).sum();
    assert_eq!((log.served("s").len(), waits), (3, 10.0));
}

/// Handlers that fail after 10 ms.
fn failing(policy: &str) -> Log {
    run(&format!(
        "
policies: {{p: [{policy}]}}
services: {{s: {{workers: 9, endpoints: {{e: [{{compute: 10ms}}, {{fail: 100%}}]}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT(0)}}}}
"
    ))
}

#[test]
fn a_failure_sends_the_next_copy_at_once() {
    let log = failing("hedge: {attempts: 3, delay: 1s, hedge_on: [error]}");
    assert_eq!(log.attempts("w->s.e"), [0.0, 10.0, 20.0]);
    assert_eq!(log.calls("w->s.e"), [(0.0, 30.0, Error)]);
    let log = failing("hedge: {attempts: 3, delay: 8ms, hedge_on: [timeout]}");
    assert_eq!(log.attempts("w->s.e"), [0.0, 8.0]);
    assert_eq!(log.calls("w->s.e"), [(0.0, 10.0, Error)]);
}

#[test]
fn a_copy_that_waits_gets_the_place_of_one_that_failed() {
    let bulkhead = "bulkhead: {max_concurrent: 1, queue: 5}";
    let log = failing(&format!(
        "hedge: {{delay: 5ms, hedge_on: [error]}}, {bulkhead}"
    ));
    assert_eq!(log.attempts("w->s.e"), [0.0, 10.0]);
    assert_eq!(log.calls("w->s.e"), [(0.0, 20.0, Error)]);
}

#[test]
fn a_timeout_inside_is_one_of_each_copy_and_one_outside_is_one_of_all() {
    let slow = |policy: &str| {
        run(&format!(
            "
policies: {{p: [{policy}]}}
services: {{s: {{workers: 9, endpoints: {{e: [compute: 50ms]}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT(0)}}}}
"
        ))
    };
    let log = slow("hedge: {delay: 10ms, hedge_on: [timeout]}, timeout: 20ms");
    assert_eq!(log.attempts("w->s.e"), [0.0, 10.0]);
    assert_eq!(log.calls("w->s.e"), [(0.0, 30.0, Timeout)]);
    let log = slow("timeout: 20ms, hedge: {delay: 10ms}");
    assert_eq!(log.calls("w->s.e"), [(0.0, 20.0, Timeout)]);
    // Both work on, 30 and 40 ms.
    assert_eq!(log.wasted("s"), 70.0);
}

#[test]
fn all_copies_of_a_caller_that_crashes_are_stopped() {
    let log = run("
policies: {p: [hedge: {delay: 10ms}]}
services:
  front: {endpoints: {ask: [{call: s.e, policy: p}]}}
  s: {instances: 2, abandoned: cancel, endpoints: {e: [compute: 50ms]}}
workloads: {w: {target: front.ask, AT(0)}}
faults: [{at: 20ms, crash: {service: front}}]
");
    assert_eq!(log.lost("front->s.e"), [(0.0, 20.0)]);
    assert_eq!(log.attempts("front->s.e"), [0.0, 10.0]);
    assert_eq!(log.busy("s"), [(0.0, 1), (10.0, 2), (20.0, 0)]);
}
