//! By the queue that the excess of latency over the least one tells of: Netflix's `VegasLimit`,
//! after TCP Vegas (Brakmo and Peterson, 1995).
//!
//! With a limit of `L`, a call that took `rtt` and would have taken `least` alone has met a queue of
//! `L (1 - least / rtt)`. A short queue lets the limit grow, a long one shrinks it. The least latency
//! is forgotten now and then, as it may have risen for good.

use super::{Bounds, Sample};
use crate::balance::mix;
use clock::Instant;

#[derive(Clone, Debug)]
pub(super) struct Vegas {
    estimate: f64,
    bounds: Bounds,
    alpha: Option<u32>,
    beta: Option<u32>,
    smoothing: f64,
    /// Nanoseconds; 0 before the first sample.
    least: u64,
    /// Samples since the least latency was taken anew.
    count: u32,
    /// It is taken anew after this many samples for each call of the limit.
    probe_after: f64,
}

/// Samples between two probes for each call of the limit, before jitter.
const PROBE_MULTIPLIER: f64 = 30.0;

impl Vegas {
    pub(super) fn new(
        initial: u32,
        max: u32,
        alpha: Option<u32>,
        beta: Option<u32>,
        smoothing: f64,
    ) -> Self {
        let bounds = Bounds::new(1, max);
        Self {
            estimate: f64::from(bounds.bring_in(initial)),
            bounds,
            alpha,
            beta,
            smoothing,
            least: 0,
            count: 0,
            // The mean of what is drawn later.
            probe_after: PROBE_MULTIPLIER * 0.75,
        }
    }

    #[inline]
    pub(super) fn limit(&self) -> u32 {
        self.estimate as u32
    }

    #[inline]
    pub(super) fn update(&mut self, now: Instant, sample: Sample) -> u32 {
        self.count = self.count.saturating_add(1);
        if self.probe_after * self.estimate <= f64::from(self.count) {
            self.probe_after = PROBE_MULTIPLIER * jitter(now);
            self.count = 0;
            self.least = sample.rtt;
        } else if self.least == 0 || sample.rtt < self.least {
            self.least = sample.rtt;
        } else {
            self.adjust(sample);
        }
        self.limit()
    }

    #[inline]
    fn adjust(&mut self, sample: Sample) {
        let estimate = self.estimate;
        let log = log10(self.limit());
        let step = f64::from(log);
        let next = if sample.dropped {
            estimate - step
        } else if f64::from(sample.in_flight) * 2.0 < estimate {
            // So little is used that the latency says nothing of the limit.
            return;
        } else {
            let queue = (estimate * (1.0 - self.least as f64 / sample.rtt as f64)).ceil() as u32;
            let alpha = self.alpha.unwrap_or(3 * log);
            let beta = self.beta.unwrap_or(6 * log);
            if queue <= log {
                estimate + f64::from(beta)
            } else if queue < alpha {
                estimate + step
            } else if queue > beta {
                estimate - step
            } else {
                return;
            }
        };
        let next = self.bounds.bring_in_f64(next);
        self.estimate = (1.0 - self.smoothing) * estimate + self.smoothing * next;
    }
}

/// The whole part of the decimal logarithm, at least 1.
#[inline]
fn log10(limit: u32) -> u32 {
    limit.checked_ilog10().unwrap_or(0).max(1)
}

/// Spread over 0.5..1, so that limiters that began together don't probe together. Netflix draws it;
/// here the time of the last probe stands for chance, which has no other way in.
fn jitter(now: Instant) -> f64 {
    0.5 + 0.5 * (mix(now.as_nanos()) >> 11) as f64 / (1u64 << 53) as f64
}
