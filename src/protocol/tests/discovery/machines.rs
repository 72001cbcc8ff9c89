//! Each machine by itself, step by step, with every time computed by hand.

use clock::{Duration, Instant};
use stormglass_protocol::discovery::*;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + s(seconds)
}

const CHECK: HealthCheckConfig = HealthCheckConfig {
    interval: Duration::from_secs(10),
    timeout: Duration::from_secs(4),
    unhealthy: 3,
    healthy: 2,
};

/// Runs a checker against an instance that answers at once while `up` says so; when it changed its
/// mind, and to what.
fn watch(mut checker: HealthChecker, first: u64, up: impl Fn(u64) -> bool) -> Vec<(u64, bool)> {
    let mut out = Vec::new();
    checker.start(at(0), s(first), &mut out);
    let mut timers = Vec::new();
    let mut changes = Vec::new();
    for now in 0..200 {
        loop {
            for action in out.split_off(0) {
                match action {
                    HealthAction::SetTimer(timer, due) => timers.push((due, timer)),
                    HealthAction::Changed(healthy) => changes.push((now, healthy)),
                    HealthAction::Probe(number) if up(now) => {
                        checker.on_answer(number, true, &mut out);
                    }
                    HealthAction::Probe(_) => {}
                }
            }
            if !out.is_empty() {
                continue;
            }
            let Some(place) = timers.iter().position(|(due, _)| *due <= at(now)) else {
                break;
            };
            let (_, timer) = timers.remove(place);
            checker.on_timer(at(now), timer, &mut out);
        }
    }
    changes
}

#[test]
fn a_checker_goes_by_failures_and_successes_in_a_row() {
    let checker = HealthChecker::new(CHECK, 0).unwrap().assured();
    // Probes at 3, 13, …. Down from 14 to 60: those of 23, 33 and 43 fail, the third at 47; those of
    // 63 and 73 succeed.
    let up = |now| !(14..60).contains(&now);
    assert_eq!(watch(checker, 3, up), [(47, false), (73, true)]);
}

#[test]
fn the_worst_case_is_unhealthy_intervals_and_a_timeout() {
    let checker = HealthChecker::new(CHECK, 0).unwrap().assured();
    // Down right after the probe of 20 was answered: 30 s for the third, and 4 s.
    let changes = watch(checker, 0, |now| now <= 20);
    assert_eq!(changes, [(20 + 3 * 10 + 4, false)]);
}

#[test]
fn a_success_in_between_begins_the_count_anew() {
    let checker = HealthChecker::new(CHECK, 0).unwrap().assured();
    let up = |now| !matches!(now, 10 | 20 | 40 | 50);
    assert_eq!(watch(checker, 0, up), []);
}

#[test]
fn the_first_outcome_of_a_new_checker_decides_alone() {
    let checker = HealthChecker::new(CHECK, 0).unwrap();
    assert!(checker.is_healthy());
    let changes = watch(checker, 0, |now| now >= 5);
    assert_eq!(changes, [(4, false), (20, true)]);
}

#[test]
fn an_answer_to_an_older_probe_says_nothing() {
    let mut checker = HealthChecker::new(CHECK, 7).unwrap();
    let mut out = Vec::new();
    checker.on_timer(at(0), HealthTimer::Probe, &mut out);
    assert_eq!(out[0], HealthAction::Probe(8));
    out.clear();
    checker.on_answer(7, false, &mut out);
    checker.on_timer(at(4), HealthTimer::Timeout(9), &mut out);
    assert_eq!(out, []);
    checker.on_answer(8, false, &mut out);
    assert_eq!(out, [HealthAction::Changed(false)]);
}

#[test]
fn configurations_that_make_no_sense_are_refused() {
    let zero = HealthCheckConfig {
        unhealthy: 0,
        ..CHECK
    };
    let refused = HealthChecker::new(zero, 0).unwrap_err();
    assert_eq!(refused.to_string(), "unhealthy is zero; it must be more");
    let long = HealthCheckConfig {
        timeout: s(11),
        ..CHECK
    };
    let refused = HealthChecker::new(long, 0).unwrap_err();
    assert_eq!(refused.to_string(), "timeout is longer than interval");
    let share = RegistryConfig {
        self_preservation: 1.5,
        ..EUREKA
    };
    assert!(Registry::new(share, at(0), s(60)).is_err());
}

const EUREKA: RegistryConfig = RegistryConfig {
    self_preservation: 0.85,
    eviction: Duration::from_secs(60),
    silence: Duration::from_secs(300),
};

const TERMS: Terms = Terms {
    heartbeat: Duration::from_secs(30),
    expiry: Duration::from_secs(90),
};

/// `instances` register at 0 and renew every 30 s, the first `dead` of them until `last` only; who was
/// evicted when, up to 600 s.
fn evictions(config: RegistryConfig, instances: u32, dead: u32, last: u64) -> Vec<(u64, u32)> {
    let mut registry = Registry::new(config, at(0), s(60)).unwrap();
    for instance in 0..instances {
        registry.register(at(0), instance, TERMS);
    }
    let mut evicted = Vec::new();
    for now in (30..=600).step_by(30) {
        if registry.due() <= at(now) {
            let mut out = Vec::new();
            registry.evict(at(now), &mut || 0, &mut out);
            evicted.extend(out.into_iter().map(|instance| (now, instance)));
        }
        for instance in 0..instances {
            if instance >= dead || now <= last {
                assert!(registry.renew(at(now), instance), "{instance} at {now}");
            }
        }
    }
    evicted
}

#[test]
fn a_renewed_lease_ends_twice_its_expiry_after_the_last_renewal() {
    // Renewed last at 60: it lives to 240, and 240 is not past that: the eviction of 300 takes it.
    assert_eq!(evictions(EUREKA, 10, 1, 60), [(300, 0)]);
    // Renewed last at 30: to 210.
    assert_eq!(evictions(EUREKA, 10, 1, 30), [(240, 0)]);
}

