//! What a run tells of replicated services.

use super::Word;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A replicated service after warm-up; counts are sums over replications, times are of all
/// replications together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GroupRecord {
    /// As the model names it.
    pub protocol: Word,
    /// How often somebody began to lead.
    pub elections: u64,
    /// Terms that ended without a leader because several stood for election.
    pub split_votes: u64,
    /// Times without a leader.
    pub leaderless_ms: Spans,
    /// Requests that waited for a leader.
    pub buffered: u64,
    /// Requests that found the buffer full, or waited in vain.
    pub refused: u64,
    /// Reads that saw less than had been acknowledged.
    pub stale_reads: u64,
    /// By how much they were behind.
    pub staleness_ms: Staleness,
    /// Messages that replicas sent each other.
    pub messages: u64,
    /// Writes to stable storage.
    pub forced_writes: u64,
    /// Writes and commands whose handlers were told that they are committed.
    pub acknowledged: u64,
}

/// Times of one kind; `None` where there were none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Spans {
    /// How many.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90 %.
    pub p90: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
    /// Their sum.
    pub total: f64,
}

/// How far reads were behind; `None` where none was.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Staleness {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
    /// The most.
    pub max: Option<f64>,
}
