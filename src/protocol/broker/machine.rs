//! The broker of some partitions of a queue: takes messages in, forwards them, hears of their end.
//! What crashes, disconnections and rollbacks do to it stands in `recovery`.

use super::config::{Config, ConfigError, Sharing, WhenFull};
use super::group::{Cursor, Members, Out};
use super::log::Log;
use super::{Action, Consumer, End, Group, Message, Origin, Place, Publish, Receipt};
use clock::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A broker of one or several partitions of a queue; see the [module](super).
#[derive(Clone, Debug)]
pub struct Broker {
    pub(super) config: Config,
    /// Rising by number.
    pub(super) partitions: Vec<Partition>,
    /// By group.
    pub(super) members: Vec<Members>,
    /// Messages that are not over for all groups.
    pub(super) depth: u64,
    /// To be written, the oldest first; of which so many are being written.
    pub(super) staged: VecDeque<Publish>,
    pub(super) writing: usize,
    /// Those that wait for room, with how long.
    pub(super) blocked: VecDeque<(Instant, Publish)>,
    /// By producer.
    pub(super) producers: BTreeMap<u32, Seen>,
    /// When deliveries time out; those that are over by then are passed over.
    pub(super) deadlines: VecDeque<(Instant, Receipt)>,
    /// When messages are to be delivered again: (when, partition, group, offset).
    pub(super) later: BTreeSet<(Instant, usize, usize, u64)>,
    /// When partitions move.
    pub(super) moves: BTreeSet<(Instant, usize, usize)>,
    pub(super) next_delivery: u64,
    /// By group: the partition from which it is looked for the next message.
    pub(super) turn: Vec<usize>,
    pub(super) stopped: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Partition {
    pub(super) number: u32,
    pub(super) log: Log,
    /// By group.
    pub(super) cursors: Vec<Cursor>,
}

/// Which messages of a producer have come, of those that may come again; whether they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) floor: u64,
    pub(super) sequences: BTreeMap<u64, bool>,
}

/// What a message that is tried again is to its broker.
enum Again {
    No,
    Written,
    /// It is being written, waits for room, or belongs to a producer that no longer waits for it.
    UnderWay,
}

impl Broker {
    /// The broker of the partitions of these numbers, which are empty.
    ///
    /// # Errors
    /// With what is out of range in the configuration.
    pub fn new(
        config: Config,
        partitions: impl IntoIterator<Item = u32>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let groups = config.groups as usize;
        let mut partitions: Vec<_> = partitions
            .into_iter()
            .map(|number| Partition {
                number,
                log: Log::default(),
                cursors: vec![Cursor::default(); groups],
            })
            .collect();
        partitions.sort_by_key(|partition| partition.number);
        partitions.dedup_by_key(|partition| partition.number);
        Ok(Self {
            config,
            partitions,
            members: vec![Members::default(); groups],
            depth: 0,
            staged: VecDeque::new(),
            writing: 0,
            blocked: VecDeque::new(),
            producers: BTreeMap::new(),
            deadlines: VecDeque::new(),
            later: BTreeSet::new(),
            moves: BTreeSet::new(),
            next_delivery: 0,
            turn: vec![0; groups],
            stopped: false,
        })
    }

    /// Messages that are appended and not over for all groups.
    pub fn depth(&self) -> u64 {
        self.depth
    }

    /// Every message that is not over for a group, with the group; in order.
    pub fn open(&self) -> impl Iterator<Item = (Place, Group)> {
        self.partitions.iter().flat_map(|partition| {
            let offsets = partition.log.start()..partition.log.end();
            offsets.flat_map(move |offset| {
                let open = partition
                    .log
                    .get(offset)
                    .is_some_and(|entry| entry.open > 0);
                let cursors = partition.cursors.iter().enumerate();
                let groups = cursors.filter(move |(_, cursor)| open && !cursor.is_over(offset));
                let place = Place {
                    partition: partition.number,
                    offset,
                };
                groups.map(move |(group, _)| (place, Group(group as u32)))
            })
        })
    }

    /// When [`Self::on_timer`] has something to do at the latest; [`Instant::NEVER`]: nothing.
    pub fn due(&mut self) -> Instant {
        while let Some(&(_, receipt)) = self.deadlines.front()
            && self.is_out(receipt).is_none()
        {
            self.deadlines.pop_front();
        }
        let deadline = self.deadlines.front().map(|(at, _)| *at);
        let later = self.later.first().map(|(at, ..)| *at);
        let moves = self.moves.first().map(|(at, ..)| *at);
        let blocked = self.blocked.front().map(|(at, _)| *at);
        let all = [deadline, later, moves, blocked];
        let first = all.into_iter().flatten().min();
        first.unwrap_or(Instant::NEVER)
    }

