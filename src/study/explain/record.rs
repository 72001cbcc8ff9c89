//! What an explanation says: bursts of failures, their roots, and the way from a root to the user.

use crate::record::{Cause, Word};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why the requests of a run failed. Counts are sums over replications, times are simulated seconds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The model's name.
    pub model: String,
    /// Of how many replications.
    pub replications: u32,
    /// Times are as exact as this, but for those of first failures.
    pub window_s: f64,
    /// In the order of their beginning.
    pub bursts: Vec<Burst>,
    /// Failures outside of bursts.
    pub background: Background,
}

/// A time in which clearly more requests failed than outside of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Burst {
    /// Its first window.
    pub from_s: f64,
    /// The end of its last one.
    pub to_s: f64,
    /// Requests that ended in it.
    pub requests: u64,
    /// Of these, failed.
    pub failed: u64,
    /// By workload, those of which some failed.
    pub workloads: BTreeMap<String, BurstWorkload>,
    /// What it goes back to, the root of most failures first; their failures add up to `failed`.
    pub roots: Vec<Root>,
    /// When the first request failed of the first root.
    pub first_failure_s: f64,
    /// From the beginning of the first root until then; absent where the root has no beginning.
    pub root_to_user_s: Option<f64>,
    /// The way of most failures from the first root to the user.
    pub ladder: Vec<Rung>,
    /// All ways, the commonest first; their failures add up to `failed`.
    pub chains: Vec<ChainCount>,
    /// Services and workloads of which over 5 % failed in some window, in the order in which that began.
    pub blast: Vec<Hit>,
    /// The window in which most requests failed.
    pub peak: Peak,
    /// How it ended.
    pub end: End,
}

/// A workload in a burst.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BurstWorkload {
    /// Requests that ended in it.
    pub requests: u64,
    /// Of these, failed.
    pub failed: u64,
    /// By kind.
    pub kinds: BTreeMap<Word, u64>,
}

/// What failures go back to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Root {
    /// What sort of thing.
    pub kind: RootKind,
    /// For people: `payment slow x8`, `too little capacity at payment`.
    pub label: String,
    /// When it began; absent where it was always so.
    pub from_s: Option<f64>,
    /// When it ended; the run's end when it did not.
    pub to_s: Option<f64>,
    /// Requests that failed of it.
    pub failed: u64,
    /// Of these, those that failed while they met it, or met what was held up by it just then; the others
    /// failed of the load that it left behind.
    pub direct: u64,
    /// What is to be known of it, in words: `200/s arrive, 150/s are served`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What sort of thing a root is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RootKind {
    /// A fault of the model other than a surge or a configuration.
    Fault,
    /// A version that went out.
    Deployment,
    /// A configuration that was pushed.
    Config,
    /// A surge of a workload.
    Surge,
    /// More load than a service can serve, without a surge.
    Capacity,
    /// A limit that lets less through than comes.
    Limit,
    /// A cache that does not have what is asked for.
    ColdCache,
    /// A group without a leader.
    Leaderless,
    /// Work that takes longer than its callers wait, at a service that is not overloaded.
    SlowWork,
    /// A handler that fails by itself.
    Handler,
    /// Messages that are lost or late without a fault.
    Network,
    /// Writes and transactions that get in each other's way.
    Contention,
    /// A queue of messages that is full.
    QueueFull,
    /// Instances that are down without a fault, such as those that start.
    Down,
    /// It is not known.
    Unknown,
}

/// One step on the way from a root to the user.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Rung {
    /// In words.
    pub words: String,
    /// What is to be known of it, in words: `97 % of the workers' time waiting for payment.charge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where: the name of a service or a workload, or `caller->service.endpoint`.
    pub at: String,
    /// Failed requests on whose way it lies.
    pub failed: u64,
}

/// So many requests failed in this way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChainCount {
    /// In words, from the user down: `timed out ← waiting for order.create ← …`.
    pub words: String,
    /// Whose.
    pub workload: String,
    /// How they failed.
    pub outcome: Word,
    /// From the user down; empty for what is too rare to be told apart.
    pub links: Vec<Cause>,
    /// How many.
    pub failed: u64,
    /// Index into the roots.
    pub root: usize,
}

/// Whom a burst has hit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Hit {
    /// A service or a workload.
    pub name: String,
    /// Whether it is a workload.
    pub workload: bool,
    /// Begin of the first window in which over 5 % of what was asked of it failed.
    pub from_s: f64,
    /// The largest share of a window.
    pub worst: f64,
}

/// The worst window.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Peak {
    /// Its beginning.
    pub at_s: f64,
    /// The share of requests that failed.
    pub failed: f64,
    /// The share of all attempts that were not the first of their call; absent without attempts.
    pub retries: Option<f64>,
    /// The share of busy worker time for callers who had given up; absent where nobody was busy.
    pub wasted: Option<f64>,
}

/// How a burst ended.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Whether it did before the run.
    pub recovered: bool,
    /// From the end of the first root until the end of the burst, below 0 where it ended before;
    /// absent where the root has no end.
    pub after_root_s: Option<f64>,
}

/// Failures outside of bursts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Background {
    /// Requests that ended outside of bursts.
    pub requests: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Why, the commonest first; their failures add up to `failed`.
    pub roots: Vec<Root>,
}
