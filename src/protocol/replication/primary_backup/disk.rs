//! What a replica has on disk, and what is on its way there. Refuses to know why it is written.
//!
//! There is one copy of the log: the one with all that was written. What a crash has to take back is kept
//! beside it, until it is stable. Of writes that wait for the disk, one is under way; those that come
//! meanwhile are made stable together by the next (group commit).

use super::log::{Log, Tail};
use super::message::{Batch, Position};
use crate::replication::{Action, Entry, Term, Token};
use std::collections::VecDeque;

/// What is on the disk of a replica.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stable {
    /// The highest epoch that was promised: messages of lower ones are refused.
    pub promised: Term,
    /// How much of the log is known to be committed, at least.
    pub committed: u64,
    pub(super) log: Log,
}

impl Stable {
    /// Where the log ends.
    pub fn end(&self) -> Position {
        self.log.end()
    }

    fn take_back(&mut self, undo: Undo) {
        match undo {
            Undo::Promise(before) => self.promised = before,
            Undo::Length(length) => drop(self.log.cut(length)),
            Undo::Cut(tail) => self.log.restore(tail),
        }
    }
}

#[derive(Debug)]
pub(super) struct Disk {
    /// With all that was written; what is stable of `committed` lags.
    live: Stable,
    stable_committed: u64,
    undo: VecDeque<(Token, Undo)>,
    /// The forced write that is under way, and how much was known to be committed when it began.
    forcing: Option<(Token, u64)>,
    /// Whether another is wanted behind it.
    wanted: bool,
    /// The next forced write: it covers what is written now.
    next: Token,
}

#[derive(Clone, Debug)]
enum Undo {
    Promise(Term),
    /// The log ended here.
    Length(u64),
    Cut(Tail),
}

impl Disk {
    pub(super) fn new(stable: Stable) -> Self {
        Self {
            stable_committed: stable.committed,
            live: stable,
            undo: VecDeque::new(),
            forcing: None,
            wanted: false,
            next: Token(0),
        }
    }

    pub(super) fn promised(&self) -> Term {
        self.live.promised
    }

    pub(super) fn committed(&self) -> u64 {
        self.live.committed
    }

    pub(super) fn log(&self) -> &Log {
        &self.live.log
    }

    pub(super) fn stable(&self) -> Stable {
        let mut stable = self.live.clone();
        for (_, undo) in self.undo.iter().rev() {
            stable.take_back(undo.clone());
        }
        stable.committed = self.stable_committed.max(stable.log.base());
        stable
    }

    /// How much of the log is stable, and will stay so.
    pub(super) fn settled_upto(&self) -> u64 {
        let lengths = self.undo.iter().filter_map(|(_, undo)| match undo {
            Undo::Length(length) => Some(*length),
            Undo::Promise(_) | Undo::Cut(_) => None,
        });
        lengths.min().unwrap_or_else(|| self.live.log.last())
    }

    /// Notes how much is committed. Becomes stable with the next forced write; nobody waits for it.
    pub(super) fn commit(&mut self, upto: u64) {
        self.live.committed = upto;
    }

    pub(super) fn promise(&mut self, epoch: Term) {
        let before = core::mem::replace(&mut self.live.promised, epoch);
        self.undo.push_back((self.next, Undo::Promise(before)));
    }

    /// Begins an epoch by its record; says where.
    pub(super) fn begin(&mut self, epoch: Term) -> u64 {
        self.grows();
        self.live.log.begin(epoch);
        self.live.log.last()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.grows();
        self.live.log.push(entry);
    }

    /// Makes the log agree with a piece of another that goes on from a position that both have. What
    /// stands otherwise is cut off with all that follows. Says whether anything was written; `None` when
    /// the piece contradicts what is committed: that is never taken back.
    pub(super) fn merge(&mut self, batch: &Batch) -> Option<bool> {
        let mut written = false;
        for (index, entry) in batch.places() {
            if index <= self.live.log.base() {
                continue;
            }
            let run = batch.run_at(index)?;
            match self.live.log.epoch_at(index) {
                Some(epoch) if epoch == run.epoch => continue,
                Some(_) if index <= self.live.committed => return None,
                Some(_) => {
                    let tail = self.live.log.cut(index - 1);
                    self.undo.push_back((self.next, Undo::Cut(tail)));
                }
                None => {}
            }
            self.grows();
            self.live.log.copy(run, entry);
            written = true;
        }
        Some(written)
    }