    /// A producer's message has come. One for a partition that is not this broker's is passed over.
    pub fn publish(&mut self, now: Instant, publish: Publish, out: &mut Vec<Action>) {
        let Publish {
            message, origin, ..
        } = publish;
        if self.index(publish.partition).is_none() {
            return;
        }
        match self.judge(origin) {
            Again::No => {}
            Again::UnderWay => return,
            Again::Written => {
                out.push(Action::Accepted {
                    message,
                    origin,
                    place: None,
                });
                return;
            }
        }
        if !publish.always && self.is_full() {
            let when_full = self.config.when_full;
            let made_room = when_full == WhenFull::DropOldest && self.drop_oldest(out);
            match when_full {
                WhenFull::DropOldest if made_room => {}
                WhenFull::Block => {
                    let until = now + publish.patience;
                    self.remember(origin, false);
                    self.blocked.push_back((until, publish));
                    out.push(Action::Taken(message));
                    return;
                }
                WhenFull::DropOldest | WhenFull::Refuse => {
                    out.push(Action::Refused { message, origin });
                    return;
                }
            }
        }
        self.remember(origin, false);
        out.push(Action::Taken(message));
        self.stage(publish, out);
    }

    /// The write under way is done.
    pub fn forced(&mut self, now: Instant, out: &mut Vec<Action>) {
        let written = core::mem::take(&mut self.writing);
        for publish in self.staged.drain(..written).collect::<Vec<_>>() {
            self.append(now, publish, out);
        }
        if !self.staged.is_empty() {
            self.writing = self.staged.len();
            out.push(Action::Force);
        }
        self.forward(now, out);
    }

    /// A consumer has done its work. Only the present delivery of a message can be acknowledged.
    pub fn acknowledge(&mut self, now: Instant, receipt: Receipt, out: &mut Vec<Action>) {
        if let Some((partition, group)) = self.take_back(receipt) {
            let offset = receipt.place.offset;
            self.end(partition, group, offset, End::Acknowledged, out);
            self.go_on(now, out);
        }
    }

    /// A consumer could not do its work.
    pub fn reject(&mut self, now: Instant, receipt: Receipt, out: &mut Vec<Action>) {
        if let Some((partition, group)) = self.take_back(receipt) {
            self.failed(now, partition, group, receipt.place.offset, true, out);
            self.go_on(now, out);
        }
    }

    /// Does what is due.
    pub fn on_timer(&mut self, now: Instant, out: &mut Vec<Action>) {
        while let Some(&(at, receipt)) = self.deadlines.front()
            && (at <= now || self.is_out(receipt).is_none())
        {
            self.deadlines.pop_front();
            if let Some((partition, group)) = self.take_back(receipt) {
                self.failed(now, partition, group, receipt.place.offset, true, out);
            }
        }
        while let Some(&(at, partition, group, offset)) = self.later.first()
            && at <= now
        {
            self.later.pop_first();
            let cursor = &mut self.partitions[partition].cursors[group];
            if cursor.later.remove(&offset) {
                cursor.ready.insert(offset);
            }
        }
        while let Some(&(until, publish)) = self.blocked.front()
            && until <= now
        {
            self.blocked.pop_front();
            self.unremember(publish.origin);
            out.push(Action::Gone(publish.message));
        }
        self.move_partitions(now, out);
        self.go_on(now, out);
    }

    /// What may follow when something is over.
    pub(super) fn go_on(&mut self, now: Instant, out: &mut Vec<Action>) {
        while !self.is_full()
            && let Some((_, publish)) = self.blocked.pop_front()
        {
            self.stage(publish, out);
        }
        self.forward(now, out);
    }

    pub(super) fn index(&self, number: u32) -> Option<usize> {
        let partitions = &self.partitions;
        partitions.binary_search_by_key(&number, |p| p.number).ok()
    }

    fn is_full(&self) -> bool {
        let capacity = self.config.capacity.unwrap_or(u64::MAX);
        self.depth + self.staged.len() as u64 >= capacity
    }

    /// What the broker knows of a message that may be tried again.
    fn judge(&mut self, origin: Option<Origin>) -> Again {
        let (true, Some(origin)) = (self.config.idempotent, origin) else {
            return Again::No;
        };
        let seen = self.producers.entry(origin.producer).or_default();
        if origin.floor > seen.floor {
            seen.floor = origin.floor;
            seen.sequences = seen.sequences.split_off(&origin.floor);
        }
        match seen.sequences.get(&origin.sequence) {
            Some(true) => Again::Written,
            Some(false) => Again::UnderWay,
            None if origin.sequence < seen.floor => Again::UnderWay,
            None => Again::No,
        }
    }

