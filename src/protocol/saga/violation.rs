//! The rules of a saga and of its logs, each by the way in which it is broken. Refuses to know how a
//! breach is found: that is the [checker](super::Checker)'s.

use super::message::StepId;
use crate::transaction::Txn;
use core::fmt;

/// A rule that was broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// The saga committed without this step: it was not done, or was undone.
    CommitWithoutStep(StepId),
    /// The saga ended by an abort, and the step is done.
    LeftDone(StepId),
    /// The step was done although it had been undone, or refused.
    DoneAfterUndo(StepId),
    /// The step was done twice.
    DoneTwice(StepId),
    /// The step was undone twice.
    UndoneTwice(StepId),
    /// The step was undone, or asked to be, and the saga has committed.
    UndoneAfterCommit(StepId),
    /// The step was undone while a later one was done: `Ck … C1` is the order.
    UndoneOutOfOrder {
        /// What was undone.
        undone: StepId,
        /// What was not.
        later: StepId,
    },
    /// The step was asked for before the one before it was done.
    DoneOutOfOrder(StepId),
    /// The saga was decided, and later otherwise.
    Reversal(Txn),
    /// A step was asked for while the first record of the saga was not stable.
    BegunBeforeLog(StepId),
    /// The commit was told while its record was not stable.
    CommitBeforeLog(Txn),
    /// A participant answered while the record of what it said was not stable.
    AnswerBeforeLog(StepId),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommitWithoutStep(step) => {
                write!(f, "{step} is not done, and the saga committed")
            }
            Self::LeftDone(step) => write!(f, "{step} is left done, and the saga has aborted"),
            Self::DoneAfterUndo(step) => write!(f, "{step} was done after it was undone"),
            Self::DoneTwice(step) => write!(f, "{step} was done twice"),
            Self::UndoneTwice(step) => write!(f, "{step} was undone twice"),
            Self::UndoneAfterCommit(step) => write!(f, "{step} was undone after the commit"),
            Self::UndoneOutOfOrder { undone, later } => {
                write!(f, "{undone} was undone before step {}", later.step)
            }
            Self::DoneOutOfOrder(step) => write!(f, "{step} was begun before the one before it"),
            Self::Reversal(txn) => write!(f, "{txn} was decided, and later otherwise"),
            Self::BegunBeforeLog(step) => {
                write!(f, "{step} was begun before the saga's record was stable")
            }
            Self::CommitBeforeLog(txn) => {
                write!(f, "{txn} committed before the commit record was stable")
            }
            Self::AnswerBeforeLog(step) => {
                write!(f, "{step} was answered for before its record was stable")
            }
        }
    }
}
