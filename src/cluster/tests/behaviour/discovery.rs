//! Discovery: when callers notice, to the millisecond where the machines leave nothing to chance.

use crate::log::{Log, run_for};
use policy::Outcome::{Success, Unavailable};

/// Two instances of `s`, of which `s-1` is down from 10 s to 40 s; a client asks `web` ten times a
/// second, and that asks `s`.
fn crash_for(duration: &str, discovery: &str, mode: &str) -> Log {
    run_for(
        duration,
        &format!(
            "
network: {{within_zone: {{latency: 1ms}}}}
policies: {{short: [timeout: 50ms]}}
services:
  web: {{workers: 9, endpoints: {{e: [{{call: s.e, policy: short}}]}}}}
  s:
    instances: 2
    workers: 9
    balancer: round_robin
    discovery: {discovery}
    endpoints: {{e: [compute: 1ms]}}
  r: {{instances: 2, endpoints: {{e: []}}}}
workloads: {{w: {{target: web.e, arrivals: {{deterministic: {{rate: 10/s}}}}}}}}
faults: [{{at: 10s, for: 30s, crash: {{instance: s-1, mode: {mode}}}}}]
"
        ),
    )
}

/// The crash at 10 s was noticed by the one caller at this time.
#[track_caller]
fn noticed_at(log: &Log, out: f64) {
    let noticed = log.noticed("s");
    assert_eq!(noticed.len(), 1);
    assert!((noticed[0] - (out - 10_000.0)).abs() < 1e-6, "{noticed:?}");
}

#[test]
fn who_knows_nothing_calls_the_dead() {
    let log = crash_for("50s", "static", "refuse");
    // Every other call for 30 s.
    assert_eq!(log.sent_to_dead("web->s.e").len(), 150);
    assert_eq!(log.count("web->s.e", Unavailable), 150);
    assert_eq!(log.left_out("s"), []);
}

const CHECK: &str = "{health_check: {interval: 2s, timeout: 1s, unhealthy: 3, healthy: 2}}";

/// The phase of the first probe, below 2 s, is drawn. When it is known, all else follows.
#[test]
fn a_crash_is_noticed_by_the_third_refused_probe() {
    let log = crash_for("50s", CHECK, "refuse");
    let &[(out, 1), (back, -1)] = &log.left_out("s")[..] else {
        panic!("{:?}", log.left_out("s"));
    };
    // Three probes refused, each 2 ms after it was sent, the first of them at most 2 s after the
    // crash (1 ms earlier, as it is under way); three of 2 s, less what the first one waited.
    assert!((14_001.0..16_002.0).contains(&out), "{out}");
    // The second good one: probes are sent at out − 2 ms + n · 2 s.
    let phase = (out - 2.0) % 2000.0;
    let first_good = (40_000.0 - 1.0 - phase).div_euclid(2000.0) * 2000.0 + 2000.0 + phase;
    assert!((back - (first_good + 2000.0 + 2.0)).abs() < 1e-6);
    noticed_at(&log, out);
    let dead = log.sent_to_dead("web->s.e");
    assert!(dead.iter().all(|at| (10_000.0..out).contains(at)));
    assert_eq!(dead.len(), log.count("web->s.e", Unavailable));
}

#[test]
fn of_a_machine_that_vanished_only_the_timeout_of_the_probe_tells() {
    let [refused, vanished] = ["refuse", "blackhole"].map(|mode| crash_for("50s", CHECK, mode));
    // The same probes; the third one is not refused after 2 ms, but not answered within 1 s.
    let later = vanished.left_out("s")[0].0 - refused.left_out("s")[0].0;
    assert!((later - 998.0).abs() < 1e-6, "{later}");
}

const LEASE: &str = "{lease: {registry: r, heartbeat: 2s, expiry: 5s, eviction: 3s, refresh: 1s, \
                     self_preservation: 0}}";

