//! A transaction under way, as the world keeps books on it: who began it, who works for it, what is
//! on its way. It refuses to know how its parts agree: that is the [`Agreement`]'s.

use crate::post::Bell;
use crate::slab::Slab;
use crate::state::Origin;
use crate::transaction::saga::Saga;
use crate::transaction::tcc::Tcc;
use crate::transaction::two_phase::TwoPhase;
use clock::Instant;
use protocol::transaction::{Outcome, Txn};
use protocol::{saga, tcc, two_phase_commit};

/// A transaction under way.
#[derive(Debug)]
pub(crate) struct Deal {
    pub(crate) txn: Txn,
    /// The number of its step.
    pub(crate) step: u32,
    /// Every draw that belongs to it comes from here.
    pub(crate) key: u64,
    pub(crate) origin: Origin,
    pub(crate) started: Instant,
    /// The instance whose handler began it.
    pub(crate) handler: u32,
    /// Who waits for its end; `NONE`: nobody any more.
    pub(crate) strand: u32,
    /// Its step knows how it ended, or is lost.
    pub(crate) concluded: bool,
    /// Letters on their way.
    pub(crate) letters: u32,
    /// In the order of the model.
    pub(crate) parts: Vec<Part>,
    /// Alarms that are set.
    pub(crate) rings: Vec<Ring>,
    pub(crate) agreement: Agreement,
}

/// How the parts agree, and how far they are.
#[derive(Debug)]
pub(crate) enum Agreement {
    TwoPhase(TwoPhase),
    Saga(Saga),
    Tcc(Tcc),
}

/// Who leads a transaction, and how far.
#[derive(Debug)]
pub(crate) struct Lead {
    pub(crate) coordinator: u32,
    /// The coordinator has heard of it. Never again after that, so that a number is used once: a
    /// coordinator that has forgotten stands by its abort.
    pub(crate) begun: bool,
    /// What the coordinator has decided, as far as a crash does not undo it.
    pub(crate) outcome: Option<Outcome>,
    /// The coordinator need not remember it any more.
    pub(crate) ended: bool,
}

impl Lead {
    /// Nothing has happened yet.
    pub(crate) const fn new(coordinator: u32) -> Self {
        Self {
            coordinator,
            begun: false,
            outcome: None,
            ended: false,
        }
    }

    /// Whether the coordinator has nothing to do any more, or never had.
    pub(crate) const fn is_over(&self) -> bool {
        !self.begun || self.ended
    }
}

/// A participant, as its work goes.
#[derive(Debug)]
pub(crate) struct Part {
    /// Where it works.
    pub(crate) instance: u32,
    /// The peers that it was picked by; `NONE`: it was not, or they have heard how it ended.
    pub(crate) peers: u32,
    /// Those that it must lock, each once.
    pub(crate) keys: Vec<u32>,
    /// How many of them it holds, the first ones.
    pub(crate) held: u32,
    /// Since when it has held the first.
    pub(crate) held_since: Instant,
    pub(crate) stage: Stage,
}

/// How far the work of a participant is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Not begun.
    Idle,
    /// Waits for the key behind those that it holds.
    Waiting,
    /// Its errand runs.
    Working,
    /// Done, well or not.
    Done(bool),
    /// Whatever it did is over; its keys are free.
    Over,
}

/// An alarm that is set for a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    pub(crate) site: u32,
    pub(crate) what: What,
    pub(crate) bell: Bell,
}

/// What an alarm of a transaction is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// A timer of a machine of two-phase commit.
    TwoPhase(two_phase_commit::Wait),
    /// One of an orchestrator of sagas.
    Saga(saga::Wait),
    /// One of a machine of TCC.
    Tcc(tcc::Wait),
    /// The work at a site has taken too long.
    Work,
    /// The handler asks the coordinator again.
    Ask,
}

/// All transactions under way. A transaction's number says where it is kept.
#[derive(Debug)]
pub(crate) struct Deals {
    slots: Slab<Option<Deal>>,
    begun: u32,
}

