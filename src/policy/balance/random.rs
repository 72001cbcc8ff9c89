//! Uniformly at random; keeps nothing.

use super::{Usable, below};

/// Each usable instance with the same chance.
#[derive(Clone, Debug)]
pub struct Random {
    instances: u32,
}

impl Random {
    pub(super) fn new(instances: u32) -> Self {
        Self { instances }
    }

    #[inline]
    pub(super) fn pick(&self, usable: Usable<'_>, random: &mut impl FnMut() -> u64) -> Option<u32> {
        match usable.len(self.instances) {
            0 => None,
            n => Some(usable.at(below(n, random))),
        }
    }
}
