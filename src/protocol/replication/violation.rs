//! The rules of a replicated log, each by the way in which it is broken. Refuses to know how a breach
//! is found: that is the [checker](super::Checker)'s.

use super::{Entry, Node, Term};
use clock::Duration;
use core::fmt;

/// A rule that was broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// Two replicas led in one term.
    TwoLeaders {
        /// The term.
        term: Term,
        /// Who led first.
        first: Node,
        /// Who led, too.
        second: Node,
    },
    /// Two replicas were told different entries for one place of the log.
    Disagreement {
        /// The place; where the prefix is forgotten, the last of the forgotten.
        index: u64,
        /// Who was told otherwise than those before.
        node: Node,
    },
    /// An entry that was acknowledged has lost its place to another.
    AcknowledgedLost {
        /// What was acknowledged.
        entry: Entry,
        /// Its place.
        index: u64,
        /// Where something else stands.
        node: Node,
    },
    /// A replica was told places out of order: one left out, or one again without a crash.
    OutOfOrder {
        /// Where.
        node: Node,
        /// What was told.
        index: u64,
        /// What was due.
        due: u64,
    },
    /// An entry has two places.
    CommittedTwice {
        /// The entry.
        entry: Entry,
        /// Where it stood first.
        first: u64,
        /// Where it stands, too.
        second: u64,
    },
    /// An entry was committed that nobody had proposed, or that stands among the forgotten.
    NeverProposed {
        /// The entry.
        entry: Entry,
        /// Its place.
        index: u64,
    },
    /// An entry was acknowledged before any replica was told of its place.
    AcknowledgedEarly {
        /// The entry.
        entry: Entry,
    },
    /// A replica that thought it might answer alone missed what had been acknowledged before the
    /// read began.
    LeaderReadMissed {
        /// Who answered.
        node: Node,
        /// How much of the log it knew.
        knew: u64,
        /// How much was acknowledged when the read began.
        acknowledged: u64,
    },
    /// A read was further behind than was declared.
    TooStale {
        /// Who answered.
        node: Node,
        /// How long ago the first entry that it missed had been acknowledged.
        behind: Duration,
        /// What was declared.
        bound: Duration,
    },
    /// A replica took a prefix for its own that is not committed, or that it had already.
    FalseSnapshot {
        /// Who.
        node: Node,
        /// How long the prefix is.
        index: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TwoLeaders {
                term,
                first,
                second,
            } => write!(f, "{term}: {first} and {second} lead"),
            Self::Disagreement { index, node } => {
                write!(f, "{node} was told another entry {index} than those before")
            }
            Self::AcknowledgedLost { entry, index, node } => write!(
                f,
                "{entry} was acknowledged as number {index}, which at {node} is another"
            ),
            Self::OutOfOrder { node, index, due } => {
                write!(f, "{node} was told entry {index}; {due} was due")
            }
            Self::CommittedTwice {
                entry,
                first,
                second,
            } => write!(f, "{entry} is committed as number {first} and {second}"),
            Self::NeverProposed { entry, index } => {
                write!(
                    f,
                    "{entry} is committed as number {index}, and was never proposed"
                )
            }
            Self::AcknowledgedEarly { entry } => {
                write!(f, "{entry} was acknowledged before it was committed")
            }
            Self::LeaderReadMissed {
                node,
                knew,
                acknowledged,
            } => write!(
                f,
                "{node} answered a read alone with {knew} entries; {acknowledged} were acknowledged before"
            ),
            Self::TooStale {
                node,
                behind,
                bound,
            } => write!(
                f,
                "{node} answered a read {behind} behind; {bound} is declared"
            ),
            Self::FalseSnapshot { node, index } => {
                write!(f, "{node} began at {index}, which is no prefix of its own")
            }
        }
    }
}