    /// Lets go the beginning of the log, which is stable and committed.
    pub(super) fn forget(&mut self, upto: u64) {
        self.live.log.forget(upto);
    }

    /// The forced write with which what is written now becomes stable, once it is asked for.
    pub(super) fn next(&self) -> Token {
        self.next
    }

    /// Has what was written made stable; says with which forced write.
    pub(super) fn force(&mut self, out: &mut Vec<Action>) -> Token {
        let token = self.next;
        if self.forcing.is_some() {
            self.wanted = true;
        } else {
            self.begin_force(out);
        }
        token
    }

    /// A forced write has ended; `false` when it is not the one under way.
    pub(super) fn forced(&mut self, token: Token, out: &mut Vec<Action>) -> bool {
        let Some((_, committed)) = self.forcing.take_if(|forcing| forcing.0 == token) else {
            return false;
        };
        self.stable_committed = self.stable_committed.max(committed);
        while self.undo.front().is_some_and(|&(with, _)| with <= token) {
            self.undo.pop_front();
        }
        if core::mem::take(&mut self.wanted) {
            self.begin_force(out);
        }
        true
    }

    pub(super) fn crash(&mut self) {
        while let Some((_, undo)) = self.undo.pop_back() {
            self.live.take_back(undo);
        }
        self.live.committed = self.stable_committed.max(self.live.log.base());
        self.stable_committed = self.live.committed;
        self.forcing = None;
        self.wanted = false;
    }

    fn begin_force(&mut self, out: &mut Vec<Action>) {
        out.push(Action::Force(self.next));
        self.forcing = Some((self.next, self.live.committed));
        self.next.0 += 1;
    }

    /// The log is about to grow. Of many entries for one forced write, the first is enough to know.
    fn grows(&mut self) {
        if let Some((with, Undo::Length(_))) = self.undo.back()
            && *with == self.next
        {
            return;
        }
        let length = self.live.log.last();
        self.undo.push_back((self.next, Undo::Length(length)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with the record of epoch 3 and entry 2, stable.
    fn disk() -> Disk {
        let mut disk = Disk::new(Stable::default());
        let out = &mut Vec::new();
        disk.promise(Term(3));
        disk.begin(Term(3));
        disk.push(Entry(2));
        let token = disk.force(out);
        assert!(disk.forced(token, out));
        assert_eq!(disk.settled_upto(), 2);
        disk
    }

    #[test]
    fn a_crash_takes_back_what_is_not_stable() {
        let mut disk = disk();
        let before = disk.stable();
        let mut other = Log::default();
        other.begin(Term(5));
        other.push(Entry(9));
        other.push(Entry(8));
        disk.promise(Term(5));
        assert_eq!(disk.merge(&other.batch(0, 9)), Some(true));
        assert_eq!(disk.log(), &other);
        disk.push(Entry(7));
        disk.promise(Term(6));
        assert_eq!(disk.stable(), before);
        assert_eq!(disk.settled_upto(), 0);
        disk.crash();
        assert_eq!(disk.live, before);
    }

    #[test]
    fn what_comes_during_a_forced_write_waits_for_the_next() {
        let mut disk = disk();
        let mut out = Vec::new();
        disk.push(Entry(3));
        let first = disk.force(&mut out);
        disk.push(Entry(4));
        disk.commit(3);
        let second = disk.force(&mut out);
        disk.push(Entry(5));
        assert_eq!(disk.force(&mut out), second);
        assert_eq!(out, [Action::Force(first)]);
        assert!(disk.forced(first, &mut out));
        assert_eq!(out, [Action::Force(first), Action::Force(second)]);
        let stable = disk.stable();
        assert_eq!((stable.end().index, stable.committed), (3, 0));
        disk.push(Entry(6));
        assert!(!disk.forced(first, &mut out));
        assert!(disk.forced(second, &mut out));
        let stable = disk.stable();
        assert_eq!((stable.end().index, stable.committed), (5, 3));
        disk.crash();
        assert_eq!(disk.live, stable);
    }

    #[test]
    fn what_is_committed_is_not_taken_back() {
        let mut disk = disk();
        disk.commit(2);
        let mut other = Log::default();
        other.begin(Term(5));
        assert_eq!(disk.merge(&other.batch(0, 9)), None);
        assert_eq!(disk.log().end().epoch, Term(3));
    }
}
