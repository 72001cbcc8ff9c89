//! The disk of an instance: its log, and the forced writes to it, one after the other.
//!
//! The log is sequential: a forced write makes stable what was appended before it. It outlives a
//! crash as far as it is stable, and holds what transactions under way still need. It refuses to know
//! what a record says.

use crate::post::Bell;
use clock::Duration;
use protocol::two_phase_commit as two_phase;
use protocol::two_phase_commit::Txn;
use protocol::{saga, tcc};
use std::collections::{BTreeMap, VecDeque};

/// A record of one of the protocols.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    TwoPhase(two_phase::Record),
    Saga(saga::Record),
    Tcc(tcc::Record),
}

/// A record that somebody waits for.
#[derive(Clone, Debug)]
pub(crate) enum Forced {
    TwoPhase(two_phase::Record, two_phase::Token),
    Saga(saga::Record, saga::Token),
    Tcc(tcc::Record, tcc::Token),
}

impl Forced {
    /// Whose it is.
    pub(crate) fn txn(&self) -> Txn {
        match self {
            Self::TwoPhase(record, _) => record.txn(),
            Self::Saga(record, _) => record.txn(),
            Self::Tcc(record, _) => record.txn(),
        }
    }

    fn record(&self) -> Record {
        match self {
            Self::TwoPhase(record, _) => Record::TwoPhase(record.clone()),
            Self::Saga(record, _) => Record::Saga(record.clone()),
            Self::Tcc(record, _) => Record::Tcc(record.clone()),
        }
    }
}

/// A forced write under way, or that waits for its turn.
#[derive(Debug)]
pub(crate) struct Write {
    position: u64,
    time: Duration,
    pub(crate) forced: Forced,
}

/// The log of an instance, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    log: BTreeMap<Txn, Vec<(u64, Record)>>,
    next: u64,
    /// Records before this position are stable.
    stable: u64,
    /// The first is under way.
    queue: VecDeque<Write>,
    /// Rings when the first is done.
    pub(crate) bell: Option<Bell>,
}

impl Disk {
    /// Appends a record that nobody waits for.
    pub(crate) fn append(&mut self, txn: Txn, record: Record) -> u64 {
        let position = self.next;
        self.next += 1;
        self.log.entry(txn).or_default().push((position, record));
        position
    }

    /// Appends a record that must be stable, which takes this time on a disk that is free; answers
    /// whether it is under way at once, and therefore when it will be done.
    pub(crate) fn force(&mut self, txn: Txn, forced: Forced, time: Duration) -> Option<Duration> {
        let position = self.append(txn, forced.record());
        self.queue.push_back(Write {
            position,
            time,
            forced,
        });
        (self.queue.len() == 1).then_some(time)
    }

    /// The write under way is done; answers it, and how long the next one takes.
    pub(crate) fn done(&mut self) -> Option<(Forced, Option<Duration>)> {
        let write = self.queue.pop_front()?;
        self.stable = write.position + 1;
        Some((write.forced, self.queue.front().map(|next| next.time)))
    }

    /// A crash: what is not stable is gone.
    pub(crate) fn crash(&mut self) {
        self.queue.clear();
        let stable = self.stable;
        self.log.retain(|_, records| {
            records.retain(|(position, _)| *position < stable);
            !records.is_empty()
        });
    }

    /// The stable records, the oldest first.
    pub(crate) fn stable(&self) -> Vec<(Txn, Record)> {
        let records = self.log.iter().flat_map(|(&txn, records)| {
            let stable = records
                .iter()
                .filter(|(position, _)| *position < self.stable);
            stable.map(move |(position, record)| (*position, txn, record.clone()))
        });
        let mut records: Vec<_> = records.collect();
        records.sort_by_key(|(position, ..)| *position);
        let records = records.into_iter();
        records.map(|(_, txn, record)| (txn, record)).collect()
    }

    /// The stable records of one transaction, the oldest first.
    pub(crate) fn stable_of(&self, txn: Txn) -> impl Iterator<Item = &Record> {
        let records = self.log.get(&txn).into_iter().flatten();
        let stable = records.filter(|(position, _)| *position < self.stable);
        stable.map(|(_, record)| record)
    }

    /// Nobody will ask for a transaction's records any more.
    pub(crate) fn cut(&mut self, txn: Txn) {
        self.log.remove(&txn);
    }

    /// Whether a write is under way.
    pub(crate) fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The transactions that have records.
    pub(crate) fn transactions(&self) -> impl Iterator<Item = Txn> {
        self.log.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aborted(txn: u64) -> Record {
        Record::TwoPhase(two_phase::Record::Aborted { txn: Txn(txn) })
    }

    fn committed(txn: u64) -> Forced {
        let record = two_phase::Record::Committed { txn: Txn(txn) };
        // A token comes from a machine: this one commits what has no participants to be asked.
        let mut out = Vec::new();
        let config = two_phase::ParticipantConfig {
            work_timeout: Duration::MAX,
            inquiry_interval: Duration::MAX,
            cooperative: false,
        };
        let mut machine = two_phase::Participant::new(two_phase::Site(0), config).unwrap();
        let now = clock::Instant::ZERO;
        machine
            .enlist(now, Txn(txn), two_phase::Site(1), &mut out)
            .unwrap();
        machine.on_prepare_decided(now, Txn(txn), two_phase::Vote::Yes, &mut out);
        match out.pop() {
            Some(two_phase::Action::Force(_, token)) => Forced::TwoPhase(record, token),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn writes_take_their_turn_and_carry_what_was_before_them() {
        let mut disk = Disk::default();
        let ms = Duration::from_millis;
        disk.append(Txn(1), aborted(1));
        assert_eq!(disk.force(Txn(2), committed(2), ms(5)), Some(ms(5)));
        disk.append(Txn(3), aborted(3));
        assert_eq!(disk.force(Txn(4), committed(4), ms(7)), None);
        let (_, next) = disk.done().unwrap();
        assert_eq!(next, Some(ms(7)));
        let stable: Vec<_> = disk.stable().iter().map(|(txn, _)| txn.0).collect();
        assert_eq!(stable, [1, 2]);
        disk.crash();
        assert_eq!(disk.transactions().collect::<Vec<_>>(), [Txn(1), Txn(2)]);
        assert!(disk.done().is_none());
        // What follows is stable when it is, and not before.
        disk.append(Txn(5), aborted(5));
        assert_eq!(disk.stable_of(Txn(5)).count(), 0);
        disk.cut(Txn(1));
        assert_eq!(disk.transactions().collect::<Vec<_>>(), [Txn(2), Txn(5)]);
    }
}
