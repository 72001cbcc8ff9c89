//! An interval from one run, whose observations depend on each other: means of batches.
//!
//! Neighbours in a queue resemble each other, so that Student's interval of single observations is
//! far too narrow. Means of long batches hardly do. It refuses to know what is measured, and how
//! long a batch is in anything but its observations.

use crate::student::student_t_quantile;

/// What the batches of one series say of its mean, or of another figure of it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WithinRun {
    /// Half of the interval's width.
    pub half_width: f64,
    /// How many batches it is made of.
    pub batches: usize,
    /// Whether batches a quarter as long are independent, as far as von Neumann's test sees: then
    /// these are, too. If not, the series is too short for its memory, and the interval too narrow
    /// more often than it should be.
    pub reliable: bool,
}

/// Batches that an interval is made of, at least. More than 30 give little (Schmeiser, "Batch size
/// effects in the analysis of simulation output", 1982); fewer are more alike.
pub const BATCHES: usize = 20;

/// The test is made of batches so many times shorter: it sees more of them, and what they have left
/// of dependence is a fraction of it in the long ones.
pub const FINER: usize = 4;

/// Of the standard normal distribution, 99 %: a sound series fails the test once in a hundred times.
const CRITICAL: f64 = 2.326_347_874;

/// The mean of a series and its interval at `confidence` (0.95), by means of batches; `None` when
/// there are fewer than `BATCHES · FINER` observations, or one is not finite.
///
/// The batches are as long as allows for [`BATCHES`] of them, up to twice as many; what is left over is cut off
/// the front. See [`sections`] for the interval.
pub fn batch_means(series: &[f64], confidence: f64) -> Option<(f64, WithinRun)> {
    if series.len() < BATCHES * FINER {
        return None;
    }
    let finest = series.len() / (BATCHES * FINER);
    let fine = means(series, finest);
    let coarse = means(&fine, fine.len() / BATCHES);
    let mean = coarse.iter().sum::<f64>() / coarse.len() as f64;
    let within = sections(mean, &coarse, &fine, confidence)?;
    Some((mean, within))
}

/// The interval of a figure of a whole series, from its values in sections of equal length: a mean, a
/// share, a quantile. `finer` holds the same of shorter sections, for the test.
///
/// `t · √((1 + r)/(1 - r) · Σ(xⱼ - x)²/((k - 1) k))` with k - 1 degrees of freedom: the spread around the
/// whole's value instead of around the sections' mean (sectioning, Asmussen and Glynn, *Stochastic
/// Simulation* (2007), III.5a; Nakayama, "Confidence intervals for quantiles using sectioning", 2014),
/// which is less biased for quantiles; and widened by what lag-1 correlation r ≥ 0 is left
/// (Tafazzoli, Wilson, Lada and Steiger, "Performance of Skart", 2011).
///
/// `None` below three sections, or where one is not finite.
pub fn sections(whole: f64, coarse: &[f64], finer: &[f64], confidence: f64) -> Option<WithinRun> {
    let k = coarse.len();
    if k < 3 || !whole.is_finite() || coarse.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let squares: f64 = coarse.iter().map(|v| (v - whole) * (v - whole)).sum();
    let r = lag_one(coarse).clamp(0.0, 0.9);
    let variance = squares / (k - 1) as f64 / k as f64 * (1.0 + r) / (1.0 - r);
    let t = student_t_quantile(0.5 + confidence / 2.0, (k - 1) as f64);
    Some(WithinRun {
        half_width: t * libm::sqrt(variance),
        batches: k,
        reliable: k >= BATCHES && von_neumann(finer).is_some_and(|z| z < CRITICAL),
    })
}

/// Means of neighbours, `size` of each; what does not fill a batch is cut off the front.
fn means(series: &[f64], size: usize) -> Vec<f64> {
    let over = series.len() % size;
    let batches = series[over..].chunks_exact(size);
    batches
        .map(|b| b.iter().sum::<f64>() / size as f64)
        .collect()
}

