//! The records that outlive a crash. Refuses to know a file: the host appends records and says when
//! they are stable.
//!
//! The log of a site is sequential: when a record is stable, so is every record appended before it.
//! Both roles of a site may share one log, and recovery skips what is not its own.
//!
//! A host may cut its log: of a coordinator, all of a transaction once its [`Record::End`] or
//! [`Record::Abort`] is there; of a participant, all of a transaction once
//! [`Participant::forget`](super::Participant::forget) has let it go.

use crate::transaction::{Site, Txn};
use std::sync::Arc;

/// A log record; which of them are forced is presumed abort's (Mohan et al. 1986, section 3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// Of the coordinator, forced: the transaction commits from the moment that this is stable.
    Commit {
        /// The transaction.
        txn: Txn,
        /// Who voted [`Vote::Yes`](super::Vote::Yes), and therefore must acknowledge.
        participants: Arc<[Site]>,
    },
    /// Of the coordinator, not forced: without it the answer is the same.
    Abort {
        /// The transaction.
        txn: Txn,
    },
    /// Of the coordinator, not forced: everyone has acknowledged; forgotten from here on.
    End {
        /// The transaction.
        txn: Txn,
    },
    /// Of a participant, forced before its vote leaves.
    Prepared {
        /// The transaction.
        txn: Txn,
        /// Whom to ask for the outcome.
        coordinator: Site,
        /// Whom else; empty when the vote was given unasked.
        participants: Arc<[Site]>,
    },
    /// Of a participant, forced before its acknowledgement leaves.
    Committed {
        /// The transaction.
        txn: Txn,
    },
    /// Of a participant, not forced: without it the participant asks again, and is told the same.
    Aborted {
        /// The transaction.
        txn: Txn,
    },
}

impl Record {
    /// The transaction that the record is about.
    pub fn txn(&self) -> Txn {
        match *self {
            Self::Commit { txn, .. }
            | Self::Abort { txn }
            | Self::End { txn }
            | Self::Prepared { txn, .. }
            | Self::Committed { txn }
            | Self::Aborted { txn } => txn,
        }
    }
}

/// Names a forced write, so that its end can be told. A token of a machine that has crashed does no
/// harm to the one that has recovered: it is passed over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token {
    pub(super) txn: Txn,
    pub(super) step: Step,
}

impl Token {
    pub(super) const fn new(txn: Txn, step: Step) -> Self {
        Self { txn, step }
    }

    /// The transaction whose record is being forced.
    pub fn txn(self) -> Txn {
        self.txn
    }
}

/// Which of the forced records a token stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Step {
    Commit,
    Prepared,
    Committed,
}
