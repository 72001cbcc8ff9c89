//! What crashes and restarts of instances mean to transactions: a machine's memory, its timers and
//! what is not yet stable of its log are gone; its log and the keys of those who have voted stay.

use crate::observer::{Observer, TransactionFact};
use crate::slab::NONE;
use crate::transaction::disk::Record;
use crate::transaction::two_phase::{Machines, Role, coordinator_config, participant_config};
use crate::transaction::{Agreement, Txn};
use crate::world::World;
use clock::Instant;
use policy::Outcome as CallOutcome;
use protocol::two_phase_commit::{Coordinator, Outcome, Participant, Record as LogRecord, Site};
use std::collections::BTreeMap;

/// What is stable of the log of an instance, by protocol, for one step. A step has one.
#[derive(Default)]
struct Logs {
    two_phase: Vec<LogRecord>,
    saga: Vec<protocol::saga::Record>,
    tcc: Vec<protocol::tcc::Record>,
}

impl World {
    /// An instance has crashed.
    pub(crate) fn transactions_down<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        if self.transactions.plans.is_empty() {
            return;
        }
        let disk = &mut self.transactions.disks[id as usize];
        disk.crash();
        if let Some(bell) = disk.bell.take() {
            self.silence(bell);
        }
        for step in 0..self.transactions.plans.len() as u32 {
            self.transactions.machines.remove(&(id, step));
            self.transactions.sagas.remove(&(id, step));
            self.transactions.tccs.remove(&(id, step));
        }
        let all = self.transactions.deals.all();
        for &txn in &all {
            self.handler_down(now, obs, txn, id);
            self.site_down(now, obs, txn, id);
        }
        for txn in all {
            self.settle_transactions(now, obs, txn);
        }
    }

    /// The handler of a transaction is gone with this instance, if it was there.
    fn handler_down<O: Observer>(&mut self, now: Instant, obs: &mut O, txn: Txn, id: u32) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let rings = core::mem::take(&mut deal.rings).into_iter();
        let (gone, left): (Vec<_>, Vec<_>) = rings.partition(|ring| ring.site == id);
        deal.rings = left;
        if deal.handler == id && !deal.concluded {
            (deal.concluded, deal.strand) = (true, NONE);
            let (step, started) = (deal.step as usize, deal.started);
            obs.transaction(now, step, started, TransactionFact::Lost);
            self.unpick(now, txn, CallOutcome::Unavailable);
        }
        for ring in gone {
            self.silence(ring.bell);
        }
    }

    /// Whatever a transaction had at this instance is gone, but for what is stable.
    fn site_down<O: Observer>(&mut self, now: Instant, obs: &mut O, txn: Txn, id: u32) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        match deal.agreement {
            Agreement::TwoPhase(_) => {}
            Agreement::Saga(_) => return self.saga_down(now, obs, txn, id),
            Agreement::Tcc(_) => return self.tcc_down(now, obs, txn, id),
        }
        let two_phase = deal.two_phase();
        if two_phase.lead.coordinator == id
            && two_phase.lead.begun
            && two_phase.lead.outcome != Some(Outcome::Commit)
        {
            // Without a stable commit it will say abort to whoever asks.
            two_phase.lead.outcome = Some(Outcome::Abort);
            two_phase.lead.ended = true;
        }
        let Some(state) = two_phase.site(id) else {
            return;
        };
        let disk = &self.transactions.disks[id as usize];
        let prepared = disk
            .stable_of(txn)
            .any(|record| matches!(record, Record::TwoPhase(LogRecord::Prepared { .. })));
        if state.enlisted && !prepared {
            state.over = true;
            self.release_parts(now, obs, txn, id);
        }
    }

    /// An instance has started again: both roles recover from its log.
    pub(crate) fn transactions_up<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        if self.transactions.plans.is_empty() {
            return;
        }
        self.transactions.watch.calm(now);
        let mut by_step: BTreeMap<u32, Logs> = BTreeMap::new();
        for (txn, record) in self.transactions.disks[id as usize].stable() {
            if let Some(deal) = self.transactions.deals.get(txn) {
                let logs = by_step.entry(deal.step).or_default();
                match record {
                    Record::TwoPhase(record) => logs.two_phase.push(record),
                    Record::Saga(record) => logs.saga.push(record),
                    Record::Tcc(record) => logs.tcc.push(record),
                }
            }
        }
        for (step, logs) in by_step {
            if !logs.two_phase.is_empty() {
                self.recover(now, id, step, &logs.two_phase);
            }
            if !logs.saga.is_empty() {
                self.recover_saga(now, id, step, &logs.saga);
            }
            if !logs.tcc.is_empty() {
                self.recover_tcc(now, id, step, &logs.tcc);
            }
        }
        let concerned: Vec<Txn> = self.transactions.disks[id as usize]
            .transactions()
            .collect();
        self.do_wishes(now, obs);
        for txn in concerned {
            self.settle_transactions(now, obs, txn);
        }
    }

    /// The machines of an instance for one step, from what is stable of its log.
    fn recover(&mut self, now: Instant, id: u32, step: u32, log: &[LogRecord]) {
        let transactions = &mut self.transactions;
        let plan = &transactions.plans[step as usize];
        let (coordinator, participant) = (coordinator_config(plan), participant_config(plan));
        let mut out = core::mem::take(&mut transactions.out);
        let coordinator = Coordinator::recover(coordinator, now, log, &mut out);
        transactions.note(id, Role::Coordinator, &mut out);
        let mut out = core::mem::take(&mut transactions.out);
        let participant = Participant::recover(Site(id), participant, now, log, &mut out);
        transactions.note(id, Role::Participant, &mut out);
        let (Ok(coordinator), Ok(participant)) = (coordinator, participant) else {
            unreachable!("a model has no interval of 0");
        };
        for txn in participant.in_doubt() {
            if let Some(deal) = transactions.deals.get_mut(txn)
                && let Some(state) = deal.two_phase().site(id)
            {
                // An abort whose record a crash has taken is asked for once more.
                state.over = false;
            }
        }
        let machines = Machines {
            coordinator,
            participant,
        };
        transactions.machines.insert((id, step), machines);
    }
}