impl Deals {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Slab::new(),
            begun: 0,
        }
    }

    /// A new transaction, which `make` makes of its number.
    pub(crate) fn insert(&mut self, make: impl FnOnce(Txn) -> Deal) -> Txn {
        let slot = self.slots.take(|| None);
        self.begun = self.begun.wrapping_add(1);
        let txn = Txn(u64::from(self.begun) << 32 | u64::from(slot));
        self.slots[slot] = Some(make(txn));
        txn
    }

    pub(crate) fn get(&self, txn: Txn) -> Option<&Deal> {
        self.slots[slot(txn)]
            .as_ref()
            .filter(|deal| deal.txn == txn)
    }

    pub(crate) fn get_mut(&mut self, txn: Txn) -> Option<&mut Deal> {
        let deal = self.slots[slot(txn)].as_mut();
        deal.filter(|deal| deal.txn == txn)
    }

    pub(crate) fn remove(&mut self, txn: Txn) {
        if self.get(txn).is_some() {
            self.slots[slot(txn)] = None;
            self.slots.remove(slot(txn));
        }
    }

    /// In the order of their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Deal> {
        (0..self.slots.slots()).filter_map(|slot| self.slots[slot].as_ref())
    }

    /// Their numbers, in the same order.
    pub(crate) fn all(&self) -> Vec<Txn> {
        self.iter().map(|deal| deal.txn).collect()
    }

    /// The transaction that is kept in this slot.
    pub(crate) fn at(&mut self, slot: u32) -> Option<&mut Deal> {
        self.slots[slot].as_mut()
    }
}

/// Where a transaction is kept.
pub(crate) fn slot(txn: Txn) -> u32 {
    txn.0 as u32
}

impl Deal {
    pub(crate) fn lead(&mut self) -> &mut Lead {
        match &mut self.agreement {
            Agreement::TwoPhase(two_phase) => &mut two_phase.lead,
            Agreement::Saga(saga) => &mut saga.lead,
            Agreement::Tcc(tcc) => &mut tcc.lead,
        }
    }

    /// Whether no site needs it any more, once nothing is on its way.
    pub(crate) fn is_over(&self) -> bool {
        match &self.agreement {
            Agreement::TwoPhase(two_phase) => two_phase.is_over(),
            // Whatever was done is acknowledged before its end.
            Agreement::Saga(saga) => saga.lead.is_over(),
            Agreement::Tcc(tcc) => tcc.is_over(),
        }
    }

    /// All instances that may remember it, some of them more than once.
    pub(crate) fn sites(&mut self) -> Vec<u32> {
        let coordinator = self.lead().coordinator;
        let parts = self.parts.iter().map(|part| part.instance);
        parts.chain([coordinator]).collect()
    }

    /// Takes an alarm that is set out of the list.
    pub(crate) fn take_ring(&mut self, site: u32, what: What) -> Option<Bell> {
        let mut rings = self.rings.iter();
        let at = rings.position(|ring| ring.site == site && ring.what == what)?;
        Some(self.rings.swap_remove(at).bell)
    }

    /// The numbers of the parts at a site.
    pub(crate) fn parts_at(&self, site: u32) -> impl Iterator<Item = u32> {
        let parts = self.parts.iter().enumerate();
        let here = parts.filter(move |(_, part)| part.instance == site);
        here.map(|(number, _)| number as u32)
    }
}

impl Part {
    pub(crate) fn new(instance: u32, peers: u32, keys: Vec<u32>) -> Self {
        Self {
            instance,
            peers,
            keys,
            held: 0,
            held_since: Instant::ZERO,
            stage: Stage::Idle,
        }
    }

    /// The key that it waits for.
    pub(crate) fn awaited(&self) -> Option<u32> {
        (self.stage == Stage::Waiting).then(|| self.keys[self.held as usize])
    }
}
