//! The rules of atomic commitment and of presumed abort's log, each by the way in which it is broken.
//! Refuses to know how a breach is found: that is the [checker](super::Checker)'s.

use crate::transaction::{Outcome, Site, Txn};
use core::fmt;

/// A rule that was broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// AC1: two sites decided differently.
    Disagreement {
        /// The transaction.
        txn: Txn,
        /// Who committed.
        committed: Site,
        /// Who aborted.
        aborted: Site,
    },
    /// AC2: a site decided, and later otherwise.
    Reversal {
        /// The transaction.
        txn: Txn,
        /// Where.
        site: Site,
        /// What it decided first.
        first: Outcome,
    },
    /// AC3: a commit, although a participant had no stable prepared record and did not only read.
    CommitWithoutVote {
        /// The transaction.
        txn: Txn,
        /// Who had not said yes, or could not be held to it.
        participant: Site,
    },
    /// A commit was decided while no commit record of a coordinator was stable.
    CommitBeforeLog {
        /// The transaction.
        txn: Txn,
        /// Who decided.
        site: Site,
    },
    /// A yes left while the prepared record was not stable.
    VoteBeforeLog {
        /// The transaction.
        txn: Txn,
        /// Who voted.
        site: Site,
    },
    /// An acknowledgement left while the participant's commit record was not stable.
    AckBeforeLog {
        /// The transaction.
        txn: Txn,
        /// Who acknowledged.
        site: Site,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disagreement {
                txn,
                committed,
                aborted,
            } => write!(f, "{txn}: {committed} committed, {aborted} aborted"),
            Self::Reversal { txn, site, first } => {
                write!(f, "{txn}: {site} decided to {first}, and later otherwise")
            }
            Self::CommitWithoutVote { txn, participant } => {
                write!(
                    f,
                    "{txn}: committed, but {participant} is not bound by a yes"
                )
            }
            Self::CommitBeforeLog { txn, site } => {
                write!(
                    f,
                    "{txn}: {site} committed before the commit record was stable"
                )
            }
            Self::VoteBeforeLog { txn, site } => {
                write!(
                    f,
                    "{txn}: {site} voted yes before its prepared record was stable"
                )
            }
            Self::AckBeforeLog { txn, site } => {
                write!(
                    f,
                    "{txn}: {site} acknowledged before its commit record was stable"
                )
            }
        }
    }
}
