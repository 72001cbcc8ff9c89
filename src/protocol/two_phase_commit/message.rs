//! What the sites of a transaction say to each other. Refuses to know an encoding: a live host
//! picks its own, a simulated one passes the values.

use core::fmt;
use std::sync::Arc;

/// A site: one process with one log, by a number that the host chooses. Coordinator and
/// participant of a transaction may live at the same site.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Site(pub u32);

/// A transaction. Unique over all coordinators and never used again, not even after a crash:
/// presumed abort gives an answer about every number it does not know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Txn(pub u64);

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

/// How a transaction ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// At every site.
    Commit,
    /// At every site.
    Abort,
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

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "site {}", self.0)
    }
}

impl fmt::Display for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transaction {}", self.0)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commit => "commit",
            Self::Abort => "abort",
        })
    }
}
