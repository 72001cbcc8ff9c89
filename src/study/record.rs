//! What a run tells: the records behind the JSON, the tables and the charts.
//!
//! Times are milliseconds, rates per second, as in the results that the model language fixes.
//! Maps are ordered, so that the same run gives the same bytes.

mod causes;
mod deployments;
mod groups;
mod series;
mod topology;

pub use causes::{Cause, CauseCount, Causes, DueKind, DueTo, What};
pub use deployments::DeploymentRecord;
pub use groups::{GroupRecord, Spans, Staleness};
pub use series::{EdgeSeries, FaultSpan, QueueSeries, Series, ServiceSeries, WorkloadSeries};
pub use topology::{Link, LinkKind, Node, NodeKind, Topology};

use crate::metrics::Unit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::Summary;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A word of the language of results, such as `timeout`: one of ours, or one that was read back.
pub type Word = Cow<'static, str>;

/// A figure over replications: its mean and 95 % interval (absent with one replication).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Over replications; `None` where nothing was measured.
    pub mean: Option<f64>,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
}

impl Estimate {
    /// Of observations, one for each replication; the interval is cut to where it can lie.
    pub(crate) fn of(observed: &Summary, unit: Unit) -> Self {
        let (least, most) = unit.bounds();
        let interval = observed.interval(0.95);
        Self {
            mean: observed.mean(),
            low: interval.map(|i| i.low.max(least)),
            high: interval.map(|i| i.high.min(most)),
        }
    }
}

/// One run: a model, a seed, its replications.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// The model's name.
    pub model: String,
    /// The seed.
    pub seed: u64,
    /// How many replications were finished.
    pub replications: u32,
    /// Simulated seconds of one replication, warm-up included.
    pub simulated_s: f64,
    /// Simulated seconds that were cut off the front.
    pub warmup_s: f64,
    /// Over all replications.
    pub events: u64,
    /// Wall-clock seconds of the run; the only figure that differs from run to run.
    pub wall_s: f64,
    /// Of the event trajectories of all replications, 16 hexadecimal digits.
    pub fingerprint: String,
    /// What cut the run short, in words; absent when it ran to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// What to mind when reading the figures, in words: a warm-up that could not be told, ….
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// One entry per objective and workload.
    pub slo: Vec<Objective>,
    /// By name.
    pub workloads: BTreeMap<String, WorkloadRecord>,
    /// By name.
    pub services: BTreeMap<String, ServiceRecord>,
    /// By `caller->service.endpoint`.
    pub calls: BTreeMap<String, CallRecord>,
    /// By `service.endpoint` of the handler that runs them (`service.endpoint#2` from its second
    /// step on); absent where the model has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub transactions: BTreeMap<String, TransactionRecord>,
    /// Every figure under the name that experiments and comparisons use, such as
    /// `shoppers.latency.p99`: the mean over replications of its value in each.
    pub metrics: BTreeMap<String, Estimate>,
    /// Intervals of these figures where there is one replication only; absent with more, where the run
    /// was cut short, and where the model says that it changes with time (faults, deployments,
    /// pushes, profiles).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_run: Option<WithinRunRecord>,
    /// Replicated services, by name; absent without one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, GroupRecord>,
    /// By service, where callers learn of instances otherwise than by a static list.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub discovery: BTreeMap<String, DiscoveryRecord>,
    /// Reads at copies of stores, by store; absent where none has any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<String, StoreRecord>,
    /// What became of orders; absent where the model follows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders: Option<OrdersRecord>,
    /// Message queues, by name; absent without one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queues: BTreeMap<String, QueueRecord>,
    /// Deployments in their order, then pushes of configuration that may be rolled back; absent without
    /// one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<DeploymentRecord>,
    /// Broken invariants of protocols and of the request path; empty in a sound run.
    pub violations: Vec<Violation>,
    /// Over time and by latency: what charts and `timeseries.csv` are made of. Not in the JSON, but in
    /// `details.json`.
    #[serde(skip)]
    pub series: Series,
    /// Who is joined to whom; where `series` is.
    #[serde(skip)]
    pub topology: Topology,
    /// Why requests failed; where `series` is.
    #[serde(skip)]
    pub causes: Causes,
}

/// Intervals within a single replication, which neighbouring requests' likeness is allowed for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WithinRunRecord {
    /// `batch_means`: from the spread of the figure among parts of the run.
    pub method: Word,
    /// How many parts.
    pub batches: u32,
    /// Simulated seconds of each.
    pub batch_s: f64,
    /// By the names of `metrics`; figures that parts do not have, such as a maximum, are absent.
    pub metrics: BTreeMap<String, WithinEstimate>,
}

/// A figure of a single replication and its 95 % interval.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WithinEstimate {
    /// Of the whole replication.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Whether the parts are long enough to be independent, as far as a test sees, and hold enough;
    /// if not, the interval is too narrow more often than it should be.
    pub reliable: bool,
}