    fn remember(&mut self, origin: Option<Origin>, written: bool) {
        if let (true, Some(origin)) = (self.config.idempotent, origin) {
            let seen = self.producers.entry(origin.producer).or_default();
            if origin.sequence >= seen.floor {
                seen.sequences.insert(origin.sequence, written);
            }
        }
    }

    pub(super) fn unremember(&mut self, origin: Option<Origin>) {
        if let Some(origin) = origin
            && let Some(seen) = self.producers.get_mut(&origin.producer)
        {
            seen.sequences.remove(&origin.sequence);
        }
    }

    fn stage(&mut self, publish: Publish, out: &mut Vec<Action>) {
        self.staged.push_back(publish);
        if self.writing == 0 {
            self.writing = self.staged.len();
            out.push(Action::Force);
        }
    }

    fn append(&mut self, now: Instant, publish: Publish, out: &mut Vec<Action>) {
        let Some(index) = self.index(publish.partition) else {
            return;
        };
        let (message, origin) = (publish.message, publish.origin);
        let partition = &mut self.partitions[index];
        let offset = partition.log.append(message, now, self.config.groups);
        self.depth += 1;
        self.remember(origin, true);
        out.push(Action::Accepted {
            message,
            origin,
            place: Some(Place {
                partition: publish.partition,
                offset,
            }),
        });
    }

    /// Whether there was one that could be.
    fn drop_oldest(&mut self, out: &mut Vec<Action>) -> bool {
        let partitions = self.partitions.iter_mut().enumerate();
        let oldest = partitions
            .filter_map(|(index, partition)| {
                let (published, offset) = partition.log.first_waiting()?;
                Some((published, index, offset))
            })
            .min();
        let Some((_, partition, offset)) = oldest else {
            return false;
        };
        for group in 0..self.config.groups as usize {
            let cursor = &mut self.partitions[partition].cursors[group];
            if cursor.is_over(offset) {
                continue;
            }
            cursor.ready.remove(&offset);
            if cursor.later.remove(&offset) {
                let stale = |&(_, p, g, o): &(Instant, usize, usize, u64)| {
                    (p, g, o) == (partition, group, offset)
                };
                self.later.retain(|entry| !stale(entry));
            }
            if let Some(entry) = self.partitions[partition].log.get_mut(offset) {
                entry.dropped = true;
            }
            self.end(partition, group, offset, End::Dropped, out);
        }
        true
    }

    /// Where a delivery is that is still out.
    fn is_out(&self, receipt: Receipt) -> Option<(usize, usize)> {
        let partition = self.index(receipt.place.partition)?;
        let group = receipt.group.0 as usize;
        let cursor = self.partitions[partition].cursors.get(group)?;
        let out = cursor.out.get(&receipt.place.offset)?;
        (out.delivery == receipt.delivery).then_some((partition, group))
    }

    /// A delivery is over, one way or the other, if it was still out.
    fn take_back(&mut self, receipt: Receipt) -> Option<(usize, usize)> {
        let (partition, group) = self.is_out(receipt)?;
        self.take_back_at(partition, group, receipt.place.offset);
        Some((partition, group))
    }

    pub(super) fn take_back_at(&mut self, partition: usize, group: usize, offset: u64) {
        let Partition { log, cursors, .. } = &mut self.partitions[partition];
        if let Some(was) = cursors[group].out.remove(&offset) {
            self.members[group].take_back(was);
            if let Some(entry) = log.get_mut(offset) {
                entry.out -= 1;
            }
        }
    }

    /// A delivery was in vain: the message is dead, or delivered again, at once or after its back-off.
    pub(super) fn failed(
        &mut self,
        now: Instant,
        partition: usize,
        group: usize,
        offset: u64,
        backs_off: bool,
        out: &mut Vec<Action>,
    ) {
        let cursor = &mut self.partitions[partition].cursors[group];
        let deliveries = cursor.deliveries.get(&offset).copied().unwrap_or(0);
        if self
            .config
            .max_deliveries
            .is_some_and(|most| deliveries >= most)
        {
            self.end(partition, group, offset, End::Dead, out);
            return;
        }
        let delay = match backs_off {
            true => self.config.backoff.after(deliveries.max(1)),
            false => Duration::ZERO,
        };
        if delay.is_zero() {
            cursor.ready.insert(offset);
        } else {
            cursor.later.insert(offset);
            self.later.insert((now + delay, partition, group, offset));
        }
    }

