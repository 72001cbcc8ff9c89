//! Degradation: when an instance leaves out what is not essential, because too many requests wait
//! or they wait too long.
//!
//! It does not know the queue; it is told how long it is and how long a request has waited.

use crate::config::DegradeConfig;
use clock::{Duration, Instant};

/// Whether one instance is degraded.
///
/// The length of the queue holds from one word to the next; a wait is a moment's news. Told at each
/// change of the queue, it is exact.
#[derive(Clone, Debug)]
pub struct Degrader {
    config: DegradeConfig,
    /// Whether the queue is too long since the last word.
    too_long: bool,
    /// The last moment at which a bound was exceeded.
    exceeded: Option<Instant>,
}

impl Degrader {
    /// Not degraded, with an empty queue.
    pub fn new(config: &DegradeConfig) -> Self {
        Self {
            config: *config,
            too_long: false,
            exceeded: None,
        }
    }

    /// From now on `queue_length` requests wait, and one that waits no longer has `waited` (zero
    /// when the word is only about the queue).
    #[inline]
    pub fn observe(&mut self, now: Instant, queue_length: u32, waited: Duration) {
        let was_too_long = self.too_long;
        self.too_long = self.config.queue_length.is_some_and(|n| queue_length > n);
        let waited_too_long = self.config.queue_wait.is_some_and(|wait| waited > wait);
        if was_too_long || self.too_long || waited_too_long {
            self.exceeded = Some(now);
        }
    }

    /// Whether the optional steps are left out: a bound is exceeded, or was less than
    /// `recover_after` ago.
    #[inline]
    pub fn is_degraded(&self, now: Instant) -> bool {
        self.too_long
            || self
                .exceeded
                .is_some_and(|at| now.since(at) < self.config.recover_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn at(n: u64) -> Instant {
        Instant::ZERO + ms(n)
    }

    fn degrader(queue_length: Option<u32>, queue_wait: Option<Duration>) -> Degrader {
        Degrader::new(&DegradeConfig {
            queue_length,
            queue_wait,
            recover_after: ms(100),
        })
    }

    #[test]
    fn a_bound_is_exceeded_not_reached() {
        let mut d = degrader(Some(5), Some(ms(20)));
        d.observe(at(0), 5, ms(20));
        assert!(!d.is_degraded(at(0)));
        d.observe(at(1), 6, ms(0));
        assert!(d.is_degraded(at(1)));
        let mut d = degrader(Some(5), Some(ms(20)));
        d.observe(at(1), 0, Duration::from_nanos(20_000_001));
        assert!(d.is_degraded(at(1)));
    }

    #[test]
    fn it_recovers_when_nothing_was_exceeded_for_the_time() {
        let mut d = degrader(None, Some(ms(20)));
        d.observe(at(10), 0, ms(21));
        assert!(d.is_degraded(at(109)));
        assert!(!d.is_degraded(at(110)));
        d.observe(at(120), 0, ms(21));
        d.observe(at(200), 0, ms(21));
        assert!(d.is_degraded(at(299)));
        assert!(!d.is_degraded(at(300)));
    }

    #[test]
    fn a_queue_stays_too_long_until_somebody_says_otherwise() {
        let mut d = degrader(Some(5), None);
        d.observe(at(0), 6, ms(0));
        assert!(d.is_degraded(at(10_000)));
        // It was too long up to this moment.
        d.observe(at(10_000), 5, ms(0));
        assert!(d.is_degraded(at(10_099)));
        assert!(!d.is_degraded(at(10_100)));
    }

    #[test]
    fn without_bounds_nothing_is_exceeded() {
        let mut d = degrader(None, None);
        d.observe(at(0), u32::MAX, Duration::MAX);
        assert!(!d.is_degraded(at(0)));
    }

    proptest! {
        /// Against the history of all moments.
        #[test]
        fn it_is_degraded_while_some_moment_of_the_last_stretch_exceeded(
            steps in prop::collection::vec((1u64..80, 0u32..10, 0u64..40), 1..60),
            ahead in 0u64..150,
        ) {
            let mut d = degrader(Some(5), Some(ms(20)));
            let mut bad = Vec::new();
            let (mut now, mut length) = (0, 0);
            for (pause, next, waited) in steps {
                // Every millisecond has the length that was last told.
                bad.extend((now..now + pause).map(|t| (t, length > 5)));
                now += pause;
                bad.push((now, length > 5 || next > 5 || waited > 20));
                length = next;
                d.observe(at(now), next, ms(waited));
                let then = now + ahead;
                let expected = length > 5 || bad.iter().any(|&(t, bad)| bad && then - t < 100);
                prop_assert_eq!(d.is_degraded(at(then)), expected);
            }
        }
    }
}
