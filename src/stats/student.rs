//! Student's t distribution, as far as confidence intervals need it.
//!
//! It remembers its last answer: a table of intervals asks for the same quantile again and again, and
//! the search for it costs more than all the rest of an interval.
//!
//! Logarithms and powers come from `libm`, so that an interval has the same bytes everywhere.

use std::cell::Cell;

thread_local! {
    /// `p`, `df` and the quantile that was asked for last.
    static LAST: Cell<(f64, f64, f64)> = const { Cell::new((0.5, 1.0, 0.0)) };
}

/// The quantile of Student's t distribution: the `t` with P(T ≤ t) = `p`.
///
/// `p` lies strictly between 0 and 1 and `df`, the degrees of freedom, is at least 1 and may be
/// infinite (the normal distribution); else the result is NaN. The relative error is below 1e-10.
pub fn student_t_quantile(p: f64, df: f64) -> f64 {
    if !(p > 0.0 && p < 1.0 && df >= 1.0) {
        return f64::NAN;
    }
    if p < 0.5 {
        return -student_t_quantile(1.0 - p, df);
    }
    if p == 0.5 {
        return 0.0;
    }
    let (last_p, last_df, last) = LAST.get();
    if (p, df) == (last_p, last_df) {
        return last;
    }
    let t = search(p, df);
    LAST.set((p, df, t));
    t
}

/// The same for 0.5 < `p` < 1.
fn search(p: f64, df: f64) -> f64 {
    // The upper tail keeps its precision where 1 - P loses it. It falls with t and is convex, so
    // that the bracket always closes: Newton where it stays inside, halving where it doesn't.
    let tail = 1.0 - p;
    let (mut low, mut high) = (0.0, 1.0);
    while upper_tail(high, df) > tail {
        low = high;
        high *= 2.0;
    }
    let mut t = (low + high) / 2.0;
    for _ in 0..200 {
        let excess = upper_tail(t, df) - tail;
        if excess > 0.0 {
            low = t;
        } else {
            high = t;
        }
        let newton = t + excess / density(t, df);
        let next = if newton > low && newton < high {
            newton
        } else {
            (low + high) / 2.0
        };
        if (next - t).abs() <= 1e-13 * t {
            return next;
        }
        t = next;
    }
    t
}

/// P(|T| ≥ |t|) for Student's t distribution with `df` degrees of freedom: the p-value of a
/// two-sided t test. NaN where `t` is, and for `df` below 1.
pub fn student_t_two_sided(t: f64, df: f64) -> f64 {
    if t.is_nan() || df.is_nan() || df < 1.0 {
        return f64::NAN;
    }
    if t.is_infinite() {
        return 0.0;
    }
    2.0 * upper_tail(t.abs(), df)
}

/// P(T > t) for t ≥ 0: half of I_x(df/2, 1/2) at x = df/(df + t²) (Abramowitz & Stegun 26.7.1).
fn upper_tail(t: f64, df: f64) -> f64 {
    if df.is_infinite() {
        return 0.5 * libm::erfc(t / core::f64::consts::SQRT_2);
    }
    0.5 * incomplete_beta(df / 2.0, 0.5, df / (df + t * t), t * t / (df + t * t))
}

fn density(t: f64, df: f64) -> f64 {
    use core::f64::consts::PI;
    if df.is_infinite() {
        return libm::exp(-t * t / 2.0) / libm::sqrt(2.0 * PI);
    }
    let log = libm::lgamma((df + 1.0) / 2.0)
        - libm::lgamma(df / 2.0)
        - 0.5 * libm::log(df * PI)
        - (df + 1.0) / 2.0 * libm::log1p(t * t / df);
    libm::exp(log)
}

