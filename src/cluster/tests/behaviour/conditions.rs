//! Slowness, errors and surges: while they last, and one on top of the other.

use crate::log::{Log, run};
use policy::Outcome::{Error, Success};

fn slowed(more: &str, faults: &str) -> Vec<(f64, f64)> {
    let log = run(&format!(
        "
services: {{s: {{{more} endpoints: {{e: [compute: 10ms]}}}}}}
workloads: {{w: {{target: s.e, AT(0)}}}}
faults: [{faults}]
"
    ));
    let calls = log.calls("w->s.e");
    calls
        .into_iter()
        .map(|(began, ended, _)| (began, ended))
        .collect()
}

#[test]
fn slowness_stretches_work_in_progress_too() {
    for more in ["", "scheduling: processor_sharing,", "threading: async,"] {
        // 4 ms of work by 4 ms; 3 more by 13, three times as slow; the last 3 by 16.
        let faults = "{at: 4ms, for: 9ms, slow: {service: s, factor: 3}}";
        assert_eq!(slowed(more, faults), [(0.0, 16.0)], "{more}");
        // Half as slow is twice as fast: 4 + 6 / 2.
        let faults = "{at: 4ms, slow: {service: s, factor: 0.5}}";
        assert_eq!(slowed(more, faults), [(0.0, 7.0)], "{more}");
    }
}

