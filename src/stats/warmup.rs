//! Where the transient of a series ends: the marginal standard error rules.
//!
//! White, "An effective truncation heuristic for bias reduction in simulation output" (1997);
//! White, Cobb & Spratt, "A comparison of five steady-state truncation heuristics" (2000).

/// What a rule says of a series.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Truncation {
    /// Drop so many from the front.
    At(usize),
    /// The best point is in the last half: there is no telling where the transient ends.
    TooShort,
}

/// The batch size of MSER-5.
const FIVE: usize = 5;

/// The truncation point in observations, by MSER on the means of batches of five.
pub fn mser5(series: &[f64]) -> Truncation {
    let means: Vec<f64> = series
        .chunks_exact(FIVE)
        .map(|batch| batch.iter().sum::<f64>() / FIVE as f64)
        .collect();
    match mser(&means) {
        Truncation::At(batches) => Truncation::At(batches * FIVE),
        Truncation::TooShort => Truncation::TooShort,
    }
}
/// The truncation point that minimises the squared marginal standard error of the rest,
/// Σ(xᵢ - x̄)²/m² over its m values.
///
/// Points in the last half are refused, as the literature advises. Rests below a tenth of the
/// series, or below five values, are not looked at: a few neighbours that happen to be alike have
/// almost no spread, and would win by chance.
pub fn mser(series: &[f64]) -> Truncation {
    let n = series.len();
    let least = (n / 10).max(FIVE);
    if n < 2 * least {
        return Truncation::TooShort;
    }
    // From the back, so that each rest grows by one value (Welford 1962).
    let (mut mean, mut squares) = (0.0, 0.0);
    let (mut best, mut cut) = (f64::INFINITY, 0);
    for (m, (i, value)) in (1..).zip(series.iter().enumerate().rev()) {
        let m = f64::from(m);
        let from_old = value - mean;
        mean += from_old / m;
        squares += from_old * (value - mean);
        let error = squares / (m * m);
        // Of equals the earliest wins: it throws the least away.
        if n - i >= least && error <= best {
            (best, cut) = (error, i);
        }
    }
    if cut > n / 2 {
        Truncation::TooShort
    } else {
        Truncation::At(cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Noise in [-1, 1) without a generator: the golden ratio's multiples, modulo one.
    fn noise(i: usize) -> f64 {
        (i as f64 * 0.618_033_988_749_894_9).fract() * 2.0 - 1.0
    }

    #[test]
    fn a_step_is_cut_where_it_is() {
        let series: Vec<f64> = (0..1000)
            .map(|i| noise(i) + if i < 200 { 50.0 } else { 0.0 })
            .collect();
        assert_eq!(mser5(&series), Truncation::At(200));
    }

    #[test]
    fn a_decay_is_cut_when_it_drowns_in_noise() {
        // 100·e^(-i/100) falls to the size of the noise at i = 100 ln 100 ≈ 460.
        let series: Vec<f64> = (0..5000)
            .map(|i| noise(i) + 100.0 * libm::exp(-(i as f64) / 100.0))
            .collect();
        let Truncation::At(cut) = mser5(&series) else {
            panic!("long enough")
        };
        assert!((300..700).contains(&cut), "cut at {cut}");
    }

    #[test]
    fn a_steady_series_is_kept() {
        let series: Vec<f64> = (0..1000).map(noise).collect();
        let Truncation::At(cut) = mser5(&series) else {
            panic!("steady")
        };
        assert!(cut <= 50, "cut at {cut}");
    }

    #[test]
    fn constants_are_kept_whole() {
        assert_eq!(mser(&[7.0; 100]), Truncation::At(0));
    }

    #[test]
    fn a_series_that_never_settles_is_too_short() {
        let rising: Vec<f64> = (0..1000).map(|i| i as f64).collect();
        assert_eq!(mser5(&rising), Truncation::TooShort);
        let late: Vec<f64> = (0..1000)
            .map(|i| noise(i) + if i < 700 { 50.0 } else { 0.0 })
            .collect();
        assert_eq!(mser5(&late), Truncation::TooShort);
        assert_eq!(mser5(&[1.0; 20]), Truncation::TooShort);
    }

    /// The squared marginal standard error, straight from its definition.
    fn error(series: &[f64], cut: usize) -> f64 {
        let rest = &series[cut..];
        let mean = rest.iter().sum::<f64>() / rest.len() as f64;
        rest.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (rest.len() as f64).powi(2)
    }

    proptest! {
        #[test]
        fn shifting_and_scaling_changes_nothing(
            values in prop::collection::vec(0..1000i32, 10..200),
            offset in -1000..1000i32,
        ) {
            // By whole numbers and powers of two, which cost no precision worth a tie.
            let plain: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            let moved: Vec<f64> = values.iter().map(|v| f64::from(*v + offset) * 4.0).collect();
            let (Truncation::At(a), Truncation::At(b)) = (mser(&plain), mser(&moved)) else {
                prop_assert_eq!(mser(&plain), mser(&moved));
                return Ok(());
            };
            prop_assert!((error(&plain, a) - error(&plain, b)).abs() <= 1e-9 * error(&plain, a).max(1.0));
        }

        #[test]
        fn no_other_point_of_the_first_half_is_better(values in prop::collection::vec(0..1000i32, 10..200)) {
            let series: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            if let Truncation::At(cut) = mser(&series) {
                prop_assert!(cut <= series.len() / 2);
                for other in 0..=series.len() / 2 {
                    prop_assert!(error(&series, cut) <= error(&series, other) + 1e-9 * error(&series, other));
                }
            }
        }
    }
}
