//! Token bucket, exact: no fraction of a token is lost between calls.
//!
//! Kept as one number, the theoretical arrival time of the generic cell rate algorithm (ITU-T
//! I.371): when the bucket will be full again. A call moves it on by the time that one token takes
//! to flow in, and conforms as long as it stays within `burst - 1` tokens of now. A rate is a float,
//! so a whole number times a power of two; times are counted in the fraction of a nanosecond that
//! makes both a nanosecond and the time of a token whole numbers, and nothing is ever rounded.

use crate::rejected::Rejected;
use clock::{Duration, Instant, SECOND};

/// A bucket into which tokens flow at a rate, up to a burst; it starts full.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    flow: Flow,
    /// How far ahead of now the full time may lie for a token to be there: the time of `burst - 1`
    /// tokens.
    tolerance: u128,
    /// When the bucket will be full again.
    full_at: u128,
}

/// A rate as a quotient: a token takes `token / nanosecond` nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Flow {
    /// Units of time in a nanosecond, 1 to 2^60.
    nanosecond: u64,
    /// Units of time in which a token flows in, up to 2^100.
    token: u128,
}

impl TokenBucket {
    /// `rate` tokens a second, a rate of 0 (or less, or NaN) gives the burst and nothing after;
    /// `burst` tokens at most (below 1 taken as 1, and down to multiples of 2^-24).
    pub fn new(rate: f64, burst: f64) -> Self {
        let flow = Flow::new(rate);
        let spare = if burst > 1.0 { burst - 1.0 } else { 0.0 };
        let whole = spare as u64;
        let part = ((spare - whole as f64) * (1u64 << 24) as f64) as u32;
        let tolerance = flow
            .token
            .saturating_mul(u128::from(whole))
            .saturating_add((flow.token * u128::from(part)) >> 24);
        Self {
            flow,
            tolerance,
            full_at: 0,
        }
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
        let full_at = self.full_at.max(self.flow.units(now));
        let earliest = full_at.saturating_sub(self.tolerance);
        let at = if earliest <= self.flow.units(now) {
            now
        } else if earliest <= self.flow.units(now + max_wait) {
            self.flow.instant(earliest)
        } else {
            let at = self.flow.instant(earliest);
            return Err(Rejected {
                retry_at: (at != Instant::NEVER).then_some(at),
            });
        };
        self.full_at = full_at.saturating_add(self.flow.token);
        Ok(at)
    }
}

impl Flow {
    /// The slowest rate that keeps all its binary digits is about a token in a day or, with few
    /// digits, in centuries; below that the last ones are cut off.
    const DIGITS_AFTER_POINT: i32 = 70;

    fn new(rate: f64) -> Self {
        const NEVER: Flow = Flow {
            nanosecond: 1,
            token: 1 << 66,
        };
        const UNBOUNDED: Flow = Flow {
            nanosecond: 1,
            token: 0,
        };
        if rate.is_nan() || rate <= 0.0 {
            return NEVER;
        }
        if rate >= (1u64 << 60) as f64 {
            return UNBOUNDED;
        }
        // rate = digits * 2^exponent
        let bits = rate.to_bits();
        let mantissa = bits & ((1 << 52) - 1);
        let (mut digits, mut exponent) = match (bits >> 52) as i32 {
            0 => (mantissa, -1074),
            biased => (mantissa | 1 << 52, biased - 1075),
        };
        let zeros = digits.trailing_zeros();
        digits >>= zeros;
        exponent += zeros as i32;
        let lost = -exponent - Self::DIGITS_AFTER_POINT;
        if lost > 0 {
            digits = digits.checked_shr(lost as u32).unwrap_or(0);
            exponent += lost;
        }
        match exponent {
            _ if digits == 0 => NEVER,
            // Below 2^60, as the rate is.
            0.. => Self {
                nanosecond: digits << exponent,
                token: u128::from(SECOND),
            },
            _ => Self {
                nanosecond: digits,
                token: u128::from(SECOND) << -exponent,
            },
        }
    }

    #[inline]
    fn units(self, t: Instant) -> u128 {
        u128::from(t.as_nanos()) * u128::from(self.nanosecond)
    }

    /// The first whole nanosecond that is not before.
    fn instant(self, units: u128) -> Instant {
        let ns = units.div_ceil(u128::from(self.nanosecond));
        u64::try_from(ns).map_or(Instant::NEVER, Instant::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let third = Some(ns(3 * SECOND));
        assert_eq!(
            bucket.reserve(ns(0), wait),
            Err(Rejected { retry_at: third })
        );
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
