//! What coordinator and participants say to each other. Refuses to know an encoding: a live host
//! picks its own, a simulated one passes the values.

use crate::transaction::Txn;

/// A message of the protocol. [`Message::to_coordinator`] says for which role it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// Coordinator to participant: reserve.
    Try(Txn),
    /// Participant to coordinator: it has reserved, or will not.
    Tried {
        /// The transaction.
        txn: Txn,
        /// Whether it has.
        reserved: bool,
    },
    /// Coordinator to participant: make it final.
    Confirm(Txn),
    /// Participant to coordinator: it is final.
    Confirmed(Txn),
    /// Participant to coordinator: too late to confirm, the reservation has expired.
    Refused(Txn),
    /// Coordinator to participant: give back what is reserved, and do not reserve any more.
    Cancel(Txn),
    /// Participant to coordinator: nothing is reserved, nor will be.
    Cancelled(Txn),
}

impl Message {
    /// The transaction that the message is about.
    pub fn txn(&self) -> Txn {
        match *self {
            Self::Try(txn)
            | Self::Tried { txn, .. }
            | Self::Confirm(txn)
            | Self::Confirmed(txn)
            | Self::Refused(txn)
            | Self::Cancel(txn)
            | Self::Cancelled(txn) => txn,
        }
    }

    /// Whether it is for the coordinator of the receiving site; otherwise it is for its participant.
    pub fn to_coordinator(&self) -> bool {
        matches!(
            self,
            Self::Tried { .. } | Self::Confirmed(_) | Self::Refused(_) | Self::Cancelled(_)
        )
    }
}
