//! A log of entries and of the epochs in which they were filled. Refuses to know what of it is on disk
//! and what is committed.
//!
//! An entry takes 8 bytes: epochs are kept by where each begins, and there stands, always, the
//! record with which a primary began its epoch.

use super::message::{Batch, Position, Run};
use crate::replication::{Entry, Term};
use core::fmt;
use std::collections::VecDeque;

/// What stands for a record among the entries.
const RECORD: Entry = Entry(0);

/// A log, of which the beginning may have been let go.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Log {
    /// The last place that was let go.
    base: Position,
    entries: VecDeque<Entry>,
    /// In order. The first is that of the base, where there is one.
    runs: VecDeque<Run>,
}

/// What was cut off a log.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Tail {
    entries: VecDeque<Entry>,
    runs: VecDeque<Run>,
}

/// In a line, however long it is.
impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}..{:?}", self.base, self.end())
    }
}

/// In a line, however long it is.
impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.entries.len())
    }
}

impl Log {
    /// What is up to here was let go.
    pub(super) fn base(&self) -> u64 {
        self.base.index
    }

    /// The last place.
    pub(super) fn last(&self) -> u64 {
        self.base.index + self.entries.len() as u64
    }

    /// Where it ends.
    pub(super) fn end(&self) -> Position {
        let epoch = self.runs.back().map_or(self.base.epoch, |run| run.epoch);
        let index = self.last();
        Position { epoch, index }
    }

    /// Whether this position is one of its own. What was let go is as everywhere.
    pub(super) fn has(&self, position: Position) -> bool {
        position.index < self.base.index || self.epoch_at(position.index) == Some(position.epoch)
    }

