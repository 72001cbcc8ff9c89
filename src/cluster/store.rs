//! What stores hold: for each record (a table, and the key of a request) how often it was written.
//!
//! A store outlives its owner's crashes: what was written stays. It refuses to know what is in a
//! record, and takes no time; what reading and writing cost is the handler's to compute.

use crate::order::{Effect, Orders};
use clock::{Duration, Instant};
use model::{Model, Snapshot};
use std::collections::BTreeMap;

/// A table, counted over all stores, and a key.
pub(crate) type Record = (u32, u32);

/// One run of a handler: the slot of its root strand, and the key that no other has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handler {
    pub(crate) slot: u32,
    pub(crate) key: u64,
}

/// All records, and what the handlers at work remember of them.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    /// Records that were never written have version 0, and are not here.
    versions: BTreeMap<Record, u64>,
    /// By slot of the handler.
    seen: Vec<Seen>,
    /// What may have to be undone, or may be wrong.
    log: Log,
}

/// Writes since a change began that may have to be undone.
#[derive(Debug, Default)]
struct Log {
    /// Some version of a service writes wrong things, or a rollback restores a store.
    watched: bool,
    kept: bool,
    /// By store: its first table; and the number of all tables.
    tables: Vec<u32>,
    entries: Vec<Entry>,
    /// By store.
    snapshots: Vec<Snapshots>,
}

/// The snapshots of a store, and what was written since the newest.
#[derive(Clone, Copy, Debug)]
struct Snapshots {
    config: Snapshot,
    /// How many there were before the last write.
    taken: u64,
    /// Writes since the newest one of these.
    since: u64,
    /// Those that were in the log, and in no snapshot, when it began to be kept.
    before: u64,
}

impl Snapshots {
    /// How many were taken up to an instant.
    fn taken_at(&self, at: Instant) -> u64 {
        at.since(Instant::ZERO).as_nanos() / self.config.every.as_nanos()
    }

    fn note(&mut self, at: Instant) {
        let taken = self.taken_at(at);
        if taken > self.taken {
            (self.taken, self.since) = (taken, 0);
        }
        self.since += 1;
    }

    fn hold(&mut self, at: Instant) {
        self.before = if self.taken_at(at) > self.taken {
            0
        } else {
            self.since
        };
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Instant,
    record: Record,
    wrong: bool,
    /// What it was for an order.
    effect: Option<Effect>,
}

/// What one handler has read. A slot's next handler has another key, and begins anew: nobody need
/// clear up.
#[derive(Debug, Default)]
struct Seen {
    by: u64,
    /// A handler has one key, so a table stands for its record.
    tables: Vec<(u32, u64)>,
}

impl Stores {
    pub(crate) fn new(model: &Model) -> Self {
        let pushes = model.config.iter().flat_map(|centre| &centre.pushes);
        let pushes = pushes.filter_map(|push| push.rollback.as_ref());
        let rollbacks = model.deployments.iter().map(|d| &d.rollback).chain(pushes);
        let mut restores = rollbacks.map(|rollback| !rollback.restore.is_empty());
        let corrupt = model.editions.iter().any(|edition| edition.corrupt > 0.0);
        let mut tables = vec![0];
        for store in &model.stores {
            let before = tables.last().copied().unwrap_or(0);
            tables.push(before + store.tables.len() as u32);
        }
        Self {
            log: Log {
                watched: corrupt || restores.any(|restores| restores),
                tables,
                snapshots: model.stores.iter().map(snapshots).collect(),
                ..Log::default()
            },
            ..Self::default()
        }
    }

    /// Whether somebody wants to know of every write.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.log.watched
    }

    /// Writes are logged from now on, or not any more.
    pub(crate) fn keep_log(&mut self, now: Instant, kept: bool) {
        if kept && !self.log.kept {
            for store in &mut self.log.snapshots {
                store.hold(now);
            }
        }
        self.log.kept = kept;
        if !kept {
            self.log.entries = Vec::new();
        }
    }

    /// A record was written.
    pub(crate) fn note(
        &mut self,
        at: Instant,
        record: Record,
        wrong: bool,
        effect: Option<Effect>,
    ) {
        let store = self.log.tables.partition_point(|&first| first <= record.0) - 1;
        self.log.snapshots[store].note(at);
        if self.log.kept {
            self.log.entries.push(Entry {
                at,
                record,
                wrong,
                effect,
            });
        }
    }

    /// How long it takes to bring a store from its snapshot to where the log began to be kept.
    pub(crate) fn replaying(&self, store: u32) -> Duration {
        let store = &self.log.snapshots[store as usize];
        let nanos = store.config.apply.as_nanos().saturating_mul(store.before);
        Duration::from_nanos(nanos)
    }

