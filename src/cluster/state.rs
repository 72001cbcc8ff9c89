//! What the world is made of while it runs: calls, strands, instances, and the state that callers
//! hold. Plain data; what happens to it stands in the stations' files.

use crate::guard::Guard;
use crate::place::Location;
use crate::scaling::Meter;
use crate::shared::Shared;
use crate::slab::NONE;
use crate::span::At;
use clock::{Duration, Instant};
use engine::{Sampler, Stamp, TimerClass};
use model::{Abandoned, CrashMode};
use policy::Queue;
use policy::{Outcome, Pipeline};

/// What a request brings along, and what calls on its behalf inherit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    pub(crate) priority: u32,
    /// Its key, such as a customer; [`NO_KEY`] where its workload has none.
    pub(crate) key: u32,
    /// The order that it is; [`NO_ORDER`] where nobody follows any.
    pub(crate) order: u32,
}

/// What is no order. No run has so many.
pub(crate) const NO_ORDER: u32 = u32::MAX;

/// The key of requests of a workload without keys. No workload has so many.
pub(crate) const NO_KEY: u32 = u32::MAX;

impl Origin {
    pub(crate) const fn new(priority: u32) -> Self {
        Self {
            priority,
            key: NO_KEY,
            order: NO_ORDER,
        }
    }

    /// The record, the bucket or the customer that the key stands for.
    #[inline]
    pub(crate) fn record(self) -> u32 {
        if self.key == NO_KEY { 0 } else { self.key }
    }
}

/// One call, as its caller sees it: attempts inside a policy.
#[derive(Debug)]
pub(crate) struct Call {
    /// Identity of the call: every draw that belongs to it comes from here.
    pub(crate) key: u64,
    pub(crate) started: Instant,
    /// The strand that waits for it; [`NONE`] for a workload's request.
    pub(crate) parent: u32,
    pub(crate) site: u32,
    pub(crate) channel: u32,
    /// As its channel, but [`ONLY`] where there is nothing to balance.
    pub(crate) peers: u32,
    pub(crate) course: Course,
    /// The attempts that are out, as a list of strands through [`Strand::next`].
    pub(crate) attempts: u32,
    /// Random numbers that its policy has drawn.
    pub(crate) draws: u32,
    pub(crate) origin: Origin,
}

impl Call {
    /// What a new slot holds.
    pub(crate) const fn blank() -> Self {
        Self {
            key: 0,
            started: Instant::ZERO,
            parent: NONE,
            site: 0,
            channel: 0,
            peers: ONLY,
            course: Course::Bare,
            attempts: NONE,
            draws: 0,
            origin: Origin::new(0),
        }
    }
}

/// Stands for the peers of a service that has a single instance: nothing is to be balanced.
pub(crate) const ONLY: u32 = NONE;

/// What it takes to bring a call to its end. The first two are policies whose answers are known
/// without asking them: a test holds them to what the policy itself would say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Course {
    /// No layer: one attempt, and its outcome.
    Bare,
    /// A timeout of a constant span alone: one attempt, given up when the timer fires.
    Timeout(TimerClass),
    /// Anything else: the policy is asked.
    Policy,
}

/// What a strand is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Doing {
    /// The slot is free.
    Nothing,
    /// A request on its way to the instance.
    Travelling,
    /// Waits in the instance's queue for a worker.
    Queued,
    /// Work; a worker is held.
    Computing,
    /// A wait step.
    Waiting,
    /// Waits for the worker of its own (blocking) request, which another branch uses.
    WaitingForSibling,
    /// Waits for the call that it made.
    Calling,
    /// Waits for a protocol: the end of a transaction, a replicated write.
    Agreeing,
    /// Waits for its branches or rounds.
    Forked,
    /// About to go on, in the agenda.
    Pending,
    /// Gave its answer, and waits for branches that nobody listens to.
    Lingering,
    /// The answer is on its way to the caller.
    Answering,
    /// The request or its answer vanished on the way; the caller still waits.
    Lost,
    /// Stopped; whoever stopped it decides what becomes of the slot.
    Stopped,
    /// Stopped for good; whoever still names it (the queue, the agenda) frees it.
    Dead,
}

