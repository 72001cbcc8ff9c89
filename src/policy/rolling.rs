//! A sum over the last stretch of time in buckets that calls begin, not the clock: the first with
//! the first call, the next with the first call at least a bucket's width later (Polly's
//! `RollingHealthMetrics`). A bucket is forgotten as a whole, a stretch after it began.

use clock::{Duration, Instant};
use core::ops::{AddAssign, SubAssign};
use std::collections::VecDeque;

/// Sums of `T` over the last `length`.
#[derive(Clone, Debug)]
pub(crate) struct Rolling<T> {
    /// Nanoseconds, both at least 1.
    length: u64,
    width: u64,
    /// When each began, and what it holds; the oldest first.
    buckets: VecDeque<(u64, T)>,
    sum: T,
}

impl<T: Copy + Default + AddAssign + SubAssign> Rolling<T> {
    /// Buckets of `length / count` (at least one, of at least a nanosecond).
    pub(crate) fn new(length: Duration, count: u32) -> Self {
        let length = length.as_nanos().max(1);
        Self {
            length,
            width: (length / u64::from(count.max(1))).max(1),
            buckets: VecDeque::new(),
            sum: T::default(),
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, now: Instant, amount: T) {
        self.forget(now);
        self.sum += amount;
        let now = now.as_nanos();
        match self.buckets.back_mut() {
            Some((began, bucket)) if now.saturating_sub(*began) < self.width => *bucket += amount,
            _ => self.buckets.push_back((now, amount)),
        }
    }

    #[inline]
    pub(crate) fn sum(&mut self, now: Instant) -> T {
        self.forget(now);
        self.sum
    }

    /// When the sum changes next by the passing of time.
    pub(crate) fn next_change(&self) -> Option<u64> {
        self.buckets.front()?.0.checked_add(self.length)
    }

    pub(crate) fn clear(&mut self) {
        self.buckets.clear();
        self.sum = T::default();
    }

    #[inline]
    fn forget(&mut self, now: Instant) {
        while let Some(&(began, gone)) = self.buckets.front()
            && now.as_nanos().saturating_sub(began) >= self.length
        {
            self.sum -= gone;
            self.buckets.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn add(rolling: &mut Rolling<i64>, ns: u64) -> i64 {
        let now = Instant::from_nanos(ns);
        rolling.add(now, 1);
        rolling.sum(now)
    }

    #[test]
    fn a_bucket_begins_with_a_call_and_goes_as_a_whole() {
        let mut rolling = Rolling::new(Duration::from_nanos(100), 10);
        assert_eq!(add(&mut rolling, 7), 1);
        // In the first bucket still; the second begins at 17, not at 10.
        assert_eq!(add(&mut rolling, 16), 2);
        assert_eq!(add(&mut rolling, 25), 3);
        assert_eq!(rolling.sum(Instant::from_nanos(106)), 3);
        assert_eq!(rolling.next_change(), Some(107));
        assert_eq!(rolling.sum(Instant::from_nanos(107)), 1);
        assert_eq!(rolling.next_change(), Some(125));
        assert_eq!(rolling.sum(Instant::from_nanos(125)), 0);
    }

    proptest! {
        /// Each call is remembered as long as the bucket is that it fell into.
        #[test]
        fn the_sum_is_that_of_the_buckets_that_began_within_the_length(
            length in 1u64..100,
            count in 1u32..12,
            steps in prop::collection::vec((0u64..60, 1i64..9), 1..80),
        ) {
            let mut rolling = Rolling::new(Duration::from_nanos(length), count);
            let width = (length / u64::from(count)).max(1);
            let mut history: Vec<(u64, i64)> = Vec::new();
            let mut now = 0;
            for (pause, amount) in steps {
                now += pause;
                rolling.add(Instant::from_nanos(now), amount);
                let began = match history.last() {
                    Some(&(began, _)) if now - began < width => began,
                    _ => now,
                };
                history.push((began, amount));
                let sum: i64 = history.iter().filter(|(b, _)| now - b < length).map(|c| c.1).sum();
                prop_assert_eq!(rolling.sum(Instant::from_nanos(now)), sum);
            }
        }
    }
}