    /// The epoch of a place that is there, or was let go last.
    pub(super) fn epoch_at(&self, index: u64) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.epoch);
        }
        self.run_at(index).map(|(_, run)| run.epoch)
    }

    /// What stands at a place that is there: `None` for a record.
    pub(super) fn entry(&self, index: u64) -> Option<Entry> {
        let (_, run) = self.run_at(index)?;
        let offset = (index - self.base.index - 1) as usize;
        (run.first != index).then(|| self.entries[offset])
    }

    /// What stands behind a place, up to `most` entries; what was let go is left out.
    pub(super) fn batch(&self, after: u64, most: usize) -> Batch {
        let index = after.clamp(self.base.index, self.last());
        let epoch = self.epoch_at(index).unwrap_or_default();
        let rest = self.entries.range((index - self.base.index) as usize..);
        let entries: Vec<Entry> = rest.take(most).copied().collect();
        let last = index + entries.len() as u64;
        let runs = match self.run_at(index + 1) {
            Some((first, _)) if last > index => {
                let runs = self.runs.range(first..);
                runs.take_while(|run| run.first <= last).copied().collect()
            }
            _ => Vec::new(),
        };
        Batch {
            after: Position { epoch, index },
            runs,
            entries,
        }
    }

    /// Begins an epoch by its record.
    pub(super) fn begin(&mut self, epoch: Term) {
        self.entries.push_back(RECORD);
        let first = self.last();
        self.runs.push_back(Run { first, epoch });
    }

    /// Adds an entry of the last epoch.
    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    /// Adds an entry of another log, that goes on where this one ends.
    pub(super) fn copy(&mut self, run: Run, entry: Entry) {
        self.entries.push_back(entry);
        if self.runs.back().map(|run| run.epoch) != Some(run.epoch) {
            self.runs.push_back(run);
        }
    }

    /// Cuts off what stands behind this place.
    pub(super) fn cut(&mut self, upto: u64) -> Tail {
        let kept = upto.saturating_sub(self.base.index) as usize;
        let entries = self.entries.split_off(kept.min(self.entries.len()));
        let runs = self.runs.partition_point(|run| run.first <= upto);
        let runs = self.runs.split_off(runs);
        Tail { entries, runs }
    }

    /// Puts back what was cut off here.
    pub(super) fn restore(&mut self, mut tail: Tail) {
        self.entries.append(&mut tail.entries);
        self.runs.append(&mut tail.runs);
    }

    /// Lets go what stands up to this place.
    pub(super) fn forget(&mut self, upto: u64) {
        let Some(epoch) = self.epoch_at(upto).filter(|_| upto > self.base.index) else {
            return;
        };
        self.entries.drain(..(upto - self.base.index) as usize);
        self.base = Position { epoch, index: upto };
        // The run of the base stays: what was cut off behind it may come back and go on with it.
        while self.runs.get(1).is_some_and(|next| next.first <= upto) {
            self.runs.pop_front();
        }
        // Room for what is there is enough, and what was a long log does not hold on to its space.
        if self.entries.capacity() > 4 * self.entries.len() + 64 {
            self.entries.shrink_to(2 * self.entries.len() + 16);
        }
    }

    fn run_at(&self, index: u64) -> Option<(usize, Run)> {
        if index <= self.base.index || index > self.last() {
            return None;
        }
        let at = self.runs.iter().rposition(|run| run.first <= index)?;
        Some((at, self.runs[at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of epochs 3 and 7 at 1 and 4, and entries 2, 3, 5, 6 of those numbers.
    fn log() -> Log {
        let mut log = Log::default();
        log.begin(Term(3));
        log.push(Entry(2));
        log.push(Entry(3));
        log.begin(Term(7));
        log.push(Entry(5));
        log.push(Entry(6));
        log
    }

    fn at(epoch: u64, index: u64) -> Position {
        let epoch = Term(epoch);
        Position { epoch, index }
    }

    #[test]
    fn a_place_knows_its_epoch_and_records_are_no_entries() {
        let log = log();
        assert_eq!(log.end(), at(7, 6));
        let entries: Vec<_> = (1..=6).map(|index| log.entry(index)).collect();
        let some = |n| Some(Entry(n));
        assert_eq!(entries, [None, some(2), some(3), None, some(5), some(6)]);
        assert!(log.has(at(0, 0)) && log.has(at(3, 3)) && log.has(at(7, 4)));
        assert!(!log.has(at(7, 3)) && !log.has(at(7, 7)));
    }

    #[test]
    fn pieces_make_the_same_log() {
        let log = log();
        for most in 1..=6 {
            let mut copy = Log::default();
            while copy.last() < log.last() {
                let batch = log.batch(copy.last(), most);
                assert!(copy.has(batch.after));
                for (index, entry) in batch.places() {
                    copy.copy(batch.run_at(index).unwrap(), entry);
                }
            }
            assert_eq!(copy, log);
        }
        assert_eq!(log.batch(6, 10).entries, []);
        assert_eq!(log.batch(5, 0).runs, []);
    }

    #[test]
    fn what_is_cut_can_be_put_back() {
        for upto in 0..=6 {
            let mut log = log();
            let tail = log.cut(upto);
            assert_eq!(log.last(), upto);
            log.restore(tail);
            assert_eq!(log, self::log());
        }
    }

    #[test]
    fn what_was_cut_comes_back_behind_what_was_let_go_since() {
        for upto in 0..=6 {
            let mut log = log();
            let tail = log.cut(upto);
            log.begin(Term(9));
            log.forget(upto);
            log.cut(upto);
            log.restore(tail);
            assert_eq!(log.end(), self::log().end());
            assert_eq!(log.batch(upto, 9), self::log().batch(upto, 9), "{upto}");
        }
    }

    #[test]
    fn what_is_let_go_is_taken_for_agreed() {
        for upto in 1..=6 {
            let (whole, mut log) = (log(), log());
            log.forget(upto);
            log.forget(upto - 1);
            assert_eq!((log.base(), log.end()), (upto, whole.end()));
            for index in upto + 1..=6 {
                assert_eq!(log.entry(index), whole.entry(index));
                assert_eq!(log.epoch_at(index), whole.epoch_at(index));
            }
            assert_eq!(log.batch(0, 9), whole.batch(upto, 9));
            assert!(log.has(at(99, upto - 1)));
            log.push(Entry(7));
            assert_eq!(log.epoch_at(7), Some(Term(7)));
            assert_eq!(log.entry(7), Some(Entry(7)));
        }
    }
}
