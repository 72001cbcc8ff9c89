//! Token bucket, exact: no fraction of a token is lost between calls.
//!
//! This is the bucket alone, for those who need nothing else; [`crate::RateLimiter`] has it too, with
//! turns that can be given back.

use crate::rate_limit::{Cells, Meter, refusal};
use crate::rejected::Rejected;
use clock::{Duration, Instant};

/// A bucket into which tokens flow at a rate, up to a burst; it starts full.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    cells: Cells,
    full_at: u128,
}

impl TokenBucket {
    /// `rate` tokens a second, a rate of 0 (or less, or NaN) gives the burst and nothing after;
    /// `burst` tokens at most (below 1 taken as 1, and down to multiples of 2^-24).
    pub fn new(rate: f64, burst: f64) -> Self {
        let cells = Cells::new(rate, burst);
        let full_at = cells.fresh();
        Self { cells, full_at }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// [`Rejected`] when there is none; it says from when on there is one (`None`: never).
    #[inline]
    pub fn try_take(&mut self, now: Instant) -> Result<(), Rejected> {
        self.reserve(now, Duration::ZERO).map(|_| ())
    }

    /// Takes a token, if need be one that is yet to come: answers from when on it may be used, which
    /// is at most `max_wait` from now. A token that is taken is gone, also when the caller gives up
    /// waiting for it (as with Resilience4j's and Guava's reservations): those behind it have been
    /// told their times.
    ///
    /// # Errors
    /// [`Rejected`] when the next token comes too late; nothing is taken.
    #[inline]
    pub fn reserve(&mut self, now: Instant, max_wait: Duration) -> Result<Instant, Rejected> {
        let turn = self.cells.turn(&self.full_at, now);
        if turn > now + max_wait || turn == Instant::NEVER {
            return Err(refusal(turn, max_wait, Instant::ZERO));
        }
        self.cells.take(&mut self.full_at, now, turn);
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clock::SECOND;
    use proptest::prelude::*;

    fn ns(n: u64) -> Instant {
        Instant::from_nanos(n)
    }

    #[test]
    fn it_starts_full_and_says_when_to_come_back() {
        let mut bucket = TokenBucket::new(10.0, 2.0);
        assert_eq!(bucket.try_take(ns(5)), Ok(()));
        assert_eq!(bucket.try_take(ns(5)), Ok(()));
        let back = ns(100_000_005);
        assert_eq!(
            bucket.try_take(ns(5)),
            Err(Rejected {
                retry_at: Some(back)
            })
        );
        assert!(bucket.try_take(back - Duration::from_nanos(1)).is_err());
        assert_eq!(bucket.try_take(back), Ok(()));
    }

    #[test]
    fn half_a_token_of_burst_is_kept() {
        let mut bucket = TokenBucket::new(1.0, 2.5);
        assert!(bucket.try_take(ns(0)).is_ok());
        assert!(bucket.try_take(ns(0)).is_ok());
        assert_eq!(
            bucket.try_take(ns(0)),
            Err(Rejected {
                retry_at: Some(ns(SECOND / 2))
            })
        );
    }

    #[test]
    fn a_million_thirds_of_a_second_lose_nothing() {
        let mut bucket = TokenBucket::new(3.0, 3.0);
        for second in 0..1_000_000 {
            let now = ns(second * SECOND);
            assert!(
                (0..3).all(|_| bucket.try_take(now).is_ok()),
                "second {second}"
            );
            assert!(
                bucket
                    .try_take(now + Duration::from_nanos(333_333_333))
                    .is_err()
            );
        }
    }

    #[test]
    fn a_wait_is_reserved_or_refused_at_once() {
        let mut bucket = TokenBucket::new(1.0, 1.0);
        let wait = Duration::from_secs(2);
        assert_eq!(bucket.reserve(ns(0), wait), Ok(ns(0)));
        assert_eq!(bucket.reserve(ns(0), wait), Ok(ns(SECOND)));
        assert_eq!(bucket.reserve(ns(0), wait), Ok(ns(2 * SECOND)));
        // The next token comes after three seconds; who waits for two may ask after one.
        let back = Some(ns(SECOND));
        assert_eq!(
            bucket.reserve(ns(0), wait),
            Err(Rejected { retry_at: back })
        );
        assert_eq!(bucket.reserve(ns(SECOND), wait), Ok(ns(3 * SECOND)));
    }

    #[test]
    fn strange_rates_are_none_or_no_bound() {
        for rate in [0.0, -1.0, f64::NAN, 1e-300, f64::MIN_POSITIVE / 4.0] {
            let mut bucket = TokenBucket::new(rate, 1.0);
            assert!(bucket.try_take(ns(0)).is_ok());
            assert_eq!(
                bucket.try_take(ns(1 << 60)),
                Err(Rejected { retry_at: None }),
                "{rate}"
            );
        }
        let mut bucket = TokenBucket::new(f64::INFINITY, 1.0);
        assert!((0..100).all(|_| bucket.try_take(ns(1)).is_ok()));
        assert!(
            TokenBucket::new(1e30, f64::INFINITY)
                .try_take(ns(0))
                .is_ok()
        );
    }

    #[test]
    fn one_a_day_is_one_a_day() {
        let mut bucket = TokenBucket::new(1.0 / 86_400.0, 1.0);
        assert!(bucket.try_take(ns(0)).is_ok());
        let Err(Rejected { retry_at: Some(at) }) = bucket.try_take(ns(0)) else {
            panic!("a second one")
        };
        // The rate as a float is off by one part in 2^53, which is a hundredth of a nanosecond.
        assert!(at.as_nanos().abs_diff(86_400 * SECOND) <= 1, "{at:?}");
    }

    proptest! {
        /// Against the plain bucket, in whole nanoseconds where the period is whole.
        #[test]
        fn it_gives_what_a_plain_bucket_gives(
            period in prop::sample::select(vec![1u64, 2, 8, 1_000, 4_000_000]),
            burst in 1u64..6,
            steps in prop::collection::vec(0u64..10, 1..200),
        ) {
            let mut bucket = TokenBucket::new(SECOND as f64 / period as f64, burst as f64);
            let (mut now, mut level) = (0u64, burst * period);
            for step in steps {
                let passed = step * period / 4;
                now += passed;
                level = (level + passed).min(burst * period);
                let there = level >= period;
                if there {
                    level -= period;
                }
                prop_assert_eq!(bucket.try_take(ns(now)).is_ok(), there);
            }
        }

        /// Over any stretch of time, whoever asks whenever, with or without waiting.
        #[test]
        fn it_never_gives_more_than_rate_and_burst(
            rate in 0.01..5_000.0f64,
            burst in 1.0..9.0f64,
            wait in 0.0..3.0f64,
            steps in prop::collection::vec(0.0..4.0f64, 1..120),
        ) {
            let mut bucket = TokenBucket::new(rate, burst);
            let max_wait = Duration::from_secs_f64(wait / rate);
            let mut now = Instant::ZERO;
            let mut given = Vec::new();
            for step in steps {
                // Mostly too soon, as only then a bound is felt.
                now += Duration::from_secs_f64((step - 3.0).max(0.0) / rate);
                if let Ok(at) = bucket.reserve(now, max_wait) {
                    prop_assert!(at >= now && at.since(now) <= max_wait);
                    given.push(at);
                }
            }
            for (i, from) in given.iter().enumerate() {
                for (j, until) in given.iter().enumerate().skip(i) {
                    let most = rate * until.since(*from).as_secs_f64() + burst;
                    prop_assert!((j - i + 1) as f64 <= most * (1.0 + 1e-12));
                }
            }
        }
    }
}
