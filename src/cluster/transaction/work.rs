//! The work of participants: first its keys, then an errand at its instance; and what is left of it
//! when the outcome is known. It refuses to know how the parts agree.

use crate::errand;
use crate::observer::{Observer, TransactionFact};
use crate::transaction::Errand;
use crate::transaction::deal::Stage;
use crate::transaction::locks::Claim;
use crate::transaction::plan::purpose;
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
        let (instance, origin) = (part.instance, deal.origin);
        let key = Keyed::child(deal.key ^ purpose::WORK, number.into());
        let errand = errand::Errand::Transaction(Errand { txn, part: number });
        self.run_errand(now, instance, place.entry, key, origin, errand);
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
        // What the transaction, or the instance, no longer waits for is over.
        let deal = self.transactions.deals.get(errand.txn);
        let stage = deal.map(|deal| deal.parts[errand.part as usize].stage);
        if stage == Some(Stage::Working) {
            self.part_done(now, claim, outcome.is_success());
            self.settle_transactions(now, obs, errand.txn);
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
        self.site_worked(now, txn, site, well);
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
