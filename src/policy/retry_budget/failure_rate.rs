//! A breaker for retries alone (Brooker, "Fixing retries with token buckets and circuit breakers",
//! 2022): while too many attempts fail, calls are still made, but not again.

use crate::slices::Slices;
use clock::{Duration, Instant};

#[derive(Clone, Debug)]
pub(super) struct FailureRate {
    most: f64,
    calls: Count,
    failures: Count,
}

/// Of all times, or of the last while.
#[derive(Clone, Debug)]
enum Count {
    Ever(i64),
    Lately(Slices<i64>),
}

/// The steps in which calls are forgotten.
const STEPS: u32 = 10;

impl FailureRate {
    pub(super) fn new(most: f64, window: Option<Duration>) -> Self {
        let count = || {
            window.map_or(Count::Ever(0), |length| {
                Count::Lately(Slices::new(length, STEPS))
            })
        };
        Self {
            most,
            calls: count(),
            failures: count(),
        }
    }

    #[inline]
    pub(super) fn call_started(&mut self, now: Instant) {
        self.calls.add(now);
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.failures.add(now);
    }

    pub(super) fn is_below(&mut self, now: Instant) -> bool {
        let (failures, calls) = (self.failures.get(now), self.calls.get(now));
        failures as f64 <= self.most * calls as f64
    }

    /// Failures that would still be answered by a retry.
    pub(super) fn balance(&mut self, now: Instant) -> f64 {
        let (failures, calls) = (self.failures.get(now), self.calls.get(now));
        (self.most * calls as f64 - failures as f64).max(0.0)
    }
}

impl Count {
    fn add(&mut self, now: Instant) {
        match self {
            Self::Ever(count) => *count += 1,
            Self::Lately(slices) => slices.add(now, 1),
        }
    }

    fn get(&mut self, now: Instant) -> i64 {
        match self {
            Self::Ever(count) => *count,
            Self::Lately(slices) => slices.sum(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(s)
    }

    #[test]
    fn retries_stop_when_more_than_the_share_has_failed() {
        let mut budget = FailureRate::new(0.1, None);
        (0..10).for_each(|_| budget.call_started(at(0)));
        budget.failed(at(0));
        assert!(budget.is_below(at(0)));
        budget.failed(at(0));
        assert!(!budget.is_below(at(1_000_000)));
        (0..10).for_each(|_| budget.call_started(at(0)));
        assert!(budget.is_below(at(0)));
    }

    #[test]
    fn a_window_forgets() {
        let mut budget = FailureRate::new(0.5, Some(Duration::from_secs(10)));
        budget.call_started(at(0));
        budget.failed(at(0));
        assert!(!budget.is_below(at(9)));
        assert!(budget.is_below(at(10)));
    }
}