/// An objective and whether it was met.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Objective {
    /// `availability`, `latency.p99`, ….
    pub objective: String,
    /// Whose requests.
    pub workload: String,
    /// A ratio, or milliseconds.
    pub target: f64,
    /// What was measured; `None` when nothing was.
    pub value: Option<f64>,
    /// Whether the measured mean is on the right side.
    pub met: bool,
    /// `yes` or `no` when the whole interval is on one side, else `unclear`; with one
    /// replication `unknown`.
    pub confidence: Word,
}

/// A workload's requests, of those issued after warm-up; counts are sums over replications.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadRecord {
    /// Requests made.
    pub issued: u64,
    /// Answered in time, degraded answers included.
    pub succeeded: u64,
    /// Of these, with a substitute.
    pub degraded: u64,
    /// Not ended when the run did.
    pub in_flight: u64,
    /// By kind; kinds that did not occur are absent.
    pub failed: BTreeMap<Word, u64>,
    /// Succeeded ÷ (succeeded + failed).
    pub availability: Estimate,
    /// Succeeded per second after warm-up.
    pub throughput: Estimate,
    /// Of succeeded requests, as the client saw it.
    pub latency_ms: LatencyRecord,
}

/// A latency distribution. Quantiles are within 0.1 % of the value of their rank.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LatencyRecord {
    /// Arithmetic mean.
    pub mean: Estimate,
    /// Median.
    pub p50: Estimate,
    /// 90 %.
    pub p90: Estimate,
    /// 95 %.
    pub p95: Estimate,
    /// 99 %.
    pub p99: Estimate,
    /// 99.9 %.
    pub p99_9: Estimate,
    /// The largest.
    pub max: Estimate,
}

/// A service, over all its instances, after warm-up; counts are sums over replications.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServiceRecord {
    /// Busy worker time ÷ (workers × time), of the workers of those instances that an autoscaler wanted,
    /// where there is one.
    pub utilization: Estimate,
    /// Requests that reached an instance.
    pub arrivals: u64,
    /// Requests that were answered.
    pub completed: u64,
    /// Requests that were refused: by admission, a full queue, or a queue that drops what waited too
    /// long.
    pub refused: u64,
    /// Optional steps that degraded instances skipped; absent where none degrades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<u64>,
    /// How often a caller instance left an instance out; absent without outlier ejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejections: Option<u64>,
    /// How many instances there were; absent where no autoscaler changes that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<InstancesRecord>,
    /// Requests waiting, over all instances.
    pub queue_length: QueueLength,
    /// From the arrival at the instance to a worker.
    pub wait_ms: Wait,
    /// The share of busy time spent on requests whose caller had given up.
    pub wasted: Estimate,
}

/// How many instances an autoscaler made of a service: those that it wanted, so that one that starts
/// counts, and one that is about to stop does not.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InstancesRecord {
    /// Over time.
    pub mean: Estimate,
    /// The most.
    pub max: Estimate,
    /// How often they became more; a sum over replications.
    pub scaled_up: u64,
    /// How often they became fewer.
    pub scaled_down: u64,
}

/// How many wait.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct QueueLength {
    /// Over time.
    pub mean: Estimate,
    /// The most.
    pub max: Estimate,
}

/// How long they wait.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Wait {
    /// Over requests.
    pub mean: Estimate,
    /// 99 %.
    pub p99: Estimate,
}

/// The calls of one caller to one endpoint, begun after warm-up; sums over replications.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CallRecord {
    /// Calls made.
    pub calls: u64,
    /// Attempts sent for them.
    pub attempts: u64,
    /// Of these, to an instance that was down, as the caller did not know; counted when they were sent,
    /// after warm-up. Absent where no fault makes an instance crash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_to_dead: Option<u64>,
    /// Attempts ÷ calls; absent without calls.
    pub amplification: Option<f64>,
    /// Calls answered, degraded answers included.
    pub succeeded: u64,
    /// Of these, with a substitute.
    pub degraded: u64,
    /// Calls not ended when the run did, those lost with a crashed caller included.
    pub in_flight: u64,
    /// By kind; kinds that did not occur are absent.
    pub failed: BTreeMap<Word, u64>,
}

/// How callers learnt of a service's instances, after warm-up; counts are sums over replications.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DiscoveryRecord {
    /// `health_check`, `lease` or `gossip`.
    pub kind: Word,
    /// Instances that a caller knew of, over time and callers.
    pub known: Estimate,
    /// From the crash of an instance until a caller that knew it left it out; an instance that was up
    /// again before a caller noticed does not count for that caller.
    pub down_detected_ms: Detection,
    /// How often a caller left out an instance that was up; a paused one is.
    pub false_positives: u64,
    /// Messages sent for it.
    pub messages: u64,
}

/// How long it took to notice.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Detection {
    /// Crashes × callers that noticed.
    pub count: u64,
    /// Over these.
    pub mean: Estimate,
    /// The longest.
    pub max: Estimate,
}

