//! The AWS SDKs' retries beside our own.

use crate::driver::{Dice, attempts, custom, delays, difference, ms, run};
use clock::Duration;
use policy::Outcome;
use policy::config::{Backoff, Jitter, LayerConfig, RetryBudget, RetryConfig, Role};
use proptest::prelude::*;

/// The quota of the SDKs before 2026.
fn quota(capacity: f64) -> RetryBudget {
    RetryBudget::Aws {
        capacity,
        cost: 5.0,
        timeout_cost: 10.0,
        throttled_cost: 5.0,
    }
}

fn retry(attempts: u32, budget: Option<RetryBudget>) -> RetryConfig {
    RetryConfig {
        attempts,
        backoff: Backoff::Exponential {
            initial: ms(1000),
            factor: 2.0,
            max: ms(20_000),
        },
        jitter: Jitter::None,
        retry_on: Outcome::FAILURES.into_iter().collect(),
        budget,
        ..RetryConfig::default()
    }
}

fn aws(retry: RetryConfig) -> LayerConfig {
    custom("aws_smithy", Role::Retry(retry), &[])
}

fn fails(_: usize, _: u8) -> (Duration, Outcome) {
    (Duration::ZERO, Outcome::Error)
}

#[test]
fn delays_double_from_the_initial_one_to_the_most() {
    let log = run(aws(retry(8, None)), &[ms(0)], fails);
    let seconds: Vec<f64> = delays(&log).iter().map(|d| d.as_secs_f64()).collect();
    assert_eq!(seconds, [1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]);
}

#[test]
fn full_jitter_is_uniform_up_to_the_delay() {
    let full = RetryConfig {
        jitter: Jitter::Full,
        ..retry(2, None)
    };
    let arrivals: Vec<Duration> = (0..400).map(|n| ms(n * 10_000)).collect();
    let log = run(aws(full), &arrivals, fails);
    let spans: Vec<f64> = delays(&log)
        .iter()
        .step_by(2)
        .map(|d| d.as_secs_f64())
        .collect();
    assert!(spans.iter().all(|s| (0.0..1.0).contains(s)));
    let mean = spans.iter().sum::<f64>() / 400.0;
    // Five standard errors.
    assert!(
        (mean - 0.5).abs() < 5.0 / (12.0 * 400.0f64).sqrt(),
        "{mean}"
    );
}

#[test]
fn a_quota_bounds_the_retries_of_all_calls() {
    // 500 tokens pay 100 retries of 5, or 50 after timeouts.
    let arrivals: Vec<Duration> = (0..300).map(|n| ms(n * 10_000)).collect();
    let retries = |outcome| {
        let log = run(aws(retry(2, Some(quota(500.0)))), &arrivals, |_, _| {
            (Duration::ZERO, outcome)
        });
        let (calls, sent) = attempts(&log);
        sent - calls
    };
    assert_eq!(retries(Outcome::Error), 100);
    assert_eq!(retries(Outcome::Timeout), 50);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where no call fails that had a retry, it decides as our own, which follows the SDKs'
    /// specification.
    #[test]
    fn where_retries_succeed_it_is_our_own(seed: u64, capacity in 0u32..60) {
        let mut dice = Dice(seed);
        let first: Vec<Outcome> = (0..200).map(|_| match dice.roll() % 4 {
            0 => Outcome::Timeout,
            1 => Outcome::Error,
            2 => Outcome::Rejected,
            _ => Outcome::Success,
        }).collect();
        // Longer than the delay of a call.
        let arrivals: Vec<Duration> = (0..200).map(|n| ms(n * 10_000)).collect();
        let retry = retry(2, Some(quota(f64::from(capacity))));
        let run = |layer| run(layer, &arrivals, |call, attempt| match attempt {
            0 => (ms(3), first[call]),
            _ => (ms(3), Outcome::Success),
        });
        let ours = run(LayerConfig::Retry(retry.clone()));
        prop_assert_eq!(difference(&ours, &run(aws(retry))), None);
    }
}

/// Departure: what a call's last retry has taken waits, for whichever call succeeds next, although
/// the call itself has failed. With a quota of 5, every other call failing for good, and a success
/// in between, the specification pays 10 retries of 50 failures: 5 tokens first, and 5 again after
/// five successes each. The SDK pays all 50.
#[test]
fn a_success_gives_back_what_a_failed_call_took() {
    let arrivals: Vec<Duration> = (0..100).map(|n| ms(n * 10_000)).collect();
    let retries = |layer| {
        let log = run(layer, &arrivals, |call, _| match call.is_multiple_of(2) {
            true => (Duration::ZERO, Outcome::Error),
            false => (Duration::ZERO, Outcome::Success),
        });
        let (calls, sent) = attempts(&log);
        sent - calls
    };
    let retry = retry(2, Some(quota(5.0)));
    assert_eq!(retries(LayerConfig::Retry(retry.clone())), 10);
    assert_eq!(retries(aws(retry)), 50);
}
