//! The records that outlive a crash. Refuses to know a file: the host appends records and says when
//! they are stable.
//!
//! The log of a site is sequential: when a record is stable, so is every record appended before it.
//! Both roles of a site may share one log, and recovery skips what is not its own.
//!
//! A host may cut its log: of an orchestrator, all of a saga once it has done
//! [`Action::Ended`](super::Action::Ended); of a participant, all of a saga once
//! [`Participant::forget`](super::Participant::forget) has let it go.

use super::message::StepId;
use crate::transaction::{Site, Txn};
use std::sync::Arc;

/// A log record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// Of the orchestrator, forced before the first step is asked for: from here on any step may have
    /// been done.
    Begun {
        /// The saga.
        txn: Txn,
        /// Who does each step, in order.
        steps: Arc<[Site]>,
    },
    /// Of the orchestrator, forced: all steps are done, and the saga commits from the moment that this
    /// is stable.
    Committed {
        /// The saga.
        txn: Txn,
    },
    /// Of the orchestrator, not forced: nothing is left to compensate. Without it, it asks again, and
    /// is told the same.
    Compensated {
        /// The saga.
        txn: Txn,
    },
    /// Of a participant, forced before its answer leaves; stable together with the work.
    Done(StepId),
    /// Of a participant, forced before its answer leaves: the step was compensated, refused, or undone
    /// before it was done. It will never be done again.
    Undone(StepId),
}

impl Record {
    /// The saga that the record is about.
    pub fn txn(&self) -> Txn {
        match *self {
            Self::Begun { txn, .. } | Self::Committed { txn } | Self::Compensated { txn } => txn,
            Self::Done(step) | Self::Undone(step) => step.txn,
        }
    }
}

/// Names a forced write, so that its end can be told. A token of a machine that has crashed does no
/// harm to the one that has recovered: it is passed over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(pub(super) Forced);

impl Token {
    /// The saga whose record is being forced.
    pub fn txn(self) -> Txn {
        match self.0 {
            Forced::Begun(txn) | Forced::Committed(txn) => txn,
            Forced::Done(step) | Forced::Undone(step) => step.txn,
        }
    }
}

/// Which of the forced records a token stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Forced {
    Begun(Txn),
    Committed(Txn),
    Done(StepId),
    Undone(StepId),
}
