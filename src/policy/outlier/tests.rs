//! Ejection at its edges, and against one that looks at every interval with all its history.

use super::*;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn s(n: u64) -> Instant {
    Instant::from_nanos(n * SECOND)
}

/// A run of five errors of one instance.
fn fail(detector: &mut OutlierDetector, now: Instant, instance: u32) {
    for _ in 0..5 {
        detector.record(now, instance, Outcome::Error);
    }
}

/// `total` requests of one instance of which the first ones fail, never five of them in a row.
fn load(detector: &mut OutlierDetector, now: Instant, instance: u32, total: u32, failed: u32) {
    for i in 0..total {
        let bad = i * failed / total != (i + 1) * failed / total;
        let outcome = if bad {
            Outcome::Timeout
        } else {
            Outcome::Success
        };
        detector.record(now, instance, outcome);
    }
}

fn detector(instances: u32) -> OutlierDetector {
    OutlierDetector::new(&OutlierConfig::default(), instances)
}

#[test]
fn five_failures_in_a_row_eject_for_the_base_time_and_till_the_next_look() {
    let mut detector = detector(10);
    for outcome in [Outcome::Error, Outcome::Timeout, Outcome::Unavailable] {
        detector.record(s(1), 3, outcome);
    }
    detector.record(s(1), 3, Outcome::Rejected);
    for _ in 0..4 {
        detector.record(s(2), 3, Outcome::Error);
        assert_eq!(detector.usable(s(2)), Usable::All);
    }
    detector.record(s(2), 3, Outcome::Error);
    assert_eq!(detector.ejected(), 1);
    assert!(detector.is_ejected(3));
    assert_eq!(
        detector.usable(s(2)),
        Usable::Some(&[0, 1, 2, 4, 5, 6, 7, 8, 9])
    );
    // 30 s after 2 s is 32 s; the next look is at 40 s.
    assert!(matches!(detector.usable(s(39)), Usable::Some(_)));
    assert_eq!(detector.usable(s(40)), Usable::All);
    assert_eq!(detector.ejected(), 0);
}

#[test]
fn answers_of_an_instance_in_good_health_are_no_failures() {
    let mut detector = detector(3);
    for outcome in [
        Outcome::Rejected,
        Outcome::Conflict,
        Outcome::Aborted,
        Outcome::Degraded,
    ] {
        for _ in 0..10 {
            detector.record(s(1), 0, outcome);
        }
    }
    assert_eq!(detector.ejected(), 0);
}

#[test]
fn each_ejection_is_longer_up_to_the_maximum_and_health_shortens_it_again() {
    let mut detector = detector(10);
    let mut now = 0;
    // 30 s, 60 s, …, 300 s, and no longer after that.
    for k in 1..=12 {
        fail(&mut detector, s(now), 0);
        let lasts = (30 * k).min(300);
        detector.usable(s(now + lasts - 1));
        assert!(detector.is_ejected(0), "ejection {k}");
        now += lasts;
        detector.usable(s(now));
        assert!(!detector.is_ejected(0), "ejection {k}");
    }
    // The product may pass the maximum once: eleven steps. Ten intervals in health leave one, to
    // which the next ejection adds one.
    now += 100;
    fail(&mut detector, s(now), 0);
    detector.usable(s(now + 59));
    assert!(detector.is_ejected(0));
    detector.usable(s(now + 60));
    assert!(!detector.is_ejected(0));
}

#[test]
fn one_may_always_be_ejected_and_no_more_than_the_share() {
    let mut three = detector(3);
    fail(&mut three, s(1), 0);
    fail(&mut three, s(1), 1);
    assert_eq!(three.ejected(), 1);
    let mut twenty = detector(20);
    for instance in 0..4 {
        fail(&mut twenty, s(1), instance);
    }
    assert_eq!(twenty.ejected(), 2);
    // A run that came when there was no room is over: it takes a whole new one.
    twenty.usable(s(40));
    assert_eq!(twenty.ejected(), 0);
    twenty.record(s(40), 2, Outcome::Error);
    assert_eq!(twenty.ejected(), 0);
}

#[test]
fn failures_during_an_ejection_are_forgotten_at_its_end() {
    let mut detector = detector(10);
    fail(&mut detector, s(0), 0);
    for _ in 0..9 {
        detector.record(s(5), 0, Outcome::Error);
    }
    detector.record(s(30), 0, Outcome::Error);
    assert!(!detector.is_ejected(0));
    for _ in 0..4 {
        detector.record(s(31), 0, Outcome::Error);
    }
    assert!(detector.is_ejected(0));
}

#[test]
fn with_less_than_half_of_the_instances_left_everybody_is_used() {
    let all = OutlierConfig {
        max_ejection: 1.0,
        ..OutlierConfig::default()
    };
    let mut detector = OutlierDetector::new(&all, 4);
    for instance in 0..2 {
        fail(&mut detector, s(1), instance);
    }
    assert_eq!(detector.usable(s(1)), Usable::Some(&[2, 3]));
    fail(&mut detector, s(1), 2);
    assert_eq!(detector.ejected(), 3);
    assert_eq!(detector.usable(s(1)), Usable::All);
    let mut alone = OutlierDetector::new(&all, 1);
    fail(&mut alone, s(1), 0);
    assert_eq!(alone.usable(s(1)), Usable::All);
}

