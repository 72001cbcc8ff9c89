//! What the sites of a transaction say to each other. Refuses to know an encoding: a live host
//! picks its own, a simulated one passes the values.

use crate::transaction::{Outcome, Site, Txn};
use std::sync::Arc;

/// What a participant says to *Prepare*.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vote {
    /// It can commit, whatever happens, and is in doubt until it hears the outcome.
    Yes,
    /// It has aborted.
    No,
    /// It changed nothing, so that either outcome is the same to it: it drops out without a log
    /// record, and the second phase passes it by (Mohan et al. 1986, section 3).
    ReadOnly,
}

/// A message of the protocol. [`Message::to_coordinator`] says for which role it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// Coordinator to participant: prepare, and vote.
    Prepare {
        /// The transaction.
        txn: Txn,
        /// Everyone who is asked, the receiver among them: whom a participant in doubt may ask
        /// while the coordinator is silent (Bernstein et al. 1987, section 7.4).
        participants: Arc<[Site]>,
    },
    /// Participant to coordinator. May come unasked.
    Vote {
        /// The transaction.
        txn: Txn,
        /// The vote.
        vote: Vote,
    },
    /// The outcome, told by the coordinator or by a peer that knows it.
    Decision {
        /// The transaction.
        txn: Txn,
        /// The outcome.
        outcome: Outcome,
    },
    /// Participant to coordinator: my commit record is stable, you need not remember for me.
    Ack {
        /// The transaction.
        txn: Txn,
    },
    /// Participant in doubt to coordinator: what is the outcome?
    Inquiry {
        /// The transaction.
        txn: Txn,
    },
    /// Participant in doubt to another participant: what is the outcome?
    PeerInquiry {
        /// The transaction.
        txn: Txn,
    },
}

impl Message {
    /// The transaction that the message is about.
    pub fn txn(&self) -> Txn {
        match *self {
            Self::Prepare { txn, .. }
            | Self::Vote { txn, .. }
            | Self::Decision { txn, .. }
            | Self::Ack { txn }
            | Self::Inquiry { txn }
            | Self::PeerInquiry { txn } => txn,
        }
    }

    /// Whether it is for the coordinator of the receiving site; otherwise it is for its participant.
    pub fn to_coordinator(&self) -> bool {
        matches!(
            self,
            Self::Vote { .. } | Self::Ack { .. } | Self::Inquiry { .. }
        )
    }
}