/// A line of execution at an instance. The root strand of a request stands for the request; the
/// branches of a `parallel` and the rounds of a `repeat` are strands below it.
#[derive(Debug)]
pub(crate) struct Strand {
    /// Identity: every draw that belongs to the work comes from here.
    pub(crate) key: u64,
    /// The event that it waits for.
    pub(crate) stamp: Stamp,
    /// When the present hold of a worker began.
    pub(crate) since: Instant,
    /// When the present compute step will be over.
    pub(crate) due: Instant,
    /// Of a root: when the request was sent.
    pub(crate) sent: Instant,
    /// Of a root: when its caller gave up.
    pub(crate) gave_up: Instant,
    /// Of a root: the call that it is an attempt of, [`NONE`] when nobody waits. Of a branch: the
    /// strand that forked it, [`NONE`] when it no longer listens.
    pub(crate) owner: u32,
    /// The root of the request; itself for a root.
    pub(crate) root: u32,
    /// Neighbours among the attempts of a call, or among the branches of a strand. `next` of an
    /// errand's root is the errand.
    pub(crate) next: u32,
    pub(crate) prev: u32,
    /// While [`Doing::Calling`]: the call. While [`Doing::Forked`]: the fork. While
    /// [`Doing::Agreeing`]: what the protocol's station knows it by.
    pub(crate) awaits: u32,
    /// Of a root: strands below it that live.
    pub(crate) family: u32,
    pub(crate) pc: u32,
    pub(crate) instance: u32,
    pub(crate) doing: Doing,
    pub(crate) attempt: u8,
    pub(crate) outcome: Outcome,
    /// Of a root: a worker is held.
    pub(crate) has_worker: bool,
    /// Of a root: it has been served, so that a full queue can not refuse it any more.
    pub(crate) admitted: bool,
    /// Of a root: one of its strands computes (blocking requests compute one at a time).
    pub(crate) computing: bool,
    /// It went without a part, or with a substitute for one.
    pub(crate) degraded: bool,
    /// Of a root without a caller: a protocol hears its outcome.
    pub(crate) is_errand: bool,
    /// Of a root: it was sent on from where its caller had sent it.
    pub(crate) moved: bool,
    pub(crate) origin: Origin,
}

impl Strand {
    /// A strand in its first state, in memory that another may have used. What is written before it
    /// is read (`root`, `origin`, `sent`, `since`, `due`, `awaits`) is left to whoever writes it.
    #[inline]
    pub(crate) fn begin(&mut self, key: u64, instance: u32, pc: u32, owner: u32) {
        (self.key, self.instance, self.pc, self.owner) = (key, instance, pc, owner);
        (self.stamp, self.gave_up) = (Stamp::NONE, Instant::NEVER);
        (self.next, self.prev, self.family) = (NONE, NONE, 0);
        (self.doing, self.outcome) = (Doing::Pending, Outcome::Success);
        (self.has_worker, self.admitted) = (false, false);
        (self.computing, self.degraded) = (false, false);
        (self.is_errand, self.moved) = (false, false);
    }

    /// What a new slot holds.
    pub(crate) const fn blank() -> Self {
        Self {
            key: 0,
            stamp: Stamp::NONE,
            since: Instant::ZERO,
            due: Instant::ZERO,
            sent: Instant::ZERO,
            gave_up: Instant::NEVER,
            owner: NONE,
            root: NONE,
            next: NONE,
            prev: NONE,
            awaits: NONE,
            family: 0,
            pc: 0,
            instance: 0,
            doing: Doing::Nothing,
            attempt: 0,
            outcome: Outcome::Success,
            has_worker: false,
            admitted: false,
            computing: false,
            degraded: false,
            is_errand: false,
            moved: false,
            origin: Origin::new(0),
        }
    }
}

/// The branches of a `parallel`, or the rounds of a `repeat`, that a strand waits for.
#[derive(Debug)]
pub(crate) struct Fork {
    /// The first of them, as a list through [`Strand::next`].
    pub(crate) branches: u32,
    /// Those that may still end.
    pub(crate) running: u32,
    /// Those that must still succeed.
    pub(crate) required: u32,
    /// Rounds that are still to be run, the present one included.
    pub(crate) rounds: u32,
}

