//! Each algorithm against sums done by hand, and what holds for all of them whatever happens.

use super::*;
use crate::config::ConcurrencyAlgorithm as Algo;
use proptest::prelude::*;

fn ms(n: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(n)
}

/// Lets `calls` in at `from` and ends them all at `until`; answers the limit after each.
fn batch(
    limit: &mut ConcurrencyLimit,
    calls: u32,
    (from, until): (Instant, Instant),
    outcome: Outcome,
) -> Vec<u32> {
    let held: Vec<_> = (0..calls)
        .map(|_| limit.acquire(from).expect("there is room"))
        .collect();
    held.into_iter()
        .map(|held| {
            limit.record(until, held, outcome);
            limit.limit()
        })
        .collect()
}

#[test]
fn a_fixed_limit_is_a_bulkhead_without_a_queue() {
    let mut limit = ConcurrencyLimit::new(&Algo::Fixed(2));
    let first = limit.acquire(ms(0)).expect("one");
    let second = limit.acquire(ms(0)).expect("two");
    assert_eq!(limit.acquire(ms(0)), Err(Rejected { retry_at: None }));
    limit.record(ms(1), first, Outcome::Timeout);
    assert_eq!((limit.limit(), limit.in_flight()), (2, 1));
    let third = limit.acquire(ms(1)).expect("a place is free");
    limit.release(second);
    limit.abandon(ms(2), third);
    assert_eq!((limit.limit(), limit.in_flight()), (2, 0));
}

#[test]
fn aimd_grows_by_one_while_half_is_used_and_loses_a_tenth() {
    let mut limit = ConcurrencyLimit::new(&Algo::Aimd {
        initial: 20,
        min: 10,
        max: 23,
        backoff: 0.9,
        timeout: Duration::from_millis(5),
    });
    // The first nine of ten had less than half of the limit in flight.
    let after = batch(&mut limit, 10, (ms(0), ms(5)), Outcome::Success);
    assert_eq!(after, [20, 20, 20, 20, 20, 20, 20, 20, 20, 21]);
    // Slower than 5 ms: 21 x 0.9 = 18.9.
    assert_eq!(
        batch(&mut limit, 1, (ms(5), ms(11)), Outcome::Success),
        [18]
    );
    assert_eq!(
        batch(&mut limit, 1, (ms(5), ms(6)), Outcome::Rejected),
        [16]
    );
    for ignored in [
        Outcome::Unavailable,
        Outcome::Error,
        Outcome::Aborted,
        Outcome::Conflict,
    ] {
        assert_eq!(batch(&mut limit, 9, (ms(5), ms(6)), ignored), [16; 9]);
    }
    // 16, 14, 12, 10, and not 9.
    let after = batch(&mut limit, 5, (ms(5), ms(6)), Outcome::Timeout);
    assert_eq!(after, [14, 12, 10, 10, 10]);
}

/// The sums of `VegasLimit` with its own functions of the limit: the logarithm of 100 is 2, so the
/// limit grows below a queue of 6 and shrinks above one of 12.
#[test]
fn vegas_moves_by_the_logarithm_of_the_limit() {
    let mut limit = ConcurrencyLimit::new(&Algo::Vegas {
        initial: 100,
        max: 1000,
        alpha: None,
        beta: None,
        smoothing: 1.0,
    });
    // Of sixty in flight: the last to come in, after the first which took the least.
    let mut queue_of = |share: u64, expected: u32| {
        let before = limit.limit();
        let held: Vec<_> = (0..60)
            .map(|_| limit.acquire(ms(0)).expect("room"))
            .collect();
        let mut held = held.into_iter();
        let last = held.next_back().expect("sixty");
        // rtt = 10 ms / (1 - share/1000)
        let rtt = 10_000_000_000 / (1_000 - share);
        limit.record(Instant::from_nanos(rtt), last, Outcome::Success);
        held.for_each(|held| limit.release(held));
        assert_eq!(
            limit.limit(),
            expected,
            "from {before} with {share} per mille"
        );
    };
    queue_of(0, 100);
    queue_of(20, 112); // A queue of 2: no queue, 6 x 2 more.
    queue_of(40, 114); // ceil(4.48) = 5: 2 more.
    queue_of(80, 114); // ceil(9.12) = 10: neither.
    queue_of(200, 112); // ceil(22.8): 2 less.
}