    /// A message is over for a group; it is in none of the cursor's sets any more.
    fn end(
        &mut self,
        partition: usize,
        group: usize,
        offset: u64,
        end: End,
        out: &mut Vec<Action>,
    ) {
        let Partition {
            number,
            log,
            cursors,
        } = &mut self.partitions[partition];
        let cursor = &mut cursors[group];
        cursor.deliveries.remove(&offset);
        let Some(entry) = log.get_mut(offset) else {
            return;
        };
        entry.open -= 1;
        out.push(Action::Ended {
            message: entry.message,
            place: Place {
                partition: *number,
                offset,
            },
            group: Group(group as u32),
            published: entry.published,
            end,
        });
        if entry.open > 0 {
            return;
        }
        self.depth -= 1;
        if !self.config.retain {
            while let Some(message) = log.pop_ended() {
                out.push(Action::Gone(message));
            }
        }
    }

    /// Forwards what can be.
    pub(super) fn forward(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.stopped {
            return;
        }
        for group in 0..self.members.len() {
            match self.config.sharing {
                Sharing::Competing => self.compete(now, group, out),
                Sharing::Exclusive { .. } => self.in_order(now, group, out),
            }
        }
    }

    fn compete(&mut self, now: Instant, group: usize, out: &mut Vec<Action>) {
        let all = self.partitions.len();
        while let Some(consumer) = self.members[group].next_with_room() {
            let turn = self.turn[group];
            let mut order = (turn..all).chain(0..turn);
            let Some((partition, offset)) =
                order.find_map(|partition| Some((partition, self.available(partition, group)?)))
            else {
                return;
            };
            self.turn[group] = (partition + 1) % all;
            self.deliver(now, partition, group, offset, consumer, out);
        }
    }

    fn in_order(&mut self, now: Instant, group: usize, out: &mut Vec<Action>) {
        let all = self.partitions.len();
        let turn = self.turn[group];
        for partition in (turn..all).chain(0..turn) {
            let cursor = &self.partitions[partition].cursors[group];
            let idle = cursor.out.is_empty() && cursor.later.is_empty();
            if let (true, Some(owner), None) = (idle, cursor.owner, cursor.moves_at)
                && self.members[group].has_room(owner)
                && let Some(offset) = self.available(partition, group)
            {
                self.turn[group] = (partition + 1) % all;
                self.deliver(now, partition, group, offset, owner, out);
            }
        }
    }

    /// The first message of a partition that may be forwarded.
    fn available(&mut self, partition: usize, group: usize) -> Option<u64> {
        let Partition { log, cursors, .. } = &mut self.partitions[partition];
        let cursor = &mut cursors[group];
        if let Some(&offset) = cursor.ready.first() {
            return Some(offset);
        }
        while cursor.next < log.end() {
            match log.get(cursor.next) {
                Some(entry) if !entry.dropped => return Some(cursor.next),
                _ => cursor.next += 1,
            }
        }
        None
    }

    fn deliver(
        &mut self,
        now: Instant,
        partition: usize,
        group: usize,
        offset: u64,
        consumer: Consumer,
        out: &mut Vec<Action>,
    ) {
        let delivery = self.next_delivery;
        self.next_delivery += 1;
        self.members[group].give(consumer, self.config.prefetch);
        let Partition {
            number,
            log,
            cursors,
        } = &mut self.partitions[partition];
        let cursor = &mut cursors[group];
        if !cursor.ready.remove(&offset) {
            cursor.next = offset + 1;
        }
        cursor.out.insert(
            offset,
            Out {
                consumer: Some(consumer),
                delivery,
            },
        );
        let deliveries = cursor.deliveries.entry(offset).or_default();
        *deliveries = deliveries.saturating_add(1);
        let receipt = Receipt {
            place: Place {
                partition: *number,
                offset,
            },
            group: Group(group as u32),
            delivery,
        };
        let Some(entry) = log.get_mut(offset) else {
            return;
        };
        entry.out += 1;
        if self.config.ack_timeout < Duration::MAX {
            let deadline = now + self.config.ack_timeout;
            self.deadlines.push_back((deadline, receipt));
        }
        out.push(Action::Deliver {
            message: entry.message,
            consumer,
            receipt,
            deliveries: *deliveries,
            published: entry.published,
        });
    }

    /// The message at a place, while the log holds it.
    pub fn message(&self, place: Place) -> Option<Message> {
        let partition = &self.partitions[self.index(place.partition)?];
        partition.log.get(place.offset).map(|entry| entry.message)
    }

    /// When the oldest message was appended that is not over for every group: where a replay must begin
    /// that is to miss nothing that is still to be done now.
    pub fn oldest_open(&self) -> Option<Instant> {
        let first = self.open().filter_map(|(place, _)| {
            let partition = &self.partitions[self.index(place.partition)?];
            partition.log.get(place.offset).map(|entry| entry.published)
        });
        first.min()
    }
}
