//! Messages: what is known of each for as long as anybody holds it (a producer that tries, a letter, a
//! log, a consumer). It refuses to know who does: it counts.

use crate::state::Origin;
use protocol::broker::Message;
use std::collections::BTreeMap;

/// What a `publish` step has made, or a broker of a dead letter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Identity: every draw that belongs to the message comes from here.
    pub(super) key: u64,
    pub(super) origin: Origin,
    /// No consumer can handle it.
    pub(super) is_poison: bool,
    /// Groups that have handled it, as bits.
    pub(super) handled: u64,
    holders: u32,
}

/// All messages that somebody holds.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    next: u64,
    held: BTreeMap<u64, Held>,
}

impl Ledger {
    /// A new message, with a first holder.
    pub(super) fn begin(&mut self, key: u64, origin: Origin, is_poison: bool) -> Message {
        let message = self.next;
        self.next += 1;
        let held = Held {
            key,
            origin,
            is_poison,
            handled: 0,
            holders: 1,
        };
        self.held.insert(message, held);
        Message(message)
    }

    pub(super) fn get(&self, message: Message) -> Option<&Held> {
        self.held.get(&message.0)
    }

    pub(super) fn hold(&mut self, message: Message) {
        if let Some(held) = self.held.get_mut(&message.0) {
            held.holders += 1;
        }
    }

    pub(super) fn let_go(&mut self, message: Message) {
        if let Some(held) = self.held.get_mut(&message.0) {
            held.holders -= 1;
            if held.holders == 0 {
                self.held.remove(&message.0);
            }
        }
    }

    /// A group has handled it; answers whether it had before.
    pub(super) fn handled(&mut self, message: Message, group: u32) -> bool {
        let Some(held) = self.held.get_mut(&message.0) else {
            return false;
        };
        let bit = 1 << group;
        let before = held.handled & bit != 0;
        held.handled |= bit;
        before
    }

    /// It is to be handled anew.
    pub(super) fn replayed(&mut self, message: Message, group: u32) {
        if let Some(held) = self.held.get_mut(&message.0) {
            held.handled &= !(1 << group);
        }
    }
}
