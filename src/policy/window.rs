//! The calls that a circuit breaker looks back on, and whether they are too bad.
//!
//! A window knows of failed and slow calls only; which outcome is a failure and which call is slow
//! was decided before.

use crate::config::{Alignment, Window as WindowConfig};
use crate::rolling::Rolling;
use crate::slices::Slices;
use clock::Instant;
use core::ops::{AddAssign, SubAssign};

/// Calls, and how many of them failed or were slow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) total: u32,
    pub(crate) failed: u32,
    pub(crate) slow: u32,
}

impl Tally {
    #[inline]
    pub(crate) fn one(failed: bool, slow: bool) -> Self {
        Self {
            total: 1,
            failed: u32::from(failed),
            slow: u32::from(slow),
        }
    }

    /// Whether a share reaches its threshold. A threshold of 0 is reached by the first bad call,
    /// not by good ones.
    #[inline]
    pub(crate) fn exceeds(self, limits: Limits) -> bool {
        // A quotient of whole numbers is rounded correctly, so that 3 of 10 is exactly the float
        // that a user's 0.3 became; a product would not be.
        let reaches =
            |bad: u32, rate: f64| bad > 0 && f64::from(bad) / f64::from(self.total) >= rate;
        reaches(self.failed, limits.failure_rate)
            || limits
                .slow_rate
                .is_some_and(|rate| reaches(self.slow, rate))
    }
}

impl AddAssign for Tally {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.failed += other.failed;
        self.slow += other.slow;
    }
}

impl SubAssign for Tally {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        self.total -= other.total;
        self.failed -= other.failed;
        self.slow -= other.slow;
    }
}

/// From where on calls are too bad; shares in 0..=1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Limits {
    pub(crate) failure_rate: f64,
    pub(crate) slow_rate: Option<f64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Window {
    Count {
        ring: Vec<Mark>,
        oldest: usize,
        size: usize,
        minimum: u32,
        sum: Tally,
    },
    Time {
        calls: Buckets,
        minimum: u32,
    },
    Consecutive {
        n: u32,
        failed: u32,
        slow: u32,
    },
}

/// The buckets of a window of time, by what begins them.
#[derive(Clone, Debug)]
pub(crate) enum Buckets {
    Epoch(Slices<Tally>),
    FirstCall(Rolling<Tally>),
}

impl Buckets {
    /// Answers the sum.
    #[inline]
    fn add(&mut self, now: Instant, call: Tally) -> Tally {
        match self {
            Self::Epoch(calls) => {
                calls.add(now, call);
                calls.sum(now)
            }
            Self::FirstCall(calls) => {
                calls.add(now, call);
                calls.sum(now)
            }
        }
    }

    fn sum(&mut self, now: Instant) -> Tally {
        match self {
            Self::Epoch(calls) => calls.sum(now),
            Self::FirstCall(calls) => calls.sum(now),
        }
    }

    fn next_change(&mut self, now: Instant) -> Option<u64> {
        match self {
            Self::Epoch(calls) => (calls.sum(now).total > 0).then(|| calls.next_change()),
            Self::FirstCall(calls) => calls.next_change(),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Epoch(calls) => calls.clear(),
            Self::FirstCall(calls) => calls.clear(),
        }
    }
}

/// One call of a count window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    failed: bool,
    slow: bool,
}

impl Window {
    /// An empty window that judges from `minimum` calls on (a count window from its size on, when
    /// that is less).
    pub(crate) fn new(config: WindowConfig, alignment: Alignment, minimum: u32) -> Self {
        match config {
            WindowConfig::Count(size) => {
                let size = size.max(1);
                Self::Count {
                    // Grows to its size with the first calls.
                    ring: Vec::new(),
                    oldest: 0,
                    size: size as usize,
                    minimum: minimum.min(size),
                    sum: Tally::default(),
                }
            }
            WindowConfig::Time { length, buckets } => Self::Time {
                calls: match alignment {
                    Alignment::Epoch => Buckets::Epoch(Slices::new(length, buckets)),
                    Alignment::FirstCall => Buckets::FirstCall(Rolling::new(length, buckets)),
                },
                minimum,
            },
            WindowConfig::Consecutive(n) => Self::Consecutive {
                n: n.max(1),
                failed: 0,
                slow: 0,
            },
        }
    }

    /// Takes a call in; with `limits`, true when the window is then too bad.
    #[inline]
    pub(crate) fn record(
        &mut self,
        now: Instant,
        failed: bool,
        slow: bool,
        limits: Option<Limits>,
    ) -> bool {
        let call = Tally::one(failed, slow);
        let (sum, minimum) = match self {
            Self::Count {
                ring,
                oldest,
                size,
                minimum,
                sum,
            } => {
                let mark = Mark { failed, slow };
                if ring.len() < *size {
                    ring.push(mark);
                } else {
                    let gone = core::mem::replace(&mut ring[*oldest], mark);
                    *sum -= Tally::one(gone.failed, gone.slow);
                    *oldest = if *oldest + 1 == *size { 0 } else { *oldest + 1 };
                }
                *sum += call;
                (*sum, *minimum)
            }
            Self::Time { calls, minimum } => (calls.add(now, call), *minimum),
            Self::Consecutive {
                n,
                failed: failures,
                slow: slows,
            } => {
                *failures = if failed {
                    failures.saturating_add(1)
                } else {
                    0
                };
                *slows = if slow { slows.saturating_add(1) } else { 0 };
                return limits.is_some() && (*failures >= *n || *slows >= *n);
            }
        };
        limits.is_some_and(|limits| sum.total >= minimum && sum.exceeds(limits))
    }

    /// Whether the calls in the window are too bad. Time passes by this as by a call.
    pub(crate) fn is_bad(&mut self, now: Instant, limits: Limits) -> bool {
        let (sum, minimum) = match self {
            Self::Count { sum, minimum, .. } => (*sum, *minimum),
            Self::Time { calls, minimum } => (calls.sum(now), *minimum),
            Self::Consecutive { n, failed, slow } => return *failed >= *n || *slow >= *n,
        };
        sum.total >= minimum && sum.exceeds(limits)
    }

    /// From when on [`is_bad`](Self::is_bad), asked at `now`, may have another answer without
    /// another call.
    pub(crate) fn next_change(&mut self, now: Instant) -> Option<u64> {
        match self {
            Self::Time { calls, .. } => calls.next_change(now),
            Self::Count { .. } | Self::Consecutive { .. } => None,
        }
    }

    /// The calls in the window, as of the last one.
    #[cfg(test)]
    pub(crate) fn sum(&mut self, now: Instant) -> Tally {
        match self {
            Self::Count { sum, .. } => *sum,
            Self::Time { calls, .. } => calls.sum(now),
            Self::Consecutive { .. } => Tally::default(),
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Count {
                ring, oldest, sum, ..
            } => {
                ring.clear();
                *oldest = 0;
                *sum = Tally::default();
            }
            Self::Time { calls, .. } => calls.clear(),
            Self::Consecutive { failed, slow, .. } => {
                *failed = 0;
                *slow = 0;
            }
        }
    }
}
