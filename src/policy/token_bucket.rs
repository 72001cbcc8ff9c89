//! Token bucket, exact: no fraction of a token is lost between calls.
//!
//! Kept as one number, the theoretical arrival time of the generic cell rate algorithm (ITU-T
//! I.371): when the bucket will be full again. A call moves it on by the time that one token takes
//! to flow in, and conforms as long as it stays within `burst - 1` tokens of now. Times are counted
//! in 2^-32 nanoseconds, and the time of a token is rounded up to that: the bucket never gives more
//! than its rate, and at a rate that does not divide a second it gives less by one nanosecond's
//! worth in four thousand million tokens.

use crate::rejected::Rejected;
use clock::{Duration, Instant, SECOND};

/// A bucket into which tokens flow at a rate, up to a burst; it starts full.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    /// The time one token takes to flow in.
    period: u128,
    /// How far ahead of now the full time may lie for a token to be there: `burst - 1` periods.
    tolerance: u128,
    /// When the bucket will be full again.
    full_at: u128,
}

/// The bits of a time below the nanosecond.
const FRACTION: u32 = 32;

/// A period that no clock reaches.
const NEVER: u128 = (u64::MAX as u128) << FRACTION;

impl TokenBucket {
    /// `rate` tokens a second; `burst` tokens at most, below 1 taken as 1. A rate of 0 (or less, or
    /// NaN) gives the burst and nothing after.
    pub fn new(rate: f64, burst: f64) -> Self {
        let period = period(rate);
        let spare = if burst > 1.0 { burst - 1.0 } else { 0.0 };
        let whole = spare as u64;
        let part = ((spare - whole as f64) * (1u64 << 32) as f64) as u32;
        let tolerance = period
            .saturating_mul(u128::from(whole))
            .saturating_add((period * u128::from(part)) >> 32);
        Self {
            period,
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
        let exact = u128::from(now.as_nanos()) << FRACTION;
        let full_at = self.full_at.max(exact);
        let earliest = full_at.saturating_sub(self.tolerance);
        let at = if earliest <= exact {
            now
        } else {
            // Upwards to the nanosecond at which the token is there.
            let ns = (earliest + ((1 << FRACTION) - 1)) >> FRACTION;
            let at = u64::try_from(ns).map_or(Instant::NEVER, Instant::from_nanos);
            if at == Instant::NEVER {
                return Err(Rejected { retry_at: None });
            }
            if at.since(now) > max_wait {
                return Err(Rejected { retry_at: Some(at) });
            }
            at
        };
        self.full_at = full_at.saturating_add(self.period).min(u128::MAX >> 1);
        Ok(at)
    }
}

/// The time of one token at `rate` a second, rounded up; from the float's own binary digits, as a
/// float quotient would be off by more than the fraction is worth.
fn period(rate: f64) -> u128 {
    // Positive and not NaN.
    if rate.is_nan() || rate <= 0.0 {
        return NEVER;
    }
    if rate.is_infinite() {
        return 1;
    }
    // rate = digits * 2^exponent
    let bits = rate.to_bits();
    let biased = ((bits >> 52) & 0x7ff) as i32;
    let mantissa = bits & ((1 << 52) - 1);
    let (mut digits, mut exponent) = if biased == 0 {
        (mantissa, -1074)
    } else {
        (mantissa | 1 << 52, biased - 1075)
    };
    let zeros = digits.trailing_zeros();
    digits >>= zeros;
    exponent += zeros as i32;

    let second = u128::from(SECOND) << FRACTION;
    let room = second.leading_zeros() as i32;
    if exponent < -room {
        // Slower than a token an hour or so, and no short binary fraction: the last digits go,
        // which makes the period longer by a part in 2^40 or less, until nothing is left of it.
        let lost = (-room - exponent) as u32;
        digits = digits.checked_shr(lost).unwrap_or(0);
        exponent = -room;
    }
    if digits == 0 {
        return NEVER;
    }
    let period = if exponent <= 0 {
        (second << -exponent).div_ceil(u128::from(digits))
    } else {
        let divisor = u128::from(digits)
            .checked_shl(exponent as u32)
            .unwrap_or(u128::MAX);
        second.div_ceil(divisor.max(u128::from(digits)))
    };
    period.clamp(1, NEVER)
}
