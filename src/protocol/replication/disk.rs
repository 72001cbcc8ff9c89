//! A disk that knows what on it is stable: the rest is lost in a crash.
//!
//! It refuses to know what is written. A replica keeps what it reads in its live copy; the disk keeps
//! the stable state and, in order, the writes that are yet to become part of it.

use super::Token;
use std::collections::VecDeque;

/// What stands on a disk, and one change to it.
pub(crate) trait Stored {
    /// One change.
    type Write: core::fmt::Debug;

    /// Makes the change.
    fn apply(&mut self, write: Self::Write);
}

/// A disk.
#[derive(Debug)]
pub(crate) struct Disk<S: Stored> {
    stable: S,
    writes: VecDeque<S::Write>,
    /// Forces that are under way, each with the number of writes it covers, counted from the first ever.
    forces: VecDeque<(Token, u64)>,
    written: u64,
    settled: u64,
    next: u64,
}

impl<S: Stored> Disk<S> {
    pub(crate) fn new(stable: S) -> Self {
        Self {
            stable,
            writes: VecDeque::new(),
            forces: VecDeque::new(),
            written: 0,
            settled: 0,
            next: 0,
        }
    }

    /// What a crash would leave.
    pub(crate) fn stable(&self) -> &S {
        &self.stable
    }

    /// Writes; stable with the end of a force that is asked for later.
    pub(crate) fn write(&mut self, write: S::Write) {
        self.writes.push_back(write);
        self.written += 1;
    }

    /// Asks that what was written so far become stable. Tokens are never given twice.
    pub(crate) fn force(&mut self) -> Token {
        let token = Token(self.next);
        self.next += 1;
        self.forces.push_back((token, self.written));
        token
    }

    /// A force has ended, and with it those asked for before; `false` when none such is under way.
    pub(crate) fn forced(&mut self, token: Token) -> bool {
        let mut known = false;
        while let Some(&(first, covers)) = self.forces.front() {
            if first > token {
                break;
            }
            self.forces.pop_front();
            known = true;
            while self.settled < covers {
                self.settled += 1;
                if let Some(write) = self.writes.pop_front() {
                    self.stable.apply(write);
                }
            }
        }
        known
    }

    /// Loses what is not stable.
    pub(crate) fn crash(&mut self) {
        self.writes.clear();
        self.forces.clear();
        self.settled = self.written;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Stored for Vec<u32> {
        type Write = u32;
        fn apply(&mut self, write: u32) {
            self.push(write);
        }
    }

    #[test]
    fn a_force_covers_what_was_written_before_it_was_asked_for() {
        let mut disk = Disk::new(Vec::new());
        disk.write(1);
        let first = disk.force();
        disk.write(2);
        let second = disk.force();
        disk.write(3);
        assert!(disk.forced(first));
        assert_eq!(disk.stable(), &[1]);
        assert!(disk.forced(second));
        assert_eq!(disk.stable(), &[1, 2]);
        disk.crash();
        disk.write(4);
        let third = disk.force();
        assert!(disk.forced(third));
        assert_eq!(disk.stable(), &[1, 2, 4]);
    }

    #[test]
    fn a_force_of_before_a_crash_does_nothing() {
        let mut disk = Disk::new(Vec::new());
        disk.write(1);
        let lost = disk.force();
        disk.crash();
        disk.write(2);
        let token = disk.force();
        assert!(!disk.forced(lost));
        assert_eq!(disk.stable(), &Vec::<u32>::new());
        assert!(disk.forced(token));
        assert_eq!(disk.stable(), &[2]);
    }
}
