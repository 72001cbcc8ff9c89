//! Transactions as the world hosts them: the station where their letters, alarms and errands arrive.
//!
//! `plan` says who takes part, `deal` keeps the books of each, `work` runs what participants do,
//! `locks` and `disk` are what they share. Each protocol has a file of its own, which alone knows how
//! the parts agree; `crash` is what the life of instances means to all of this, and `watch` what
//! stands outside and checks.

mod crash;
mod deal;
mod disk;
mod locks;
mod marks;
mod plan;
mod saga;
mod tcc;
mod two_phase;
mod watch;
mod work;

use crate::errand::Part;
use crate::handler::step_key;
use crate::observer::{Observer, TransactionFact};
use crate::post::{self, Mail, Party};
use crate::slab::NONE;
use crate::span::{Cause, Note, SpanFact};
use crate::state::Origin;
use crate::world::World;
use clock::Instant;
use deal::{Agreement, Deal, Deals, Ring, What, slot};
use disk::{Disk, Forced};
use engine::Keyed;
use locks::Locks;
use marks::Marks;
use model::TransactionProtocol;
pub use plan::TransactionStep;
pub(crate) use plan::{Plan, steps};
use policy::Outcome;
use protocol::transaction::Outcome as Agreed;
pub(crate) use protocol::transaction::Txn;
use protocol::two_phase_commit::{self, Action};
use saga::Saga;
use std::collections::{BTreeMap, VecDeque};
use tcc::Tcc;
use two_phase::{Machines, Role, TwoPhase};
use watch::Watch;

/// What sites of a transaction write to each other.
#[derive(Debug)]
pub(crate) struct Letter {
    txn: Txn,
    word: Word,
}

/// What a letter says.
#[derive(Debug)]
enum Word {
    /// To a coordinator elsewhere: begin.
    Begin,
    /// From it: this is how it ended.
    Outcome(Agreed),
    /// Between its machines, with the mark of its checker.
    TwoPhase(two_phase_commit::Message, two_phase_commit::Stamp),
    /// Between those of a saga.
    Saga(protocol::saga::Message),
    /// Between those of TCC.
    Tcc(protocol::tcc::Message),
}

/// What a machine wants done.
#[derive(Debug)]
struct Wish {
    site: u32,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    TwoPhase(Role, Action),
    Saga(protocol::saga::Action),
    Tcc(protocol::tcc::Action),
}

/// What a site of a transaction waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {
    /// The forced write under way.
    Disk,
    /// An alarm of a transaction.
    Ring(Txn, What),
}

/// Work of a participant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Errand {
    txn: Txn,
    /// Its number in the transaction.
    part: u32,
    task: Task,
}

/// What a participant runs a handler for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Task {
    Work,
    /// A compensation, a cancel.
    Undo,
    Confirm,
}

impl Errand {
    /// Whose it is.
    pub(crate) fn txn(&self) -> Txn {
        self.txn
    }

    /// As facts have it.
    pub(crate) fn as_cause(&self, endpoint: Option<u32>) -> Cause {
        Cause::Transaction {
            transaction: self.txn.0,
            undoes: self.task == Task::Undo,
            endpoint,
        }
    }

    pub(crate) fn as_part(&self) -> Part {
        match self.task {
            Task::Work | Task::Confirm => Part::Work((self.txn, self.part)),
            Task::Undo => Part::Undo,
        }
    }
}

/// All transactions.
#[derive(Debug)]
pub(crate) struct Transactions {
    /// By the number of the step.
    plans: Vec<Plan>,
    pub(crate) steps: Vec<TransactionStep>,
    deals: Deals,
    /// By service.
    locks: Vec<Locks>,
    /// By instance.
    disks: Vec<Disk>,
    /// Of two-phase commit, by instance and step. A crash takes them.
    machines: BTreeMap<(u32, u32), Machines>,
    /// Likewise, of sagas and of TCC.
    sagas: BTreeMap<(u32, u32), saga::Machines>,
    tccs: BTreeMap<(u32, u32), tcc::Machines>,
    /// By service: what unfinished sagas have changed.
    marks: Vec<Marks>,
    /// How many marks there are.
    pub(crate) marked: usize,
    /// Sagas whose marks were seen, as often as they were; empty between events.
    anomalies: Vec<Txn>,
    /// What they want done, the oldest first; empty between events.
    wishes: VecDeque<Wish>,
    /// A buffer, empty between questions.
    out: Vec<Action>,
    watch: Watch,
}