#[test]
fn slowness_stretches_all_work_in_progress_at_its_place() {
    let log = run("
services:
  s: {instances: 2, workers: 2, balancer: round_robin, endpoints: {e: [compute: 10ms]}}
workloads: {w: {target: s.e, AT(0 1 2 3)}}
faults: [{at: 5ms, slow: {instance: s-1, factor: 2}}]
");
    // Two of the four are at s-1, one after the other or with one in between: of those begun at
    // 0 and 2 ms (or 1 and 3), 5 and 3 (4 and 2) ms are done.
    let ends: Vec<_> = log
        .calls("w->s.e")
        .iter()
        .map(|call| (call.0, call.1))
        .collect();
    let first = [(1.0, 11.0), (3.0, 13.0), (0.0, 15.0), (2.0, 19.0)];
    let second = [(0.0, 10.0), (2.0, 12.0), (1.0, 17.0), (3.0, 21.0)];
    assert!(ends == first || ends == second, "{ends:?}");
}

#[test]
fn slownesses_multiply() {
    let faults = "{at: 0s, slow: {service: s, factor: 2}}, \
                  {at: 10ms, for: 12ms, slow: {instance: s-1, factor: 3}}";
    // 5 ms of work by 10 ms, 2 more by 22, the last 3 by 28.
    assert_eq!(slowed("", faults), [(0.0, 28.0)]);
}

#[test]
fn slowness_and_pauses_come_together() {
    let faults = "{at: 4ms, for: 100ms, pause: {service: s}}, \
                  {at: 6ms, slow: {service: s, factor: 2}}";
    for more in ["", "scheduling: processor_sharing,"] {
        // 6 ms of work are left, and take 12 from 104 ms on.
        assert_eq!(slowed(more, faults), [(0.0, 116.0)], "{more}");
    }
}

#[test]
fn a_wait_is_not_slowed() {
    let log = run("
services: {s: {endpoints: {e: [wait: 10ms]}}}
workloads: {w: {target: s.e, AT(0)}}
faults: [{at: 0s, slow: {service: s, factor: 9}}]
");
    assert_eq!(log.calls("w->s.e"), [(0.0, 10.0, Success)]);
}

#[test]
fn errors_come_when_the_work_is_done() {
    let log = run("
services: {s: {workers: 9, endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, AT(0 3 5 12)}}
faults: [{at: 11ms, for: 3ms, errors: {service: s, ratio: 1}}]
");
    // Which of them fails is said by when its work is done.
    let expected = [
        (0.0, 10.0, Success),
        (3.0, 13.0, Error),
        (5.0, 15.0, Success),
        (12.0, 22.0, Success),
    ];
    assert_eq!(log.calls("w->s.e"), expected);
    assert_eq!(log.completed("s"), [10.0, 13.0, 15.0, 22.0]);
}

/// Two faults of one half each let a quarter through.
#[test]
fn errors_of_several_faults_are_independent() {
    let log = run("
services: {s: {endpoints: {e: []}}}
workloads: {w: {target: s.e, arrivals: {deterministic: {rate: 1000/s}}}}
faults:
  - {at: 0s, errors: {service: s, ratio: 50%}}
  - {at: 0s, errors: {instance: s-1, ratio: 50%}}
");
    // 10 000 draws: a standard deviation of 43, and five of them.
    let good = log.count("w->s.e", Success) as f64;
    assert!((good - 2500.0).abs() < 217.0, "{good}");
}

/// When requests of a source come by 70 ms, under these faults.
fn surged(source: &str, faults: &str) -> Vec<f64> {
    let log = run(&format!(
        "
services: {{s: {{workers: 9, endpoints: {{e: []}}}}}}
workloads: {{w: {{target: s.e, {source}}}}}
faults: [{faults}]
"
    ));
    let mut times = log.started("w->s.e");
    times.retain(|at| *at <= 70.0);
    times
}

const EVERY_10_MS: [&str; 2] = [
    "arrivals: {deterministic: {rate: 100/s}}",
    "arrivals: {renewal: 10ms}",
];

#[test]
fn a_surge_multiplies_the_rate_from_its_first_moment_to_its_last() {
    for source in EVERY_10_MS {
        // Half of the gap that ends at 30 ms is left at 25 ms: 2.5 ms. Half of one is left at 45.
        let times = surged(
            source,
            "{at: 25ms, for: 20ms, surge: {workload: w, factor: 2}}",
        );
        let expected = [10.0, 20.0, 27.5, 32.5, 37.5, 42.5, 50.0, 60.0, 70.0];
        assert_eq!(times, expected, "{source}");
    }
}

#[test]
fn surges_multiply() {
    let faults = "{at: 25ms, surge: {workload: w, factor: 4}}, \
                  {at: 30ms, surge: {workload: w, factor: 0.25}}";
    for source in EVERY_10_MS {
        // 5 ms left at 25: done at 26.25, then every 2.5 ms; 5 of 10 left at 30, then every 10.
        let times = surged(source, faults);
        assert_eq!(
            times,
            [10.0, 20.0, 26.25, 28.75, 35.0, 45.0, 55.0, 65.0],
            "{source}"
        );
    }
}

#[test]
fn a_surge_of_nothing_stops_the_clock_of_arrivals() {
    for source in EVERY_10_MS {
        let times = surged(
            source,
            "{at: 25ms, for: 20ms, surge: {workload: w, factor: 0}}",
        );
        assert_eq!(times, [10.0, 20.0, 50.0, 60.0, 70.0], "{source}");
    }
}

#[test]
fn a_surge_shortens_the_thoughts_that_begin_while_it_lasts() {
    let source = "closed: {users: 1, think: 10ms}";
    // The thought begun at 20 ms goes on; those begun at 30, 35, 40 and 45 take half as long.
    let times = surged(
        source,
        "{at: 25ms, for: 22ms, surge: {workload: w, factor: 2}}",
    );
    assert_eq!(
        times,
        [10.0, 20.0, 30.0, 35.0, 40.0, 45.0, 50.0, 60.0, 70.0]
    );
    // One that begins while nobody comes to an end begins when that is over.
    let times = surged(
        source,
        "{at: 25ms, for: 20ms, surge: {workload: w, factor: 0}}",
    );
    assert_eq!(times, [10.0, 20.0, 30.0, 55.0, 65.0]);
}

#[test]
fn a_surge_moves_the_workload_that_it_names() {
    let log: Log = run("
services: {s: {workers: 9, endpoints: {e: []}}}
workloads:
  w: {target: s.e, arrivals: {deterministic: {rate: 100/s}}}
  v: {target: s.e, arrivals: {deterministic: {rate: 100/s}}}
faults: [{at: 0s, surge: {workload: v, factor: 3}}]
");
    assert_eq!(log.started("w->s.e").len(), 1000);
    assert_eq!(log.started("v->s.e").len(), 3000);
}
