//! What entries stand for, and what a replica knows once it has applied them.
//!
//! A record's version is the number of its writes, as far as the replica has applied the log. Whether
//! a conditional write holds is decided by the log's order alone, so that all replicas decide alike.

use crate::order::Effect;
use crate::store::Record;
use clock::Instant;
use std::collections::{BTreeMap, VecDeque};

/// The log of a group, as those who see all replicas know it: what was proposed, what stands where, and
/// when writes were acknowledged.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// What was proposed and is committed nowhere yet; also what never will be.
    proposals: BTreeMap<u64, Proposal>,
    next: u64,
    /// What everybody has applied, and what stands behind it.
    base: Applied,
    tail: VecDeque<Option<Placed>>,
    acknowledged: BTreeMap<Record, Acknowledged>,
    /// The last place of which orders have heard.
    heard: u64,
}

/// What was proposed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Proposal {
    what: What,
    /// In whose reign.
    term: u64,
}

/// An entry that has its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Placed {
    pub(super) entry: u64,
    pub(super) what: What,
    term: u64,
}

/// What an entry does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// A command of which nothing is known but that it comes once.
    Command,
    /// Nothing: its commitment shows that whoever proposed it leads.
    Barrier,
    /// Writes a record.
    Write {
        record: Record,
        /// The handler, by a key that no other has.
        by: u64,
        /// Only if no other handler has written it since this version.
        unchanged_since: Option<u64>,
        /// What it is for an order, and whether that is to be once.
        effect: Option<(Effect, bool)>,
    },
}

/// When the versions of a record were acknowledged that not everybody has applied.
#[derive(Debug, Default)]
struct Acknowledged {
    /// So many versions everybody has applied.
    known: u64,
    /// By version after those; [`Instant::NEVER`]: not yet.
    times: VecDeque<Instant>,
}

impl Log {
    /// A new entry.
    pub(super) fn propose(&mut self, what: What, term: u64) -> u64 {
        let entry = self.next;
        self.next += 1;
        self.proposals.insert(entry, Proposal { what, term });
        entry
    }

    /// A replica was told what stands at a place.
    pub(super) fn place(&mut self, index: u64, entry: Option<u64>) {
        if index == self.last() + 1 {
            let placed = entry.and_then(|entry| {
                let Proposal { what, term } = self.proposals.remove(&entry)?;
                Some(Placed { entry, what, term })
            });
            self.tail.push_back(placed);
        }
    }

    /// How many places are taken.
    pub(super) fn last(&self) -> u64 {
        self.base.index + self.tail.len() as u64
    }

    /// What stands at a place; `None`: the protocol's own.
    pub(super) fn at(&self, index: u64) -> Option<Placed> {
        let behind = index.checked_sub(self.base.index + 1)?;
        self.tail.get(behind as usize).copied().flatten()
    }

    /// A replica has applied a place, the first of all when this is its effect: all others will do the
    /// same.
    pub(super) fn first_effect(
        &mut self,
        index: u64,
        placed: Option<Placed>,
        fate: Fate,
    ) -> Option<(Effect, bool)> {
        if index <= self.heard {
            return None;
        }
        self.heard = index;
        match (placed?.what, fate) {
            (What::Write { effect, .. }, Fate::Written(_)) => effect,
            _ => None,
        }
    }

    /// Whether an entry can not come any more once another one, or one of the protocol's own, has
    /// been applied where it was proposed: that one is of a later reign, or begins one.
    pub(super) fn is_lost(&self, entry: u64, applied: Option<Placed>) -> bool {
        let proposal = self.proposals.get(&entry);
        proposal.is_some_and(|lost| applied.is_none_or(|applied| lost.term < applied.term))
    }

    /// What everybody has applied.
    pub(super) fn base(&self) -> &Applied {
        &self.base
    }

    /// Everybody has applied what stands up to a place: it need not be kept.
    pub(super) fn forget(&mut self, upto: u64) {
        while self.base.index < upto
            && let Some(placed) = self.tail.pop_front()
        {
            let index = self.base.index + 1;
            self.base.apply(index, placed.map(|placed| placed.what));
        }
        let base = &self.base;
        self.acknowledged.retain(|record, acknowledged| {
            let known = base.version(*record);
            let gone = (known - acknowledged.known).min(acknowledged.times.len() as u64);
            acknowledged.times.drain(..gone as usize);
            acknowledged.known = known;
            !acknowledged.times.is_empty()
        });
    }

    /// This version of a record was acknowledged.
    pub(super) fn acknowledge(&mut self, now: Instant, record: Record, version: u64) {
        let known = self.base.version(record);
        let record = self.acknowledged.entry(record).or_insert(Acknowledged {
            known,
            times: VecDeque::new(),
        });
        let Some(behind) = version.checked_sub(record.known + 1) else {
            return;
        };
        let behind = behind as usize;
        if record.times.len() <= behind {
            record.times.resize(behind + 1, Instant::NEVER);
        }
        record.times[behind] = now;
    }

