//! Streams of random bits that depend on nothing but a key.
//!
//! A key is made from (seed, replication, component, purpose) by [`stream_key`], so that no two
//! purposes share a stream and adding a component disturbs no other. What belongs to one request
//! draws from a [`Keyed`] stream of the request's own number: then two settings of a policy meet the
//! same demands even where events fall in another order. What belongs to a component draws from a
//! [`Stream`]. This module refuses to know any generator that it is not handed.

use std::convert::Infallible;

use rand::{SeedableRng, TryRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// 2^64 divided by the golden ratio, odd: the step of `SplitMix64`.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// The step of the walk over the keys of children, apart from that of the draws (bits of the square
/// root of 2, odd).
const CHILD: u64 = 0x6A09_E667_F3BC_C909;

/// A 64-bit finaliser: every output bit depends on every input bit. Stafford's variant 13 ("Better
/// Bit Mixing", 2011), as in `SplitMix64` (Steele, Lea and Flood, 2014). A bijection; 0 goes to 0.
#[inline]
pub fn mix(x: u64) -> u64 {
    let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

/// The key of the stream of one purpose of one component in one replication; the same on every
/// machine.
pub fn stream_key(seed: u64, replication: u32, path: &str, purpose: &str) -> u64 {
    let mut key = absorb(absorb(0, seed), u64::from(replication));
    for text in [path, purpose] {
        // The length first, so that ("ab", "c") is not ("a", "bc").
        key = absorb(key, text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            key = absorb(key, u64::from_le_bytes(word));
        }
    }
    key
}

fn absorb(key: u64, word: u64) -> u64 {
    mix(key.wrapping_add(GOLDEN) ^ mix(word.wrapping_add(CHILD)))
}

/// A source of random bits and of the plain numbers made from them.
pub trait Bits {
    /// 64 independent fair bits.
    fn next_u64(&mut self) -> u64;

    /// Uniform in [0, 1): a multiple of 2^-53.
    #[inline]
    fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in (0, 1): an odd multiple of 2^-53, so that its logarithm is finite and it is as far
    /// from 0 as from 1.
    #[inline]
    fn open_unit(&mut self) -> f64 {
        ((self.next_u64() >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
    }

    /// Uniform in 0..n, and 0 for n = 0 (Lemire's multiplication, 2019, on 64 bits and without his
    /// rejection: no value is off by more than n / 2^64 of its share).
    #[inline]
    fn below(&mut self, n: u32) -> u32 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u32
    }
}

/// A counter-based stream for what belongs to one request: its draws are a function of the key and
/// of how many were made before, whenever and wherever they are made.
///
/// The walk of `SplitMix64`. All streams lie on one cycle of 2^64; that among n streams of m draws
/// any two overlap has a probability of about n² m / 2^64 (0.5 % for 10^8 requests of ten draws),
/// and would make two requests alike.
#[derive(Clone, Debug)]
pub struct Keyed {
    state: u64,
}

impl Keyed {
    /// The stream of `key`.
    #[inline]
    pub fn new(key: u64) -> Self {
        Self { state: key }
    }

    /// The key of a stream below `key`, such as that of request number `index`. Different indices
    /// give different keys.
    #[inline]
    pub fn child(key: u64, index: u64) -> u64 {
        mix(key.wrapping_add(index.wrapping_add(1).wrapping_mul(CHILD)))
    }
}

impl Bits for Keyed {
    #[inline]
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }
}

/// A sequential stream for a component: Xoshiro256++ (Blackman and Vigna, 2021), its state filled
/// by [`Keyed`].
#[derive(Clone, Debug)]
pub struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// The stream of `key`.
    pub fn new(key: u64) -> Self {
        let mut source = Keyed::new(key);
        let mut seed = [0; 32];
        for word in seed.chunks_exact_mut(8) {
            word.copy_from_slice(&source.next_u64().to_le_bytes());
        }
        Self(Xoshiro256PlusPlus::from_seed(seed))
    }
}

impl Bits for Stream {
    #[inline]
    fn next_u64(&mut self) -> u64 {
        rand::Rng::next_u64(&mut self.0)
    }
}

/// Opens the streams to whatever is written against the `rand` crates.
macro_rules! rand_source {
    ($stream:ty) => {
        impl TryRng for $stream {
            type Error = Infallible;

            #[inline]
            fn try_next_u32(&mut self) -> Result<u32, Infallible> {
                Ok((Bits::next_u64(self) >> 32) as u32)
            }

            #[inline]
            fn try_next_u64(&mut self) -> Result<u64, Infallible> {
                Ok(Bits::next_u64(self))
            }

            fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
                for chunk in bytes.chunks_mut(8) {
                    let word = Bits::next_u64(self).to_le_bytes();
                    chunk.copy_from_slice(&word[..chunk.len()]);
                }
                Ok(())
            }
        }
    };
}

rand_source!(Keyed);
rand_source!(Stream);
