//! What is told of single requests: span trees, in whole nanoseconds of simulated time.
//!
//! It refuses to know formats: what a span is called in OpenTelemetry or in a terminal is the
//! report's.

use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Single requests of one replication.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
pub struct Traces {
    /// The model's name.
    pub model: String,
    /// The seed.
    pub seed: u64,
    /// Which replication, counted from 0.
    pub replication: u32,
    /// Of the event trajectory, 16 hexadecimal digits: that of the same replication of a run.
    pub fingerprint: String,
    /// Simulated seconds, warm-up included.
    pub simulated_s: f64,
    /// Simulated seconds at the beginning from which no request was chosen.
    pub warmup_s: f64,
    /// What cut the replication short, in words; absent when it ran to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// By name: the requests from which those that follow were chosen.
    pub workloads: BTreeMap<String, Ended>,
    /// The slowest first, then the failed ones in the order of time.
    pub traces: Vec<Trace>,
}

/// Requests of a workload that began after warm-up and ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, JsonSchema)]
pub struct Ended {
    /// Answered, degraded answers included.
    pub succeeded: u64,
    /// By kind of failure.
    pub failed: BTreeMap<String, u64>,
}

/// One request, and everything that was done for it.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
pub struct Trace {
    /// 32 hexadecimal digits; of the request's own key, so that it is the same under another policy.
    pub id: String,
    /// Whose request it is.
    pub workload: String,
    /// Its number among the requests of its workload, from 1.
    pub number: u64,
    /// Why it was chosen.
    pub chosen: Chosen,
    /// How it ended for its user.
    pub outcome: String,
    /// When it began.
    pub start_ns: u64,
    /// How long its user waited.
    pub latency_ns: u64,
    /// Where that time went, the most first: what held the answer up, moment by moment. The sum is the
    /// latency.
    pub spent: Vec<Spent>,
    /// The first is the request; parents come before their children.
    pub spans: Vec<Span>,
    /// Spans that did not fit (a trace holds 10,000); absent where there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped: u64,
}

/// Why a request was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    /// It is among the slowest that were answered.
    Slowest,
    /// It is one of those that failed.
    Failed,
}

/// Time that a request spent on one thing in one place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Spent {
    /// On what.
    pub on: Kind,
    /// A service, a workload, or what it waited for: the layer of a policy, a queue of messages.
    pub place: String,
    /// How long, all times together.
    pub ns: u64,
}

/// A span of time that something took.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Span {
    /// 16 hexadecimal digits, unique in its trace.
    pub id: String,
    /// Index of the span that it is part of; absent for the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// What it is.
    pub kind: Kind,
    /// `service.endpoint` where it is about one, the layer of a policy, the name of a queue, or the kind.
    pub name: String,
    /// Who does it: a service, or a workload.
    pub service: String,
    /// Which instance of it, from 1; absent for a workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<u32>,
    /// Simulated time.
    pub start_ns: u64,
    /// Simulated time; the end of the run where it had not ended.
    pub end_ns: u64,
    /// How it ended: an outcome, `cancelled` for an attempt that nobody wanted any more, `stopped` for
    /// work that nobody waited for or that was lost with its instance. Absent for what has no outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// It had not ended when the run did.
    #[serde(skip_serializing_if = "is_false")]
    pub unfinished: bool,
    /// It went on after its parent had ended, or began after: work for a caller who had given up, a
    /// branch that nobody waited for, the consumer of a message.
    #[serde(skip_serializing_if = "is_false")]
    pub outlives_parent: bool,
    /// Of an attempt: how many came before it in its call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// An attempt that set out while another one was out.
    #[serde(skip_serializing_if = "is_false")]
    pub hedge: bool,
    /// Of an attempt: `service-instance` that it was sent to; absent where nobody was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Of a request at an instance: why that refused it; of a call: the layer of the policy that turned it
    /// back last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<String>,
    /// Of a publisher and a consumer: the number of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<u64>,
    /// Of a consumer: the how-manieth time the message is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<u32>,
    /// Of a consumer: index of the span that published its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<u32>,
    /// What happened in it and took no time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
}

/// What happened at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Event {
    /// Simulated time.
    pub at_ns: u64,
    /// In a few words.
    pub what: String,
}

/// What a span is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A call as its caller sees it, where it is more than one attempt.
    Call,
    /// A request that was sent, until its answer is heard or no longer waited for.
    Attempt,
    /// A request at an instance.
    Serve,
    /// The handler of a message.
    Consume,
    /// Work for a transaction.
    Participate,
    /// A branch of a handler, or the rounds of a `repeat`.
    Branch,
    /// A message, there or back.
    Network,
    /// Waits for a worker in an instance's queue.
    Queue,
    /// Work.
    Work,
    /// A `wait` step.
    Wait,
    /// Waits for the worker of its request, which another branch uses.
    Sibling,
    /// Waits in a layer of a policy: the back-off of a retry, a limiter, a bulkhead.
    Rest,
    /// Waits until a broker has a message.
    Publish,
    /// Waits for the end of a transaction.
    Transaction,
    /// Waits until a group has agreed on an entry of its log.
    Replicate,
    /// Waits until somebody leads a group.
    Leader,
}

impl Kind {
    /// Whether a span of this kind may go on, or begin, after its parent has ended.
    pub const fn may_outlive(self) -> bool {
        matches!(
            self,
            Self::Serve | Self::Consume | Self::Participate | Self::Branch
        )
    }

    /// The name in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Attempt => "attempt",
            Self::Serve => "serve",
            Self::Consume => "consume",
            Self::Participate => "participate",
            Self::Branch => "branch",
            Self::Network => "network",
            Self::Queue => "queue",
            Self::Work => "work",
            Self::Wait => "wait",
            Self::Sibling => "sibling",
            Self::Rest => "rest",
            Self::Publish => "publish",
            Self::Transaction => "transaction",
            Self::Replicate => "replicate",
            Self::Leader => "leader",
        }
    }
}

impl Span {
    /// Nanoseconds from its beginning to its end.
    pub fn length_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }

    /// Whether it ended with an outcome that is no success.
    pub fn failed(&self) -> bool {
        let well = ["success", "degraded", "cancelled", "stopped"];
        self.outcome
            .as_deref()
            .is_some_and(|outcome| !well.contains(&outcome))
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands out references
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as above
fn is_false(b: &bool) -> bool {
    !*b
}
