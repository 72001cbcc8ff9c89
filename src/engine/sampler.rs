//! Durations drawn at random: from random bits to nanoseconds.
//!
//! A sampler is bit-stable: the same bits give the same durations on every machine, because every
//! logarithm and power comes from `libm` and the rest is plain IEEE arithmetic. It refuses to know
//! where the bits come from and what the durations are for.

use clock::{Duration, SECOND};

use crate::random::Bits;
use crate::ziggurat::{exp1, normal};

/// No draw is longer: ten years of 365 days, in nanoseconds.
const LONGEST: u64 = 10 * 365 * 86_400 * SECOND;

/// A truncated normal redraws this often before it gives 0. A mean at 0 or above makes that an event
/// of probability at most 2^-64.
const REDRAWS: u32 = 64;

/// A bounded Pareto redraws this often before it inverts its distribution function.
const PARETO_REDRAWS: u32 = 4;

/// Up to this many stages an Erlang variate is a sum of exponentials; above, a gamma variate is
/// faster.
const ERLANG_SUM: u32 = 8;

/// A distribution of durations. Parameters are in nanoseconds and in the ranges stated; outside of
/// them draws are still durations, but no promise is made of their distribution.
#[derive(Clone, PartialEq, Debug)]
pub enum Sampler {
    /// Always the same.
    Constant(u64),
    /// Mean above 0.
    Exponential {
        /// In nanoseconds.
        mean: f64,
    },
    /// Even over `low..low + width`.
    Uniform {
        /// In nanoseconds.
        low: f64,
        /// In nanoseconds, at least 0.
        width: f64,
    },
    /// Negative draws are drawn again.
    Normal {
        /// Before truncation, in nanoseconds, at least 0.
        mean: f64,
        /// Before truncation, in nanoseconds, at least 0.
        sd: f64,
    },
    /// `exp(mu + sigma Z)` nanoseconds.
    Lognormal {
        /// Of the logarithm of nanoseconds.
        mu: f64,
        /// At least 0.
        sigma: f64,
    },
    /// Marsaglia and Tsang (2000).
    Gamma {
        /// Above 0.
        shape: f64,
        /// In nanoseconds, above 0.
        scale: f64,
    },
    /// Sum of `k` exponentials, each of mean `scale`.
    Erlang {
        /// At least 1.
        k: u32,
        /// In nanoseconds, above 0.
        scale: f64,
    },
    /// `scale * E^inv_shape`.
    Weibull {
        /// In nanoseconds, above 0.
        scale: f64,
        /// One over the shape.
        inv_shape: f64,
    },
    /// `minimum * U^-inv_shape`, conditioned on being at most `maximum`.
    Pareto {
        /// In nanoseconds, above 0.
        minimum: f64,
        /// One over the shape.
        inv_shape: f64,
        /// In nanoseconds, above `minimum`.
        maximum: Option<f64>,
    },
    /// Exponential of mean `mean1` with probability `p`, else of mean `mean2`.
    Hyperexponential {
        /// 0..=1.
        p: f64,
        /// In nanoseconds.
        mean1: f64,
        /// In nanoseconds.
        mean2: f64,
    },
    /// One of several.
    Mixture(Box<Mixture>),
    /// Rising values in nanoseconds; the inverse of their distribution, linear between neighbours.
    /// None give 0.
    Empirical(Box<[f64]>),
}

impl Sampler {
    /// One of `parts`, by weight (above 0). None give 0.
    pub fn mixture(parts: Vec<(f64, Sampler)>) -> Self {
        Self::Mixture(Box::new(Mixture::new(parts)))
    }

    /// One draw: rounded to the nanosecond, not negative, at most ten years.
    #[inline]
    pub fn sample(&self, bits: &mut impl Bits) -> Duration {
        match self {
            Self::Constant(ns) => Duration::from_nanos(*ns.min(&LONGEST)),
            Self::Exponential { mean } => rounded(exp1(bits) * mean),
            _ => rounded(self.other(bits)),
        }
    }

