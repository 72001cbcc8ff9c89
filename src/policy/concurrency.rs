//! A limit on calls at the same time that finds itself, from how long they take and how they end.
//!
//! The algorithms are those of Netflix's concurrency-limits (AIMD, Vegas, Gradient2) and of Envoy's
//! adaptive concurrency filter (Gradient), each in a file of its own. What is said here holds for
//! all: who is in, when one may come in, and what an outcome tells. It refuses to know whether it
//! stands before a caller or before a server.

mod aimd;
mod gradient;
mod gradient2;
mod layer;
#[cfg(test)]
mod tests;
mod vegas;

pub(crate) use layer::ConcurrencyLayer;

use crate::config::ConcurrencyAlgorithm;
use crate::outcome::Outcome;
use crate::rejected::Rejected;
use aimd::Aimd;
use clock::{Duration, Instant};
use core::num::NonZeroU32;
use gradient::Gradient;
use gradient2::Gradient2;
use vegas::Vegas;

/// A limit on calls at the same time.
///
/// Whoever [`acquire`](Self::acquire) let in is given back, once, by [`record`](Self::record),
/// [`abandon`](Self::abandon) or [`release`](Self::release).
///
/// # What an outcome tells
/// Netflix's algorithms hear of three ends, after the contract of its `Limiter.Listener`:
/// * a **success** ([`Outcome::Success`], [`Outcome::Degraded`]) is a sample of the latency;
/// * a **drop** ([`Outcome::Timeout`], [`Outcome::Rejected`]) is a sample, and a loss;
/// * anything else is **ignored**: an error, an aborted transaction, a lost conflict or a refused
///   connection comes back too soon, and would pass for a low latency. (Its gRPC client ignores
///   these, too, but takes UNAVAILABLE, with which its servers refuse, for a drop.)
///
/// Envoy's algorithm samples the latency of every answer, whatever it says.
///
/// A latency is the time from `acquire` to `record`; none is taken for a nanosecond.
///
/// ```
/// use clock::{Duration, Instant};
/// use stormglass_policy::config::ConcurrencyAlgorithm;
/// use stormglass_policy::{ConcurrencyLimit, Outcome};
///
/// let mut limit = ConcurrencyLimit::new(&ConcurrencyAlgorithm::AIMD);
/// let now = Instant::ZERO;
/// let held: Vec<_> = (0..20).map(|_| limit.acquire(now).unwrap()).collect();
/// assert!(limit.acquire(now).is_err());
/// for held in held {
///     limit.record(now + Duration::from_millis(5), held, Outcome::Success);
/// }
/// assert!(limit.limit() > 20, "there was use for more");
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit {
    limit: u32,
    in_flight: u32,
    algorithm: Algorithm,
}

/// A place under a limit: must be given back.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a place must be given back"]
pub struct Held {
    pub(crate) since: Instant,
    /// How many were in when this one had come in, itself included.
    pub(crate) in_flight: NonZeroU32,
}

#[derive(Clone, Debug)]
enum Algorithm {
    Fixed,
    Aimd(Aimd),
    Vegas(Vegas),
    Gradient2(Gradient2),
    // It is by far the largest, and works by the window rather than by the call.
    Gradient(Box<Gradient>),
}

/// What an algorithm of Netflix's learns from the end of a call.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Nanoseconds, at least 1.
    rtt: u64,
    /// Calls in flight when this one started, itself included.
    in_flight: u32,
    /// It was lost.
    dropped: bool,
}

impl ConcurrencyLimit {
    /// A limit in its first state. A limit is at least 1, whatever was set: at 0 nothing could
    /// raise it again. An initial limit out of its bounds is brought into them.
    pub fn new(algorithm: &ConcurrencyAlgorithm) -> Self {
        let (limit, algorithm) = match *algorithm {
            ConcurrencyAlgorithm::Fixed(limit) => (limit.max(1), Algorithm::Fixed),
            ConcurrencyAlgorithm::Aimd {
                initial,
                min,
                max,
                backoff,
                timeout,
            } => {
                let bounds = Bounds::new(min, max);
                let aimd = Aimd::new(bounds, backoff, timeout);
                (bounds.bring_in(initial), Algorithm::Aimd(aimd))
            }
            ConcurrencyAlgorithm::Vegas {
                initial,
                max,
                alpha,
                beta,
                smoothing,
            } => {
                let vegas = Vegas::new(initial, max, alpha, beta, smoothing);
                (vegas.limit(), Algorithm::Vegas(vegas))
            }
            ConcurrencyAlgorithm::Gradient2 {
                initial,
                min,
                max,
                queue,
                smoothing,
                long_window,
                tolerance,
            } => {
                let bounds = Bounds::new(min, max);
                let gradient =
                    Gradient2::new(initial, bounds, queue, smoothing, long_window, tolerance);
                (gradient.limit(), Algorithm::Gradient2(gradient))
            }
            ConcurrencyAlgorithm::Gradient {
                sample_interval,
                min_rtt_interval,
                min_rtt_requests,
                min_concurrency,
                max_concurrency,
                buffer,
                quantile,
            } => {
                let gradient = Gradient::new(
                    sample_interval,
                    min_rtt_interval,
                    min_rtt_requests,
                    Bounds::new(min_concurrency, max_concurrency),
                    buffer,
                    quantile,
                );
                (gradient.limit(), Algorithm::Gradient(Box::new(gradient)))
            }
        };
        Self {
            limit,
            in_flight: 0,
            algorithm,
        }
    }

