//! Smooth weighted round robin, as in nginx: shares exactly proportional to the weights, and the
//! turns of a heavy instance spread among those of the others.

use super::Usable;

/// In turn, each as often as its weight says; weight 0 never.
#[derive(Clone, Debug)]
pub struct Weighted {
    instances: Vec<Share>,
}

#[derive(Clone, Copy, Debug)]
struct Share {
    weight: i64,
    /// What it is owed; the sum over all is zero between picks.
    credit: i64,
}

impl Weighted {
    /// The weights are repeated when there are more instances; no weights are equal ones.
    pub(super) fn new(instances: u32, weights: &[u32]) -> Self {
        let weights = if weights.is_empty() {
            &[1][..]
        } else {
            weights
        };
        let share = |&weight| Share {
            weight: i64::from(weight),
            credit: 0,
        };
        Self {
            instances: weights
                .iter()
                .cycle()
                .take(instances as usize)
                .map(share)
                .collect(),
        }
    }

    #[inline]
    pub(super) fn pick(&mut self, usable: Usable<'_>) -> Option<u32> {
        let mut total = 0;
        let mut best: Option<(i64, u32)> = None;
        for position in 0..usable.len(self.instances.len() as u32) {
            let instance = usable.at(position);
            let share = &mut self.instances[instance as usize];
            if share.weight == 0 {
                continue;
            }
            share.credit += share.weight;
            total += share.weight;
            if best.is_none_or(|(credit, _)| share.credit > credit) {
                best = Some((share.credit, instance));
            }
        }
        let (_, instance) = best?;
        self.instances[instance as usize].credit -= total;
        Some(instance)
    }
}
