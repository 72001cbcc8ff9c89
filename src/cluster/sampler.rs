//! The model's distributions as the engine draws from them.

use engine::Sampler;
use model::Distribution;

/// Parameters were checked by the model; this only changes their form.
pub(crate) fn lower(distribution: &Distribution) -> Sampler {
    match *distribution {
        Distribution::Constant(d) => Sampler::Constant(d.as_nanos()),
        Distribution::Exponential { mean } => Sampler::Exponential { mean },
        Distribution::Uniform { low, high } => Sampler::Uniform {
            low,
            width: high - low,
        },
        Distribution::Normal { mean, sd } => Sampler::Normal { mean, sd },
        Distribution::Lognormal { mu, sigma } => Sampler::Lognormal { mu, sigma },
        Distribution::Gamma { shape, scale } => Sampler::Gamma { shape, scale },
        Distribution::Erlang { k, mean } => Sampler::Erlang {
            k,
            scale: mean / f64::from(k),
        },
        Distribution::Weibull { scale, shape } => Sampler::Weibull {
            scale,
            inv_shape: 1.0 / shape,
        },
        Distribution::Pareto {
            minimum,
            shape,
            maximum,
        } => Sampler::Pareto {
            minimum,
            inv_shape: 1.0 / shape,
            maximum,
        },
        Distribution::Hyperexponential { p, mean1, mean2 } => {
            Sampler::Hyperexponential { p, mean1, mean2 }
        }
        Distribution::Mixture(ref parts) => Sampler::mixture(
            parts
                .iter()
                .map(|(weight, d)| (*weight, lower(d)))
                .collect(),
        ),
        Distribution::Empirical(ref values) => Sampler::Empirical(values.clone().into()),
    }
}
