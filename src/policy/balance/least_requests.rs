//! The fewest outstanding requests, among all or among a few drawn at random (the power of two
//! choices; Envoy's and gRPC's least request).

use super::{Usable, below};

/// The usable instance with the fewest requests of this caller on the way; ties at random.
#[derive(Clone, Debug)]
pub struct LeastRequests {
    outstanding: Vec<u32>,
    choices: Option<u32>,
    with_replacement: bool,
    /// Some order of all positions; each draw without replacement shuffles its beginning.
    order: Vec<u32>,
}

impl LeastRequests {
    pub(super) fn new(instances: u32, choices: Option<u32>, with_replacement: bool) -> Self {
        Self {
            outstanding: vec![0; instances as usize],
            choices: choices.map(|n| n.max(1)),
            with_replacement,
            order: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn pick(
        &mut self,
        usable: Usable<'_>,
        random: &mut impl FnMut() -> u64,
    ) -> Option<u32> {
        let n = usable.len(self.outstanding.len() as u32);
        if n <= 1 {
            return (n == 1).then(|| usable.at(0));
        }
        match self.choices {
            Some(choices) if self.with_replacement => {
                self.least((0..choices).map(|_| usable.at(below(n, random))))
            }
            Some(choices) if choices < n => self.drawn(usable, n, choices, random),
            _ => Some(self.scan(usable, n, random)),
        }
    }

    #[inline]
    pub(super) fn sent(&mut self, instance: u32) {
        self.outstanding[instance as usize] += 1;
    }

    #[inline]
    pub(super) fn ended(&mut self, instance: u32) {
        let outstanding = &mut self.outstanding[instance as usize];
        debug_assert!(*outstanding > 0, "more requests ended than were sent");
        *outstanding = outstanding.saturating_sub(1);
    }

    /// Without replacement. The draws come in random order, so the first of equals is a random one.
    fn drawn(
        &mut self,
        usable: Usable<'_>,
        n: u32,
        choices: u32,
        random: &mut impl FnMut() -> u64,
    ) -> Option<u32> {
        if self.order.len() != n as usize {
            self.order.clear();
            self.order.extend(0..n);
        }
        // The beginning of a Fisher-Yates shuffle is uniform whatever the order was before.
        for i in 0..choices {
            let j = i + below(n - i, random);
            self.order.swap(i as usize, j as usize);
        }
        self.least(
            self.order[..choices as usize]
                .iter()
                .map(|&position| usable.at(position)),
        )
    }

    fn least(&self, candidates: impl Iterator<Item = u32>) -> Option<u32> {
        candidates.min_by_key(|&instance| self.outstanding[instance as usize])
    }

    fn scan(&self, usable: Usable<'_>, n: u32, random: &mut impl FnMut() -> u64) -> u32 {
        let load = |position| self.outstanding[usable.at(position) as usize];
        let (mut least, mut ties, mut first) = (u32::MAX, 0, 0);
        for position in 0..n {
            let load = load(position);
            if load < least {
                (least, ties, first) = (load, 1, position);
            } else if load == least {
                ties += 1;
            }
        }
        let position = match ties {
            1 => first,
            _ => {
                let chosen = below(ties, random) as usize;
                (first..n)
                    .filter(|&p| load(p) == least)
                    .nth(chosen)
                    .unwrap_or(first)
            }
        };
        usable.at(position)
    }
}
