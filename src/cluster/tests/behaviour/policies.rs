//! Policies around calls: retries, breakers, limits, fallbacks.

use crate::log::{Log, run};
use policy::Outcome::{Degraded, Error, Rejected, Success, Timeout, Unavailable};

/// Nobody is there until `until` (ms); requests of 1 ms under a policy.
fn down(until: u32, policy: &str, times: &str) -> Log {
    run(&format!(
        "
policies: {{p: [{policy}]}}
services: {{s: {{workers: 99, endpoints: {{e: [compute: 1ms]}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT({times})}}}}
faults: [{{at: 0s, for: {until}ms, crash: {{service: s}}}}]
"
    ))
}

#[test]
fn a_retry_waits_for_its_backoff_between_attempts() {
    let sent = |retry: &str| {
        let log = down(9000, &format!("{{retry: {{{retry}}}}}"), "1");
        assert_eq!(log.count("w->s.e", Unavailable), 1);
        log.attempts("w->s.e")
    };
    assert_eq!(sent("attempts: 3"), [1.0; 3]);
    assert_eq!(sent("attempts: 3, backoff: 10ms"), [1.0, 11.0, 21.0]);
    let exponential = "attempts: 5, backoff: {exponential: {initial: 10ms, factor: 2, max: 25ms}}";
    assert_eq!(sent(exponential), [1.0, 11.0, 31.0, 56.0, 81.0]);
    let linear = "attempts: 4, backoff: {linear: {initial: 10ms, increment: 5ms, max: 18ms}}";
    assert_eq!(sent(linear), [1.0, 11.0, 26.0, 44.0]);
}

#[test]
fn a_retry_that_succeeds_is_the_last() {
    let log = down(15, "{retry: {attempts: 9, backoff: 10ms}}", "1");
    assert_eq!(log.attempts("w->s.e"), [1.0, 11.0, 21.0]);
    assert_eq!(log.calls("w->s.e"), [(1.0, 22.0, Success)]);
}

#[test]
fn a_retry_answers_for_the_failures_that_it_names() {
    let retry = "{retry: {attempts: 3, retry_on: [timeout, error]}}";
    assert_eq!(down(9000, retry, "1").attempts("w->s.e"), [1.0]);
    // A full queue says "not now", which is no reason to try again unless one says so.
    let full = |on: &str| {
        let log = run(&format!(
            "
policies: {{p: [{{retry: {{attempts: 3{on}}}}}]}}
services: {{s: {{queue: {{capacity: 0}}, endpoints: {{e: [compute: 1ms]}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT(0 0)}}}}
"
        ));
        log.attempts("w->s.e").len()
    };
    assert_eq!(full(""), 2);
    assert_eq!(full(", retry_on: [rejected]"), 4);
}

#[test]
fn a_budget_bounds_the_retries_of_all_calls() {
    let sent = |budget: &str| {
        let retry = format!("{{retry: {{attempts: 2, budget: {{{budget}}}}}}}");
        down(9000, &retry, "1 2 3 4").attempts("w->s.e")
    };
    // Two retries are in the bucket.
    assert_eq!(
        sent("tokens: {capacity: 10, cost: 5}"),
        [1.0, 1.0, 2.0, 2.0, 3.0, 4.0]
    );
    // Every second call has paid for one.
    assert_eq!(
        sent("ratio: 50%, min_per_second: 0"),
        [1.0, 2.0, 2.0, 3.0, 4.0, 4.0]
    );
}

#[test]
fn a_success_pays_tokens_back() {
    let retry = "{retry: {attempts: 2, budget: {tokens: {capacity: 5, cost: 5, refund: 5}}}}";
    // The only token goes at 1 ms; the success at 20 ms gives it back, and another crash takes it.
    let log = run(&format!(
        "
policies: {{p: [{retry}]}}
services: {{s: {{endpoints: {{e: [compute: 1ms]}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT(1 2 20 31 32)}}}}
faults:
  - {{at: 0s, for: 10ms, crash: {{service: s}}}}
  - {{at: 30ms, for: 10ms, crash: {{service: s}}}}
"
    ));
    assert_eq!(
        log.attempts("w->s.e"),
        [1.0, 1.0, 2.0, 20.0, 31.0, 31.0, 32.0]
    );
}

#[test]
fn a_timeout_inside_a_retry_ends_an_attempt_and_one_around_it_ends_all() {
    let slow = |policy: &str| {
        run(&format!(
            "
policies: {{p: [{policy}]}}
services: {{s: {{workers: 9, endpoints: {{e: [compute: 20ms]}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT(0)}}}}
"
        ))
    };
    let log = slow("{retry: {attempts: 3}}, timeout: 5ms");
    assert_eq!(log.attempts("w->s.e"), [0.0, 5.0, 10.0]);
    assert_eq!(log.calls("w->s.e"), [(0.0, 15.0, Timeout)]);
    let log = slow("timeout: 12ms, {retry: {attempts: 3}}, timeout: 5ms");
    assert_eq!(log.attempts("w->s.e"), [0.0, 5.0, 10.0]);
    assert_eq!(log.calls("w->s.e"), [(0.0, 12.0, Timeout)]);
    // All three are served; each from when it was given up: 15, 15, and (12 to 30) 18 ms.
    assert_eq!(log.busy("s").last(), Some(&(30.0, 0)));
    assert_eq!(log.wasted("s"), 48.0);
}

#[test]
fn retries_on_two_levels_multiply() {
    let log = run("
policies: {twice: [{retry: {attempts: 2}}], thrice: [{retry: {attempts: 3}}]}
services:
  a: {endpoints: {e: [{call: b.e, policy: thrice}]}}
  b: {endpoints: {e: [{fail: 1}]}}
workloads: {w: {target: a.e, policy: twice, AT(0)}}
");
    assert_eq!(log.attempts("w->a.e").len(), 2);
    assert_eq!(log.attempts("a->b.e").len(), 6);
    assert_eq!(log.calls("w->a.e"), [(0.0, 0.0, Error)]);
}

#[test]
fn a_breaker_opens_refuses_and_half_opens_on_time() {
    let log = down(
        150,
        "{circuit_breaker: {window: {consecutive: 3}, open_for: 100ms, half_open_calls: 1}}",
        "10 20 30 40 130 131 140 232 232.5 240",
    );
    let expected = [
        (10.0, 10.0, Unavailable),
        (20.0, 20.0, Unavailable),
        (30.0, 30.0, Unavailable), // the third in a row: open until after 130 ms
        (40.0, 40.0, Rejected),
        (130.0, 130.0, Rejected),
        (131.0, 131.0, Unavailable), // a probe, which fails: open until after 231 ms
        (140.0, 140.0, Rejected),
        (232.5, 232.5, Rejected), // the one probe is out
        (232.0, 233.0, Success),
        (240.0, 241.0, Success),
    ];
    assert_eq!(log.calls("w->s.e"), expected);
    let states = [
        (30.0, (1, 0)),
        (131.0, (0, 1)),
        (131.0, (1, 0)),
        (232.0, (0, 1)),
        (233.0, (0, 0)),
    ];
    let seen = log.breakers("w->s.e");
    // What follows from the probe at once may be stated in one.
    let seen: Vec<_> = seen
        .iter()
        .filter(|state| state.0 != 131.0 || state.1.0 > 0)
        .collect();
    let states: Vec<_> = states
        .iter()
        .filter(|state| state.0 != 131.0 || state.1.0 > 0)
        .collect();
    assert_eq!(seen, states);
}

#[test]
fn a_breaker_judges_a_window_by_its_rate() {
    let breaker = "{circuit_breaker: {window: {count: 4}, failure_rate: 50%, minimum_calls: 4, \
                   open_for: 1h}}";
    let log = run(&format!(
        "
policies: {{p: [{breaker}]}}
services: {{s: {{endpoints: {{e: []}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT(1 2 3 11 12 13)}}}}
faults: [{{at: 10ms, crash: {{service: s}}}}]
"
    ));
    // Three successes; of the last four, one and then two have failed.
    let outcomes: Vec<_> = log.calls("w->s.e").iter().map(|call| call.2).collect();
    assert_eq!(
        outcomes,
        [
            Success,
            Success,
            Success,
            Unavailable,
            Unavailable,
            Rejected
        ]
    );
    assert_eq!(log.breakers("w->s.e"), [(12.0, (1, 0))]);
}

#[test]
fn a_breaker_opens_on_slow_calls_too() {
    let log = run("
policies:
  p:
    - circuit_breaker:
        {window: {count: 2}, minimum_calls: 2, slow_call: {longer_than: 5ms}, open_for: 1h}
services: {s: {workers: 9, endpoints: {fast: [compute: 5ms], slow: [compute: 6ms]}}}
workloads:
  fast: {target: s.fast, policy: p, AT(0 20)}
  slow: {target: s.slow, policy: p, AT(0 20 40)}
");
    // Each workload has its own; as slow as the bound is not slow.
    assert_eq!(log.count("fast->s.fast", Success), 2);
    assert_eq!(log.count("slow->s.slow", Success), 2);
    assert_eq!(log.calls("slow->s.slow")[2], (40.0, 40.0, Rejected));
}

#[test]
fn a_breaker_per_instance_opens_for_the_broken_one_only() {
    let log = |scope: &str| {
        run(&format!(
            "
policies: {{p: [{{circuit_breaker: {{window: {{consecutive: 1}}, open_for: 1h, scope: {scope}}}}}]}}
services: {{s: {{instances: 2, balancer: round_robin, endpoints: {{e: []}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT(1 2 3 4 5 6 7 8)}}}}
faults: [{{at: 0s, crash: {{instance: s-1}}}}]
"
        ))
    };
    let counts = |log: &Log| [Success, Unavailable, Rejected].map(|o| log.count("w->s.e", o));
    assert_eq!(counts(&log("instance")), [4, 1, 3]);
    // One state for both is open from the first failure on, which is the first or the second call.
    let service = log("service");
    let [good, failed, refused] = counts(&service);
    assert!(
        good <= 1 && failed == 1 && good + refused == 7,
        "{service:?}"
    );
}

#[test]
fn each_caller_instance_has_a_breaker_of_its_own() {
    let log = run("
policies: {p: [{circuit_breaker: {window: {consecutive: 1}, open_for: 1h}}]}
services:
  a: {instances: 2, balancer: round_robin, endpoints: {e: [{call: b.e, policy: p}]}}
  b: {endpoints: {e: []}}
workloads: {w: {target: a.e, AT(1 2 3 4)}}
faults: [{at: 0s, crash: {service: b}}]
");
    let outcomes: Vec<_> = log.calls("a->b.e").iter().map(|call| call.2).collect();
    assert_eq!(outcomes, [Unavailable, Unavailable, Rejected, Rejected]);
}

#[test]
fn a_rate_limit_refuses_or_delays() {
    let limited = |more: &str| {
        let limit = format!("{{rate_limit: {{token_bucket: {{rate: 100/s, burst: 1}}{more}}}}}");
        let log = run(&format!(
            "
policies: {{p: [{limit}]}}
services: {{s: {{workers: 9, endpoints: {{e: [compute: 1ms]}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT(0 0 0)}}}}
"
        ));
        (log.attempts("w->s.e"), log.count("w->s.e", Rejected))
    };
    assert_eq!(limited(""), (vec![0.0], 2));
    assert_eq!(limited(", max_wait: 15ms"), (vec![0.0, 10.0], 1));
    assert_eq!(limited(", max_wait: 1s"), (vec![0.0, 10.0, 20.0], 0));
}

fn bulkhead(more: &str) -> Log {
    run(&format!(
        "
policies: {{p: [{{bulkhead: {{max_concurrent: 1, queue: 2{more}}}}}]}}
services: {{s: {{workers: 9, endpoints: {{e: [compute: 10ms]}}}}}}
workloads: {{w: {{target: s.e, policy: p, AT(0 1 2 3)}}}}
"
    ))
}

#[test]
fn a_bulkhead_admits_in_the_order_of_arrival() {
    let expected = [
        (3.0, 3.0, Rejected),
        (0.0, 10.0, Success),
        (1.0, 20.0, Success),
        (2.0, 30.0, Success),
    ];
    assert_eq!(bulkhead("").calls("w->s.e"), expected);
}

#[test]
fn a_place_in_a_bulkheads_queue_is_free_again_when_one_waited_too_long() {
    let expected = [
        (3.0, 3.0, Rejected),
        (1.0, 6.0, Rejected),
        (2.0, 7.0, Rejected),
        (0.0, 10.0, Success),
    ];
    assert_eq!(bulkhead(", max_wait: 5ms").calls("w->s.e"), expected);
    let expected = [
        (3.0, 3.0, Rejected),
        (0.0, 10.0, Success),
        (2.0, 11.5, Rejected),
        (1.0, 20.0, Success),
    ];
    assert_eq!(bulkhead(", max_wait: 9500us").calls("w->s.e"), expected);
}

#[test]
fn a_place_goes_on_when_its_holder_gives_up() {
    let log = run("
policies: {p: [timeout: 5ms, {bulkhead: {max_concurrent: 1, queue: 9}}]}
services: {s: {workers: 9, endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, policy: p, AT(0 3)}}
");
    assert_eq!(log.attempts("w->s.e"), [0.0, 5.0]);
    assert_eq!(
        log.calls("w->s.e"),
        [(0.0, 5.0, Timeout), (3.0, 8.0, Timeout)]
    );
}

#[test]
fn a_fallback_degrades_the_failures_that_it_names() {
    assert_eq!(
        down(9000, "{fallback: {}}", "1").calls("w->s.e"),
        [(1.0, 1.0, Degraded)]
    );
    let other = "{fallback: {on: [timeout]}}";
    assert_eq!(
        down(9000, other, "1").calls("w->s.e"),
        [(1.0, 1.0, Unavailable)]
    );
    // Around a retry, it speaks when that has given up.
    let around = "{fallback: {}}, {retry: {attempts: 3, backoff: 10ms}}";
    assert_eq!(
        down(9000, around, "1").calls("w->s.e"),
        [(1.0, 21.0, Degraded)]
    );
}

#[test]
fn a_handler_goes_on_with_a_degraded_answer() {
    let log = run("
policies: {p: [{fallback: {}}, timeout: 3ms]}
services:
  a: {endpoints: {e: [{call: b.e, policy: p}, compute: 5ms]}}
  b: {endpoints: {e: [compute: 1h]}}
workloads: {w: {target: a.e, AT(0)}}
");
    assert_eq!(log.calls("a->b.e"), [(0.0, 3.0, Degraded)]);
    // What is made with a substitute is one itself.
    assert_eq!(log.calls("w->a.e"), [(0.0, 8.0, Degraded)]);
}
