//! A quantile of the latencies of late, with bounded memory and a stated error.
//!
//! Latencies are counted in buckets whose widths grow with them: sixteen in each doubling. The
//! counts are those of the running thousand and of the thousand before it, so that what is older
//! than two thousand is forgotten whole, and the answer is that of the buckets at every moment.

use clock::Duration;

/// The buckets of a doubling, as a power of two.
const BITS: u32 = 4;
const PER_DOUBLING: usize = 1 << BITS;
/// Latencies below `PER_DOUBLING` nanoseconds have a bucket each.
const BUCKETS: usize = (u64::BITS - BITS + 1) as usize * PER_DOUBLING;

/// How many latencies make one generation.
const GENERATION: u32 = 1_000;
/// Nothing is said before there are so many.
const FEWEST: u32 = 100;

/// The latency below or at which a share of the last 1,000 to 2,000 lies, with a relative error of
/// at most 1/32.
#[derive(Clone, Debug)]
pub(crate) struct RecentQuantile {
    quantile: f64,
    running: Box<[u32]>,
    before: Box<[u32]>,
    /// Latencies in the running generation, and in both.
    fresh: u32,
    all: u32,
    /// The bucket of the answer, and the latencies in those below it.
    at: usize,
    below: u32,
}

impl RecentQuantile {
    /// `quantile` is 0..=1.
    pub(crate) fn new(quantile: f64) -> Self {
        let buckets = vec![0; BUCKETS].into_boxed_slice();
        Self {
            quantile: quantile.clamp(0.0, 1.0),
            running: buckets.clone(),
            before: buckets,
            fresh: 0,
            all: 0,
            at: 0,
            below: 0,
        }
    }

    /// One more latency. Constant time, but for once in a generation.
    pub(crate) fn add(&mut self, latency: Duration) {
        if self.fresh == GENERATION {
            self.turn();
        }
        let bucket = bucket(latency.as_nanos());
        self.running[bucket] += 1;
        self.fresh += 1;
        self.all += 1;
        self.below += u32::from(bucket < self.at);
        self.settle();
    }

    /// `None` while there are fewer than a hundred latencies.
    pub(crate) fn value(&self) -> Option<Duration> {
        (self.all >= FEWEST).then(|| Duration::from_nanos(middle(self.at)))
    }

    /// The running generation becomes the one before.
    fn turn(&mut self) {
        core::mem::swap(&mut self.running, &mut self.before);
        self.running.fill(0);
        self.all = core::mem::take(&mut self.fresh);
        (self.at, self.below) = (0, 0);
    }

    /// Moves to the bucket in which the latency of the nearest rank lies.
    fn settle(&mut self) {
        let rank = ((self.quantile * f64::from(self.all)).ceil() as u32).max(1);
        while self.below >= rank {
            self.at -= 1;
            self.below -= self.count(self.at);
        }
        while self.below + self.count(self.at) < rank {
            self.below += self.count(self.at);
            self.at += 1;
        }
    }

    fn count(&self, bucket: usize) -> u32 {
        self.running[bucket] + self.before[bucket]
    }
}

fn bucket(nanos: u64) -> usize {
    // The doubling, counted from the one in which the buckets are a nanosecond wide.
    let doubling = (u64::BITS - BITS - 1).saturating_sub(nanos.leading_zeros());
    (doubling as usize * PER_DOUBLING) + (nanos >> doubling) as usize
}

/// The middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let doubling = (bucket / PER_DOUBLING).saturating_sub(1);
    let first = ((bucket - doubling * PER_DOUBLING) as u64) << doubling;
    first + ((1 << doubling) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for nanos in 1..100_000 {
            let step = bucket(nanos) - bucket(nanos - 1);
            assert!(step <= 1, "{nanos}");
        }
        for number in 0..BUCKETS {
            assert_eq!(bucket(middle(number)), number);
        }
        assert_eq!((bucket(0), bucket(u64::MAX)), (0, BUCKETS - 1));
    }

    #[test]
    fn it_speaks_from_the_hundredth_on_and_forgets_the_third_thousand_before() {
        let mut recent = RecentQuantile::new(0.95);
        for n in 0..100 {
            assert_eq!(recent.value(), None, "{n}");
            recent.add(Duration::from_nanos(7));
        }
        assert_eq!(recent.value(), Some(Duration::from_nanos(7)));
        // 900 more of 7 ns, and a thousand of 3 ns: half of each.
        (0..900).for_each(|_| recent.add(Duration::from_nanos(7)));
        (0..1_000).for_each(|_| recent.add(Duration::from_nanos(3)));
        assert_eq!(recent.value(), Some(Duration::from_nanos(7)));
        recent.add(Duration::from_nanos(3));
        assert_eq!(recent.value(), Some(Duration::from_nanos(3)));
    }

    proptest! {
        #[test]
        fn the_error_is_a_thirty_second_at_most(
            quantile in 0.0..=1.0f64,
            latencies in prop::collection::vec(0u32..64, 100..2_500),
            low: u32,
        ) {
            let mut recent = RecentQuantile::new(quantile);
            let latencies: Vec<u64> =
                latencies.into_iter().map(|shift| (1 << shift) | u64::from(low) & ((1 << shift) - 1)).collect();
            for &latency in &latencies {
                recent.add(Duration::from_nanos(latency));
            }
            let n = latencies.len();
            let kept = if n <= 2_000 { n } else { 1_000 + (n - 1) % 1_000 + 1 };
            let mut kept: Vec<u64> = latencies[n - kept..].to_vec();
            kept.sort_unstable();
            let rank = ((quantile * kept.len() as f64).ceil() as usize).max(1);
            let exact = kept[rank - 1];
            let said = recent.value().map(|value| value.as_nanos());
            prop_assert!(
                said.is_some_and(|said| said.abs_diff(exact) <= exact / 32),
                "{said:?} for {exact}"
            );
        }
    }
}
