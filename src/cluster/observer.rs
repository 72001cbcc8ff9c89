//! Facts that the simulated world states as they happen, for whoever turns them into numbers.
//!
//! The world refuses to know what is measured: an observer can not change what happens.

use crate::cause::ChainId;
use crate::span::SpanFact;
use clock::{Duration, Instant};
use policy::Outcome;

/// The index of an edge in [`crate::World::edges`]: one caller (a service or a workload) and one
/// endpoint that it calls. Edges of workloads come first, in the workloads' order.
pub type EdgeId = usize;

/// Hears every fact, in the order of simulated time. All methods default to not listening.
///
/// `now` never falls. Counts of queue and workers are those of all instances of a service.
#[allow(unused_variables)]
pub trait Observer {
    /// Whether it follows single requests. Whoever does not pays nothing for those who do.
    const SPANS: bool = false;
    /// Called before the first event at or after the instant given last; answers when to be called
    /// next. Windows and warm-up end here.
    fn tick(&mut self, now: Instant) -> Tick {
        Tick::At(Instant::NEVER)
    }
    /// A call begins at an edge (a workload's request is a call at the workload's edge).
    fn call_started(&mut self, now: Instant, edge: EdgeId) {}
    /// An attempt of a call is sent.
    fn attempt_sent(&mut self, now: Instant, edge: EdgeId, started: Instant) {}
    /// A call ends, once. `started` is when it began.
    fn call_ended(&mut self, now: Instant, edge: EdgeId, started: Instant, outcome: Outcome) {}
    /// A call's caller was lost with its instance before the call ended; nothing more is heard of it.
    fn call_lost(&mut self, now: Instant, edge: EdgeId, started: Instant) {}
    /// A request reached an instance.
    fn arrived(&mut self, now: Instant, service: usize) {}
    /// An instance refused a request: by its admission, a full queue, or a queue that drops what waited
    /// too long.
    fn refused(&mut self, now: Instant, service: usize) {}
    /// A degraded instance skipped an optional step.
    fn skipped(&mut self, now: Instant, service: usize) {}
    /// The number of instances of a service that one caller instance leaves out has changed, as it
    /// finds out when an attempt ends.
    fn ejected(&mut self, now: Instant, service: usize, before: u32, after: u32) {}
    /// A request began to be served; `arrived` is when it reached the instance.
    fn served(&mut self, now: Instant, service: usize, arrived: Instant) {}
    /// An instance answered a request.
    fn completed(&mut self, now: Instant, service: usize) {}
    /// The number of requests waiting in the queues of a service changed.
    fn queue_length(&mut self, now: Instant, service: usize, length: u32) {}
    /// The number of busy workers of a service changed.
    fn busy_workers(&mut self, now: Instant, service: usize, busy: u32) {}
    /// Work was done for a caller who had given up: worker time up to now; where cores are shared,
    /// the time of cores that it used.
    fn wasted(&mut self, now: Instant, service: usize, time: Duration) {}
    /// The number of open and half-open circuit breakers of one caller instance changed on an
    /// edge: from `before` to `after`, each (open, half-open).
    fn breakers(&mut self, now: Instant, edge: EdgeId, before: (u32, u32), after: (u32, u32)) {}
    /// Something happened to a transaction of a `transaction` step, by the number of the step (see
    /// [`crate::World::transactions`]). `started` is when its step was reached.
    fn transaction(&mut self, now: Instant, step: usize, started: Instant, fact: TransactionFact) {}
    /// Something happened in the group of a replicated service.
    fn group(&mut self, now: Instant, service: usize, fact: GroupFact) {}
    /// Something happened to a message of a queue that was published at `published` (that is: when the
    /// broker had appended it).
    fn message(&mut self, now: Instant, queue: usize, published: Instant, fact: MessageFact) {}
    /// A copy of a store was read; `behind`: how long ago the first write was made that it lacked.
    fn copy_read(&mut self, now: Instant, store: usize, behind: Option<Duration>) {}
    /// So many messages are in a queue from now on, waiting or out.
    fn queue_depth(&mut self, now: Instant, queue: usize, depth: u64) {}
    /// An attempt of a call was sent to an instance that was down: its caller did not know.
    fn sent_to_dead(&mut self, now: Instant, edge: EdgeId) {}
    /// Something became known, or was believed, of the instances of a service.
    fn discovery(&mut self, now: Instant, service: usize, fact: DiscoveryFact) {}
    /// An instance of a service runs this version under this configuration from now on (0: the
    /// model's own).
    fn adopted(&mut self, now: Instant, service: usize, version: u32, config: u32) {}
    /// A handler has looked something up in a cache.
    fn looked_up(&mut self, now: Instant, service: usize, hit: bool) {}
    /// A configuration is the newest from now on.
    fn config_pushed(&mut self, now: Instant, config: u32) {}
    /// Something happened to a change: the deployments of the model in their order, then the pushes of
    /// configuration that have a rollback.
    fn deployment(&mut self, now: Instant, change: usize, fact: DeploymentFact) {}
    /// An autoscaler has changed how many instances a service has: those that start count, those that
    /// serve what they have and stop do not.
    fn scaled(&mut self, now: Instant, service: usize, before: u32, after: u32) {}
    /// Whether it wants to hear of causes ([`Self::blamed`]), which costs a world some work for each failure;
    /// asked when a run begins. Whether anybody listens changes nothing else.
    fn wants_causes(&self) -> bool {
        false
    }
    /// A workload's request has failed, and this is where it stood: see [`crate::World::chains`]. Stated
    /// once for each, just before its [`Self::call_ended`].
    fn blamed(
        &mut self,
        now: Instant,
        edge: EdgeId,
        started: Instant,
        outcome: Outcome,
        chain: ChainId,
    ) {
    }
    /// A fault of the model (by its index) began or was over.
    fn fault(&mut self, now: Instant, fault: usize, active: bool) {}
    /// Something happened on the way of one request; stated where [`Self::SPANS`] says so.
    fn span(&mut self, now: Instant, fact: SpanFact) {}
}

