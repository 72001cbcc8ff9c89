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

/// The delay before retry `n` (from 1). `memory` is the jitter's own, from one retry of a call to the
/// next; for the first it is not looked at.
pub(crate) fn delay(
    backoff: Backoff,
    jitter: Jitter,
    n: u32,
    memory: &mut u64,
    random: &mut impl FnMut() -> u64,
) -> Duration {
    match jitter {
        Jitter::None => base(backoff, n),
        Jitter::Full => uniform(Duration::ZERO, base(backoff, n), random),
        Jitter::Equal => {
            let whole = base(backoff, n);
            uniform(Duration::from_nanos(whole.as_nanos() / 2), whole, random)
        }
        Jitter::Ratio(ratio) => around(base(backoff, n), ratio, random),
        Jitter::Decorrelated => {
            let (initial, max) = bounds(backoff);
            let previous = if n > 1 {
                Duration::from_nanos(*memory)
            } else {
                initial
            };
            let high = previous.saturating_mul(3).max(initial);
            let drawn = uniform(initial, high, random).min(max);
            *memory = drawn.as_nanos();
            drawn
        }
        Jitter::Polly => polly(backoff, n, memory, random),
    }
}

/// Polly's jitter of a constant or linear back-off.
const POLLY_RATIO: f64 = 0.25;

/// The medians of Polly's exponential jitter fall near `initial * 2^(n-1)` for that.
const POLLY_SCALE: f64 = 1.0 / 1.4;

/// `RetryHelper.cs` of Polly v8. The most is applied to what is drawn, not drawn around; `memory` is
/// the formula's last value. There, delays are cut to whole ticks of 100 ns.
fn polly(backoff: Backoff, n: u32, memory: &mut u64, random: &mut impl FnMut() -> u64) -> Duration {
    let (initial, max) = bounds(backoff);
    let Backoff::Exponential { .. } = backoff else {
        return around(base(unbounded(backoff), n), POLLY_RATIO, random).min(max);
    };
    if initial.is_zero() {
        return initial;
    }
    let previous = if n > 1 { f64::from_bits(*memory) } else { 0.0 };
    // 53 bits, as many as a float in 0..1 has.
    let share = (random() >> 11) as f64 / (1u64 << 53) as f64;
    let t = f64::from(n.saturating_sub(1)) + share;
    let next = libm::exp2(t) * libm::tanh(libm::sqrt(4.0 * t));
    *memory = next.to_bits();
    if next.is_infinite() {
        return max;
    }
    let delay = (next - previous) * POLLY_SCALE * initial.as_nanos() as f64;
    Duration::from_nanos_f64(delay).min(max)
}

/// Uniform on `[b(1-r), b(1+r)]`.
fn around(whole: Duration, ratio: f64, random: &mut impl FnMut() -> u64) -> Duration {
    uniform(
        whole.mul_f64(1.0 - ratio),
        whole.mul_f64(1.0 + ratio),
        random,
    )
}

/// The same back-off from another first delay.
pub(crate) fn starting_at(backoff: Backoff, first: Duration) -> Backoff {
    match backoff {
        Backoff::Constant(_) => Backoff::Constant(first),
        Backoff::Linear { increment, max, .. } => Backoff::Linear {
            initial: first,
            increment,
            max,
        },
        Backoff::Exponential { factor, max, .. } => Backoff::Exponential {
            initial: first,
            factor,
            max,
        },
    }
}