/// The correlation of neighbours; 0 without spread.
fn lag_one(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let products: f64 = values
        .windows(2)
        .map(|w| (w[0] - mean) * (w[1] - mean))
        .sum();
    if squares > 0.0 {
        products / squares
    } else {
        0.0
    }
}

/// Von Neumann's ratio as a standard normal deviate: large where neighbours are alike. `None` below
/// three values and where one is not finite.
///
/// `C = 1 - Σ(xⱼ₊₁ - xⱼ)²/(2 Σ(xⱼ - x̄)²)` has mean 0 and variance (k - 2)/(k² - 1) for independent values
/// (von Neumann, "Distribution of the ratio of the mean square successive difference to the variance",
/// 1941; as in Fishman and Yarberry, "An implementation of the batch means method", 1997).
fn von_neumann(values: &[f64]) -> Option<f64> {
    let k = values.len() as f64;
    if values.len() < 3 || values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mean = values.iter().sum::<f64>() / k;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    if squares == 0.0 {
        return Some(0.0);
    }
    let steps: f64 = values
        .windows(2)
        .map(|w| (w[1] - w[0]) * (w[1] - w[0]))
        .sum();
    let c = 1.0 - steps / (2.0 * squares);
    Some(c / libm::sqrt((k - 2.0) / (k * k - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sections_by_hand() {
        // Around 2: 1 + 0 + 1 = 2 over 2·3; neighbours: (-1)(0) + (0)(1) = 0, no widening;
        // t(0.975, 2) = 4.30265.
        let found = sections(2.0, &[1.0, 2.0, 3.0], &[], 0.95).unwrap();
        assert!((found.half_width - 4.30265 / 3f64.sqrt()).abs() < 1e-4);
        assert!(!found.reliable, "three sections are too few");
        // Around 3 the same values are 4 + 1 + 0 = 5 over 6.
        let moved = sections(3.0, &[1.0, 2.0, 3.0], &[], 0.95).unwrap();
        assert!((moved.half_width - 4.30265 * (5f64 / 6.0).sqrt()).abs() < 1e-4);
        assert_eq!(sections(2.0, &[1.0, f64::NAN, 3.0], &[], 0.95), None);
    }

    #[test]
    fn the_ratio_by_hand() {
        // 1, 2, 3, 4: steps 3, squares 5, C = 0.7; variance 2/15.
        let z = von_neumann(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((z - 0.7 / (2f64 / 15.0).sqrt()).abs() < 1e-12);
        assert!(von_neumann(&[1.0, -1.0, 1.0, -1.0]).unwrap() < 0.0);
        assert_eq!(von_neumann(&[5.0; 9]), Some(0.0));
    }

    #[test]
    fn a_drifting_series_is_not_relied_upon() {
        let drifting: Vec<f64> = (0..1000).map(f64::from).collect();
        assert!(!batch_means(&drifting, 0.95).unwrap().1.reliable);
        let alternating: Vec<f64> = (0..1000).map(|i| f64::from(i % 2)).collect();
        let (mean, within) = batch_means(&alternating, 0.95).unwrap();
        assert!(within.reliable && (mean - 0.5).abs() < 0.05);
        assert_eq!(batch_means(&drifting[..79], 0.95), None);
    }

    proptest! {
        #[test]
        fn scale_and_shift_go_through(values in prop::collection::vec(0..1000i32, 80..400)) {
            let plain: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            let moved: Vec<f64> = plain.iter().map(|v| 4.0 * v + 1024.0).collect();
            let (mean, within) = batch_means(&plain, 0.95).unwrap();
            let (other, scaled) = batch_means(&moved, 0.95).unwrap();
            prop_assert!((other - (4.0 * mean + 1024.0)).abs() < 1e-6);
            prop_assert!((scaled.half_width - 4.0 * within.half_width).abs() < 1e-6);
            prop_assert!((BATCHES..2 * BATCHES).contains(&within.batches));
        }
    }
}
