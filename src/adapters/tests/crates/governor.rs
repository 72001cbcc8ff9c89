//! governor beside our own GCRA.

use crate::driver::{Dice, attempts, custom, difference, ms, run};
use clock::{Duration, Instant};
use policy::config::{LayerConfig, PolicyConfig, RateAlgorithm, RateLimitConfig, Role, Scope};
use policy::{Action, Actions, Frame, Outcome, Pipeline};
use proptest::prelude::*;

fn limit(algorithm: RateAlgorithm, max_wait: Duration) -> RateLimitConfig {
    RateLimitConfig {
        algorithm,
        max_wait,
        scope: Scope::Service,
        keys: None,
    }
}

fn governor(limit: RateLimitConfig) -> LayerConfig {
    custom("governor", Role::RateLimit(limit), &[])
}

fn ok(_: usize, _: u8) -> (Duration, Outcome) {
    (Duration::ZERO, Outcome::Success)
}

#[test]
fn a_burst_and_then_one_call_each_tenth_of_a_second() {
    let algorithm = RateAlgorithm::Gcra {
        rate: 10.0,
        burst: 3,
    };
    let arrivals: Vec<Duration> = (0..100).map(|n| ms(n * 10)).collect();
    let log = run(governor(limit(algorithm, Duration::ZERO)), &arrivals, ok);
    // 3 at once, and one for each of the 0.99 s that follow: at 100 ms, …, 900 ms, but the first
    // three at 0, 10 and 20 ms leave a debt that is paid at 100 ms.
    let (calls, sent) = attempts(&log);
    assert_eq!((calls, sent), (100, 3 + 9));
}

#[test]
fn who_may_wait_waits_for_a_turn_of_its_own() {
    let algorithm = RateAlgorithm::Gcra {
        rate: 10.0,
        burst: 1,
    };
    let arrivals = [Duration::ZERO; 5];
    let log = run(governor(limit(algorithm, ms(250))), &arrivals, ok);
    let sent: Vec<Instant> = log
        .iter()
        .filter(|entry| matches!(entry.2, Action::Send(_)))
        .map(|entry| entry.0)
        .collect();
    let turns = [0, 100, 200].map(|at| Instant::ZERO + ms(at));
    assert_eq!(sent, turns);
    assert_eq!(attempts(&log).0, 5, "two were refused");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where the time of one call is a whole number of nanoseconds, governor decides as we do.
    #[test]
    fn governor_is_our_own_gcra(
        seed: u64,
        period in prop_oneof![Just(1u64), Just(1_000), Just(10_000_000), Just(1_000_000_000)],
        burst in 1u32..20,
        wait in prop_oneof![Just(0.0), 0.0..20.0f64],
        bucket: bool,
    ) {
        let mut dice = Dice(seed);
        let mut at = Duration::ZERO;
        let arrivals: Vec<Duration> = (0..300).map(|_| {
            at = at.saturating_add(Duration::from_nanos(dice.roll() % (2 * period)));
            at
        }).collect();
        let rate = 1e9 / period as f64;
        let algorithm = match bucket {
            true => RateAlgorithm::TokenBucket { rate, burst: f64::from(burst) },
            false => RateAlgorithm::Gcra { rate, burst },
        };
        let limit = limit(algorithm, Duration::from_nanos_f64(wait * period as f64));
        let ours = run(LayerConfig::RateLimit(limit), &arrivals, ok);
        let theirs = run(governor(limit), &arrivals, ok);
        prop_assert_eq!(difference(&ours, &theirs), None);
    }
}

/// Departure: the time of one call is a whole number of nanoseconds. At 3 a second it is a third of
/// a nanosecond too short, so that the n-th call of a steady queue comes n/3 ns early.
#[test]
fn the_time_of_a_call_is_cut_to_nanoseconds() {
    let algorithm = RateAlgorithm::Gcra {
        rate: 3.0,
        burst: 1,
    };
    let limit = limit(algorithm, Duration::from_secs(1_000));
    let arrivals = [Duration::ZERO; 301];
    let last = |layer| run(layer, &arrivals, ok).last().map(|entry| entry.0);
    let theirs = Instant::from_nanos(300 * 333_333_333);
    assert_eq!(last(governor(limit)), Some(theirs));
    assert_eq!(
        last(LayerConfig::RateLimit(limit)),
        Some(Instant::ZERO + Duration::from_secs(100))
    );
}

/// Departure: the turn of a call that goes away while it waits for it is lost. The next one, 50 ms
/// later, gets the turn after it.
#[test]
fn a_turn_that_is_not_taken_is_lost() {
    let algorithm = RateAlgorithm::Gcra {
        rate: 10.0,
        burst: 1,
    };
    let turn = |layer| {
        let layers = vec![layer];
        let mut pipeline = Pipeline::new(&PolicyConfig { layers }, 1);
        let mut out = Actions::new();
        let mut start = |pipeline: &mut Pipeline, at: u64| {
            let mut frames = [Frame::default(); 2];
            let now = Instant::ZERO + ms(at);
            out.clear();
            pipeline.start(now, 0, &mut frames, &mut Dice(1), &mut out);
            (frames, out.as_slice().to_vec())
        };
        start(&mut pipeline, 0);
        let (mut waits, said) = start(&mut pipeline, 0);
        assert_eq!(said, [Action::SetTimer(0, Instant::ZERO + ms(100))]);
        pipeline.abandon(Instant::ZERO + ms(1), 0, &mut waits, &mut Actions::new());
        start(&mut pipeline, 50).1
    };
    let limit = limit(algorithm, ms(1000));
    let at = |at| [Action::SetTimer(0, Instant::ZERO + ms(at))];
    assert_eq!(turn(governor(limit)), at(200));
    assert_eq!(turn(LayerConfig::RateLimit(limit)), at(100));
}