    /// A store becomes what it was at an instant: writes since then, that one included, are undone.
    /// Answers how many, and how many of them were wrong. For who has read before, that is a change
    /// like any other; orders hear of it.
    pub(crate) fn restore(&mut self, store: u32, from: Instant, orders: &mut Orders) -> (u64, u64) {
        let tables = self.log.tables[store as usize]..self.log.tables[store as usize + 1];
        let versions = &mut self.versions;
        let (mut undone, mut wrong) = (0, 0);
        self.log.entries.retain(|entry| {
            let concerned = entry.at >= from && tables.contains(&entry.record.0);
            if concerned {
                undone += 1;
                wrong += u64::from(entry.wrong);
                if let Some(effect) = entry.effect {
                    orders.undo(effect, entry.wrong);
                }
                *versions.entry(entry.record).or_default() += 1;
            }
            !concerned
        });
        (undone, wrong)
    }

    /// Reads a record; the handler remembers its version.
    pub(crate) fn read(&mut self, handler: Handler, record: Record) {
        let version = self.version(record);
        self.remember(handler, record.0, version);
    }

    /// Writes a record; `false` when it must be unchanged since the handler read it, and is not.
    /// Who has not read it has nothing to compare, and writes.
    pub(crate) fn write(&mut self, handler: Handler, record: Record, if_unchanged: bool) -> bool {
        let version = self.version(record);
        let seen = self.seen(handler);
        let seen = seen.iter_mut().find(|(table, _)| *table == record.0);
        if let Some((_, seen)) = seen {
            if *seen == version {
                // Its own write is not another's.
                *seen += 1;
            } else if if_unchanged {
                return false;
            }
        }
        self.versions.insert(record, version + 1);
        true
    }

    /// A handler has read a version of its record of a table that is kept elsewhere.
    pub(crate) fn remember(&mut self, handler: Handler, table: u32, version: u64) {
        let seen = self.seen(handler);
        match seen.iter_mut().find(|(known, _)| *known == table) {
            Some((_, before)) => *before = version,
            None => seen.push((table, version)),
        }
    }

    /// The version of a table's record that a handler has read last.
    pub(crate) fn seen_version(&mut self, handler: Handler, table: u32) -> Option<u64> {
        let seen = self.seen(handler);
        seen.iter()
            .find(|(known, _)| *known == table)
            .map(|(_, version)| *version)
    }

    /// How often a record was written.
    pub(crate) fn version(&self, record: Record) -> u64 {
        self.versions.get(&record).copied().unwrap_or(0)
    }

    fn seen(&mut self, handler: Handler) -> &mut Vec<(u32, u64)> {
        let slot = handler.slot as usize;
        if self.seen.len() <= slot {
            self.seen.resize_with(slot + 1, Seen::default);
        }
        let seen = &mut self.seen[slot];
        if seen.by != handler.key {
            seen.by = handler.key;
            seen.tables.clear();
        }
        &mut seen.tables
    }
}

fn snapshots(store: &model::Store) -> Snapshots {
    Snapshots {
        config: store.snapshot,
        taken: 0,
        since: 0,
        before: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_applies_what_no_snapshot_has() {
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let mut store = Snapshots {
            config: Snapshot {
                every: Duration::from_secs(10),
                apply: Duration::ZERO,
            },
            taken: 0,
            since: 0,
            before: 0,
        };
        for second in [3, 7, 12, 14, 19] {
            store.note(at(second));
        }
        store.hold(at(19));
        assert_eq!(store.before, 3);
        store.hold(at(20));
        assert_eq!(store.before, 0);
        store.config.every = Duration::MAX;
        assert_eq!(store.taken_at(at(100)), 0);
    }

    const A: Handler = Handler { slot: 0, key: 7 };
    const B: Handler = Handler { slot: 1, key: 8 };

    #[test]
    fn a_write_of_another_since_the_read_is_a_conflict() {
        let mut stores = Stores::default();
        stores.read(A, (0, 5));
        stores.read(B, (0, 5));
        assert!(stores.write(A, (0, 5), true));
        assert!(!stores.write(B, (0, 5), true));
        // Whoever reads again may write.
        stores.read(B, (0, 5));
        assert!(stores.write(B, (0, 5), true));
    }

    #[test]
    fn other_tables_keys_and_ones_own_writes_are_no_conflict() {
        let mut stores = Stores::default();
        stores.read(A, (0, 5));
        assert!(stores.write(B, (0, 6), false));
        assert!(stores.write(B, (1, 5), false));
        assert!(stores.write(A, (0, 5), true));
        assert!(stores.write(A, (0, 5), true));
    }

    #[test]
    fn a_write_without_a_condition_does_not_hide_that_of_another() {
        let mut stores = Stores::default();
        stores.read(A, (0, 5));
        assert!(stores.write(B, (0, 5), false));
        assert!(stores.write(A, (0, 5), false));
        assert!(!stores.write(A, (0, 5), true));
    }

    #[test]
    fn the_next_handler_in_a_slot_has_read_nothing() {
        let mut stores = Stores::default();
        stores.read(A, (0, 0));
        assert!(stores.write(B, (0, 0), false));
        let next = Handler { slot: 0, key: 9 };
        assert!(stores.write(next, (0, 0), true));
    }
}
