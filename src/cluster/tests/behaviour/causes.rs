//! Where a request stood when it failed. Services and edges are numbered as in the model, the workload's
//! edge first.

use crate::log::{Log, run};
use policy::Outcome;
use stormglass_cluster::{Link, Why};

/// The chains of all failures, whenever they were.
fn chains(log: &Log) -> Vec<&[Link]> {
    log.causes
        .iter()
        .map(|(_, chain)| chain.as_slice())
        .collect()
}

#[test]
fn who_waits_in_a_queue_waits_for_what_the_worker_does() {
    // The only worker of `middle` waits for `back`, which computes 10 ms, slowed to 50 ms.
    let log = run("
policies: {p: [{timeout: 20ms}]}
services:
  middle: {endpoints: {e: [{call: back.e}]}}
  back: {endpoints: {e: [{compute: 10ms}]}}
workloads: {w: {target: middle.e, policy: p, AT(0 1)}}
faults: [{at: 0s, for: 1s, slow: {service: back, factor: 5}}]
");
    let slow = Link::Computing {
        service: 1,
        why: Why::Fault(0),
    };
    let waits = Link::Waiting { edge: 1 };
    let queued = Link::Queued {
        service: 0,
        why: Why::Nothing,
    };
    // The worker's own caller has given up by then: at 20 ms, before 21 ms.
    let in_vain = Link::InVain { service: 0 };
    let expected = [
        (20.0, vec![waits, slow]),
        (21.0, vec![queued, in_vain, waits, slow]),
    ];
    assert_eq!(log.causes, expected);
}

#[test]
fn a_handler_fails_of_what_its_call_has_failed_of() {
    let log = run("
services:
  front: {endpoints: {e: [{call: middle.e}]}}
  middle: {endpoints: {e: [{call: back.e}]}}
  back: {endpoints: {e: [{compute: 1ms}, {fail: 100%}]}}
workloads: {w: {target: front.e, AT(0)}}
");
    let failed = |edge| Link::Failed {
        edge,
        outcome: Outcome::Error,
    };
    let by_itself = Link::Failing {
        service: 2,
        why: Why::Nothing,
    };
    assert_eq!(chains(&log), [[failed(1), failed(2), by_itself]]);
}

#[test]
fn what_a_call_can_do_without_is_not_what_its_handler_fails_of() {
    let log = run("
services:
  front: {endpoints: {e: [{call: back.e, optional: true}, {compute: 1ms}, {fail: 100%}]}}
  back: {endpoints: {e: [{fail: 100%}]}}
workloads: {w: {target: front.e, AT(0)}}
");
    let by_itself = Link::Failing {
        service: 0,
        why: Why::Nothing,
    };
    assert_eq!(chains(&log), [[by_itself]]);
}

#[test]
fn a_retry_that_comes_too_late_says_why_there_was_one() {
    // Down for ever; the second attempt would be sent at 51 ms, and the client has gone at 31 ms.
    let log = run("
policies: {p: [{timeout: 30ms}, {retry: {attempts: 2, backoff: 50ms}}]}
services: {s: {endpoints: {e: [{compute: 1ms}]}}}
workloads: {w: {target: s.e, policy: p, AT(1)}}
faults: [{at: 0s, for: 9s, crash: {service: s}}]
");
    let down = Link::Down {
        service: 0,
        why: Why::Fault(0),
    };
    assert_eq!(
        log.causes,
        [(31.0, vec![Link::BackingOff { edge: 0 }, down])]
    );
}

#[test]
fn an_open_breaker_says_what_has_opened_it() {
    let log = run("
policies: {p: [{circuit_breaker: {window: {count: 2}, failure_rate: 50%, minimum_calls: 2, open_for: 5s}}]}
services: {s: {endpoints: {e: [{compute: 1ms}]}}}
workloads: {w: {target: s.e, policy: p, AT(1 11 21)}}
faults: [{at: 0s, for: 9s, errors: {service: s, ratio: 100%}}]
");
    let failing = Link::Failing {
        service: 0,
        why: Why::Fault(0),
    };
    let refused = Link::Refused {
        edge: 0,
        layer: "circuit_breaker",
    };
    let expected = [
        (2.0, vec![failing]),
        (12.0, vec![failing]),
        (21.0, vec![refused, failing]),
    ];
    assert_eq!(log.causes, expected);
}

#[test]
fn a_full_queue_and_a_full_bulkhead_say_what_keeps_them_full() {
    let log = run("
services: {s: {queue: {capacity: 0}, endpoints: {e: [{compute: 10ms}]}}}
workloads: {w: {target: s.e, AT(0 1)}}
");
    let work = Link::Computing {
        service: 0,
        why: Why::Nothing,
    };
    let full = Link::Full {
        service: 0,
        why: Why::Nothing,
    };
    assert_eq!(chains(&log), [[full, work]]);
    let log = run("
policies: {p: [{bulkhead: {max_concurrent: 1}}]}
services: {s: {workers: 9, endpoints: {e: [{compute: 10ms}]}}}
workloads: {w: {target: s.e, policy: p, AT(0 1)}}
");
    let refused = Link::Refused {
        edge: 0,
        layer: "bulkhead",
    };
    assert_eq!(chains(&log), [[refused, work]]);
}

#[test]
fn a_parallel_step_fails_of_the_branch_that_made_it_fail() {
    let log = run("
services:
  front: {endpoints: {e: [{parallel: [[{call: back.slow}], [{call: back.bad}]]}]}}
  back: {workers: 9, endpoints: {slow: [{compute: 50ms}], bad: [{compute: 1ms}, {fail: 100%}]}}
workloads: {w: {target: front.e, AT(0)}}
");
    let failed = Link::Failed {
        edge: 2,
        outcome: Outcome::Error,
    };
    let by_itself = Link::Failing {
        service: 1,
        why: Why::Nothing,
    };
    assert_eq!(chains(&log), [[failed, by_itself]]);
}

#[test]
fn a_miss_of_a_cache_is_on_the_way() {
    let log = run("
policies: {p: [{timeout: 5ms}]}
services:
  front: {endpoints: {e: [{cache: {keys: {count: 9}, capacity: 9, miss: [{call: back.e, policy: p}]}}]}}
  back: {endpoints: {e: [{compute: 50ms}]}}
workloads: {w: {target: front.e, AT(0)}}
");
    let expected = [
        Link::Missed { service: 0 },
        Link::Failed {
            edge: 1,
            outcome: Outcome::Timeout,
        },
        Link::Computing {
            service: 1,
            why: Why::Nothing,
        },
    ];
    assert_eq!(chains(&log), [expected]);
}