impl Transactions {
    /// No transaction of any kind.
    pub(crate) fn none() -> Self {
        Self {
            plans: Vec::new(),
            steps: Vec::new(),
            deals: Deals::new(),
            locks: Vec::new(),
            disks: Vec::new(),
            machines: BTreeMap::new(),
            sagas: BTreeMap::new(),
            tccs: BTreeMap::new(),
            marks: Vec::new(),
            marked: 0,
            anomalies: Vec::new(),
            wishes: VecDeque::new(),
            out: Vec::new(),
            watch: Watch::new(),
        }
    }

    /// Those of these steps, in a world of so many services and instances.
    pub(crate) fn new(
        plans: Vec<Plan>,
        steps: Vec<TransactionStep>,
        services: usize,
        instances: usize,
    ) -> Self {
        Self {
            plans,
            steps,
            locks: (0..services).map(|_| Locks::default()).collect(),
            marks: (0..services).map(|_| Marks::default()).collect(),
            disks: (0..instances).map(|_| Disk::default()).collect(),
            ..Self::none()
        }
    }

    /// Takes down what a machine wants.
    /// On whose behalf there are transactions that are not over.
    pub(crate) fn origins(&self) -> impl Iterator<Item = Origin> {
        self.deals.iter().map(|deal| deal.origin)
    }

    fn note(&mut self, site: u32, role: Role, out: &mut Vec<Action>) {
        let wishes = out.drain(..).map(|action| Wish {
            site,
            wanted: Wanted::TwoPhase(role, action),
        });
        self.wishes.extend(wishes);
        self.out = core::mem::take(out);
    }
}

impl World {
    /// The `transaction` steps of the model, by number.
    pub fn transactions(&self) -> &[TransactionStep] {
        &self.transactions.steps
    }

