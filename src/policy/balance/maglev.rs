//! Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4): a table that gives every instance the
//! same share of the keys to within one entry, and changes little when instances come and go.
//!
//! Each instance has its own permutation of the table's entries. In turn, each takes the next entry of
//! its permutation that is free, until none is. As in the paper the table is made anew for those who
//! are usable: when one goes away its entries are dealt out evenly, and a few others move.

use super::{Usable, mix};

/// The instance in the table at the key's hash.
#[derive(Clone, Debug)]
pub struct Maglev {
    keys: u64,
    instances: u32,
    /// Entries of the table, a prime.
    size: u32,
    table: Vec<u32>,
    /// For whom the table was made; `None`: all.
    usable: Option<Vec<u32>>,
}

impl Maglev {
    /// The table has the least prime number of entries that is not below `table_size`, at least 3; it
    /// is made when the first request comes.
    pub(super) fn new(instances: u32, keys: u64, table_size: u32) -> Self {
        Self {
            keys: keys.max(1),
            instances,
            size: prime(table_size),
            table: Vec::new(),
            usable: None,
        }
    }

    #[inline]
    pub(super) fn pick(&mut self, usable: Usable<'_>, key: u64) -> Option<u32> {
        let current = match (usable, &self.usable) {
            (Usable::All, None) => true,
            (Usable::Some(list), Some(known)) => list == known,
            _ => false,
        };
        let made = !self.table.is_empty() || matches!(usable, Usable::Some([]));
        if !(current && made) {
            self.populate(usable);
        }
        let hash = mix(mix(!(key % self.keys)));
        // Lemire's multiplication instead of the paper's remainder; as even.
        let entry = ((u128::from(hash) * self.table.len() as u128) >> 64) as usize;
        self.table.get(entry).copied()
    }

    #[cold]
    fn populate(&mut self, usable: Usable<'_>) {
        self.usable = match usable {
            Usable::All => None,
            Usable::Some(list) => Some(list.to_vec()),
        };
        let count = usable.len(self.instances);
        let walks = (0..count).map(|p| Walk::new(usable.at(p), self.size));
        self.table = fill(walks.collect(), self.size);
    }
}

/// The paper's pseudocode 1; an empty table when there is nobody.
fn fill(mut walks: Vec<Walk>, size: u32) -> Vec<u32> {
    const FREE: u32 = u32::MAX;
    if walks.is_empty() {
        return Vec::new();
    }
    let mut table = vec![FREE; size as usize];
    let mut left = size;
    loop {
        for walk in &mut walks {
            // A permutation, so that what is free comes up.
            let entry = loop {
                let entry = &mut table[walk.next(size)];
                if *entry == FREE {
                    break entry;
                }
            };
            *entry = walk.instance;
            left -= 1;
            if left == 0 {
                return table;
            }
        }
    }
}

/// An instance on its way through its permutation: from an offset, always as far again, around.
struct Walk {
    instance: u32,
    at: u32,
    skip: u32,
}

impl Walk {
    fn new(instance: u32, size: u32) -> Self {
        // Two hashes of who it is.
        let offset = mix(u64::from(instance));
        let skip = mix(mix(offset));
        Self {
            instance,
            at: (offset % u64::from(size)) as u32,
            skip: (skip % u64::from(size - 1)) as u32 + 1,
        }
    }

    #[inline]
    fn next(&mut self, size: u32) -> usize {
        let here = self.at;
        // Neither is above a prime of 32 bits.
        let there = u64::from(here) + u64::from(self.skip);
        let size = u64::from(size);
        self.at = (if there < size { there } else { there - size }) as u32;
        here as usize
    }
}

