//! The log of one replica of Omni-Paxos: what the crate reads as its storage, and what a disk keeps.

use super::super::Entry;
use super::super::disk::Stored;
use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::storage::{self, NoSnapshot, StopSign, Storage, StorageOp, StorageResult};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// An entry, as the crate keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot(pub(super) Entry);

impl storage::Entry for Slot {
    type Snapshot = NoSnapshot;
}

/// What was promised and accepted, and the entries after those that were cut off. Indices count from 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    promise: Option<Ballot>,
    accepted: Option<Ballot>,
    decided: usize,
    compacted: usize,
    entries: VecDeque<Slot>,
}

/// One change to a log.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Promise(Ballot),
    Accepted(Ballot),
    Decided(usize),
    Append(Vec<Slot>),
    /// In place of the entries from this index on.
    Replace(usize, Vec<Slot>),
    Trim(usize),
    Compacted(usize),
}

impl Write {
    /// Whether what is said next may rest on it. What is decided, others can tell again, and what is cut
    /// off is only so to save space.
    pub(super) fn matters(&self) -> bool {
        matches!(
            self,
            Self::Promise(_) | Self::Accepted(_) | Self::Append(_) | Self::Replace(..)
        )
    }
}

impl Log {
    /// What was promised last.
    pub(super) fn promise(&self) -> Ballot {
        self.promise.unwrap_or_default()
    }

    /// How many entries are known to be decided.
    pub(super) fn decided(&self) -> usize {
        self.decided
    }

    /// How many entries were cut off.
    pub(super) fn compacted(&self) -> usize {
        self.compacted
    }

    fn place(&self, index: usize) -> usize {
        index.saturating_sub(self.compacted).min(self.entries.len())
    }
}

impl Stored for Log {
    type Write = Write;

    fn apply(&mut self, write: Write) {
        match write {
            // The crate writes the lowest ballot where none was promised.
            Write::Promise(ballot) => {
                self.promise = (ballot != Ballot::default()).then_some(ballot);
            }
            Write::Accepted(ballot) => self.accepted = Some(ballot),
            Write::Decided(index) => self.decided = index,
            Write::Append(entries) => self.entries.extend(entries),
            Write::Replace(from, entries) => {
                self.entries.truncate(self.place(from));
                self.entries.extend(entries);
            }
            Write::Trim(index) => {
                self.entries.drain(..self.place(index));
            }
            Write::Compacted(index) => self.compacted = index,
        }
    }
}

/// The crate's storage: the log, and a journal of what is written to it, for the disk.
#[derive(Debug)]
pub(super) struct Store {
    log: Log,
    journal: Journal,
}

/// What was written and not yet taken. The crate owns its storage and shows it to nobody.
#[derive(Clone, Default, Debug)]
pub(super) struct Journal(Arc<Mutex<Vec<Write>>>);

impl Journal {
    /// Moves what was written into a buffer.
    pub(super) fn take(&self, into: &mut Vec<Write>) {
        into.append(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn push(&self, write: Write) {
        let mut writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writes.push(write);
    }
}

impl Store {
    pub(super) fn new(log: Log, journal: Journal) -> Self {
        Self { log, journal }
    }

    fn write(&mut self, write: Write) -> StorageResult<()> {
        self.journal.push(write.clone());
        self.log.apply(write);
        Ok(())
    }
}

impl Storage<Slot> for Store {
    fn write_atomically(&mut self, ops: Vec<StorageOp<Slot>>) -> StorageResult<()> {
        for op in ops {
            self.write(match op {
                StorageOp::AppendEntry(entry) => Write::Append(vec![entry]),
                StorageOp::AppendEntries(entries) => Write::Append(entries),
                StorageOp::AppendOnPrefix(from, entries) => Write::Replace(from, entries),
                StorageOp::SetPromise(ballot) => Write::Promise(ballot),
                StorageOp::SetDecidedIndex(index) => Write::Decided(index),
                StorageOp::SetAcceptedRound(ballot) => Write::Accepted(ballot),
                StorageOp::SetCompactedIdx(index) => Write::Compacted(index),
                StorageOp::Trim(index) => Write::Trim(index),
                // A group stays as it is, and has no snapshots.
                StorageOp::SetStopsign(_) | StorageOp::SetSnapshot(_) => continue,
            })?;
        }
        Ok(())
    }

    fn append_entry(&mut self, entry: Slot) -> StorageResult<()> {
        self.write(Write::Append(vec![entry]))
    }

    fn append_entries(&mut self, entries: Vec<Slot>) -> StorageResult<()> {
        match entries.is_empty() {
            true => Ok(()),
            false => self.write(Write::Append(entries)),
        }
    }

    fn append_on_prefix(&mut self, from: usize, entries: Vec<Slot>) -> StorageResult<()> {
        self.write(Write::Replace(from, entries))
    }

    fn set_promise(&mut self, ballot: Ballot) -> StorageResult<()> {
        match ballot == self.log.promise() {
            true => Ok(()),
            false => self.write(Write::Promise(ballot)),
        }
    }

    fn set_decided_idx(&mut self, index: usize) -> StorageResult<()> {
        self.write(Write::Decided(index))
    }

    fn get_decided_idx(&self) -> StorageResult<usize> {
        Ok(self.log.decided)
    }

    fn set_accepted_round(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.write(Write::Accepted(ballot))
    }

    fn get_accepted_round(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.log.accepted)
    }

    fn get_entries(&self, from: usize, to: usize) -> StorageResult<Vec<Slot>> {
        let log = &self.log;
        if from < log.compacted || to > log.compacted + log.entries.len() || from > to {
            return Ok(Vec::new());
        }
        let range = log.place(from)..log.place(to);
        Ok(log.entries.range(range).copied().collect())
    }

    fn get_log_len(&self) -> StorageResult<usize> {
        Ok(self.log.entries.len())
    }

    fn get_suffix(&self, from: usize) -> StorageResult<Vec<Slot>> {
        self.get_entries(from, self.log.compacted + self.log.entries.len())
    }

    fn get_promise(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.log.promise)
    }

    fn set_stopsign(&mut self, _: Option<StopSign>) -> StorageResult<()> {
        Ok(())
    }

    fn get_stopsign(&self) -> StorageResult<Option<StopSign>> {
        Ok(None)
    }

    fn trim(&mut self, index: usize) -> StorageResult<()> {
        self.write(Write::Trim(index))
    }

    fn set_compacted_idx(&mut self, index: usize) -> StorageResult<()> {
        self.write(Write::Compacted(index))
    }

    fn get_compacted_idx(&self) -> StorageResult<usize> {
        Ok(self.log.compacted)
    }

    fn set_snapshot(&mut self, _: Option<NoSnapshot>) -> StorageResult<()> {
        Ok(())
    }

    fn get_snapshot(&self) -> StorageResult<Option<NoSnapshot>> {
        Ok(None)
    }
}
