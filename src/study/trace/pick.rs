//! Which requests of a replication are worth to be seen: the slowest that were answered, and failed
//! ones of every kind and time. In memory that does not grow with the number of requests.
//!
//! It refuses to know what became of a request inside.

use super::record::{Chosen, Ended};
use clock::{Duration, Instant};
use policy::Outcome;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A request of a workload, by the workload's index and its number there, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Request {
    pub(super) started: Instant,
    pub(super) workload: u32,
    pub(super) number: u64,
}

/// Hears of every request that has ended, and keeps few.
#[derive(Debug)]
pub(super) struct Pick {
    slowest: usize,
    failed: usize,
    slow: BTreeSet<(Duration, Reverse<Request>)>,
    /// By number of the outcome.
    failures: BTreeMap<u8, Even>,
    /// By workload.
    ended: BTreeMap<u32, BTreeMap<u8, u64>>,
}

impl Pick {
    pub(super) fn new(slowest: u32, failed: u32) -> Self {
        Self {
            slowest: slowest as usize,
            failed: failed as usize,
            slow: BTreeSet::new(),
            failures: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    pub(super) fn ended(&mut self, now: Instant, request: Request, outcome: Outcome) {
        let ended = self.ended.entry(request.workload).or_default();
        *ended.entry(outcome as u8).or_default() += 1;
        if outcome.is_success() {
            // Of equally slow ones the first.
            let key = (now.since(request.started), Reverse(request));
            self.slow.insert(key);
            if self.slow.len() > self.slowest {
                self.slow.pop_first();
            }
        } else if self.failed > 0 {
            let most = 2 * self.failed;
            let kind = self.failures.entry(outcome as u8);
            kind.or_insert_with(|| Even::new(most)).add(request);
        }
    }

    /// How many ended how, by workload.
    pub(super) fn counts(&self) -> BTreeMap<u32, Ended> {
        let counts = self.ended.iter().map(|(&workload, ended)| {
            let mut counted = Ended::default();
            for (&outcome, &count) in ended {
                let outcome = Outcome::ALL[usize::from(outcome)];
                if outcome.is_success() {
                    counted.succeeded += count;
                } else {
                    counted.failed.insert(outcome.name().to_owned(), count);
                }
            }
            (workload, counted)
        });
        counts.collect()
    }

    /// The slowest first; then failed ones in the order in which they began. The kinds of failure
    /// take turns, the commonest first, until there are enough; of each kind they are taken at even
    /// steps through its failures in the order in which they ended.
    pub(super) fn chosen(&self) -> Vec<(Request, Chosen)> {
        let slow = self.slow.iter().rev();
        let slow = slow.map(|(_, Reverse(request))| (*request, Chosen::Slowest));
        let mut kinds: Vec<&Even> = self.failures.values().collect();
        kinds.sort_by_key(|kind| Reverse(kind.seen));
        let mut shares = vec![0; kinds.len()];
        let mut left = self.failed;
        while left > 0 {
            let before = left;
            for (share, kind) in shares.iter_mut().zip(&kinds) {
                if left > 0 && *share < kind.kept.len() {
                    *share += 1;
                    left -= 1;
                }
            }
            if left == before {
                break;
            }
        }
        let taken = kinds.iter().zip(shares);
        let mut failed: Vec<_> = taken.flat_map(|(kind, share)| kind.take(share)).collect();
        failed.sort_unstable();
        let failed = failed.into_iter().map(|request| (request, Chosen::Failed));
        slow.chain(failed).collect()
    }
}

/// Every how-manieth of what is added, so that the number kept stays between the half of `most` and
/// `most`.
#[derive(Debug)]
struct Even {
    most: usize,
    step: u64,
    seen: u64,
    kept: Vec<Request>,
}

impl Even {
    fn new(most: usize) -> Self {
        Self {
            most,
            step: 1,
            seen: 0,
            kept: Vec::new(),
        }
    }

    fn add(&mut self, request: Request) {
        if self.seen.is_multiple_of(self.step) {
            if self.kept.len() == self.most {
                let mut number = 0;
                self.kept.retain(|_| {
                    number += 1;
                    number % 2 == 1
                });
                self.step *= 2;
            }
            if self.seen.is_multiple_of(self.step) {
                self.kept.push(request);
            }
        }
        self.seen += 1;
    }

    /// So many of those kept, at even steps.
    fn take(&self, share: usize) -> impl Iterator<Item = Request> + '_ {
        let kept = self.kept.len();
        (0..share).map(move |i| self.kept[(2 * i + 1) * kept / (2 * share)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(number: u64) -> Request {
        Request {
            started: Instant::from_nanos(number * 10),
            workload: 0,
            number,
        }
    }

    /// A request a 10 ns, with the latency and the outcome that are given.
    fn picked(pick: &mut Pick, ends: &[(u64, Outcome)]) -> Vec<(u64, Chosen)> {
        for (number, &(latency, outcome)) in ends.iter().enumerate() {
            let request = request(number as u64);
            let end = request.started + Duration::from_nanos(latency);
            pick.ended(end, request, outcome);
        }
        let chosen = pick.chosen().into_iter();
        chosen.map(|(r, chosen)| (r.number, chosen)).collect()
    }

    #[test]
    fn the_slowest_come_first_and_of_equals_the_earlier() {
        let latencies = [5, 9, 7, 9, 1].map(|l| (l, Outcome::Success));
        let found = picked(&mut Pick::new(3, 3), &latencies);
        let slow = |n| (n, Chosen::Slowest);
        assert_eq!(found, [slow(1), slow(3), slow(2)]);
    }

    #[test]
    fn a_rare_kind_of_failure_is_not_lost_among_many() {
        let mut ends = vec![(1, Outcome::Timeout); 10_000];
        ends[777] = (1, Outcome::Error);
        let mut pick = Pick::new(2, 4);
        let found = picked(&mut pick, &ends);
        assert_eq!(found.len(), 4);
        assert!(found.contains(&(777, Chosen::Failed)));
        assert_eq!(pick.counts()[&0].failed["timeout"], 9999);
    }

    #[test]
    fn no_failure_is_taken_where_none_is_asked_for() {
        assert_eq!(
            picked(
                &mut Pick::new(0, 0),
                &[(1, Outcome::Error), (1, Outcome::Success)]
            ),
            []
        );
    }

    proptest! {
        #[test]
        fn failures_are_taken_from_the_whole_run(n in 1..3000_u64, most in 1..20_u32) {
            let ends = vec![(3, Outcome::Error); n as usize];
            let found = picked(&mut Pick::new(0, most), &ends);
            prop_assert_eq!(found.len() as u64, n.min(most.into()));
            let numbers: Vec<u64> = found.iter().map(|(number, _)| *number).collect();
            prop_assert!(numbers.is_sorted_by(|a, b| a < b));
            // In every stretch of twice the even share there is one.
            let stretch = 2 * n / numbers.len() as u64 + 1;
            let ends = numbers.iter().copied().chain([n]);
            let starts = [0].into_iter().chain(numbers.iter().copied());
            for (from, to) in starts.zip(ends) {
                prop_assert!(to - from <= stretch, "{:?}", numbers);
            }
        }
    }
}
