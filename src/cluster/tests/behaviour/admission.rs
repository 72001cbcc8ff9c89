//! Admission: who is let into an instance, and that each of them is let out again.

use crate::log::{Log, run};
use policy::Outcome::{Rejected, Success, Timeout, Unavailable};

/// One worker, 10 ms a request, and these layers at the door.
fn guarded(layers: &str, service: &str, rest: &str) -> Log {
    run(&format!(
        "
policies: {{p: [timeout: 5ms]}}
services:
  s:
    admission: [{layers}]
    {service}
    endpoints: {{e: [compute: 10ms]}}
{rest}
"
    ))
}

#[test]
fn a_limit_bounds_those_who_wait_and_those_who_are_served() {
    let log = guarded(
        "{concurrency_limit: {fixed: 2}}",
        "",
        "workloads: {w: {target: s.e, AT(0 0 0 11 12)}}",
    );
    assert_eq!(
        log.calls("w->s.e"),
        [
            (0.0, 0.0, Rejected),
            (0.0, 10.0, Success),
            (12.0, 12.0, Rejected), // one is served from 10 on, and one waits since 11
            (0.0, 20.0, Success),
            (11.0, 30.0, Success),
        ]
    );
    assert_eq!(log.refused("s"), [0.0, 12.0]);
    assert_eq!(log.arrived("s"), [0.0, 0.0, 0.0, 11.0, 12.0]);
}

#[test]
fn a_request_that_nobody_waits_for_holds_its_place_as_long_as_it_is_there() {
    let log = |abandoned: &str| {
        guarded(
            "{concurrency_limit: {fixed: 1}}",
            &format!("abandoned: {abandoned}"),
            "workloads: {w: {target: s.e, policy: p, AT(0 6 11)}}",
        )
    };
    assert_eq!(
        log("serve").calls("w->s.e"),
        [
            (0.0, 5.0, Timeout),
            (6.0, 6.0, Rejected),
            (11.0, 16.0, Timeout)
        ]
    );
    assert_eq!(
        log("cancel").calls("w->s.e"),
        [
            (0.0, 5.0, Timeout),
            (6.0, 11.0, Timeout),
            (11.0, 16.0, Timeout)
        ]
    );
}

#[test]
fn who_is_dropped_from_the_queue_gives_its_place_back() {
    // The second waits until 10 and is dropped then, as its caller has gone at 5.
    let log = guarded(
        "{concurrency_limit: {fixed: 2}}",
        "abandoned: drop_queued",
        "workloads: {w: {target: s.e, policy: p, AT(0 0 9 10.5 10.5 10.5)}}",
    );
    assert_eq!(log.refused("s"), [9.0, 10.5]);
}

#[test]
fn who_meets_a_full_queue_gives_its_place_back() {
    let log = guarded(
        "{concurrency_limit: {fixed: 2}}",
        "queue: {capacity: 0}",
        "workloads: {w: {target: s.e, AT(0 1 2 3 11)}}",
    );
    // Had the second kept its place, the fourth would still be refused; the last would be, too.
    assert_eq!(log.refused("s"), [1.0, 2.0, 3.0]);
    assert_eq!(log.count("w->s.e", Success), 2);
}

#[test]
fn a_crash_forgets_who_was_let_in() {
    let log = guarded(
        "{concurrency_limit: {fixed: 1}}",
        "",
        "workloads: {w: {target: s.e, AT(0 3 7)}}
faults: [{at: 5ms, for: 1ms, crash: {service: s}}]",
    );
    assert_eq!(
        log.calls("w->s.e"),
        [
            (3.0, 3.0, Rejected),
            (0.0, 5.0, Unavailable),
            (7.0, 17.0, Success)
        ]
    );
}

#[test]
fn an_asynchronous_request_holds_one_place_through_all_its_steps() {
    let log = run("
services:
  s:
    threading: async
    admission: [{concurrency_limit: {fixed: 1}}]
    endpoints: {e: [{wait: 5ms}, {compute: 1ms}, {parallel: [[wait: 1ms], [compute: 2ms]]}]}
workloads: {w: {target: s.e, AT(0 4 7 9)}}
");
    assert_eq!(
        log.calls("w->s.e"),
        [
            (4.0, 4.0, Rejected),
            (7.0, 7.0, Rejected),
            (0.0, 8.0, Success),
            (9.0, 17.0, Success)
        ]
    );
}

/// When the second request is sent again after its refusal at once; a token comes every 100 ms.
fn sent_again(heed: &str, network: &str) -> f64 {
    let log = run(&format!(
        "
{network}
policies: {{p: [{{retry: {{attempts: 2, backoff: 1ms, retry_on: [rejected], heed: {heed}}}}}]}}
services:
  s:
    workers: 9
    admission: [{{rate_limit: {{token_bucket: {{rate: 10/s}}}}}}]
    endpoints: {{e: [compute: 1ms]}}
workloads: {{w: {{target: s.e, policy: p, AT(0 0)}}}}
"
    ));
    let sent = log.attempts("w->s.e");
    assert_eq!(sent[..2], [0.0, 0.0]);
    sent[2]
}

#[test]
fn a_refusal_says_when_to_come_back() {
    assert_eq!(sent_again("ignore", ""), 1.0);
    assert_eq!(sent_again("replace", ""), 100.0);
    // A span travels with the answer, and counts from when it is heard: it is 100 ms at 10 ms.
    let network = "network: {within_zone: {latency: 10ms}}";
    assert_eq!(sent_again("replace", network), 120.0);
}

#[test]
fn a_refusal_without_a_time_says_nothing() {
    let log = run("
policies: {p: [{retry: {attempts: 2, backoff: 7ms, retry_on: [rejected], heed: replace}}]}
services:
  s:
    workers: 9
    admission: [{concurrency_limit: {fixed: 1}}]
    endpoints: {e: [compute: 20ms]}
workloads: {w: {target: s.e, policy: p, AT(0 0)}}
");
    assert_eq!(log.attempts("w->s.e"), [0.0, 0.0, 7.0]);
}

#[test]
fn admission_control_hears_how_requests_end() {
    // All that are let in fail, so that all but a few are refused as often as it may: 80 %. Of a
    // thousand the standard deviation is 12.6.
    let log = run("
services:
  s:
    workers: 9
    admission: [admission_control: {}]
    endpoints: {e: [{fail: 1}]}
workloads: {w: {target: s.e, arrivals: {deterministic: {rate: 100/s}}}}
");
    let refused = log.refused("s").len();
    assert!((740..=840).contains(&refused), "{refused}");
}
