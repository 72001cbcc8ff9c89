//! The orchestrator: has one step done after the other, and turns back when one is refused or late.
//! Refuses to know what a saga is about and who its client is.
//!
//! A saga whose commit record is not stable aborts after a crash. So the outcome *abort* needs no
//! record, and what is forced is only what the orchestrator must know to clear up, and to promise.

use super::log::{Forced, Record, Token};
use super::message::{Message, StepId};
use super::{Action, TimerId, Wait};
use crate::transaction::{AlreadyKnown, ConfigError, Outcome, Site, Txn, positive};
use clock::{Duration, Instant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The orchestrator's patience.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrchestratorConfig {
    /// How long a step may take, from *Do* to its answer, before the saga turns back. Above zero;
    /// [`Duration::MAX`] waits for ever.
    pub step_timeout: Duration,
    /// How long to wait for the acknowledgement of a compensation before it is asked for again. Above
    /// zero, and below [`Duration::MAX`] where messages get lost.
    pub retry_interval: Duration,
}

/// The orchestrator of any number of sagas; see the [module](super) for what its host owes it.
#[derive(Clone, Debug)]
pub struct Orchestrator {
    config: OrchestratorConfig,
    txns: BTreeMap<Txn, Saga>,
}

#[derive(Clone, Debug)]
struct Saga {
    steps: Arc<[Site]>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The first record is on its way to the disk.
    Beginning,
    /// This step was asked for; those before it are done.
    Doing(u32),
    /// All are done; the commit record is on its way to the disk.
    Committing,
    /// This step is asked to be undone; those behind it are.
    Undoing(u32),
}

impl Orchestrator {
    /// An orchestrator that has never run a saga.
    ///
    /// # Errors
    /// When an interval of `config` is zero.
    pub fn new(config: OrchestratorConfig) -> Result<Self, ConfigError> {
        positive("step_timeout", config.step_timeout)?;
        positive("retry_interval", config.retry_interval)?;
        let txns = BTreeMap::new();
        Ok(Self { config, txns })
    }

