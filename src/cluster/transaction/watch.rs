//! What stands outside of the protocols and watches: the checker of atomic commitment, who waits in
//! doubt for ever, and whether this station's own books balance.

use crate::limits::Violation;
use crate::post::{Mail, Party};
use crate::program::Op;
use crate::slab::NONE;
use crate::state::Doing;
use crate::transaction::deal::{Agreement, Stage, slot};
use crate::world::World;
use clock::{Duration, Instant};
use protocol::transaction::Txn;
use protocol::two_phase_commit::Checker;
use protocol::{saga, tcc};
use std::collections::BTreeMap;

/// Who is in doubt for so many retry intervals, while nothing stands in the way, waits for ever.
const FOR_EVER: u64 = 100;

/// Listens to all transactions.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) checker: Checker,
    pub(crate) saga: saga::Checker,
    pub(crate) tcc: tcc::Checker,
    /// How many of their findings have been told.
    told: [usize; 3],
    /// When a fault last was over.
    calm_since: Instant,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            checker: Checker::new(),
            saga: saga::Checker::new(),
            tcc: tcc::Checker::new(),
            told: [0; 3],
            calm_since: Instant::ZERO,
        }
    }

    /// A transaction of which nothing more will be heard.
    pub(crate) fn forget(&mut self, txn: Txn) {
        self.checker.forget(txn);
        self.saga.forget(txn);
        self.tcc.forget(txn);
    }

    /// A fault is over.
    pub(crate) fn calm(&mut self, now: Instant) {
        self.calm_since = now;
    }
}

impl World {
    /// A fault is over: who is in doubt has so long to find out.
    pub(crate) fn transactions_calm(&mut self, now: Instant) {
        self.transactions.watch.calm(now);
    }

    /// Tells what the checker has found.
    pub(crate) fn hear_checkers(&mut self) {
        let watch = &mut self.transactions.watch;
        let found = [
            watch.checker.violations().len(),
            watch.saga.violations().len(),
            watch.tcc.violations().len(),
        ];
        let told = core::mem::replace(&mut watch.told, found);
        if told == found {
            return;
        }
        let atomic = watch.checker.violations()[told[0]..].iter();
        let saga = watch.saga.violations()[told[1]..].iter();
        let tcc = watch.tcc.violations()[told[2]..].iter();
        let new = atomic
            .map(ToString::to_string)
            .chain(saga.map(ToString::to_string))
            .chain(tcc.map(ToString::to_string));
        for what in new.collect::<Vec<String>>() {
            self.violation("transactions are atomic", what);
        }
    }

    /// Participants that wait for an outcome although everybody is up, the network lets messages
    /// through, and nothing is on its way.
    pub(crate) fn in_doubt_for_ever(&self) -> Vec<Violation> {
        let now = self.engine.now();
        let calm = self.transactions.watch.calm_since;
        let disturbed = self.instances.iter().any(|i| !i.is_up() || i.pauses > 0);
        if disturbed || !self.network.is_calm() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for deal in self.transactions.deals.iter() {
            let plan = &self.transactions.plans[deal.step as usize];
            let retry = plan.retry.as_nanos().saturating_mul(FOR_EVER);
            let patience = Duration::from_nanos(retry).saturating_add(plan.timeout);
            let Agreement::TwoPhase(two_phase) = &deal.agreement else {
                continue;
            };
            // A commit that waits for its turn at the disk may wait.
            let disk = &self.transactions.disks[two_phase.lead.coordinator as usize];
            if deal.letters > 0 || disk.is_busy() {
                continue;
            }
            let doubting = two_phase.sites.iter().filter(|site| site.outcome.is_none());
            for site in doubting {
                if let Some(voted) = site.voted
                    && now.since(voted.max(calm)) > patience
                {
                    found.push(Violation {
                        checker: "nobody is in doubt for ever",
                        at: now,
                        event: self.engine.events(),
                        what: format!(
                            "{}: site {} has been in doubt since {voted}",
                            deal.txn, site.site
                        ),
                    });
                }
            }
        }
        found
    }

