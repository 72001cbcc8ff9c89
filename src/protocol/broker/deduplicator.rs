//! What a group of consumers remembers of what it has consumed. It refuses to know why a message came
//! again.

use super::Message;
use clock::{Duration, Instant};
use std::collections::{BTreeMap, VecDeque};

/// Messages that were consumed within a window of time.
#[derive(Clone, Debug)]
pub struct Deduplicator {
    window: Duration,
    last: BTreeMap<Message, Instant>,
    /// In the order of their times; those that were consumed again later stand here twice.
    order: VecDeque<(Instant, Message)>,
}

impl Deduplicator {
    /// One that remembers for so long; zero: nothing.
    pub const fn new(window: Duration) -> Self {
        Self {
            window,
            last: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// A message was consumed.
    pub fn consumed(&mut self, now: Instant, message: Message) {
        if !self.window.is_zero() {
            self.last.insert(message, now);
            self.order.push_back((now, message));
        }
    }

    /// Whether it was consumed less than the window ago.
    pub fn knows(&mut self, now: Instant, message: Message) -> bool {
        while let Some(&(at, old)) = self.order.front()
            && now.since(at) >= self.window
        {
            self.order.pop_front();
            if self.last.get(&old) == Some(&at) {
                self.last.remove(&old);
            }
        }
        self.last.contains_key(&message)
    }

    /// It is to be consumed anew, though it was before: what it led to was undone.
    pub fn forget(&mut self, message: Message) {
        self.last.remove(&message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_for_as_long_as_it_is_told() {
        let at = |s| Instant::ZERO + Duration::from_secs(s);
        let mut seen = Deduplicator::new(Duration::from_secs(10));
        seen.consumed(at(0), Message(1));
        seen.consumed(at(5), Message(2));
        seen.consumed(at(5), Message(1));
        assert!(seen.knows(at(14), Message(1)));
        assert!(!seen.knows(at(15), Message(1)));
        assert!(!seen.knows(at(15), Message(2)));
        assert!(seen.order.is_empty() && seen.last.is_empty());
        let mut nothing = Deduplicator::new(Duration::ZERO);
        nothing.consumed(at(1), Message(1));
        assert!(!nothing.knows(at(1), Message(1)));
        seen.consumed(at(20), Message(3));
        seen.forget(Message(3));
        assert!(!seen.knows(at(20), Message(3)));
    }
}
