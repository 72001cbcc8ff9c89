//! Degradation: what handlers can do without, and how an answer tells that something is missing.

use crate::log::{Log, run};
use policy::Outcome::{Degraded, Error, Success};

#[test]
fn an_instance_skips_what_is_optional_while_its_queue_is_too_long() {
    let log = run("
services:
  a:
    degrade: {queue_length: 1, recover_after: 10ms}
    endpoints: {e: [{compute: 10ms}, {call: b.e, optional: true}]}
  b: {endpoints: {e: [compute: 1ms]}}
workloads: {w: {target: a.e, AT(0 0 0 0)}}
");
    assert_eq!(
        log.calls("w->a.e"),
        [
            (0.0, 10.0, Degraded), // three wait
            (0.0, 20.0, Degraded), // two
            (0.0, 31.0, Success),  // one since 20, and it is 30
            (0.0, 42.0, Success),
        ]
    );
    assert_eq!(log.skipped("a"), [10.0, 20.0]);
    assert_eq!(log.started("a->b.e"), [30.0, 41.0]);
}

#[test]
fn an_instance_skips_what_is_optional_after_somebody_waited_too_long() {
    let log = run("
services:
  a:
    degrade: {queue_wait: 5ms, recover_after: 15ms}
    endpoints: {e: [{compute: 10ms}, {call: b.e, optional: true}]}
  b: {endpoints: {e: [compute: 1ms]}}
workloads: {w: {target: a.e, AT(0 3 30)}}
");
    assert_eq!(
        log.calls("w->a.e"),
        [
            (0.0, 11.0, Success),  // nobody has waited yet
            (3.0, 21.0, Degraded), // waited 8 ms, until 11
            (30.0, 41.0, Success)  // the 15 ms ended at 26
        ]
    );
}

#[test]
fn the_instances_of_a_service_degrade_each_by_itself() {
    let log = run("
services:
  a:
    instances: 2
    balancer: round_robin
    degrade: {queue_length: 0}
    endpoints: {e: [{compute: 10ms}, {call: b.e, optional: true}]}
  b: {workers: 9, endpoints: {e: [compute: 1ms]}}
workloads: {w: {target: a.e, AT(0 0 5)}}
");
    // The third waits where the first is served; the second is alone.
    assert_eq!(log.count("w->a.e", Success), 1);
    assert_eq!(log.count("w->a.e", Degraded), 2);
}

#[test]
fn an_instance_that_starts_anew_is_not_degraded() {
    let log = run("
services:
  a:
    degrade: {queue_length: 0, recover_after: 1h}
    endpoints: {e: [{compute: 10ms}, {call: b.e, optional: true}]}
  b: {endpoints: {e: [compute: 1ms]}}
workloads: {w: {target: a.e, AT(0 0 30)}}
faults: [{at: 15ms, for: 1ms, crash: {service: a}}]
");
    assert_eq!(log.calls("w->a.e").last(), Some(&(30.0, 41.0, Success)));
}

/// What becomes of a handler with these steps; `broken.e` fails after 1 ms.
fn answer(steps: &str) -> Log {
    run(&format!(
        "
policies: {{p: [fallback: {{}}]}}
services:
  a: {{workers: 9, threading: async, endpoints: {{e: {steps}}}}}
  broken: {{workers: 9, endpoints: {{e: [{{compute: 1ms}}, {{fail: 1}}]}}}}
  well: {{workers: 9, endpoints: {{e: [compute: 1ms]}}}}
workloads: {{w: {{target: a.e, AT(0)}}}}
"
    ))
}

#[test]
fn the_failure_of_an_optional_call_is_not_the_handlers() {
    let log = answer("[{call: broken.e, optional: true}, {compute: 5ms}]");
    assert_eq!(log.calls("a->broken.e"), [(0.0, 1.0, Error)]);
    assert_eq!(log.calls("w->a.e"), [(0.0, 6.0, Degraded)]);
    let log = answer("[{call: well.e, optional: true}, {compute: 5ms}]");
    assert_eq!(log.calls("w->a.e"), [(0.0, 6.0, Success)]);
}

#[test]
fn a_handler_that_fails_fails_whatever_it_went_without() {
    let log = answer("[{call: broken.e, optional: true}, {call: broken.e}]");
    assert_eq!(log.calls("w->a.e"), [(0.0, 2.0, Error)]);
    let log = answer("[{call: broken.e, optional: true}, {fail: 1}]");
    assert_eq!(log.calls("w->a.e"), [(0.0, 1.0, Error)]);
}

#[test]
fn a_degraded_part_makes_a_degraded_whole() {
    let once = |steps: &str| {
        let log = answer(steps);
        let calls = log.calls("w->a.e");
        assert_eq!(calls.len(), 1);
        (calls[0].1, calls[0].2)
    };
    let missing = "{call: broken.e, optional: true}";
    let replaced = "{call: broken.e, policy: p}";
    for part in [missing, replaced] {
        assert_eq!(once(&format!("[{part}]")), (1.0, Degraded));
        let parallel = format!("[{{parallel: [[{part}], [wait: 5ms]]}}]");
        assert_eq!(once(&parallel), (5.0, Degraded));
        let repeat = format!("[{{repeat: {{times: 3, steps: [{part}]}}}}]");
        assert_eq!(once(&repeat), (3.0, Degraded));
        let nested = format!("[{{parallel: [[{{repeat: {{times: 2, steps: [{part}]}}}}]]}}]");
        assert_eq!(once(&nested), (2.0, Degraded));
        // Nobody listens to the branch that comes second.
        let unheard =
            format!("[{{parallel: [[{part}], [wait: 500us]], require: 1}}, {{wait: 5ms}}]");
        assert_eq!(once(&unheard), (5.5, Success));
    }
}

#[test]
fn a_degraded_answer_is_told_all_the_way_up() {
    let log = run("
services:
  a: {endpoints: {e: [{call: b.e}, {compute: 1ms}]}}
  b: {endpoints: {e: [{call: c.e}, {compute: 1ms}]}}
  c: {endpoints: {e: [{call: d.e, optional: true}, {compute: 1ms}]}}
  d: {endpoints: {e: [{fail: 1}]}}
workloads: {w: {target: a.e, AT(0)}}
");
    assert_eq!(log.calls("c->d.e"), [(0.0, 0.0, Error)]);
    assert_eq!(log.calls("b->c.e"), [(0.0, 1.0, Degraded)]);
    assert_eq!(log.calls("a->b.e"), [(0.0, 2.0, Degraded)]);
    assert_eq!(log.calls("w->a.e"), [(0.0, 3.0, Degraded)]);
}

#[test]
fn a_fault_of_errors_spares_no_degraded_answer() {
    let log = run("
services:
  a: {endpoints: {e: [{call: b.e, optional: true}]}}
  b: {endpoints: {e: [{fail: 1}]}}
workloads: {w: {target: a.e, AT(0)}}
faults: [{at: 0s, errors: {service: a, ratio: 1}}]
");
    assert_eq!(log.calls("w->a.e"), [(0.0, 0.0, Error)]);
}
