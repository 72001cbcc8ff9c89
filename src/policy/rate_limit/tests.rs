//! What every algorithm owes: exact answers, and its own bound whoever asks and leaves whenever.

use super::*;
use clock::SECOND;
use proptest::prelude::*;

fn ns(n: u64) -> Instant {
    Instant::from_nanos(n)
}

fn span(n: u64) -> Duration {
    Duration::from_nanos(n)
}

fn until(n: u64) -> Result<(), Rejected> {
    Err(Rejected {
        retry_at: Some(ns(n)),
    })
}

/// Calls a second such that one takes `period` nanoseconds, a power of two of them for exactness.
fn rate(period: u64) -> f64 {
    SECOND as f64 / period as f64
}

pub(crate) fn algorithms() -> impl Strategy<Value = RateAlgorithm> {
    let period = prop::sample::select(vec![1u64, 2, 8, 16]);
    let limit = 1u32..5;
    let window = (1u64..40).prop_map(span);
    prop_oneof![
        (period.clone(), 1.0..4.0f64).prop_map(|(p, burst)| RateAlgorithm::TokenBucket {
            rate: rate(p),
            burst
        }),
        (1e6..1e9f64, 1.0..4.0f64)
            .prop_map(|(rate, burst)| RateAlgorithm::TokenBucket { rate, burst }),
        (period.clone(), 1u32..5).prop_map(|(p, burst)| RateAlgorithm::Gcra {
            rate: rate(p),
            burst
        }),
        (period, 0u32..5).prop_map(|(p, capacity)| RateAlgorithm::LeakyBucket {
            rate: rate(p),
            capacity
        }),
        (limit.clone(), window.clone())
            .prop_map(|(limit, window)| RateAlgorithm::FixedWindow { limit, window }),
        (limit.clone(), window.clone())
            .prop_map(|(limit, window)| RateAlgorithm::SlidingLog { limit, window }),
        (limit.clone(), window.clone())
            .prop_map(|(limit, window)| RateAlgorithm::SlidingCounter { limit, window }),
        (limit, window).prop_map(|(limit, period)| RateAlgorithm::Cycles { limit, period }),
    ]
}

/// Whether the calls, in order of time, keep to what the algorithm promises.
fn check(algorithm: RateAlgorithm, calls: &[u64]) -> Result<(), TestCaseError> {
    let aligned = |limit: u32, window: Duration| {
        let of = |t: &u64| t / window.as_nanos();
        for call in calls {
            let count = calls.iter().filter(|t| of(t) == of(call)).count();
            prop_assert!(count <= limit as usize, "{calls:?}");
        }
        Ok(())
    };
    let stretches = |most: &dyn Fn(u64, u64) -> f64| {
        for (i, from) in calls.iter().enumerate() {
            for (j, to) in calls.iter().enumerate().skip(i) {
                let count = (j - i + 1) as f64;
                prop_assert!(count <= most(*from, *to), "{from}..{to} in {calls:?}");
            }
        }
        Ok(())
    };
    // A turn begins at the next nanosecond, where the time of a token is not a whole number of them.
    let flow = |rate: f64, burst: f64| {
        let period = SECOND as f64 / rate;
        let rounded = f64::from(u8::from(period.fract() != 0.0));
        stretches(&|from, to| burst + ((to - from) as f64 + rounded) / period * (1.0 + 1e-12))
    };
    match algorithm {
        RateAlgorithm::TokenBucket { rate, burst } => flow(rate, burst),
        RateAlgorithm::Gcra { rate, burst } => flow(rate, f64::from(burst)),
        RateAlgorithm::LeakyBucket { rate, .. } => flow(rate, 1.0),
        RateAlgorithm::FixedWindow { limit, window } => aligned(limit, window),
        RateAlgorithm::Cycles { limit, period } => aligned(limit, period),
        RateAlgorithm::SlidingLog { limit, window } => stretches(&|from, to| {
            let shorter = to - from < window.as_nanos();
            if shorter { f64::from(limit) } else { f64::MAX }
        }),
        RateAlgorithm::SlidingCounter { limit, window } => {
            aligned(limit, window)?;
            let window = window.as_nanos();
            stretches(&|from, to| {
                let elapsed = (to % window) as f64 / window as f64;
                let most = (f64::from(limit) * (1.0 + elapsed) + 1.0).min(2.0 * f64::from(limit));
                if to - from < window { most } else { f64::MAX }
            })
        }
    }
}

