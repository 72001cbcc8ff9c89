//! In which order instances are replaced: batch after batch, with a pause between them.
//!
//! It refuses to know what an instance is: a number.

use clock::Duration;
use std::collections::VecDeque;

/// A roll through instances.
///
/// It is asked for the next batch ([`Self::next_batch`]), hears of each instance that is ready, and
/// says then whether a pause comes before the next one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roll {
    batches: VecDeque<Vec<u32>>,
    pause: Duration,
    /// Those of the present batch that are not ready.
    outstanding: Vec<u32>,
}

/// Where a roll stands once an instance is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Others of the batch are not.
    Waiting,
    /// The batch is through: the next one comes after this time.
    Pause(Duration),
    /// All instances are through.
    Finished,
}

impl Roll {
    /// All at the same time.
    pub fn all_at_once(instances: Vec<u32>) -> Self {
        Self::in_batches(instances, u32::MAX, Duration::ZERO)
    }

    /// So many at a time (at least one), and a pause behind each batch but the last.
    pub fn in_batches(instances: Vec<u32>, batch: u32, pause: Duration) -> Self {
        let batches = instances.chunks(batch.max(1) as usize);
        Self {
            batches: batches.map(<[u32]>::to_vec).collect(),
            pause,
            outstanding: Vec::new(),
        }
    }

    /// A share of the instances first, rounded up; the others, at the same time, when `watch` is over.
    pub fn canary(mut instances: Vec<u32>, share: f64, watch: Duration) -> Self {
        let first = canaries(instances.len(), share);
        let rest = instances.split_off(first);
        let batches = [instances, rest].into_iter();
        Self {
            batches: batches.filter(|batch| !batch.is_empty()).collect(),
            pause: watch,
            outstanding: Vec::new(),
        }
    }

    /// Takes the next batch; `None` when there is no other. The batch before must be through.
    pub fn next_batch(&mut self) -> Option<Vec<u32>> {
        debug_assert!(self.outstanding.is_empty(), "one batch at a time");
        let batch = self.batches.pop_front()?;
        self.outstanding.clone_from(&batch);
        Some(batch)
    }

    /// An instance runs what it should. One that is not of the present batch changes nothing.
    pub fn ready(&mut self, instance: u32) -> Stage {
        let before = self.outstanding.len();
        self.outstanding.retain(|&waiting| waiting != instance);
        if before == self.outstanding.len() || !self.outstanding.is_empty() {
            Stage::Waiting
        } else if self.batches.is_empty() {
            Stage::Finished
        } else {
            Stage::Pause(self.pause)
        }
    }

    /// Those of the present batch that are not ready.
    pub fn outstanding(&self) -> &[u32] {
        &self.outstanding
    }
}

/// How many of so many instances a share is, rounded up; at least one where there is one.
pub fn canaries(instances: usize, share: f64) -> usize {
    let exact = instances as f64 * share.clamp(0.0, 1.0);
    // 10 % of 30 is three, also where binary says a little more.
    let first = libm::ceil(exact - 1e-9) as usize;
    first.clamp(instances.min(1), instances)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The batches in their order, and the pauses between them.
    fn batches(mut roll: Roll) -> (Vec<Vec<u32>>, Vec<Duration>) {
        let (mut seen, mut pauses) = (Vec::new(), Vec::new());
        while let Some(batch) = roll.next_batch() {
            for (i, &instance) in batch.iter().enumerate() {
                let stage = roll.ready(instance);
                match stage {
                    Stage::Waiting => assert!(i + 1 < batch.len()),
                    Stage::Pause(time) => pauses.push(time),
                    Stage::Finished => assert_eq!(i + 1, batch.len()),
                }
            }
            seen.push(batch);
        }
        (seen, pauses)
    }

    #[test]
    fn a_canary_is_a_share_rounded_up_and_the_rest_waits() {
        let minute = Duration::from_secs(60);
        let (seen, pauses) = batches(Roll::canary((0..5).collect(), 0.25, minute));
        assert_eq!(seen, [vec![0, 1], vec![2, 3, 4]]);
        assert_eq!(pauses, [minute]);
        assert_eq!(canaries(30, 0.1), 3);
        assert_eq!(canaries(3, 0.01), 1);
        // Nobody is left to wait.
        assert_eq!(batches(Roll::canary(vec![7], 0.1, minute)).0, [vec![7]]);
    }

    #[test]
    fn strangers_and_repetitions_do_not_move_a_roll_on() {
        let mut roll = Roll::in_batches(vec![1, 2, 3], 2, Duration::ZERO);
        assert_eq!(roll.next_batch(), Some(vec![1, 2]));
        assert_eq!(roll.ready(9), Stage::Waiting);
        assert_eq!(roll.ready(1), Stage::Waiting);
        assert_eq!(roll.ready(1), Stage::Waiting);
        assert_eq!(roll.outstanding(), [2]);
        assert_eq!(roll.ready(2), Stage::Pause(Duration::ZERO));
    }

    proptest! {
        #[test]
        fn every_instance_is_replaced_once_in_batches_of_the_size(n in 0u32..40, batch in 1u32..12) {
            let pause = Duration::from_millis(5);
            let (seen, pauses) = batches(Roll::in_batches((0..n).collect(), batch, pause));
            prop_assert_eq!(seen.concat(), (0..n).collect::<Vec<_>>());
            prop_assert!(seen.iter().all(|one| one.len() <= batch as usize));
            prop_assert_eq!(seen.len() as u32, n.div_ceil(batch));
            prop_assert_eq!(pauses.len(), seen.len().saturating_sub(1));
        }
    }
}
