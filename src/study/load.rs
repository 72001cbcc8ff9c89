//! The load of a workload as one number, and the same model under another load.
//!
//! All rates of the workload are scaled together, so that a profile keeps its shape. The draws stay
//! the same ones: gaps between requests are stretched, and the n-th request of two loads has the same
//! demands. It refuses to know what a load is good for.

use crate::StudyError;
use model::{Distribution, MmppState, Model, RateProfile, RateSegment, Source};

/// A workload whose rate can be changed.
#[derive(Clone, Debug)]
pub struct Load {
    workload: usize,
    name: String,
    own: f64,
}

impl Load {
    /// The workload of this name; without one, the only workload that has a rate.
    ///
    /// # Errors
    /// [`StudyError::NoSuch`] for a name that the model does not have, [`StudyError::NoRate`] for a
    /// workload whose requests come at no rate, [`StudyError::WhichWorkload`] when a name is needed.
    pub fn of(model: &Model, name: Option<&str>) -> Result<Self, StudyError> {
        let workload = match name {
            Some(name) => {
                let at = model.workloads.iter().position(|w| w.name == name);
                at.ok_or_else(|| {
                    let known = model.workloads.iter().map(|w| w.name.clone());
                    StudyError::no_such("workload", name, known)
                })?
            }
            None => only(model)?,
        };
        let found = &model.workloads[workload];
        let own = rate(&found.source).ok_or_else(|| StudyError::NoRate {
            workload: found.name.clone(),
            source_kind: kind(&found.source),
        })?;
        Ok(Self {
            workload,
            name: found.name.clone(),
            own,
        })
    }

    /// The workload's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which workload it is, by its place in the model.
    pub fn workload(&self) -> usize {
        self.workload
    }

    /// Requests a second as the model has it: the highest rate of a profile, the mean rate of a
    /// process that moves between states, one request per mean gap of a renewal process.
    pub fn own(&self) -> f64 {
        self.own
    }

    /// The model under this load, in requests a second, above 0.
    pub fn at(&self, model: &Model, rate: f64) -> Model {
        let mut model = model.clone();
        let source = &mut model.workloads[self.workload].source;
        if rate != self.own {
            *source = scaled(source, rate / self.own);
            set_single(source, rate);
        }
        model
    }
}

fn only(model: &Model) -> Result<usize, StudyError> {
    let rated = |w: &usize| rate(&model.workloads[*w].source).is_some();
    let all: Vec<usize> = (0..model.workloads.len()).filter(rated).collect();
    match all[..] {
        [one] => Ok(one),
        [] => Err(StudyError::NoRate {
            workload: model.workloads[0].name.clone(),
            source_kind: kind(&model.workloads[0].source),
        }),
        _ => Err(StudyError::WhichWorkload {
            known: all
                .into_iter()
                .map(|w| model.workloads[w].name.clone())
                .collect(),
        }),
    }
}

fn kind(source: &Source) -> &'static str {
    match source {
        Source::Poisson(_) | Source::Deterministic(_) | Source::Renewal(_) | Source::Mmpp(_) => {
            "never come at all"
        }
        Source::Times(_) => "come at the times of a trace",
        Source::Closed { .. } => "come from users who wait for their answers",
        Source::Batch { .. } => "come all at once",
    }
}

