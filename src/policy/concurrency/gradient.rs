//! By the ratio of the latency of a calm server to the present one: the gradient controller of
//! Envoy's adaptive concurrency filter.
//!
//! Two phases take turns. While it *measures*, the limit is pinned to the least, until so many calls
//! have shown the latency of a calm server. While it *samples*, the limit moves at the end of every
//! window, by the window's quantile. Envoy's timers are made up for here by the next word: nothing
//! that happens in between could have told of them.
//!
//! After `gradient_controller.cc`. Two things differ. Envoy puts off each measurement by up to 15 % of
//! the interval at random, so that proxies don't measure together; here it comes on time. Envoy keeps
//! latencies in a histogram of two digits, here they are kept as they are (8 bytes for each answer of
//! a window).

use super::Bounds;
use clock::{Duration, Instant};

#[derive(Clone, Debug)]
pub(super) struct Gradient {
    sample_interval: Duration,
    min_rtt_interval: Duration,
    min_rtt_requests: usize,
    bounds: Bounds,
    buffer: f64,
    quantile: f64,
    limit: u32,
    phase: Phase,
    /// Nanoseconds; the latency of a calm server.
    min_rtt: u64,
    /// Calls from before the last measurement tell nothing.
    epoch: Instant,
    /// Latencies since the window or the measurement began.
    samples: Vec<u64>,
    /// How many windows in a row have left the limit at the least.
    at_minimum: u32,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The limit is pinned, and goes back to this afterwards.
    Measuring { then: u32 },
    Sampling {
        window_end: Instant,
        measure_at: Instant,
    },
}

/// After so many windows at the least limit the measurement is taken for a wrong one.
const WINDOWS_AT_MINIMUM: u32 = 5;

impl Gradient {
    pub(super) fn new(
        sample_interval: Duration,
        min_rtt_interval: Duration,
        min_rtt_requests: u32,
        bounds: Bounds,
        buffer: f64,
        quantile: f64,
    ) -> Self {
        Self {
            sample_interval: sample_interval.max(Duration::from_nanos(1)),
            min_rtt_interval,
            min_rtt_requests: min_rtt_requests.max(1) as usize,
            bounds,
            buffer,
            quantile,
            limit: bounds.min,
            phase: Phase::Measuring { then: bounds.min },
            min_rtt: 0,
            epoch: Instant::ZERO,
            samples: Vec::new(),
            at_minimum: 0,
        }
    }

    #[inline]
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Makes up for the time until now.
    #[inline]
    pub(super) fn advance(&mut self, now: Instant) -> u32 {
        if let Phase::Sampling {
            window_end,
            measure_at,
        } = self.phase
            && now >= window_end.min(measure_at)
        {
            self.catch_up(now);
        }
        self.limit
    }

    /// Takes in the latency of a call that came in at `since`.
    #[inline]
    pub(super) fn sample(&mut self, now: Instant, since: Instant, rtt: u64) -> u32 {
        self.advance(now);
        if since >= self.epoch {
            self.samples.push(rtt);
            if let Phase::Measuring { then } = self.phase
                && self.samples.len() >= self.min_rtt_requests
            {
                self.min_rtt = self.take_quantile();
                self.limit = then;
                self.phase = Phase::Sampling {
                    window_end: now + self.sample_interval,
                    measure_at: now + self.min_rtt_interval,
                };
            }
        }
        self.limit
    }

    #[cold]
    fn catch_up(&mut self, now: Instant) {
        while let Phase::Sampling {
            window_end,
            measure_at,
        } = self.phase
        {
            // Of both at once, the window ends first.
            if window_end <= measure_at && window_end <= now {
                let again = if self.samples.is_empty() {
                    // No window until now has seen anything.
                    let windows =
                        now.since(window_end).as_nanos() / self.sample_interval.as_nanos();
                    self.sample_interval.saturating_mul(windows + 1)
                } else {
                    self.end_window();
                    self.sample_interval
                };
                let wrong = self.at_minimum >= WINDOWS_AT_MINIMUM;
                self.phase = Phase::Sampling {
                    window_end: window_end + again,
                    measure_at: if wrong { window_end } else { measure_at },
                };
            } else if measure_at <= now {
                self.phase = Phase::Measuring { then: self.limit };
                self.limit = self.bounds.min;
                self.at_minimum = 0;
                self.epoch = measure_at;
                self.samples.clear();
            } else {
                break;
            }
        }
    }

    fn end_window(&mut self) {
        let calm = self.min_rtt as f64;
        let present = self.take_quantile() as f64;
        let gradient = ((calm + calm * self.buffer) / present).clamp(0.5, 2.0);
        let limit = f64::from(self.limit) * gradient;
        // The root is what the limit grows by while latency is fine, and what a burst may add.
        let next = self.bounds.bring_in((limit + libm::sqrt(limit)) as u32);
        let least = self.bounds.min;
        self.at_minimum = if self.limit == least && next == least {
            self.at_minimum + 1
        } else {
            0
        };
        self.limit = next;
    }

    /// The quantile by nearest rank; forgets the samples, of which there is one at least.
    fn take_quantile(&mut self) -> u64 {
        let rank = (self.quantile * self.samples.len() as f64).ceil() as usize;
        let place = rank.clamp(1, self.samples.len()) - 1;
        let (_, quantile, _) = self.samples.select_nth_unstable(place);
        let quantile = *quantile;
        self.samples.clear();
        quantile
    }
}
