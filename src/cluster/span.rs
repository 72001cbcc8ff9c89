//! Facts about single requests: what an observer needs to follow one on its whole way.
//!
//! Calls and strands are named by the slots in which the world keeps them, which others use after
//! them. Whoever listens keeps up by the facts that give a slot to somebody new:
//! [`SpanFact::CallBegins`], [`SpanFact::Sent`], [`SpanFact::Branches`], and [`SpanFact::Arrives`] with a
//! cause. Facts about a slot that come after its owner has ended concern nobody.
//!
//! It refuses to know which requests are followed.

use crate::observer::Observer;
use clock::Instant;
use policy::Outcome;

/// The slot of a call.
pub type CallSlot = u32;

/// The slot of a strand: a request at an instance, or a branch of its handler.
pub type StrandSlot = u32;

/// An instance of a service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct At {
    /// The number of the service in the model.
    pub service: u32,
    /// Its number among the instances of the service, from 0.
    pub instance: u32,
}

/// What happens on the way of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpanFact {
    /// A call begins. The requests of a workload are the calls by nobody at its edge, in order.
    CallBegins {
        /// Its slot from now on.
        call: CallSlot,
        /// The strand that makes it; `None` for a workload's request.
        by: Option<StrandSlot>,
        /// Which edge.
        edge: u32,
        /// What everything that is drawn for the call is drawn from; no other call has it.
        key: u64,
    },
    /// A layer of its policy lets a call wait: a back-off, a place in a bulkhead, a limiter.
    CallRests {
        /// Which one.
        call: CallSlot,
        /// The layer's name in the model language.
        layer: &'static str,
    },
    /// A layer of its policy has turned a call, or a further try of it, back.
    CallRefused {
        /// Which one.
        call: CallSlot,
        /// The layer's name in the model language.
        layer: &'static str,
    },
    /// A call ends.
    CallEnds {
        /// Which one.
        call: CallSlot,
        /// How.
        outcome: Outcome,
    },
    /// Who made a call is lost with its instance.
    CallLost {
        /// Which one.
        call: CallSlot,
    },
    /// An attempt of a call sets out.
    Sent {
        /// Its slot from now on.
        strand: StrandSlot,
        /// Whose attempt.
        call: CallSlot,
        /// Counted from 0.
        attempt: u8,
        /// To whom; `None`: nobody is known to send it to.
        to: Option<At>,
    },
    /// A message of an attempt, there or back, is lost on its way.
    Vanished {
        /// Which attempt.
        strand: StrandSlot,
    },
    /// The caller hears the answer of an attempt.
    Heard {
        /// Which attempt.
        strand: StrandSlot,
        /// What it hears.
        outcome: Outcome,
    },
    /// The caller no longer waits for an attempt, which may go on.
    GivenUp {
        /// Which attempt.
        strand: StrandSlot,
        /// Its time was up; else another one has won, or the caller is gone.
        too_slow: bool,
    },
    /// A request comes to an instance that takes it, or something that a protocol runs there.
    Arrives {
        /// Which one.
        strand: StrandSlot,
        /// Where.
        at: At,
        /// Whose it is, where no caller waits for it: then the slot is new.
        cause: Option<Cause>,
    },
    /// A strand begins below another one: a branch, or the first round of a `repeat`.
    Branches {
        /// Its slot from now on.
        strand: StrandSlot,
        /// Of whom.
        by: StrandSlot,
        /// Which of several branches, from 0; `None` for the rounds of a `repeat`.
        branch: Option<u32>,
    },
    /// A strand begins something that takes time, and ends what it did before.
    Does {
        /// Which one.
        strand: StrandSlot,
        /// What it does.
        what: Doing,
    },
    /// Something took no time, but may matter.
    Notes {
        /// To whom.
        strand: StrandSlot,
        /// What happened.
        what: Note,
    },
    /// A handler or a branch is through.
    Served {
        /// Which one.
        strand: StrandSlot,
        /// How it went.
        outcome: Outcome,
    },
    /// An instance refuses a request.
    Refused {
        /// Which one.
        strand: StrandSlot,
        /// Why.
        why: Refusal,
    },
    /// A strand is stopped: nobody waits for it, or its instance went down.
    Stopped {
        /// Which one.
        strand: StrandSlot,
    },
    /// A dead letter is a message of its own in another queue.
    DeadLetter {
        /// The message that it was.
        message: u64,
        /// What it is now.
        letter: u64,
    },
}

/// What a strand does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doing {
    /// It waits in the instance's queue for a worker.
    Queued,
    /// It works.
    Computing,
    /// A `wait` step.
    Waiting,
    /// It waits for the worker of its own request, which another branch uses.
    WaitingForSibling,
    /// It hands a message to a broker, and waits for the word.
    Publishing {
        /// The number of the queue in the model.
        queue: u32,
        /// No other message of the run has this number.
        message: u64,
    },
    /// It waits for the end of a transaction.
    Transaction {
        /// The number of the step, see [`crate::World::transactions`].
        step: u32,
    },
    /// It waits until its group has agreed on an entry of the log.
    Replicating,
    /// It waits until somebody leads its group.
    AwaitingLeader,
    /// Nothing that takes time.
    Nothing,
}

/// What takes no time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// A cache had what was looked for.
    CacheHit,
    /// It did not.
    CacheMiss,
    /// A degraded instance went without an optional call.
    WentWithout,
    /// The transaction that the strand waits for has this number.
    Transaction(u64),
}

/// Why an instance refuses a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Its admission did not let it in.
    Admission,
    /// Its queue was full.
    QueueFull,
    /// Its queue dropped it because it had waited too long.
    Dropped,
}

/// What a protocol runs a handler for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A message has come to a consumer.
    Message {
        /// The number of the queue in the model.
        queue: u32,
        /// Which message.
        message: u64,
        /// The how-manieth time it is delivered, from 1.
        delivery: u32,
        /// The number of the endpoint.
        endpoint: Option<u32>,
    },
    /// A participant of a transaction works for it.
    Transaction {
        /// Which transaction.
        transaction: u64,
        /// It undoes what was done.
        undoes: bool,
        /// The number of the endpoint.
        endpoint: Option<u32>,
    },
    /// A rollback makes sure of what it put back.
    Probe,
}

/// States what a strand does from now on.
pub(crate) fn does<O: Observer>(now: Instant, obs: &mut O, strand: StrandSlot, what: Doing) {
    obs.span(now, SpanFact::Does { strand, what });
}
