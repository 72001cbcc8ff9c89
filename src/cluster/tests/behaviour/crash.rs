//! Crashes: what is lost, who hears of it, and when instances come back.

use crate::log::{Log, run};
use policy::Outcome::{Error, Rejected, Success, Timeout, Unavailable};

/// One instance, 1 ms away, down from 5 to 15 ms, and starting for 4 ms after that.
fn crashing(mode: &str) -> Log {
    run(&format!(
        "
network: {{within_zone: {{latency: 1ms}}}}
policies: {{short: [timeout: 20ms]}}
services: {{s: {{startup: 4ms, endpoints: {{e: [compute: 10ms]}}}}}}
workloads: {{w: {{target: s.e, policy: short, AT(0 7 16 18)}}}}
faults: [{{at: 5ms, for: 10ms, crash: {{instance: s-1, mode: {mode}}}}}]
"
    ))
}

#[test]
fn a_crash_that_refuses_is_heard_of_after_the_way_back() {
    let expected = [
        (0.0, 6.0, Unavailable),   // the connection breaks at 5 ms
        (7.0, 9.0, Unavailable),   // refused at 8 ms
        (16.0, 18.0, Unavailable), // refused at 17 ms: it is starting
        (18.0, 30.0, Success),     // there at 19 ms, as it is ready
    ];
    assert_eq!(crashing("refuse").calls("w->s.e"), expected);
}

#[test]
fn of_a_machine_that_vanished_only_the_own_timeout_tells() {
    let expected = [
        (16.0, 18.0, Unavailable), // one that starts is there to refuse
        (0.0, 20.0, Timeout),
        (7.0, 27.0, Timeout),
        (18.0, 30.0, Success),
    ];
    assert_eq!(crashing("blackhole").calls("w->s.e"), expected);
}