/// The same back-off without a most.
fn unbounded(backoff: Backoff) -> Backoff {
    let most = Duration::MAX;
    match backoff {
        Backoff::Constant(_) => backoff,
        Backoff::Linear {
            initial, increment, ..
        } => Backoff::Linear {
            initial,
            increment,
            max: most,
        },
        Backoff::Exponential {
            initial, factor, ..
        } => Backoff::Exponential {
            initial,
            factor,
            max: most,
        },
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn exponential(factor: f64, max: Duration) -> Backoff {
        Backoff::Exponential {
            initial: ms(100),
            factor,
            max,
        }
    }

    #[test]
    fn an_exponential_backoff_doubles_up_to_its_most() {
        let delays: Vec<_> = (1..=5)
            .map(|n| base(exponential(2.0, ms(700)), n))
            .collect();
        assert_eq!(delays, [ms(100), ms(200), ms(400), ms(700), ms(700)]);
    }

    #[test]
    fn a_linear_backoff_adds_up_to_its_most() {
        let linear = Backoff::Linear {
            initial: ms(10),
            increment: ms(25),
            max: ms(50),
        };
        let delays: Vec<_> = (1..=4).map(|n| base(linear, n)).collect();
        assert_eq!(delays, [ms(10), ms(35), ms(50), ms(50)]);
    }

    #[test]
    fn no_number_is_too_large() {
        assert_eq!(base(exponential(1e300, Duration::MAX), 255), Duration::MAX);
        assert_eq!(base(exponential(1.0, ms(200)), u32::MAX), ms(100));
        assert_eq!(base(exponential(f64::NAN, ms(200)), 3), Duration::ZERO);
        let linear = Backoff::Linear {
            initial: ms(1),
            increment: Duration::MAX,
            max: ms(9),
        };
        assert_eq!(base(linear, u32::MAX), ms(9));
    }

    #[test]
    fn the_ends_of_a_jitter_are_reached() {
        let backoff = Backoff::Constant(ms(100));
        let ends = |jitter, previous: Option<Duration>| {
            let n = if previous.is_some() { 2 } else { 1 };
            let at = |bits: u64| {
                let mut memory = previous.unwrap_or_default().as_nanos();
                delay(backoff, jitter, n, &mut memory, &mut || bits)
            };
            (at(0), at(u64::MAX))
        };
        assert_eq!(ends(Jitter::None, None), (ms(100), ms(100)));
        assert_eq!(ends(Jitter::Full, None), (ms(0), ms(100)));
        assert_eq!(ends(Jitter::Equal, None), (ms(50), ms(100)));
        assert_eq!(ends(Jitter::Ratio(0.2), None), (ms(80), ms(120)));
        assert_eq!(ends(Jitter::Decorrelated, None), (ms(100), ms(300)));
        assert_eq!(
            ends(Jitter::Decorrelated, Some(ms(200))),
            (ms(100), ms(600))
        );
    }

    #[test]
    fn a_decorrelated_jitter_stays_below_the_most() {
        let drawn = delay(
            exponential(2.0, ms(150)),
            Jitter::Decorrelated,
            1,
            &mut 0,
            &mut || u64::MAX,
        );
        assert_eq!(drawn, ms(150));
    }

    proptest! {
        #[test]
        fn a_delay_lies_where_its_formula_says(n in 1u32..300, bits: u64, ratio in 0.0..=1.0f64) {
            let backoff = exponential(1.7, ms(5_000));
            let whole = base(backoff, n).as_nanos() as f64;
            let drawn = |jitter| delay(backoff, jitter, n, &mut 0, &mut || bits).as_nanos() as f64;
            prop_assert!(drawn(Jitter::Full) <= whole);
            prop_assert!((whole / 2.0 - 1.0..=whole).contains(&drawn(Jitter::Equal)));
            let spread = drawn(Jitter::Ratio(ratio));
            prop_assert!(spread >= whole * (1.0 - ratio) - 1.0 && spread <= whole * (1.0 + ratio) + 1.0);
        }
    }

    fn draw(backoff: Backoff, n: u32, memory: &mut u64, bits: u64) -> Duration {
        delay(backoff, Jitter::Polly, n, memory, &mut || bits)
    }

    #[test]
    fn pollys_jitter_of_nothing_is_nothing_and_of_too_much_the_most() {
        let zero = Backoff::Exponential {
            initial: Duration::ZERO,
            factor: 2.0,
            max: ms(9),
        };
        assert_eq!(draw(zero, 3, &mut 0, u64::MAX), Duration::ZERO);
        // 2^1024 is no number any more: there, and after it.
        let mut memory = 0;
        for n in [1, 1_025, 1_026] {
            let drawn = draw(exponential(2.0, Duration::MAX), n, &mut memory, u64::MAX);
            assert_eq!(drawn == Duration::MAX, n > 1);
        }
    }

    /// `MaxDelay_Ok` of Polly's tests: the most holds for the jittered delay.
    #[test]
    fn pollys_most_holds_after_its_jitter() {
        let linear = Backoff::Linear {
            initial: ms(100),
            increment: ms(100),
            max: ms(200),
        };
        assert_eq!(draw(linear, 2, &mut 0, 0), ms(150));
        // A quarter below 300 ms, not below 200 ms.
        assert_eq!(draw(linear, 3, &mut 0, 0), ms(200));
    }

    proptest! {
        /// A quarter to both sides of a constant or linear delay.
        #[test]
        fn pollys_jitter_spreads_by_a_quarter(n in 1u32..200, increment in 0u64..50, bits: u64) {
            let max = Duration::MAX;
            let linear = Backoff::Linear { initial: ms(40), increment: ms(increment), max };
            for backoff in [linear, Backoff::Constant(ms(40))] {
                let whole = base(backoff, n).as_nanos() as f64;
                let drawn = draw(backoff, n, &mut 0, bits).as_nanos() as f64;
                prop_assert!((whole * 0.75 - 1.0..=whole * 1.25 + 1.0).contains(&drawn));
            }
        }

        /// The delays add up to the formula itself, so that after n of them at least
        /// `f(n-1)` and at most `f(n)` has gone by, `f(t) = initial * 2^t * tanh(sqrt(4t)) / 1.4`; and
        /// none is above `initial * 4 * 2^(n-1)`, the bound of Polly's own property.
        #[test]
        fn pollys_exponential_delays_add_up(
            draws in prop::collection::vec(any::<u64>(), 1..30),
            initial in 1u64..5_000,
        ) {
            let backoff = Backoff::Exponential {
                initial: ms(initial),
                factor: 2.0,
                max: Duration::MAX,
            };
            let f = |t: f64| {
                let formula = t.exp2() * (4.0 * t).sqrt().tanh();
                ms(initial).as_nanos() as f64 * formula / 1.4
            };
            let (mut memory, mut sum) = (0, 0.0);
            for (n, &bits) in (1u32..).zip(&draws) {
                let drawn = draw(backoff, n, &mut memory, bits);
                let bound = ms(initial).as_nanos() as f64 * 4.0 * f64::from(n - 1).exp2();
                prop_assert!(drawn.as_nanos() as f64 <= bound);
                sum += drawn.as_nanos() as f64;
                // Each delay is a whole number of nanoseconds.
                let (n, slack) = (f64::from(n), f64::from(n) + sum * 1e-12);
                prop_assert!((f(n - 1.0) - slack..=f(n) + slack).contains(&sum));
            }
        }
    }
}
