//! The request's key on a hash ring: the same key goes to the same instance, and when one goes away
//! only its keys move.

use super::{Usable, mix};

/// The first usable instance at or after the key's place on the ring.
#[derive(Clone, Debug)]
pub struct ConsistentHash {
    keys: u64,
    /// Places with their instances, ascending.
    ring: Vec<(u64, u32)>,
}

/// Places of each instance on the ring: shares are even to about one part in eleven (the standard
/// deviation falls with the root of this number).
const PLACES: u64 = 128;

impl ConsistentHash {
    pub(super) fn new(instances: u32, keys: u64) -> Self {
        let places = |instance| {
            (0..PLACES).map(move |place| (mix(mix(u64::from(instance)) ^ place), instance))
        };
        let mut ring: Vec<_> = (0..instances).flat_map(places).collect();
        ring.sort_unstable();
        Self {
            keys: keys.max(1),
            ring,
        }
    }

    #[inline]
    pub(super) fn pick(&self, usable: Usable<'_>, key: u64) -> Option<u32> {
        if matches!(usable, Usable::Some([])) {
            return None;
        }
        // Twice, as a small key is also the number of a small instance.
        let hash = mix(mix(!(key % self.keys)));
        let start = self.ring.partition_point(|&(place, _)| place < hash);
        let (before, after) = self.ring.split_at(start);
        after
            .iter()
            .chain(before)
            .map(|&(_, i)| i)
            .find(|&i| usable.contains(i))
    }
}