#[test]
fn who_has_no_timeout_waits_for_a_vanished_machine_for_ever() {
    let log = run("
services: {s: {endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, AT(0 7)}}
faults: [{at: 5ms, for: 10ms, crash: {service: s, mode: blackhole}}]
");
    assert!(log.calls("w->s.e").is_empty());
    assert_eq!(log.in_flight("w->s.e"), 2);
}

#[test]
fn work_in_progress_and_in_the_queue_is_lost() {
    let log = run("
services: {s: {endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, AT(0 1 2 40)}}
faults: [{at: 5ms, for: 10ms, crash: {service: s}}]
");
    let mut expected = [0.0, 1.0, 2.0]
        .map(|began| (began, 5.0, Unavailable))
        .to_vec();
    expected.push((40.0, 50.0, Success));
    let mut calls = log.calls("w->s.e");
    calls.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(calls, expected);
    assert_eq!(log.completed("s"), [50.0]);
    assert_eq!(log.busy("s"), [(0.0, 1), (5.0, 0), (40.0, 1), (50.0, 0)]);
    assert_eq!(log.queue("s"), [(1.0, 1), (2.0, 2), (5.0, 0)]);
}

#[test]
fn the_calls_of_a_dead_caller_are_abandoned() {
    let log = run("
services:
  a: {endpoints: {e: [call: b.e]}}
  b: {endpoints: {e: [compute: 10ms]}}
workloads: {w: {target: a.e, AT(0)}}
faults: [{at: 4ms, for: 1ms, crash: {service: a}}]
");
    assert_eq!(log.calls("w->a.e"), [(0.0, 4.0, Unavailable)]);
    assert_eq!(log.lost("a->b.e"), [(0.0, 4.0)]);
    assert!(log.calls("a->b.e").is_empty());
    // It is not told, and works on in vain.
    assert_eq!(log.busy("b"), [(0.0, 1), (10.0, 0)]);
    assert_eq!(log.wasted("b"), 6.0);
}

#[test]
fn a_failed_call_fails_the_handler() {
    let log = run("
services:
  a: {endpoints: {e: [call: b.e, compute: 10ms]}}
  b: {endpoints: {e: [compute: 10ms]}}
workloads: {w: {target: a.e, AT(0)}}
faults: [{at: 4ms, for: 1ms, crash: {service: b}}]
");
    assert_eq!(log.calls("a->b.e"), [(0.0, 4.0, Unavailable)]);
    assert_eq!(log.calls("w->a.e"), [(0.0, 4.0, Error)]);
}

/// Eight requests in turn to four instances of `s` while a place is down, and one to `t`: how many
/// were unavailable.
fn hit(place: &str) -> (usize, usize) {
    let log = run(&format!(
        "
zones: {{a: {{nodes: 2}}, b: {{nodes: 1}}}}
services:
  s: {{instances: 4, balancer: round_robin, endpoints: {{e: []}}}}
  t: {{endpoints: {{e: []}}}}
workloads:
  w: {{target: s.e, AT(1 2 3 4 5 6 7 8)}}
  v: {{target: t.e, AT(1)}}
faults: [{{at: 0s, for: 10ms, crash: {{{place}}}}}]
"
    ));
    (
        log.count("w->s.e", Unavailable),
        log.count("v->t.e", Unavailable),
    )
}

/// Instances go over zones, then nodes: s-1 on a-1, s-2 on b-1, s-3 on a-2, s-4 on b-1; t-1 goes on
/// with zone a and its first node.
#[test]
fn a_crash_hits_the_instances_at_its_place() {
    assert_eq!(hit("instance: s-2"), (2, 0));
    assert_eq!(hit("service: s"), (8, 0));
    assert_eq!(hit("service: t"), (0, 1));
    assert_eq!(hit("node: a-1"), (2, 1));
    assert_eq!(hit("node: a-2"), (2, 0));
    assert_eq!(hit("node: b-1"), (4, 0));
    assert_eq!(hit("zone: a"), (4, 1));
    assert_eq!(hit("zone: b"), (4, 0));
}

#[test]
fn overlapping_crashes_last_until_the_last_is_over() {
    let log = run("
services: {s: {startup: 3ms, endpoints: {e: []}}}
workloads: {w: {target: s.e, AT(4 7 12 22 24)}}
faults:
  - {at: 3ms, for: 7ms, crash: {instance: s-1}}
  - {at: 5ms, for: 15ms, crash: {service: s}}
");
    let outcomes: Vec<_> = log.calls("w->s.e").iter().map(|call| call.2).collect();
    // Down from 3 to 20 ms, ready at 23.
    assert_eq!(
        outcomes,
        [Unavailable, Unavailable, Unavailable, Unavailable, Success]
    );
}

#[test]
fn a_machine_that_vanished_does_not_refuse_whatever_else_crashed_on_it() {
    let log = run("
policies: {short: [timeout: 3ms]}
services: {s: {endpoints: {e: []}}}
workloads: {w: {target: s.e, policy: short, AT(1 6 8 12)}}
faults:
  - {at: 0s, for: 20ms, crash: {instance: s-1, mode: refuse}}
  - {at: 5ms, for: 5ms, crash: {service: s, mode: blackhole}}
  - {at: 7ms, for: 1ms, crash: {service: s, mode: refuse}}
");
    let expected = [
        (1.0, 1.0, Unavailable),
        (6.0, 9.0, Timeout),
        (8.0, 11.0, Timeout),
        (12.0, 12.0, Unavailable),
    ];
    assert_eq!(log.calls("w->s.e"), expected);
}

#[test]
fn a_second_crash_while_it_starts_begins_the_start_anew() {
    let log = run("
services: {s: {startup: 10ms, endpoints: {e: []}}}
workloads: {w: {target: s.e, AT(14 20 25 27)}}
faults:
  - {at: 0s, for: 5ms, crash: {service: s}}
  - {at: 12ms, for: 4ms, crash: {service: s}}
");
    // Ready at 15 ms but for the second crash; with it, at 16 + 10 ms.
    let outcomes: Vec<_> = log.calls("w->s.e").iter().map(|call| call.2).collect();
    assert_eq!(outcomes, [Unavailable, Unavailable, Unavailable, Success]);
}

#[test]
fn a_restarted_caller_has_forgotten_its_breaker() {
    let log = run("
policies: {guarded: [{circuit_breaker: {window: {consecutive: 1}, open_for: 1h}}]}
services:
  a: {startup: 2ms, endpoints: {e: [{call: b.e, policy: guarded}]}}
  b: {endpoints: {e: []}}
workloads: {w: {target: a.e, AT(1 3 20)}}
faults:
  - {at: 0s, for: 2ms, crash: {service: b}}
  - {at: 10ms, for: 5ms, crash: {service: a}}
");
    let calls = [
        (1.0, 1.0, Unavailable),
        (3.0, 3.0, Rejected),
        (20.0, 20.0, Success),
    ];
    assert_eq!(log.calls("a->b.e"), calls);
    // Open from its failure on; what held it is gone for good when the instance is ready.
    assert_eq!(log.breakers("a->b.e"), [(1.0, (1, 0)), (17.0, (0, 0))]);
}

#[test]
fn a_renewing_fault_alternates_and_begins_well() {
    let log = run("
services: {s: {endpoints: {e: []}}}
workloads: {w: {target: s.e, AT(29 31 39 41 69 71 79 81)}}
faults: [{mtbf: 30ms, mttr: 10ms, crash: {service: s}}]
");
    let expected = [
        (30.0, 0, true),
        (40.0, 0, false),
        (70.0, 0, true),
        (80.0, 0, false),
    ];
    assert_eq!(log.faults[..4], expected);
    let down: Vec<_> = log
        .calls("w->s.e")
        .iter()
        .map(|call| call.2 == Unavailable)
        .collect();
    assert_eq!(down, [false, true, true, false, false, true, true, false]);
}
