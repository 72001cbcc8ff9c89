//! Distributions of durations: from the parameters that people know (a mean and a coefficient of
//! variation, a median and a p99) to those that a sampler needs.

use crate::quantity::{Count, Number, PositiveDuration, PositiveNumber, parse_duration};
use crate::reader::{List, Reader, Value};
use crate::schema::Defs;
use crate::series::{TimeUnit, read_column};
use crate::shape::{choice, record};
use crate::tree::{Kind, Node};
use crate::types::Distribution;
use clock::Duration;
use serde_json::{Value as Json, json};

/// The 99th percentile of the standard normal distribution.
const Z_99: f64 = 2.326_347_874_040_841;

impl Value for Distribution {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => Shape::read(node, cx)?.resolve(cx),
            Kind::Scalar(scalar) => match parse_duration(&scalar.text) {
                Ok(duration) => Some(Self::Constant(duration)),
                Err(help) => {
                    cx.expected("a duration or a distribution", node).help(help);
                    None
                }
            },
            _ => {
                cx.expected("a duration or a distribution", node).help(
                    "write a duration such as `5ms`, or a map such as `{exponential: {mean: 5ms}}`",
                );
                None
            }
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        let duration = Duration::schema(defs);
        let shape = Shape::schema(defs);
        defs.named::<Self>("Distribution", |_| {
            json!({
                "description": "A distribution of durations; a bare duration is a constant.",
                "oneOf": [duration, shape],
                "examples": ["5ms", {"exponential": {"mean": "5ms"}}, {"lognormal": {"p50": "4ms", "p99": "30ms"}}],
            })
        })
    }
}

impl Distribution {
    /// Whether every draw is 0.
    pub(crate) fn always_zero(&self) -> bool {
        match self {
            Self::Constant(duration) => duration.is_zero(),
            Self::Uniform { high, .. } => *high == 0.0,
            Self::Normal { mean, sd } => *mean == 0.0 && *sd == 0.0,
            Self::Mixture(parts) => parts.iter().all(|(_, part)| part.always_zero()),
            Self::Empirical(values) => values.last().is_none_or(|v| *v == 0.0),
            _ => false,
        }
    }
}

/// A distribution that is not always 0.
#[derive(Clone, Debug)]
pub(crate) struct Moving(pub(crate) Distribution);

impl Value for Moving {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let distribution = Distribution::read(node, cx)?;
        if distribution.always_zero() {
            cx.problem(node.span, "this must not always be 0");
            return None;
        }
        Some(Self(distribution))
    }

    fn schema(defs: &mut Defs) -> Json {
        Distribution::schema(defs)
    }
}

choice! {
    /// A distribution of durations.
    "a distribution": Shape {
        /// Memoryless: the time until the next of many independent causes.
        "exponential" => Exponential(ExponentialShape),
        /// Anything between two ends, equally likely.
        "uniform" => Uniform(UniformShape),
        /// The bell curve, truncated at 0: negative draws are drawn again.
        "normal" => Normal(NormalShape),
        /// A long right tail, as service times often have; by mean and coefficient of variation,
        /// or by median and 99th percentile.
        "lognormal" => Lognormal(LognormalShape),
        /// Between constant (cv 0) and exponential (cv 1), or beyond.
        "gamma" => Gamma(MeanAndCv),
        /// The sum of k exponentials, together of this mean.
        "erlang" => Erlang(ErlangShape),
        /// Lifetimes: ageing (shape above 1) or infant mortality (below 1).
        "weibull" => Weibull(WeibullShape),
        /// A power-law tail, optionally cut at a maximum.
        "pareto" => Pareto(ParetoShape),
        /// Two exponentials with balanced means; more variable than one (cv at least 1).
        "hyperexponential" => Hyperexponential(MeanAndCv),
        /// One of several distributions, by weight.
        "mixture" => Mixture(List<Part, 1>),
        /// Measured values from a CSV file, by inverse-CDF sampling with linear interpolation.
        "empirical" => Empirical(EmpiricalShape),
    }
}

