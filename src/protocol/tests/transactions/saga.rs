//! Sagas in the network, with hosts that can be told to break the protocol.

use crate::net::{Deed, Input, Protocol};
use crate::random::Random;
use clock::Instant;
use std::collections::BTreeSet;
use stormglass_protocol::saga::*;

/// What a host does wrong on purpose. The machines stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sabotage {
    Nothing,
    /// The orchestrator hears *done* from who refuses.
    HearDone,
    /// A participant that is asked to undo what it has not done says so, and makes no note.
    NoTombstone,
    /// After a crash, the last step is missing from what was begun.
    ForgetStep,
    /// The first record is written, and taken for forced.
    BeginEarly,
    /// The commit record is written, and taken for forced.
    CommitEarly,
}

/// One saga to run: who does each step, and which of them fails.
pub(crate) struct Plan {
    pub(crate) steps: Vec<Site>,
    pub(crate) fails: Option<u32>,
}

pub(crate) struct Sagas {
    pub(crate) checker: Checker,
    pub(crate) plans: Vec<Plan>,
    /// When each saga was decided, and when it was over.
    pub(crate) decided: Vec<Option<Instant>>,
    pub(crate) ended: Vec<Option<Instant>>,
    config: OrchestratorConfig,
    /// That a compensation fails, while there are faults.
    failing: f64,
    sabotage: Sabotage,
    /// Which steps each site was ever asked for.
    asked: BTreeSet<(Site, StepId)>,
}

pub(crate) struct Machines {
    pub(crate) orchestrator: Orchestrator,
    pub(crate) participant: Participant,
}

#[derive(Clone, Copy)]
pub(crate) enum Job {
    Do(StepId),
    Undo(StepId),
}

impl Sagas {
    pub(crate) fn new(
        plans: Vec<Plan>,
        config: OrchestratorConfig,
        failing: f64,
        sabotage: Sabotage,
    ) -> Self {
        let mut checker = Checker::new();
        for (n, plan) in (0..).zip(&plans) {
            checker.begun(Txn(n), plan.steps.len());
        }
        Self {
            checker,
            decided: vec![None; plans.len()],
            ended: vec![None; plans.len()],
            plans,
            config,
            failing,
            sabotage,
            asked: BTreeSet::new(),
        }
    }
}

impl Protocol for Sagas {
    type Machines = Machines;
    type Action = Action;
    type Message = Message;
    type Record = Record;
    type Token = Token;
    type Timer = TimerId;
    type Job = Job;

    fn recover(&mut self, now: Instant, log: &[Record], out: &mut Vec<Action>) -> Machines {
        let mut read = log.to_vec();
        if self.sabotage == Sabotage::ForgetStep {
            for record in &mut read {
                if let Record::Begun { steps, .. } = record {
                    *steps = steps[..steps.len() - 1].into();
                }
            }
        }
        let orchestrator = Orchestrator::recover(self.config, now, &read, out);
        Machines {
            orchestrator: orchestrator.expect("intervals"),
            participant: Participant::recover(log),
        }
    }

    fn drive(
        &mut self,
        m: &mut Machines,
        now: Instant,
        site: Site,
        input: Input<Self>,
        out: &mut Vec<Action>,
    ) {
        match input {
            Input::Begin(n) => {
                let txn = Txn(n as u64);
                let steps = &self.plans[n].steps;
                let known = m.orchestrator.begin(now, txn, steps, out);
                known.expect("begun once");
            }
            Input::Message(from, mut msg) => {
                if let Message::Answer { done, .. } = &mut msg
                    && self.sabotage == Sabotage::HearDone
                {
                    *done = true;
                }
                if let Message::Undo(step) = msg
                    && self.sabotage == Sabotage::NoTombstone
                    && !self.asked.contains(&(site, step))
                {
                    return out.push(Action::Send(from, Message::Undone(step)));
                }
                if msg.to_orchestrator() {
                    m.orchestrator.on_message(now, from, msg, out);
                } else {
                    m.participant.on_message(from, msg, out);
                }
            }
            Input::Timer(timer) => m.orchestrator.on_timer(now, timer, out),
            Input::Forced(token) => {
                m.orchestrator.on_forced(now, token, out);
                m.participant.on_forced(token, out);
            }
            Input::Job(Job::Do(step), done) => m.participant.on_done(step, done, out),
            Input::Job(Job::Undo(step), done) => m.participant.on_undone(step, done, out),
        }
    }

    fn deed(&mut self, now: Instant, site: Site, action: Action) -> Deed<Self> {
        match action {
            Action::Send(to, msg) => return Deed::Send(to, msg),
            Action::SetTimer(timer, at) => return Deed::Set(timer, at),
            Action::CancelTimer(timer) => return Deed::Unset(timer),
            Action::Force(record, token) => {
                let early = matches!(
                    (self.sabotage, &record),
                    (Sabotage::BeginEarly, Record::Begun { .. })
                        | (Sabotage::CommitEarly, Record::Committed { .. })
                );
                if early {
                    return Deed::Hear(Input::Forced(token));
                }
                return Deed::Force(record, token);
            }
            Action::Write(record) => return Deed::Write(record),
            Action::Do(step) => {
                self.asked.insert((site, step));
                return Deed::Job(Job::Do(step));
            }
            Action::Undo(step) => return Deed::Job(Job::Undo(step)),
            Action::Decided(txn, outcome) => {
                self.checker.decided(txn, outcome);
                self.decided[txn.0 as usize].get_or_insert(now);
            }
            Action::Ended(txn) => {
                self.checker.ended(txn);
                self.ended[txn.0 as usize].get_or_insert(now);
            }
        }
        Deed::Nothing
    }

    fn succeeds(&self, _: Site, job: Job, calm: bool, random: &mut Random) -> bool {
        match job {
            Job::Do(step) => self.plans[step.txn.0 as usize].fails != Some(step.step),
            Job::Undo(_) => calm || !random.chance(self.failing),
        }
    }

    fn sent(&mut self, from: Site, to: Site, msg: &Message) {
        self.checker.sent(from, to, msg);
    }

    fn forced(&mut self, record: &Record) {
        self.checker.forced(record.txn());
    }

    fn stable(&mut self, _: Site, record: &Record) {
        self.checker.stable(record);
    }
}
