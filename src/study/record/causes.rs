//! Why requests failed: chains of causes and how often each of them ended a request.

use super::FaultSpan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why the requests of workloads failed, over all replications. Every failed request is counted once.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Causes {
    /// The chains that there are, the commonest first; the last may stand for all that are too rare to
    /// be told apart, and then has no link.
    pub chains: Vec<Vec<Cause>>,
    /// By window, then workload, kind of failure and chain.
    pub counts: Vec<CauseCount>,
    /// By workload: all requests that ended in each window, over all replications.
    pub ended: BTreeMap<String, Vec<u64>>,
    /// What happened to the system, and when, in the first replication, by the labels of the chains.
    pub events: Vec<FaultSpan>,
    /// By the label of an event that is a surge: the workload that it acts on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub surges: BTreeMap<String, String>,
    /// By service: its workers, over all instances that the model gives it.
    pub workers: BTreeMap<String, f64>,
}

/// So many requests failed alike.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CauseCount {
    /// In which window they ended, from 0 (the length of a window is in the series).
    pub window: u32,
    /// Whose.
    pub workload: String,
    /// `timeout`, `rejected`, ….
    pub outcome: String,
    /// Index into the chains.
    pub chain: u32,
    /// How many.
    pub count: u64,
    /// When the first of them failed, in simulated seconds.
    pub first_s: f64,
}

/// One link of a chain. The first is what the failed request met itself; each is explained by the next.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// What.
    pub what: What,
    /// Where: `caller->service.endpoint` of what concerns a call, the name of a queue of messages, else
    /// that of a service.
    pub at: String,
    /// How a call had ended (`timeout`), or which layer of a policy it was (`circuit_breaker`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// What it is due to, as the marks of charts name it: `payment slow x8`. A chain that ends without
    /// has no cause but the load, or chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_to: Option<DueTo>,
}

/// Something that happened to the system.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DueTo {
    /// What sort of thing.
    pub kind: DueKind,
    /// For people, as in the marks of charts.
    pub label: String,
}

/// What happens to a system.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DueKind {
    /// A fault of the model.
    Fault,
    /// A version that went out.
    Deployment,
    /// A configuration that was pushed.
    Config,
}

/// What a link of a chain is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A call of a handler had ended like this, and the handler failed by it.
    Failed,
    /// A handler waited for its call.
    Waiting,
    /// A call waited before it was tried again; the next link: why it had failed.
    BackingOff,
    /// A layer of the caller's policy refused the call; the next link: the failure before, or what a call
    /// did that the layer had let through.
    Refused,
    /// A layer of the caller's policy kept the call waiting.
    Held,
    /// The caller ran another version or configuration.
    Changed,
    /// A request waited for a worker; the next link: what a worker did.
    Queued,
    /// A queue was full; the next link: what a worker did.
    Full,
    /// A queue dropped what had waited too long; the next link: what a worker did.
    Overdue,
    /// The admission of a service refused; the next link: what a worker did.
    Admission,
    /// What follows was done for a caller who had given up.
    InVain,
    /// What follows was done because a cache did not have it.
    Missed,
    /// Work was under way.
    Computing,
    /// A `wait` step.
    Sleeping,
    /// A handler failed by itself.
    Failing,
    /// A conditional write lost.
    Conflict,
    /// The instance was down.
    Down,
    /// The instance was paused.
    Paused,
    /// The caller knew of no instance; the next link: the failure before.
    Nobody,
    /// A message was lost.
    Lost,
    /// A message was on its way.
    Travelling,
    /// Nobody led.
    Leaderless,
    /// An entry was being replicated.
    Replicating,
    /// A transaction was under way.
    Transaction,
    /// A transaction was aborted.
    Aborted,
    /// A message was being published.
    Publishing,
    /// A queue refused a message.
    QueueFull,
    /// Nothing more is known.
    Unknown,
}
