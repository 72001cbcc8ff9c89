//! So many calls in each window; windows begin at multiples of their length.

use super::lane::Meter;
use clock::{Duration, Instant};

/// `limit` calls in each window.
#[derive(Clone, Debug)]
pub(super) struct FixedWindow {
    limit: u32,
    window: Duration,
}

/// The window of the last turn; all before it are over or full.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filled {
    /// When it begins.
    start: u64,
    /// How many turns of it were taken.
    used: u32,
}

impl FixedWindow {
    /// At least one call, in at least a nanosecond.
    pub(super) fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit: limit.max(1),
            window: window.max(Duration::from_nanos(1)),
        }
    }

    fn start_of(&self, t: Instant) -> u64 {
        t.as_nanos() - t.as_nanos() % self.window.as_nanos()
    }

    /// Whether `t` lies after the window.
    #[inline]
    fn over(&self, filled: &Filled, t: Instant) -> bool {
        t.since(Instant::from_nanos(filled.start)) >= self.window
    }
}

impl Meter for FixedWindow {
    type State = Filled;

    fn fresh(&self) -> Filled {
        Filled::default()
    }

    #[inline]
    fn turn(&self, filled: &Filled, now: Instant) -> Instant {
        if self.over(filled, now) {
            return now;
        }
        let start = Instant::from_nanos(filled.start);
        if filled.used < self.limit {
            start.max(now)
        } else {
            start + self.window
        }
    }

    #[inline]
    fn take(&self, filled: &mut Filled, _now: Instant, turn: Instant) {
        if self.over(filled, turn) {
            *filled = Filled {
                start: self.start_of(turn),
                used: 0,
            };
        }
        filled.used += 1;
    }

    fn take_back(&self, filled: &mut Filled, _turn: Instant) -> bool {
        filled.used -= 1;
        if filled.used == 0 {
            // It was waited for, so the window before it is full.
            *filled = Filled {
                start: filled.start.saturating_sub(self.window.as_nanos()),
                used: self.limit,
            };
        }
        true
    }

    /// A place in a window can be taken until the window ends.
    fn lasts(&self) -> Duration {
        self.window
    }
}
