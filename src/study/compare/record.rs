//! What a comparison tells; what its JSON, tables and charts are made of.
//!
//! Shares are 0..=1, times milliseconds, rates per second, as in the results of a run.

use super::Correction;
use crate::metrics::{Better, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Several settings, each compared with the first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Of every setting.
    pub seed: u64,
    /// Of every setting: replication r of one is paired with replication r of the other.
    pub replications: u32,
    /// The probability that no interval and no verdict is wrong, 0..1.
    pub confidence: f64,
    /// How the verdicts keep that probability.
    pub correction: Correction,
    /// How many differences were tested together.
    pub family: u32,
    /// Whether the precision that was asked for was reached; null when none was.
    pub precise: Option<bool>,
    /// The first is the one that the others are compared with.
    pub settings: Vec<SettingRecord>,
    /// By setting, then metric.
    pub differences: Vec<Difference>,
    /// What could not be compared, in words: metrics that a setting does not have.
    pub missing: Vec<String>,
    /// What to mind when reading the figures, in words.
    pub warnings: Vec<String>,
    /// Broken invariants of stormglass itself; 0 in sound runs.
    pub violations: u64,
    /// By metric, then setting, then replication; what was not measured is absent. For the tables,
    /// not in the JSON.
    #[serde(skip)]
    pub values: Vec<(String, Vec<Vec<Option<f64>>>)>,
}

/// One of those that were compared.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SettingRecord {
    /// What it is called here.
    pub name: String,
    /// The model's name.
    pub model: String,
    /// The model's file.
    pub file: String,
    /// What was changed in it, as PATH=VALUE.
    pub set: Vec<String>,
    /// Simulated seconds of one replication, warm-up included.
    pub simulated_s: f64,
    /// Simulated seconds that were cut off the front.
    pub warmup_s: f64,
    /// Over all replications.
    pub events: u64,
    /// Of the event trajectories of all replications, 16 hexadecimal digits.
    pub fingerprint: String,
}

/// A metric in one setting, less that in the first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The setting's name.
    pub setting: String,
    /// Such as `shoppers.latency.p99`.
    pub metric: String,
    /// Of all that follows.
    pub unit: Unit,
    /// Which way the metric should go.
    pub better: Better,
    /// Replications in which both settings measured it.
    pub pairs: u32,
    /// Mean in the first setting, over the pairs.
    pub baseline: Option<f64>,
    /// Mean in this setting, over the pairs.
    pub value: Option<f64>,
    /// `value - baseline`.
    pub mean: Option<f64>,
    /// Lower end of the interval of the difference: Student's t over the pairs, at a confidence of
    /// 1 - (1 - `confidence`)/`family` (Bonferroni), so that all intervals hold together.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Half of the interval's width.
    pub half_width: Option<f64>,
    /// The true difference that would have been told from none with probability 0.8.
    pub detectable: Option<f64>,
    /// Of the paired t test, two-sided, of this difference alone.
    pub p: Option<f64>,
    /// As adjusted for the family by `correction`; at most 0.05 where the verdict names a
    /// difference.
    pub p_adjusted: Option<f64>,
    /// How many times the variance of the difference of independent runs that of the pairs is
    /// smaller; null where the difference has no spread.
    pub variance_ratio: Option<f64>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// What a difference comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It moved the way it should.
    Better,
    /// It moved the other way.
    Worse,
    /// It rose, which is neither good nor bad.
    More,
    /// It fell, which is neither good nor bad.
    Less,
    /// It may have moved, but no more than chance moves it.
    Indistinguishable,
    /// It is the same in every replication.
    Same,
    /// There are fewer than two pairs.
    Unknown,
}
