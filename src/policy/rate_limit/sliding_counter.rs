//! The running window's count, and the share of the one before that a sliding window still covers.
//!
//! As Cloudflare and the libraries for Redis count: a call may go while the estimate
//! `before * (1 - elapsed/window) + running` is below the limit. The estimate takes the calls of the
//! window before as evenly spread. Where they came at its end, a stretch as long as a window that ends
//! at `elapsed` holds up to `limit * (1 + elapsed/window) + 1` calls, and never more than twice the
//! limit; a window that begins at a multiple of its length never holds more than the limit.

use super::lane::Meter;
use clock::{Duration, Instant};

/// About `limit` calls in a stretch of `window`.
#[derive(Clone, Debug)]
pub(super) struct SlidingCounter {
    limit: u32,
    window: u64,
}

/// Windows that follow each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// When the running one begins.
    start: u64,
    running: u32,
    before: u32,
    /// That of the window before that, to go back by one when calls leave.
    earlier: Option<u32>,
}

impl SlidingCounter {
    /// At least one call, in at least a nanosecond.
    pub(super) fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit: limit.max(1),
            window: window.as_nanos().max(1),
        }
    }

    /// The counts as of `t`, where that is not before the running window.
    #[inline]
    fn advanced(&self, counts: &Counts, t: Instant) -> Counts {
        let passed = t.as_nanos().saturating_sub(counts.start);
        if passed < self.window {
            return *counts;
        }
        let windows = passed / self.window;
        let (before, earlier) = match windows {
            1 => (counts.running, counts.before),
            2 => (0, counts.running),
            _ => (0, 0),
        };
        Counts {
            start: counts.start + windows * self.window,
            running: 0,
            before,
            earlier: Some(earlier),
        }
    }

    /// Whether the estimate is below the limit.
    #[inline]
    fn goes(&self, counts: &Counts, now: Instant) -> bool {
        let left = self.window - now.as_nanos().saturating_sub(counts.start);
        let room = u128::from(self.limit - counts.running);
        u128::from(counts.before) * u128::from(left) < room * u128::from(self.window)
    }

    /// How much of the running window must be over for one more call, if it can be at all.
    #[inline]
    fn offset(&self, counts: &Counts) -> Option<u64> {
        let room = self.limit - counts.running;
        if counts.before < room {
            return Some(0);
        }
        // The first `e` of which `before * (window - e) < room * window`.
        let (window, room) = (u128::from(self.window), u128::from(room));
        let most_left = (room * window).checked_sub(1)? / u128::from(counts.before);
        // No more than the window, as `room` is no more than `before`.
        (most_left > 0).then(|| self.window - most_left as u64)
    }
}

impl Meter for SlidingCounter {
    type State = Counts;

    fn fresh(&self) -> Counts {
        Counts::default()
    }

    #[inline]
    fn turn(&self, counts: &Counts, now: Instant) -> Instant {
        let mut counts = self.advanced(counts, now);
        if self.goes(&counts, now) {
            return now.max(Instant::from_nanos(counts.start));
        }
        loop {
            let start = Instant::from_nanos(counts.start);
            if let Some(offset) = self.offset(&counts) {
                return (start + Duration::from_nanos(offset)).max(now);
            }
            // Two windows on nothing is counted any more.
            let next = start + Duration::from_nanos(self.window);
            if next == Instant::NEVER {
                return next;
            }
            counts = self.advanced(&counts, next);
        }
    }

    #[inline]
    fn take(&self, counts: &mut Counts, _now: Instant, turn: Instant) {
        *counts = self.advanced(counts, turn);
        counts.running += 1;
    }

    fn take_back(&self, counts: &mut Counts, turn: Instant) -> bool {
        if turn.as_nanos() < counts.start || counts.running == 0 {
            return false;
        }
        counts.running -= 1;
        if counts.running == 0
            && let Some(earlier) = counts.earlier
        {
            *counts = Counts {
                start: counts.start.saturating_sub(self.window),
                running: counts.before,
                before: earlier,
                earlier: None,
            };
        }
        true
    }
}
