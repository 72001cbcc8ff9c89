//! The keys of one service, as transactions lock them. They are one space, whichever instance works,
//! and outlive its crashes. It refuses to know why somebody wants a key, and for how long.

use protocol::two_phase_commit::Txn;
use std::collections::{BTreeMap, VecDeque};

/// A participant of a transaction, by its number there.
pub(crate) type Claim = (Txn, u32);

/// Keys that are held, and who waits for them.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    /// A key that nobody holds is not here.
    keys: BTreeMap<u32, Lock>,
}

#[derive(Debug)]
struct Lock {
    holder: Txn,
    /// How many participants of the holder have it.
    holds: u32,
    waiting: VecDeque<Claim>,
}

impl Locks {
    /// Whether a transaction may take a key: nobody has it, or itself.
    pub(crate) fn is_free(&self, key: u32, txn: Txn) -> bool {
        self.keys.get(&key).is_none_or(|lock| lock.holder == txn)
    }

    /// A participant takes a key that is free for it.
    pub(crate) fn take(&mut self, key: u32, txn: Txn) {
        let lock = self.keys.entry(key).or_insert_with(|| Lock {
            holder: txn,
            holds: 0,
            waiting: VecDeque::new(),
        });
        debug_assert_eq!(lock.holder, txn);
        lock.holds += 1;
    }

    /// A participant waits for a key that is held.
    pub(crate) fn wait(&mut self, key: u32, claim: Claim) {
        if let Some(lock) = self.keys.get_mut(&key) {
            lock.waiting.push_back(claim);
        }
    }

    /// A participant waits no more.
    pub(crate) fn leave(&mut self, key: u32, claim: Claim) {
        if let Some(lock) = self.keys.get_mut(&key) {
            lock.waiting.retain(|waiting| *waiting != claim);
        }
    }

    /// A participant of the holder lets a key go; answers who has it from now on: the first in line,
    /// and with it the other participants of its transaction.
    pub(crate) fn release(&mut self, key: u32) -> Vec<Claim> {
        let Some(lock) = self.keys.get_mut(&key) else {
            return Vec::new();
        };
        lock.holds -= 1;
        if lock.holds > 0 {
            return Vec::new();
        }
        let Some(&(next, _)) = lock.waiting.front() else {
            self.keys.remove(&key);
            return Vec::new();
        };
        let waiting = lock.waiting.drain(..);
        let (granted, rest): (Vec<_>, Vec<_>) = waiting.partition(|&(txn, _)| txn == next);
        lock.waiting = rest.into();
        lock.holder = next;
        lock.holds = granted.len() as u32;
        granted
    }

    /// Keys that are held, with their holder and by how many of its participants.
    pub(crate) fn held(&self) -> impl Iterator<Item = (u32, Txn, u32)> {
        let keys = self.keys.iter();
        keys.map(|(&key, lock)| (key, lock.holder, lock.holds))
    }

    /// Who waits for which key.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u32, Claim)> {
        let keys = self.keys.iter();
        keys.flat_map(|(&key, lock)| lock.waiting.iter().map(move |&claim| (key, claim)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Txn = Txn(1);
    const B: Txn = Txn(2);
    const C: Txn = Txn(3);

    #[test]
    fn a_key_goes_to_those_who_wait_in_turn() {
        let mut locks = Locks::default();
        locks.take(7, A);
        assert!(!locks.is_free(7, B) && locks.is_free(8, B));
        locks.wait(7, (B, 0));
        locks.wait(7, (C, 0));
        assert_eq!(locks.release(7), [(B, 0)]);
        assert!(locks.is_free(7, B) && !locks.is_free(7, C));
        assert_eq!(locks.release(7), [(C, 0)]);
        assert_eq!(locks.release(7), []);
        assert_eq!(locks.held().count(), 0);
    }

    #[test]
    fn who_leaves_gets_nothing() {
        let mut locks = Locks::default();
        locks.take(7, A);
        locks.wait(7, (B, 0));
        locks.wait(7, (C, 1));
        locks.leave(7, (B, 0));
        assert_eq!(locks.release(7), [(C, 1)]);
    }

    #[test]
    fn participants_of_one_transaction_share_a_key() {
        let mut locks = Locks::default();
        locks.take(7, A);
        assert!(locks.is_free(7, A));
        locks.take(7, A);
        for claim in [(B, 0), (C, 0), (B, 1)] {
            locks.wait(7, claim);
        }
        assert_eq!(locks.release(7), []);
        assert_eq!(locks.release(7), [(B, 0), (B, 1)]);
        assert_eq!(locks.release(7), []);
        assert_eq!(locks.release(7), [(C, 0)]);
    }
}
