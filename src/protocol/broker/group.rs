//! Where a group stands in a partition, and who is in it. It refuses to know the log.

use super::Consumer;
use clock::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// How far a group has come in a partition. A message of the log is over for the group when it lies
/// below `next` and is neither ready, nor later, nor out.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    /// The first that was never delivered.
    pub(super) next: u64,
    /// To be delivered again.
    pub(super) ready: BTreeSet<u64>,
    /// To be delivered again, but not yet.
    pub(super) later: BTreeSet<u64>,
    pub(super) out: BTreeMap<u64, Out>,
    /// How often those that are not over were delivered.
    pub(super) deliveries: BTreeMap<u64, u32>,
    /// Where sharing is exclusive: who takes from it.
    pub(super) owner: Option<Consumer>,
    /// Nobody does until then.
    pub(super) moves_at: Option<Instant>,
}

/// A delivery under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Out {
    /// `None`: a consumer that is gone.
    pub(super) consumer: Option<Consumer>,
    pub(super) delivery: u64,
}

impl Cursor {
    /// Whether a message that is in the log is over for the group.
    pub(super) fn is_over(&self, offset: u64) -> bool {
        offset < self.next
            && !self.ready.contains(&offset)
            && !self.later.contains(&offset)
            && !self.out.contains_key(&offset)
    }
}

/// The members of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    /// With how many messages each has.
    out: BTreeMap<Consumer, u32>,
    /// Those that may be given more.
    room: BTreeSet<Consumer>,
    /// Who was given the last one.
    last: Option<Consumer>,
}

impl Members {
    pub(super) fn join(&mut self, consumer: Consumer) -> bool {
        if self.out.contains_key(&consumer) {
            return false;
        }
        self.out.insert(consumer, 0);
        self.room.insert(consumer);
        true
    }

    pub(super) fn leave(&mut self, consumer: Consumer) -> bool {
        self.room.remove(&consumer);
        self.out.remove(&consumer).is_some()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whose turn it is to be given one: the next with room after the last.
    pub(super) fn next_with_room(&self) -> Option<Consumer> {
        use core::ops::Bound::{Excluded, Unbounded};
        let behind = self.last.and_then(|last| {
            let mut behind = self.room.range((Excluded(last), Unbounded));
            behind.next()
        });
        behind.or(self.room.first()).copied()
    }

    pub(super) fn has_room(&self, consumer: Consumer) -> bool {
        self.room.contains(&consumer)
    }

    pub(super) fn give(&mut self, consumer: Consumer, prefetch: u32) {
        self.last = Some(consumer);
        if let Some(out) = self.out.get_mut(&consumer) {
            *out += 1;
            if *out >= prefetch {
                self.room.remove(&consumer);
            }
        }
    }

    /// A delivery is over, one way or the other.
    pub(super) fn take_back(&mut self, out: Out) {
        if let Some(consumer) = out.consumer
            && let Some(count) = self.out.get_mut(&consumer)
        {
            *count = count.saturating_sub(1);
            self.room.insert(consumer);
        }
    }

    /// Who has a partition of this number when all are shared out in turn.
    pub(super) fn owner(&self, partition: u32) -> Option<Consumer> {
        let members = self.out.len();
        let index = (partition as usize).checked_rem(members)?;
        self.out.keys().nth(index).copied()
    }
}
