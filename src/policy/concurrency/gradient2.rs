//! By the ratio of the long-term latency to the last one: Netflix's `Gradient2Limit`.
//!
//! It is told of every call, as there; Netflix advises to put it behind a `WindowedLimit`, which would
//! tell it of the mean of a second.

use super::{Bounds, Sample};

#[derive(Clone, Debug)]
pub(super) struct Gradient2 {
    estimate: f64,
    bounds: Bounds,
    queue: f64,
    smoothing: f64,
    tolerance: f64,
    long: LongTerm,
}

impl Gradient2 {
    pub(super) fn new(
        initial: u32,
        bounds: Bounds,
        queue: u32,
        smoothing: f64,
        long_window: u32,
        tolerance: f64,
    ) -> Self {
        Self {
            estimate: f64::from(bounds.bring_in(initial)),
            bounds,
            queue: f64::from(queue),
            smoothing,
            tolerance,
            long: LongTerm::new(long_window),
        }
    }

    #[inline]
    pub(super) fn limit(&self) -> u32 {
        self.estimate as u32
    }

    #[inline]
    pub(super) fn update(&mut self, sample: Sample) -> u32 {
        let short = sample.rtt as f64;
        let long = self.long.add(short);
        // After a long overload the average would take its time to come down.
        if long / short > 2.0 {
            self.long.mean *= 0.95;
        }
        if f64::from(sample.in_flight) >= self.estimate / 2.0 {
            let gradient = (self.tolerance * long / short).clamp(0.5, 1.0);
            let next = self.estimate * gradient + self.queue;
            let next = self.estimate * (1.0 - self.smoothing) + next * self.smoothing;
            self.estimate = self.bounds.bring_in_f64(next);
        }
        self.limit()
    }
}

/// The mean of the first samples, then an exponential average (`ExpAvgMeasurement`).
#[derive(Clone, Debug)]
struct LongTerm {
    mean: f64,
    sum: f64,
    count: u32,
    factor: f64,
}

impl LongTerm {
    const WARMUP: u32 = 10;

    fn new(window: u32) -> Self {
        Self {
            mean: 0.0,
            sum: 0.0,
            count: 0,
            factor: 2.0 / (f64::from(window) + 1.0),
        }
    }

    #[inline]
    fn add(&mut self, sample: f64) -> f64 {
        if self.count < Self::WARMUP {
            self.count += 1;
            self.sum += sample;
            self.mean = self.sum / f64::from(self.count);
        } else {
            self.mean = self.mean * (1.0 - self.factor) + sample * self.factor;
        }
        self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Netflix's `ExpAvgMeasurementTest`, with its numbers.
    #[test]
    fn the_long_term_starts_as_a_mean_and_goes_on_as_an_average() {
        let mut long = LongTerm::new(100);
        let expected = [10.0, 10.5, 11.0, 11.5, 12.0, 12.5, 13.0, 13.5, 14.0, 14.5];
        for (sample, mean) in (10..20).zip(expected) {
            assert_eq!(long.add(f64::from(sample)), mean);
        }
        long.add(100.0);
        assert!((long.mean - 16.2).abs() < 0.1, "{}", long.mean);
    }

    #[test]
    fn a_long_term_more_than_twice_the_last_latency_comes_down_faster() {
        let bounds = Bounds::new(10, 200);
        let mut gradient = Gradient2::new(20, bounds, 4, 0.2, 599, 1.5);
        let mut after = |rtt| {
            gradient.update(Sample {
                rtt,
                in_flight: 1,
                dropped: false,
            });
            gradient.long.mean
        };
        (0..10).for_each(|_| assert_eq!(after(4_000), 4_000.0));
        // A sample counts for a 300th: 4000 - 10 is more than twice 1000, and 0.95 of it is left.
        assert!((after(1_000) - 3_790.5).abs() < 1e-6);
        // 3790.5 - 5.635 is less than twice 2100.
        assert!((after(2_100) - 3_784.865).abs() < 1e-6);
    }
}
