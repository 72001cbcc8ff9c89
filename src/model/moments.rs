//! What is known of a distribution without drawing from it: its mean and its least value, by closed
//! form. It refuses to know what the duration is for.

use crate::types::Distribution;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

impl Distribution {
    /// The mean in nanoseconds, by closed form. Infinite for an unbounded Pareto of shape 1 or less
    /// (and for what is mixed from one).
    pub fn mean_ns(&self) -> f64 {
        match *self {
            Self::Constant(duration) => duration.as_nanos() as f64,
            Self::Exponential { mean } | Self::Erlang { mean, .. } => mean,
            Self::Uniform { low, high } => low + (high - low) / 2.0,
            Self::Normal { mean, sd } => truncated_normal(mean, sd),
            Self::Lognormal { mu, sigma } => libm::exp(mu + sigma * sigma / 2.0),
            Self::Gamma { shape, scale } => shape * scale,
            Self::Weibull { scale, shape } => scale * libm::tgamma(1.0 + 1.0 / shape),
            Self::Pareto {
                minimum,
                shape,
                maximum,
            } => match maximum {
                Some(maximum) => bounded_pareto(minimum, shape, maximum),
                None if shape > 1.0 => minimum * shape / (shape - 1.0),
                None => f64::INFINITY,
            },
            Self::Hyperexponential { p, mean1, mean2 } => p * mean1 + (1.0 - p) * mean2,
            Self::Mixture(ref parts) => weighted(parts, Self::mean_ns),
            Self::Empirical(ref values) => trapezoids(values),
        }
    }

    /// The mean, or the median where there is no finite mean; in nanoseconds.
    pub(crate) fn typical_ns(&self) -> f64 {
        match *self {
            Self::Pareto {
                minimum,
                shape,
                maximum: None,
            } if shape <= 1.0 => minimum * libm::pow(2.0, 1.0 / shape),
            Self::Mixture(ref parts) => weighted(parts, Self::typical_ns),
            _ => self.mean_ns(),
        }
    }

    /// No draw is less; in nanoseconds.
    pub fn least_ns(&self) -> f64 {
        match *self {
            Self::Constant(duration) => duration.as_nanos() as f64,
            Self::Uniform { low, .. } => low,
            Self::Normal { mean, sd: 0.0 } => mean,
            Self::Lognormal { mu, sigma: 0.0 } => libm::exp(mu),
            Self::Pareto { minimum, .. } => minimum,
            Self::Mixture(ref parts) => parts
                .iter()
                .map(|(_, part)| part.least_ns())
                .fold(f64::INFINITY, f64::min),
            Self::Empirical(ref values) => values.first().copied().unwrap_or(0.0),
            _ => 0.0,
        }
    }
}

fn weighted(parts: &[(f64, Distribution)], of: impl Fn(&Distribution) -> f64) -> f64 {
    let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
    parts
        .iter()
        .map(|(weight, part)| weight / total * of(part))
        .sum()
}

/// Of a normal variate that is at least 0: `mean + sd h(mean/sd)`, `h(z) = φ(z)/Φ(z)`.
fn truncated_normal(mean: f64, sd: f64) -> f64 {
    if sd == 0.0 {
        return mean;
    }
    let z = mean / sd;
    let density = libm::exp(-z * z / 2.0) / (2.0 * PI).sqrt();
    let above = libm::erfc(-z * FRAC_1_SQRT_2) / 2.0;
    mean + sd * density / above
}

/// With `r = minimum/maximum`: `minimum k/(k-1) (1 - r^(k-1))/(1 - r^k)`. The differences are written
/// with `expm1`, so that nothing cancels around shape 1, where the limit is `-ln r/(1 - r)`.
fn bounded_pareto(minimum: f64, shape: f64, maximum: f64) -> f64 {
    let log = libm::log(minimum / maximum);
    let above = if shape == 1.0 {
        -log
    } else {
        -libm::expm1((shape - 1.0) * log) / (shape - 1.0)
    };
    minimum * shape * above / -libm::expm1(shape * log)
}

