//! What happens to a broker from outside: consumers come and go, it crashes and recovers, and a
//! rollback stops it and puts it back.

use super::config::Sharing;
use super::machine::{Broker, Partition};
use super::{Action, Consumer, Group, Place};
use clock::Instant;
use core::mem::take;

impl Broker {
    /// A consumer is there. One of a group that there is not is passed over.
    pub fn connect(
        &mut self,
        now: Instant,
        group: Group,
        consumer: Consumer,
        out: &mut Vec<Action>,
    ) {
        let group = group.0 as usize;
        if self
            .members
            .get_mut(group)
            .is_some_and(|m| m.join(consumer))
        {
            self.share_out(now, group);
            self.move_partitions(now, out);
            self.forward(now, out);
        }
    }

    /// A consumer is gone, and what it was doing with it.
    pub fn disconnect(
        &mut self,
        now: Instant,
        group: Group,
        consumer: Consumer,
        out: &mut Vec<Action>,
    ) {
        let group = group.0 as usize;
        if !self
            .members
            .get_mut(group)
            .is_some_and(|m| m.leave(consumer))
        {
            return;
        }
        let competing = self.config.sharing == Sharing::Competing;
        for partition in 0..self.partitions.len() {
            let cursor = &mut self.partitions[partition].cursors[group];
            let mut orphans = Vec::new();
            for (&offset, was) in &mut cursor.out {
                if was.consumer == Some(consumer) {
                    was.consumer = None;
                    orphans.push(offset);
                }
            }
            // Whoever shares exclusively hands them over when the partition moves.
            if competing && self.config.requeue {
                for offset in orphans {
                    self.give_back(now, partition, group, offset, out);
                }
            }
        }
        self.share_out(now, group);
        self.move_partitions(now, out);
        self.go_on(now, out);
    }

    /// The machine is gone, with all that is not stable.
    pub fn crash(&mut self, out: &mut Vec<Action>) {
        let blocked = take(&mut self.blocked).into_iter();
        let lost = take(&mut self.staged).into_iter();
        for publish in lost.chain(blocked.map(|(_, publish)| publish)) {
            self.unremember(publish.origin);
            out.push(Action::Gone(publish.message));
        }
        self.writing = 0;
        self.deadlines.clear();
        for members in &mut self.members {
            members.clear();
        }
        for cursor in self.partitions.iter_mut().flat_map(|p| &mut p.cursors) {
            for was in cursor.out.values_mut() {
                was.consumer = None;
            }
        }
    }

    /// The machine has started again; these consumers are there.
    pub fn recover(
        &mut self,
        now: Instant,
        consumers: impl IntoIterator<Item = (Group, Consumer)>,
        out: &mut Vec<Action>,
    ) {
        for (group, consumer) in consumers {
            if let Some(members) = self.members.get_mut(group.0 as usize) {
                members.join(consumer);
            }
        }
        for partition in 0..self.partitions.len() {
            for group in 0..self.members.len() {
                let lost = &self.partitions[partition].cursors[group].out;
                for offset in lost.keys().copied().collect::<Vec<_>>() {
                    self.give_back(now, partition, group, offset, out);
                }
            }
        }
        for group in 0..self.members.len() {
            self.share_out(now, group);
        }
        self.move_partitions(now, out);
        self.go_on(now, out);
    }

    /// Forwards nothing from now on. What is out may still be acknowledged, and messages come in.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Forwards again.
    pub fn resume(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.stopped = false;
        self.forward(now, out);
    }

    /// Whether it forwards nothing.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Every group goes back to the first message that was appended at or after `from`, as far as it is
    /// still in the log, and gets it and all behind it as if for the first time; what is out of these
    /// is not waited for.
    pub fn replay(&mut self, now: Instant, from: Instant, out: &mut Vec<Action>) {
        for partition in 0..self.partitions.len() {
            let first = self.partitions[partition].log.first_since(from);
            for group in 0..self.members.len() {
                self.put_back(partition, group, first, out);
            }
            let Partition { log, .. } = &mut self.partitions[partition];
            log.reopened(first);
            for offset in first..log.end() {
                let Some(entry) = log.get_mut(offset) else {
                    continue;
                };
                if !entry.dropped {
                    self.depth += u64::from(entry.open == 0);
                    entry.open = self.config.groups;
                }
            }
        }
        self.later.retain(|&(_, partition, group, offset)| {
            let cursor = &self.partitions[partition].cursors[group];
            cursor.later.contains(&offset)
        });
        self.forward(now, out);
    }

    /// One group goes back in one partition.
    fn put_back(&mut self, partition: usize, group: usize, first: u64, out: &mut Vec<Action>) {
        let Partition { cursors, .. } = &self.partitions[partition];
        let lost: Vec<u64> = cursors[group].out.range(first..).map(|(o, _)| *o).collect();
        for offset in &lost {
            self.take_back_at(partition, group, *offset);
        }
        let Partition {
            number,
            log,
            cursors,
        } = &mut self.partitions[partition];
        let cursor = &mut cursors[group];
        for offset in first..cursor.next {
            let open = lost.binary_search(&offset).is_ok() || !cursor.is_over(offset);
            if let Some(entry) = log.get(offset)
                && !entry.dropped
            {
                out.push(Action::Replayed {
                    message: entry.message,
                    place: Place {
                        partition: *number,
                        offset,
                    },
                    group: Group(group as u32),
                    published: entry.published,
                    was_over: !open,
                });
            }
        }
        cursor.ready.split_off(&first);
        cursor.later.split_off(&first);
        cursor.deliveries.split_off(&first);
        cursor.next = cursor.next.min(first);
    }

    /// What a consumer had that is gone is delivered again at once, unless it was too often.
    fn give_back(
        &mut self,
        now: Instant,
        partition: usize,
        group: usize,
        offset: u64,
        out: &mut Vec<Action>,
    ) {
        self.take_back_at(partition, group, offset);
        self.failed(now, partition, group, offset, false, out);
    }

    /// Where partitions do not have the owner that they should, they begin to move.
    fn share_out(&mut self, now: Instant, group: usize) {
        let Sharing::Exclusive { rebalance } = self.config.sharing else {
            return;
        };
        for (index, partition) in self.partitions.iter_mut().enumerate() {
            let owner = self.members[group].owner(partition.number);
            let cursor = &mut partition.cursors[group];
            // A member that has come back has lost what it was given before.
            let orphaned = cursor.out.values().any(|was| was.consumer.is_none());
            if cursor.owner == owner && !orphaned {
                continue;
            }
            if cursor.owner.is_none() && !orphaned {
                // Nobody has to let go of it.
                cursor.owner = owner;
                continue;
            }
            if let Some(before) = cursor.moves_at.replace(now + rebalance) {
                self.moves.remove(&(before, index, group));
            }
            self.moves.insert((now + rebalance, index, group));
        }
    }

    /// Partitions whose time has come have their new owner, who begins with what the old one had.
    pub(super) fn move_partitions(&mut self, now: Instant, out: &mut Vec<Action>) {
        while let Some(&(at, index, group)) = self.moves.first()
            && at <= now
        {
            self.moves.pop_first();
            let partition = &mut self.partitions[index];
            let owner = self.members[group].owner(partition.number);
            let cursor = &mut partition.cursors[group];
            (cursor.owner, cursor.moves_at) = (owner, None);
            let left = cursor.out.iter();
            let left = left.filter(|(_, was)| was.consumer.is_none() || was.consumer != owner);
            for offset in left.map(|(offset, _)| *offset).collect::<Vec<_>>() {
                self.give_back(now, index, group, offset, out);
            }
        }
    }
}