record! {
    /// The exponential distribution.
    ExponentialShape {
        /// The mean, above 0.
        required mean: PositiveDuration,
    }
}

record! {
    /// The uniform distribution.
    UniformShape {
        /// The least value.
        required low: Duration,
        /// The greatest value.
        required high: Duration,
    }
}

record! {
    /// The normal distribution, truncated at 0.
    NormalShape {
        /// The mean before truncation.
        required mean: Duration,
        /// The standard deviation before truncation.
        required sd: Duration,
    }
}

record! {
    /// The lognormal distribution: `mean` and `cv`, or `p50` and `p99`.
    LognormalShape {
        /// The mean.
        optional mean: PositiveDuration,
        /// The coefficient of variation: standard deviation divided by mean.
        optional cv: Number,
        /// The median.
        optional p50: PositiveDuration,
        /// The 99th percentile.
        optional p99: PositiveDuration,
    }
    one_of { "mean", "p50" }
    needs { "mean" => "cv", "cv" => "mean", "p50" => "p99", "p99" => "p50" }
}

record! {
    /// A mean and a coefficient of variation.
    MeanAndCv {
        /// The mean, above 0.
        required mean: PositiveDuration,
        /// The coefficient of variation: standard deviation divided by mean.
        required cv: PositiveNumber,
    }
}

record! {
    /// The Erlang distribution.
    ErlangShape {
        /// How many exponentials are summed.
        required k: Count<1, 10_000>,
        /// The mean of the sum.
        required mean: PositiveDuration,
    }
}

record! {
    /// The Weibull distribution.
    WeibullShape {
        /// The scale: 63.2 % of values are below it.
        required scale: PositiveDuration,
        /// The shape; 1 is exponential.
        required shape: PositiveNumber,
    }
}

record! {
    /// The Pareto distribution.
    ParetoShape {
        /// The least value, above 0.
        required minimum: PositiveDuration,
        /// The exponent of the tail; the mean is infinite at 1 and below.
        required shape: PositiveNumber,
        /// Where the tail is cut; above the minimum.
        optional maximum: PositiveDuration,
    }
}

record! {
    /// One part of a mixture.
    Part {
        /// Its share of the sum of weights, above 0.
        required weight: PositiveNumber,
        /// What it draws.
        required value: Distribution,
    }
}

record! {
    /// Measured durations from a CSV file.
    EmpiricalShape {
        /// The CSV file, relative to the model file.
        required file: String,
        /// The column's name in the header, or its number, from 1.
        required column: String,
        /// The unit of its numbers.
        required unit: TimeUnit,
    }
}

fn ns(duration: PositiveDuration) -> f64 {
    duration.0.as_nanos() as f64
}

