//! A ladder queue as the future event list (after Tang, Goh and Thng, 2005): constant time per event
//! where a heap takes a logarithm.
//!
//! Four places hold the keys, in the order in which they will come out:
//!
//! - *bottom*: the next few, sorted; what is due soon is put in its place by a short shift;
//! - *spill*: what outgrew the bottom, unsorted;
//! - *rungs*: buckets of equal width of time, each rung spread over one bucket of the rung before;
//! - *top*: everything later, unsorted.
//!
//! A key moves a few times only, always in company, before it is sorted among a handful. A small
//! population never leaves the bottom. The bounds between the places are keys, not times, so that
//! many events of one time are split as well as any others; and the width of a bucket follows from
//! the keys that are to be spread, so that no distribution of times is fatal: what one rung cannot
//! tell apart, the next does, after at most 60 rungs.

use crate::buckets::Chunks;
use crate::fel::FutureEventList;
use crate::key::{self, TIME_END};
use crate::rung::Rung;

// The three figures are the best of a grid under exponential increments, 10 to 10^6 pending.

/// The bottom is split when a key is to be put further than this from its end.
const BOTTOM_MOST: usize = 48;
/// This many keys are sorted rather than spread over a rung.
const SORT_MOST: usize = 48;
/// Keys per bucket where times are even; up to twice as many, as widths are powers of two.
const PER_BUCKET: usize = 2;

pub(crate) struct Ladder {
    /// Falling: the last is the next.
    bottom: Vec<u128>,
    /// What is not below this is not in the bottom.
    bottom_end: u128,
    /// Keys from `bottom_end` on, of times before `spill_end`.
    spill: Vec<u128>,
    spill_end: u64,
    /// The first `depth` are in use, the innermost last.
    rungs: Vec<Rung>,
    depth: usize,
    chunks: Chunks,
    /// Keys of times at or after the end of the outermost rung; empty where there is none.
    top: Vec<u128>,
    /// How many keys are outside of the bottom.
    later: usize,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            bottom: Vec::with_capacity(2 * BOTTOM_MOST),
            bottom_end: u128::MAX,
            spill: Vec::new(),
            spill_end: TIME_END,
            rungs: Vec::new(),
            depth: 0,
            chunks: Chunks::default(),
            top: Vec::new(),
            later: 0,
        }
    }
}

impl FutureEventList for Ladder {
    #[inline]
    fn push(&mut self, key: u128) {
        if key < self.bottom_end {
            self.push_bottom(key);
        } else {
            self.push_later(key);
        }
    }

    #[inline]
    fn pop_before(&mut self, bound: u128) -> Option<u128> {
        if self.bottom.is_empty() && !self.refill() {
            return None;
        }
        self.bottom.pop_if(|key| *key < bound)
    }

    fn len(&self) -> usize {
        self.bottom.len() + self.later
    }
}

impl Ladder {
    #[inline]
    fn push_bottom(&mut self, key: u128) {
        let len = self.bottom.len();
        if len >= BOTTOM_MOST {
            return self.push_long_bottom(key);
        }
        self.bottom.push(key);
        // The length spelled out spares the loop its checks.
        let keys = &mut self.bottom[..=len];
        let mut place = len;
        while place > 0 && keys[place - 1] < key {
            keys[place] = keys[place - 1];
            place -= 1;
        }
        keys[place] = key;
    }

    #[inline(never)]
    fn push_long_bottom(&mut self, key: u128) {
        let place = self.bottom.partition_point(|&k| k > key);
        self.bottom.insert(place, key);
        // Dear is what is far from the end. Within one time only the newest key splits: older ones
        // are timers, and come in the order of the keys.
        let far = self.bottom.len() - place > BOTTOM_MOST;
        if far && (place == 0 || key::time(self.bottom[0]) > key::time(key)) {
            // The later half becomes spill.
            let half = self.bottom.len() / 2;
            self.bottom_end = self.bottom[half - 1];
            self.spill.extend(self.bottom.drain(..half));
            self.later += half;
        }
    }