#[test]
fn a_lease_that_was_never_renewed_ends_after_one_expiry() {
    assert_eq!(evictions(EUREKA, 10, 1, 0), [(120, 0)]);
}

#[test]
fn with_the_defaults_seven_instances_are_needed_to_lose_one() {
    // 2 · 7 · 85 % = 11.9, rounded down: 12 renewals are more than 11. 2 · 6 · 85 % = 10.2: 10 are not
    // more than 10.
    assert_eq!(evictions(EUREKA, 7, 1, 0), [(120, 0)]);
    assert_eq!(evictions(EUREKA, 6, 1, 0), []);
    let never = RegistryConfig {
        self_preservation: 0.0,
        ..EUREKA
    };
    assert_eq!(evictions(never, 6, 1, 0), [(120, 0)]);
    assert_eq!(evictions(never, 2, 2, 0), [(120, 0), (120, 1)]);
}

#[test]
fn one_run_evicts_no_more_than_the_share_that_may_be_missing() {
    // Of 20, two are dead: 36 renewals are more than 34, and 20 − 17 may go. Of 40 with five dead, 70
    // are more than 68, and all five may go (40 − 34).
    assert_eq!(evictions(EUREKA, 20, 2, 0).len(), 2);
    let five = evictions(EUREKA, 40, 5, 0);
    assert!(five.len() == 5 && five.iter().all(|(now, _)| *now == 120));
    // A share of 50 %: of four, two dead: 4 renewals are not more than 4.
    let half = RegistryConfig {
        self_preservation: 0.5,
        ..EUREKA
    };
    assert_eq!(evictions(half, 4, 2, 0), []);
    // Of five, two dead: 6 are more than 5, and 5 − 2 may go.
    assert_eq!(evictions(half, 5, 2, 0).len(), 2);
}

#[test]
fn an_eviction_that_comes_late_gives_the_delay_to_every_lease() {
    let open = RegistryConfig {
        self_preservation: 0.0,
        ..EUREKA
    };
    let mut registry = Registry::new(open, at(0), s(60)).unwrap();
    registry.register(at(0), 1, TERMS);
    let mut out = Vec::new();
    // 60 s late: the lease of 90 s lives for 150.
    registry.evict(at(120), &mut || 0, &mut out);
    assert_eq!(out, []);
    assert_eq!(registry.due(), at(180));
    registry.evict(at(180), &mut || 0, &mut out);
    assert_eq!(out, [1]);
}

#[test]
fn a_registry_that_starts_is_silent_and_knows_nobody() {
    let mut registry = Registry::new(EUREKA, at(100), s(60)).unwrap();
    assert!(!registry.speaks(at(399)) && registry.speaks(at(400)));
    assert!(!registry.renew(at(101), 4));
    registry.register(at(101), 4, TERMS);
    assert!(registry.renew(at(131), 4));
    assert_eq!(registry.instances().collect::<Vec<_>>(), [4]);
    let settled = Registry::new(EUREKA, at(100), s(60)).unwrap().settled();
    assert!(settled.speaks(at(100)));
}

#[test]
fn a_minute_without_a_word_counts_as_none() {
    let mut registry = Registry::new(EUREKA, at(0), s(60)).unwrap();
    for instance in 0..10 {
        registry.register(at(0), instance, TERMS);
        assert!(registry.renew(at(50), instance));
        assert!(registry.renew(at(55), instance));
    }
    registry.evict(at(60), &mut || 0, &mut Vec::new());
    assert!(!registry.is_preserving());
    // The next look is two minutes later: in the last full one nobody spoke.
    registry.evict(at(200), &mut || 0, &mut Vec::new());
    assert!(registry.is_preserving());
}

#[test]
fn a_subscriber_asks_the_others_once_each_and_stays_with_who_answered() {
    let config = SubscriberConfig {
        refresh: s(30),
        timeout: s(5),
        registries: 3,
    };
    let mut subscriber = Subscriber::new(config, 0).unwrap();
    let mut out = Vec::new();
    let asked = |out: &mut Vec<SubscriberAction>| -> Vec<(u32, u64)> {
        let asked = out.drain(..).filter_map(|action| match action {
            SubscriberAction::Fetch { registry, number } => Some((registry, number)),
            SubscriberAction::SetTimer(..) => None,
        });
        asked.collect()
    };
    subscriber.on_timer(at(0), SubscriberTimer::Refresh, &mut out);
    assert_eq!(
        out,
        [
            SubscriberAction::Fetch {
                registry: 0,
                number: 1
            },
            SubscriberAction::SetTimer(SubscriberTimer::Timeout(1), at(5)),
            SubscriberAction::SetTimer(SubscriberTimer::Refresh, at(30)),
        ]
    );
    out.clear();
    subscriber.on_failed(at(1), 1, &mut out);
    assert_eq!(asked(&mut out), [(1, 2)]);
    // The answer of the first comes too late.
    assert!(!subscriber.on_list(1));
    assert!(subscriber.on_list(2));
    subscriber.on_timer(at(6), SubscriberTimer::Timeout(2), &mut out);
    assert_eq!(asked(&mut out), []);
    subscriber.on_timer(at(30), SubscriberTimer::Refresh, &mut out);
    assert_eq!(asked(&mut out), [(1, 3)]);
    for (number, next) in [(3, vec![(2, 4)]), (4, vec![(0, 5)]), (5, vec![])] {
        subscriber.on_timer(at(40), SubscriberTimer::Timeout(number), &mut out);
        assert_eq!(asked(&mut out), next);
    }
}
