//! The log of one replica of Raft: what the crate reads as its storage, and what a disk keeps.

use super::super::disk::Stored;
use ::raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use ::raft::util::limit_size;
use ::raft::{GetEntriesContext, RaftState, Result, Storage, StorageError};
use std::collections::VecDeque;

/// Term and vote, and the entries after those that were cut off.
#[derive(Clone, Debug)]
pub(super) struct Log {
    voters: ConfState,
    hard: HardState,
    /// The last entry that was cut off: its index and its term; both 0 at first.
    base: (u64, u64),
    entries: VecDeque<Entry>,
}

/// One change to a log.
#[derive(Clone, Debug)]
pub(super) enum Write {
    /// Term, vote and what is known to be committed.
    Hard(HardState),
    /// Entries, in place of those from the index of the first.
    Append(Vec<Entry>),
    /// Cuts off the entries up to this one.
    Compact(u64),
    /// In place of everything: the state up to this index, of this term.
    Snapshot(u64, u64),
}

impl Log {
    /// An empty one, of a group whose replicas are 1 to `size`.
    pub(super) fn new(size: u32) -> Self {
        Self {
            voters: ConfState::from((1..=u64::from(size), [])),
            hard: HardState::default(),
            base: (0, 0),
            entries: VecDeque::new(),
        }
    }

    /// Whether nothing was ever written: a replica that has taken part in nothing.
    pub(super) fn is_pristine(&self) -> bool {
        self.hard == HardState::default() && self.last() == 0
    }

    /// The index of the last entry that was cut off.
    pub(super) fn base(&self) -> u64 {
        self.base.0
    }

    fn last(&self) -> u64 {
        self.base.0 + self.entries.len() as u64
    }

    /// The place of an entry; of the first where it was cut off.
    fn place(&self, index: u64) -> usize {
        index.saturating_sub(self.base.0 + 1) as usize
    }

    fn term_at(&self, index: u64) -> Option<u64> {
        match index == self.base.0 {
            true => Some(self.base.1),
            false => self.entries.get(self.place(index)).map(|e| e.term),
        }
    }
}

impl Stored for Log {
    type Write = Write;

    fn apply(&mut self, write: Write) {
        match write {
            Write::Hard(hard) => self.hard = hard,
            Write::Append(entries) => {
                if let Some(first) = entries.first() {
                    self.entries.truncate(self.place(first.index));
                }
                self.entries.extend(entries);
            }
            Write::Compact(index) => {
                if let Some(term) = self.term_at(index)
                    && index > self.base.0
                {
                    self.entries.drain(..(index - self.base.0) as usize);
                    self.base = (index, term);
                }
            }
            Write::Snapshot(index, term) => {
                self.entries.clear();
                self.base = (index, term);
            }
        }
    }
}

impl Storage for Log {
    fn initial_state(&self) -> Result<RaftState> {
        Ok(RaftState::new(self.hard.clone(), self.voters.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        if low <= self.base.0 {
            return Err(StorageError::Compacted.into());
        }
        if high > self.last() + 1 {
            return Err(StorageError::Unavailable.into());
        }
        let range = self.place(low)..self.place(high);
        let mut entries: Vec<Entry> = self.entries.range(range).cloned().collect();
        limit_size(&mut entries, max_size.into());
        Ok(entries)
    }

    fn term(&self, index: u64) -> Result<u64> {
        if index < self.base.0 {
            return Err(StorageError::Compacted.into());
        }
        self.term_at(index).ok_or(StorageError::Unavailable.into())
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.base.0 + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.last())
    }

    /// The state up to what was cut off; what comes after it, the entries say.
    fn snapshot(&self, least: u64, _to: u64) -> Result<Snapshot> {
        if self.base.0 < least {
            return Err(StorageError::SnapshotTemporarilyUnavailable.into());
        }
        let mut snapshot = Snapshot::default();
        let about = snapshot.mut_metadata();
        (about.index, about.term) = self.base;
        about.set_conf_state(self.voters.clone());
        Ok(snapshot)
    }
}