    #[inline(never)]
    fn push_later(&mut self, key: u128) {
        self.later += 1;
        let time = key::time(key);
        if time < self.spill_end {
            return self.spill.push(key);
        }
        for rung in self.rungs[..self.depth].iter_mut().rev() {
            if time < rung.end {
                return rung.push(&mut self.chunks, time, key);
            }
        }
        self.top.push(key);
    }

    /// Brings the next keys into the empty bottom; false if there are none.
    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> bool {
        loop {
            if !self.spill.is_empty() {
                if self.settle_spill() {
                    return true;
                }
            } else if self.depth > 0 {
                let rung = &mut self.rungs[self.depth - 1];
                if rung.take_bucket(&mut self.chunks, &mut self.spill) {
                    self.spill_end = rung.next_start();
                } else {
                    self.depth -= 1;
                    // The bucket that the rung was spread over is behind us with it.
                    self.spill_end = self.inner_start();
                }
            } else if !self.top.is_empty() {
                std::mem::swap(&mut self.spill, &mut self.top);
            } else {
                self.bottom_end = u128::MAX;
                return false;
            }
        }
    }

    /// Sorts the spill into the empty bottom, if it is short or of one time; else spreads it over a
    /// new rung.
    fn settle_spill(&mut self) -> bool {
        let (mut least, mut most) = (u128::MAX, 0);
        if self.spill.len() > SORT_MOST {
            for &key in &self.spill {
                least = least.min(key);
                most = most.max(key);
            }
            let (first, last) = (key::time(least), key::time(most));
            if first < last {
                self.spread(first, last);
                return false;
            }
        }
        std::mem::swap(&mut self.bottom, &mut self.spill);
        self.bottom.sort_unstable_by(|a, b| b.cmp(a));
        self.later -= self.bottom.len();
        self.bottom_end = if self.bottom.len() > SORT_MOST {
            // What is scheduled for the same time comes after all of it.
            self.bottom[0] + 1
        } else if self.spill_end >= TIME_END {
            u128::MAX
        } else {
            key::pack(self.spill_end, 0, 0)
        };
        true
    }

    /// Spreads the spill, whose times are `first..=last`, over a new innermost rung.
    fn spread(&mut self, first: u64, last: u64) {
        if self.depth == self.rungs.len() {
            self.rungs.push(Rung::default());
        }
        // Without a rung, what is later than all that there is belongs to the top.
        let end = if self.depth == 0 {
            last + 1
        } else {
            self.spill_end
        };
        let rung = &mut self.rungs[self.depth];
        rung.reset(first, last, end, self.spill.len() / PER_BUCKET);
        for &key in &self.spill {
            rung.push(&mut self.chunks, key::time(key), key);
        }
        self.spill.clear();
        self.depth += 1;
        self.spill_end = first;
    }

