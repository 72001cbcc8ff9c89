//! failsafe beside our own breaker.

use crate::driver::{Dice, attempts, custom, difference, ms, run, run_to_state};
use clock::{Duration, Instant};
use policy::config::{BreakerConfig, LayerConfig, Role, Window};
use policy::custom::Setting;
use policy::{Action, Outcome};
use proptest::prelude::*;

fn consecutive(failures: u32, open_for: Duration) -> BreakerConfig {
    BreakerConfig {
        window: Window::Consecutive(failures),
        open_for,
        ..BreakerConfig::default()
    }
}

fn failsafe(config: BreakerConfig) -> LayerConfig {
    custom("failsafe", Role::CircuitBreaker(config), &[])
}

/// The times at which calls were let through.
fn sent(log: &[(Instant, usize, Action)]) -> Vec<Instant> {
    let sent = log
        .iter()
        .filter(|entry| matches!(entry.2, Action::Send(_)));
    sent.map(|entry| entry.0).collect()
}

#[test]
fn it_opens_after_failures_in_a_row_and_probes_after_its_time() {
    let arrivals: Vec<Duration> = (0..40).map(|n| ms(n * 1000)).collect();
    let layer = failsafe(consecutive(3, Duration::from_secs(10)));
    // The callee recovers at 20 s.
    let log = run(layer, &arrivals, |call, _| match call {
        0..20 => (ms(1), Outcome::Error),
        _ => (ms(1), Outcome::Success),
    });
    // It opens at 2.001 s; a probe at 13 s fails at 13.001 s; one at 24 s succeeds.
    let let_through = [0, 1, 2, 13].into_iter().chain(24..40);
    let expected: Vec<Instant> = let_through.map(|s| Instant::ZERO + ms(s * 1000)).collect();
    assert_eq!(sent(&log), expected);
}

#[test]
fn an_exponential_backoff_doubles_up_to_its_most() {
    let role = Role::CircuitBreaker(consecutive(1, Duration::from_secs(1)));
    let with = [
        ("backoff", Setting::Text("exponential".into())),
        ("max_open_for", Setting::Duration(Duration::from_secs(5))),
    ];
    let arrivals: Vec<Duration> = (0..200).map(|n| ms(n * 100)).collect();
    let log = run(custom("failsafe", role, &with), &arrivals, |_, _| {
        (Duration::ZERO, Outcome::Error)
    });
    // Open for 1, 2, 4, 5, 5 s, each time until the first call strictly after it.
    let expected = [0, 1100, 3200, 7300, 12_400, 17_500].map(|at| Instant::ZERO + ms(at));
    assert_eq!(sent(&log), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// One call after the other, failsafe with failures in a row is our own breaker with one probe.
    #[test]
    fn one_at_a_time_it_is_our_own(seed: u64, failures in 1u32..6, open_for in 1u64..20_000) {
        let mut dice = Dice(seed);
        let mut at = 0;
        let arrivals: Vec<Duration> = (0..300).map(|_| {
            at += 1 + dice.roll() % 2000;
            ms(at)
        }).collect();
        let ends: Vec<Outcome> = (0..300)
            .map(|_| if dice.roll() % 10 < 6 { Outcome::Error } else { Outcome::Success })
            .collect();
        let config = consecutive(failures, ms(open_for));
        let ours = BreakerConfig { half_open_calls: 1, ..config };
        let run = |layer| run(layer, &arrivals, |call, _| (Duration::ZERO, ends[call]));
        let ours = run(LayerConfig::CircuitBreaker(ours));
        prop_assert_eq!(difference(&ours, &run(failsafe(config))), None);
    }
}

/// Departure: half open, it lets every call through until the first has ended. Of 100 calls in the
/// second after it opened up, each taking 1 s, ours lets 10 through and failsafe 100.
#[test]
fn half_open_it_lets_all_calls_through() {
    let config = consecutive(1, Duration::from_secs(5));
    let arrivals: Vec<Duration> = [Duration::ZERO]
        .into_iter()
        .chain((0..100).map(|n| ms(6000 + n * 10)))
        .collect();
    let ends = |call, _| match call {
        0 => (Duration::ZERO, Outcome::Error),
        _ => (ms(1000), Outcome::Success),
    };
    let (_, theirs) = attempts(&run(failsafe(config), &arrivals, ends));
    let (_, ours) = attempts(&run(LayerConfig::CircuitBreaker(config), &arrivals, ends));
    assert_eq!((theirs, ours), (1 + 100, 1 + 10));
}

/// Departure: half open, the first outcome decides, where ours waits for ten.
#[test]
fn half_open_the_first_outcome_decides() {
    let config = consecutive(1, Duration::from_secs(5));
    for (outcome, theirs) in [(Outcome::Success, (0, 0)), (Outcome::Error, (1, 0))] {
        let ends = |call, _| match call {
            0 => (Duration::ZERO, Outcome::Error),
            _ => (Duration::ZERO, outcome),
        };
        let state = |layer| run_to_state(layer, &[ms(0), ms(6000)], ends).1;
        assert_eq!(state(failsafe(config)), Some(theirs));
        assert_eq!(state(LayerConfig::CircuitBreaker(config)), Some((0, 1)));
    }
}

fn over_time(seconds: u64) -> BreakerConfig {
    BreakerConfig {
        window: Window::Time {
            length: Duration::from_secs(seconds),
            buckets: 10,
        },
        failure_rate: 0.5,
        minimum_calls: 20,
        open_for: Duration::from_secs(1000),
        ..BreakerConfig::default()
    }
}

/// Departure: over a window of time nothing is judged before a whole window has passed since it was
/// made or last closed. With a callee that always fails, 100 calls a second, a window of 30 s and at
/// least 20 calls, ours opens after 20 calls and failsafe after 3001.
#[test]
fn over_time_nothing_is_judged_before_a_whole_window() {
    let arrivals: Vec<Duration> = (0..4000).map(|n| ms(n * 10)).collect();
    let ends = |_, _| (Duration::ZERO, Outcome::Error);
    let (_, theirs) = attempts(&run(failsafe(over_time(30)), &arrivals, ends));
    let ours = LayerConfig::CircuitBreaker(over_time(30));
    let (_, ours) = attempts(&run(ours, &arrivals, ends));
    assert_eq!((theirs, ours), (3001, 20));
}

/// Departure: the rate over a window of time is an exponentially weighted average with the window as
/// its time constant, weighted by time rather than by calls. A callee that fails from 20 s on has
/// failed half of the window after `10 s * ln 2` = 6.93 s, not after 5 s.
#[test]
fn over_time_the_rate_is_an_exponential_average() {
    let arrivals: Vec<Duration> = (0..4000).map(|n| ms(n * 10)).collect();
    let ends = |call, _| match call {
        0..2000 => (Duration::ZERO, Outcome::Success),
        _ => (Duration::ZERO, Outcome::Error),
    };
    let last = |layer| *sent(&run(layer, &arrivals, ends)).last().expect("calls");
    // The first failure 10 ms after the last success weighs those 10 ms, too.
    let theirs = 19.99 + 10.0 * std::f64::consts::LN_2;
    let first_after = (theirs * 100.0).ceil() / 100.0;
    assert_eq!(
        last(failsafe(over_time(10))),
        Instant::ZERO + Duration::from_secs_f64(first_after)
    );
    let ours = last(LayerConfig::CircuitBreaker(over_time(10)));
    // Ours moves in ten steps of a second.
    let half = ours.since(Instant::ZERO + Duration::from_secs(20));
    assert!(
        half > Duration::from_secs(4) && half <= Duration::from_secs(5),
        "{half}"
    );
}
