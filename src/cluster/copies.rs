//! Read replicas of stores: each copy gets the owner's writes in their order, each some time later.
//!
//! Nothing is scheduled: with a write it is drawn when each copy has it, and a reader sees what its
//! copy has by then. A copy never fails. It refuses to know who reads, but for their number.

use crate::observer::Observer;
use crate::sampler;
use crate::store::Record;
use crate::world::World;
use clock::{Duration, Instant};
use engine::{Keyed, Sampler, stream_key};
use model::Model;
use std::collections::{BTreeMap, VecDeque};

/// The copies of all stores.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// By store; `None`: everybody reads at the owner's.
    stores: Vec<Option<Copied>>,
    /// By table: its store.
    of_table: Vec<u32>,
    /// There are any.
    pub(crate) any: bool,
}

/// A store that has copies.
#[derive(Debug)]
struct Copied {
    lag: Sampler,
    /// How long writes take: one draw for each write and copy.
    key: u64,
    writes: u64,
    copies: Vec<Copy>,
}

#[derive(Clone, Debug, Default)]
struct Copy {
    /// When it has all writes so far.
    level_at: Instant,
    records: BTreeMap<Record, Known>,
}

/// A record as a copy knows it.
#[derive(Clone, Debug, Default)]
struct Known {
    version: u64,
    /// Writes that are on their way: the version that each makes, and when it was made and is there.
    coming: VecDeque<(u64, Instant, Instant)>,
}

impl Known {
    fn catch_up(&mut self, now: Instant) {
        while let Some(&(version, _, there)) = self.coming.front()
            && there <= now
        {
            self.version = version;
            self.coming.pop_front();
        }
    }
}

impl Copies {
    pub(crate) fn new(model: &Model, seed: u64, replication: u32) -> Self {
        let mut copies = Self::default();
        for (number, store) in model.stores.iter().enumerate() {
            let tables = store.tables.iter();
            copies.of_table.extend(tables.map(|_| number as u32));
            copies.stores.push((store.replicas > 0).then(|| Copied {
                lag: sampler::lower(&store.lag),
                key: stream_key(seed, replication, &store.name, "lag"),
                writes: 0,
                copies: vec![Copy::default(); store.replicas as usize],
            }));
        }
        copies.any = copies.stores.iter().any(Option::is_some);
        copies
    }

    /// A record has a new version at the owner's.
    #[cold]
    pub(crate) fn written(&mut self, now: Instant, record: Record, version: u64) {
        let store = self.of_table[record.0 as usize] as usize;
        let Some(store) = &mut self.stores[store] else {
            return;
        };
        store.writes += 1;
        let key = Keyed::child(store.key, store.writes);
        for (copy, number) in store.copies.iter_mut().zip(0..) {
            let lag = store.lag.sample(&mut Keyed::new(Keyed::child(key, number)));
            // The log is applied in its order.
            copy.level_at = copy.level_at.max(now + lag);
            let known = copy.records.entry(record).or_default();
            known.catch_up(now);
            known.coming.push_back((version, now, copy.level_at));
        }
    }

    /// The version that a reader finds; and how long ago the first write was made that it misses.
    fn read(&mut self, now: Instant, record: Record, reader: u32) -> (u64, Option<Duration>) {
        let store = self.of_table[record.0 as usize] as usize;
        let Some(store) = &mut self.stores[store] else {
            return (0, None);
        };
        let copy = reader as usize % store.copies.len();
        let Some(known) = store.copies[copy].records.get_mut(&record) else {
            return (0, None);
        };
        known.catch_up(now);
        let missed = known.coming.front();
        (known.version, missed.map(|&(_, made, _)| now.since(made)))
    }

    /// A store was put back, and its copies with it.
    pub(crate) fn restored(&mut self, store: u32, version: impl Fn(Record) -> u64) {
        let Some(store) = &mut self.stores[store as usize] else {
            return;
        };
        for copy in &mut store.copies {
            copy.level_at = Instant::ZERO;
            for (record, known) in &mut copy.records {
                known.coming.clear();
                known.version = version(*record);
            }
        }
    }
}

impl World {
    /// A handler reads at a copy: instances of a service share the copies, each always reads at the same.
    #[cold]
    pub(crate) fn read_copy<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        root: u32,
        record: Record,
    ) {
        let instance = self.strands[root].instance;
        let reader = self.instances[instance as usize].local;
        let (version, missed) = self.copies.read(now, record, reader);
        let handler = self.handler(root);
        self.stores.remember(handler, record.0, version);
        let store = self.copies.of_table[record.0 as usize];
        obs.copy_read(now, store as usize, missed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: u64 = 10;

    fn copies(replicas: usize) -> Copies {
        Copies {
            stores: vec![Some(Copied {
                lag: Sampler::Constant(LAG),
                key: 1,
                writes: 0,
                copies: vec![Copy::default(); replicas],
            })],
            of_table: vec![0],
            any: true,
        }
    }

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn a_copy_knows_a_write_when_its_lag_is_over() {
        let mut copies = copies(2);
        let record = (0, 7);
        assert_eq!(copies.read(at(0), record, 0), (0, None));
        copies.written(at(100), record, 1);
        copies.written(at(104), record, 2);
        let missed = |ns| Some(Duration::from_nanos(ns));
        assert_eq!(copies.read(at(105), record, 1), (0, missed(5)));
        assert_eq!(copies.read(at(110), record, 1), (1, missed(6)));
        assert_eq!(copies.read(at(114), record, 1), (2, None));
        assert_eq!(copies.read(at(105), (0, 8), 1), (0, None));
    }

    #[test]
    fn what_was_restored_is_the_same_everywhere() {
        let mut copies = copies(1);
        copies.written(at(100), (0, 7), 1);
        copies.restored(0, |_| 5);
        assert_eq!(copies.read(at(101), (0, 7), 0), (5, None));
    }
}
