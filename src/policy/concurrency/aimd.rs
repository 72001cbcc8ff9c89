//! Additive increase, multiplicative decrease: Netflix's `AIMDLimit`.
//!
//! It looks at losses, and at latency only where that passes for one.

use super::{Bounds, Sample};
use clock::Duration;

#[derive(Clone, Debug)]
pub(super) struct Aimd {
    bounds: Bounds,
    backoff: f64,
    /// Nanoseconds beyond which an answer is a loss.
    timeout: u64,
}

impl Aimd {
    pub(super) fn new(bounds: Bounds, backoff: f64, timeout: Duration) -> Self {
        Self {
            bounds,
            backoff,
            timeout: timeout.as_nanos(),
        }
    }

    #[inline]
    pub(super) fn update(&self, limit: u32, sample: Sample) -> u32 {
        let next = if sample.dropped || sample.rtt > self.timeout {
            (f64::from(limit) * self.backoff) as u32
        } else if u64::from(sample.in_flight) * 2 >= u64::from(limit) {
            limit.saturating_add(1)
        } else {
            limit
        };
        self.bounds.bring_in(next)
    }
}
