//! Which key (customer) a request comes from: Zipf's law over any number of keys, without a table.
//!
//! Rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from
//! monotone discrete distributions", ACM TOMACS 6, 1996): exact, and never more than a few draws. The
//! functions are `libm`'s, so that a key is the same on every machine.

use engine::Bits;

/// The keys of one workload.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    count: u32,
    zipf: f64,
    /// The hat's integral from the first key's left to the last key's right.
    low: f64,
    high: f64,
    /// Who lies closer than this to the key below is accepted without a look at the hat.
    close: f64,
}

impl Keys {
    pub(crate) fn new(keys: model::Keys) -> Self {
        let mut made = Self {
            count: keys.count,
            zipf: keys.zipf,
            low: 0.0,
            high: 0.0,
            close: 0.0,
        };
        made.low = made.integral(1.5) - 1.0;
        made.high = made.integral(f64::from(keys.count) + 0.5);
        made.close = 2.0 - made.inverse(made.integral(2.5) - made.weight(2.0));
        made
    }

    /// A key below the count: the k-th has a share proportional to `k^-zipf`.
    pub(crate) fn draw(&self, bits: &mut impl Bits) -> u32 {
        if self.zipf == 0.0 {
            return bits.below(self.count);
        }
        loop {
            let area = self.high + bits.open_unit() * (self.low - self.high);
            let x = self.inverse(area);
            let k = libm::floor(x + 0.5).clamp(1.0, f64::from(self.count));
            if k - x <= self.close || area >= self.integral(k + 0.5) - self.weight(k) {
                return k as u32 - 1;
            }
        }
    }

    /// `x^-zipf`.
    fn weight(&self, x: f64) -> f64 {
        libm::exp(-self.zipf * libm::log(x))
    }

    /// The integral of the weight from 1: `(x^(1-zipf) - 1) / (1 - zipf)`, or the logarithm.
    fn integral(&self, x: f64) -> f64 {
        let (log, power) = (libm::log(x), 1.0 - self.zipf);
        if libm::fabs(power * log) < TINY {
            return log;
        }
        libm::expm1(power * log) / power
    }

    fn inverse(&self, area: f64) -> f64 {
        let power = 1.0 - self.zipf;
        let scaled = power * area;
        if libm::fabs(scaled) < TINY {
            return libm::exp(area);
        }
        // Rounding must not take it below the pole.
        libm::exp(libm::log1p(scaled.max(-1.0)) / power)
    }
}

/// So near to 0 the ratio's limit is exact.
const TINY: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Stream;

    fn keys(count: u32, zipf: f64) -> Keys {
        Keys::new(model::Keys { count, zipf })
    }

    #[test]
    fn shares_follow_the_law() {
        let draws = 200_000;
        for zipf in [0.0, 0.3, 0.99, 1.0, 1.01, 2.0, 5.0] {
            for count in [1, 2, 3, 12] {
                let keys = keys(count, zipf);
                let mut bits = Stream::new(7);
                let mut seen = vec![0_u32; count as usize];
                for _ in 0..draws {
                    seen[keys.draw(&mut bits) as usize] += 1;
                }
                let weights: Vec<f64> = (1..=count).map(|k| f64::from(k).powf(-zipf)).collect();
                let sum: f64 = weights.iter().sum();
                for (k, (seen, weight)) in seen.iter().zip(&weights).enumerate() {
                    let share = weight / sum;
                    let mean = share * f64::from(draws);
                    let sd = (mean * (1.0 - share)).sqrt();
                    let off = (f64::from(*seen) - mean).abs();
                    assert!(
                        off <= 5.0 * sd + 1.0,
                        "zipf {zipf}, key {k} of {count}: {seen} for {mean}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_key_is_out_of_range_however_many_there_are() {
        for zipf in [0.0, 1e-15, 0.5, 1.0, 1.0 + 1e-15, 3.0, 50.0] {
            for count in [1, 2, 1_000_000, u32::MAX] {
                let keys = keys(count, zipf);
                let mut bits = Stream::new(1);
                assert!((0..1000).all(|_| keys.draw(&mut bits) < count));
            }
        }
    }

    #[test]
    fn among_many_keys_the_first_has_its_share() {
        // The harmonic number of a million is 14.3927.
        let keys = keys(1_000_000, 1.0);
        let mut bits = Stream::new(3);
        let draws = 100_000;
        let first = (0..draws).filter(|_| keys.draw(&mut bits) == 0).count() as f64;
        let share = 1.0 / 14.392_7;
        let sd = (f64::from(draws) * share * (1.0 - share)).sqrt();
        assert!(
            (first - f64::from(draws) * share).abs() < 5.0 * sd,
            "{first}"
        );
    }
}
