//! A distribution of whole numbers (nanoseconds, as a rule) in bounded memory.
//!
//! Buckets are linear inside each octave and double in width from one octave to the next
//! (the layout of HdrHistogram), so that the error of a quantile is relative, and the same over
//! the whole range of `u64`. It refuses to know units.

/// Counts in 2⁹ buckets per octave: quantiles within 0.1 % of the value of their rank.
pub type Histogram = LogHistogram<9>;

/// Counts of `u64` values in 2^`BITS` buckets per octave.
///
/// Values below 2^(`BITS`+1) are kept exactly. Above, a quantile is the middle of its bucket, and
/// at most 2^-(`BITS`+1) of the value away from it (`BITS` = 9: 0.098 %; 6: 0.78 %). Count, sum,
/// minimum and maximum are exact. Memory is that of the octaves between the smallest and the
/// largest value: 2^`BITS` × 8 bytes each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogHistogram<const BITS: u32> {
    /// The index of the first bucket in `counts`; a multiple of the buckets of an octave.
    base: usize,
    counts: Vec<u64>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

impl<const BITS: u32> Default for LogHistogram<BITS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BITS: u32> LogHistogram<BITS> {
    /// Buckets per octave.
    const OCTAVE: usize = {
        assert!(BITS >= 1 && BITS <= 16, "2 to 65536 buckets per octave");
        1 << BITS
    };

    /// Without values; allocates nothing yet.
    pub const fn new() -> Self {
        Self {
            base: 0,
            counts: Vec::new(),
            count: 0,
            sum: 0,
            min: u64::MAX,
            max: 0,
        }
    }

    /// Counts one value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        let index = Self::index(value);
        match self.counts.get_mut(index.wrapping_sub(self.base)) {
            Some(count) => *count += 1,
            None => self.cover_and_count(index),
        }
        self.count += 1;
        self.sum += u128::from(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Adds the values of `other`.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let (first, last) = (Self::index(other.min), Self::index(other.max));
        self.cover(first);
        self.cover(last);
        let mine = &mut self.counts[first - self.base..=last - self.base];
        let theirs = &other.counts[first - other.base..=last - other.base];
        for (mine, theirs) in mine.iter_mut().zip(theirs) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Forgets all values, and keeps the memory.
    pub fn clear(&mut self) {
        if self.count == 0 {
            return;
        }
        let (first, last) = (
            Self::index(self.min) - self.base,
            Self::index(self.max) - self.base,
        );
        self.counts[first..=last].fill(0);
        (self.count, self.sum, self.min, self.max) = (0, 0, u64::MAX, 0);
    }

    /// How many values.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Of all values, exactly.
    pub const fn sum(&self) -> u128 {
        self.sum
    }

    /// Arithmetic mean, exact but for the last rounding; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The smallest value, exactly; `None` without values.
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest value, exactly; `None` without values.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The value of rank ⌈q·n⌉ (at least 1) within the bound of the type; `None` without values.
    ///
    /// `q` is cut to 0..=1. A product that misses a whole number by rounding alone counts as that
    /// number: 0.07 of 100 values is rank 7, although 0.07 × 100 > 7 in binary.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        self.quantiles([q]).map(|[value]| value)
    }

    /// Several quantiles in one pass; `qs` must rise.
    pub fn quantiles<const N: usize>(&self, qs: [f64; N]) -> Option<[u64; N]> {
        if self.count == 0 {
            return None;
        }
        let mut values = [self.max; N];
        let mut octaves = self
            .counts
            .chunks_exact(Self::OCTAVE)
            .zip((self.base..).step_by(Self::OCTAVE));
        // Values below the octave at hand, and in it: whole octaves are summed, not searched.
        let (mut below, mut inside, mut octave): (u64, u64, &[u64]) = (0, 0, &[]);
        let mut base = self.base;
        for (q, value) in qs.iter().zip(&mut values) {
            let rank = self.rank(*q);
            while below + inside < rank {
                let Some((counts, first)) = octaves.next() else {
                    break;
                };
                below += inside;
                (octave, base, inside) = (counts, first, counts.iter().sum());
            }
            let mut seen = below;
            let place = octave.iter().position(|count| {
                seen += count;
                seen >= rank
            });
            if let Some(place) = place {
                *value = Self::middle(base + place).clamp(self.min, self.max);
            }
        }
        Some(values)
    }