/// Some callers who ask and wait, and some of them leave: the calls that went.
struct Crowd {
    limiter: RateLimiter,
    now: u64,
    went: Vec<u64>,
    waiting: Vec<u64>,
}

impl Crowd {
    fn new(algorithm: RateAlgorithm) -> Self {
        Self {
            limiter: RateLimiter::new(&algorithm),
            now: 0,
            went: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn pass(&mut self, time: u64) {
        self.now += time;
        let now = self.now;
        self.went
            .extend(self.waiting.extract_if(.., |turn| *turn <= now));
        self.went.sort_unstable();
    }

    fn ask(&mut self, max_wait: u64) -> Result<(), Rejected> {
        let turn = self
            .limiter
            .reserve(ns(self.now), span(max_wait))?
            .as_nanos();
        assert!(self.now <= turn && turn <= self.now + max_wait);
        if turn == self.now {
            self.went.push(turn);
        } else {
            self.waiting.push(turn);
        }
        Ok(())
    }

    fn leave(&mut self, who: usize) {
        if !self.waiting.is_empty() {
            let turn = self.waiting.swap_remove(who % self.waiting.len());
            self.limiter.give_back(ns(turn));
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<(u8, u64)>> {
    prop::collection::vec((0u8..6, 0u64..24), 1..100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_bound_holds_whoever_asks_waits_and_leaves(algorithm in algorithms(), steps in steps()) {
        let mut crowd = Crowd::new(algorithm);
        for (what, n) in steps {
            match what {
                0 => crowd.pass(n),
                1 => crowd.leave(n as usize),
                2 => { let _ = crowd.ask(n); }
                3 => { let _ = crowd.ask(40 * n); }
                _ => { let _ = crowd.ask(0); }
            }
        }
        crowd.pass(u64::MAX / 2);
        check(algorithm, &crowd.went)?;
    }

    /// Nobody is let in before the time that a refusal names, and at that time somebody is.
    #[test]
    fn a_refusal_says_when_to_come_back(
        algorithm in algorithms(),
        steps in steps(),
        max_wait in 0u64..20,
    ) {
        let mut crowd = Crowd::new(algorithm);
        for (what, n) in steps {
            match what {
                0 => crowd.pass(n),
                1 => { let _ = crowd.ask(2 * n); }
                _ => { let _ = crowd.ask(0); }
            }
            let Err(Rejected { retry_at }) = crowd.limiter.clone().reserve(ns(crowd.now), span(max_wait))
            else {
                continue;
            };
            let back = retry_at.expect("it comes").as_nanos();
            prop_assert!(back > crowd.now);
            for early in crowd.now..back {
                let asked = crowd.limiter.clone().reserve(ns(early), span(max_wait));
                prop_assert_eq!(asked, Err(Rejected { retry_at }), "at {}", early);
            }
            prop_assert!(crowd.limiter.clone().reserve(ns(back), span(max_wait)).is_ok());
        }
    }

    /// Also after some have left: what is named is true.
    #[test]
    fn at_the_time_that_is_named_there_is_a_turn(algorithm in algorithms(), steps in steps()) {
        let mut crowd = Crowd::new(algorithm);
        for (what, n) in steps {
            match what {
                0 => crowd.pass(n),
                1 | 2 => crowd.leave(n as usize),
                _ => { let _ = crowd.ask(4 * n); }
            }
            if let Err(Rejected { retry_at: Some(at) }) = crowd.limiter.clone().try_acquire(ns(crowd.now)) {
                prop_assert!(at > ns(crowd.now));
                prop_assert_eq!(crowd.limiter.clone().try_acquire(at), Ok(()));
            }
        }
    }

    /// When all who waited have left at once, it is as if they had never come.
    #[test]
    fn who_waits_and_leaves_leaves_no_trace(
        algorithm in algorithms(),
        steps in steps(),
        waits in 1u64..60,
    ) {
        let waits = match algorithm {
            // Resilience4j's permissions do not come back.
            RateAlgorithm::Cycles { .. } => return Ok(()),
            // It remembers no more than one window before the ones that it needs.
            RateAlgorithm::SlidingCounter { window, .. } => waits.min(window.as_nanos()),
            _ => waits,
        };
        let mut crowd = Crowd::new(algorithm);
        for (what, n) in steps {
            match what {
                0 => crowd.pass(n),
                _ => { let _ = crowd.ask(0); }
            }
        }
        let mut before = crowd.limiter.clone();
        while crowd.waiting.len() < 20 && crowd.ask(waits).is_ok() {}
        // Those who were let in at once stay, so they are let in before, too.
        for _ in 0..crowd.went.iter().filter(|&&t| t == crowd.now).count() {
            let _ = before.try_acquire(ns(crowd.now));
        }
        while !crowd.waiting.is_empty() {
            crowd.leave(7);
        }
        for later in (0..60).map(|d| ns(crowd.now + d)) {
            prop_assert_eq!(crowd.limiter.try_acquire(later).is_ok(), before.try_acquire(later).is_ok());
        }
    }
}

#[test]
fn a_fixed_window_begins_at_a_multiple_of_its_length() {
    let mut limiter = RateLimiter::new(&RateAlgorithm::FixedWindow {
        limit: 2,
        window: span(10),
    });
    assert_eq!([9, 9].map(|t| limiter.try_acquire(ns(t))), [Ok(()); 2]);
    assert_eq!(limiter.try_acquire(ns(9)), until(10));
    assert_eq!([10, 13].map(|t| limiter.try_acquire(ns(t))), [Ok(()); 2]);
    assert_eq!(limiter.try_acquire(ns(14)), until(20));
    assert_eq!(limiter.reserve(ns(14), span(6)), Ok(ns(20)));
    assert_eq!(limiter.reserve(ns(14), span(6)), Ok(ns(20)));
    assert_eq!(
        limiter.reserve(ns(14), span(6)),
        Err(Rejected {
            retry_at: Some(ns(24))
        })
    );
}

#[test]
fn a_place_in_a_window_that_was_given_back_is_there_until_the_window_ends() {
    let mut limiter = RateLimiter::new(&RateAlgorithm::FixedWindow {
        limit: 1,
        window: span(10),
    });
    let turns = [0; 3].map(|t| limiter.reserve(ns(t), span(99)).map(Instant::as_nanos));
    assert_eq!(turns, [Ok(0), Ok(10), Ok(20)]);
    limiter.give_back(ns(10));
    assert_eq!(limiter.try_acquire(ns(5)), until(10));
    assert_eq!(limiter.try_acquire(ns(17)), Ok(()));
    assert_eq!(limiter.try_acquire(ns(18)), until(30));
}

#[test]
fn a_sliding_log_looks_back_from_every_call() {
    let mut limiter = RateLimiter::new(&RateAlgorithm::SlidingLog {
        limit: 2,
        window: span(10),
    });
    assert_eq!([3, 9].map(|t| limiter.try_acquire(ns(t))), [Ok(()); 2]);
    assert_eq!(limiter.try_acquire(ns(12)), until(13));
    assert_eq!(limiter.try_acquire(ns(13)), Ok(()));
    assert_eq!(limiter.try_acquire(ns(13)), until(19));
}

/// Cloudflare's own example: 42 calls in the minute before, 18 so far in a minute of which a quarter
/// is over, make a rate of 42 * 0.75 + 18 = 49.5.
#[test]
fn a_sliding_counter_weighs_the_window_before() {
    let admitted = |limit| {
        let mut limiter = RateLimiter::new(&RateAlgorithm::SlidingCounter {
            limit,
            window: Duration::from_secs(60),
        });
        for _ in 0..42 {
            assert_eq!(limiter.try_acquire(ns(0)), Ok(()));
        }
        let quarter = Instant::ZERO + Duration::from_secs(75);
        (0..30)
            .filter(|_| limiter.try_acquire(quarter).is_ok())
            .count()
    };
    assert_eq!(admitted(50), 19);
    assert_eq!(admitted(49), 18);
}

#[test]
fn a_leaky_bucket_sends_its_queue_out_one_by_one() {
    let mut limiter = RateLimiter::new(&RateAlgorithm::LeakyBucket {
        rate: rate(10),
        capacity: 2,
    });
    let mut ask = |t| limiter.reserve(ns(t), Duration::MAX);
    assert_eq!(
        [ask(0), ask(0), ask(0)],
        [Ok(ns(0)), Ok(ns(10)), Ok(ns(20))]
    );
    assert_eq!(
        ask(0),
        Err(Rejected {
            retry_at: Some(ns(10))
        })
    );
    assert_eq!(
        ask(9),
        Err(Rejected {
            retry_at: Some(ns(10))
        })
    );
    assert_eq!(ask(10), Ok(ns(30)));
    assert_eq!(ask(100), Ok(ns(100)));
}

#[test]
fn a_turn_that_was_given_back_goes_to_the_next_one() {
    let mut limiter = RateLimiter::new(&RateAlgorithm::Gcra {
        rate: rate(10),
        burst: 1,
    });
    for turn in [0, 10, 20, 30] {
        assert_eq!(limiter.reserve(ns(0), span(99)), Ok(ns(turn)));
    }
    limiter.give_back(ns(10));
    assert_eq!(limiter.reserve(ns(5), span(99)), Ok(ns(10)));
    // Nobody asks for this one in time, and those behind it have their times: it is lost.
    limiter.give_back(ns(20));
    assert_eq!(limiter.try_acquire(ns(21)), until(40));
    // The last one is as if it had never been taken.
    limiter.give_back(ns(30));
    assert_eq!(limiter.try_acquire(ns(25)), until(30));
    assert_eq!(limiter.try_acquire(ns(30)), Ok(()));
}

#[test]
fn each_key_has_its_own_bound() {
    let algorithm = RateAlgorithm::FixedWindow {
        limit: 1,
        window: span(10),
    };
    let mut limiter = KeyedRateLimiter::new(&algorithm, 1_000_000);
    for key in [0, 1, 63, 64, 999_999] {
        assert_eq!(limiter.try_acquire(key, ns(0)), Ok(()));
        assert_eq!(limiter.try_acquire(key, ns(0)), until(10));
        assert_eq!(limiter.try_acquire(key + 1_000_000, ns(0)), until(10));
        assert_eq!(limiter.reserve(key, ns(0), span(10)), Ok(ns(10)));
        limiter.give_back(key, ns(10));
        assert_eq!(limiter.try_acquire(key, ns(10)), Ok(()));
    }
}

#[test]
fn numbers_out_of_range_do_no_harm() {
    let (none, long) = (Duration::ZERO, Duration::MAX);
    for algorithm in [
        RateAlgorithm::TokenBucket {
            rate: f64::NAN,
            burst: f64::INFINITY,
        },
        RateAlgorithm::Gcra {
            rate: f64::INFINITY,
            burst: u32::MAX,
        },
        RateAlgorithm::Gcra {
            rate: 1e-300,
            burst: 0,
        },
        RateAlgorithm::LeakyBucket {
            rate: -1.0,
            capacity: u32::MAX,
        },
        RateAlgorithm::FixedWindow {
            limit: 0,
            window: none,
        },
        RateAlgorithm::FixedWindow {
            limit: 1,
            window: long,
        },
        RateAlgorithm::SlidingLog {
            limit: 0,
            window: none,
        },
        RateAlgorithm::SlidingLog {
            limit: u32::MAX,
            window: long,
        },
        RateAlgorithm::SlidingCounter {
            limit: 0,
            window: none,
        },
        RateAlgorithm::SlidingCounter {
            limit: 1,
            window: long,
        },
        RateAlgorithm::Cycles {
            limit: 0,
            period: none,
        },
        RateAlgorithm::Cycles {
            limit: u32::MAX,
            period: long,
        },
        RateAlgorithm::Cycles {
            limit: u32::MAX,
            period: none,
        },
    ] {
        let mut limiter = KeyedRateLimiter::new(&algorithm, 0);
        for t in [0, 0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX - 1] {
            for max_wait in [none, long] {
                if let Ok(turn) = limiter.reserve(7, ns(t), max_wait) {
                    assert!(turn >= ns(t) && turn != Instant::NEVER, "{algorithm:?}");
                    limiter.give_back(7, turn);
                }
            }
        }
    }
}
