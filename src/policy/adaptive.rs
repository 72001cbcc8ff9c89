//! The AWS SDKs' client rate limiter: attempts wait for tokens, and the rate at which tokens flow in
//! follows what the callee throttles, as TCP CUBIC's window follows loss.
//!
//! After smithy-kotlin's `AdaptiveRateLimiter.kt` and botocore's `retries/adaptive.py`,
//! `throttling.py` and `bucket.py`, which agree. It refuses to know what an attempt is sent to, and
//! who waits: whoever finds no token asks again at the time that it is told.

use crate::config::AdaptiveRate;
use crate::outcome::Outcome;
use crate::rejected::Rejected;
use clock::{Duration, Instant};

/// Tokens a second, at the least.
const MIN_FILL_RATE: f64 = 0.5;
/// The bucket holds what flows in within a second, and this at the least.
const MIN_CAPACITY: f64 = 1.0;
/// The rate stays below this many times the rate at which answers come in.
const MOST_OVER_MEASURED: f64 = 2.0;

/// A limit on the rate of attempts that finds itself. There is none until the first throttling.
///
/// [`try_take`](Self::try_take) before each attempt, [`record`](Self::record) after each.
///
/// Its measurement begins at [`Instant::ZERO`], which matters only to what it lets through right
/// after the first throttling.
#[derive(Clone, Debug)]
pub struct AdaptiveRateLimiter {
    cubic: Cubic,
    answers: AnswerRate,
    throttled: bool,
    /// Tokens a second.
    rate: f64,
    capacity: f64,
    tokens: f64,
    /// When `tokens` was right.
    refilled: Instant,
}

impl AdaptiveRateLimiter {
    /// A limiter that has heard of nothing yet.
    pub fn new(config: AdaptiveRate) -> Self {
        Self {
            cubic: Cubic::new(config, 0.0, Instant::ZERO),
            answers: AnswerRate::default(),
            throttled: false,
            rate: 0.0,
            capacity: 0.0,
            tokens: 0.0,
            refilled: Instant::ZERO,
        }
    }

    /// Takes a token for an attempt.
    ///
    /// # Errors
    /// [`Rejected`] when there is none; it says when there will be one at today's rate. Whoever waits
    /// until then asks again, and may find that another one was quicker.
    #[inline]
    pub fn try_take(&mut self, now: Instant) -> Result<(), Rejected> {
        if !self.throttled {
            return Ok(());
        }
        self.refill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let nanos = (1.0 - self.tokens) / self.rate * 1e9;
        // Upwards, and at least one: whoever asks then makes progress.
        let wait = Duration::from_nanos_f64(nanos.ceil().max(1.0));
        Err(Rejected {
            retry_at: Some(now + wait),
        })
    }

    /// An attempt that was sent has ended; a callee's `rejected` is a throttling.
    pub fn record(&mut self, now: Instant, outcome: Outcome) {
        let measured = self.answers.count(now);
        let wanted = if outcome == Outcome::Rejected {
            let most = if self.throttled {
                measured.min(self.rate)
            } else {
                measured
            };
            self.throttled = true;
            self.cubic.throttle(now, most)
        } else {
            self.cubic.success(now)
        };
        self.refill(now);
        let rate = wanted.min(MOST_OVER_MEASURED * measured);
        self.rate = rate.max(MIN_FILL_RATE);
        self.capacity = rate.max(MIN_CAPACITY);
        self.tokens = self.tokens.min(self.capacity);
    }

    /// Attempts a second, once something was throttled.
    pub fn rate(&self) -> Option<f64> {
        self.throttled.then_some(self.rate)
    }

    fn refill(&mut self, now: Instant) {
        let flown = self.rate * now.since(self.refilled).as_secs_f64();
        self.tokens = (self.tokens + flown).min(self.capacity);
        self.refilled = now;
    }

    /// Whether the tokens are within their bounds.
    #[cfg(test)]
    pub(crate) fn is_sound(&self) -> bool {
        (0.0..=self.capacity).contains(&self.tokens)
            && (!self.throttled || (self.rate >= MIN_FILL_RATE && self.capacity >= MIN_CAPACITY))
    }

    /// For the cases of others: the rate at which tokens flow in, throttled or not, and the measured
    /// rate of answers.
    #[cfg(test)]
    pub(crate) fn rates(&self) -> (f64, f64) {
        (self.rate, self.answers.rate)
    }
}

/// The rate as a cubic function of the time since the last throttling: steep at first, flat around
/// the rate that was throttled, steep beyond.
#[derive(Clone, Debug)]
pub(crate) struct Cubic {
    config: AdaptiveRate,
    /// The rate at which the last throttling came.
    most: f64,
    /// Seconds from the last throttling to the return to `most`.
    flat_after: f64,
    throttled_at: Instant,
}

impl Cubic {
    pub(crate) fn new(config: AdaptiveRate, most: f64, throttled_at: Instant) -> Self {
        let flat_after = libm::cbrt(most * (1.0 - config.beta) / config.scale);
        Self {
            config,
            most,
            flat_after,
            throttled_at,
        }
    }

