//! A run over time, and its latency distributions: what charts are made of.

use super::Word;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// What happened over time, in windows of equal length, and the latency distributions.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Series {
    /// Length of a window in seconds.
    pub window_s: f64,
    /// End of the warm-up in seconds.
    pub warmup_s: f64,
    /// By workload.
    pub workloads: BTreeMap<String, WorkloadSeries>,
    /// By service.
    pub services: BTreeMap<String, ServiceSeries>,
    /// By message queue.
    pub queues: BTreeMap<String, QueueSeries>,
    /// Open breakers by edge (`caller->service.endpoint`), mean number over each window; only
    /// edges that have a breaker.
    pub breakers: BTreeMap<String, Vec<f64>>,
    /// Every edge of the call graph, workloads' requests included, by `caller->service.endpoint`.
    pub edges: BTreeMap<String, EdgeSeries>,
    /// The faults of the first replication, for the charts.
    pub faults: Vec<FaultSpan>,
    /// When replicated services had no leader in the first replication, for the charts.
    pub leaderless: Vec<FaultSpan>,
}

/// A workload over time; each vector has one value per window. A request belongs to the window in
/// which it ended. Counts are means over replications, quantiles means of the replications'
/// quantiles (NaN where nothing succeeded).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct WorkloadSeries {
    /// Requests issued per second.
    pub issued: Vec<f64>,
    /// Successes per second.
    pub goodput: Vec<f64>,
    /// Of these, degraded, per second.
    pub degraded: Vec<f64>,
    /// Failures per second, by kind; kinds that never occur are absent.
    pub failed: BTreeMap<Word, Vec<f64>>,
    /// Milliseconds.
    #[serde(deserialize_with = "with_gaps")]
    pub p50_ms: Vec<f64>,
    /// Milliseconds.
    #[serde(deserialize_with = "with_gaps")]
    pub p90_ms: Vec<f64>,
    /// Milliseconds.
    #[serde(deserialize_with = "with_gaps")]
    pub p95_ms: Vec<f64>,
    /// Milliseconds.
    #[serde(deserialize_with = "with_gaps")]
    pub p99_ms: Vec<f64>,
    /// Milliseconds.
    #[serde(deserialize_with = "with_gaps")]
    pub p99_9_ms: Vec<f64>,
    /// Half of the 95 % interval of `p99_ms` over replications, in milliseconds; NaN where fewer than
    /// two of them have one.
    #[serde(deserialize_with = "with_gaps")]
    pub p99_half_ms: Vec<f64>,
    /// `(latency ms, share of successes slower)`, latency rising, all replications, after warm-up.
    pub ccdf: Vec<(f64, f64)>,
}

/// A service over time; one value per window, means over replications.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ServiceSeries {
    /// Arrivals per second.
    pub arrivals: Vec<f64>,
    /// Answers per second.
    pub completed: Vec<f64>,
    /// Refusals per second.
    pub refused: Vec<f64>,
    /// Time average.
    pub queue_length: Vec<f64>,
    /// Time average of busy workers ÷ workers.
    pub utilization: Vec<f64>,
    /// Time average of busy workers whose caller had given up ÷ workers. Work counts where it ends or
    /// is dropped, and from the end of the warm-up on.
    pub wasted: Vec<f64>,
    /// Time average of the instances; empty where no autoscaler changes their number.
    pub instances: Vec<f64>,
}

/// An edge over time; one value per window, means over replications. A call, and how it ended, counts
/// where it happened.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct EdgeSeries {
    /// Calls begun per second.
    pub calls: Vec<f64>,
    /// Attempts sent per second.
    pub attempts: Vec<f64>,
    /// Calls that succeeded per second, degraded answers included.
    pub succeeded: Vec<f64>,
    /// Calls that failed per second, by kind; kinds that never occur are absent.
    pub failed: BTreeMap<Word, Vec<f64>>,
    /// Time average of the calls under way.
    pub in_flight: Vec<f64>,
}

/// A message queue over time; one value per window, means over replications.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct QueueSeries {
    /// Messages taken in per second.
    pub published: Vec<f64>,
    /// Acknowledged per second, over all groups of consumers.
    pub acknowledged: Vec<f64>,
    /// Tries refused per second.
    pub refused: Vec<f64>,
    /// Time average of the messages in it: how far its consumers are behind.
    pub depth: Vec<f64>,
}

/// A fault as charts mark it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FaultSpan {
    /// For people: `payment slow x8`.
    pub label: String,
    /// Seconds.
    pub from_s: f64,
    /// Seconds; the run's end when it was not over.
    pub to_s: f64,
}

/// JSON knows no NaN, and has `null` in its place.
fn with_gaps<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    let values = Vec::<Option<f64>>::deserialize(from)?;
    Ok(values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}
