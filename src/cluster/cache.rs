//! Caches: what an instance need not look up again.
//!
//! Each `cache` step has a cache of its own at each instance, gone with a crash. Looking takes no time; it
//! refuses to know what a miss takes.

use crate::keys::Keys;
use crate::observer::Observer;
use crate::slab::NONE;
use crate::state::Origin;
use crate::world::World;
use clock::{Duration, Instant};
use engine::{Bits, Keyed};
use model::{CacheContent, Model};
use std::collections::BTreeMap;

/// Sets the draw of what is looked up apart from the draw of whether it is there.
const LOOKUP: u64 = 0x6c6f_6f6b_7570_0000;

/// All caches of a world.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    steps: Vec<Kind>,
    /// By step × instances + instance.
    held: Vec<Held>,
    instances: usize,
}

/// What a step's caches have in common.
#[derive(Debug)]
struct Kind {
    content: Content,
    ttl: Duration,
}

#[derive(Debug)]
enum Content {
    HitRatio {
        ratio: f64,
        warm_after: u32,
    },
    Keys {
        drawn: Option<Keys>,
        capacity: usize,
    },
}

/// What one cache holds.
#[derive(Debug, Default)]
struct Held {
    /// Lookups since the start.
    lookups: u32,
    /// By key: when it was used last, as a count, and until when it lives.
    entries: BTreeMap<u32, (u64, Instant)>,
    /// Keys by their last use.
    used: BTreeMap<u64, u32>,
    uses: u64,
}

impl Caches {
    pub(crate) fn new(caches: &[model::Cache], model: &Model) -> Self {
        let instances: u32 = (0..model.services.len()).map(|s| model.slots(s)).sum();
        let instances = instances as usize;
        let steps = caches.iter().map(|cache| Kind {
            content: match cache.content {
                CacheContent::HitRatio { ratio, warm_after } => {
                    Content::HitRatio { ratio, warm_after }
                }
                CacheContent::Keys { drawn, capacity } => Content::Keys {
                    drawn: drawn.map(Keys::new),
                    capacity: capacity.map_or(usize::MAX, |capacity| capacity as usize),
                },
            },
            ttl: cache.ttl,
        });
        let steps: Vec<_> = steps.collect();
        let mut held = Vec::new();
        held.resize_with(steps.len() * instances, Held::default);
        Self {
            steps,
            held,
            instances,
        }
    }

    fn key(&self, step: u32, bits: u64, origin: Origin) -> u32 {
        match &self.steps[step as usize].content {
            Content::Keys {
                drawn: Some(keys), ..
            } => keys.draw(&mut Keyed::new(bits ^ LOOKUP)),
            _ => origin.record(),
        }
    }

    /// Whether it is there; `bits` belong to the lookup.
    fn look(&mut self, now: Instant, step: u32, instance: u32, bits: u64, origin: Origin) -> bool {
        let key = self.key(step, bits, origin);
        let held = &mut self.held[step as usize * self.instances + instance as usize];
        if let Content::HitRatio { ratio, warm_after } = self.steps[step as usize].content {
            held.lookups = held.lookups.saturating_add(1);
            let warm = match warm_after {
                0 => 1.0,
                after => (f64::from(held.lookups - 1) / f64::from(after)).min(1.0),
            };
            return Keyed::new(bits).unit() < ratio * warm;
        }
        held.find(now, key)
    }

    /// What a miss has made is there from now on.
    pub(crate) fn keep(
        &mut self,
        now: Instant,
        step: u32,
        instance: u32,
        bits: u64,
        origin: Origin,
    ) {
        let Kind {
            content: Content::Keys { capacity, .. },
            ttl,
        } = self.steps[step as usize]
        else {
            return;
        };
        let key = self.key(step, bits, origin);
        let held = &mut self.held[step as usize * self.instances + instance as usize];
        held.put(key, now + ttl, capacity);
    }

    /// The instance has lost its memory.
    pub(crate) fn forget(&mut self, instance: u32) {
        for step in 0..self.steps.len() {
            self.held[step * self.instances + instance as usize] = Held::default();
        }
    }
}

impl Held {
    fn find(&mut self, now: Instant, key: u32) -> bool {
        let Some((used, until)) = self.entries.get_mut(&key) else {
            return false;
        };
        self.used.remove(used);
        if now >= *until {
            self.entries.remove(&key);
            return false;
        }
        self.uses += 1;
        *used = self.uses;
        self.used.insert(self.uses, key);
        true
    }

    fn put(&mut self, key: u32, until: Instant, capacity: usize) {
        self.uses += 1;
        if let Some((before, _)) = self.entries.insert(key, (self.uses, until)) {
            self.used.remove(&before);
        }
        self.used.insert(self.uses, key);
        if self.entries.len() > capacity
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }
}

impl World {
    /// A strand of a handler looks something up.
    #[inline(never)]
    pub(crate) fn look_up<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        strand: u32,
        step: u32,
        bits: u64,
    ) -> bool {
        let strand = &self.strands[strand];
        debug_assert_ne!(strand.instance, NONE);
        let (instance, origin) = (strand.instance, strand.origin);
        let hit = self.caches.look(now, step, instance, bits, origin);
        obs.looked_up(now, self.instances[instance as usize].service as usize, hit);
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn the_least_recently_used_leaves_first() {
        let mut held = Held::default();
        for key in [1, 2] {
            held.put(key, Instant::NEVER, 2);
        }
        assert!(held.find(at(0), 1));
        held.put(3, Instant::NEVER, 2);
        let found = [1, 2, 3].map(|key| held.find(at(0), key));
        assert_eq!(found, [true, false, true]);
    }

    #[test]
    fn an_entry_lives_for_its_time_and_is_there_once() {
        let mut held = Held::default();
        held.put(1, at(10), 2);
        assert!(held.find(at(9), 1));
        assert!(!held.find(at(10), 1));
        assert!(!held.find(at(9), 1));
        held.put(1, at(20), 2);
        held.put(1, at(30), 2);
        held.put(2, at(30), 2);
        assert!(held.find(at(25), 1) && held.find(at(25), 2));
    }

    #[test]
    fn a_cache_of_nothing_keeps_nothing() {
        let mut held = Held::default();
        held.put(1, Instant::NEVER, 0);
        assert!(!held.find(at(0), 1));
    }
}
