//! The time between two attempts: back-off and its jitter, as pure functions of the retry's number
//! and of random bits.
//!
//! Bit-stable: powers are repeated products (no `powf`), and uniform draws are made in whole
//! nanoseconds.

use crate::config::{Backoff, Jitter};
use clock::Duration;

/// The delay before retry `n` (from 1), before jitter.
pub(crate) fn base(backoff: Backoff, n: u32) -> Duration {
    let step = n.saturating_sub(1);
    match backoff {
        Backoff::Constant(delay) => delay,
        Backoff::Linear {
            initial,
            increment,
            max,
        } => initial
            .saturating_add(increment.saturating_mul(u64::from(step)))
            .min(max),
        Backoff::Exponential {
            initial,
            factor,
            max,
        } => {
            let limit = max.as_nanos() as f64;
            let mut delay = initial.as_nanos() as f64;
            for _ in 0..step {
                if delay >= limit || factor == 1.0 {
                    break;
                }
                delay *= factor;
            }
            Duration::from_nanos_f64(delay).min(max)
        }
    }
}

/// The delay before retry `n` (from 1). `previous` is the delay before the retry that came before
/// this one, `None` for the first; only decorrelated jitter looks at it.
pub(crate) fn delay(
    backoff: Backoff,
    jitter: Jitter,
    n: u32,
    previous: Option<Duration>,
    random: &mut impl FnMut() -> u64,
) -> Duration {
    match jitter {
        Jitter::None => base(backoff, n),
        Jitter::Full => uniform(Duration::ZERO, base(backoff, n), random),
        Jitter::Equal => {
            let whole = base(backoff, n);
            uniform(Duration::from_nanos(whole.as_nanos() / 2), whole, random)
        }
        Jitter::Decorrelated => {
            let (initial, max) = bounds(backoff);
            let high = previous.unwrap_or(initial).saturating_mul(3).max(initial);
            uniform(initial, high, random).min(max)
        }
        Jitter::Ratio(ratio) => {
            let whole = base(backoff, n);
            uniform(
                whole.mul_f64(1.0 - ratio),
                whole.mul_f64(1.0 + ratio),
                random,
            )
        }
    }
}

/// The first delay and the most; a constant back-off sets no most.
fn bounds(backoff: Backoff) -> (Duration, Duration) {
    match backoff {
        Backoff::Constant(delay) => (delay, Duration::MAX),
        Backoff::Linear { initial, max, .. } | Backoff::Exponential { initial, max, .. } => {
            (initial, max)
        }
    }
}

/// Uniform on the whole nanoseconds of `[low, high]`; takes no random bits when they are equal.
fn uniform(low: Duration, high: Duration, random: &mut impl FnMut() -> u64) -> Duration {
    let values = u128::from(high.saturating_sub(low).as_nanos()) + 1;
    if values == 1 {
        return low;
    }
    // Lemire's multiplication; its bias is below 2^-64 per value times their number, so below one
    // part in ten million even for delays of an hour.
    let offset = (u128::from(random()) * values) >> 64;
    low.saturating_add(Duration::from_nanos(offset as u64))
}