impl Shape {
    fn resolve(self, cx: &mut Reader<'_>) -> Option<Distribution> {
        Some(match self {
            Self::Exponential(shape) => Distribution::Exponential {
                mean: ns(*shape.mean),
            },
            Self::Uniform(shape) => {
                let (low, high) = (*shape.low, *shape.high);
                if low > high {
                    cx.problem(
                        shape.high.span,
                        format!("`high` is below `low`, which is {low}"),
                    )
                    .note(shape.low.span, "`low` is here");
                    return None;
                }
                Distribution::Uniform {
                    low: low.as_nanos() as f64,
                    high: high.as_nanos() as f64,
                }
            }
            Self::Normal(shape) => Distribution::Normal {
                mean: shape.mean.as_nanos() as f64,
                sd: shape.sd.as_nanos() as f64,
            },
            Self::Lognormal(shape) => shape.value.resolve(cx)?,
            Self::Gamma(shape) => {
                let square = shape.cv.0 * shape.cv.0;
                let (order, scale) = (1.0 / square, ns(*shape.mean) * square);
                if !(order > 0.0 && order.is_finite() && scale > 0.0 && scale.is_finite()) {
                    cx.problem(
                        shape.cv.span,
                        "this coefficient of variation is out of range",
                    );
                    return None;
                }
                Distribution::Gamma {
                    shape: order,
                    scale,
                }
            }
            Self::Erlang(shape) => Distribution::Erlang {
                k: shape.k.0,
                mean: ns(*shape.mean),
            },
            Self::Weibull(shape) => Distribution::Weibull {
                scale: ns(*shape.scale),
                shape: shape.shape.0,
            },
            Self::Pareto(shape) => {
                if let Some(maximum) = shape.maximum
                    && maximum.0 <= shape.minimum.0
                {
                    cx.problem(
                        maximum.span,
                        format!(
                            "`maximum` must be above `minimum`, which is {}",
                            shape.minimum.0
                        ),
                    )
                    .note(shape.minimum.span, "`minimum` is here");
                    return None;
                }
                let maximum = shape.maximum.map(|m| ns(*m));
                Distribution::Pareto {
                    minimum: ns(*shape.minimum),
                    shape: shape.shape.0,
                    maximum,
                }
            }
            Self::Hyperexponential(shape) => {
                let (mean, cv) = (ns(*shape.mean), shape.cv.0);
                if !(1.0..=1e4).contains(&cv) {
                    cx.problem(
                        shape.cv.span,
                        format!("expected a number from 1 to 10000, found `{cv}`"),
                    )
                    .help("below 1 use `gamma` or `erlang`");
                    return None;
                }
                // Balanced means: p = (1 + s)/2 with s² = (cv²-1)/(cv²+1); the other branch's
                // probability (1-s)/2 is written so that nothing cancels.
                let square = cv * cv;
                let s = ((square - 1.0) / (square + 1.0)).sqrt();
                let rest = 1.0 / ((square + 1.0) * (1.0 + s));
                let p = 1.0 - rest;
                Distribution::Hyperexponential {
                    p,
                    mean1: mean / (2.0 * p),
                    mean2: mean / (2.0 * rest),
                }
            }
            Self::Mixture(parts) => {
                let parts: Vec<_> = parts
                    .value
                    .0
                    .into_iter()
                    .map(|p| (p.weight.0, p.value.value))
                    .collect();
                if parts.is_empty()
                    || !parts
                        .iter()
                        .map(|(weight, _)| weight)
                        .sum::<f64>()
                        .is_finite()
                {
                    return None;
                }
                Distribution::Mixture(parts)
            }
            Self::Empirical(shape) => {
                let (unit, at) = (shape.unit.nanoseconds(), shape.file.span);
                let mut values = read_column(&shape.value.file, &shape.value.column, cx)?;
                if let Some(row) = values.iter().position(|v| *v < 0.0) {
                    cx.problem(
                        at,
                        format!(
                            "value {} of this column is negative: {}",
                            row + 1,
                            values[row]
                        ),
                    );
                    return None;
                }
                values.iter_mut().for_each(|v| *v *= unit);
                values.sort_by(f64::total_cmp);
                Distribution::Empirical(values)
            }
        })
    }
}

impl LognormalShape {
    fn resolve(self, cx: &mut Reader<'_>) -> Option<Distribution> {
        match (self.mean, self.cv, self.p50, self.p99) {
            (Some(mean), Some(cv), None, None) => {
                // A lognormal of this mean and cv has sigma² = ln(1 + cv²), mu = ln(mean) - sigma²/2.
                let square = libm::log1p(cv.0 * cv.0);
                if !square.is_finite() {
                    cx.problem(cv.span, "this coefficient of variation is out of range");
                    return None;
                }
                Some(Distribution::Lognormal {
                    mu: libm::log(ns(*mean)) - square / 2.0,
                    sigma: square.sqrt(),
                })
            }
            (None, None, Some(p50), Some(p99)) => {
                if p99.0 < p50.0 {
                    cx.problem(
                        p99.span,
                        format!("`p99` is below `p50`, which is {}", p50.0),
                    )
                    .note(p50.span, "`p50` is here");
                    return None;
                }
                let (mu, top) = (libm::log(ns(*p50)), libm::log(ns(*p99)));
                Some(Distribution::Lognormal {
                    mu,
                    sigma: (top - mu) / Z_99,
                })
            }
            _ => None,
        }
    }
}