    /// The mean in nanoseconds, by closed form. Only that of Pareto takes the longest draw into
    /// account (without it, shapes of 1 and below would have none).
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Constant(ns) => ns.min(LONGEST) as f64,
            Self::Exponential { mean } => mean,
            Self::Uniform { low, width } => low + 0.5 * width,
            Self::Normal { mean, sd } => truncated_normal_mean(mean, sd),
            Self::Lognormal { mu, sigma } => libm::exp(mu + 0.5 * sigma * sigma),
            Self::Gamma { shape, scale } => shape * scale,
            Self::Erlang { k, scale } => f64::from(k) * scale,
            Self::Weibull { scale, inv_shape } => scale * libm::tgamma(1.0 + inv_shape),
            Self::Pareto {
                minimum,
                inv_shape,
                maximum,
            } => pareto_mean(minimum, 1.0 / inv_shape, maximum),
            Self::Hyperexponential { p, mean1, mean2 } => p * mean1 + (1.0 - p) * mean2,
            Self::Mixture(ref mixture) => mixture.mean(),
            Self::Empirical(ref values) => empirical_mean(values),
        }
    }

    #[inline(never)]
    fn other<B: Bits>(&self, bits: &mut B) -> f64 {
        match *self {
            Self::Constant(ns) => ns as f64,
            Self::Exponential { mean } => exp1(bits) * mean,
            Self::Uniform { low, width } => low + width * bits.unit(),
            Self::Normal { mean, sd } => truncated_normal(mean, sd, bits),
            Self::Lognormal { mu, sigma } => libm::exp(mu + sigma * normal(bits)),
            Self::Gamma { shape, scale } => scale * gamma(shape, bits),
            Self::Erlang { k, scale } if k <= ERLANG_SUM => {
                scale * (0..k).map(|_| exp1(bits)).sum::<f64>()
            }
            Self::Erlang { k, scale } => scale * gamma(f64::from(k), bits),
            Self::Weibull { scale, inv_shape } => scale * power(exp1(bits), inv_shape),
            Self::Pareto {
                minimum,
                inv_shape,
                maximum: None,
            } => minimum * libm::exp(inv_shape * exp1(bits)),
            Self::Pareto {
                minimum,
                inv_shape,
                maximum: Some(maximum),
            } => bounded_pareto(minimum, inv_shape, maximum, bits),
            Self::Hyperexponential { p, mean1, mean2 } => {
                let mean = if bits.unit() < p { mean1 } else { mean2 };
                mean * exp1(bits)
            }
            Self::Mixture(ref mixture) => mixture.draw(bits),
            Self::Empirical(ref values) => empirical(values, bits),
        }
    }
}

/// Distributions with the probabilities by which one of them is chosen.
#[derive(Clone, PartialEq, Debug)]
pub struct Mixture {
    /// With the probability of this part or one before it; rising.
    parts: Vec<(f64, Sampler)>,
}

impl Mixture {
    /// Chooses among `parts` by weight (above 0).
    pub fn new(mut parts: Vec<(f64, Sampler)>) -> Self {
        let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
        let mut sum = 0.0;
        for (weight, _) in &mut parts {
            sum += *weight;
            *weight = sum / total;
        }
        Self { parts }
    }

    fn draw<B: Bits>(&self, bits: &mut B) -> f64 {
        // A walk, because a mixture has few parts.
        let u = bits.unit();
        let chosen = self.parts.iter().find(|(below, _)| u < *below);
        match chosen.or(self.parts.last()) {
            Some((_, part)) => part.other(bits),
            None => 0.0,
        }
    }

    fn mean(&self) -> f64 {
        let mut before = 0.0;
        let mut mean = 0.0;
        for (below, part) in &self.parts {
            mean += (below - before) * part.mean();
            before = *below;
        }
        mean
    }
}

/// Nanoseconds, rounded; what is negative or no number becomes 0, what is too long [`LONGEST`].
#[inline]
fn rounded(ns: f64) -> Duration {
    // By way of a signed number, for which the processor has an instruction; `as` saturates.
    let ns = (ns + 0.5) as i64;
    Duration::from_nanos(ns.clamp(0, LONGEST as i64) as u64)
}

