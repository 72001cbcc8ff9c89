//! backon beside our own retries.

use crate::driver::{Dice, custom, delays, difference, ms, run};
use clock::Duration;
use policy::Outcome;
use policy::config::{Backoff, Jitter, LayerConfig, RetryConfig, Role};
use policy::custom::Setting;
use proptest::prelude::*;

fn retry(attempts: u32, backoff: Backoff) -> RetryConfig {
    RetryConfig {
        attempts,
        backoff,
        ..RetryConfig::default()
    }
}

fn exponential(initial: Duration, factor: f64, max: Duration) -> Backoff {
    Backoff::Exponential {
        initial,
        factor,
        max,
    }
}

fn backon(retry: RetryConfig, with: &[(&str, Setting)]) -> LayerConfig {
    custom("backon", Role::Retry(retry), with)
}

fn fails(_: usize, _: u8) -> (Duration, Outcome) {
    (Duration::ZERO, Outcome::Error)
}

const JITTER: (&str, Setting) = ("jitter", Setting::Flag(true));

#[test]
fn it_stops_at_the_attempts_and_after_what_is_not_retried_on() {
    let layer = || backon(retry(3, Backoff::Constant(ms(20))), &[]);
    assert_eq!(delays(&run(layer(), &[ms(0)], fails)), [ms(20), ms(20)]);
    let refused = |_, _| (Duration::ZERO, Outcome::Rejected);
    assert_eq!(delays(&run(layer(), &[ms(0)], refused)), []);
}

/// Departure: a Fibonacci back-off stops growing once it has passed the `max`: 5 s and 3 s are 8 s,
/// though 6 s is the most.
#[test]
fn a_fibonacci_backoff_adds_the_last_two_delays_and_passes_the_most_once() {
    let with = [("fibonacci", Setting::Flag(true))];
    let backoff = exponential(ms(1000), 2.0, ms(6000));
    let log = run(backon(retry(8, backoff), &with), &[ms(0)], fails);
    let seconds: Vec<f64> = delays(&log).iter().map(|d| d.as_secs_f64()).collect();
    assert_eq!(seconds, [1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 8.0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_constant_backoff_is_our_own(seed: u64, attempts in 1u32..6, delay in 0u64..5_000_000_000) {
        let mut dice = Dice(seed);
        let ends: Vec<Outcome> = (0..200).map(|_| Outcome::ALL[(dice.roll() % 8) as usize]).collect();
        let arrivals: Vec<Duration> = (0..40).map(|n| ms(n * 500)).collect();
        let retry = retry(attempts, Backoff::Constant(Duration::from_nanos(delay)));
        let run = |layer| run(layer, &arrivals, |call, attempt| {
            (ms(7), ends[call * 5 + usize::from(attempt)])
        });
        let ours = run(LayerConfig::Retry(retry.clone()));
        prop_assert_eq!(difference(&ours, &run(backon(retry, &[]))), None);
    }

    /// Departure: an exponential back-off is computed in seconds of 32 bits, with a relative error of
    /// 2^-24 for each step.
    #[test]
    fn an_exponential_backoff_is_our_own_within_its_rounding(
        initial in 1u64..1_000_000_000,
        factor in 1.0f32..3.0,
        max in 1_000_000_000u64..100_000_000_000,
    ) {
        let (initial, max) = (Duration::from_nanos(initial), Duration::from_nanos(max));
        let retry = retry(12, exponential(initial, f64::from(factor), max));
        let ours = delays(&run(LayerConfig::Retry(retry.clone()), &[ms(0)], fails));
        let theirs = delays(&run(backon(retry, &[]), &[ms(0)], fails));
        prop_assert_eq!(ours.len(), theirs.len());
        for (step, (ours, theirs)) in ours.into_iter().zip(theirs).enumerate() {
            let (ours, theirs) = (ours.as_nanos() as f64, theirs.as_nanos() as f64);
            // Three roundings a step: to 32 bits, of the product, and to nanoseconds.
            let bound = 3.0 * step as f64 * (ours * 2f64.powi(-24) + 1.0);
            prop_assert!((ours - theirs).abs() <= bound, "step {step}: {ours} and {theirs}");
        }
    }
}

/// 0.1 s of 32 bits is 100.0000015 ms.
#[test]
fn twice_fifty_milliseconds_is_a_nanosecond_more_than_a_hundred() {
    let retry = retry(3, exponential(ms(50), 2.0, ms(1000)));
    let log = run(backon(retry, &[]), &[ms(0)], fails);
    let nanos: Vec<u64> = delays(&log).iter().map(|d| d.as_nanos()).collect();
    assert_eq!(nanos, [50_000_000, 100_000_001]);
}

/// Departure: its jitter adds up to the whole delay, so that delays are 1.5 times as long on
/// average and may be twice the `max`; full jitter of the same settings halves them.
#[test]
fn jitter_only_makes_delays_longer() {
    let backoff = exponential(ms(1000), 2.0, ms(1000));
    let retry = retry(256, backoff);
    let log = run(backon(retry.clone(), &[JITTER]), &[ms(0)], fails);
    let jittered = delays(&log);
    assert_eq!(jittered.len(), 255);
    assert!(jittered.iter().all(|d| *d >= ms(1000) && *d < ms(2000)));
    let mean = |delays: &[Duration]| {
        delays.iter().map(|d| d.as_secs_f64()).sum::<f64>() / delays.len() as f64
    };
    // Five standard errors of a uniform draw of width 1 s.
    let tolerance = 5.0 / (12.0 * 255.0f64).sqrt();
    assert!(
        (mean(&jittered) - 1.5).abs() < tolerance,
        "{}",
        mean(&jittered)
    );
    let full = RetryConfig {
        jitter: Jitter::Full,
        ..retry
    };
    let ours = delays(&run(LayerConfig::Retry(full), &[ms(0)], fails));
    assert!((mean(&ours) - 0.5).abs() < tolerance, "{}", mean(&ours));
}

#[test]
fn each_call_has_a_jitter_of_its_own_that_repeats() {
    let layer = || backon(retry(2, Backoff::Constant(ms(1000))), &[JITTER]);
    let one = |at: u64| delays(&run(layer(), &[ms(at)], fails));
    assert_eq!(one(0), one(5), "the same draws");
    let log = run(layer(), &[ms(0), ms(0)], fails);
    let ends: Vec<_> = log.iter().filter(|entry| entry.0.as_nanos() > 0).collect();
    assert_ne!(ends.first().map(|e| e.0), ends.last().map(|e| e.0));
}