    /// A strand has come to a `transaction` step, the one of this number.
    #[cold]
    pub(crate) fn begin_transaction<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        strand: u32,
        step: u32,
    ) {
        let waiting = &self.strands[strand];
        let (key, origin, handler) = (
            step_key(waiting, waiting.pc),
            waiting.origin,
            waiting.instance,
        );
        self.strands[strand].awaits = NONE;
        obs.transaction(now, step as usize, now, TransactionFact::Started);
        let plan = &self.transactions.plans[step as usize];
        let elsewhere = plan.coordinator;
        let number = plan.parts.len() as u64;
        let coordinator = match elsewhere {
            None => Some(handler),
            Some(place) => {
                let picked = self.pick_at(now, place, key, number, origin, handler);
                picked.map(|(instance, _)| instance)
            }
        };
        let parts = coordinator.and_then(|_| self.pick_parts(now, step, key, origin, handler));
        let (Some(coordinator), Some(parts)) = (coordinator, parts) else {
            // For somebody there is nobody to send it to.
            let committed = false;
            obs.transaction(
                now,
                step as usize,
                now,
                TransactionFact::Ended { committed },
            );
            self.agreed(strand, Outcome::Aborted);
            return;
        };
        let sites = parts.iter().map(|part| part.instance);
        let agreement = match self.transactions.plans[step as usize].protocol {
            TransactionProtocol::TwoPhaseCommit { .. } => {
                Agreement::TwoPhase(TwoPhase::new(coordinator, sites))
            }
            TransactionProtocol::Saga => Agreement::Saga(Saga::new(coordinator, parts.len())),
            TransactionProtocol::Tcc { .. } => Agreement::Tcc(Tcc::new(coordinator, sites)),
        };
        let txn = self.transactions.deals.insert(|txn| Deal {
            txn,
            step,
            key,
            origin,
            started: now,
            handler,
            strand,
            concluded: false,
            letters: 0,
            parts,
            rings: Vec::new(),
            agreement,
        });
        self.strands[strand].awaits = slot(txn);
        if O::SPANS {
            let what = Note::Transaction(txn.0);
            obs.span(now, SpanFact::Notes { strand, what });
        }
        let two_phase = matches!(
            self.transactions.plans[step as usize].protocol,
            TransactionProtocol::TwoPhaseCommit { .. }
        );
        if two_phase {
            self.begin_two_phase(now, obs, txn);
        } else {
            self.begin_at_coordinator(now, txn);
        }
        self.settle_transactions(now, obs, txn);
    }

    /// The step of a transaction knows how it ended; the handler goes on, where it still waits.
    fn conclude<O: Observer>(&mut self, now: Instant, obs: &mut O, txn: Txn, outcome: Agreed) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        if core::mem::replace(&mut deal.concluded, true) {
            return;
        }
        let (strand, handler) = (core::mem::replace(&mut deal.strand, NONE), deal.handler);
        let committed = outcome == Agreed::Commit;
        let fact = TransactionFact::Ended { committed };
        obs.transaction(now, deal.step as usize, deal.started, fact);
        let outcome = if committed {
            Outcome::Success
        } else {
            Outcome::Aborted
        };
        self.stop_ring(txn, handler, What::Ask);
        self.unpick(now, txn, outcome);
        if strand != NONE {
            self.agreed(strand, outcome);
        }
    }

    pub(crate) fn transaction_mail<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        from: Party,
        to: Party,
        letter: Letter,
    ) {
        let Letter { txn, word } = letter;
        self.letter_gone(txn);
        if let (Party::Instance(from), Party::Instance(to)) = (from, to) {
            match word {
                Word::Begin => self.told_to_begin(now, obs, txn),
                Word::Outcome(outcome) => self.conclude(now, obs, txn, outcome),
                Word::TwoPhase(message, stamp) => {
                    let checker = &mut self.transactions.watch.checker;
                    checker.received(two_phase_commit::Site(to), &message, stamp);
                    self.two_phase_hear(now, from, to, message);
                }
                Word::Saga(message) => self.saga_hear(now, from, to, message),
                Word::Tcc(message) => self.tcc_hear(now, from, to, message),
            }
        }
        self.settle_transactions(now, obs, txn);
    }

    /// A letter has reached a machine that is down.
    pub(crate) fn transaction_mail_lost<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        letter: &Letter,
    ) {
        self.letter_gone(letter.txn);
        self.settle_transactions(now, obs, letter.txn);
    }

    fn letter_gone(&mut self, txn: Txn) {
        if let Some(deal) = self.transactions.deals.get_mut(txn) {
            deal.letters -= 1;
        }
    }

    /// A site writes to another one.
    fn send_letter<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        txn: Txn,
        from: u32,
        to: u32,
        word: Word,
    ) {
        let mail = Mail::Transaction(Letter { txn, word });
        let (from, to) = (Party::Instance(from), Party::Instance(to));
        let on_its_way = self.post(now, from, to, mail);
        if let Some(deal) = self.transactions.deals.get_mut(txn) {
            deal.letters += u32::from(on_its_way);
            let fact = TransactionFact::Message;
            obs.transaction(now, deal.step as usize, deal.started, fact);
        }
    }

    pub(crate) fn transaction_alarm<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        whose: Party,
        alarm: Alarm,
    ) {
        let Party::Instance(site) = whose else {
            return;
        };
        let txn = match alarm {
            Alarm::Disk => self.disk_done(now, obs, site),
            Alarm::Ring(txn, what) => {
                if let Some(deal) = self.transactions.deals.get_mut(txn) {
                    deal.take_ring(site, what);
                }
                match what {
                    What::TwoPhase(wait) => self.two_phase_timer(now, txn, site, wait),
                    What::Saga(wait) => self.saga_timer(now, txn, site, wait),
                    What::Tcc(wait) => self.tcc_timer(now, txn, site, wait),
                    What::Work => self.work_late(now, txn, site),
                    What::Ask => self.ask_coordinator_to_begin(now, obs, txn),
                }
                Some(txn)
            }
        };
        if let Some(txn) = txn {
            self.settle_transactions(now, obs, txn);
        }
    }

    /// Sets an alarm at a site; one that is set for the same is replaced.
    fn set_ring(&mut self, at: Instant, txn: Txn, site: u32, what: What) {
        self.stop_ring(txn, site, what);
        if self.transactions.deals.get(txn).is_none() {
            return;
        }
        let alarm = post::Alarm::Transaction(Alarm::Ring(txn, what));
        let bell = self.set_alarm(at, Party::Instance(site), alarm);
        if let Some(deal) = self.transactions.deals.get_mut(txn) {
            deal.rings.push(Ring { site, what, bell });
        }
    }

    fn stop_ring(&mut self, txn: Txn, site: u32, what: What) {
        let deal = self.transactions.deals.get_mut(txn);
        if let Some(bell) = deal.and_then(|deal| deal.take_ring(site, what)) {
            self.silence(bell);
        }
    }

    /// A site forces a record of a transaction; `key` sets its draw apart from the others of it.
    fn force<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        site: u32,
        txn: Txn,
        key: u64,
        forced: Forced,
    ) {
        let Some(deal) = self.transactions.deals.get(txn) else {
            return;
        };
        let fact = TransactionFact::Forced;
        obs.transaction(now, deal.step as usize, deal.started, fact);
        let mut bits = Keyed::new(Keyed::child(deal.key, key));
        let time = self.transactions.plans[deal.step as usize]
            .force
            .sample(&mut bits);
        let disk = &mut self.transactions.disks[site as usize];
        if let Some(time) = disk.force(txn, forced, time) {
            if time.is_zero() {
                self.disk_done(now, obs, site);
            } else {
                self.disk_busy(now + time, site);
            }
        }
    }

    fn disk_busy(&mut self, until: Instant, site: u32) {
        let alarm = post::Alarm::Transaction(Alarm::Disk);
        let bell = self.set_alarm(until, Party::Instance(site), alarm);
        self.transactions.disks[site as usize].bell = Some(bell);
    }

    /// The forced write under way at a site is done; answers whose it was.
    fn disk_done<O: Observer>(&mut self, now: Instant, obs: &mut O, site: u32) -> Option<Txn> {
        let disk = &mut self.transactions.disks[site as usize];
        disk.bell = None;
        let (forced, next) = disk.done()?;
        if let Some(time) = next {
            self.disk_busy(now + time, site);
        }
        let txn = forced.txn();
        match forced {
            Forced::TwoPhase(record, token) => self.two_phase_forced(now, site, &record, token),
            Forced::Saga(record, token) => self.saga_forced(now, obs, site, &record, token),
            Forced::Tcc(record, token) => self.tcc_forced(now, site, &record, token),
        }
        Some(txn)
    }

    /// Does what the machines want, and what they want because of it.
    fn do_wishes<O: Observer>(&mut self, now: Instant, obs: &mut O) {
        while let Some(Wish { site, wanted }) = self.transactions.wishes.pop_front() {
            match wanted {
                Wanted::TwoPhase(role, action) => {
                    self.do_two_phase(now, obs, site, role, action);
                }
                Wanted::Saga(action) => self.do_saga(now, obs, site, action),
                Wanted::Tcc(action) => self.do_tcc(now, obs, site, action),
            }
        }
        self.state_anomalies(now, obs);
    }

    /// States a fact about a transaction.
    fn state<O: Observer>(&mut self, now: Instant, obs: &mut O, txn: Txn, fact: TransactionFact) {
        if let Some(deal) = self.transactions.deals.get(txn) {
            obs.transaction(now, deal.step as usize, deal.started, fact);
        }
    }

    /// The coordinator of a saga, or of TCC, has decided. It is the handler's own instance.
    fn lead_decided<O: Observer>(&mut self, now: Instant, obs: &mut O, txn: Txn, outcome: Agreed) {
        if let Some(deal) = self.transactions.deals.get_mut(txn) {
            deal.lead().outcome = Some(outcome);
            self.conclude(now, obs, txn, outcome);
        }
    }

    /// Does what follows from what has just happened to a transaction, and forgets those that are over.
    fn settle_transactions<O: Observer>(&mut self, now: Instant, obs: &mut O, txn: Txn) {
        self.do_wishes(now, obs);
        self.hear_checkers();
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        if deal.letters > 0 || !deal.concluded || !deal.is_over() {
            return;
        }
        let rings = core::mem::take(&mut deal.rings);
        let step = deal.step;
        let sites = deal.sites();
        for ring in rings {
            self.silence(ring.bell);
        }
        for site in sites {
            if let Some(machines) = self.transactions.machines.get_mut(&(site, step)) {
                machines.participant.forget(txn);
            }
            if let Some(machines) = self.transactions.sagas.get_mut(&(site, step)) {
                machines.forget(txn);
            }
            if let Some(machines) = self.transactions.tccs.get_mut(&(site, step)) {
                machines.forget(txn);
            }
            self.transactions.disks[site as usize].cut(txn);
        }
        self.transactions.watch.forget(txn);
        let deal = self.transactions.deals.get_mut(txn);
        let outcome = deal.and_then(|deal| deal.lead().outcome);
        self.orders.settle(txn, outcome == Some(Agreed::Commit));
        self.transactions.deals.remove(txn);
    }

    /// Who waited for the transaction in this slot no longer does.
    pub(crate) fn transaction_unheard(&mut self, awaits: u32) {
        if awaits != NONE
            && let Some(deal) = self.transactions.deals.at(awaits)
        {
            deal.strand = NONE;
        }
    }
}
