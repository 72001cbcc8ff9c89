//! The rules of a broker, each by the way in which it is broken. It refuses to know how a breach is
//! found: that is the [checker](super::Checker)'s.

use super::{Counts, Group, Message, Place};
use core::fmt;

/// A rule that was broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// Something happened to a message that was never appended, or is over for the group.
    NotOpen {
        /// Where.
        place: Place,
        /// For whom.
        group: Group,
    },
    /// Exclusive sharing forwarded a message before an earlier one was over.
    OutOfOrder {
        /// What was forwarded.
        place: Place,
        /// For whom.
        group: Group,
        /// What was not over.
        before: u64,
    },
    /// A message was delivered more often than it may be.
    TooOften {
        /// Where.
        place: Place,
        /// For whom.
        group: Group,
    },
    /// A message died before it was delivered as often as it may be.
    DiedEarly {
        /// Where.
        place: Place,
        /// For whom.
        group: Group,
    },
    /// A message counts as consumed though no consumer has said so.
    NotConsumed {
        /// Where.
        place: Place,
        /// For whom.
        group: Group,
    },
    /// A message was dropped where none may be.
    DroppedUnasked {
        /// Where.
        place: Place,
    },
    /// A message that was tried again is in the log twice.
    Twice {
        /// Which.
        message: Message,
        /// Where it is again.
        place: Place,
    },
    /// A stopped broker forwarded something.
    WhileStopped {
        /// Where.
        place: Place,
    },
    /// The producer was told that the message is safe, and it is nowhere.
    Lost {
        /// Where it was.
        place: Place,
        /// For whom.
        group: Group,
    },
    /// The broker holds a message that is over, or never was.
    Ghost {
        /// Where.
        place: Place,
        /// For whom.
        group: Group,
    },
    /// The sums do not add up.
    Unbalanced {
        /// What was counted.
        counts: Counts,
        /// What the broker still holds.
        open: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |f: &mut fmt::Formatter<'_>, place: &Place| {
            write!(
                f,
                "message {} of partition {} ",
                place.offset, place.partition
            )
        };
        match self {
            Self::NotOpen { place, group } => {
                at(f, place)?;
                write!(f, "is not there for group {}", group.0)
            }
            Self::OutOfOrder {
                place,
                group,
                before,
            } => {
                at(f, place)?;
                write!(
                    f,
                    "was forwarded to group {} before {before} was over",
                    group.0
                )
            }
            Self::TooOften { place, group } => {
                at(f, place)?;
                write!(f, "was delivered to group {} too often", group.0)
            }
            Self::DiedEarly { place, group } => {
                at(f, place)?;
                write!(f, "died for group {} before its last delivery", group.0)
            }
            Self::NotConsumed { place, group } => {
                at(f, place)?;
                write!(f, "was not consumed by group {}", group.0)
            }
            Self::DroppedUnasked { place } => {
                at(f, place)?;
                f.write_str("was dropped where none may be")
            }
            Self::Twice { message, place } => {
                at(f, place)?;
                write!(f, "is message {} again, which was tried twice", message.0)
            }
            Self::WhileStopped { place } => {
                at(f, place)?;
                f.write_str("was forwarded while the broker was stopped")
            }
            Self::Lost { place, group } => {
                at(f, place)?;
                write!(
                    f,
                    "was promised to be kept and is lost for group {}",
                    group.0
                )
            }
            Self::Ghost { place, group } => {
                at(f, place)?;
                write!(f, "is kept for group {} though it is over", group.0)
            }
            Self::Unbalanced { counts, open } => write!(
                f,
                "{} published and {} replayed are not {} acknowledged, {} dead, {} dropped and {open} \
                 in the queue",
                counts.published, counts.replayed, counts.acknowledged, counts.dead, counts.dropped
            ),
        }
    }
}