    /// The time from which on keys belong to the innermost rung.
    fn inner_start(&self) -> u64 {
        match self.rungs[..self.depth].last() {
            Some(rung) => rung.next_start(),
            None => TIME_END,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::heap::Heap;

    /// A list and its oracle, fed alike.
    #[derive(Default)]
    struct Twins {
        ladder: Ladder,
        heap: Heap,
        now: u64,
        seq: u64,
    }

    impl Twins {
        fn push(&mut self, delay: u64) {
            let time = (self.now + delay).min(TIME_END - 1);
            let key = key::pack(time, self.seq, self.seq as u32);
            self.seq += 1;
            self.push_key(key);
        }

        fn push_key(&mut self, key: u128) {
            self.ladder.push(key);
            self.heap.push(key);
            assert_eq!(self.ladder.len(), self.heap.len());
        }

        fn pop(&mut self, bound: u128) -> Option<u128> {
            let expected = self.heap.pop_before(bound);
            assert_eq!(self.ladder.pop_before(bound), expected);
            if let Some(key) = expected {
                self.now = key::time(key);
            }
            expected
        }

        fn drain(&mut self) {
            while self.pop(u128::MAX).is_some() {}
            assert_eq!(self.ladder.len(), 0);
        }
    }

    /// Delays of every scale, many of them equal.
    fn delay() -> impl Strategy<Value = u64> {
        prop_oneof![
            4 => 0..100_u64,
            2 => Just(0),
            2 => Just(1_000_000),
            2 => 0..10_000_000_u64,
            1 => (0..59_u32).prop_map(|bit| 1 << bit),
            1 => Just(TIME_END - 1),
        ]
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u64),
        Burst(u16, u64, u64),
        Pop(u16),
        PopUntil(u64),
        Hold(u16, u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => delay().prop_map(Step::Push),
            2 => (1..400_u16, delay(), delay()).prop_map(|(n, a, b)| Step::Burst(n, a, b)),
            3 => (1..300_u16).prop_map(Step::Pop),
            1 => delay().prop_map(Step::PopUntil),
            2 => (1..500_u16, delay()).prop_map(|(n, d)| Step::Hold(n, d)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn keys_come_out_as_from_a_heap(steps in prop::collection::vec(step(), 1..60)) {
            let mut twins = Twins::default();
            for step in steps {
                match step {
                    Step::Push(delay) => twins.push(delay),
                    Step::Burst(n, first, spread) => {
                        for i in 0..u64::from(n) {
                            twins.push(first + i * 7919 % u64::from(n) * (spread / 1000));
                        }
                    }
                    Step::Pop(n) => {
                        for _ in 0..n {
                            twins.pop(u128::MAX);
                        }
                    }
                    Step::PopUntil(delay) => {
                        let bound = key::bound_after(twins.now + delay);
                        while twins.pop(bound).is_some() {}
                    }
                    Step::Hold(n, delay) => {
                        for i in 0..u64::from(n) {
                            twins.pop(u128::MAX);
                            twins.push(delay / (1 + i % 5));
                        }
                    }
                }
            }
            twins.drain();
        }
    }

    #[test]
    fn a_large_population_turns_over() {
        let mut twins = Twins::default();
        let mut x = 1_u64;
        let mut delay = move || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            x >> 40
        };
        for _ in 0..20_000 {
            twins.push(delay());
        }
        for i in 0..200_000 {
            twins.pop(u128::MAX);
            // Now and then none follows, or two do.
            for _ in 0..(i % 3) {
                twins.push(delay());
            }
        }
        twins.drain();
    }

    #[test]
    fn many_events_of_one_time_each_schedule_another() {
        let mut twins = Twins::default();
        for _ in 0..50_000 {
            twins.push(1_000);
        }
        for _ in 0..50_000 {
            twins.pop(u128::MAX);
            twins.push(0);
        }
        twins.drain();
        assert_eq!(twins.now, 1_000);
    }

    #[test]
    fn an_older_number_may_come_late() {
        // As the sentinels of timers do: the key is ahead of the list, its number is not new.
        let mut twins = Twins::default();
        for _ in 0..1_000 {
            twins.push(10);
            twins.seq += 9;
        }
        for i in 0..1_000 {
            let key = twins.pop(u128::MAX).expect("there are more");
            if i % 2 == 0 {
                twins.push_key(key::pack(10, key::seq(key) + 5, 0));
            }
        }
        twins.drain();
    }

    #[test]
    fn times_that_double_need_no_more_than_a_rung_each() {
        let mut twins = Twins::default();
        for bit in 0..60 {
            for _ in 0..100 {
                twins.push((1 << bit) - 1);
            }
        }
        twins.drain();
        assert!(twins.ladder.rungs.len() <= 60);
    }

    #[test]
    fn nothing_is_allocated_once_warm() {
        let mut ladder = Ladder::default();
        let mut seq = 0;
        let mut turn = |ladder: &mut Ladder, now: u64| {
            seq += 1;
            ladder.push(key::pack(now + seq * 7919 % 100_000, seq, 0));
        };
        for _ in 0..5_000 {
            turn(&mut ladder, 0);
        }
        let held = |l: &Ladder| {
            let rungs: usize = l.rungs.iter().map(|r| r.buckets.capacity()).sum();
            l.bottom.capacity() + l.spill.capacity() + l.top.capacity() + l.chunks.held() + rungs
        };
        let mut warm = 0;
        for i in 0..400_000 {
            let key = ladder.pop_before(u128::MAX).expect("it holds 5000");
            turn(&mut ladder, key::time(key));
            if i == 200_000 {
                warm = held(&ladder);
            }
        }
        assert_eq!(held(&ladder), warm);
    }
}
