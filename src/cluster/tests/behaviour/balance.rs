//! Balancers, as callers use them. An instance has one worker and no queue, so that a request that
//! goes where another one is still served is refused.

use crate::log::{Log, run};
use policy::Outcome::{Rejected, Success};

fn balanced(balancer: &str, instances: u32, times: &str, faults: &str) -> Log {
    run(&format!(
        "
services:
  s:
    instances: {instances}
    queue: {{capacity: 0}}
    balancer: {balancer}
    endpoints: {{e: [compute: 10ms]}}
workloads: {{w: {{target: s.e, AT({times})}}}}
faults: [{faults}]
"
    ))
}

fn refused(balancer: &str, instances: u32, times: &str) -> usize {
    balanced(balancer, instances, times, "").refused("s").len()
}

#[test]
fn round_robin_takes_one_after_the_other() {
    assert_eq!(refused("round_robin", 3, "0 1 2"), 0);
    // The fourth meets the first.
    assert_eq!(
        balanced("round_robin", 3, "0 1 2 3", "").refused("s"),
        [3.0]
    );
    assert_eq!(refused("round_robin", 3, "0 1 2 10 11 12 20 21 22"), 0);
}

#[test]
fn least_requests_goes_to_who_is_idle() {
    let slow = "{at: 0s, slow: {instance: s-2, factor: 100}}";
    let log = balanced("{least_requests: {}}", 3, "0 0 0 20 40 60 80 100", slow);
    // The slow one gets its first request, and none after it.
    let mut times: Vec<_> = log
        .calls("w->s.e")
        .iter()
        .map(|call| call.1 - call.0)
        .collect();
    times.sort_by(f64::total_cmp);
    assert_eq!(times, [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 1000.0]);
}

#[test]
fn least_requests_knows_what_its_caller_sent_and_nothing_else() {
    let log = run("
services:
  s:
    instances: 2
    queue: {capacity: 0}
    balancer: {least_requests: {}}
    endpoints: {e: [compute: 10ms]}
workloads:
  w: {target: s.e, AT(0 1)}
  v: {target: s.e, AT(2 3)}
");
    // Both are busy, and the second caller doesn't know.
    assert_eq!(log.count("w->s.e", Success), 2);
    assert_eq!(log.count("v->s.e", Rejected), 2);
}

#[test]
fn a_consistent_hash_sends_a_key_to_one_instance() {
    assert_eq!(refused("{consistent_hash: {keys: 1}}", 5, "0 1 2 3 4"), 4);
    // Of a thousand keys, some are at home elsewhere: all five at one would be one in 5^4.
    assert!(refused("{consistent_hash: {keys: 1000}}", 5, "0 1 2 3 4") < 4);
}

#[test]
fn weights_are_shares() {
    assert_eq!(refused("{weighted: [0, 1]}", 2, "0 1 2"), 2);
    assert_eq!(refused("{weighted: [1, 1, 1]}", 3, "0 1 2"), 0);
    // Of three, two go to the first.
    assert_eq!(refused("{weighted: [2, 1]}", 2, "0 1 2"), 1);
    assert_eq!(refused("{weighted: [2, 1]}", 2, "0 10 20 30 40 50"), 0);
}

#[test]
fn a_crashed_instance_stays_in_the_list() {
    let crash = "{at: 0s, crash: {instance: s-1}}";
    let log = balanced("round_robin", 2, "1 2 3 4 5 6 7 8", crash);
    assert_eq!(log.count("w->s.e", policy::Outcome::Unavailable), 4);
}

#[test]
fn random_is_even() {
    let log = run("
services: {s: {instances: 4, endpoints: {e: []}}}
workloads: {w: {target: s.e, arrivals: {deterministic: {rate: 1000/s}}}}
faults: [{at: 0s, crash: {instance: s-3}}]
");
    // 10 000 draws with p = 1/4; five standard deviations of 43.3.
    let failed = log.count("w->s.e", policy::Outcome::Unavailable);
    assert!((failed as f64 - 2500.0).abs() < 217.0, "{failed}");
}

#[test]
fn a_zone_aware_caller_stays_in_its_zone_where_that_is_fair() {
    // Two of each service in each zone; a message between zones takes 100 ms.
    let times = |balancer: &str| {
        let log = run(&format!(
            "
zones: {{a: {{}}, b: {{}}}}
network: {{between_zones: {{latency: 100ms}}}}
services:
  web: {{instances: 4, workers: 99, endpoints: {{e: [call: s.e]}}}}
  s:
    instances: 4
    workers: 99
    balancer: {balancer}
    endpoints: {{e: [compute: 1ms]}}
workloads: {{w: {{target: web.e, batch: {{size: 64, at: 0s}}}}}}
"
        ));
        let calls = log.calls("web->s.e");
        let quick = calls.iter().filter(|call| call.1 == 1.0).count();
        let far = calls.iter().filter(|call| call.1 == 201.0).count();
        assert_eq!(quick + far, 64);
        far
    };
    assert_eq!(times("{zone_aware: {min_cluster_size: 1}}"), 0);
    assert!(times("random") > 0);
    // Too few instances for it to matter.
    assert!(times("{zone_aware: {min_cluster_size: 5}}") > 0);
}
