//! Peak-sensitive, exponentially weighted latency, after Finagle's `PeakEwma` (and tower's).
//!
//! An instance costs its average latency times its outstanding requests and one. The average jumps
//! to a latency above it at once, and falls exponentially, also while nothing is heard: to look at an
//! instance is to observe a latency of zero, so that a later one is a peak when it is above what is
//! left. As in Finagle and tower, the cheaper of two drawn at random is taken, so that callers do not
//! all run to the same one. A failure's latency counts like any other: the fast failures of a sick instance
//! attract, as they do there.

use super::{Usable, two_below};
use clock::{Duration, Instant};

/// The cheaper of two usable instances.
#[derive(Clone, Debug)]
pub struct PeakEwma {
    decay: f64,
    instances: Vec<Load>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    /// Average latency in nanoseconds, as of `stamp`.
    latency: f64,
    stamp: Instant,
    outstanding: u32,
}

/// The cost of an instance that has work and was never heard of (Finagle's `Long.MaxValue >> 16`):
/// one request finds out, the others wait for what it says.
const PENALTY: f64 = (i64::MAX >> 16) as f64;

impl PeakEwma {
    pub(super) fn new(instances: u32, decay: Duration) -> Self {
        Self {
            decay: decay.as_nanos().max(1) as f64,
            instances: vec![Load::default(); instances as usize],
        }
    }

    #[inline]
    pub(super) fn pick(
        &mut self,
        now: Instant,
        usable: Usable<'_>,
        random: &mut impl FnMut() -> u64,
    ) -> Option<u32> {
        let n = usable.len(self.instances.len() as u32);
        if n <= 1 {
            return (n == 1).then(|| usable.at(0));
        }
        let (first, second) = two_below(n, random);
        let (first, second) = (usable.at(first), usable.at(second));
        // The pair comes in random order: a tie goes to a random one.
        Some(if self.cost(now, second) < self.cost(now, first) {
            second
        } else {
            first
        })
    }

    #[inline]
    pub(super) fn sent(&mut self, instance: u32) {
        self.instances[instance as usize].outstanding += 1;
    }

    #[inline]
    pub(super) fn ended(&mut self, now: Instant, instance: u32, latency: Duration) {
        self.observe(now, instance, latency.as_nanos() as f64);
        let load = &mut self.instances[instance as usize];
        debug_assert!(load.outstanding > 0, "more requests ended than were sent");
        load.outstanding = load.outstanding.saturating_sub(1);
    }

    fn cost(&mut self, now: Instant, instance: u32) -> f64 {
        self.observe(now, instance, 0.0);
        let load = &self.instances[instance as usize];
        let outstanding = f64::from(load.outstanding);
        if load.latency == 0.0 && load.outstanding > 0 {
            return PENALTY + outstanding;
        }
        load.latency * (outstanding + 1.0)
    }

    #[inline]
    fn observe(&mut self, now: Instant, instance: u32, latency: f64) {
        let load = &mut self.instances[instance as usize];
        load.latency = if latency > load.latency {
            latency
        } else {
            // What is left of the average. `libm`, as the platform's exponential differs from machine
            // to machine in its last bit.
            let age = now.since(load.stamp).as_nanos() as f64;
            let left = libm::exp(-age / self.decay);
            load.latency * left + latency * (1.0 - left)
        };
        load.stamp = load.stamp.max(now);
    }
}
