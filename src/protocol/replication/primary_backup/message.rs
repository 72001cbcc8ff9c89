//! What primaries and backups say to each other. Refuses to know when.

use crate::replication::{Entry, Term};
use clock::Instant;

/// A place in a log, by the epoch in which it was filled: two logs that have the same position have
/// the same up to there. Ordered by how advanced a log is that ends there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position {
    /// The epoch; 0 before the first entry.
    pub epoch: Term,
    /// The place, from 1; 0 before the first entry.
    pub index: u64,
}

/// The entries of one epoch: from its record to before the next run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Where its record stands, from 1.
    pub first: u64,
    /// The epoch.
    pub epoch: Term,
}

/// A piece of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// What stands before it.
    pub after: Position,
    /// The epochs of the entries, by where each begins; the first may begin before the piece. Empty
    /// when there are no entries.
    pub runs: Vec<Run>,
    /// The entries; where a run begins stands the record of its epoch, here as entry 0.
    pub entries: Vec<Entry>,
}

impl Batch {
    /// Where it ends.
    pub fn last(&self) -> u64 {
        self.after.index + self.entries.len() as u64
    }

    /// Its entries with their places.
    pub(super) fn places(&self) -> impl Iterator<Item = (u64, Entry)> {
        (self.after.index + 1..).zip(self.entries.iter().copied())
    }

    /// The run of one of its places.
    pub(super) fn run_at(&self, index: u64) -> Option<Run> {
        self.runs.iter().rfind(|run| run.first <= index).copied()
    }
}

/// What replicas say to each other. Every message has an epoch; what is below the promise of whoever
/// receives it is refused.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// Asks for the lease of an epoch.
    Stand {
        /// The epoch.
        epoch: Term,
        /// When, by the clock of whoever asks: the lease counts from here.
        asked: Instant,
    },
    /// Grants it; the promise is on disk.
    Granted {
        /// The epoch.
        epoch: Term,
        /// As in the question.
        asked: Instant,
        /// Where the log ends, as it is on disk.
        log: Position,
    },
    /// Refuses a message for a promise that is higher.
    Refused {
        /// The promise.
        epoch: Term,
    },
    /// Whoever stood gives up: what it was granted is void.
    Withdrawn {
        /// The epoch.
        epoch: Term,
        /// What was asked for up to here, by the clock of whoever stood.
        asked: Instant,
    },
    /// Whoever won asks the most advanced of its granters for the end of its log.
    Fetch {
        /// The epoch.
        epoch: Term,
        /// From behind this place on.
        after: u64,
    },
    /// The answer: a piece of the log, as large as one message may be.
    Fetched {
        /// The epoch.
        epoch: Term,
        /// The piece.
        batch: Batch,
    },
    /// A sign of life of whoever has won and does not lead yet; renews the lease.
    Alive {
        /// The epoch.
        epoch: Term,
        /// When it left, by the clock of the sender.
        asked: Instant,
    },
    /// A sign of life of a primary, with what comes next in its log; renews the lease.
    Append {
        /// The epoch.
        epoch: Term,
        /// When it left, by the clock of the sender.
        asked: Instant,
        /// What comes next, if anything.
        batch: Batch,
        /// How much of the log is committed.
        committed: u64,
        /// How much of the log all replicas have on disk.
        everywhere: u64,
    },
    /// Answers a sign of life, and renews the lease.
    Ack {
        /// The epoch.
        epoch: Term,
        /// As in the sign of life.
        asked: Instant,
        /// How much of the log is on disk and known to be as the primary's.
        stable: u64,
    },
    /// Answers an append that does not fit, and renews the lease.
    Behind {
        /// The epoch.
        epoch: Term,
        /// As in the append.
        asked: Instant,
        /// Where the log ends.
        log: Position,
        /// How much of it is known to be committed, and therefore to be as the primary's.
        committed: u64,
    },
}

impl Message {
    /// The epoch that it is about.
    pub fn epoch(&self) -> Term {
        match *self {
            Self::Stand { epoch, .. }
            | Self::Granted { epoch, .. }
            | Self::Refused { epoch }
            | Self::Withdrawn { epoch, .. }
            | Self::Fetch { epoch, .. }
            | Self::Fetched { epoch, .. }
            | Self::Alive { epoch, .. }
            | Self::Append { epoch, .. }
            | Self::Ack { epoch, .. }
            | Self::Behind { epoch, .. } => epoch,
        }
    }

    /// How many entries it carries.
    pub fn entries(&self) -> usize {
        match self {
            Self::Fetched { batch, .. } | Self::Append { batch, .. } => batch.entries.len(),
            _ => 0,
        }
    }
}
