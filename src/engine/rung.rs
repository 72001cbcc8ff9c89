//! One rung of the ladder: a stretch of time cut into buckets of equal width.
//!
//! The width is a power of two, so that a key finds its bucket by a shift.

use crate::buckets::{Chunks, NONE};

#[derive(Default)]
pub(crate) struct Rung {
    /// The time at which bucket 0 begins.
    start: u64,
    /// The time at which the last bucket ends; wider than the others where they do not come out even.
    pub(crate) end: u64,
    /// A bucket is 2^shift nanoseconds wide.
    shift: u32,
    /// The first bucket not yet emptied.
    next: usize,
    /// For each bucket, the first of its chunks.
    pub(crate) buckets: Vec<u32>,
}

impl Rung {
    /// About `wanted` empty buckets for `first..=last`, the last of them open up to `end`.
    pub(crate) fn reset(&mut self, first: u64, last: u64, end: u64, wanted: usize) {
        let width = (last - first) / wanted.max(1) as u64 + 1;
        // Rounded up to a power of two.
        self.shift = 64 - (width - 1).leading_zeros();
        self.start = first;
        self.end = end;
        self.next = 0;
        let count = ((last - first) >> self.shift) as usize + 1;
        self.buckets.clear();
        self.buckets.resize(count, NONE);
    }

    #[inline]
    pub(crate) fn push(&mut self, chunks: &mut Chunks, time: u64, key: u128) {
        let bucket = ((time - self.start) >> self.shift) as usize;
        let bucket = bucket.min(self.buckets.len() - 1);
        chunks.push(&mut self.buckets[bucket], key);
    }

    /// Moves the keys of the next bucket that has any to `keys`.
    pub(crate) fn take_bucket(&mut self, chunks: &mut Chunks, keys: &mut Vec<u128>) -> bool {
        while let Some(bucket) = self.buckets.get_mut(self.next) {
            self.next += 1;
            if *bucket != NONE {
                chunks.drain(bucket, keys);
                return true;
            }
        }
        false
    }

    /// The time at which the next bucket begins.
    pub(crate) fn next_start(&self) -> u64 {
        if self.next >= self.buckets.len() {
            self.end
        } else {
            self.start + ((self.next as u64) << self.shift)
        }
    }
}
