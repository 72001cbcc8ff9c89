//! What tells that a change goes wrong: shares of bad requests over sliding windows.
//!
//! A window is ten slices; it is looked at when a slice is full, and covers the last ten then. A
//! quantile needs no histogram: the p99 is above a bound exactly when more than 1 % of the requests
//! are slower. The burn rate of an error budget (Google's SRE workbook, chapter 5) is the share of
//! failures over the share that the objective allows, and must be too high over a long window (so that
//! it matters) and a short one (so that it is still so).

use clock::{Duration, Instant};

/// Slices of a window.
const SLICES: usize = 10;

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Signal {
    /// More than this share of the requests failed.
    ErrorRate {
        /// 0..=1.
        above: f64,
        /// The window, above 0.
        over: Duration,
        /// Fewer requests than this in the window tell nothing.
        minimum: u32,
    },
    /// The time at a quantile is above a bound: more than `1 - quantile` of the requests that
    /// succeeded took longer.
    Latency {
        /// 0..1.
        quantile: f64,
        /// The bound.
        above: Duration,
        /// The window, above 0.
        over: Duration,
        /// Fewer requests than this in the window tell nothing.
        minimum: u32,
    },
    /// The error budget burns faster than this over both windows.
    BurnRate {
        /// Times the rate at which it lasts for ever.
        above: f64,
        /// The share of failures that the objective allows.
        budget: f64,
        /// The long window, above 0.
        long: Duration,
        /// The short one, above 0.
        short: Duration,
        /// Fewer requests than this in the short window tell nothing.
        minimum: u32,
    },
    /// Somebody has been unhealthy for so long.
    Health {
        /// Above 0.
        over: Duration,
    },
}

/// Looks for one signal.
#[derive(Clone, PartialEq, Debug)]
pub struct Watch {
    signal: Signal,
    /// The short one of two.
    window: Window,
    long: Option<Window>,
    /// Since when somebody is unhealthy.
    ill: Option<Instant>,
}

impl Watch {
    /// From `now` on.
    pub fn new(now: Instant, signal: Signal) -> Self {
        let (over, long) = match signal {
            Signal::ErrorRate { over, .. }
            | Signal::Latency { over, .. }
            | Signal::Health { over } => (over, None),
            Signal::BurnRate { long, short, .. } => (short, Some(Window::new(now, long))),
        };
        Self {
            signal,
            window: Window::new(now, over),
            long,
            ill: None,
        }
    }

    /// How long it is between two looks.
    pub fn interval(&self) -> Duration {
        self.window.slice
    }

    /// A request has ended, at a time that never falls.
    pub fn record(&mut self, now: Instant, failed: bool, took: Duration) {
        let bad = match self.signal {
            Signal::Latency { .. } if failed => return,
            Signal::Latency { above, .. } => took > above,
            Signal::Health { .. } => return,
            Signal::ErrorRate { .. } | Signal::BurnRate { .. } => failed,
        };
        self.window.record(now, bad);
        if let Some(long) = &mut self.long {
            long.record(now, bad);
        }
    }

    /// Looks: whether it is too bad. `healthy`: whether everybody is up and ready.
    pub fn look(&mut self, now: Instant, healthy: bool) -> bool {
        self.ill = match self.ill {
            _ if healthy => None,
            None => Some(now),
            since => since,
        };
        match self.signal {
            Signal::Health { over } => self.ill.is_some_and(|since| now.since(since) >= over),
            Signal::ErrorRate { above, minimum, .. } => {
                self.window.share(now, minimum).is_some_and(|s| s > above)
            }
            Signal::Latency {
                quantile, minimum, ..
            } => {
                let slower = self.window.counts(now);
                // Whole numbers: 1 of 100 is not more than 1 %, whatever binary makes of 0.99.
                let allowed = (1.0 - quantile) * slower.all as f64;
                slower.all >= u64::from(minimum) && slower.bad as f64 > allowed + 1e-6
            }
            Signal::BurnRate {
                above,
                budget,
                minimum,
                ..
            } => {
                let bound = above * budget;
                let short = self.window.share(now, minimum);
                let long = self.long.as_mut().and_then(|long| long.share(now, minimum));
                short.is_some_and(|s| s > bound) && long.is_some_and(|s| s > bound)
            }
        }
    }
}

/// Requests, and those of them that were bad.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Counts {
    all: u64,
    bad: u64,
}

/// The last ten full slices, and the one that is being filled.
#[derive(Clone, PartialEq, Debug)]
struct Window {
    begin: Instant,
    slice: Duration,
    /// How many slices are full.
    full: u64,
    ring: [Counts; SLICES],
    filling: Counts,
}

impl Window {
    fn new(begin: Instant, over: Duration) -> Self {
        let slice = Duration::from_nanos((over.as_nanos() / SLICES as u64).max(1));
        Self {
            begin,
            slice,
            full: 0,
            ring: [Counts::default(); SLICES],
            filling: Counts::default(),
        }
    }

    /// Closes the slices that are full at `now`. What happens at the end of one is in the next.
    fn pass(&mut self, now: Instant) {
        let full = now.since(self.begin).as_nanos() / self.slice.as_nanos();
        let passed = full - self.full;
        for _ in 0..passed.min(SLICES as u64 + 1) {
            self.ring[(self.full % SLICES as u64) as usize] = core::mem::take(&mut self.filling);
            self.full += 1;
        }
        self.full = full;
    }

    fn record(&mut self, now: Instant, bad: bool) {
        self.pass(now);
        self.filling.all += 1;
        self.filling.bad += u64::from(bad);
    }

    /// Over the last ten full slices.
    fn counts(&mut self, now: Instant) -> Counts {
        self.pass(now);
        let sum = |of: fn(&Counts) -> u64| self.ring.iter().map(of).sum();
        Counts {
            all: sum(|c| c.all),
            bad: sum(|c| c.bad),
        }
    }

    fn share(&mut self, now: Instant, minimum: u32) -> Option<f64> {
        let counts = self.counts(now);
        let enough = counts.all >= u64::from(minimum.max(1));
        enough.then(|| counts.bad as f64 / counts.all as f64)
    }
}

#[cfg(test)]
mod tests;
