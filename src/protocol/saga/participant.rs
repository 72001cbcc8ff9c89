//! A participant: does each step once, undoes it once, and answers every repetition from memory.
//! Refuses to know the data that it works on, and how a saga is getting on.
//!
//! It is never in doubt: a step that is done is committed, and to undo it is another transaction.

use super::Action;
use super::log::{Forced, Record, Token};
use super::message::{Message, StepId};
use crate::transaction::{Site, Txn};
use std::collections::BTreeMap;

/// The participant of one site in any number of sagas; see the [module](super) for what its host owes
/// it.
///
/// A step is remembered until the host lets its saga [go](Self::forget), so that late and doubled
/// messages find the answer that they found before.
#[derive(Clone, Debug, Default)]
pub struct Participant {
    steps: BTreeMap<StepId, State>,
}

/// Where a step is; `to` is whom to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The host works on it.
    Working { to: Site },
    /// The record that it is done is on its way to the disk; it may have to be undone at once.
    Doing { to: Site, undo: bool },
    /// It is done.
    Done,
    /// The host has failed, and the record that it will never be done is on its way.
    Refusing { to: Site },
    /// The host compensates it.
    Undoing { to: Site },
    /// Nothing is left of it; the record of that is on its way.
    Closing { to: Site },
    /// It will never be done, or not again.
    Never,
}

impl Participant {
    /// A participant that has never taken part.
    pub fn new() -> Self {
        Self::default()
    }

    /// The participant after a crash, from what is stable of its log, oldest record first. Work and
    /// compensations that were under way are lost; the orchestrator asks again for what it needs.
    pub fn recover<'a>(log: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut this = Self::new();
        for record in log {
            match *record {
                Record::Done(step) => {
                    this.steps.insert(step, State::Done);
                }
                Record::Undone(step) => {
                    this.steps.insert(step, State::Never);
                }
                Record::Begun { .. } | Record::Committed { .. } | Record::Compensated { .. } => {}
            }
        }
        this
    }

    /// Takes a message; one for an orchestrator is passed over.
    pub fn on_message(&mut self, from: Site, msg: Message, out: &mut Vec<Action>) {
        match msg {
            Message::Do(step) => self.on_do(from, step, out),
            Message::Undo(step) => self.on_undo(from, step, out),
            Message::Answer { .. } | Message::Undone(_) => {}
        }
    }

    /// The host's answer to [`Action::Do`]: whether the work could be done. Passed over when the step
    /// is no longer wanted, as it may be while the host works: then the host rolls back.
    pub fn on_done(&mut self, step: StepId, done: bool, out: &mut Vec<Action>) {
        let Some(State::Working { to }) = self.steps.get(&step).copied() else {
            return;
        };
        if done {
            let undo = false;
            self.steps.insert(step, State::Doing { to, undo });
            let token = Token(Forced::Done(step));
            out.push(Action::Force(Record::Done(step), token));
        } else {
            self.close(step, State::Refusing { to }, out);
        }
    }

    /// The host's answer to [`Action::Undo`]: whether the compensation could be done. When it could
    /// not, the step stays done until the orchestrator asks again.
    pub fn on_undone(&mut self, step: StepId, undone: bool, out: &mut Vec<Action>) {
        let Some(State::Undoing { to }) = self.steps.get(&step).copied() else {
            return;
        };
        if undone {
            self.close(step, State::Closing { to }, out);
        } else {
            self.steps.insert(step, State::Done);
        }
    }

    /// The record of this token is stable.
    pub fn on_forced(&mut self, token: Token, out: &mut Vec<Action>) {
        let (Forced::Done(step) | Forced::Undone(step)) = token.0 else {
            return;
        };
        let Some(state) = self.steps.get_mut(&step) else {
            return;
        };
        match (token.0, *state) {
            (Forced::Done(_), State::Doing { to, undo: false }) => {
                *state = State::Done;
                let done = true;
                out.push(Action::Send(to, Message::Answer { step, done }));
            }
            (Forced::Done(_), State::Doing { to, undo: true }) => {
                *state = State::Undoing { to };
                out.push(Action::Undo(step));
            }
            (Forced::Undone(_), State::Refusing { to }) => {
                *state = State::Never;
                let done = false;
                out.push(Action::Send(to, Message::Answer { step, done }));
            }
            (Forced::Undone(_), State::Closing { to }) => {
                *state = State::Never;
                out.push(Action::Send(to, Message::Undone(step)));
            }
            _ => {}
        }
    }

    /// Whether the step is done and nothing of it undone.
    pub fn is_done(&self, step: StepId) -> bool {
        let state = self.steps.get(&step);
        matches!(state, Some(State::Done | State::Undoing { .. }))
    }

    /// Lets the steps of a saga go. Right when the saga has ended and none of its messages can still
    /// come: a *Do* that is late by more is done like a new one.
    pub fn forget(&mut self, txn: Txn) {
        while let Some((&step, _)) = self.steps.range(steps_of(txn)).next() {
            self.steps.remove(&step);
        }
    }

    /// The steps whose work, record or compensation is under way.
    pub fn unfinished(&self) -> impl Iterator<Item = StepId> {
        let steps = self.steps.iter();
        steps.filter_map(|(&step, &state)| {
            (!matches!(state, State::Done | State::Never)).then_some(step)
        })
    }

    fn on_do(&mut self, to: Site, step: StepId, out: &mut Vec<Action>) {
        let done = match self.steps.get(&step) {
            None => {
                self.steps.insert(step, State::Working { to });
                out.push(Action::Do(step));
                return;
            }
            Some(State::Done) => true,
            Some(State::Never) => false,
            // Will be answered, or is no longer asked for.
            Some(_) => return,
        };
        out.push(Action::Send(to, Message::Answer { step, done }));
    }

    fn on_undo(&mut self, to: Site, step: StepId, out: &mut Vec<Action>) {
        match self.steps.get_mut(&step) {
            // A tombstone. What the host works on is not committed, and will be passed over.
            None | Some(State::Working { .. }) => self.close(step, State::Closing { to }, out),
            Some(State::Doing { undo, .. }) => *undo = true,
            Some(state @ State::Done) => {
                *state = State::Undoing { to };
                out.push(Action::Undo(step));
            }
            // Its record is on its way all the same; only the answer is another.
            Some(state @ State::Refusing { .. }) => *state = State::Closing { to },
            Some(State::Undoing { .. } | State::Closing { .. }) => {}
            Some(State::Never) => out.push(Action::Send(to, Message::Undone(step))),
        }
    }

    fn close(&mut self, step: StepId, state: State, out: &mut Vec<Action>) {
        self.steps.insert(step, state);
        let token = Token(Forced::Undone(step));
        out.push(Action::Force(Record::Undone(step), token));
    }
}

fn steps_of(txn: Txn) -> core::ops::RangeInclusive<StepId> {
    let (step, last) = (0, u32::MAX);
    StepId { txn, step }..=StepId { txn, step: last }
}