#[test]
fn a_lease_ends_twice_its_expiry_after_the_last_renewal() {
    let log = crash_for("50s", LEASE, "refuse");
    let &[(out, 1), (back, -1)] = &log.left_out("s")[..] else {
        panic!("{:?}", log.left_out("s"));
    };
    // The last renewal is sent within (8, 10] s and lives 10 s; the eviction comes within 3 s, the
    // fetch within 1 s more, and the list takes 2 ms to come.
    assert!((18_001.0..24_003.0).contains(&out), "{out}");
    // It registers at 40 s, and is in the first list fetched after 40 001 ms.
    assert!((40_002.0..41_003.0).contains(&back), "{back}");
    noticed_at(&log, out);
}

#[test]
fn self_preservation_keeps_the_dead_in_the_list() {
    let lease = LEASE.replace("self_preservation: 0", "self_preservation: 85%");
    let log = crash_for("500s", &lease, "refuse");
    assert_eq!(log.left_out("s"), []);
}

#[test]
fn without_a_registry_of_its_own_a_service_has_one_that_never_fails() {
    let ideal = LEASE.replace("registry: r, ", "");
    let log = crash_for("50s", &ideal, "refuse");
    let &[(out, 1), (back, -1)] = &log.left_out("s")[..] else {
        panic!("{:?}", log.left_out("s"));
    };
    assert!((18_000.0..=24_000.0).contains(&out), "{out}");
    assert!((40_000.0..=41_000.0).contains(&back), "{back}");
}

/// What happens to the registries of two instances of `s`.
fn registries(faults: &str) -> Log {
    run_for(
        "100s",
        &format!(
            "
services:
  web: {{workers: 9, endpoints: {{e: [{{call: s.e}}]}}}}
  s: {{instances: 2, discovery: {LEASE}, endpoints: {{e: []}}}}
  r: {{instances: 2, endpoints: {{e: []}}}}
workloads: {{w: {{target: web.e, arrivals: {{deterministic: {{rate: 10/s}}}}}}}}
faults: [{faults}]
"
        ),
    )
}

#[test]
fn callers_keep_their_list_when_all_registries_are_down_and_while_new_ones_are_silent() {
    let log = registries("{at: 10s, for: 30s, crash: {service: r}}");
    assert_eq!(log.left_out("s"), []);
    assert_eq!(log.count("web->s.e", Success), log.calls("web->s.e").len());
}

#[test]
fn callers_ask_the_next_registry_when_one_is_down() {
    for mode in ["refuse", "blackhole"] {
        let log = registries(&format!(
            "{{at: 10s, crash: {{instance: r-1, mode: {mode}}}}}, \
             {{at: 20s, crash: {{instance: s-2}}}}"
        ));
        let &[(out, 1)] = &log.left_out("s")[..] else {
            panic!("{:?}", log.left_out("s"));
        };
        assert!((28_000.0..=35_000.0).contains(&out), "{mode}: {out}");
    }
}

#[test]
fn who_comes_back_finds_a_registry_that_has_forgotten_it() {
    // The registries restart at 20 s, empty, and speak from 40 s on; by then all have renewed, were
    // unknown, and have registered.
    let log = registries("{at: 10s, for: 10s, crash: {service: r}}");
    assert_eq!(log.left_out("s"), []);
    assert!(log.sent_to_dead("web->s.e").is_empty());
}

const GOSSIP: &str = "{gossip: {probe_interval: 1s, probe_timeout: 500ms, suspect_for: 4s}}";

#[test]
fn gossip_notices_after_a_probe_and_a_suspicion() {
    for mode in ["refuse", "blackhole"] {
        let log = crash_for("60s", GOSSIP, mode);
        let &[(out, 1), (back, -1)] = &log.left_out("s")[..] else {
            panic!("{:?}", log.left_out("s"));
        };
        // Of three members, two probe the third, each within 2 · 2 − 1 intervals. Whoever is first
        // finds out when that one ends (it may have begun 1 ms before the crash), and suspects it
        // for 4 s; the other hears of both.
        assert!((14_998.0..=18_002.0).contains(&out), "{out}");
        // It asks a seed at 40 s.
        assert!((40_000.0..=41_500.0).contains(&back), "{back}");
    }
}