/// The regularised incomplete beta function I_x(a, b); `y` is 1 - x without its rounding.
fn incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    let log_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
        + a * libm::log(x)
        + b * libm::log(y);
    let front = libm::exp(log_front);
    // The fraction converges fast on the near side of the mean; the other side by symmetry.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, y) / b
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut last = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + coefficient * d);
            c = away_from_zero(1.0 + coefficient / c);
            last = c * d;
            value *= last;
        }
        if (last - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Printed tables: Abramowitz & Stegun 26.10, NIST/SEMATECH e-Handbook 1.3.6.7.2.
    #[test]
    fn the_printed_tables() {
        let printed = [
            (0.975, 1.0, 12.7062, 5e-5),
            (0.975, 2.0, 4.30265, 5e-6),
            (0.975, 3.0, 3.18245, 5e-6),
            (0.975, 4.0, 2.77645, 5e-6),
            (0.975, 5.0, 2.57058, 5e-6),
            (0.975, 9.0, 2.26216, 5e-6),
            (0.975, 10.0, 2.22814, 5e-6),
            (0.975, 29.0, 2.04523, 5e-6),
            (0.975, 30.0, 2.04227, 5e-6),
            (0.975, 120.0, 1.97993, 5e-6),
            (0.975, f64::INFINITY, 1.95996, 5e-6),
            (0.95, 5.0, 2.01505, 5e-6),
            (0.95, f64::INFINITY, 1.64485, 5e-6),
            (0.995, 1.0, 63.6567, 5e-5),
            (0.995, 10.0, 3.16927, 5e-6),
            (0.999, 30.0, 3.385, 5e-4),
        ];
        for (p, df, t, rounding) in printed {
            let found = student_t_quantile(p, df);
            assert!(
                (found - t).abs() <= rounding,
                "t({p}, {df}) = {found}, printed {t}"
            );
        }
    }

    #[test]
    fn what_is_remembered_is_the_same() {
        let asked = [(0.975, 4.0), (0.975, 5.0), (0.99, 5.0)];
        for (p, df) in asked.into_iter().chain(asked) {
            let twice = [student_t_quantile(p, df), student_t_quantile(p, df)];
            assert_eq!(twice, [search(p, df); 2]);
        }
    }

    #[test]
    fn what_makes_no_sense_is_nan() {
        for (p, df) in [
            (0.0, 3.0),
            (1.0, 3.0),
            (0.9, 0.5),
            (f64::NAN, 3.0),
            (0.9, f64::NAN),
        ] {
            assert!(student_t_quantile(p, df).is_nan());
        }
    }

    #[test]
    fn a_test_is_the_quantile_turned_round() {
        for (p, df) in [
            (0.975, 1.0),
            (0.995, 7.0),
            (0.6, 30.0),
            (0.9995, f64::INFINITY),
        ] {
            let both = student_t_two_sided(-student_t_quantile(p, df), df);
            assert!((both - 2.0 * (1.0 - p)).abs() < 1e-10, "{both}");
        }
        assert_eq!(student_t_two_sided(0.0, 4.0), 1.0);
        assert_eq!(student_t_two_sided(f64::INFINITY, 4.0), 0.0);
        assert!(student_t_two_sided(f64::NAN, 4.0).is_nan());
    }

    proptest! {
            /// One and two degrees of freedom have closed forms: tan(π(p - ½)) (the Cauchy
            /// distribution), and (2p - 1) / √(2p(1 - p)).
            #[test]
            fn the_closed_forms(p in 0.501..0.9999f64) {
                let cauchy = libm::tan(core::f64::consts::PI * (p - 0.5));
                let two = (2.0 * p - 1.0) / libm::sqrt(2.0 * p * (1.0 - p));
                prop_assert!((student_t_quantile(p, 1.0) / cauchy - 1.0).abs() < 1e-10);
                prop_assert!((student_t_quantile(p, 2.0) / two - 1.0).abs() < 1e-10);
            }

            #[test]
            fn it_rises_with_p_and_falls_with_freedom(p in 0.55..0.99f64, df in 1..500u32) {
                let df = f64::from(df);
                let t = student_t_quantile(p, df);
                prop_assert!(t < student_t_quantile(p + 0.005, df));
                prop_assert!(t > student_t_quantile(p, df + 1.0));
                prop_assert!(t > student_t_quantile(p, f64::INFINITY));
    prop_assert!((student_t_quantile(1.0 - p, df) + t).abs() < 1e-9 * t);
            }
        }
}
