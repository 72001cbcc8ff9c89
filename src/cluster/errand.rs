//! Errands: handlers that run for a protocol rather than for a caller (a participant's work, a
//! message's consumer, a probe). An errand queues for a worker, computes and fails like any request;
//! its outcome goes to the station that sent it, at the same instance, and not over the network.

use crate::deployment;
use crate::observer::Observer;
use crate::queue;
use crate::slab::NONE;
use crate::span::Cause;
use crate::state::{Doing, Origin, Strand};
use crate::transaction;
use crate::world::{Todo, World};
use clock::Instant;
use policy::Outcome;

/// Whose errand it is, and what it is to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Errand {
    Transaction(transaction::Errand),
    Message(queue::Errand),
    Probe(deployment::Errand),
}

/// Whether an errand is part of a transaction.
pub(crate) enum Part {
    /// It does what stands when the transaction commits.
    Work((transaction::Txn, u32)),
    /// It undoes that.
    Undo,
    /// It is no part of any.
    None,
}

impl Running {
    pub(crate) fn part(&self) -> Part {
        match &self.errand {
            Errand::Transaction(errand) => errand.as_part(),
            Errand::Message(_) | Errand::Probe(_) => Part::None,
        }
    }

    /// The transaction that it is for, if it is for one.
    pub(crate) fn txn(&self) -> Option<transaction::Txn> {
        match &self.errand {
            Errand::Transaction(errand) => Some(errand.txn()),
            Errand::Message(_) | Errand::Probe(_) => None,
        }
    }
}

/// An errand under way.
#[derive(Debug)]
pub(crate) struct Running {
    errand: Errand,
    outcome: Outcome,
}

impl World {
    /// Begins an errand at an instance that is up: the handler that begins at operation `entry`, with
    /// draws of `key`. A crash of the instance ends it without a word.
    pub(crate) fn run_errand(
        &mut self,
        now: Instant,
        instance: u32,
        entry: u32,
        key: u64,
        origin: Origin,
        errand: Errand,
    ) {
        let outcome = Outcome::Success;
        let running = self.errands.insert(Running { errand, outcome });
        let slot = self.strands.take(Strand::blank);
        let strand = &mut self.strands[slot];
        strand.begin(key, instance, entry, NONE);
        strand.doing = Doing::Travelling;
        strand.root = slot;
        strand.sent = now;
        strand.attempt = 0;
        strand.origin = origin;
        strand.is_errand = true;
        // A root without a caller stands in no list of attempts.
        strand.next = running;
        self.agenda.push(Todo::Deliver(slot));
    }

    /// What an errand is run for.
    pub(crate) fn errand_cause(&self, running: u32, endpoint: Option<u32>) -> Cause {
        match self.errands[running].errand {
            Errand::Message(errand) => errand.as_cause(endpoint),
            Errand::Transaction(errand) => errand.as_cause(endpoint),
            Errand::Probe(_) => Cause::Probe,
        }
    }

    /// The handler of an errand has ended: its sender hears of it at this instant.
    #[cold]
    pub(crate) fn errand_served(&mut self, root: u32, outcome: Outcome) {
        // Branches that nobody listens to may go on; they are no errand's any more.
        let strand = &mut self.strands[root];
        strand.is_errand = false;
        let running = core::mem::replace(&mut strand.next, NONE);
        self.errands[running].outcome = outcome;
        self.agenda.push(Todo::Errand(running));
    }

    /// The agenda's word: an errand is over.
    #[cold]
    pub(crate) fn errand_over<O: Observer>(&mut self, now: Instant, obs: &mut O, running: u32) {
        let Running { errand, outcome } = self.errands[running];
        self.errands.remove(running);
        match errand {
            Errand::Transaction(errand) => self.transaction_work(now, obs, errand, outcome),
            Errand::Probe(errand) => self.probe_answered_by(now, obs, errand, outcome),
            Errand::Message(errand) => self.message_consumed(now, obs, errand, outcome),
        }
    }

    /// The errand of a root strand ends unheard, with its instance.
    pub(crate) fn drop_errand(&mut self, root: u32) {
        let strand = &mut self.strands[root];
        if core::mem::take(&mut strand.is_errand) {
            let running = core::mem::replace(&mut strand.next, NONE);
            let errand = self.errands[running].errand;
            self.errands.remove(running);
            if let Errand::Message(errand) = errand {
                self.message_dropped(errand);
            }
        }
    }
}
