//! Recorded calls: when they come, how each of their attempts ends, and when their caller leaves.
//!
//! A trace answers for any attempt of any call, as the numbers of both say.

use clock::Duration;
use policy::{Attempt, Outcome, Pushback};
use stormglass_live::Draws;

/// A recorded trace; all of its times are whole milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace {
    pub(crate) seed: u64,
    pub(crate) calls: u64,
    /// How many instances are called.
    pub(crate) instances: u32,
    /// The mean time between two calls, in milliseconds.
    pub(crate) gap: u64,
    /// The share of the attempts that fail, of 8; it is worse in the middle third of the calls.
    pub(crate) failing: u64,
    /// Whether one caller in ten goes away.
    pub(crate) leaving: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ended {
    pub(crate) after_ms: u64,
    pub(crate) outcome: Outcome,
    pub(crate) pushback: Pushback,
}

/// A call, as it comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Arrival {
    pub(crate) at_ms: u64,
    /// So long after, its caller goes away.
    pub(crate) leaves_after_ms: Option<u64>,
    pub(crate) key: u64,
}

impl Trace {
    /// The calls, in their order.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        let mut at_ms = 0;
        let mut draws = Draws::new(self.seed ^ 0xa1, 0);
        (0..self.calls)
            .map(|_| {
                at_ms += 1 + draws.next() % (2 * self.gap);
                let leaves = draws.next().is_multiple_of(10) && self.leaving;
                Arrival {
                    at_ms,
                    leaves_after_ms: leaves.then(|| 1 + draws.next() % 200_000),
                    key: draws.next() % 4,
                }
            })
            .collect()
    }

    /// How an attempt of a call ends when nobody cancels it.
    pub(crate) fn attempt(&self, call: u64, attempt: Attempt) -> Ended {
        let mut draws = Draws::new(self.seed ^ 0xb2, call * 256 + u64::from(attempt));
        let bad = (self.calls / 3..2 * self.calls / 3).contains(&call);
        let fails = draws.next() % 8 < self.failing + if bad { 3 } else { 0 };
        let outcome = match fails {
            true => Outcome::FAILURES[(draws.next() % 6) as usize],
            false => Outcome::Success,
        };
        // Most are quick; one in eight takes its time.
        let most = if draws.next().is_multiple_of(8) {
            150_000
        } else {
            20_000
        };
        let pushback = match draws.next() % 6 {
            0 => Pushback::After(Duration::from_millis(1 + draws.next() % 60_000)),
            1 => Pushback::Never,
            _ => Pushback::None,
        };
        Ended {
            after_ms: 1 + draws.next() % most,
            outcome,
            pushback,
        }
    }

    /// The instance that the next attempt of a call goes to, not one of those taken if it can be;
    /// now and then there is none.
    pub(crate) fn pick(&self, taken: &[u32], draws: &mut Draws) -> u32 {
        if self.instances == 1 {
            return 0;
        }
        let free: Vec<u32> = (0..self.instances).filter(|n| !taken.contains(n)).collect();
        match draws.next() % 8 {
            0 => u32::MAX,
            _ if free.is_empty() => taken[0],
            n => free[n as usize % free.len()],
        }
    }

    /// A draw from the distribution of this number.
    pub(crate) fn sample(source: u32, draws: &mut Draws) -> Duration {
        Duration::from_millis(1 + draws.next() % (u64::from(source) + 1))
    }
}
