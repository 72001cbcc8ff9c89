//! Sagas in the world: what their machines say is done here, action by action. It refuses to know
//! what the machines decide, and why.
//!
//! A part of the transaction is a step. It holds its keys while it runs, and no longer: once it is
//! done, they are marked as changed until the saga commits, or the step is undone.

use crate::observer::{Observer, TransactionFact};
use crate::transaction::deal::{Agreement, Lead, Stage, What};
use crate::transaction::disk::{Forced, Record};
use crate::transaction::plan::{Plan, purpose};
use crate::transaction::{Task, Transactions, Txn, Wanted, Wish, Word};
use crate::world::World;
use clock::Instant;
use engine::Keyed;
use protocol::saga::{
    Action, Message, Orchestrator, OrchestratorConfig, Participant, Record as LogRecord, StepId,
    TimerId, Wait,
};
use protocol::transaction::{Outcome, Site};

/// How far a saga is.
#[derive(Debug)]
pub(crate) struct Saga {
    pub(crate) lead: Lead,
    /// In the order of the parts.
    pub(crate) steps: Vec<StepState>,
}

/// A step of a saga, as far as a crash does not undo it.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct StepState {
    /// Its work is done and stands: its keys are marked.
    pub(crate) marked: bool,
    /// How often it was compensated, well or not.
    undos: u32,
}

/// The machines of one instance for the sagas of one step of the model.
#[derive(Debug)]
pub(crate) struct Machines {
    orchestrator: Orchestrator,
    participant: Participant,
}

impl Saga {
    /// Nothing has happened yet.
    pub(crate) fn new(coordinator: u32, parts: usize) -> Self {
        Self {
            lead: Lead::new(coordinator),
            steps: vec![StepState::default(); parts],
        }
    }
}

fn config(plan: &Plan) -> OrchestratorConfig {
    OrchestratorConfig {
        step_timeout: plan.timeout,
        retry_interval: plan.retry,
    }
}

impl Machines {
    pub(crate) fn new(plan: &Plan) -> Self {
        let orchestrator = Orchestrator::new(config(plan));
        Self {
            orchestrator: orchestrator.expect("a model has no interval of 0"),
            participant: Participant::new(),
        }
    }

    pub(crate) fn recover(
        plan: &Plan,
        now: Instant,
        log: &[LogRecord],
        out: &mut Vec<Action>,
    ) -> Self {
        let orchestrator = Orchestrator::recover(config(plan), now, log, out);
        Self {
            orchestrator: orchestrator.expect("a model has no interval of 0"),
            participant: Participant::recover(log),
        }
    }

    pub(crate) fn forget(&mut self, txn: Txn) {
        self.participant.forget(txn);
    }
}

impl Transactions {
    fn note_saga(&mut self, site: u32, out: Vec<Action>) {
        let wishes = out.into_iter().map(|action| Wish {
            site,
            wanted: Wanted::Saga(action),
        });
        self.wishes.extend(wishes);
    }
}

