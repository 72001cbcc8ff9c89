//! One after the other, by index, whoever comes and goes.

use super::{Usable, mix};

/// The next usable instance after the last one picked.
#[derive(Clone, Debug)]
pub struct RoundRobin {
    instances: u32,
    next: u32,
}

impl RoundRobin {
    pub(super) fn new(instances: u32, salt: u64) -> Self {
        // Callers that start together must not walk in step.
        let next = ((u128::from(mix(salt)) * u128::from(instances)) >> 64) as u32;
        Self { instances, next }
    }

    #[inline]
    pub(super) fn pick(&mut self, usable: Usable<'_>) -> Option<u32> {
        let picked = match usable {
            Usable::All if self.instances == 0 => return None,
            Usable::All => self.next,
            Usable::Some(list) => {
                let position = list.partition_point(|&instance| instance < self.next);
                *list.get(position).or(list.first())?
            }
        };
        self.next = if picked + 1 >= self.instances {
            0
        } else {
            picked + 1
        };
        Some(picked)
    }
}