/// What happens to a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransactionFact {
    /// Its step was reached.
    Started,
    /// It was decided, and the step knows.
    Ended {
        /// Else it was aborted.
        committed: bool,
    },
    /// The handler that ran it was lost with its instance before it knew.
    Lost,
    /// A participant has voted for it, and is in doubt from now on.
    Prepared,
    /// A participant that had voted for it learned the outcome after this time.
    InDoubt(Duration),
    /// A participant let its keys go after this time.
    Locked(Duration),
    /// A site sent a message for it.
    Message,
    /// A site forced a log record for it.
    Forced,
    /// Done work was undone.
    Compensated,
    /// Somebody saw, or changed, what was not yet decided.
    Anomaly,
}

/// What happens in a group of replicas.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupFact {
    /// A replica stands for election.
    Candidate,
    /// A term has ended without a leader because the votes were split.
    SplitVote,
    /// A replica leads, and is reachable as far as it knows; the group had no leader for this time.
    Leads {
        /// For how long nobody led.
        leaderless: Duration,
    },
    /// Nobody leads any more.
    Leaderless,
    /// A request waits for a leader.
    Buffered,
    /// A request found the buffer full, or waited in vain.
    Refused,
    /// A replica sent a message.
    Message,
    /// A replica forced its log.
    Forced,
    /// A write was acknowledged.
    Acknowledged,
    /// A read saw less than what was acknowledged before; by how much time it was behind.
    StaleRead(Duration),
}

/// What happens to a message; from [`MessageFact::Delivered`] on in one group of consumers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageFact {
    /// The broker has taken it in; again, where its producer tried it more than once.
    Published,
    /// The queue was full, and its producer was told.
    Refused,
    /// It was given to a consumer.
    Delivered {
        /// Not for the first time.
        again: bool,
    },
    /// A consumer has handled it, and the broker knows.
    Acknowledged,
    /// A consumer has handled a message that the group had handled before.
    Duplicate,
    /// A consumer knew that it had handled it, and let it be.
    Recognized,
    /// It was delivered in vain too often.
    DeadLettered,
    /// It was the oldest in a full queue, and was dropped.
    Dropped,
    /// It was over, and is to be consumed again by the will of a rollback.
    Replayed,
}

/// What callers learn of a service's instances.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiscoveryFact {
    /// Somebody sent a message about who is alive.
    Message,
    /// The number of instances that one caller leaves out has changed.
    LeftOut {
        /// Until now.
        before: u32,
        /// From now on.
        after: u32,
    },
    /// A caller has left out an instance that is down, and that it knew when it went down.
    Noticed {
        /// Since then.
        after: Duration,
    },
    /// A caller has left out an instance that is up; a paused one is.
    FalseAlarm,
}

/// What happens to a change of the running system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeploymentFact {
    /// It begins to go out.
    Began,
    /// It does not: one before it is being taken back.
    HeldBack,
    /// All instances have the version.
    Everywhere,
    /// A detector says that it goes wrong.
    Alarm {
        /// The change makes nothing worse: the alarm is a false one.
        harmless: bool,
    },
    /// Whoever acts takes the first step to take it back.
    Acts,
    /// What was before is at all instances again.
    PutBack,
    /// What was put back failed a probe.
    Unproven,
    /// The way back is over.
    Back {
        /// Probes have made sure of it.
        verified: bool,
    },
    /// The way back is over, and what was put back failed its probes each time.
    GivenUp,
    /// An instance with the change has written something wrong.
    WroteWrong,
    /// A store is as it was before the change.
    Restored {
        /// Writes that were undone.
        undone: u64,
        /// Of these, wrong ones.
        wrong: u64,
    },
}

/// What an observer wants of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tick {
    /// Go on, and call again at this time.
    At(Instant),
    /// Stop here; what was measured counts.
    Stop,
}

/// An observer who doesn't listen.
impl Observer for () {}
