//! tower's retry budget beside our own.

use crate::driver::{attempts, custom, ms, run};
use clock::Duration;
use policy::Outcome;
use policy::config::{LayerConfig, RetryBudget, RetryConfig, Role};
use policy::custom::Setting;

fn retry(ratio: f64, min_per_second: f64) -> RetryConfig {
    RetryConfig {
        attempts: 2,
        budget: Some(RetryBudget::Ratio {
            ratio,
            min_per_second,
            ttl: Duration::from_secs(10),
        }),
        ..RetryConfig::default()
    }
}

fn tower(retry: RetryConfig, deposit: &str) -> LayerConfig {
    let with = [("deposit", Setting::Text(deposit.into()))];
    custom("tower_budget", Role::Retry(retry), &with)
}

fn fails(_: usize, _: u8) -> (Duration, Outcome) {
    (Duration::ZERO, Outcome::Error)
}

/// Retries of 1000 calls that fail, one each 10 ms, with nothing free.
fn retries(layer: LayerConfig, failing: impl Fn(usize) -> bool) -> usize {
    let arrivals: Vec<Duration> = (0..1000).map(|n| ms(n * 10)).collect();
    let log = run(layer, &arrivals, |call, _| match failing(call) {
        true => (Duration::ZERO, Outcome::Error),
        false => (Duration::ZERO, Outcome::Success),
    });
    let (calls, sent) = attempts(&log);
    sent - calls
}

#[test]
fn where_a_retry_costs_a_whole_number_of_deposits_it_is_the_share_that_is_set() {
    for (ratio, expected) in [(0.5, 500), (0.2, 200), (0.1, 100), (1.0, 1000), (0.0, 0)] {
        assert_eq!(
            retries(tower(retry(ratio, 0.0), "call"), |_| true),
            expected,
            "{ratio}"
        );
        let ours = retries(LayerConfig::Retry(retry(ratio, 0.0)), |_| true);
        assert_eq!(ours, expected, "ours at {ratio}");
    }
}

/// Departure: a retry costs 1/ratio deposits, cut to a whole number.
#[test]
fn other_shares_are_rounded_up_to_one_over_a_whole_number() {
    for (ratio, expected) in [
        (0.75, 1000),
        (0.3, 333),
        (0.4, 500),
        (0.51, 1000),
        (0.15, 166),
    ] {
        assert_eq!(
            retries(tower(retry(ratio, 0.0), "call"), |_| true),
            expected,
            "{ratio}"
        );
        let ours = retries(LayerConfig::Retry(retry(ratio, 0.0)), |_| true);
        let set = (ratio * 1000.0) as usize;
        assert!(ours.abs_diff(set) <= 1, "ours at {ratio}: {ours}");
    }
}

/// Departure: as tower's documentation deposits, only successes pay. With every other call failing,
/// 20 % of a budget is 100 retries of 500 failures; with all of them failing, none.
#[test]
fn only_successes_pay_as_documented() {
    let half = |call: usize| !call.is_multiple_of(2);
    // The retries of those that fail fail again, and pay nothing.
    assert_eq!(retries(tower(retry(0.2, 0.0), "success"), half), 100);
    assert_eq!(retries(tower(retry(0.2, 0.0), "success"), |_| true), 0);
    assert_eq!(retries(tower(retry(0.2, 0.0), "call"), half), 200);
}

/// Departure: `min_per_second` is a reserve for the whole of `ttl` that is there at once: 10 a
/// second over 10 s are 100 retries within the first second.
#[test]
fn the_free_retries_of_a_whole_ttl_are_there_at_once() {
    let arrivals: Vec<Duration> = (0..1000)
        .map(|n| Duration::from_nanos(n * 1_000_000))
        .collect();
    let (calls, sent) = attempts(&run(tower(retry(0.0, 10.0), "call"), &arrivals, fails));
    assert_eq!((calls, sent - calls), (1000, 100));
}

/// What was withdrawn comes back when its slot, a tenth of `ttl`, is written over; within any ttl no
/// more than the reserve is spent.
#[test]
fn the_reserve_comes_back_after_the_ttl() {
    let burst = |from: u64| (0..200).map(move |n| ms(from + n));
    let arrivals: Vec<Duration> = burst(0).chain(burst(5_000)).chain(burst(11_500)).collect();
    let log = run(tower(retry(0.0, 10.0), "call"), &arrivals, fails);
    let retried = |from: u64, to: u64| {
        let within = log.iter().filter(|entry| {
            let at = entry.0.as_nanos() / 1_000_000;
            (from..to).contains(&at) && entry.2 == policy::Action::Send(1)
        });
        within.count()
    };
    assert_eq!(
        [
            retried(0, 1000),
            retried(5000, 6000),
            retried(11_500, 12_500)
        ],
        [100, 0, 100]
    );
}