#[test]
fn a_pause_is_taken_for_a_crash_by_gossip_and_undone() {
    let log = run_for(
        "60s",
        &format!(
            "
services:
  web: {{workers: 9, endpoints: {{e: [{{call: s.e}}]}}}}
  s: {{instances: 3, discovery: {GOSSIP}, endpoints: {{e: []}}}}
workloads: {{w: {{target: web.e, arrivals: {{deterministic: {{rate: 10/s}}}}}}}}
faults: [{{at: 10s, for: 20s, pause: {{instance: s-1}}}}]
"
        ),
    );
    let &[(out, 1), (back, -1)] = &log.left_out("s")[..] else {
        panic!("{:?}", log.left_out("s"));
    };
    // Of three others, each probes it within 2 · 3 − 1 intervals.
    assert!((15_000.0..=20_000.0).contains(&out), "{out}");
    assert!((30_000.0..33_000.0).contains(&back), "{back}");
    assert_eq!(log.false_alarms("s"), 1);
    assert!(log.noticed("s").is_empty());
}

#[test]
fn a_short_pause_makes_probes_late_but_nobody_is_left_out() {
    let log = run_for(
        "60s",
        &format!(
            "
services: {{s: {{instances: 2, discovery: {CHECK}, endpoints: {{e: []}}}}}}
workloads: {{w: {{target: s.e, arrivals: {{deterministic: {{rate: 10/s}}}}}}}}
faults: [{{at: 10s, for: 3s, pause: {{instance: s-1}}}}]
"
        ),
    );
    assert_eq!(log.left_out("s"), []);
}

#[test]
fn when_nobody_is_known_a_call_fails_at_once_and_nothing_is_sent() {
    let log = run_for(
        "60s",
        &format!(
            "
network: {{within_zone: {{latency: 1ms}}}}
services: {{s: {{instances: 1, discovery: {CHECK}, endpoints: {{e: []}}}}}}
workloads: {{w: {{target: s.e, arrivals: {{deterministic: {{rate: 10/s}}}}}}}}
faults: [{{at: 10s, for: 30s, crash: {{service: s}}}}]
"
        ),
    );
    let &[(out, 1), (back, -1)] = &log.left_out("s")[..] else {
        panic!("{:?}", log.left_out("s"));
    };
    let calls = log.calls("w->s.e");
    let between: Vec<_> = calls
        .iter()
        .filter(|(began, ..)| (out..back).contains(began))
        .collect();
    assert!(between.len() > 200);
    assert!(
        between
            .iter()
            .all(|(began, ended, outcome)| { began == ended && *outcome == Unavailable })
    );
    let started = log.started("w->s.e").len();
    assert_eq!(log.attempts("w->s.e").len() + between.len(), started);
}

#[test]
fn a_partition_divides_what_is_believed_and_heals() {
    let text = |discovery: &str| {
        format!(
            "
zones: {{a: {{}}, b: {{}}}}
services:
  web: {{instances: 2, workers: 9, endpoints: {{e: [{{call: s.e}}]}}}}
  s: {{instances: 2, discovery: {discovery}, endpoints: {{e: []}}}}
workloads: {{w: {{target: web.e, arrivals: {{deterministic: {{rate: 10/s}}}}}}}}
faults: [{{at: 10s, for: 20s, partition: {{groups: [[a], [b]]}}}}]
"
        )
    };
    for discovery in [CHECK, GOSSIP] {
        let log = run_for("400s", &text(discovery));
        let changes = log.left_out("s");
        // Each of the two callers loses sight of the other side's instance, and finds it again.
        let lost: Vec<_> = changes.iter().filter(|(_, change)| *change == 1).collect();
        assert_eq!(lost.len(), 2, "{discovery}: {changes:?}");
        assert_eq!(changes.len(), 4, "{discovery}: {changes:?}");
        assert_eq!(log.false_alarms("s"), 2);
        assert!(changes.iter().all(|(at, _)| *at < 130_000.0), "{changes:?}");
    }
}
