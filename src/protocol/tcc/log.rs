//! The records that outlive a crash. Refuses to know a file: the host appends records and says when
//! they are stable.
//!
//! The log of a site is sequential: when a record is stable, so is every record appended before it.
//! Both roles of a site may share one log, and recovery skips what is not its own.
//!
//! A host may cut its log: of a coordinator, all of a transaction once its [`Record::End`] is there; of
//! a participant, all of a transaction once [`Participant::forget`](super::Participant::forget) has let
//! it go.

use crate::transaction::{Site, Txn};
use clock::Instant;
use std::sync::Arc;

/// A log record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// Of the coordinator, forced: all have reserved, and the transaction is to be confirmed from the
    /// moment that this is stable.
    Confirm {
        /// The transaction.
        txn: Txn,
        /// Who has reserved.
        participants: Arc<[Site]>,
    },
    /// Of the coordinator, not forced: all have answered to *Confirm*. Without it they are asked again,
    /// and say the same.
    End(Txn),
    /// Of a participant, forced before its answer leaves; stable together with what it reserved.
    Reserved {
        /// The transaction.
        txn: Txn,
        /// When the reservation ends, by the clock of the participant.
        until: Instant,
    },
    /// Of a participant, forced before its acknowledgement leaves.
    Confirmed(Txn),
    /// Of a participant, forced before its acknowledgement leaves: nothing is reserved, nor will be.
    Cancelled(Txn),
    /// Of a participant, not forced: without it the clock says the same.
    Expired(Txn),
}

impl Record {
    /// The transaction that the record is about.
    pub fn txn(&self) -> Txn {
        match *self {
            Self::Confirm { txn, .. }
            | Self::End(txn)
            | Self::Reserved { txn, .. }
            | Self::Confirmed(txn)
            | Self::Cancelled(txn)
            | Self::Expired(txn) => txn,
        }
    }
}

/// Names a forced write, so that its end can be told. A token of a machine that has crashed does no
/// harm to the one that has recovered: it is passed over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token {
    pub(super) txn: Txn,
    pub(super) forced: Forced,
}

impl Token {
    pub(super) const fn new(txn: Txn, forced: Forced) -> Self {
        Self { txn, forced }
    }

    /// The transaction whose record is being forced.
    pub fn txn(self) -> Txn {
        self.txn
    }
}

/// Which of the forced records a token stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Forced {
    Confirm,
    Reserved,
    Confirmed,
    Cancelled,
}