#[test]
fn vegas_forgets_the_least_latency_now_and_then() {
    let mut limit = ConcurrencyLimit::new(&Algo::Vegas {
        initial: 4,
        max: 4,
        alpha: Some(1),
        beta: Some(2),
        smoothing: 1.0,
    });
    batch(&mut limit, 1, (ms(0), ms(10)), Outcome::Success);
    // Latency rises for good: ceil(4 x 0.75) is a queue of 3, as is ceil(3 x 0.75), and one of 2 stays.
    let mut after = Vec::new();
    for _ in 0..60 {
        let calls = limit.limit();
        after.extend(batch(&mut limit, calls, (ms(10), ms(50)), Outcome::Success));
    }
    // A probe comes after 15 to 30 samples for each call of the limit, which is 2 by then.
    assert_eq!(after[4..20], [2; 16]);
    assert_eq!(after[65..120], [4; 55]);
}

#[test]
fn gradient2_averages_over_long_and_halves_at_most() {
    let mut limit = ConcurrencyLimit::new(&Algo::Gradient2 {
        initial: 20,
        min: 10,
        max: 200,
        queue: 4,
        smoothing: 0.2,
        long_window: 600,
        tolerance: 1.5,
    });
    // Fewer than half in flight: nothing moves, but the average begins.
    assert_eq!(
        batch(&mut limit, 9, (ms(0), ms(10)), Outcome::Success),
        [20; 9]
    );
    // Each that had half of the limit in flight is 0.2 x 4 more; the last to come in end first. The
    // ninth had 12 in flight, and half of 26.4 is more.
    let mut held: Vec<_> = (0..20)
        .map(|_| limit.acquire(ms(0)).expect("room"))
        .collect();
    for expected in [20, 21, 22, 23, 24, 24, 25, 26, 26] {
        limit.record(ms(10), held.pop().expect("twenty"), Outcome::Success);
        assert_eq!(limit.limit(), expected);
    }
    held.into_iter().for_each(|held| limit.release(held));
    // 26.4 x 0.8 + (26.4 x 0.5 + 4) x 0.2 = 24.56
    let last = (0..18).map(|_| limit.acquire(ms(10)).expect("room")).last();
    limit.record(ms(50), last.expect("eighteen"), Outcome::Success);
    assert_eq!(limit.limit(), 24);
}

/// Measures 10 ms with three calls at a limit of 3 each, and then samples every 100 ms.
fn gradient() -> Algo {
    Algo::Gradient {
        sample_interval: Duration::from_millis(100),
        min_rtt_interval: Duration::from_secs(60),
        min_rtt_requests: 3,
        min_concurrency: 3,
        max_concurrency: 20,
        buffer: 0.25,
        quantile: 0.5,
    }
}

#[test]
fn gradient_measures_then_moves_at_the_end_of_each_window() {
    let mut limit = ConcurrencyLimit::new(&gradient());
    batch(&mut limit, 3, (ms(0), ms(10)), Outcome::Error);
    assert_eq!(limit.limit(), 3, "the limit was the least before, too");
    // Windows end at 110, 210, ... 1.25 x 10 / 5 = 2.5, so 2: 6 + sqrt(6) = 8.4
    batch(&mut limit, 1, (ms(20), ms(25)), Outcome::Success);
    let probe = limit.acquire(ms(109)).expect("room");
    assert_eq!(limit.limit(), 3);
    limit.record(ms(110), probe, Outcome::Success);
    assert_eq!(
        limit.limit(),
        8,
        "the call that ends with the window is the next one's"
    );
    // The median of 1 ms and twice 20 ms: 1.25 x 10 / 20 = 0.625: 5 + sqrt(5) = 7.2
    batch(&mut limit, 2, (ms(120), ms(140)), Outcome::Timeout);
    assert!(
        limit
            .acquire(ms(211))
            .map(|held| limit.release(held))
            .is_ok()
    );
    assert_eq!(limit.limit(), 7);
    // A window without a sample changes nothing; then 12.5 / 100 counts as a half: 3.5 + 1.87 = 5.4
    batch(&mut limit, 1, (ms(300), ms(400)), Outcome::Success);
    assert!(
        limit
            .acquire(ms(10_000))
            .map(|held| limit.release(held))
            .is_ok()
    );
    assert_eq!(limit.limit(), 5);
}

#[test]
fn gradient_measures_anew_with_the_least_limit_and_goes_back() {
    let mut limit = ConcurrencyLimit::new(&gradient());
    batch(&mut limit, 3, (ms(0), ms(10)), Outcome::Success);
    batch(&mut limit, 1, (ms(20), ms(25)), Outcome::Success);
    let before = limit.acquire(ms(60_009)).expect("room");
    assert_eq!(limit.limit(), 8);
    let during = limit.acquire(ms(60_010)).expect("two of three");
    assert_eq!(limit.limit(), 3);
    // Who came in before the measurement is not measured.
    limit.record(ms(60_500), before, Outcome::Success);
    limit.abandon(ms(60_500), during);
    batch(&mut limit, 2, (ms(60_500), ms(60_540)), Outcome::Success);
    assert_eq!(limit.limit(), 3);
    batch(&mut limit, 1, (ms(60_500), ms(60_540)), Outcome::Success);
    assert_eq!(limit.limit(), 8);
    // 40 ms are fine now: 1.25: 10 + 3.16
    batch(&mut limit, 1, (ms(60_550), ms(60_590)), Outcome::Success);
    assert!(
        limit
            .acquire(ms(60_640))
            .map(|held| limit.release(held))
            .is_ok()
    );
    assert_eq!(limit.limit(), 13);
}

