//! What handlers do: branches, rounds, choices, failures.

use crate::log::{Log, run};
use policy::Outcome::{Error, Success};

/// One request at 0 ms to a service with these steps.
fn steps(more: &str, steps: &str) -> Vec<(f64, policy::Outcome)> {
    requests(more, steps, "0")
}

fn requests(more: &str, steps: &str, times: &str) -> Vec<(f64, policy::Outcome)> {
    let log: Log = run(&format!(
        "
services: {{s: {{{more} endpoints: {{e: [{steps}]}}}}}}
workloads: {{w: {{target: s.e, AT({times})}}}}
"
    ));
    let calls = log.calls("w->s.e");
    calls.into_iter().map(|call| (call.1, call.2)).collect()
}

const THREE: &str = "[[wait: 10ms], [wait: 30ms], [wait: 20ms]]";

#[test]
fn branches_run_side_by_side_until_enough_have_succeeded() {
    let of = |require: &str| steps("", &format!("{{parallel: {THREE}{require}}}, compute: 1ms"));
    assert_eq!(of(""), [(31.0, Success)]);
    assert_eq!(of(", require: 2"), [(21.0, Success)]);
    assert_eq!(of(", require: 1"), [(11.0, Success)]);
}

#[test]
fn it_fails_as_soon_as_enough_can_not_succeed() {
    let of = |require: u32| {
        let branches = "[[{fail: 1}], [wait: 10ms, {fail: 1}], [wait: 30ms]]";
        steps(
            "",
            &format!("{{parallel: {branches}, require: {require}}}, compute: 1ms"),
        )
    };
    assert_eq!(of(3), [(0.0, Error)]);
    assert_eq!(of(2), [(10.0, Error)]);
    assert_eq!(of(1), [(31.0, Success)]);
}

#[test]
fn the_other_branches_run_on_unheard() {
    let log = run("
services:
  a: {threading: async, endpoints: {e: [{parallel: [[wait: 1ms], [call: b.e], [call: c.e]], require: 1}]}}
  b: {endpoints: {e: [compute: 10ms]}}
  c: {endpoints: {e: [compute: 20ms, {fail: 1}]}}
workloads: {w: {target: a.e, AT(0)}}
");
    assert_eq!(log.calls("w->a.e"), [(0.0, 1.0, Success)]);
    assert_eq!(log.calls("a->b.e"), [(0.0, 10.0, Success)]);
    assert_eq!(log.calls("a->c.e"), [(0.0, 20.0, Error)]);
}

#[test]
fn a_blocking_request_computes_one_branch_at_a_time() {
    let branches = "{parallel: [[compute: 10ms], [compute: 10ms], [wait: 15ms, compute: 1ms]]}";
    assert_eq!(steps("workers: 9,", branches), [(21.0, Success)]);
    assert_eq!(
        steps("workers: 9, threading: async,", branches),
        [(16.0, Success)]
    );
    // With one worker the same as blocking.
    assert_eq!(steps("threading: async,", branches), [(21.0, Success)]);
}

#[test]
fn a_blocking_request_holds_its_worker_until_its_last_branch_has_ended() {
    let branches = "{parallel: [[wait: 10ms], [wait: 30ms]], require: 1}";
    let ends = requests("", branches, "0 0");
    assert_eq!(ends, [(10.0, Success), (40.0, Success)]);
    let ends = requests("threading: async,", branches, "0 0");
    assert_eq!(ends, [(10.0, Success), (10.0, Success)]);
}

#[test]
fn branches_nest() {
    let nested =
        "{parallel: [[wait: 5ms, {parallel: [[wait: 10ms], [wait: 20ms]]}], [wait: 18ms]]}";
    assert_eq!(steps("", nested), [(25.0, Success)]);
}

#[test]
fn rounds_follow_each_other_and_a_failed_one_is_the_last() {
    let of = |times: u32, body: &str| {
        steps(
            "",
            &format!("{{repeat: {{times: {times}, steps: [{body}]}}}}"),
        )
    };
    assert_eq!(of(3, "compute: 10ms"), [(30.0, Success)]);
    assert_eq!(of(0, "compute: 10ms"), [(0.0, Success)]);
    assert_eq!(of(3, "compute: 10ms, {fail: 1}"), [(10.0, Error)]);
    assert_eq!(
        of(2, "{repeat: {times: 3, steps: [wait: 1ms]}}, wait: 10ms"),
        [(26.0, Success)]
    );
    let log = run("
services:
  a: {endpoints: {e: [{repeat: {times: 3, steps: [call: b.e]}}]}}
  b: {endpoints: {e: [compute: 10ms]}}
workloads: {w: {target: a.e, AT(0)}}
");
    assert_eq!(log.started("a->b.e"), [0.0, 10.0, 20.0]);
}

/// Each round draws anew: the mean of 10 000 exponential draws is within five hundredths of its
/// expectation, with five standard deviations of a hundredth each.
#[test]
fn rounds_draw_anew() {
    let body = "{repeat: {times: 10000, steps: [compute: {exponential: {mean: 100us}}]}}";
    let [(end, Success)] = steps("", body)[..] else {
        panic!("it ends well")
    };
    assert!((end - 1000.0).abs() < 50.0, "{end}");
}

#[test]
fn choices_are_made_by_weight() {
    let log = run("
services:
  a:
    endpoints:
      e:
        - choose:
            - {weight: 0, steps: [call: never.e]}
            - {weight: 3, steps: [call: often.e]}
            - {weight: 1, steps: [call: seldom.e]}
            - {weight: 0, steps: [call: never.e]}
  never: {endpoints: {e: []}}
  often: {endpoints: {e: []}}
  seldom: {endpoints: {e: []}}
workloads: {w: {target: a.e, arrivals: {deterministic: {rate: 1000/s}}}}
");
    let count = |service| log.arrived(service).len();
    // A standard deviation of 10 000 draws with p = 3/4 is 43.3; five of them.
    assert!((count("often") as f64 - 7500.0).abs() < 217.0);
    assert_eq!(count("often") + count("seldom"), 10_000);
    assert_eq!(count("never"), 0);
}

#[test]
fn a_handler_fails_with_its_probability() {
    let log = run("
services: {s: {endpoints: {e: [{fail: 20%}, {fail: 50%}]}}}
workloads: {w: {target: s.e, arrivals: {deterministic: {rate: 1000/s}}}}
");
    // 0.8 × 0.5 get through; five standard deviations of 49.
    let good = log.count("w->s.e", Success);
    assert!((good as f64 - 4000.0).abs() < 245.0, "{good}");
    assert_eq!(good + log.count("w->s.e", Error), 10_000);
}