#[test]
fn those_that_are_known_are_used_unless_too_many_of_them_are_ejected() {
    let all = OutlierConfig {
        max_ejection: 1.0,
        ..OutlierConfig::default()
    };
    let mut detector = OutlierDetector::new(&all, 6);
    assert_eq!(
        detector.usable_among(s(0), Usable::Some(&[1, 2])),
        Usable::Some(&[1, 2])
    );
    for instance in [1, 2] {
        fail(&mut detector, s(1), instance);
    }
    assert_eq!(
        detector.usable_among(s(1), Usable::All),
        Usable::Some(&[0, 3, 4, 5])
    );
    for (known, usable) in [
        (&[2, 4][..], &[4][..]),
        (&[1, 2, 4], &[1, 2, 4]),
        (&[1], &[1]),
        (&[], &[]),
        (&[3, 5], &[3, 5]),
    ] {
        assert_eq!(
            detector.usable_among(s(1), Usable::Some(known)),
            Usable::Some(usable)
        );
    }
}

#[test]
fn the_example_of_the_source_ejects_the_one_at_half() {
    let rates = [50.0, 100.0, 100.0, 100.0, 100.0];
    assert_eq!(threshold(rates.into_iter(), 1.9), Some((90.0, 52.0)));
    for (hosts, volume, ejected) in [(5, 100, 1), (4, 100, 0), (5, 99, 0)] {
        let mut detector = detector(hosts);
        for instance in 0..hosts {
            let failed = if instance == 2 { volume / 2 } else { 0 };
            load(&mut detector, s(3), instance, volume, failed);
        }
        detector.usable(Instant::from_nanos(10 * SECOND - 1));
        assert_eq!(detector.ejected(), 0, "the interval is not over");
        detector.usable(s(10));
        assert_eq!(detector.ejected(), ejected, "{hosts} hosts of {volume}");
        assert_eq!(detector.is_ejected(2), ejected == 1);
    }
}

#[test]
fn each_interval_is_judged_by_itself() {
    let mut detector = detector(5);
    for interval in [3, 13] {
        for instance in 0..5 {
            let failed = if instance == 2 { 30 } else { 0 };
            load(&mut detector, s(interval), instance, 60, failed);
        }
    }
    detector.usable(s(20));
    assert_eq!(detector.ejected(), 0, "60 requests are not 100");
}

#[test]
fn a_share_of_failures_ejects_from_its_threshold_on() {
    let by_share = OutlierConfig {
        success_rate: None,
        failure_percentage: Some(0.85),
        consecutive: None,
        ..OutlierConfig::default()
    };
    for (hosts, volume, failed, ejected) in [
        (5, 100, 85, 1),
        (5, 100, 84, 0),
        (4, 100, 85, 0),
        (5, 50, 43, 1),
        (5, 49, 49, 0),
    ] {
        let mut detector = OutlierDetector::new(&by_share, hosts);
        for instance in 0..hosts {
            let failed = if instance == 0 { failed } else { 0 };
            load(&mut detector, s(3), instance, volume, failed);
        }
        detector.usable(s(10));
        assert_eq!(
            detector.ejected(),
            ejected,
            "{failed} of {volume}, {hosts} hosts"
        );
    }
}

#[test]
fn an_unknown_instance_is_nobody() {
    let mut detector = detector(2);
    fail(&mut detector, s(1), 2);
    fail(&mut detector, s(1), u32::MAX);
    assert_eq!(detector.usable(s(1)), Usable::All);
    assert!(!detector.is_ejected(2));
}

/// The detector with a timer: it looks at every interval, one by one, and counts anew.
struct Plain {
    config: OutlierConfig,
    looked: u64,
    hosts: Vec<PlainHost>,
}

#[derive(Clone, Default)]
struct PlainHost {
    /// Everything that was heard of it: when, and whether it failed.
    heard: Vec<(u64, bool)>,
    /// The failures in a row that count.
    row: u32,
    backoff: u64,
    ejected: Option<u64>,
    unejected: Option<u64>,
}

impl Plain {
    fn look_up_to(&mut self, now: u64) {
        let interval = self.config.interval.as_nanos();
        while self.looked + interval <= now {
            let from = self.looked;
            self.looked += interval;
            self.look(from, self.looked);
        }
    }

