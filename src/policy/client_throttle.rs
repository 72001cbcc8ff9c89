//! Client-side throttling, after Google's SRE book, chapter 21 ("Handling Overload").
//!
//! A client that is mostly refused sends less: of its requests about `k` for each one that the callee
//! accepts, which is what the callee's refusals cost it at most. Nothing is refused while the callee
//! takes one in `k`, and some requests always go through to find out that it does again.
//!
//! A request is accepted when it was not [`Outcome::Rejected`] and not [`Outcome::Unavailable`]: in
//! both nobody took it. An error, or a time-out, is that of a callee that did. A request counts when it
//! has been answered: one on the way is neither accepted nor not, and a slow callee is not a
//! refusing one. What is refused here counts at once, and as not accepted; that is how the share of
//! refusals grows with the demand.

use crate::config::ClientThrottleConfig;
use crate::driver::Env;
use crate::frame::{Frame, Root};
use crate::layer::Descend;
use crate::outcome::Outcome;
use crate::rejected::Rejected;
use crate::scoped::Scoped;
use crate::slices::Slices;
use clock::Instant;
use core::ops::{AddAssign, SubAssign};

/// Refuses a share of the requests of one client, `max(0, (requests - k * accepts)/(requests + 1))`.
///
/// ```
/// use clock::Instant;
/// use stormglass_policy::config::ClientThrottleConfig;
/// use stormglass_policy::{ClientThrottle, Outcome};
///
/// let mut throttle = ClientThrottle::new(&ClientThrottleConfig::default());
/// let now = Instant::ZERO;
/// for _ in 0..3 {
///     throttle.record(now, Outcome::Rejected);
/// }
/// assert_eq!(throttle.refusal_probability(now), 0.75);
/// ```
#[derive(Clone, Debug)]
pub struct ClientThrottle {
    k: f64,
    history: Slices<Counts>,
}

/// The window goes on in steps of a twelfth of it: of ten seconds, with the book's two minutes.
const SLICES: u32 = 12;

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u64,
    accepts: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.accepts += other.accepts;
    }
}

impl SubAssign for Counts {
    fn sub_assign(&mut self, other: Self) {
        self.requests -= other.requests;
        self.accepts -= other.accepts;
    }
}

impl ClientThrottle {
    /// A throttle that has seen nothing. The scope is for whoever keeps several.
    pub fn new(config: &ClientThrottleConfig) -> Self {
        Self {
            k: config.k,
            history: Slices::new(config.window, SLICES),
        }
    }

    /// Whether a request is sent; if so, [`record`](Self::record) hears how it ended. `random` is 64
    /// uniform bits.
    ///
    /// # Errors
    /// [`Rejected`] when it is not. The next one may be, at once.
    #[inline]
    pub fn admit(&mut self, now: Instant, random: u64) -> Result<(), Rejected> {
        let uniform = (random >> 11) as f64 / (1u64 << 53) as f64;
        if uniform >= self.refusal_probability(now) {
            return Ok(());
        }
        self.count(now, false);
        Err(Rejected {
            retry_at: Some(now),
        })
    }

    /// A request that was sent ended. One that was given up without an outcome is not recorded.
    #[inline]
    pub fn record(&mut self, now: Instant, outcome: Outcome) {
        let accepted = !matches!(outcome, Outcome::Rejected | Outcome::Unavailable);
        self.count(now, accepted);
    }

    /// The share of requests that is refused just now, 0 to below 1.
    #[inline]
    pub fn refusal_probability(&mut self, now: Instant) -> f64 {
        let Counts { requests, accepts } = self.history.sum(now);
        let (requests, accepts) = (requests as f64, accepts as f64);
        ((requests - self.k * accepts) / (requests + 1.0)).max(0.0)
    }

    #[inline]
    fn count(&mut self, now: Instant, accepted: bool) {
        let one = Counts {
            requests: 1,
            accepts: u64::from(accepted),
        };
        self.history.add(now, one);
    }
}

const ADMITTED: u32 = 1;

/// The throttles of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct ClientThrottleLayer {
    throttles: Scoped<ClientThrottle>,
}

impl ClientThrottleLayer {
    pub(crate) fn new(config: &ClientThrottleConfig, instances: u32) -> Self {
        let fresh = ClientThrottle::new(config);
        Self {
            throttles: Scoped::new(config.scope, instances, fresh),
        }
    }

