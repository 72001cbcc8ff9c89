//! From pairs of replications to verdicts that hold for the whole family.

use super::record::{Difference, Verdict};
use crate::metrics::{Better, Metric};
use crate::trial::Trial;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::{Paired, bonferroni, holm};

/// Of the family: with this probability, no interval and no verdict of a comparison is wrong.
pub(super) const CONFIDENCE: f64 = 0.95;

/// The probability with which a difference as large as `detectable` is found.
const POWER: f64 = 0.8;

/// How the error of many verdicts together is kept at 5 %.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Holm's step-down procedure: finds all that Bonferroni finds, and more.
    #[default]
    Holm,
    /// Each verdict at 5 % ÷ the number of verdicts: the one that agrees with the intervals.
    Bonferroni,
}

impl Correction {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holm => "Holm",
            Self::Bonferroni => "Bonferroni",
        }
    }
}

/// A metric of a setting, beside that of the first one.
pub(super) struct Pairing {
    /// The setting's name.
    pub(super) setting: String,
    /// Which setting it is.
    pub(super) of: usize,
    pub(super) metric: Metric,
    /// Where the metric stands in the first setting.
    pub(super) here: usize,
    /// And in this one.
    pub(super) there: usize,
}

/// All differences, in the order of the pairings. Replications in which either side measured
/// nothing are no pair.
pub(super) fn judge(
    pairings: &[Pairing],
    done: &[Vec<Trial>],
    correction: Correction,
) -> Vec<Difference> {
    let pairs: Vec<Paired> = pairings.iter().map(|p| paired(p, done)).collect();
    let tested: Vec<usize> = (0..pairs.len())
        .filter(|i| pairs[*i].difference().count() > 1)
        .collect();
    let p: Vec<f64> = tested.iter().filter_map(|i| pairs[*i].p_value()).collect();
    let adjusted = match correction {
        Correction::Holm => holm(&p),
        Correction::Bonferroni => bonferroni(&p),
    };
    let level = 1.0 - (1.0 - CONFIDENCE) / tested.len().max(1) as f64;
    let place = |i| tested.iter().position(|tested| *tested == i);
    (pairings.iter().zip(&pairs).enumerate())
        .map(|(i, (pairing, pairs))| {
            let adjusted = place(i).map(|at| adjusted[at]);
            difference(pairing, pairs, level, adjusted)
        })
        .collect()
}

fn paired(pairing: &Pairing, done: &[Vec<Trial>]) -> Paired {
    let (first, other) = (&done[0], &done[pairing.of]);
    (first.iter().zip(other))
        .filter_map(|(a, b)| a.values[pairing.here].zip(b.values[pairing.there]))
        .collect()
}

fn difference(
    pairing: &Pairing,
    pairs: &Paired,
    level: f64,
    p_adjusted: Option<f64>,
) -> Difference {
    let interval = pairs.difference().interval(level);
    let metric = &pairing.metric;
    Difference {
        setting: pairing.setting.clone(),
        metric: metric.name.clone(),
        unit: metric.unit,
        better: metric.better,
        pairs: pairs.difference().count() as u32,
        baseline: pairs.first().mean(),
        value: pairs.second().mean(),
        mean: pairs.difference().mean(),
        low: interval.map(|i| i.low),
        high: interval.map(|i| i.high),
        half_width: pairs.difference().half_width(level),
        detectable: pairs.detectable(level, POWER),
        p: pairs.p_value(),
        p_adjusted,
        variance_ratio: pairs.variance_ratio(),
        verdict: verdict(metric.better, pairs, p_adjusted),
    }
}

fn verdict(better: Better, pairs: &Paired, p_adjusted: Option<f64>) -> Verdict {
    let (Some(p), Some(mean)) = (p_adjusted, pairs.difference().mean()) else {
        return Verdict::Unknown;
    };
    if mean == 0.0 && pairs.difference().variance() == Some(0.0) {
        return Verdict::Same;
    }
    if p > 1.0 - CONFIDENCE {
        return Verdict::Indistinguishable;
    }
    match (better, mean > 0.0) {
        (Better::More, true) | (Better::Less, false) => Verdict::Better,
        (Better::More, false) | (Better::Less, true) => Verdict::Worse,
        (Better::Neither, true) => Verdict::More,
        (Better::Neither, false) => Verdict::Less,
    }
}