impl World {
    /// The orchestrator takes the first step.
    pub(crate) fn begin_saga(&mut self, now: Instant, txn: Txn) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let sites = deal.parts.iter().map(|part| Site(part.instance));
        let sites: Vec<Site> = sites.collect();
        let Agreement::Saga(saga) = &mut deal.agreement else {
            return;
        };
        saga.lead.begun = true;
        let site = saga.lead.coordinator;
        self.transactions.watch.saga.begun(txn, sites.len());
        self.ask_saga(txn, site, |machines, out| {
            let begun = machines.orchestrator.begin(now, txn, &sites, out);
            debug_assert!(begun.is_ok(), "a number is used once");
        });
    }

    /// The machines of an instance for one step, from what is stable of its log.
    pub(crate) fn recover_saga(&mut self, now: Instant, site: u32, step: u32, log: &[LogRecord]) {
        let transactions = &mut self.transactions;
        let mut out = Vec::new();
        let machines = Machines::recover(&transactions.plans[step as usize], now, log, &mut out);
        transactions.sagas.insert((site, step), machines);
        transactions.note_saga(site, out);
    }

    /// Asks the machines of a site, and notes what they want.
    fn ask_saga(
        &mut self,
        txn: Txn,
        site: u32,
        question: impl FnOnce(&mut Machines, &mut Vec<Action>),
    ) {
        let transactions = &mut self.transactions;
        let Some(deal) = transactions.deals.get(txn) else {
            return;
        };
        let plan = &transactions.plans[deal.step as usize];
        let machines = transactions.sagas.entry((site, deal.step));
        let machines = machines.or_insert_with(|| Machines::new(plan));
        let mut out = Vec::new();
        question(machines, &mut out);
        transactions.note_saga(site, out);
    }

    pub(crate) fn saga_hear(&mut self, now: Instant, from: u32, to: u32, message: Message) {
        let from = Site(from);
        self.ask_saga(message.txn(), to, |machines, out| {
            if message.to_orchestrator() {
                machines.orchestrator.on_message(now, from, message, out);
            } else {
                machines.participant.on_message(from, message, out);
            }
        });
    }

    pub(crate) fn saga_timer(&mut self, now: Instant, txn: Txn, site: u32, wait: Wait) {
        self.ask_saga(txn, site, |machines, out| {
            machines
                .orchestrator
                .on_timer(now, TimerId { txn, wait }, out);
        });
    }

    /// A forced record is stable.
    pub(crate) fn saga_forced<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        site: u32,
        record: &LogRecord,
        token: protocol::saga::Token,
    ) {
        if self.transactions.deals.get(record.txn()).is_none() {
            return;
        }
        self.transactions.watch.saga.stable(record);
        match *record {
            LogRecord::Done(step) => {
                self.mark_step(step);
                self.release_part(now, obs, (step.txn, step.step));
            }
            LogRecord::Undone(step) => {
                if self.unmark_step(step) {
                    self.state(now, obs, step.txn, TransactionFact::Compensated);
                }
                self.release_part(now, obs, (step.txn, step.step));
            }
            _ => {}
        }
        self.ask_saga(record.txn(), site, |machines, out| {
            machines.orchestrator.on_forced(now, token, out);
            machines.participant.on_forced(token, out);
        });
    }

    /// A step has done its work, or cannot.
    pub(crate) fn step_worked(&mut self, txn: Txn, step: u32, site: u32, well: bool) {
        self.stop_ring(txn, site, What::Work);
        self.ask_saga(txn, site, |machines, out| {
            machines
                .participant
                .on_done(StepId { txn, step }, well, out);
        });
    }

    /// A step is compensated, or could not be.
    pub(crate) fn step_undone(&mut self, txn: Txn, step: u32, site: u32, well: bool) {
        self.ask_saga(txn, site, |machines, out| {
            machines
                .participant
                .on_undone(StepId { txn, step }, well, out);
        });
    }

    /// Does what a machine wants.
    pub(crate) fn do_saga<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        site: u32,
        action: Action,
    ) {
        match action {
            Action::Send(Site(to), message) => {
                let txn = message.txn();
                let checker = &mut self.transactions.watch.saga;
                checker.sent(Site(site), Site(to), &message);
                if site == to {
                    self.saga_hear(now, site, to, message);
                } else {
                    self.send_letter(now, obs, txn, site, to, Word::Saga(message));
                }
            }
            Action::SetTimer(TimerId { txn, wait }, at) => {
                self.set_ring(at, txn, site, What::Saga(wait));
            }
            Action::CancelTimer(TimerId { txn, wait }) => {
                self.stop_ring(txn, site, What::Saga(wait));
            }
            Action::Force(record, token) => {
                let (number, step) = match record {
                    LogRecord::Begun { .. } => (3, 0),
                    LogRecord::Done(step) => (4, step.step),
                    LogRecord::Undone(step) => (5, step.step),
                    _ => (6, 0),
                };
                let key = Keyed::child(purpose::FORCE + number, step.into());
                let txn = record.txn();
                let forced = Forced::Saga(record, token);
                self.force(now, obs, site, txn, key, forced);
            }
            Action::Write(record) => {
                let disk = &mut self.transactions.disks[site as usize];
                disk.append(record.txn(), Record::Saga(record));
            }
            Action::Do(StepId { txn, step }) => {
                self.work_until_late(now, txn, site);
                self.begin_part(now, (txn, step));
            }
            Action::Undo(step) => self.undo_step(now, site, step),
            Action::Decided(txn, outcome) => {
                self.transactions.watch.saga.decided(txn, outcome);
                if outcome == Outcome::Commit {
                    self.unmark_all(txn);
                }
                self.lead_decided(now, obs, txn, outcome);
            }
            Action::Ended(txn) => {
                self.transactions.watch.saga.ended(txn);
                if let Some(deal) = self.transactions.deals.get_mut(txn) {
                    deal.lead().ended = true;
                }
            }
        }
    }

    /// The compensation of a step begins.
    fn undo_step(&mut self, now: Instant, site: u32, StepId { txn, step }: StepId) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let (key, origin) = (deal.key, deal.origin);
        let plan = &self.transactions.plans[deal.step as usize];
        let Some(entry) = plan.undo[step as usize] else {
            self.step_undone(txn, step, site, true);
            return;
        };
        let mut undos = 0;
        if let Agreement::Saga(saga) = &mut deal.agreement {
            let state = &mut saga.steps[step as usize];
            undos = state.undos;
            state.undos += 1;
        }
        let key = Keyed::child(Keyed::child(key ^ purpose::UNDO, step.into()), undos.into());
        self.run_task(now, site, entry, key, origin, (txn, step), Task::Undo);
    }

    /// The keys of a step bear its change from now on.
    fn mark_step(&mut self, StepId { txn, step }: StepId) {
        self.set_marked(txn, step, true);
    }

    /// They do no more; `false` when they did not.
    fn unmark_step(&mut self, StepId { txn, step }: StepId) -> bool {
        self.set_marked(txn, step, false)
    }

    fn unmark_all(&mut self, txn: Txn) {
        let deal = self.transactions.deals.get(txn);
        let parts = deal.map_or(0, |deal| deal.parts.len());
        for step in 0..parts as u32 {
            self.set_marked(txn, step, false);
        }
    }

    /// Whether that was a change.
    fn set_marked(&mut self, txn: Txn, step: u32, marked: bool) -> bool {
        let transactions = &mut self.transactions;
        let Some(deal) = transactions.deals.get_mut(txn) else {
            return false;
        };
        let place = transactions.plans[deal.step as usize].parts[step as usize];
        let Agreement::Saga(saga) = &mut deal.agreement else {
            return false;
        };
        let state = &mut saga.steps[step as usize];
        if core::mem::replace(&mut state.marked, marked) == marked {
            return false;
        }
        let marks = &mut transactions.marks[place.service as usize];
        let keys = &deal.parts[step as usize].keys;
        for &key in keys {
            if marked {
                marks.set(key, txn);
            } else {
                marks.clear(key, txn);
            }
        }
        let count = keys.len();
        if marked {
            transactions.marked += count;
        } else {
            transactions.marked -= count;
        }
        true
    }

    /// A handler reads a record: the change of an unfinished saga of another may be in it.
    #[cold]
    pub(crate) fn reads_marked<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        root: u32,
        table: u32,
    ) {
        let strand = &self.strands[root];
        let own = match strand.is_errand {
            true => self.errands[strand.next].txn(),
            false => None,
        };
        let service = self.program.table_owners[table as usize];
        let marks = &self.transactions.marks[service as usize];
        if let Some(txn) = marks.seen(strand.origin.key, own) {
            self.state(now, obs, txn, TransactionFact::Anomaly);
        }
    }

    /// States what participants have seen of unfinished sagas.
    pub(crate) fn state_anomalies<O: Observer>(&mut self, now: Instant, obs: &mut O) {
        while let Some(txn) = self.transactions.anomalies.pop() {
            self.state(now, obs, txn, TransactionFact::Anomaly);
        }
    }

    /// A saga's parts at an instance that has crashed: what was not stable is rolled back.
    pub(crate) fn saga_down<O: Observer>(&mut self, now: Instant, obs: &mut O, txn: Txn, id: u32) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let parts: Vec<u32> = deal.parts_at(id).collect();
        for part in parts {
            self.release_part(now, obs, (txn, part));
        }
        let disk = &self.transactions.disks[id as usize];
        let begun = disk.stable_of(txn).any(|record| {
            let begun = |record: &LogRecord| matches!(record, LogRecord::Begun { .. });
            matches!(record, Record::Saga(record) if begun(record))
        });
        if let Some(deal) = self.transactions.deals.get_mut(txn) {
            let lead = deal.lead();
            if lead.coordinator == id && lead.begun && lead.outcome != Some(Outcome::Commit) {
                lead.outcome = Some(Outcome::Abort);
                // Nothing was begun, and nothing is remembered.
                lead.ended |= !begun;
            }
        }
    }

    /// The part of a saga at a site that still works, which takes too long.
    pub(crate) fn step_late(&mut self, txn: Txn, site: u32) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let late: Vec<u32> = deal.parts_at(site).collect();
        for step in late {
            let stage = self.transactions.deals.get(txn);
            let stage = stage.map(|deal| deal.parts[step as usize].stage);
            if let Some(Stage::Waiting | Stage::Working) = stage {
                self.step_worked(txn, step, site, false);
            }
        }
    }
}
