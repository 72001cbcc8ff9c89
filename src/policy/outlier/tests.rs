//! Ejection at its edges, and against one that looks at every interval.

use super::*;

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

#[test]
fn five_failures_in_a_row_eject_for_the_base_time_and_till_the_next_look() {
    let mut detector = OutlierDetector::new(&OutlierConfig::default(), 10);
    for outcome in [Outcome::Error, Outcome::Timeout, Outcome::Unavailable] {
        detector.record(s(1), 3, outcome);
    }
    detector.record(s(1), 3, Outcome::Rejected);
    fail(&mut detector, s(2), 3);
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
fn the_example_of_the_source_has_its_mean_and_its_threshold() {
    let rates = [50.0, 100.0, 100.0, 100.0, 100.0];
    assert_eq!(threshold(rates.into_iter(), 1.9), Some((90.0, 52.0)));
}