    /// What is wrong with the books on transactions.
    pub(crate) fn audit_transactions(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut letters: BTreeMap<Txn, u32> = BTreeMap::new();
        for (_, mail) in self.post.under_way() {
            if let Mail::Transaction(letter) = mail {
                *letters.entry(letter.txn).or_default() += 1;
            }
        }
        for deal in self.transactions.deals.iter() {
            let txn = deal.txn;
            let there = letters.remove(&txn).unwrap_or(0);
            if there != deal.letters {
                wrong.push(format!(
                    "{txn} counts {} letters, and has {there}",
                    deal.letters
                ));
            }
            let is_heard = deal.strand != NONE;
            if is_heard == deal.concluded && is_heard {
                wrong.push(format!("{txn} has ended, and somebody still waits"));
            }
            if is_heard {
                let strand = &self.strands[deal.strand];
                let waits = strand.doing == Doing::Agreeing && strand.awaits == slot(txn);
                if !waits {
                    wrong.push(format!("{txn} has an end to tell, and nobody waits for it"));
                }
            }
            for ring in &deal.rings {
                let set = self.post.is_set(ring.bell, Party::Instance(ring.site));
                if !set {
                    wrong.push(format!("{txn} counts on an alarm that is not set"));
                }
            }
        }
        if let Some((txn, _)) = letters.pop_first() {
            wrong.push(format!("a letter speaks of {txn}, which is over"));
        }
        for id in 0..self.strands.slots() {
            let strand = &self.strands[id];
            if strand.doing == Doing::Agreeing
                && matches!(self.program.ops[strand.pc as usize], Op::Transaction { .. })
            {
                let mut deals = self.transactions.deals.iter();
                if !deals.any(|deal| deal.strand == id) {
                    wrong.push(format!("strand {id} waits for a transaction that is over"));
                }
            }
        }
        wrong.extend(self.audit_locks());
        wrong.extend(self.audit_marks());
        wrong
    }

    /// Keys bear the changes of sagas that have done their steps, and no others.
    fn audit_marks(&self) -> Vec<String> {
        let services = self.transactions.marks.len();
        let mut wanted = vec![Vec::new(); services];
        for deal in self.transactions.deals.iter() {
            let Agreement::Saga(saga) = &deal.agreement else {
                continue;
            };
            let plan = &self.transactions.plans[deal.step as usize];
            let steps = saga.steps.iter().zip(&deal.parts).zip(&plan.parts);
            for ((_, part), place) in steps.filter(|((state, _), _)| state.marked) {
                let keys = part.keys.iter().map(|&key| (key, deal.txn));
                wanted[place.service as usize].extend(keys);
            }
        }
        let mut wrong = Vec::new();
        let mut count = 0;
        for (service, (marks, wanted)) in self.transactions.marks.iter().zip(wanted).enumerate() {
            let mut there: Vec<_> = marks.all().collect();
            let mut wanted = wanted;
            count += there.len();
            there.sort_unstable();
            wanted.sort_unstable();
            if there != wanted {
                wrong.push(format!("keys of service {service} bear changes of nobody"));
            }
        }
        if count != self.transactions.marked {
            wrong.push(format!(
                "{count} keys are marked, and not as many as counted"
            ));
        }
        wrong
    }

    /// Keys are held by those who think so, and nobody waits who does not know.
    fn audit_locks(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let services = self.transactions.locks.len();
        let mut held: Vec<BTreeMap<(u32, Txn), u32>> = vec![BTreeMap::new(); services];
        let mut waiting = vec![0_usize; services];
        for deal in self.transactions.deals.iter() {
            let plan = &self.transactions.plans[deal.step as usize];
            for (part, place) in deal.parts.iter().zip(&plan.parts) {
                let service = place.service as usize;
                for &key in &part.keys[..part.held as usize] {
                    *held[service].entry((key, deal.txn)).or_default() += 1;
                }
                waiting[service] += usize::from(part.stage == Stage::Waiting);
            }
        }
        for (service, locks) in self.transactions.locks.iter().enumerate() {
            let there: BTreeMap<_, _> = locks
                .held()
                .map(|(key, txn, holds)| ((key, txn), holds))
                .collect();
            if there != held[service] {
                wrong.push(format!("keys of service {service} are held by nobody"));
            }
            if locks.waiting().count() != waiting[service] {
                wrong.push(format!("who waits for keys of service {service} differs"));
            }
        }
        wrong
    }
}
