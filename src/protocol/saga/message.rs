//! What orchestrator and participants of a saga say to each other. Refuses to know an encoding: a
//! live host picks its own, a simulated one passes the values.

use crate::transaction::Txn;
use core::fmt;

/// A step of a saga. A site may have several of one saga.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StepId {
    /// The saga.
    pub txn: Txn,
    /// Its place in the order of steps, from 0.
    pub step: u32,
}

/// A message of the protocol. [`Message::to_orchestrator`] says for which role it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// Orchestrator to participant: do the step, unless you have, or were asked to undo it.
    Do(StepId),
    /// Participant to orchestrator: the step is done, or never will be.
    Answer {
        /// The step.
        step: StepId,
        /// Whether it is done.
        done: bool,
    },
    /// Orchestrator to participant: compensate the step; where it was not done, never do it.
    Undo(StepId),
    /// Participant to orchestrator: nothing is left of the step, nor will be.
    Undone(StepId),
}

impl Message {
    /// The step that the message is about.
    pub fn step(&self) -> StepId {
        match *self {
            Self::Do(step) | Self::Answer { step, .. } | Self::Undo(step) | Self::Undone(step) => {
                step
            }
        }
    }

    /// The saga that the message is about.
    pub fn txn(&self) -> Txn {
        self.step().txn
    }

    /// Whether it is for the orchestrator of the receiving site; otherwise it is for its participant.
    pub fn to_orchestrator(&self) -> bool {
        matches!(self, Self::Answer { .. } | Self::Undone(_))
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} of {}", self.step, self.txn)
    }
}