/// Measurements that don't begin with a window, and ones that do.
#[test]
fn gradient_ends_a_window_with_a_measurement_only_when_both_fall_together() {
    for interval in [150, 100] {
        let Algo::Gradient {
            sample_interval,
            min_rtt_requests,
            min_concurrency,
            max_concurrency,
            buffer,
            quantile,
            ..
        } = gradient()
        else {
            unreachable!("it is one")
        };
        let mut limit = ConcurrencyLimit::new(&Algo::Gradient {
            min_rtt_interval: Duration::from_millis(interval),
            sample_interval,
            min_rtt_requests,
            min_concurrency,
            max_concurrency,
            buffer,
            quantile,
        });
        batch(&mut limit, 3, (ms(0), ms(10)), Outcome::Success);
        batch(&mut limit, 2, (ms(20), ms(25)), Outcome::Success);
        if interval == 150 {
            // In the window that the measurement breaks off.
            batch(&mut limit, 2, (ms(112), ms(113)), Outcome::Success);
        }
        // Three more measure 10 ms; what came before does not count for them.
        let begun = ms(10 + interval);
        let ended = begun + Duration::from_millis(10);
        let during = batch(&mut limit, 3, (begun, ended), Outcome::Success);
        assert_eq!(during, [3, 3, 8], "every {interval} ms");
    }
}

#[test]
fn gradient_takes_five_windows_at_the_least_for_a_wrong_measurement() {
    let mut limit = ConcurrencyLimit::new(&gradient());
    batch(&mut limit, 3, (ms(0), ms(10)), Outcome::Success);
    // 12.5 / 50 counts as a half: 1.5 + 1.2 is less than 3.
    for window in 0..5 {
        let start = 20 + 100 * window;
        batch(&mut limit, 1, (ms(start), ms(start + 50)), Outcome::Success);
    }
    // The fifth window ends at 510 and a measurement begins, which finds 50 ms.
    batch(&mut limit, 3, (ms(510), ms(560)), Outcome::Success);
    batch(&mut limit, 1, (ms(570), ms(620)), Outcome::Success);
    assert!(
        limit
            .acquire(ms(660))
            .map(|held| limit.release(held))
            .is_ok()
    );
    assert_eq!(limit.limit(), 5, "1.25 x 3 + 1.9");
}

#[test]
fn a_limit_of_nothing_is_a_limit_of_one() {
    let zero = Duration::ZERO;
    for algorithm in [
        Algo::Fixed(0),
        Algo::Aimd {
            initial: 0,
            min: 0,
            max: 0,
            backoff: 0.5,
            timeout: zero,
        },
        Algo::Vegas {
            initial: 0,
            max: 0,
            alpha: Some(0),
            beta: Some(0),
            smoothing: 1.0,
        },
        Algo::Gradient2 {
            initial: 0,
            min: 0,
            max: 0,
            queue: 0,
            smoothing: 1.0,
            long_window: 0,
            tolerance: 1.0,
        },
        Algo::Gradient {
            sample_interval: zero,
            min_rtt_interval: zero,
            min_rtt_requests: 0,
            min_concurrency: 0,
            max_concurrency: 0,
            buffer: 0.0,
            quantile: 0.0,
        },
    ] {
        let mut limit = ConcurrencyLimit::new(&algorithm);
        for n in 0..20 {
            let outcome = Outcome::ALL[n as usize % 8];
            assert_eq!(
                batch(&mut limit, 1, (ms(n), ms(n)), outcome),
                [1],
                "{algorithm:?}"
            );
        }
    }
}

