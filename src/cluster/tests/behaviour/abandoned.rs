//! What becomes of work whose caller has given up.

use crate::log::{Log, run};
use policy::Outcome::{Error, Success, Timeout};

/// One worker, 10 ms of work, callers who wait for 5 ms.
fn impatient(abandoned: &str, times: &str) -> Log {
    run(&format!(
        "
policies: {{short: [timeout: 5ms]}}
services: {{s: {{abandoned: {abandoned}, endpoints: {{e: [compute: 10ms]}}}}}}
workloads: {{w: {{target: s.e, policy: short, AT({times})}}}}
"
    ))
}

#[test]
fn serve_does_the_work_in_vain() {
    let log = impatient("serve", "0 1 30");
    let timeouts = [
        (0.0, 5.0, Timeout),
        (1.0, 6.0, Timeout),
        (30.0, 35.0, Timeout),
    ];
    assert_eq!(log.calls("w->s.e"), timeouts);
    assert_eq!(log.served("s"), [(0.0, 0.0), (1.0, 10.0), (30.0, 30.0)]);
    assert_eq!(log.busy("s"), [(0.0, 1), (20.0, 0), (30.0, 1), (40.0, 0)]);
    // 5..10, all of 10..20, and 35..40.
    assert_eq!(log.wasted("s"), 20.0);
}

#[test]
fn drop_queued_drops_at_the_head_of_the_queue() {
    let log = impatient("drop_queued", "0 1 30");
    assert_eq!(log.served("s"), [(0.0, 0.0), (30.0, 30.0)]);
    assert_eq!(log.queue("s"), [(1.0, 1), (10.0, 0)]);
    assert_eq!(log.busy("s"), [(0.0, 1), (10.0, 0), (30.0, 1), (40.0, 0)]);
    assert_eq!(log.wasted("s"), 10.0);
}

#[test]
fn cancel_frees_the_worker_at_once() {
    let log = impatient("cancel", "0 1 30");
    // The second gets the worker at 5 ms, when the first gives up, and is given up itself at 6.
    assert_eq!(log.served("s"), [(0.0, 0.0), (1.0, 5.0), (30.0, 30.0)]);
    assert_eq!(log.busy("s"), [(0.0, 1), (6.0, 0), (30.0, 1), (35.0, 0)]);
    assert_eq!(log.wasted("s"), 0.0);
    assert!(log.completed("s").is_empty());
}

