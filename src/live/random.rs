//! Random numbers that belong to a call, not to the moment.
//!
//! What a call draws depends on the seed, on its number and on how often it drew before. Calls that
//! run at the same time do not disturb each other's numbers, so a recorded run can be repeated.

use clock::Duration;

/// The random numbers of one call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draws(u64);

impl Draws {
    /// The numbers of the `call`-th call, of those counted from 0, under a seed.
    pub fn new(seed: u64, call: u64) -> Self {
        Self(mix(seed ^ mix(call.wrapping_add(GAMMA))))
    }

    /// The numbers of the same call from which its instances are picked
    /// ([`crate::Classify::pick`]): apart, so that more instances do not shift the other draws.
    pub fn of_picks(seed: u64, call: u64) -> Self {
        Self::new(!seed, call)
    }

    /// The next 64 random bits: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
    /// number generators", 2014).
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }
}

/// 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A seed that differs from process to process.
#[cfg(feature = "tower")]
pub(crate) fn entropy() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

/// Draws from a distribution that a configuration only names by its index.
pub type Sampler = dyn Fn(u32, &mut Draws) -> Duration + Send + Sync;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_splitmix64s() {
        // The first outputs for state 1234567, as the Java reference and Rosetta Code list them.
        let mut draws = Draws(1_234_567);
        assert_eq!(draws.next(), 6_457_827_717_110_365_317);
        assert_eq!(draws.next(), 3_203_168_211_198_807_973);
        assert_eq!(draws.next(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn calls_and_seeds_have_numbers_of_their_own() {
        let first = |seed, call| Draws::new(seed, call).next();
        assert_ne!(first(0, 0), first(0, 1));
        assert_ne!(first(0, 0), first(1, 0));
        // Not even when seed and call change places.
        assert_ne!(first(1, 2), first(2, 1));
    }
}