/// Requests a second; `None` where there is no such thing, or none comes at all.
fn rate(source: &Source) -> Option<f64> {
    let rate = match source {
        Source::Poisson(profile) | Source::Deterministic(profile) => {
            let rates = profile.0.iter().map(|segment| segment.rate);
            rates.fold(0.0, f64::max)
        }
        Source::Renewal(gap) => 1e9 / gap.mean_ns(),
        Source::Mmpp(states) => {
            let time: f64 = states.iter().map(|state| state.hold.mean_ns()).sum();
            let requests = states.iter().map(|s| s.rate * s.hold.mean_ns());
            requests.sum::<f64>() / time
        }
        Source::Times(_) | Source::Closed { .. } | Source::Batch { .. } => return None,
    };
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

fn scaled(source: &Source, factor: f64) -> Source {
    let profile = |profile: &RateProfile| {
        let segments = profile.0.iter().map(|segment| RateSegment {
            rate: segment.rate * factor,
            ..*segment
        });
        RateProfile(segments.collect())
    };
    match source {
        Source::Poisson(rates) => Source::Poisson(profile(rates)),
        Source::Deterministic(rates) => Source::Deterministic(profile(rates)),
        Source::Renewal(gap) => Source::Renewal(stretched(gap, 1.0 / factor)),
        Source::Mmpp(states) => {
            let states = states.iter().map(|state| MmppState {
                rate: state.rate * factor,
                hold: state.hold.clone(),
            });
            Source::Mmpp(states.collect())
        }
        other => other.clone(),
    }
}

/// The very rate that was asked for, so that `--set …rate=769.7/s` is the same run to the bit.
fn set_single(source: &mut Source, rate: f64) {
    if let Source::Poisson(RateProfile(segments)) | Source::Deterministic(RateProfile(segments)) =
        source
        && let [only] = &mut segments[..]
    {
        only.rate = rate;
    }
}

/// Each duration times a factor.
fn stretched(gap: &Distribution, by: f64) -> Distribution {
    use Distribution::*;
    match *gap {
        Constant(duration) => Constant(duration.mul_f64(by)),
        Exponential { mean } => Exponential { mean: mean * by },
        Uniform { low, high } => Uniform {
            low: low * by,
            high: high * by,
        },
        Normal { mean, sd } => Normal {
            mean: mean * by,
            sd: sd * by,
        },
        Lognormal { mu, sigma } => Lognormal {
            mu: mu + by.ln(),
            sigma,
        },
        Gamma { shape, scale } => Gamma {
            shape,
            scale: scale * by,
        },
        Erlang { k, mean } => Erlang { k, mean: mean * by },
        Weibull { scale, shape } => Weibull {
            scale: scale * by,
            shape,
        },
        Pareto {
            minimum,
            shape,
            maximum,
        } => Pareto {
            minimum: minimum * by,
            shape,
            maximum: maximum.map(|most| most * by),
        },
        Hyperexponential { p, mean1, mean2 } => Hyperexponential {
            p,
            mean1: mean1 * by,
            mean2: mean2 * by,
        },
        Mixture(ref parts) => {
            let parts = parts.iter().map(|(w, part)| (*w, stretched(part, by)));
            Mixture(parts.collect())
        }
        Empirical(ref values) => Empirical(values.iter().map(|value| value * by).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;

    fn model_of(source: &str) -> Model {
        testing::model(&format!(
            "services: {{s: {{endpoints: {{e: [{{compute: 1ms}}]}}}}}}\n\
             workloads: {{users: {{target: s.e, {source}}}}}\n"
        ))
    }

    #[test]
    fn rates_by_hand() {
        let own = |source: &str| Load::of(&model_of(source), None).map(|load| load.own());
        assert_eq!(own("arrivals: {poisson: {rate: 120/s}}").unwrap(), 120.0);
        let profile =
            "arrivals: {deterministic: {rate: [{at: 0s, rate: 5/s}, {at: 9s, rate: 8/s}]}}";
        assert_eq!(own(profile).unwrap(), 8.0);
        assert_eq!(
            own("arrivals: {renewal: {uniform: {low: 10ms, high: 30ms}}}").unwrap(),
            50.0
        );
        // 3 s of 10/s and 1 s of 50/s: 80 requests in 4 s.
        let mmpp = "arrivals: {mmpp: {states: [{rate: 10/s, hold: 3s}, {rate: 50/s, hold: 1s}]}}";
        assert_eq!(own(mmpp).unwrap(), 20.0);
        for none in [
            "closed: {users: 3, think: 1s}",
            "batch: {size: 5}",
            "arrivals: {poisson: {rate: 0/s}}",
        ] {
            let error = own(none).unwrap_err();
            assert!(
                matches!(error, StudyError::NoRate { .. }),
                "{none}: {error}"
            );
            assert!(error.to_string().contains("poisson"), "{error}");
        }
    }

    #[test]
    fn a_name_is_needed_where_there_are_several() {
        let model = testing::model(
            "services: {s: {endpoints: {e: []}}}\n\
             workloads:\n  users: {target: s.e, arrivals: {poisson: {rate: 1/s}}}\n  \
             robots: {target: s.e, arrivals: {poisson: {rate: 2/s}}}\n",
        );
        let error = Load::of(&model, None).unwrap_err().to_string();
        assert!(error.contains("`users`, `robots`"), "{error}");
        assert_eq!(Load::of(&model, Some("robots")).unwrap().own(), 2.0);
        let error = Load::of(&model, Some("user")).unwrap_err().to_string();
        assert!(error.contains("did you mean `users`"), "{error}");
    }

    proptest! {
        /// Whatever has a rate has the rate that was asked for, and its own rate changes nothing.
        #[test]
        fn a_load_is_reached(source in prop::sample::select(vec![
            "arrivals: {poisson: {rate: 120/s}}",
            "arrivals: {deterministic: {rate: [{at: 0s, rate: 5/s}, {at: 9s, rate: 8/s, ramp: 2s}]}}",
            "arrivals: {renewal: 20ms}",
            "arrivals: {renewal: {lognormal: {p50: 20ms, p99: 90ms}}}",
            "arrivals: {renewal: {gamma: {mean: 20ms, cv: 0.5}}}",
            "arrivals: {renewal: {weibull: {scale: 20ms, shape: 0.7}}}",
            "arrivals: {renewal: {pareto: {minimum: 2ms, shape: 1.5, maximum: 1s}}}",
            "arrivals: {renewal: {hyperexponential: {mean: 20ms, cv: 3}}}",
            "arrivals: {renewal: {normal: {mean: 20ms, sd: 15ms}}}",
            "arrivals: {renewal: {mixture: [{weight: 1, value: 2ms}, {weight: 2, value: {erlang: {k: 3, mean: 9ms}}}]}}",
            "arrivals: {mmpp: {states: [{rate: 10/s, hold: 3s}, {rate: 50/s, hold: {exponential: {mean: 1s}}}]}}",
        ]), rate in 0.01..1e5f64) {
            let model = model_of(source);
            let load = Load::of(&model, None).unwrap();
            prop_assert_eq!(&load.at(&model, load.own()), &model);
            let other = Load::of(&load.at(&model, rate), None).unwrap();
            // Constant gaps are whole nanoseconds.
            prop_assert!((other.own() / rate - 1.0).abs() < 1e-4, "{} for {rate}", other.own());
        }
    }
}
