//! The log of a partition. It refuses to know who reads it: it counts for how many groups a message is
//! not over, and where it is out.

use super::Message;
use clock::Instant;
use std::collections::VecDeque;

/// Messages in the order in which they were appended.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// The offset of the first that is there.
    base: u64,
    entries: VecDeque<Entry>,
    /// No message below is open.
    floor: u64,
}

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) message: Message,
    pub(super) published: Instant,
    /// Groups for which it is not over.
    pub(super) open: u32,
    /// Groups in which it is out.
    pub(super) out: u32,
    pub(super) dropped: bool,
}

impl Log {
    /// The offset of the first that is there.
    pub(super) fn start(&self) -> u64 {
        self.base
    }

    /// The offset of the next one.
    pub(super) fn end(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    pub(super) fn append(&mut self, message: Message, published: Instant, groups: u32) -> u64 {
        self.entries.push_back(Entry {
            message,
            published,
            open: groups,
            out: 0,
            dropped: false,
        });
        self.end() - 1
    }

    pub(super) fn get(&self, offset: u64) -> Option<&Entry> {
        let index = offset.checked_sub(self.base)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    pub(super) fn get_mut(&mut self, offset: u64) -> Option<&mut Entry> {
        let index = offset.checked_sub(self.base)?;
        self.entries.get_mut(usize::try_from(index).ok()?)
    }

    /// The first that was appended at or after an instant.
    pub(super) fn first_since(&self, from: Instant) -> u64 {
        self.base + self.entries.partition_point(|e| e.published < from) as u64
    }

    /// The first that waits: open, and out nowhere.
    pub(super) fn first_waiting(&mut self) -> Option<(Instant, u64)> {
        self.floor = self.floor.max(self.base);
        while self.get(self.floor).is_some_and(|entry| entry.open == 0) {
            self.floor += 1;
        }
        let mut offset = self.floor;
        while let Some(entry) = self.get(offset) {
            if entry.open > 0 && entry.out == 0 {
                return Some((entry.published, offset));
            }
            offset += 1;
        }
        None
    }

    /// From here on messages may be open again.
    pub(super) fn reopened(&mut self, offset: u64) {
        self.floor = self.floor.min(offset);
    }

    /// Takes the first away where it is over for all.
    pub(super) fn pop_ended(&mut self) -> Option<Message> {
        let first = self.entries.front()?;
        if first.open > 0 {
            return None;
        }
        self.base += 1;
        self.entries.pop_front().map(|entry| entry.message)
    }
}
