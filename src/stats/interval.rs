//! What independent observations say of their mean.

use crate::student::student_t_quantile;

/// The mean and spread of independent observations, one per replication as a rule.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Summary {
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

/// A confidence interval of a mean, ends included.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Summary {
    /// Of no observations.
    pub const fn new() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            squares: 0.0,
        }
    }

    /// One more observation (Welford 1962). The result depends on the order in the last bits: for
    /// the same bytes, give the same order.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let from_old = value - self.mean;
        self.mean += from_old / self.count as f64;
        self.squares += from_old * (value - self.mean);
    }

    /// How many observations.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Arithmetic mean; `None` without observations.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// The sample variance (n - 1 below the line); `None` below two observations.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares / (self.count - 1) as f64)
    }

    /// The half-width of Student's t interval of the mean at `confidence` (0.95); `None` below two
    /// observations, which say nothing of their spread.
    pub fn half_width(&self, confidence: f64) -> Option<f64> {
        let variance = self.variance()?;
        let t = student_t_quantile(0.5 + confidence / 2.0, (self.count - 1) as f64);
        Some(t * libm::sqrt(variance / self.count as f64))
    }

    /// Student's t interval of the mean at `confidence` (0.95); `None` below two observations.
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        let half = self.half_width(confidence)?;
        Some(Interval {
            low: self.mean - half,
            high: self.mean + half,
        })
    }
}

impl FromIterator<f64> for Summary {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        values.into_iter().fold(Self::new(), |mut summary, value| {
            summary.add(value);
            summary
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_interval_by_hand() {
        // Mean 4, variance ((-2)² + 0² + 2²)/2 = 4, half-width 4.30265 × √(4/3) = 4.96828.
        let summary: Summary = [2.0, 4.0, 6.0].into_iter().collect();
        assert_eq!((summary.mean(), summary.variance()), (Some(4.0), Some(4.0)));
        let Interval { low, high } = summary.interval(0.95).unwrap();
        assert!((low - (4.0 - 4.96828)).abs() < 1e-4 && (high - (4.0 + 4.96828)).abs() < 1e-4);
    }

    #[test]
    fn one_observation_has_no_interval() {
        let one: Summary = [3.0].into_iter().collect();
        assert_eq!(
            (one.mean(), one.variance(), one.interval(0.95)),
            (Some(3.0), None, None)
        );
        assert_eq!(Summary::new().mean(), None);
    }

    #[test]
    fn equal_observations_have_an_empty_interval() {
        let same: Summary = [0.1; 7].into_iter().collect();
        assert_eq!(same.half_width(0.95), Some(0.0));
    }

    proptest! {
        #[test]
        fn the_same_as_two_passes(values in prop::collection::vec(-1e6..1e6f64, 2..100)) {
            let summary: Summary = values.iter().copied().collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64;
            prop_assert!((summary.mean().unwrap() - mean).abs() <= 1e-9 * 1e6);
            prop_assert!((summary.variance().unwrap() - variance).abs() <= 1e-9 * 1e12);
        }
    }
}