    /// When the first acknowledged write was acknowledged that a reader of this version does not see.
    pub(super) fn first_missed(&self, record: Record, version: u64) -> Option<Instant> {
        let acknowledged = self.acknowledged.get(&record)?;
        let seen = version.saturating_sub(acknowledged.known);
        let mut after = acknowledged.times.iter().skip(seen as usize).copied();
        after.find(|time| *time != Instant::NEVER)
    }
}

/// What one replica has applied.
#[derive(Clone, Debug, Default)]
pub(super) struct Applied {
    index: u64,
    records: BTreeMap<Record, Version>,
}

/// A record as one replica knows it.
#[derive(Clone, Copy, Default, Debug)]
struct Version {
    number: u64,
    /// Whose the last write is, and the number of the last write that is not theirs.
    by: u64,
    by_another: u64,
}

/// What became of an entry when it was applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Done,
    /// The record has this version now.
    Written(u64),
    /// Another write came between.
    Conflict,
}

impl Applied {
    /// How far it has applied the log.
    pub(super) fn index(&self) -> u64 {
        self.index
    }

    pub(super) fn version(&self, record: Record) -> u64 {
        self.records.get(&record).map_or(0, |record| record.number)
    }

    /// Applies the entry at the next place.
    pub(super) fn apply(&mut self, index: u64, what: Option<What>) -> Fate {
        self.index = index;
        let Some(What::Write {
            record,
            by,
            unchanged_since,
            ..
        }) = what
        else {
            return Fate::Done;
        };
        let known = self.records.entry(record).or_default();
        let by_another = if known.by == by {
            known.by_another
        } else {
            known.number
        };
        if unchanged_since.is_some_and(|seen| by_another > seen) {
            return Fate::Conflict;
        }
        *known = Version {
            number: known.number + 1,
            by,
            by_another,
        };
        Fate::Written(known.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(by: u64, unchanged_since: Option<u64>) -> Option<What> {
        let record = (0, 5);
        Some(What::Write {
            record,
            by,
            unchanged_since,
            effect: None,
        })
    }

    #[test]
    fn a_conditional_write_is_decided_by_the_order_of_the_log() {
        let mut applied = Applied::default();
        assert_eq!(applied.apply(1, write(7, Some(0))), Fate::Written(1));
        assert_eq!(applied.apply(2, write(8, Some(0))), Fate::Conflict);
        assert_eq!(applied.apply(3, write(8, Some(1))), Fate::Written(2));
        assert_eq!(applied.version((0, 5)), 2);
        assert_eq!(applied.version((0, 6)), 0);
    }

    #[test]
    fn ones_own_writes_are_no_conflict_and_hide_none() {
        let mut applied = Applied::default();
        assert_eq!(applied.apply(1, write(7, Some(0))), Fate::Written(1));
        assert_eq!(applied.apply(2, write(7, Some(0))), Fate::Written(2));
        assert_eq!(applied.apply(3, write(8, None)), Fate::Written(3));
        assert_eq!(applied.apply(4, write(7, None)), Fate::Written(4));
        assert_eq!(applied.apply(5, write(7, Some(0))), Fate::Conflict);
    }

    #[test]
    fn what_is_missed_first_counts() {
        let (mut log, record) = (Log::default(), (0, 5));
        let at = Instant::from_nanos;
        assert_eq!(log.first_missed(record, 0), None);
        log.acknowledge(at(10), record, 2);
        log.acknowledge(at(20), record, 3);
        assert_eq!(log.first_missed(record, 0), Some(at(10)));
        assert_eq!(log.first_missed(record, 2), Some(at(20)));
        assert_eq!(log.first_missed(record, 3), None);
        assert_eq!(log.first_missed(record, 9), None);
    }

    #[test]
    fn what_everybody_has_applied_is_forgotten() {
        let (mut log, record) = (Log::default(), (0, 5));
        let write = |by| write(by, None).expect("a write");
        for index in 1..=3 {
            let entry = log.propose(write(index), 1);
            log.place(index, Some(entry));
            log.acknowledge(Instant::from_nanos(10 * index), record, index);
        }
        log.forget(2);
        assert_eq!((log.base().index(), log.base().version(record)), (2, 2));
        assert_eq!((log.last(), log.at(2), log.at(4)), (3, None, None));
        assert_eq!(log.at(3).map(|placed| placed.what), Some(write(3)));
        assert_eq!(log.first_missed(record, 2), Some(Instant::from_nanos(30)));
        log.forget(3);
        assert_eq!(log.first_missed(record, 3), None);
        log.acknowledge(Instant::from_nanos(50), record, 4);
        assert_eq!(log.first_missed(record, 3), Some(Instant::from_nanos(50)));
    }

    #[test]
    fn what_a_later_reign_has_passed_is_lost() {
        let mut log = Log::default();
        let (first, second) = (log.propose(What::Command, 1), log.propose(What::Command, 1));
        let (third, fourth) = (log.propose(What::Command, 2), log.propose(What::Command, 2));
        log.place(1, Some(first));
        assert!(!log.is_lost(second, log.at(1)));
        log.place(2, Some(third));
        assert!(log.is_lost(second, log.at(2)));
        assert!(!log.is_lost(fourth, log.at(2)));
        assert!(log.is_lost(fourth, None));
        // It has its place, and will be told.
        assert!(!log.is_lost(first, log.at(2)));
    }
}