    fn look(&mut self, from: u64, at: u64) {
        let base = self.config.base_ejection_time.as_nanos();
        let max = self.config.max_ejection_time.as_nanos();
        for host in &mut self.hosts {
            if let Some(ejected) = host.ejected
                && (base * host.backoff).min(max) <= at - ejected
            {
                host.ejected = None;
                host.unejected = Some(at);
                host.row = 0;
            }
        }
        let volume = |host: &PlainHost| {
            let heard = host.heard.iter().filter(|h| (from..at).contains(&h.0));
            heard.fold((0u32, 0u32), |(n, bad), h| (n + 1, bad + u32::from(h.1)))
        };
        let judged = |hosts: &[PlainHost], volumes: u32| -> Vec<(usize, f64)> {
            let able = hosts
                .iter()
                .enumerate()
                .filter(|(_, h)| h.ejected.is_none());
            able.map(|(i, h)| (i, volume(h)))
                .filter(|(_, (n, _))| *n >= volumes)
                .map(|(i, (n, bad))| (i, f64::from(n - bad) * 100.0 / f64::from(n)))
                .collect()
        };
        if let Some(by) = self.config.success_rate {
            let rates = judged(&self.hosts, by.request_volume);
            if rates.len() >= by.minimum_hosts as usize && !rates.is_empty() {
                let n = rates.len() as f64;
                let mean = rates.iter().map(|r| r.1).sum::<f64>() / n;
                let squares: f64 = rates.iter().map(|r| (r.1 - mean).powi(2)).sum();
                let threshold = mean - by.factor * (squares / n).sqrt();
                for (i, rate) in rates {
                    if rate < threshold {
                        self.eject(i, at);
                    }
                }
            }
        }
        if let Some(share) = self.config.failure_percentage {
            let rates = judged(&self.hosts, 50);
            if rates.len() >= 5 {
                for (i, rate) in rates {
                    if 100.0 - rate >= 100.0 * share {
                        self.eject(i, at);
                    }
                }
            }
        }
        let interval = self.config.interval.as_nanos();
        for host in &mut self.hosts {
            if host.ejected.is_none()
                && let Some(unejected) = host.unejected
                && at - unejected >= interval
            {
                host.backoff = host.backoff.saturating_sub(1);
            }
        }
    }

    fn record(&mut self, now: u64, instance: usize, failed: bool) {
        self.look_up_to(now);
        let host = &mut self.hosts[instance];
        host.heard.push((now, failed));
        host.row = if failed { host.row + 1 } else { 0 };
        if Some(host.row) == self.config.consecutive && host.ejected.is_none() {
            host.row = 0;
            self.eject(instance, now);
        }
    }

    fn eject(&mut self, instance: usize, at: u64) {
        let out = self.hosts.iter().filter(|h| h.ejected.is_some()).count();
        let percent = 100.0 * (out + 1) as f64 / self.hosts.len() as f64;
        if out > 0 && percent > self.config.max_ejection * 100.0 {
            return;
        }
        let base = self.config.base_ejection_time.as_nanos();
        let max = self.config.max_ejection_time.as_nanos();
        let host = &mut self.hosts[instance];
        host.ejected = Some(at);
        if host.backoff * base < max + base {
            host.backoff += 1;
        }
    }
}

/// None, short ones, and rests of many intervals.
fn pauses() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0u64), 3 => 0u64..30, 1 => 0u64..400]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn it_ejects_as_one_with_a_timer(
        consecutive in prop::option::of(2u32..6),
        base in 5u64..60,
        longest in 1u64..6,
        max_ejection in prop::sample::select(vec![0.0, 0.25, 0.5, 1.0]),
        success_rate in prop::option::of((0.5..2.0f64, 1u32..5, 1u32..30)),
        failure_percentage in prop::option::of(prop::sample::select(vec![0.5, 0.75, 1.0])),
        instances in 1u32..9,
        steps in prop::collection::vec((pauses(), any::<u32>(), 0u32..300, 0u32..5), 1..60),
    ) {
        let ns = Duration::from_nanos;
        let config = OutlierConfig {
            consecutive,
            interval: ns(20),
            base_ejection_time: ns(base),
            max_ejection_time: ns(base * longest),
            max_ejection,
            success_rate: success_rate.map(|(factor, minimum_hosts, request_volume)| SuccessRate {
                factor,
                minimum_hosts,
                request_volume,
            }),
            failure_percentage,
        };
        let mut detector = OutlierDetector::new(&config, instances);
        let hosts = vec![PlainHost::default(); instances as usize];
        let mut plain = Plain { config, looked: 0, hosts };
        let mut now = 0;
        for (pause, who, requests, quality) in steps {
            now += pause;
            for n in 0..requests {
                let instance = who.wrapping_add(n * (who % 3)) % instances;
                let failed = (who / 7 + n) % 5 < quality;
                let outcome = if failed { Outcome::Error } else { Outcome::Success };
                detector.record(Instant::from_nanos(now), instance, outcome);
                plain.record(now, instance as usize, failed);
            }
            plain.look_up_to(now);
            let healthy: Vec<u32> =
                (0..instances).filter(|&i| plain.hosts[i as usize].ejected.is_none()).collect();
            let usable = detector.usable(Instant::from_nanos(now));
            if healthy.len() == instances as usize || 2 * healthy.len() < instances as usize {
                prop_assert_eq!(usable, Usable::All);
            } else {
                prop_assert_eq!(usable, Usable::Some(&healthy));
            }
            prop_assert_eq!(detector.ejected() as usize, instances as usize - healthy.len());
            for (host, plain) in detector.hosts.iter().zip(&plain.hosts) {
                prop_assert_eq!(u64::from(host.multiplier), plain.backoff);
            }
        }
    }
}