/// Of what is drawn by linear interpolation between sorted values: neighbours are equally likely.
fn trapezoids(values: &[f64]) -> f64 {
    match values {
        [] => 0.0,
        [only] => *only,
        _ => {
            let sum: f64 = values
                .windows(2)
                .map(|pair| (pair[0] + pair[1]) / 2.0)
                .sum();
            sum / (values.len() - 1) as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clock::Duration;

    /// The integral over 0..1, by the midpoint rule in `steps` steps.
    fn integrated(f: impl Fn(f64) -> f64, steps: u32) -> f64 {
        let step = 1.0 / f64::from(steps);
        (0..steps)
            .map(|i| f((f64::from(i) + 0.5) * step) * step)
            .sum()
    }

    fn close(distribution: &Distribution, expected: f64, relative: f64) {
        let mean = distribution.mean_ns();
        assert!(
            (mean - expected).abs() <= relative * expected,
            "{distribution:?}: {mean}, expected {expected}"
        );
    }

    #[test]
    fn a_bounded_pareto_is_the_integral_of_its_density() {
        for shape in [0.3, 0.999_999_9, 1.0, 1.000_000_1, 1.5, 4.0] {
            let (minimum, maximum): (f64, f64) = (2.0, 50.0);
            let beyond = (minimum / maximum).powf(shape);
            // x f(x) dx with x = minimum e^(t u), u even on 0..1.
            let t = (maximum / minimum).ln();
            let integrand = |u: f64| {
                let x = minimum * (t * u).exp();
                t * x * shape * (minimum / x).powf(shape) / (1.0 - beyond)
            };
            let distribution = Distribution::Pareto {
                minimum,
                shape,
                maximum: Some(maximum),
            };
            close(&distribution, integrated(integrand, 10_000), 1e-6);
        }
    }

    #[test]
    fn a_pareto_without_a_maximum_has_a_mean_only_above_shape_1() {
        let pareto = |shape| Distribution::Pareto {
            minimum: 3.0,
            shape,
            maximum: None,
        };
        close(&pareto(1.5), 9.0, 1e-15);
        assert_eq!(pareto(1.0).mean_ns(), f64::INFINITY);
        assert_eq!(pareto(1.0).typical_ns(), 6.0);
        let mixed = Distribution::Mixture(vec![
            (1.0, pareto(0.5)),
            (3.0, Distribution::Constant(Duration::from_nanos(8))),
        ]);
        assert_eq!(mixed.mean_ns(), f64::INFINITY);
        assert_eq!(mixed.typical_ns(), 9.0);
        assert_eq!(mixed.least_ns(), 3.0);
    }

    #[test]
    fn textbook_means() {
        // Half a normal at mean 0 is sd sqrt(2/pi); far from 0 nothing is cut off.
        close(
            &Distribution::Normal { mean: 0.0, sd: 5.0 },
            5.0 * (2.0 / PI).sqrt(),
            1e-14,
        );
        close(
            &Distribution::Normal {
                mean: 90.0,
                sd: 1.0,
            },
            90.0,
            1e-14,
        );
        close(&Distribution::Normal { mean: 7.0, sd: 0.0 }, 7.0, 0.0);
        // A Weibull of shape 2 is a Rayleigh, of shape 1 an exponential.
        let weibull = |shape| Distribution::Weibull { scale: 4.0, shape };
        close(&weibull(2.0), 4.0 * PI.sqrt() / 2.0, 1e-14);
        close(&weibull(1.0), 4.0, 1e-14);
        close(
            &Distribution::Lognormal {
                mu: 1.0,
                sigma: 2.0,
            },
            1f64.exp().powi(3),
            1e-14,
        );
        close(
            &Distribution::Gamma {
                shape: 0.25,
                scale: 8.0,
            },
            2.0,
            0.0,
        );
        close(
            &Distribution::Uniform {
                low: 2.0,
                high: 5.0,
            },
            3.5,
            0.0,
        );
    }

    #[test]
    fn an_empirical_mean_is_the_integral_of_its_quantiles() {
        let values = vec![1.0, 2.0, 4.0, 40.0];
        let quantile = |u: f64| {
            let place = u * 3.0;
            let i = place as usize;
            values[i] + (values[i + 1] - values[i]) * (place - i as f64)
        };
        let expected = integrated(quantile, 3_000);
        close(&Distribution::Empirical(values.clone()), expected, 1e-12);
        close(&Distribution::Empirical(vec![6.0]), 6.0, 0.0);
        assert_eq!(Distribution::Empirical(values).least_ns(), 1.0);
    }
}