    pub(crate) fn throttle(&mut self, now: Instant, rate: f64) -> f64 {
        *self = Self::new(self.config, rate, now);
        rate * self.config.beta
    }

    pub(crate) fn success(&self, now: Instant) -> f64 {
        let t = now.since(self.throttled_at).as_secs_f64() - self.flat_after;
        self.config.scale * (t * t * t) + self.most
    }
}

/// Answers a second, taken whenever one comes in a later half-second than the last time, and
/// smoothed.
#[derive(Clone, Debug, Default)]
struct AnswerRate {
    /// Which half-second, from the clock's origin.
    bucket: u64,
    count: u64,
    rate: f64,
}

const HALF_SECOND: u64 = 500_000_000;
/// The weight of the newest measurement.
const SMOOTHING: f64 = 0.8;

impl AnswerRate {
    fn count(&mut self, now: Instant) -> f64 {
        self.count += 1;
        let bucket = now.as_nanos() / HALF_SECOND;
        if bucket > self.bucket {
            let seconds = (bucket - self.bucket) as f64 * 0.5;
            let current = self.count as f64 / seconds;
            self.rate = current * SMOOTHING + self.rate * (1.0 - SMOOTHING);
            self.bucket = bucket;
            self.count = 0;
        }
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at_ms(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn nothing_waits_before_the_first_throttling() {
        let mut limiter = AdaptiveRateLimiter::new(AdaptiveRate::default());
        for ms in 0..5_000 {
            assert_eq!(limiter.try_take(at_ms(ms)), Ok(()));
            limiter.record(at_ms(ms), Outcome::Error);
        }
        assert_eq!(limiter.rate(), None);
    }

    /// Answers come at 100 a second when the first is throttled: 70 % of that is let through.
    #[test]
    fn a_throttling_takes_the_rate_to_beta_of_the_measured_one() {
        let mut limiter = AdaptiveRateLimiter::new(AdaptiveRate::default());
        for ms in (0..60_000).step_by(10) {
            limiter.record(at_ms(ms), Outcome::Success);
        }
        limiter.record(at_ms(60_000), Outcome::Rejected);
        let rate = limiter.rate().expect("it is throttled");
        // The bucket that was just closed may have one answer more than the others.
        assert!((69.9..72.0).contains(&rate), "{rate}");
        // What has flown in is good for a burst of a second, then one waits for the flow.
        let burst = (0..1_000)
            .filter(|_| limiter.try_take(at_ms(60_000)).is_ok())
            .count();
        assert!(burst as f64 <= rate);
        let wait = limiter
            .try_take(at_ms(60_000))
            .unwrap_err()
            .retry_at
            .unwrap();
        assert!(wait.since(at_ms(60_000)) <= Duration::from_secs_f64(1.0 / rate + 1e-9));
        assert_eq!(limiter.try_take(wait), Ok(()));
    }

    /// The cubic comes back to the rate that was throttled after `cbrt(most * (1 - beta) / scale)`
    /// seconds: 75 a second after cbrt(75 * 0.3 / 0.4) = 3.83 s.
    #[test]
    fn the_rate_comes_back() {
        let cubic = Cubic::new(AdaptiveRate::default(), 75.0, Instant::ZERO);
        assert!((cubic.success(Instant::ZERO) - 75.0 * 0.7).abs() < 1e-9);
        assert!(cubic.success(at_ms(3_820)) < 75.0);
        assert!((cubic.success(at_ms(3_832)) - 75.0).abs() < 1e-3);
        assert!(cubic.success(at_ms(10_000)) > 100.0);
    }

    proptest! {
        /// Whatever the callee says, tokens are neither owed nor hoarded, and whoever waits as long
        /// as told, alone, gets one.
        #[test]
        fn tokens_stay_in_bounds_and_waiting_helps(
            beta in 0.0..1.0f64,
            scale in 0.0..2.0f64,
            steps in prop::collection::vec((0u64..900_000_000, 0u8..6), 1..200),
        ) {
            let mut limiter = AdaptiveRateLimiter::new(AdaptiveRate { beta, scale });
            let mut now = Instant::ZERO;
            for (pause, what) in steps {
                now += Duration::from_nanos(pause);
                match what {
                    0 => limiter.record(now, Outcome::Rejected),
                    1 | 2 => limiter.record(now, Outcome::Success),
                    _ => {
                        let mut asked = 0;
                        while let Err(rejected) = limiter.try_take(now) {
                            let at = rejected.retry_at.expect("there is always a flow");
                            prop_assert!(at > now);
                            prop_assert!(at <= now + Duration::from_secs(3));
                            now = at;
                            asked += 1;
                            prop_assert!(asked <= 3, "rounding costs a nanosecond or two");
                        }
                    }
                }
                prop_assert!(limiter.is_sound(), "{limiter:?}");
            }
        }
    }
}