/// An algorithm with the bounds of its limit.
fn algorithm() -> impl Strategy<Value = (Algo, u32, u32)> {
    let bounds = || (1u32..6, 0u32..20).prop_map(|(min, more)| (min, min + more));
    let ns = || (0u64..400).prop_map(Duration::from_nanos);
    prop_oneof![
        (0u32..9).prop_map(|n| (Algo::Fixed(n), n.max(1), n.max(1))),
        (0u32..30, bounds(), 0.5..1.0f64, ns()).prop_map(
            |(initial, (min, max), backoff, timeout)| {
                let aimd = Algo::Aimd {
                    initial,
                    min,
                    max,
                    backoff,
                    timeout,
                };
                (aimd, min, max)
            }
        ),
        (
            0u32..30,
            1u32..30,
            prop::option::of(0u32..5),
            prop::option::of(0u32..9),
            0.0..1.0f64
        )
            .prop_map(|(initial, max, alpha, beta, smoothing)| {
                let vegas = Algo::Vegas {
                    initial,
                    max,
                    alpha,
                    beta,
                    smoothing,
                };
                (vegas, 1, max)
            }),
        (0u32..30, bounds(), 0u32..9, 0.0..1.0f64, 1u32..50).prop_map(
            |(initial, (min, max), queue, smoothing, long_window)| {
                let gradient = Algo::Gradient2 {
                    initial,
                    min,
                    max,
                    queue,
                    smoothing,
                    long_window,
                    tolerance: 1.5,
                };
                (gradient, min, max)
            }
        ),
        windowed(),
    ]
}

fn windowed() -> impl Strategy<Value = (Algo, u32, u32)> {
    let ns = |most: u64| (0..most).prop_map(Duration::from_nanos);
    let bounds = (1u32..6, 0u32..20);
    (ns(90), ns(900), 0u32..6, bounds, 0.0..1.0f64, 0.0..1.0f64).prop_map(
        |(sample_interval, min_rtt_interval, min_rtt_requests, (min, more), buffer, quantile)| {
            let gradient = Algo::Gradient {
                sample_interval,
                min_rtt_interval,
                min_rtt_requests,
                min_concurrency: min,
                max_concurrency: min + more,
                buffer,
                quantile,
            };
            (gradient, min, min + more)
        },
    )
}

/// Who is in, by turns: lets one in, ends one, gives one up, lets time pass.
fn steps() -> impl Strategy<Value = Vec<(u8, u64)>> {
    prop::collection::vec((0u8..10, any::<u64>()), 1..300)
}

/// Plays the steps; `look` is shown the limit after each, with the time and how many are in.
fn play(
    limit: &mut ConcurrencyLimit,
    steps: &[(u8, u64)],
    mut look: impl FnMut(&mut ConcurrencyLimit, Instant, usize),
) {
    let mut now = Instant::ZERO;
    let mut held = Vec::new();
    for &(step, n) in steps {
        let one = (n >> 8) as usize % held.len().max(1);
        match step {
            0..=4 => held.extend(limit.acquire(now).ok()),
            5..=7 if !held.is_empty() => {
                limit.record(now, held.swap_remove(one), Outcome::ALL[n as usize % 8]);
            }
            8 if !held.is_empty() && n % 2 == 0 => limit.abandon(now, held.swap_remove(one)),
            8 if !held.is_empty() => limit.release(held.swap_remove(one)),
            _ => now += Duration::from_nanos(n % 200),
        }
        look(limit, now, held.len());
    }
    held.into_iter().for_each(|held| limit.release(held));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nobody_comes_in_above_the_limit_and_all_are_given_back(
        (algorithm, min, max) in algorithm(),
        steps in steps(),
    ) {
        let mut limit = ConcurrencyLimit::new(&algorithm);
        let mut before = 0;
        play(&mut limit, &steps, |limit, _, inside| {
            assert_eq!(limit.in_flight() as usize, inside);
            assert!((min..=max).contains(&limit.limit()), "{} of {min}..={max}", limit.limit());
            assert!(inside <= before || inside <= limit.limit() as usize);
            before = inside;
        });
        prop_assert_eq!(limit.in_flight(), 0);
    }

    /// Timers that nobody keeps are made up for exactly: whoever asks in between changes nothing.
    #[test]
    fn a_gradient_that_is_asked_often_is_one_that_is_asked_seldom(
        (algorithm, ..) in windowed(),
        steps in steps(),
    ) {
        let mut seldom = ConcurrencyLimit::new(&algorithm);
        let mut often = seldom.clone();
        let mut limits = Vec::new();
        play(&mut seldom, &steps, |limit, now, _| {
            let mut asked = limit.clone();
            asked.acquire(now).map(|held| asked.release(held)).ok();
            limits.push(asked.limit());
        });
        let (mut last, mut seen) = (Instant::ZERO, 0);
        play(&mut often, &steps, |limit, now, _| {
            while last < now {
                last += Duration::from_nanos(1);
                limit.acquire(last).map(|held| limit.release(held)).ok();
            }
            limit.acquire(now).map(|held| limit.release(held)).ok();
            assert_eq!(limit.limit(), limits[seen]);
            seen += 1;
        });
    }
}
