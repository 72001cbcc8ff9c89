//! Finagle's `RetryBudget.scala` (and tower's `TpsBudget`): calls pay in, retries draw out, both are
//! forgotten after a while, and a reserve is always there.

use crate::slices::Slices;
use clock::{Duration, Instant};

#[derive(Clone, Debug)]
pub(super) struct Ratio {
    /// Paid in by each call, in fractions of [`ONE`] retry.
    deposit: i64,
    /// What may be drawn beyond what was paid in.
    reserve: i64,
    /// Paid in less drawn out, over the last time-to-live.
    balance: Slices<i64>,
}

/// One retry in fixed point: the sums stay exact whatever the order, and keep the deposits of half a
/// million million calls.
const ONE: i64 = 1 << 24;

/// The steps in which deposits are forgotten, as many as in Finagle.
const STEPS: u32 = 10;

impl Ratio {
    pub(super) fn new(ratio: f64, min_per_second: f64, ttl: Duration) -> Self {
        Self {
            // Upwards, so that ten calls at 0.1 are worth one retry; more by 2^-24 at most.
            deposit: (ratio.max(0.0) * ONE as f64).ceil() as i64,
            // Half the range at most: sums can't overflow.
            reserve: ((min_per_second.max(0.0) * ttl.as_secs_f64() * ONE as f64) as i64)
                .min(i64::MAX / 2),
            balance: Slices::new(ttl, STEPS),
        }
    }

    #[inline]
    pub(super) fn deposit(&mut self, now: Instant) {
        self.balance.add(now, self.deposit);
    }

    pub(super) fn withdraw(&mut self, now: Instant) -> bool {
        let enough = self.balance.sum(now) + self.reserve >= ONE;
        if enough {
            self.balance.add(now, -ONE);
        }
        enough
    }

    pub(super) fn balance(&mut self, now: Instant) -> f64 {
        (self.balance.sum(now) + self.reserve) as f64 / ONE as f64
    }
}
