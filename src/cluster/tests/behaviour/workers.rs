//! Workers, queues and shared cores.

use crate::log::run;
use policy::Outcome::{Rejected, Success};

fn calling(threading: &str) -> String {
    format!(
        "
services:
  a: {{threading: {threading}, endpoints: {{e: [compute: 1ms, call: b.e, compute: 1ms]}}}}
  b: {{workers: 2, endpoints: {{e: [compute: 10ms]}}}}
workloads: {{w: {{target: a.e, AT(0 0)}}}}
"
    )
}

#[test]
fn a_blocking_handler_holds_its_worker_while_it_waits_for_others() {
    let log = run(&calling("blocking"));
    // 1 + 10 + 1 ms each, one after the other.
    assert_eq!(
        log.calls("w->a.e"),
        [(0.0, 12.0, Success), (0.0, 24.0, Success)]
    );
    assert_eq!(log.busy("a"), [(0.0, 1), (24.0, 0)]);
    assert_eq!(log.started("a->b.e"), [1.0, 13.0]);
}

#[test]
fn an_asynchronous_handler_holds_a_worker_to_compute_only() {
    let log = run(&calling("async"));
    // The second computes while the first waits: 0..1 and 1..2, then 11..12 and 12..13.
    assert_eq!(
        log.calls("w->a.e"),
        [(0.0, 12.0, Success), (0.0, 13.0, Success)]
    );
    assert_eq!(log.started("a->b.e"), [1.0, 2.0]);
    assert_eq!(log.busy("a"), [(0.0, 1), (2.0, 0), (11.0, 1), (13.0, 0)]);
}

#[test]
fn a_wait_needs_a_worker_only_where_handlers_block() {
    let model = |threading: &str| {
        format!(
            "
services: {{s: {{threading: {threading}, endpoints: {{e: [wait: 10ms, compute: 1ms]}}}}}}
workloads: {{w: {{target: s.e, AT(0 0)}}}}
"
        )
    };
    let ends = |threading| {
        let calls = run(&model(threading)).calls("w->s.e");
        calls.iter().map(|call| call.1).collect::<Vec<_>>()
    };
    assert_eq!(ends("blocking"), [11.0, 22.0]);
    assert_eq!(ends("async"), [11.0, 12.0]);
}

