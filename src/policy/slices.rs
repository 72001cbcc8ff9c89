//! A sum over the last stretch of time, forgotten slice by slice.
//!
//! The slices are aligned to multiples of their width from the clock's origin, as in Resilience4j's
//! time-based windows: the sum covers the running slice and the full ones before it.

use clock::{Duration, Instant};
use core::ops::{AddAssign, SubAssign};

/// Sums of `T` over the last `slots.len()` slices.
#[derive(Clone, Debug)]
pub(crate) struct Slices<T> {
    /// Nanoseconds per slice, at least 1.
    width: u64,
    /// Where the running slice ends, exclusive.
    end: u64,
    running: usize,
    slots: Box<[T]>,
    sum: T,
}

impl<T: Copy + Default + AddAssign + SubAssign> Slices<T> {
    /// `length` in `count` slices (at least one, of at least a nanosecond).
    pub(crate) fn new(length: Duration, count: u32) -> Self {
        let count = count.max(1);
        let width = (length.as_nanos() / u64::from(count)).max(1);
        Self {
            width,
            end: width,
            running: 0,
            slots: vec![T::default(); count as usize].into_boxed_slice(),
            sum: T::default(),
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, now: Instant, amount: T) {
        self.advance(now);
        self.slots[self.running] += amount;
        self.sum += amount;
    }

    #[inline]
    pub(crate) fn sum(&mut self, now: Instant) -> T {
        self.advance(now);
        self.sum
    }

    /// When the sum may change next by the passing of time.
    pub(crate) fn next_change(&self) -> u64 {
        self.end
    }

    pub(crate) fn clear(&mut self) {
        self.slots.fill(T::default());
        self.sum = T::default();
    }

    #[inline]
    fn advance(&mut self, now: Instant) {
        if now.as_nanos() >= self.end {
            self.forget(now.as_nanos());
        }
    }

    fn forget(&mut self, now: u64) {
        let steps = (now - self.end) / self.width + 1;
        if steps >= self.slots.len() as u64 {
            self.clear();
        } else {
            for _ in 0..steps {
                self.running = (self.running + 1) % self.slots.len();
                let gone = core::mem::take(&mut self.slots[self.running]);
                self.sum -= gone;
            }
        }
        self.end = self.end.saturating_add(steps.saturating_mul(self.width));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_sum_is_that_of_the_running_slice_and_those_before_it(
            length in 1u64..100,
            count in 1u32..8,
            steps in prop::collection::vec((0u64..60, 1i64..9), 1..80),
        ) {
            let mut slices = Slices::new(Duration::from_nanos(length), count);
            let width = (length / u64::from(count)).max(1);
            let mut history = Vec::new();
            let mut now = 0;
            for (pause, amount) in steps {
                now += pause;
                slices.add(Instant::from_nanos(now), amount);
                history.push((now / width, amount));
                let oldest = (now / width).saturating_sub(u64::from(count) - 1);
                let sum: i64 =
                    history.iter().filter(|(slice, _)| *slice >= oldest).map(|(_, n)| n).sum();
                prop_assert_eq!(slices.sum(Instant::from_nanos(now)), sum);
            }
        }
    }
}
