//! A rate as a quotient of whole numbers, so that nothing is lost however long it is added up.
//!
//! A rate is a float, so a whole number times a power of two. Times are counted in the fraction of a
//! nanosecond that makes both a nanosecond and the time of a token whole numbers, and nothing is ever
//! rounded but the answer, up to the next nanosecond.

use clock::{Instant, SECOND};

/// A rate: a token takes `token / nanosecond` nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    /// Units of time in a nanosecond, 1 to 2^60.
    nanosecond: u64,
    /// Units of time in which a token flows in, up to 2^100.
    pub(crate) token: u128,
}

impl Flow {
    /// The slowest rate that keeps all its binary digits is about a token in a day or, with few
    /// digits, in centuries; below that the last ones are cut off.
    const DIGITS_AFTER_POINT: i32 = 70;

    pub(crate) fn new(rate: f64) -> Self {
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
    pub(crate) fn units(self, t: Instant) -> u128 {
        u128::from(t.as_nanos()) * u128::from(self.nanosecond)
    }

    /// The first whole nanosecond that is not before.
    pub(crate) fn instant(self, units: u128) -> Instant {
        let ns = units.div_ceil(u128::from(self.nanosecond));
        u64::try_from(ns).map_or(Instant::NEVER, Instant::from_nanos)
    }
}
