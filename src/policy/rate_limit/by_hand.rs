//! Every algorithm once more, slowly and straight from its definition: all calls are remembered, and
//! the next turn is looked for nanosecond by nanosecond.

use super::*;
use clock::SECOND;
use proptest::prelude::*;

/// What is asked of the calls so far (the time of each, in order) for one more at `t`. Times of
/// tokens are whole numbers here.
fn conforms(algorithm: RateAlgorithm, calls: &[u64], t: u64) -> bool {
    let since = |from: u64| calls.iter().filter(|&&call| call >= from).count() as u64;
    let in_window = |number: u64, window: Duration| {
        let of = |call: &&u64| **call / window.as_nanos() == number;
        calls.iter().filter(of).count() as u64
    };
    match algorithm {
        // In any stretch that a call begins, no more than what flows in and the burst.
        RateAlgorithm::TokenBucket { rate, burst } => calls.iter().chain([&t]).all(|&from| {
            let count = (since(from) + 1) as f64;
            count <= burst + (t - from) as f64 * rate / SECOND as f64
        }),
        RateAlgorithm::Gcra { rate, burst } => {
            let burst = f64::from(burst);
            conforms(RateAlgorithm::TokenBucket { rate, burst }, calls, t)
        }
        RateAlgorithm::LeakyBucket { rate, .. } => calls
            .last()
            .is_none_or(|last| (t - last) as f64 >= SECOND as f64 / rate),
        RateAlgorithm::FixedWindow { limit, window } => {
            in_window(t / window.as_nanos(), window) < u64::from(limit)
        }
        RateAlgorithm::SlidingLog { limit, window } => {
            since((t + 1).saturating_sub(window.as_nanos())) < u64::from(limit)
        }
        RateAlgorithm::SlidingCounter { limit, window } => {
            let number = t / window.as_nanos();
            let running = in_window(number, window) as u128;
            let before = number.checked_sub(1).map_or(0, |n| in_window(n, window)) as u128;
            let (length, elapsed) = (window.as_nanos(), t % window.as_nanos());
            before * u128::from(length - elapsed) + running * u128::from(length)
                < u128::from(limit) * u128::from(length)
        }
        // Cycle by cycle, from the first one on: who waits has the first permission that is left.
        RateAlgorithm::Cycles { limit, period } => {
            in_window(t / period.as_nanos(), period) < u64::from(limit)
        }
    }
}

fn by_hand(
    algorithm: RateAlgorithm,
    calls: &[u64],
    now: u64,
    max_wait: u64,
) -> Result<u64, Option<u64>> {
    let from = now.max(calls.last().copied().unwrap_or(0));
    let turn = (from..)
        .find(|&t| conforms(algorithm, calls, t))
        .expect("it comes");
    let opens = match algorithm {
        RateAlgorithm::LeakyBucket { capacity, .. } if turn > now => (now..)
            .find(|&t| {
                let waiting = calls.iter().filter(|&&call| call > t).count();
                turn <= t || waiting < capacity as usize
            })
            .expect("all go some time"),
        _ => now,
    };
    if turn <= now + max_wait && opens <= now {
        Ok(turn)
    } else {
        Err(Some(opens.max(turn.saturating_sub(max_wait))))
    }
}

/// Those of which a token takes a whole number of nanoseconds, and a half.
fn algorithms() -> impl Strategy<Value = RateAlgorithm> {
    let rate =
        || prop::sample::select(vec![1u64, 2, 8, 16]).prop_map(|ns| SECOND as f64 / ns as f64);
    let limit = || 1u32..5;
    let window = || (1u64..40).prop_map(Duration::from_nanos);
    prop_oneof![
        (rate(), 2u32..9).prop_map(|(rate, halves)| RateAlgorithm::TokenBucket {
            rate,
            burst: f64::from(halves) / 2.0,
        }),
        (rate(), limit()).prop_map(|(rate, burst)| RateAlgorithm::Gcra { rate, burst }),
        (rate(), 0u32..5)
            .prop_map(|(rate, capacity)| RateAlgorithm::LeakyBucket { rate, capacity }),
        (limit(), window())
            .prop_map(|(limit, window)| RateAlgorithm::FixedWindow { limit, window }),
        (limit(), window()).prop_map(|(limit, window)| RateAlgorithm::SlidingLog { limit, window }),
        (limit(), window())
            .prop_map(|(limit, window)| RateAlgorithm::SlidingCounter { limit, window }),
        (limit(), window()).prop_map(|(limit, period)| RateAlgorithm::Cycles { limit, period }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_quick_answer_is_the_slow_one(
        algorithm in algorithms(),
        steps in prop::collection::vec((0u64..12, 0u64..70), 1..60),
    ) {
        let mut limiter = RateLimiter::new(&algorithm);
        let (mut now, mut calls) = (0, Vec::new());
        for (pause, max_wait) in steps {
            // Mostly at once, and mostly without patience, as it is under load.
            now += pause.saturating_sub(6);
            let max_wait = max_wait.saturating_sub(30);
            let quick = limiter.reserve(Instant::from_nanos(now), Duration::from_nanos(max_wait));
            let slow = by_hand(algorithm, &calls, now, max_wait);
            let quick = quick
                .map(Instant::as_nanos)
                .map_err(|refused| refused.retry_at.map(Instant::as_nanos));
            prop_assert_eq!(quick, slow, "at {} for {} after {:?}", now, max_wait, calls);
            calls.extend(slow);
        }
    }
}