    /// Lets one in.
    ///
    /// # Errors
    /// [`Rejected`] when as many are in as the limit allows, or more: a limit that sinks sends
    /// nobody away.
    #[inline]
    pub fn acquire(&mut self, now: Instant) -> Result<Held, Rejected> {
        if let Algorithm::Gradient(gradient) = &mut self.algorithm {
            self.limit = gradient.advance(now);
        }
        if self.in_flight >= self.limit {
            return Err(Rejected { retry_at: None });
        }
        self.in_flight += 1;
        Ok(Held {
            since: now,
            in_flight: NonZeroU32::MIN.saturating_add(self.in_flight - 1),
        })
    }

    /// One has ended, with an outcome.
    #[inline]
    pub fn record(&mut self, now: Instant, held: Held, outcome: Outcome) {
        let dropped = matches!(outcome, Outcome::Timeout | Outcome::Rejected);
        match &mut self.algorithm {
            Algorithm::Gradient(gradient) => {
                self.limit = gradient.sample(now, held.since, rtt(now, &held));
            }
            _ if outcome.is_success() || dropped => self.sample(now, &held, dropped),
            _ => {}
        }
        self.release(held);
    }

    /// One has gone away by itself before it had an answer: a caller that a server's limit let in
    /// has given up. A drop to Netflix's algorithms (so its gRPC server), nothing to Envoy's.
    #[inline]
    pub fn abandon(&mut self, now: Instant, held: Held) {
        if !matches!(self.algorithm, Algorithm::Gradient(_)) {
            self.sample(now, &held, true);
        }
        self.release(held);
    }

    /// One has gone away, and nothing is to be learnt from it.
    #[inline]
    pub fn release(&mut self, held: Held) {
        let Held { .. } = held;
        debug_assert!(self.in_flight > 0, "given back more often than acquired");
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// The limit, as of the last word.
    #[inline]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// How many are in.
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    #[inline]
    fn sample(&mut self, now: Instant, held: &Held, dropped: bool) {
        let sample = Sample {
            rtt: rtt(now, held),
            in_flight: held.in_flight.get(),
            dropped,
        };
        self.limit = match &mut self.algorithm {
            Algorithm::Aimd(aimd) => aimd.update(self.limit, sample),
            Algorithm::Vegas(vegas) => vegas.update(now, sample),
            Algorithm::Gradient2(gradient) => gradient.update(sample),
            Algorithm::Fixed | Algorithm::Gradient(_) => self.limit,
        };
    }
}

/// Nanoseconds from coming in to now, at least one.
#[inline]
fn rtt(now: Instant, held: &Held) -> u64 {
    now.since(held.since)
        .max(Duration::from_nanos(1))
        .as_nanos()
}

/// The least and the most that a limit may be; the most wins where they contradict each other.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    min: u32,
    max: u32,
}

impl Bounds {
    fn new(min: u32, max: u32) -> Self {
        let max = max.max(1);
        let min = min.clamp(1, max);
        Self { min, max }
    }

    #[inline]
    fn bring_in(self, limit: u32) -> u32 {
        limit.clamp(self.min, self.max)
    }

    #[inline]
    fn bring_in_f64(self, limit: f64) -> f64 {
        limit.min(f64::from(self.max)).max(f64::from(self.min))
    }
}

impl Held {
    /// The same place under another limit that holds the same calls.
    #[inline]
    pub(crate) fn again(&self) -> Self {
        Self {
            since: self.since,
            in_flight: self.in_flight,
        }
    }
}
