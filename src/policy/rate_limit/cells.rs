//! The generic cell rate algorithm, exact; the token bucket and the leaky bucket in other words.
//!
//! One number is kept, the theoretical arrival time of ITU-T I.371 (annex A): when the bucket will be
//! full again. A call moves it on by the time of one token, and conforms as long as it stays within a
//! tolerance of now. A token bucket of `burst` tokens is the same machine with a tolerance of
//! `burst - 1` tokens; a bucket that leaks, with none, and a bound on who may wait.

use super::flow::Flow;
use super::lane::Meter;
use clock::Instant;

/// Calls at a rate, and some at once after a pause.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    flow: Flow,
    /// How far ahead of now the full time may lie for a token to be there: the time of `burst - 1`
    /// tokens.
    tolerance: u128,
}

impl Cells {
    /// `rate` a second, none after the first ones for 0 (or less, or NaN); `burst` at once (below 1
    /// taken as 1, and down to multiples of 2^-24).
    pub(crate) fn new(rate: f64, burst: f64) -> Self {
        let flow = Flow::new(rate);
        let spare = if burst > 1.0 { burst - 1.0 } else { 0.0 };
        let whole = spare as u64;
        let part = ((spare - whole as f64) * (1u64 << 24) as f64) as u32;
        let tolerance = flow
            .token
            .saturating_mul(u128::from(whole))
            .saturating_add((flow.token * u128::from(part)) >> 24);
        Self { flow, tolerance }
    }
}

impl Meter for Cells {
    /// When the bucket will be full again, in the flow's units.
    type State = u128;

    fn fresh(&self) -> u128 {
        0
    }

    #[inline]
    fn turn(&self, full_at: &u128, now: Instant) -> Instant {
        let earliest = full_at.saturating_sub(self.tolerance);
        if earliest <= self.flow.units(now) {
            now
        } else {
            self.flow.instant(earliest)
        }
    }

    #[inline]
    fn take(&self, full_at: &mut u128, now: Instant, _turn: Instant) {
        let from = self.flow.units(now).max(*full_at);
        *full_at = from.saturating_add(self.flow.token);
    }

    fn take_back(&self, full_at: &mut u128, _turn: Instant) -> bool {
        // It was waited for, so it began where the one before it ended.
        *full_at = full_at.saturating_sub(self.flow.token);
        true
    }
}

/// A queue from which one call leaves in the time of each token.
#[derive(Clone, Debug)]
pub(super) struct LeakyBucket {
    cells: Cells,
    /// The time of as many calls as may wait.
    capacity: u128,
}

impl LeakyBucket {
    pub(super) fn new(rate: f64, capacity: u32) -> Self {
        let cells = Cells::new(rate, 1.0);
        // A token takes at most 2^100.
        let capacity = cells.flow.token.saturating_mul(u128::from(capacity));
        Self { cells, capacity }
    }
}

impl Meter for LeakyBucket {
    type State = u128;

    fn fresh(&self) -> u128 {
        self.cells.fresh()
    }

    #[inline]
    fn turn(&self, full_at: &u128, now: Instant) -> Instant {
        self.cells.turn(full_at, now)
    }

    #[inline]
    fn take(&self, full_at: &mut u128, now: Instant, turn: Instant) {
        self.cells.take(full_at, now, turn);
    }

    fn take_back(&self, full_at: &mut u128, turn: Instant) -> bool {
        self.cells.take_back(full_at, turn)
    }

    /// Turns follow each other at the time of a token, so there are fewer of them to come than may
    /// wait from `capacity` tokens before the next one.
    #[inline]
    fn opens(&self, full_at: &u128) -> Instant {
        self.cells
            .flow
            .instant(full_at.saturating_sub(self.capacity))
    }
}
