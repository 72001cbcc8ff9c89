//! Bisection between a load that meets the objectives for sure and one that misses them for sure.
//!
//! It sees loads and verdicts, and refuses to know what they are of. Loads that are too close to
//! call are kept as a middle part of their own: the search then narrows what is left on both sides
//! of it, and the answer is the whole interval between the loads that are sure. The scheme is
//! bisection with a sequential test at each point (R. Waeber, P. I. Frazier, S. G. Henderson,
//! "Bisection search with noisy responses", SIAM J. Control Optim. 51, 2013), with tests that give up
//! where theirs would go on.

use crate::capacity::Verdict;

/// So many loads are tried at most; every verdict may be wrong with the same share of 5 %.
pub(crate) const MOST_LOADS: usize = 32;
/// From one load to the next until the capacity is between two.
const STRIDE: f64 = 2.0;
/// How far from the first load a capacity is looked for. Upwards each step costs as much as all before.
const FURTHEST_UP: f64 = 128.0;
const FURTHEST_DOWN: f64 = 1024.0;
/// Loads are rounded on the way there.
const SLACK: f64 = 1.01;

/// The loads that were tried, and what was found there.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Search {
    /// Rising.
    tried: Vec<(f64, Verdict)>,
    /// How many of them were asked for here.
    asked: usize,
    first: f64,
    /// As a share of the load.
    within: f64,
}

/// What is known of the capacity.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Bracket {
    /// The highest load that meets the objectives, below all that miss them.
    pub(crate) low: Option<f64>,
    /// The lowest load that misses them.
    pub(crate) high: Option<f64>,
}

impl Search {
    /// Begins at a load above 0, and ends when the interval is narrower than this share of the load.
    pub(crate) fn new(first: f64, within: f64) -> Self {
        Self {
            tried: Vec::new(),
            asked: 0,
            first: rounded(first),
            within,
        }
    }

    /// The load to be tried next; `None` when nothing more is to be learnt.
    pub(crate) fn next(&self) -> Option<f64> {
        if self.asked >= MOST_LOADS {
            return None;
        }
        let (Some((least, _)), Some((most, _))) = (self.tried.first(), self.tried.last()) else {
            return Some(self.first);
        };
        let Bracket { low, high } = self.bracket();
        let Some(low) = low else {
            let next = rounded(least / STRIDE);
            return (next * FURTHEST_DOWN * SLACK >= self.first).then_some(next);
        };
        let Some(high) = high else {
            let next = rounded(most * STRIDE);
            return (next <= self.first * FURTHEST_UP * SLACK).then_some(next);
        };
        if high - low <= self.within * low {
            return None;
        }
        let unclear = self.tried.iter().map(|(load, _)| *load);
        let mut unclear = unclear.filter(|load| low < *load && *load < high);
        let gap = match (unclear.next(), unclear.next_back()) {
            (None, _) => (low, high),
            (Some(one), None) => larger((low, one), (one, high)),
            (Some(first), Some(last)) => larger((low, first), (last, high)),
        };
        // Beside loads that cannot be told from the target there is little to be found.
        let narrow = gap.1 - gap.0 <= self.within / 4.0 * low;
        let next = rounded(f64::midpoint(gap.0, gap.1));
        (!narrow && gap.0 < next && next < gap.1).then_some(next)
    }

    /// What was found at the load that was to be tried.
    pub(crate) fn tell(&mut self, load: f64, verdict: Verdict) {
        self.asked += 1;
        self.know(load, verdict);
    }

    /// What is known of a load anyway.
    pub(crate) fn know(&mut self, load: f64, verdict: Verdict) {
        let at = self.tried.partition_point(|(other, _)| *other < load);
        self.tried.insert(at, (load, verdict));
    }

    /// What is known so far.
    pub(crate) fn bracket(&self) -> Bracket {
        let missed = |(_, verdict): &&(f64, Verdict)| *verdict == Verdict::Missed;
        let high = self.tried.iter().find(missed).map(|(load, _)| *load);
        let met = self.tried.iter().filter(|(_, v)| *v == Verdict::Met);
        let below = met.filter(|(load, _)| high.is_none_or(|high| *load < high));
        Bracket {
            low: below.map(|(load, _)| *load).next_back(),
            high,
        }
    }

    /// Whether a higher load met what a lower one missed: then there is no one highest load.
    pub(crate) fn is_torn(&self) -> bool {
        let Bracket { high, .. } = self.bracket();
        let mut met = self.tried.iter().filter(|(_, v)| *v == Verdict::Met);
        met.any(|(load, _)| high.is_some_and(|high| *load > high))
    }
}

fn larger(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    if a.1 - a.0 >= b.1 - b.0 { a } else { b }
}

/// To four digits: a load that people can write down, and run again.
pub(crate) fn rounded(load: f64) -> f64 {
    format!("{load:.3e}").parse().unwrap_or(load)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A search for a capacity, where loads within this share of it cannot be told.
    fn search(capacity: f64, blur: f64, first: f64, within: f64) -> Search {
        let mut search = Search::new(first, within);
        while let Some(load) = search.next() {
            let verdict = if (load / capacity - 1.0).abs() < blur {
                Verdict::Unclear
            } else if load <= capacity {
                Verdict::Met
            } else {
                Verdict::Missed
            };
            search.tell(load, verdict);
        }
        search
    }

    #[test]
    fn what_is_nowhere_near_is_said_so() {
        let above = search(1e9, 0.0, 100.0, 0.01).bracket();
        assert_eq!((above.low, above.high), (Some(12_800.0), None));
        let below = search(1e-9, 0.0, 100.0, 0.01).bracket();
        assert_eq!(below.low, None);
        assert!(below.high.unwrap() < 0.2);
    }

    #[test]
    fn an_order_that_cannot_be_is_noticed() {
        let mut search = Search::new(100.0, 0.01);
        for (load, verdict) in [
            (100.0, Verdict::Met),
            (200.0, Verdict::Missed),
            (400.0, Verdict::Met),
        ] {
            search.know(load, verdict);
        }
        assert!(search.is_torn());
        let Bracket { low, high } = search.bracket();
        assert_eq!((low, high), (Some(100.0), Some(200.0)));
    }

    proptest! {
        #[test]
        fn the_capacity_is_between(
            capacity in 10.0..1000.0f64, first in 10.0..1000.0f64, blur in 0.0..0.05f64,
        ) {
            let search = search(capacity, blur, first, 0.01);
            let Bracket { low, high } = search.bracket();
            let (low, high) = (low.unwrap(), high.unwrap());
            prop_assert!(low <= capacity && capacity <= high, "{low} {high}");
            // As narrow as was asked for, or as narrow as the blur lets it be.
            prop_assert!(high - low <= 0.011 * capacity + 2.2 * blur * capacity, "{low} {high}");
            prop_assert!(search.asked < MOST_LOADS);
            prop_assert!(!search.is_torn());
        }
    }
}
