//! The checker: hears what a broker tells its producers and consumers, and what consumers say, and
//! knows from that alone which messages must still be there. Refuses to know how a broker works: it
//! holds none of its code, and can listen to any other one.

use super::config::{Config, Sharing, WhenFull};
use super::violation::Violation;
use super::{Action, End, Group, Message, Place, Receipt};
use std::collections::{BTreeMap, BTreeSet};

/// Listens to one broker.
#[derive(Clone, Debug)]
pub struct Checker {
    config: Config,
    /// What is not over for a group.
    open: BTreeMap<(Place, Group), Open>,
    /// Where order is promised: the same by partition and group.
    in_order: BTreeMap<(u32, Group), BTreeSet<u64>>,
    /// Where tries are known: the messages that are open, and for how many groups.
    kept: BTreeMap<Message, u32>,
    stopped: bool,
    counts: Counts,
    violations: Vec<Violation>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Open {
    deliveries: u32,
    consumed: bool,
}

/// How often things happened; a message counts once for each group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Messages that were appended.
    pub published: u64,
    /// Messages that were over and are to be consumed again.
    pub replayed: u64,
    /// Messages that consumers have acknowledged in time.
    pub acknowledged: u64,
    /// Messages that were delivered in vain too often.
    pub dead: u64,
    /// Messages that a full queue dropped.
    pub dropped: u64,
}

impl Checker {
    /// One that has heard nothing of a broker of this configuration.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            open: BTreeMap::new(),
            in_order: BTreeMap::new(),
            kept: BTreeMap::new(),
            stopped: false,
            counts: Counts::default(),
            violations: Vec::new(),
        }
    }

    /// What was found.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What was found since the last time.
    pub fn take_violations(&mut self) -> Vec<Violation> {
        core::mem::take(&mut self.violations)
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The broker is told to stop, or to go on.
    pub fn stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
    }

    /// A consumer has done the work of a delivery; before the broker can know.
    pub fn consumed(&mut self, receipt: Receipt) {
        if let Some(open) = self.open.get_mut(&(receipt.place, receipt.group)) {
            open.consumed = true;
        }
    }

    /// The broker says something.
    pub fn heard(&mut self, action: &Action) {
        match *action {
            Action::Accepted {
                message,
                origin,
                place: Some(place),
            } => {
                if self.config.idempotent && origin.is_some() && self.kept.contains_key(&message) {
                    self.violations.push(Violation::Twice { message, place });
                }
                for group in (0..self.config.groups).map(Group) {
                    self.counts.published += 1;
                    self.opened(message, place, group);
                }
            }
            Action::Replayed {
                message,
                place,
                group,
                was_over,
                ..
            } => {
                if was_over {
                    self.counts.replayed += 1;
                    self.opened(message, place, group);
                } else if let Some(open) = self.open.get_mut(&(place, group)) {
                    *open = Open::default();
                }
            }
            Action::Deliver { receipt, .. } => self.delivered(receipt),
            Action::Ended {
                message,
                place,
                group,
                end,
                ..
            } => self.ended(message, place, group, end),
            _ => {}
        }
    }

    /// What is wrong with what the broker says that it holds.
    pub fn compare(&self, held: impl IntoIterator<Item = (Place, Group)>) -> Vec<Violation> {
        let held: BTreeSet<_> = held.into_iter().collect();
        let lost = self.open.keys().filter(|open| !held.contains(open));
        let lost = lost.map(|&(place, group)| Violation::Lost { place, group });
        let ghosts = held.iter().filter(|held| !self.open.contains_key(held));
        let ghosts = ghosts.map(|&(place, group)| Violation::Ghost { place, group });
        let mut found: Vec<_> = lost.chain(ghosts).collect();
        let (counts, open) = (self.counts, held.len() as u64);
        let over = counts.acknowledged + counts.dead + counts.dropped;
        if counts.published + counts.replayed != over + open {
            found.push(Violation::Unbalanced { counts, open });
        }
        found
    }

    fn opened(&mut self, message: Message, place: Place, group: Group) {
        if self.open.insert((place, group), Open::default()).is_some() {
            // What is there already can come back as little as it can be appended.
            self.violations.push(Violation::Ghost { place, group });
        }
        if self.config.sharing != Sharing::Competing {
            let open = self.in_order.entry((place.partition, group)).or_default();
            open.insert(place.offset);
        }
        if self.config.idempotent {
            *self.kept.entry(message).or_default() += 1;
        }
    }

    fn delivered(&mut self, receipt: Receipt) {
        let Receipt { place, group, .. } = receipt;
        if self.stopped {
            self.violations.push(Violation::WhileStopped { place });
        }
        let Some(open) = self.open.get_mut(&(place, group)) else {
            self.violations.push(Violation::NotOpen { place, group });
            return;
        };
        open.deliveries += 1;
        if self
            .config
            .max_deliveries
            .is_some_and(|most| open.deliveries > most)
        {
            self.violations.push(Violation::TooOften { place, group });
        }
        let in_order = self.in_order.get(&(place.partition, group));
        if let Some(&before) = in_order.and_then(|open| open.first())
            && before < place.offset
        {
            let broken = Violation::OutOfOrder {
                place,
                group,
                before,
            };
            self.violations.push(broken);
        }
    }

    fn ended(&mut self, message: Message, place: Place, group: Group, end: End) {
        let Some(open) = self.open.remove(&(place, group)) else {
            self.violations.push(Violation::NotOpen { place, group });
            return;
        };
        if let Some(in_order) = self.in_order.get_mut(&(place.partition, group)) {
            in_order.remove(&place.offset);
        }
        if let Some(groups) = self.kept.get_mut(&message) {
            *groups -= 1;
            if *groups == 0 {
                self.kept.remove(&message);
            }
        }
        match end {
            End::Acknowledged => {
                self.counts.acknowledged += 1;
                if !open.consumed {
                    self.violations
                        .push(Violation::NotConsumed { place, group });
                }
            }
            End::Dead => {
                self.counts.dead += 1;
                let most = self.config.max_deliveries;
                if most.is_none_or(|most| open.deliveries < most) {
                    self.violations.push(Violation::DiedEarly { place, group });
                }
            }
            End::Dropped => {
                self.counts.dropped += 1;
                if self.config.when_full != WhenFull::DropOldest {
                    self.violations.push(Violation::DroppedUnasked { place });
                }
            }
        }
    }
}