#[test]
fn what_exceeds_workers_and_capacity_is_refused_at_once() {
    let log = run("
services: {s: {workers: 2, queue: {capacity: 3}, endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, batch: {size: 8, at: 1ms}}}
");
    let mut expected = vec![(1.0, 1.0, Rejected); 3];
    expected.extend([11.0, 11.0, 21.0, 21.0, 31.0].map(|end| (1.0, end, Success)));
    assert_eq!(log.calls("w->s.e"), expected);
    assert_eq!(log.refused("s"), [1.0; 3]);
    assert_eq!(log.queue("s"), [(1.0, 3), (11.0, 1), (21.0, 0)]);
    assert_eq!(log.busy("s"), [(1.0, 2), (21.0, 1), (31.0, 0)]);
}

#[test]
fn who_was_admitted_once_is_not_refused_by_a_full_queue() {
    let log = run("
services:
  s:
    threading: async
    queue: {capacity: 1}
    endpoints: {e: [compute: 10ms, wait: 5ms, compute: 10ms]}
workloads: {w: {target: s.e, AT(0 0 12)}}
");
    // Computing: first 0..10, second 10..20, third (the queue's one place) 20..30, then the first,
    // which came back at 15 ms and found the place taken, 30..40, the second 40..50, the third 50..60.
    let expected = [
        (0.0, 40.0, Success),
        (0.0, 50.0, Success),
        (12.0, 60.0, Success),
    ];
    assert_eq!(log.calls("w->s.e"), expected);
    assert!(log.refused("s").is_empty());
}

/// Begin and end of requests at 0, 1, 2, … ms, of 10 ms each at one worker.
fn in_turn(queue: &str, times: &str) -> Vec<(f64, f64)> {
    let log = run(&format!(
        "
services: {{s: {{queue: {{discipline: {queue}}}, endpoints: {{e: [compute: 10ms]}}}}}}
workloads: {{w: {{target: s.e, AT({times})}}}}
"
    ));
    let calls = log.calls("w->s.e");
    calls
        .into_iter()
        .map(|(began, ended, _)| (began, ended))
        .collect()
}

#[test]
fn first_come_first_served() {
    let expected = [(0.0, 10.0), (1.0, 20.0), (2.0, 30.0), (3.0, 40.0)];
    assert_eq!(in_turn("fifo", "0 1 2 3"), expected);
}

#[test]
fn last_come_first_served() {
    let expected = [(0.0, 10.0), (3.0, 20.0), (2.0, 30.0), (1.0, 40.0)];
    assert_eq!(in_turn("lifo", "0 1 2 3"), expected);
}

/// The least wait of the first interval is judged at its end: by then it is 9 ms, above the target.
#[test]
fn adaptive_lifo_turns_around_while_the_queue_stands() {
    let queue = "{adaptive_lifo: {target: 1ms, interval: 20ms}}";
    let order: Vec<_> = in_turn(queue, "0 1 2 3 4 5 6 7")
        .into_iter()
        .map(|(began, _)| began)
        .collect();
    // The wait at 10 ms begins an interval that ends at 30; the next after that is at 40.
    assert_eq!(order, [0.0, 1.0, 2.0, 3.0, 7.0, 6.0, 5.0, 4.0]);
}

#[test]
fn codel_drops_what_waited_too_long_while_the_queue_stands() {
    let log = run("
services:
  s: {queue: {discipline: {codel: {target: 1ms, interval: 20ms}}}, endpoints: {e: [compute: 10ms]}}
workloads: {w: {target: s.e, batch: {size: 8}}}
");
    // Overloaded from 40 ms on (the least wait since 10 ms was 10 ms); that wait begins an interval
    // and is served, and at 50 ms all others have waited for more than 2 ms.
    let mut expected: Vec<_> = [10.0, 20.0, 30.0, 40.0]
        .map(|end| (0.0, end, Success))
        .to_vec();
    expected.extend([(0.0, 50.0, Rejected); 3]);
    let mut calls = log.calls("w->s.e");
    assert_eq!(calls.iter().filter(|call| call.2 == Success).count(), 5);
    calls.retain(|call| call.1 < 50.0 || call.2 == Rejected);
    assert_eq!(calls, expected);
    assert_eq!(log.refused("s"), [50.0; 3]);
}

#[test]
fn the_smaller_priority_goes_first_and_interrupts_nobody() {
    let log = run("
services: {s: {queue: {discipline: priority}, endpoints: {e: [compute: 10ms]}}}
workloads:
  many: {target: s.e, priority: 5, AT(0 1 2)}
  few: {target: s.e, priority: 1, AT(3 4)}
");
    let many = [
        (0.0, 10.0, Success),
        (1.0, 40.0, Success),
        (2.0, 50.0, Success),
    ];
    assert_eq!(log.calls("many->s.e"), many);
    assert_eq!(
        log.calls("few->s.e"),
        [(3.0, 20.0, Success), (4.0, 30.0, Success)]
    );
}

#[test]
fn a_request_hands_its_priority_on_to_the_calls_made_for_it() {
    for steps in [
        "call: b.e",
        "parallel: [[{repeat: {times: 1, steps: [call: b.e]}}]]",
    ] {
        let log = run(&format!(
            "
services:
  a: {{workers: 9, endpoints: {{e: [{{{steps}}}]}}}}
  b: {{queue: {{discipline: priority}}, endpoints: {{e: [compute: 10ms]}}}}
workloads:
  many: {{target: a.e, priority: 5, AT(0 1 2)}}
  few: {{target: a.e, priority: 1, AT(3)}}
"
        ));
        assert_eq!(log.calls("few->a.e"), [(3.0, 20.0, Success)], "{steps}");
        let many = [
            (0.0, 10.0, Success),
            (1.0, 30.0, Success),
            (2.0, 40.0, Success),
        ];
        assert_eq!(log.calls("many->a.e"), many, "{steps}");
    }
}

#[test]
fn jobs_share_a_core_evenly() {
    let log = run("
services:
  s: {workers: 4, scheduling: processor_sharing, cores: 1, endpoints: {e: [compute: 10ms]}}
workloads: {w: {target: s.e, AT(0 5)}}
");
    // The first alone until 5 ms; then both at half speed: its other 5 ms take 10. The second has
    // 5 ms left then, and is alone.
    assert_eq!(
        log.calls("w->s.e"),
        [(0.0, 15.0, Success), (5.0, 20.0, Success)]
    );
    assert_eq!(log.busy("s"), [(0.0, 1), (20.0, 0)]);
}

#[test]
fn no_job_is_faster_than_a_core_and_workers_bound_the_jobs() {
    let shared = |workers: u32, cores: u32| {
        let log = run(&format!(
            "
services:
  s:
    workers: {workers}
    scheduling: processor_sharing
    cores: {cores}
    endpoints: {{e: [compute: 10ms]}}
workloads: {{w: {{target: s.e, AT(0 0 0)}}}}
"
        ));
        let calls = log.calls("w->s.e");
        calls.into_iter().map(|call| call.1).collect::<Vec<_>>()
    };
    assert_eq!(shared(4, 2), [15.0; 3]);
    assert_eq!(shared(4, 8), [10.0; 3]);
    assert_eq!(shared(2, 1), [20.0, 20.0, 30.0]);
}
