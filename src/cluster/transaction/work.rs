//! The work of participants: first its keys, then an errand at its instance; and what is left of it
//! when the outcome is known. It refuses to know how the parts agree.

use crate::errand;
use crate::observer::{Observer, TransactionFact};
use crate::state::Origin;
use crate::transaction::deal::{Agreement, Stage};
use crate::transaction::locks::Claim;
use crate::transaction::plan::purpose;
use crate::transaction::{Errand, Task};
use crate::world::World;
use clock::Instant;
use engine::Keyed;
use model::OnConflict;
use policy::Outcome;

impl World {
    /// The work of a participant begins.
    pub(crate) fn begin_part(&mut self, now: Instant, claim: Claim) {
        let (txn, number) = claim;
        let Some(deal) = self.transactions.deals.get(txn) else {
            return;
        };
        let part = &deal.parts[number as usize];
        let plan = &self.transactions.plans[deal.step as usize];
        let locks = &self.transactions.locks[plan.parts[number as usize].service as usize];
        let conflict = part.keys.iter().any(|&key| !locks.is_free(key, txn));
        if conflict && plan.on_conflict == OnConflict::Abort {
            self.part_done(now, claim, false);
            return;
        }
        self.lock_on(now, claim);
    }

    /// A participant takes its keys one after the other, and then works.
    fn lock_on(&mut self, now: Instant, claim: Claim) {
        let (txn, number) = claim;
        let transactions = &mut self.transactions;
        let Some(deal) = transactions.deals.get_mut(txn) else {
            return;
        };
        let place = transactions.plans[deal.step as usize].parts[number as usize];
        let locks = &mut transactions.locks[place.service as usize];
        let part = &mut deal.parts[number as usize];
        while let Some(&key) = part.keys.get(part.held as usize) {
            if !locks.is_free(key, txn) {
                locks.wait(key, claim);
                part.stage = Stage::Waiting;
                return;
            }
            locks.take(key, txn);
            if part.held == 0 {
                part.held_since = now;
            }
            part.held += 1;
        }
        part.stage = Stage::Working;
        for &key in part.keys.iter().filter(|_| transactions.marked > 0) {
            let marks = &transactions.marks[place.service as usize];
            transactions.anomalies.extend(marks.seen(key, Some(txn)));
        }
        let (instance, origin) = (part.instance, deal.origin);
        let key = Keyed::child(deal.key ^ purpose::WORK, number.into());
        self.run_task(now, instance, place.entry, key, origin, claim, Task::Work);
    }

    /// A part runs a handler, the one that begins at operation `entry`.
    #[expect(clippy::too_many_arguments, reason = "an errand is all of this")]
    pub(crate) fn run_task(
        &mut self,
        now: Instant,
        instance: u32,
        entry: u32,
        key: u64,
        origin: Origin,
        (txn, part): Claim,
        task: Task,
    ) {
        let errand = errand::Errand::Transaction(Errand { txn, part, task });
        self.run_errand(now, instance, entry, key, origin, errand);
    }

    /// The work of a participant has ended.
    pub(crate) fn transaction_work<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        errand: Errand,
        outcome: Outcome,
    ) {
        let claim = (errand.txn, errand.part);
        if errand.task != Task::Work {
            self.undone_or_confirmed(now, claim, errand.task, outcome.is_success());
            self.settle_transactions(now, obs, errand.txn);
            return;
        }
        // What the transaction, or the instance, no longer waits for is over.
        let deal = self.transactions.deals.get(errand.txn);
        let stage = deal.map(|deal| deal.parts[errand.part as usize].stage);
        if stage == Some(Stage::Working) {
            self.part_done(now, claim, outcome.is_success());
            self.settle_transactions(now, obs, errand.txn);
        }
    }

    /// What follows on the work of a part is done, or could not be.
    fn undone_or_confirmed(&mut self, now: Instant, (txn, part): Claim, task: Task, well: bool) {
        let Some(deal) = self.transactions.deals.get(txn) else {
            return;
        };
        let site = deal.parts[part as usize].instance;
        match deal.agreement {
            Agreement::TwoPhase(_) => {}
            Agreement::Saga(_) => self.step_undone(txn, part, site, well),
            Agreement::Tcc(_) => self.site_settled(now, (txn, site), task, well),
        }
    }

    /// A participant has done its work, or cannot do it.
    fn part_done(&mut self, now: Instant, (txn, number): Claim, well: bool) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let part = &mut deal.parts[number as usize];
        part.stage = Stage::Done(well);
        let site = part.instance;
        match deal.agreement {
            Agreement::TwoPhase(_) | Agreement::Tcc(_) => self.site_worked(now, txn, site, well),
            Agreement::Saga(_) => self.step_worked(txn, number, site, well),
        }
    }

    /// A participant lets its keys go, whatever it was doing; what it still does is for nobody.
    pub(crate) fn release_part<O: Observer>(&mut self, now: Instant, obs: &mut O, claim: Claim) {
        let (txn, number) = claim;
        let transactions = &mut self.transactions;
        let Some(deal) = transactions.deals.get_mut(txn) else {
            return;
        };
        let place = transactions.plans[deal.step as usize].parts[number as usize];
        let locks = &mut transactions.locks[place.service as usize];
        let part = &mut deal.parts[number as usize];
        if let Some(key) = part.awaited() {
            locks.leave(key, claim);
        }
        part.stage = Stage::Over;
        let held = core::mem::take(&mut part.held) as usize;
        if held == 0 {
            return;
        }
        let granted: Vec<_> = part.keys[..held]
            .iter()
            .flat_map(|&key| locks.release(key))
            .collect();
        let time = now.since(part.held_since);
        let fact = TransactionFact::Locked(time);
        obs.transaction(now, deal.step as usize, deal.started, fact);
        for claim in granted {
            self.granted(now, claim);
        }
    }

    /// A participant has got the key that it waited for.
    fn granted(&mut self, now: Instant, claim: Claim) {
        let (txn, number) = claim;
        if let Some(deal) = self.transactions.deals.get_mut(txn) {
            let part = &mut deal.parts[number as usize];
            if part.held == 0 {
                part.held_since = now;
            }
            part.held += 1;
            self.lock_on(now, claim);
        }
    }
}
