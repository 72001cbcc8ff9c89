//! Two systems seen under the same randomness: what pairs of observations say of the difference.
//!
//! It refuses to know what makes a pair; in a study it is the same seed and replication.

use crate::interval::Summary;
use crate::student::{student_t_quantile, student_t_two_sided};

/// Pairs of observations, and their differences `second - first`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Paired {
    first: Summary,
    second: Summary,
    difference: Summary,
}

impl Paired {
    /// Without pairs.
    pub const fn new() -> Self {
        Self {
            first: Summary::new(),
            second: Summary::new(),
            difference: Summary::new(),
        }
    }

    /// One more pair. For the same bytes, give the same order.
    pub fn add(&mut self, first: f64, second: f64) {
        self.first.add(first);
        self.second.add(second);
        self.difference.add(second - first);
    }

    /// The first of each pair.
    pub const fn first(&self) -> &Summary {
        &self.first
    }

    /// The second of each pair.
    pub const fn second(&self) -> &Summary {
        &self.second
    }

    /// Second less first; its Student's t interval is the paired one.
    pub const fn difference(&self) -> &Summary {
        &self.difference
    }

    /// The probability of a mean difference at least so far from zero, were there none: the paired
    /// t test, two-sided. `None` below two pairs. Pairs whose differences are all the same have no
    /// spread: 1 when that is zero, else 0.
    pub fn p_value(&self) -> Option<f64> {
        let (mean, error) = (self.difference.mean()?, self.standard_error()?);
        Some(if mean == 0.0 {
            1.0
        } else if error == 0.0 {
            0.0
        } else {
            student_t_two_sided(mean / error, (self.difference.count() - 1) as f64)
        })
    }

    /// How large a true difference would have to be for the paired test at `confidence` (0.95) to
    /// find it with probability `power` (0.8), going by the spread of these pairs; `None` below two.
    ///
    /// `(t(1 - α/2) + t(power)) · s/√n`: the noncentral t distribution taken for a shifted one
    /// (Zar, *Biostatistical Analysis*, 5th ed., 7.7).
    pub fn detectable(&self, confidence: f64, power: f64) -> Option<f64> {
        let error = self.standard_error()?;
        let df = (self.difference.count() - 1) as f64;
        let level = student_t_quantile(0.5 + confidence / 2.0, df);
        Some((level + student_t_quantile(power, df)) * error)
    }

    /// By how much pairing cut the variance of the difference: `(Var first + Var second) ÷
    /// Var difference`, as the pairs estimate it. 1 for unrelated observations, below 1 where they
    /// move against each other; for equal variances it is `1/(1 - correlation)`. `None` below two
    /// pairs and where the differences have no spread.
    pub fn variance_ratio(&self) -> Option<f64> {
        let apart = self.first.variance()? + self.second.variance()?;
        let paired = self.difference.variance()?;
        (paired > 0.0).then(|| apart / paired)
    }

    fn standard_error(&self) -> Option<f64> {
        let variance = self.difference.variance()?;
        Some(libm::sqrt(variance / self.difference.count() as f64))
    }
}

impl FromIterator<(f64, f64)> for Paired {
    fn from_iter<I: IntoIterator<Item = (f64, f64)>>(pairs: I) -> Self {
        pairs.into_iter().fold(Self::new(), |mut all, (a, b)| {
            all.add(a, b);
            all
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Student, "The probable error of a mean", Biometrika 6 (1908), p. 20: additional hours of
    /// sleep with two drugs in ten patients. Mean difference 1.58, t = 4.0621 with 9 degrees of
    /// freedom; R's `t.test(extra ~ group, paired = TRUE)` on its `sleep` data prints
    /// p-value = 0.002833 and the interval 0.7001142 .. 2.4598858.
    #[test]
    fn students_own_data() {
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let pairs: Paired = first.into_iter().zip(second).collect();
        assert!((pairs.difference().mean().unwrap() - 1.58).abs() < 1e-12);
        assert!((pairs.p_value().unwrap() - 0.002833).abs() < 5e-7);
        let interval = pairs.difference().interval(0.95).unwrap();
        assert!((interval.low - 0.7001142).abs() < 1e-7);
        assert!((interval.high - 2.4598858).abs() < 1e-7);
    }

    #[test]
    fn pairs_without_spread() {
        let same: Paired = [(1.0, 1.0), (2.0, 2.0)].into_iter().collect();
        assert_eq!((same.p_value(), same.variance_ratio()), (Some(1.0), None));
        let shifted: Paired = [(1.0, 3.0), (2.0, 4.0)].into_iter().collect();
        assert_eq!(shifted.p_value(), Some(0.0));
        let one: Paired = [(1.0, 3.0)].into_iter().collect();
        assert_eq!((one.p_value(), one.detectable(0.95, 0.8)), (None, None));
    }

    #[test]
    fn what_would_have_been_seen() {
        // s/√n = 1/√3 (differences 0, 1, 2); t(0.975, 2) = 4.30265 and t(0.8, 2) = 1.06066.
        let pairs: Paired = [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0)].into_iter().collect();
        let found = pairs.detectable(0.95, 0.8).unwrap();
        assert!((found - (4.30265 + 1.06066) / 3f64.sqrt()).abs() < 1e-4);
    }

    proptest! {
        /// The interval holds zero exactly when the test does not reject.
        #[test]
        fn interval_and_test_agree(pairs in prop::collection::vec((-9..9i32, -9..9i32), 2..20)) {
            let pairs: Paired = pairs.iter().map(|(a, b)| (f64::from(*a), f64::from(*b))).collect();
            let p = pairs.p_value().unwrap();
            let interval = pairs.difference().interval(0.95).unwrap();
            prop_assume!((p - 0.05).abs() > 1e-9);
            prop_assert_eq!(p > 0.05, interval.low <= 0.0 && interval.high >= 0.0);
        }

        /// Two that differ by a share of the first only: Var(cX - X) = (c - 1)² Var X.
        #[test]
        fn the_ratio_of_scaled_pairs(values in prop::collection::vec(-100..100i32, 3..30)) {
            let pairs: Paired = values.iter().map(|v| (f64::from(*v), 1.5 * f64::from(*v))).collect();
            prop_assume!(pairs.first().variance().unwrap() > 0.0);
            prop_assert!((pairs.variance_ratio().unwrap() - (1.0 + 2.25) / 0.25).abs() < 1e-6);
        }
    }
}