    /// The complementary distribution: `(value, share of values above it)`, values rising, at most
    /// `points` of them, spread evenly over the logarithm of the value. Shares are exact (the
    /// values are upper ends of buckets) and above 0, so that they can stand on a logarithmic axis.
    pub fn ccdf(&self, points: usize) -> Vec<(u64, f64)> {
        if self.count == 0 || points == 0 {
            return Vec::new();
        }
        let first = Self::index(self.min);
        // Indices grow with the logarithm of the value, but for the exact values at the bottom.
        let stride = (Self::index(self.max) - first + 1).div_ceil(points);
        let mut curve: Vec<(u64, f64)> = Vec::with_capacity(points);
        let (mut above, mut cell) = (self.count, None);
        for (index, count) in self.filled() {
            above -= count;
            if above == 0 {
                break;
            }
            let point = (Self::upper(index), above as f64 / self.count as f64);
            let this = Some((index - first) / stride);
            match curve.last_mut() {
                Some(last) if cell == this => *last = point,
                _ => curve.push(point),
            }
            cell = this;
        }
        curve
    }

    /// Buckets that hold something, rising: `(index, count)`.
    fn filled(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(i, count)| (self.base + i, *count))
    }

    /// ⌈q·n⌉ in 1..=n.
    fn rank(&self, q: f64) -> u64 {
        let exact = q.clamp(0.0, 1.0) * self.count as f64;
        let nearest = libm::round(exact);
        let whole = (exact - nearest).abs() <= 4.0 * f64::EPSILON * exact;
        let rank = if whole { nearest } else { libm::ceil(exact) };
        (rank as u64).clamp(1, self.count)
    }

    /// Which bucket: the value itself below 2^(BITS+1), then its BITS+1 leading bits.
    #[inline]
    const fn index(value: u64) -> usize {
        let shift = 63 - BITS - (value | Self::OCTAVE as u64).leading_zeros();
        ((shift as usize) << BITS) + (value >> shift) as usize
    }

    /// The smallest value of a bucket, and how many values it spans.
    const fn span(index: usize) -> (u64, u64) {
        let shift = (index >> BITS).saturating_sub(1);
        (((index - (shift << BITS)) as u64) << shift, 1 << shift)
    }

    const fn middle(index: usize) -> u64 {
        let (low, width) = Self::span(index);
        low + width / 2
    }

    const fn upper(index: usize) -> u64 {
        let (low, width) = Self::span(index);
        low + (width - 1)
    }

    #[cold]
    #[inline(never)]
    fn cover_and_count(&mut self, index: usize) {
        self.cover(index);
        self.counts[index - self.base] += 1;
    }

    /// Makes room for a bucket, by whole octaves.
    fn cover(&mut self, index: usize) {
        let octave = index & !(Self::OCTAVE - 1);
        if self.counts.is_empty() {
            self.base = octave;
        }
        if octave < self.base {
            let more = self.base - octave;
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.base = octave;
        }
        let end = octave + Self::OCTAVE - self.base;
        if end > self.counts.len() {
            self.counts.resize(end, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled<const BITS: u32>(values: &[u64]) -> LogHistogram<BITS> {
        let mut histogram = LogHistogram::new();
        values.iter().for_each(|v| histogram.record(*v));
        histogram
    }

    #[test]
    fn small_values_are_exact() {
        let histogram: Histogram = filled(&(0..1024).collect::<Vec<_>>());
        for k in 1..=1024u64 {
            assert_eq!(histogram.quantile(k as f64 / 1024.0), Some(k - 1));
        }
        assert_eq!(histogram.sum(), 1023 * 512);
        assert_eq!(histogram.mean(), Some(511.5));
    }

    #[test]
    fn ranks_are_ceilings_without_binary_noise() {
        let histogram: Histogram = filled(&(1..=100).collect::<Vec<_>>());
        assert_eq!(histogram.quantile(0.07), Some(7));
        assert_eq!(histogram.quantile(0.071), Some(8));
        assert_eq!(histogram.quantile(0.0), Some(1));
        assert_eq!(histogram.quantile(1.0), Some(100));
        assert_eq!(histogram.quantiles([0.5, 0.99, 0.999]), Some([50, 99, 100]));
    }

    #[test]
    fn nothing_recorded_is_nothing_known() {
        let histogram = Histogram::new();
        assert_eq!(
            (histogram.mean(), histogram.min(), histogram.max()),
            (None, None, None)
        );
        assert_eq!(histogram.quantile(0.5), None);
        assert!(histogram.ccdf(200).is_empty());
    }

    #[test]
    fn the_whole_range_is_covered() {
        let histogram: Histogram = filled(&[u64::MAX, 0, 1 << 63, (1 << 63) - 1]);
        assert_eq!(histogram.max(), Some(u64::MAX));
        assert_eq!(
            histogram.quantile(1.0),
            Some(Histogram::middle(Histogram::index(u64::MAX)))
        );
        assert_eq!(histogram.sum(), (1 << 64) - 1 + (1 << 64) - 1);
    }

    #[test]
    fn only_the_octaves_in_use_are_allocated() {
        let histogram: Histogram = filled(&[1 << 30, (1 << 31) - 1]);
        assert_eq!(histogram.counts.len(), 512);
        let histogram: Histogram = filled(&[1 << 30, 1 << 29]);
        assert_eq!(histogram.counts.len(), 1024);
    }

    #[test]
    fn the_ccdf_says_which_share_is_slower() {
        let histogram: Histogram = filled(&[10, 10, 20, 40]);
        assert_eq!(histogram.ccdf(200), [(10, 0.5), (20, 0.25)]);
    }

    fn any_magnitude() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64u32).prop_map(|(v, shift)| v >> shift)
    }

    fn values() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(any_magnitude(), 1..200)
    }

    /// The value at rank ⌈q·n⌉ of a sorted vector, with q given in thousandths.
    fn by_sorting(sorted: &[u64], thousandths: usize) -> u64 {
        sorted[(thousandths * sorted.len()).div_ceil(1000).max(1) - 1]
    }

    fn check_bound<const BITS: u32>(mut values: Vec<u64>, thousandths: usize) {
        let histogram: LogHistogram<BITS> = filled(&values);
        values.sort_unstable();
        let exact = by_sorting(&values, thousandths);
        let estimate = histogram.quantile(thousandths as f64 / 1000.0).unwrap();
        // In whole numbers, as f64 can't tell neighbours near u64::MAX apart.
        assert!(
            u128::from(exact.abs_diff(estimate)) << (BITS + 1) <= u128::from(exact),
            "{estimate} is too far from {exact}"
        );
    }

    proptest! {
        #[test]
        fn quantiles_keep_their_bound(values in values(), thousandths in 0..=1000usize) {
            check_bound::<9>(values.clone(), thousandths);
            check_bound::<6>(values, thousandths);
        }

        #[test]
        fn a_bucket_spans_the_values_that_fall_into_it(value in any_magnitude()) {
            let (low, width) = Histogram::span(Histogram::index(value));
            prop_assert!(low <= value && value - low < width);
        }

        #[test]
        fn merging_is_recording_all(a in values(), b in values()) {
            let mut merged: Histogram = filled(&a);
            merged.merge(&filled(&b));
            let all: Histogram = filled(&[a, b].concat());
            prop_assert_eq!(merged.filled().collect::<Vec<_>>(), all.filled().collect::<Vec<_>>());
            prop_assert_eq!((merged.count, merged.sum, merged.min, merged.max), (all.count, all.sum, all.min, all.max));
        }

        #[test]
        fn cleared_is_empty(a in values(), b in values()) {
            let mut reused: Histogram = filled(&a);
            reused.clear();
            prop_assert_eq!(reused.filled().count(), 0);
            b.iter().for_each(|v| reused.record(*v));
            prop_assert_eq!(reused.quantile(0.9), filled::<9>(&b).quantile(0.9));
        }

        #[test]
        fn ccdf_shares_are_exact(mut values in values(), points in 1..300usize) {
            let curve = filled::<9>(&values).ccdf(points);
            values.sort_unstable();
            prop_assert!(curve.len() <= points);
            prop_assert!(curve.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1));
            for (value, share) in curve {
                let above = values.iter().filter(|v| **v > value).count();
                prop_assert_eq!(share, above as f64 / values.len() as f64);
            }
        }
    }
}