    /// The orchestrator after a crash, from what is stable of its log, oldest record first. It tells
    /// the host again of each commit that is there, and turns back every saga that is not over: any of
    /// its steps may have been done, so all are asked to be undone.
    ///
    /// # Errors
    /// When an interval of `config` is zero.
    pub fn recover<'a>(
        config: OrchestratorConfig,
        now: Instant,
        log: impl IntoIterator<Item = &'a Record>,
        out: &mut Vec<Action>,
    ) -> Result<Self, ConfigError> {
        let mut this = Self::new(config)?;
        let mut open = BTreeMap::new();
        for record in log {
            match record {
                Record::Begun { txn, steps } => {
                    open.insert(*txn, steps.clone());
                }
                Record::Committed { txn } => {
                    open.remove(txn);
                    commit(*txn, out);
                }
                Record::Compensated { txn } => {
                    open.remove(txn);
                }
                Record::Done(_) | Record::Undone(_) => {}
            }
        }
        for (txn, steps) in open {
            let begun = steps.len();
            let state = State::Beginning;
            this.txns.insert(txn, Saga { steps, state });
            this.turn_back(now, txn, begun, out);
        }
        Ok(this)
    }

    /// Starts a saga: its steps are done one after the other, each by the site that is named for it.
    /// Without steps, it commits on the spot.
    ///
    /// # Errors
    /// When the saga is known.
    pub fn begin(
        &mut self,
        _now: Instant,
        txn: Txn,
        steps: &[Site],
        out: &mut Vec<Action>,
    ) -> Result<(), AlreadyKnown> {
        if self.txns.contains_key(&txn) {
            return Err(AlreadyKnown(txn));
        }
        if steps.is_empty() {
            commit(txn, out);
            return Ok(());
        }
        let steps: Arc<[Site]> = Arc::from(steps);
        let record = Record::Begun {
            txn,
            steps: steps.clone(),
        };
        let state = State::Beginning;
        self.txns.insert(txn, Saga { steps, state });
        out.push(Action::Force(record, Token(Forced::Begun(txn))));
        Ok(())
    }

    /// Turns back a saga that has not yet done all its steps; otherwise does nothing.
    pub fn abort(&mut self, now: Instant, txn: Txn, out: &mut Vec<Action>) {
        match self.txns.get(&txn).map(|saga| saga.state) {
            Some(State::Beginning) => self.turn_back(now, txn, 0, out),
            Some(State::Doing(step)) => {
                cancel_timer(out, txn, Wait::Step);
                self.turn_back(now, txn, step as usize + 1, out);
            }
            Some(State::Committing | State::Undoing(_)) | None => {}
        }
    }

    /// Takes a message; one for a participant is passed over.
    pub fn on_message(&mut self, now: Instant, from: Site, msg: Message, out: &mut Vec<Action>) {
        let StepId { txn, step } = msg.step();
        let Some(saga) = self.txns.get_mut(&txn) else {
            return;
        };
        if saga.steps.get(step as usize) != Some(&from) {
            return;
        }
        match (msg, saga.state) {
            (Message::Answer { done: true, .. }, State::Doing(at)) if at == step => {
                cancel_timer(out, txn, Wait::Step);
                self.next(now, txn, step + 1, out);
            }
            (Message::Answer { done: false, .. }, State::Doing(at)) if at == step => {
                cancel_timer(out, txn, Wait::Step);
                // Who refused has noted that it will never do it.
                self.turn_back(now, txn, step as usize, out);
            }
            (Message::Undone(_), State::Undoing(at)) if at == step => {
                cancel_timer(out, txn, Wait::Compensation);
                self.undo_before(now, txn, step as usize, out);
            }
            _ => {}
        }
    }

    /// The record of this token is stable.
    pub fn on_forced(&mut self, now: Instant, token: Token, out: &mut Vec<Action>) {
        let txn = token.txn();
        let state = self.txns.get(&txn).map(|saga| saga.state);
        match (token.0, state) {
            (Forced::Begun(_), Some(State::Beginning)) => self.next(now, txn, 0, out),
            (Forced::Committed(_), Some(State::Committing)) => {
                self.txns.remove(&txn);
                commit(txn, out);
            }
            _ => {}
        }
    }

    /// The time of this timer has come.
    pub fn on_timer(&mut self, now: Instant, timer: TimerId, out: &mut Vec<Action>) {
        let txn = timer.txn;
        match (timer.wait, self.txns.get(&txn).map(|saga| saga.state)) {
            (Wait::Step, Some(State::Doing(step))) => {
                self.turn_back(now, txn, step as usize + 1, out);
            }
            (Wait::Compensation, Some(State::Undoing(step))) => {
                self.undo_before(now, txn, step as usize + 1, out);
            }
            _ => {}
        }
    }

    /// The sagas that are not over: not decided, or not yet compensated.
    pub fn unfinished(&self) -> impl Iterator<Item = Txn> {
        self.txns.keys().copied()
    }

    /// Asks for a step, or commits when there is none left.
    fn next(&mut self, now: Instant, txn: Txn, step: u32, out: &mut Vec<Action>) {
        let Some(saga) = self.txns.get_mut(&txn) else {
            return;
        };
        if let Some(&site) = saga.steps.get(step as usize) {
            saga.state = State::Doing(step);
            out.push(Action::Send(site, Message::Do(StepId { txn, step })));
            set_timer(out, txn, Wait::Step, now + self.config.step_timeout);
        } else {
            saga.state = State::Committing;
            let record = Record::Committed { txn };
            out.push(Action::Force(record, Token(Forced::Committed(txn))));
        }
    }

    /// The saga aborts; the first so many steps may have been done.
    fn turn_back(&mut self, now: Instant, txn: Txn, begun: usize, out: &mut Vec<Action>) {
        out.push(Action::Decided(txn, Outcome::Abort));
        self.undo_before(now, txn, begun, out);
    }

    /// Undoes the last of the first so many steps; the saga is over where there is none.
    fn undo_before(&mut self, now: Instant, txn: Txn, left: usize, out: &mut Vec<Action>) {
        let Some(saga) = self.txns.get_mut(&txn) else {
            return;
        };
        let Some(&site) = left.checked_sub(1).and_then(|last| saga.steps.get(last)) else {
            self.txns.remove(&txn);
            out.push(Action::Ended(txn));
            out.push(Action::Write(Record::Compensated { txn }));
            return;
        };
        let step = u32::try_from(left - 1).expect("a saga has less than 2^32 steps");
        saga.state = State::Undoing(step);
        out.push(Action::Send(site, Message::Undo(StepId { txn, step })));
        let at = now + self.config.retry_interval;
        set_timer(out, txn, Wait::Compensation, at);
    }
}

fn commit(txn: Txn, out: &mut Vec<Action>) {
    out.push(Action::Decided(txn, Outcome::Commit));
    out.push(Action::Ended(txn));
}

/// Sets a timer, unless its time never comes.
fn set_timer(out: &mut Vec<Action>, txn: Txn, wait: Wait, at: Instant) {
    if at != Instant::NEVER {
        out.push(Action::SetTimer(TimerId { txn, wait }, at));
    }
}

fn cancel_timer(out: &mut Vec<Action>, txn: Txn, wait: Wait) {
    out.push(Action::CancelTimer(TimerId { txn, wait }));
}