/// A running copy of a service.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) location: Location,
    pub(crate) service: u32,
    /// Its number among the instances of its service, from 0.
    pub(crate) local: u32,
    /// Its number among all replicas, where its service is replicated; else [`NONE`].
    pub(crate) member: u32,
    pub(crate) workers: u32,
    /// Workers that are held.
    pub(crate) busy: u32,
    pub(crate) queue: Queue,
    /// Live entries of the queue; those of the dead leave it late.
    pub(crate) waiting: u32,
    /// Present where work shares the cores.
    pub(crate) shared: Option<Box<Shared>>,
    pub(crate) shared_stamp: Stamp,
    /// As its service.
    pub(crate) blocking: bool,
    pub(crate) queue_capacity: u32,
    pub(crate) abandoned: Abandoned,
    /// It was stopped on purpose, which counts as one crash.
    pub(crate) stands_by: bool,
    /// How many crashes hold it down, and how callers find out.
    pub(crate) crashes: u32,
    pub(crate) crash_mode: CrashMode,
    /// The event that ends its start-up; [`Stamp::NONE`] when it is ready.
    pub(crate) starting: Stamp,
    /// How many faults pause it.
    pub(crate) pauses: u32,
    /// What reached it while it was paused.
    pub(crate) deferred: Vec<(crate::event::Event, Stamp)>,
    /// Work that a pause stopped, and how much of it is left.
    pub(crate) frozen: Vec<(u32, Duration)>,
    /// Product of the factors of the moment.
    pub(crate) slow: f64,
    /// Share of requests that fail on top of what their handlers do.
    pub(crate) errors: f64,
    /// What it runs; [`NONE`]: what the model says.
    pub(crate) edition: u32,
    /// Where it does not let everything in and do everything.
    pub(crate) guard: Option<Box<Guard>>,
    /// Where an autoscaler looks at it.
    pub(crate) meter: Option<Box<Meter>>,
    /// It is up, not paused, and nobody is at the door: see [`Self::settle`].
    pub(crate) open: bool,
}

impl Instance {
    /// Finds out anew whether requests just come in, after anything has changed that may hinder them.
    pub(crate) fn settle(&mut self) {
        self.open = self.is_open();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_up()
            && self.pauses == 0
            && self.guard.is_none()
            && self.edition == NONE
            && self.member == NONE
    }

    /// Its name in facts.
    pub(crate) fn at(&self) -> At {
        At {
            service: self.service,
            instance: self.local,
        }
    }

    /// Whether it takes requests now.
    pub(crate) fn is_up(&self) -> bool {
        self.crashes == 0 && self.starting == Stamp::NONE
    }
}

/// What all instances of a service have in common, and their sums.
#[derive(Debug)]
pub(crate) struct ServiceState {
    pub(crate) instances: u32,
    pub(crate) startup: Sampler,
    /// Callers may know less than all of its instances.
    pub(crate) is_discovered: bool,
    /// Over all instances: waiting requests and busy workers (cores, where they are shared).
    pub(crate) queued: u32,
    pub(crate) busy: u32,
}

/// A place in the model that calls: a workload, or a call step of a handler.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) edge: u32,
    /// Instance 0 of the service that it calls; the others follow.
    pub(crate) first_instance: u32,
    /// First operation of the endpoint that it calls.
    pub(crate) entry: u32,
    /// The channel of caller instance 0; the others follow.
    pub(crate) channels: u32,
    /// What it calls must be served by the leader of a group.
    pub(crate) led: bool,
}

/// What one caller instance holds towards one service under one policy.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) pipeline: Pipeline,
    pub(crate) course: Course,
    /// By slot: the class of its timer, where that is a timeout of a constant span.
    pub(crate) timers: Box<[Option<TimerClass>]>,
    /// Index into the world's peers.
    pub(crate) peers: u32,
    /// The service has a single instance.
    pub(crate) only: bool,
    /// Index into the model's policies, for building it anew after a crash.
    pub(crate) policy: Option<u32>,
    /// The first edge that uses it; facts on breakers are stated there.
    pub(crate) edge: u32,
    pub(crate) breakers: bool,
    /// Several attempts of a call may be out at once.
    pub(crate) hedged: bool,
    /// Open and half-open breakers, as last stated.
    pub(crate) stated: (u32, u32),
}

/// An edge of the call graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    /// A workload or a service, by name.
    pub caller: String,
    /// `service.endpoint`.
    pub target: String,
    /// Whether the caller is a workload.
    pub workload: bool,
    /// Whether a policy on it holds a circuit breaker.
    pub has_breaker: bool,
}