    #[inline]
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
    ) -> Descend {
        let Some(index) = self.throttles.select(root, env) else {
            return Descend::Pass;
        };
        match self.throttles.get(index).admit(now, env.random()) {
            Ok(()) => {
                *frame = Frame {
                    state: ADMITTED,
                    index,
                    word: 0,
                };
                Descend::Pass
            }
            Err(_) => Descend::Refuse,
        }
    }

    /// A refusal of a layer inside counts as one of the callee: it stands for it.
    #[inline]
    pub(crate) fn record(&mut self, now: Instant, outcome: Outcome, frame: &mut Frame) {
        let Frame { state, index, .. } = core::mem::take(frame);
        if state == ADMITTED {
            self.throttles.get(index).record(now, outcome);
        }
    }

    /// What was given up was neither accepted nor refused.
    pub(crate) fn release(&self, frame: &mut Frame) {
        *frame = Frame::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clock::Duration;
    use proptest::prelude::*;

    fn throttle(k: f64, seconds: u64) -> ClientThrottle {
        ClientThrottle::new(&ClientThrottleConfig {
            k,
            window: Duration::from_secs(seconds),
            ..ClientThrottleConfig::default()
        })
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn nothing_is_refused_while_one_in_k_is_accepted() {
        let mut throttle = throttle(2.0, 120);
        assert_eq!(throttle.refusal_probability(at(0)), 0.0);
        for outcome in [Outcome::Success, Outcome::Rejected].repeat(50) {
            assert_eq!(throttle.admit(at(1), 0), Ok(()));
            throttle.record(at(1), outcome);
        }
        // One more refusal tips it: (101 - 2 * 50) / 102.
        throttle.record(at(1), Outcome::Rejected);
        assert_eq!(throttle.refusal_probability(at(1)), 1.0 / 102.0);
        assert!(throttle.admit(at(1), 0).is_err());
        assert_eq!(throttle.admit(at(1), u64::MAX), Ok(()));
        // The refusal counted: (102 - 100) / 103.
        assert_eq!(throttle.refusal_probability(at(1)), 2.0 / 103.0);
    }

    #[test]
    fn who_took_the_request_accepted_it() {
        for (outcome, accepts) in [
            (Outcome::Success, true),
            (Outcome::Degraded, true),
            (Outcome::Timeout, true),
            (Outcome::Error, true),
            (Outcome::Aborted, true),
            (Outcome::Conflict, true),
            (Outcome::Rejected, false),
            (Outcome::Unavailable, false),
        ] {
            let mut throttle = throttle(1.0, 120);
            throttle.record(at(0), outcome);
            assert_eq!(
                throttle.refusal_probability(at(0)) == 0.0,
                accepts,
                "{outcome}"
            );
        }
    }

    #[test]
    fn what_is_past_is_forgotten() {
        let mut throttle = throttle(2.0, 120);
        for _ in 0..9 {
            throttle.record(at(0), Outcome::Rejected);
        }
        assert_eq!(throttle.refusal_probability(at(119)), 0.9);
        assert_eq!(throttle.refusal_probability(at(120)), 0.0);
    }

    /// A callee that takes 10 of 100 a second, under a demand ten times as large: what is still sent
    /// settles at `k` times what is taken, the book's bargain.
    #[test]
    fn about_k_requests_are_sent_for_each_accepted_one() {
        for k in [1.1, 2.0, 4.0] {
            let mut throttle = throttle(k, 60);
            let (mut sent, mut accepted, mut bits) = (0u32, 0u32, 7u64);
            for second in 0..600 {
                let mut capacity = 10;
                for i in 0..100 {
                    bits = bits
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let now = at(second) + Duration::from_millis(10 * i);
                    if throttle.admit(now, bits).is_err() {
                        continue;
                    }
                    sent += u32::from(second >= 120);
                    let taken = capacity > 0;
                    capacity -= i32::from(taken);
                    accepted += u32::from(taken && second >= 120);
                    throttle.record(
                        now,
                        if taken {
                            Outcome::Success
                        } else {
                            Outcome::Rejected
                        },
                    );
                }
            }
            // Of the 4800 that the callee could take in the 480 seconds a few are not sent.
            assert!(accepted > 4_000, "{k}: {accepted}");
            // A binomial of 48000 deviates by 110 at most; five times that.
            let expected = k * f64::from(accepted);
            assert!(
                (f64::from(sent) - expected).abs() < 550.0,
                "{k}: {sent} of {expected}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_share_is_that_of_the_book(
            k in 1.0..4.0f64,
            events in prop::collection::vec((0u64..30, 0usize..8), 0..60),
        ) {
            let mut throttle = throttle(k, 120);
            let (mut now, mut heard) = (0, Vec::new());
            for (pause, outcome) in events {
                now += pause;
                throttle.record(at(now), Outcome::ALL[outcome]);
                heard.push((now / 10, Outcome::ALL[outcome]));
                // Twelve slices of ten seconds.
                heard.retain(|(slice, _)| slice + 12 > now / 10);
                let requests = heard.len() as f64;
                let refused = |o: &Outcome| matches!(o, Outcome::Rejected | Outcome::Unavailable);
                let accepts = heard.iter().filter(|(_, o)| !refused(o)).count() as f64;
                let share = ((requests - k * accepts) / (requests + 1.0)).max(0.0);
                prop_assert_eq!(throttle.refusal_probability(at(now)), share);
            }
        }
    }
}
