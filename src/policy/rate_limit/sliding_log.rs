//! At most so many calls in any stretch of time, by the times of the last ones.
//!
//! Exact, and the dearest in memory: eight bytes for each call of the limit.

use super::lane::Meter;
use clock::{Duration, Instant};
use std::collections::VecDeque;

/// At most `limit` calls in any stretch of `window`.
#[derive(Clone, Debug)]
pub(super) struct SlidingLog {
    limit: usize,
    window: Duration,
}

impl SlidingLog {
    /// At least one call, in at least a nanosecond.
    pub(super) fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit: limit.max(1) as usize,
            window: window.max(Duration::from_nanos(1)),
        }
    }
}

impl Meter for SlidingLog {
    /// The last turns, in order; those to come are among them, so there may be more than the limit.
    type State = VecDeque<Instant>;

    fn fresh(&self) -> Self::State {
        VecDeque::new()
    }

    #[inline]
    fn turn(&self, turns: &Self::State, now: Instant) -> Instant {
        match turns.len().checked_sub(self.limit) {
            Some(oldest) => (turns[oldest] + self.window).max(now),
            None => now,
        }
    }

    #[inline]
    fn take(&self, turns: &mut Self::State, now: Instant, turn: Instant) {
        // What is out of sight for every turn from now on.
        while turns.front().is_some_and(|&t| now.since(t) >= self.window) {
            turns.pop_front();
        }
        turns.push_back(turn);
    }

    fn take_back(&self, turns: &mut Self::State, _turn: Instant) -> bool {
        turns.pop_back().is_some()
    }
}