/// `x^y` for x >= 0, at a third of the price of `libm::pow`: its last digits are not worth more in a
/// random draw.
fn power(x: f64, y: f64) -> f64 {
    libm::exp(y * libm::log(x))
}

fn truncated_normal(mean: f64, sd: f64, bits: &mut impl Bits) -> f64 {
    for _ in 0..REDRAWS {
        let x = mean + sd * normal(bits);
        if x >= 0.0 {
            return x;
        }
    }
    0.0
}

/// Redrawn while too long, which costs one exponential as a rule; where that does not end soon, by the
/// inverse of the conditioned distribution function. Both have the same distribution.
fn bounded_pareto(minimum: f64, inv_shape: f64, maximum: f64, bits: &mut impl Bits) -> f64 {
    for _ in 0..PARETO_REDRAWS {
        let x = minimum * libm::exp(inv_shape * exp1(bits));
        if x <= maximum {
            return x;
        }
    }
    let beyond = power(minimum / maximum, 1.0 / inv_shape);
    let u = 1.0 - bits.unit() * (1.0 - beyond);
    (minimum * power(u, -inv_shape)).min(maximum)
}

/// A gamma variate of scale 1.
fn gamma(shape: f64, bits: &mut impl Bits) -> f64 {
    // Below 1 by boosting: a variate of shape + 1, times U^(1/shape) = e^(-E/shape).
    let (shape, boost) = if shape < 1.0 {
        (shape + 1.0, libm::exp(-exp1(bits) / shape))
    } else {
        (shape, 1.0)
    };
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(bits);
        let t = 1.0 + c * x;
        if t <= 0.0 {
            continue;
        }
        let v = t * t * t;
        let u = bits.open_unit();
        let squared = x * x;
        if u < 1.0 - 0.0331 * squared * squared
            || libm::log(u) < 0.5 * squared + d * (1.0 - v + libm::log(v))
        {
            return d * v * boost;
        }
    }
}

fn empirical(values: &[f64], bits: &mut impl Bits) -> f64 {
    let [.., last] = values else { return 0.0 };
    let place = bits.unit() * (values.len() - 1) as f64;
    let i = place as usize;
    match values.get(i..i + 2) {
        Some(pair) => pair[0] + (pair[1] - pair[0]) * (place - i as f64),
        None => *last,
    }
}

/// Of the piecewise even density that [`empirical`] draws from.
fn empirical_mean(values: &[f64]) -> f64 {
    match values {
        [] => 0.0,
        [only] => *only,
        [first, .., last] => {
            let sum: f64 = values.iter().sum();
            (sum - 0.5 * (first + last)) / (values.len() - 1) as f64
        }
    }
}

/// `mean + sd φ(a) / (1 − Φ(a))` with `a = −mean/sd`.
fn truncated_normal_mean(mean: f64, sd: f64) -> f64 {
    if sd <= 0.0 {
        return mean.max(0.0);
    }
    let a = -mean / sd;
    let density = libm::exp(-0.5 * a * a) / (2.0 * std::f64::consts::PI).sqrt();
    let survival = 0.5 * libm::erfc(a / std::f64::consts::SQRT_2);
    mean + sd * density / survival
}

/// Bounded: the mean of the conditioned variate. Unbounded: that of the lesser of the variate and
/// [`LONGEST`].
fn pareto_mean(minimum: f64, shape: f64, maximum: Option<f64>) -> f64 {
    let end = maximum.unwrap_or(LONGEST as f64);
    let ratio = minimum / end;
    // The integral of the survival function from the minimum to the end, over the minimum.
    let tail = if (shape - 1.0).abs() < 1e-9 {
        -libm::log(ratio)
    } else {
        (1.0 - libm::pow(ratio, shape - 1.0)) / (shape - 1.0)
    };
    match maximum {
        None => minimum * (1.0 + tail),
        Some(_) => {
            let beyond = libm::pow(ratio, shape);
            // Conditioning takes the survival at the end away from every point.
            minimum + (minimum * tail - beyond * (end - minimum)) / (1.0 - beyond)
        }
    }
}
