//! How many instances there are when: what an autoscaler sees, how late it sees it, and what becomes
//! of those that go.
//!
//! A request takes 10 ms, so that 100/s keep one worker busy.

use crate::log::{Log, run};
use policy::Outcome::Success;
use stormglass_cluster::DeploymentFact::Everywhere;

/// A service that is asked at this rate, with these keys and sections.
fn at_rate(rate: &str, service: &str, sections: &str) -> Log {
    run(&format!(
        "
services:
  s: {{{service}, balancer: round_robin, endpoints: {{get: [{{compute: 10ms}}]}}}}
workloads: {{w: {{target: s.get, arrivals: {{deterministic: {{rate: {rate}}}}}}}}}
{sections}
"
    ))
}

/// From one level to another.
fn step(from: &str, at: &str, to: &str) -> String {
    format!("[{{at: 0s, rate: {from}}}, {{at: {at}, rate: {to}}}]")
}

#[test]
fn more_load_brings_more_instances_when_it_was_seen_and_they_have_started() {
    let log = at_rate(
        &step("100/s", "2500ms", "300/s"),
        "instances: 2, startup: 500ms, autoscale: {max: 6, utilization: 50%, interval: 1s}",
        "",
    );
    // Until 2500 each is half busy; in the second before 3000, three quarters: 2 × 0.75 ÷ 0.5. The
    // third is ready at 3500, and all are full at 4000: six are needed for three busy workers.
    assert_eq!(log.scaled("s"), [(3000.0, 2, 3), (4000.0, 3, 6)]);
    let busy = log.busy("s");
    let first = |level: u32| busy.iter().find(|(_, busy)| *busy == level);
    let third = first(3).expect("three work").0;
    assert!((3500.0..3520.0).contains(&third), "{third}");
    let fourth = first(4).expect("four work").0;
    assert!((4500.0..4520.0).contains(&fourth), "{fourth}");
}

#[test]
fn less_load_takes_instances_away_when_the_time_of_cooling_down_is_over() {
    let log = at_rate(
        &step("400/s", "2950ms", "100/s"),
        "instances: 8, autoscale: {max: 8, utilization: 50%, interval: 1s, cooldown: 3s}",
        "",
    );
    // The last look that wanted eight was at 3000, and counts until 6000.
    assert_eq!(log.scaled("s"), [(7000.0, 8, 2)]);
    let ended = log.calls("w->s.get");
    assert!(ended.iter().all(|call| call.2 == Success));
    assert!(log.sent_to_dead("w->s.get").is_empty());
}

#[test]
fn an_instance_that_goes_serves_what_it_has() {
    let log = run("
services:
  s:
    instances: 2
    workers: 4
    balancer: round_robin
    autoscale: {max: 2, utilization: 50%, interval: 1s, cooldown: 0s}
    endpoints: {get: [{compute: 2500ms}]}
workloads: {w: {target: s.get, AT(0 0 1500 1500 1500 1500)}}
");
    // A quarter of each is busy: one would do. The four that come afterwards find three workers there.
    assert_eq!(log.scaled("s")[0], (1000.0, 2, 1));
    let mut took: Vec<_> = log
        .calls("w->s.get")
        .iter()
        .map(|c| (c.1 - c.0, c.2))
        .collect();
    took.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at_once = (2500.0, Success);
    let expected = [
        at_once,
        at_once,
        at_once,
        at_once,
        at_once,
        (3500.0, Success),
    ];
    assert_eq!(took, expected);
}

#[test]
fn the_bounds_are_kept() {
    let most = at_rate(
        "1000/s",
        "queue: {capacity: 5}, autoscale: {max: 3, utilization: 50%, interval: 1s}",
        "",
    );
    // Two are enough for one that is always busy, four for two.
    assert_eq!(most.scaled("s"), [(1000.0, 1, 2), (2000.0, 2, 3)]);
    let least = at_rate(
        "1/s",
        "instances: 4, autoscale: {min: 2, max: 4, utilization: 50%, interval: 1s, cooldown: 0s}",
        "",
    );
    assert_eq!(least.scaled("s"), [(1000.0, 4, 2)]);
}

#[test]
fn requests_that_wait_bring_instances_too() {
    let log = run("
services:
  s:
    autoscale: {max: 9, queue_length: 5, interval: 1s}
    endpoints: {get: [{compute: 100ms}]}
workloads: {w: {target: s.get, batch: {size: 21, at: 0s}}}
");
    // From 20 to 11 in a second: 15.5 in the mean, for which it takes 3.1.
    assert_eq!(log.scaled("s"), [(1000.0, 1, 4)]);
}

#[test]
fn who_is_down_is_neither_idle_nor_replaced() {
    let log = at_rate(
        "150/s",
        "instances: 3, autoscale: {max: 9, utilization: 50%, interval: 1s, cooldown: 0s}",
        "faults: [{at: 2500ms, for: 4s, crash: {instance: s-3}}]",
    );
    assert_eq!(log.scaled("s"), []);
    assert!(log.calls("w->s.get").iter().any(|call| call.2 != Success));
}

#[test]
fn what_starts_goes_first() {
    let log = at_rate(
        &step("150/s", "1s", "30/s"),
        "instances: 2, startup: 9s, autoscale: {max: 4, utilization: 50%, interval: 1s, cooldown: 0s}",
        "",
    );
    // Three are needed, then 0.6; the one that starts counts as on target, and goes. If it stayed
    // instead of one that serves, it would count so at 3000, too.
    assert_eq!(
        log.scaled("s"),
        [(1000.0, 2, 3), (2000.0, 3, 2), (3000.0, 2, 1)]
    );
    assert!(log.calls("w->s.get").iter().all(|call| call.2 == Success));
}

#[test]
fn while_a_version_goes_out_the_number_stays() {
    let log = at_rate(
        "140/s",
        "instances: 2, autoscale: {max: 6, utilization: 50%, interval: 1s}",
        "deployments: [{service: s, at: 500ms, strategy: {rolling: {pause: 3s}}, change: {slow: 1}}]",
    );
    let everywhere = log.deployments.iter().find(|fact| fact.2 == Everywhere);
    let everywhere = everywhere.expect("the version is out").0;
    assert!((3500.0..4000.0).contains(&everywhere), "{everywhere}");
    assert_eq!(log.scaled("s"), [(4000.0, 2, 3)]);
}
