//! A series of any length in bounded memory, as means of equal batches.

/// A series that is kept as means of batches of equal size. When the memory is full, neighbours
/// are merged and the batches double.
#[derive(Clone, PartialEq, Debug)]
pub struct BoundedSeries {
    batches: Vec<Batch>,
    capacity: usize,
    /// Observations in a batch.
    size: u64,
    /// Of the batch that is being filled.
    filled: u64,
    sum: f64,
}

/// The mean of consecutive observations.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Batch {
    /// The position (a time, as a rule) of its last observation.
    pub end: u64,
    /// Arithmetic mean.
    pub mean: f64,
}

impl BoundedSeries {
    /// An empty series of at most `capacity` batches (at least 2; an odd one is rounded up), at
    /// first of `batch` observations each (at least 1).
    pub fn new(batch: u64, capacity: usize) -> Self {
        let capacity = capacity.max(2).next_multiple_of(2);
        Self {
            batches: Vec::new(),
            capacity,
            size: batch.max(1),
            filled: 0,
            sum: 0.0,
        }
    }

    /// One more observation, at a position that does not fall.
    #[inline]
    pub fn push(&mut self, position: u64, value: f64) {
        self.sum += value;
        self.filled += 1;
        if self.filled == self.size {
            self.close(position);
        }
    }

    /// The full batches; observations that don't fill one yet are not in them.
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// How many observations make a batch now: the first size times a power of two.
    pub const fn batch_size(&self) -> u64 {
        self.size
    }

    #[cold]
    fn close(&mut self, end: u64) {
        self.batches.push(Batch {
            end,
            mean: self.sum / self.size as f64,
        });
        (self.filled, self.sum) = (0, 0.0);
        if self.batches.len() == self.capacity {
            for i in 0..self.capacity / 2 {
                let (first, second) = (self.batches[2 * i], self.batches[2 * i + 1]);
                self.batches[i] = Batch {
                    end: second.end,
                    mean: (first.mean + second.mean) / 2.0,
                };
            }
            self.batches.truncate(self.capacity / 2);
            self.size *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn batches_double_when_the_memory_is_full() {
        let mut series = BoundedSeries::new(2, 4);
        (0..7).for_each(|i| series.push(i, i as f64));
        assert_eq!(series.batch_size(), 2);
        assert_eq!(series.batches().len(), 3);
        series.push(7, 7.0);
        assert_eq!(series.batch_size(), 4);
        assert_eq!(
            series.batches(),
            [Batch { end: 3, mean: 1.5 }, Batch { end: 7, mean: 5.5 }]
        );
    }

    proptest! {
        #[test]
        fn every_batch_is_the_mean_of_its_observations(
            values in prop::collection::vec(0..1_000_000u32, 0..500),
            batch in 1..6u64,
            capacity in 2..40usize,
        ) {
            let mut series = BoundedSeries::new(batch, capacity);
            values.iter().enumerate().for_each(|(i, v)| series.push(i as u64, f64::from(*v)));
            let size = series.batch_size() as usize;
            prop_assert_eq!(series.batches().len(), values.len() / size);
            prop_assert!(series.batches().len() <= capacity + 1);
            for (batch, values) in series.batches().iter().zip(values.chunks(size)) {
                let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / size as f64;
                prop_assert!((batch.mean - mean).abs() < 1e-6);
            }
        }
    }
}