/// The least prime not below `n`, and at least 3.
fn prime(n: u32) -> u32 {
    // The greatest prime of 32 bits.
    const MOST: u32 = 4_294_967_291;
    let is_prime = |n: &u32| {
        (2u32..)
            .take_while(|d| u64::from(*d) * u64::from(*d) <= u64::from(*n))
            .all(|d| !n.is_multiple_of(d))
    };
    (n.clamp(3, MOST)..=MOST).find(is_prime).unwrap_or(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(instances: u32, size: u32, usable: Usable<'_>) -> Vec<u32> {
        let mut maglev = Maglev::new(instances, u64::MAX, size);
        maglev.populate(usable);
        maglev.table
    }

    fn without(instances: u32, gone: u32) -> Vec<u32> {
        (0..instances).filter(|&i| i != gone).collect()
    }

    #[test]
    fn sizes_are_primes() {
        let primes = [0, 3, 4, 65_536, 65_537, u32::MAX].map(prime);
        assert_eq!(primes, [3, 3, 5, 65_537, 65_537, 4_294_967_291]);
    }

    /// The permutations and the outcome of the paper's table 1.
    #[test]
    fn the_table_is_filled_in_turn() {
        let permutations = [(3, 4), (0, 2), (3, 1)].map(|(at, skip)| {
            let mut walk = Walk {
                instance: 0,
                at,
                skip,
            };
            (0..7).map(|_| walk.next(7)).collect::<Vec<_>>()
        });
        assert_eq!(permutations[0], [3, 0, 4, 1, 5, 2, 6]);
        assert_eq!(permutations[1], [0, 2, 4, 6, 1, 3, 5]);
        assert_eq!(permutations[2], [3, 4, 5, 6, 0, 1, 2]);
        let walks = [(0, 3, 4), (1, 0, 2), (2, 3, 1)];
        let of = |gone: u32| {
            let walks = walks.iter().filter(|(instance, ..)| *instance != gone);
            fill(
                walks
                    .map(|&(instance, at, skip)| Walk { instance, at, skip })
                    .collect(),
                7,
            )
        };
        assert_eq!(of(9), [1, 0, 1, 0, 2, 2, 0]);
        assert_eq!(of(1), [0, 0, 0, 0, 2, 2, 2]);
    }

    /// Of the entries of those who stay few move; the paper finds a few in a hundred where the table
    /// is a hundred times as large as the number of instances (figure 12), as it is here.
    #[test]
    fn when_one_goes_away_few_others_move() {
        for instances in [3, 10, 50] {
            let size = prime(instances * 100);
            let before = table(instances, size, Usable::All);
            let mut moved = 0;
            for gone in 0..instances {
                let after = table(instances, size, Usable::Some(&without(instances, gone)));
                assert!(!after.contains(&gone));
                let changed = |(a, b): &(&u32, &u32)| a != b && **a != gone;
                moved += before.iter().zip(&after).filter(changed).count();
            }
            let share = moved as f64 / f64::from(size * instances);
            assert!(share < 0.05, "{instances}: {share}");
        }
    }

    proptest! {
        /// To within one entry.
        #[test]
        fn shares_are_equal(
            usable in prop::collection::btree_set(0u32..40, 1..40),
            size in 40u32..3_000,
        ) {
            let usable: Vec<u32> = usable.into_iter().collect();
            let table = table(40, size, Usable::Some(&usable));
            let fair = table.len() / usable.len();
            for instance in &usable {
                let count = table.iter().filter(|entry| *entry == instance).count();
                prop_assert!(count == fair || count == fair + 1);
            }
            prop_assert!(table.iter().all(|entry| usable.contains(entry)));
        }

        /// It forgets who was there before.
        #[test]
        fn only_who_is_usable_matters(
            sets in prop::collection::vec(prop::collection::btree_set(0u32..12, 0..12), 1..5),
            keys: [u64; 16],
        ) {
            let mut maglev = Maglev::new(12, u64::MAX, 251);
            let at_first = keys.map(|key| maglev.pick(Usable::All, key));
            for set in sets {
                let usable: Vec<u32> = set.into_iter().collect();
                let mut fresh = Maglev::new(12, u64::MAX, 251);
                for key in keys {
                    let picked = maglev.pick(Usable::Some(&usable), key);
                    prop_assert_eq!(picked, fresh.pick(Usable::Some(&usable), key));
                    prop_assert_eq!(picked.is_none(), usable.is_empty());
                }
            }
            prop_assert_eq!(keys.map(|key| maglev.pick(Usable::All, key)), at_first);
        }
    }
}