#[test]
fn cancel_leaves_the_queue_at_once() {
    let log = run("
policies: {short: [timeout: 5ms]}
services: {s: {abandoned: cancel, endpoints: {e: [compute: 10ms]}}}
workloads:
  patient: {target: s.e, AT(0 2)}
  hasty: {target: s.e, policy: short, AT(1)}
");
    assert_eq!(log.calls("hasty->s.e"), [(1.0, 6.0, Timeout)]);
    assert_eq!(log.queue("s"), [(1.0, 1), (2.0, 2), (6.0, 1), (10.0, 0)]);
    let patient = [(0.0, 10.0, Success), (2.0, 20.0, Success)];
    assert_eq!(log.calls("patient->s.e"), patient);
}

fn chain(inner: &str) -> Log {
    run(&format!(
        "
policies: {{short: [timeout: 5ms]}}
services:
  a: {{abandoned: cancel, endpoints: {{e: [call: b.e]}}}}
  b: {{abandoned: {inner}, endpoints: {{e: [compute: 10ms]}}}}
workloads: {{w: {{target: a.e, policy: short, AT(0)}}}}
"
    ))
}

#[test]
fn a_cancelled_handler_gives_up_the_calls_that_it_made() {
    let log = chain("cancel");
    assert_eq!(log.lost("a->b.e"), [(0.0, 5.0)]);
    assert_eq!(log.busy("a"), [(0.0, 1), (5.0, 0)]);
    assert_eq!(log.busy("b"), [(0.0, 1), (5.0, 0)]);
    // Where the callee goes on, it goes on in vain.
    let log = chain("serve");
    assert_eq!(log.busy("b"), [(0.0, 1), (10.0, 0)]);
    assert_eq!(log.wasted("b"), 5.0);
}

#[test]
fn a_handler_that_nobody_cancels_hears_its_calls_out() {
    let log = run("
policies: {short: [timeout: 5ms]}
services:
  a: {endpoints: {e: [call: b.e, compute: 1ms]}}
  b: {endpoints: {e: [compute: 10ms]}}
workloads: {w: {target: a.e, policy: short, AT(0)}}
");
    assert_eq!(log.calls("w->a.e"), [(0.0, 5.0, Timeout)]);
    assert_eq!(log.calls("a->b.e"), [(0.0, 10.0, Success)]);
    // Only the worker of `a` works for one who has given up; `b` works for `a`.
    assert_eq!((log.wasted("a"), log.wasted("b")), (6.0, 0.0));
}

#[test]
fn a_request_that_arrives_too_late_is_served_or_dropped() {
    let late = |abandoned: &str| {
        run(&format!(
            "
network: {{within_zone: {{latency: 8ms}}}}
policies: {{short: [timeout: 5ms]}}
services: {{s: {{abandoned: {abandoned}, endpoints: {{e: [compute: 10ms]}}}}}}
workloads: {{w: {{target: s.e, policy: short, AT(0)}}}}
"
        ))
    };
    let log = late("serve");
    assert_eq!(log.served("s"), [(8.0, 8.0)]);
    assert_eq!(log.wasted("s"), 10.0);
    for abandoned in ["drop_queued", "cancel"] {
        let log = late(abandoned);
        assert!(log.served("s").is_empty() && log.busy("s").is_empty());
    }
}

#[test]
fn an_asynchronous_handler_wastes_what_it_computes_after_its_caller_gave_up() {
    let log = run("
policies: {short: [timeout: 5ms]}
services: {s: {threading: async, endpoints: {e: [compute: 2ms, wait: 10ms, compute: 3ms]}}}
workloads: {w: {target: s.e, policy: short, AT(0)}}
");
    assert_eq!(log.busy("s"), [(0.0, 1), (2.0, 0), (12.0, 1), (15.0, 0)]);
    assert_eq!(log.wasted("s"), 3.0);
}

/// Of shared cores, only what is used of them can be wasted, and not more than is used.
#[test]
fn a_share_of_a_core_is_wasted_as_a_share() {
    let log = |threading: &str, steps: &str| {
        run(&format!(
            "
policies: {{short: [timeout: 5ms]}}
services:
  s:
    threading: {threading}
    workers: 9
    scheduling: processor_sharing
    cores: 1
    endpoints: {{e: [{steps}]}}
workloads:
  hasty: {{target: s.e, policy: short, AT(0)}}
  patient: {{target: s.e, AT(0)}}
"
        ))
    };
    for threading in ["blocking", "async"] {
        // Both are at work from 0 to 20 ms, each on half a core; the waits use none.
        assert_eq!(log(threading, "compute: 10ms").wasted("s"), 7.5);
        assert_eq!(log(threading, "compute: 10ms, wait: 10ms").wasted("s"), 7.5);
        assert_eq!(
            log(threading, "wait: 10ms, compute: 10ms").wasted("s"),
            10.0
        );
    }
}

#[test]
fn timeouts_nest() {
    let log = run("
policies: {outer: [timeout: 50ms], middle: [timeout: 20ms], inner: [timeout: 5ms]}
services:
  a: {endpoints: {e: [{call: b.e, policy: middle}]}}
  b: {endpoints: {e: [{call: c.e, policy: inner}]}}
  c: {endpoints: {e: [compute: 100ms]}}
workloads: {w: {target: a.e, policy: outer, AT(0)}}
");
    // The innermost is the first; its handler fails, and with it the one above.
    assert_eq!(log.calls("b->c.e"), [(0.0, 5.0, Timeout)]);
    assert_eq!(log.calls("a->b.e"), [(0.0, 5.0, Error)]);
    assert_eq!(log.calls("w->a.e"), [(0.0, 5.0, Error)]);
}
