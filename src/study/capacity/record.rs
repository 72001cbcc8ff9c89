//! What a search for the capacity tells; what its JSON, tables and charts are made of.
//!
//! Loads are requests a second, shares 0..=1, times milliseconds, as in the results of a run.

use super::judge::Verdict;
use crate::metrics::Unit;
use crate::record::Estimate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The highest load that meets the objectives, and what led to it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    /// The model's name.
    pub model: String,
    /// Whose load was varied.
    pub workload: String,
    /// Of every load: replication r of one has the draws of replication r of the other.
    pub seed: u64,
    /// Simulated seconds of one replication, warm-up included.
    pub simulated_s: f64,
    /// The load that the model has.
    pub own_load: f64,
    /// The width of the interval that was asked for, as a share of the load.
    pub within: f64,
    /// Whether every interval that was found is so narrow.
    pub precise: bool,
    /// The probability that an interval holds the capacity, 0..1.
    pub confidence: f64,
    /// What is to be met, by every workload.
    pub objectives: Vec<Goal>,
    /// The system as it is, then each loss.
    pub cases: Vec<Case>,
    /// What to mind when reading the figures, in words.
    pub warnings: Vec<String>,
    /// Broken invariants of stormglass itself; 0 in sound runs.
    pub violations: u64,
}

/// An objective of a workload.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Goal {
    /// `availability`, `latency.p99`, ….
    pub objective: String,
    /// Whose requests.
    pub workload: String,
    /// A ratio, or milliseconds.
    pub target: f64,
    /// What it is measured in.
    pub unit: Unit,
}

/// The system with all it has, or without something.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    /// What is lost, such as `node:a-1`; empty: nothing.
    pub without: String,
    /// Whether there is a highest load that meets the objectives.
    pub outcome: Outcome,
    /// The capacity: where the objectives' margin crosses zero between the loads around it; null
    /// unless it was found.
    pub capacity: Option<f64>,
    /// The highest load at which all objectives are met for sure; null when there was none.
    pub low: Option<f64>,
    /// The lowest load at which one is missed for sure; null when there was none.
    pub high: Option<f64>,
    /// What is missed there, the worst first.
    pub limits: Vec<Goal>,
    /// Capacity ÷ `own_load`: by how much the load could grow.
    pub headroom: Option<Span>,
    /// Capacity ÷ that of the system as it is; null there.
    pub left: Option<Span>,
    /// Where the latency begins to rise faster than the throughput.
    pub knee: Option<Span>,
    /// Every load that was simulated, rising.
    pub loads: Vec<LoadRecord>,
}

/// Whether there is a highest load that meets the objectives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It lies between `low` and `high`.
    Found,
    /// They were met at every load that was tried.
    Above,
    /// They were missed, or not met for sure, at every load that was tried.
    Below,
}

/// A figure that is known to lie between two others.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// The likeliest value.
    pub value: f64,
    /// The least that it can be.
    pub low: f64,
    /// The most that it can be.
    pub high: f64,
}

/// What was measured under one load.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LoadRecord {
    /// Requests a second.
    pub load: f64,
    /// How many replications were run.
    pub replications: u32,
    /// Whether it was tried in the search; else it is there for the curve alone, and its verdict says
    /// what 95 % intervals say.
    pub searched: bool,
    /// Whether the objectives are met.
    pub verdict: Verdict,
    /// What cut replications short, in words: a system that eats the machine meets no objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// Of the workload: succeeded per second.
    pub throughput: Estimate,
    /// Of the workload: succeeded ÷ ended.
    pub availability: Estimate,
    /// Of the workload's successes.
    pub latency_ms: Latencies,
    /// In the order of the objectives.
    pub objectives: Vec<GoalRecord>,
}

/// Means and quantiles of a latency, in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Latencies {
    /// Arithmetic mean.
    pub mean: Estimate,
    /// Median.
    pub p50: Estimate,
    /// 99 %.
    pub p99: Estimate,
}

/// An objective under one load.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GoalRecord {
    /// What was measured, with a 95 % interval.
    pub value: Estimate,
    /// Whether it is met, judged as the load is.
    pub verdict: Verdict,
}