/// The transactions of one step, begun after warm-up; counts are sums over replications.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TransactionRecord {
    /// As the model writes it.
    pub protocol: Word,
    /// Whose step was reached.
    pub started: u64,
    /// Whose step learned that they committed.
    pub committed: u64,
    /// Whose step learned that they aborted.
    pub aborted: u64,
    /// Whose handler was lost with its instance before it learned how they ended.
    pub lost: u64,
    /// Whose step had not learned it when the run ended.
    pub in_flight: u64,
    /// Committed ÷ (committed + aborted).
    pub commit_rate: Estimate,
    /// Of committed ones: from the step's beginning until it knew.
    pub latency_ms: LatencyRecord,
    /// Participants that had voted for a transaction and had not learned how it ended when the run
    /// did.
    pub in_doubt: u64,
    /// Of participants that learned it: from their vote on.
    pub in_doubt_ms: InDoubtRecord,
    /// How long participants held their keys.
    pub lock_ms: LockRecord,
    /// Messages sent for them, acknowledgements and inquiries included, lost or not.
    pub messages: u64,
    /// Records forced to logs for them.
    pub forced_writes: u64,
    /// Done work that was undone; absent where the protocol does none before the outcome is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compensations: Option<u64>,
    /// How often somebody saw, or changed, what was not decided; absent likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomalies: Option<u64>,
}

/// A store with copies, after warm-up; counts are sums over replications.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StoreRecord {
    /// Reads at copies.
    pub reads: u64,
    /// Those that saw less than had been written.
    pub stale_reads: u64,
    /// How long ago the first write was made that these lacked.
    pub staleness_ms: Staleness,
}

/// Orders: the requests of one workload, those of the warm-up included; each is in exactly one state.
/// Counts are sums over replications.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OrdersRecord {
    /// Whose requests they are.
    pub workload: String,
    /// All of them: the sum of all states below.
    pub placed: u64,
    /// Every effect stands once, and the client was told so.
    pub confirmed: u64,
    /// Every effect stands once, and the client was told that it failed, or gave up.
    pub unacknowledged: u64,
    /// An effect stands more than once.
    pub duplicated: u64,
    /// No effect stands more than once, but one that does is wrong.
    pub corrupt: u64,
    /// The client was told that it is done, and effects are missing.
    pub lost: u64,
    /// The client was told that it failed; some effects stand, others do not, and nothing will change
    /// that.
    pub stuck: u64,
    /// The client was told that it failed; effects were there, and have been undone.
    pub compensated: u64,
    /// The client was told that it failed, and there never was any effect.
    pub refused: u64,
    /// The client still waited, or something was still under way, when the run ended.
    pub open: u64,
}

/// A message queue: of messages published after warm-up, and what happened to each in every group of
/// consumers; counts are sums over replications. Published × groups + replayed = acknowledged +
/// dead-lettered + dropped + in the queue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct QueueRecord {
    /// Messages that the broker took in, those that a producer tried twice included.
    pub published: u64,
    /// Tries for which there was no room.
    pub refused: u64,
    /// Deliveries.
    pub delivered: u64,
    /// Messages that a consumer handled, and the broker knows.
    pub acknowledged: u64,
    /// Deliveries but for the first of each message.
    pub redelivered: u64,
    /// Messages handled although the group had handled them before.
    pub duplicates: u64,
    /// Deliveries that a consumer let be, because it remembered the message.
    pub recognized: u64,
    /// Messages that were delivered in vain too often.
    pub dead_lettered: u64,
    /// Messages that a full queue dropped.
    pub dropped: u64,
    /// Messages that a rollback brought back.
    pub replayed: u64,
    /// Of these messages, those that were waiting or out at the end.
    pub in_queue: u64,
    /// Messages waiting or out at consumers.
    pub depth: Depth,
    /// From publication to acknowledgement.
    pub time_ms: LatencyRecord,
}

/// How many messages are in a queue, whenever they were published.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Depth {
    /// Over time.
    pub mean: Estimate,
    /// At once.
    pub max: Estimate,
    /// When the run ended.
    pub end: Estimate,
}

/// How long participants were in doubt.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InDoubtRecord {
    /// Over participants.
    pub mean: Estimate,
    /// 99 %.
    pub p99: Estimate,
    /// The longest.
    pub max: Estimate,
}

/// How long keys were held.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LockRecord {
    /// Over participants that held any.
    pub mean: Estimate,
    /// 99 %.
    pub p99: Estimate,
}

/// A broken invariant, with what is needed to see it again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Violation {
    /// Which checker spoke.
    pub checker: String,
    /// The replication, counted from 0.
    pub replication: u32,
    /// Simulated seconds.
    pub at_s: f64,
    /// The event's number.
    pub event: u64,
    /// What it saw.
    pub what: String,
}
