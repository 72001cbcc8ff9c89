//! Controlled delay, as folly's servers use it: is the queue standing, or only bumpy?
//!
//! After folly's `Codel`, and Ben Maurer's "Fail at Scale" (ACM Queue, 2015): a server is overloaded
//! when even the least wait of an interval was above the target. It then drops whatever waited more
//! than twice the target. This differs from the CoDel of routers (RFC 8289), which drops ever more
//! often.

use crate::config;
use clock::{Duration, Instant};

/// Watches the waits of a queue.
#[derive(Clone, Debug)]
pub struct Codel {
    config: config::Codel,
    interval_end: Instant,
    least: Duration,
    /// The next wait begins an interval.
    begins: bool,
    overloaded: bool,
}

impl Codel {
    /// Not overloaded, and nothing seen.
    pub fn new(config: config::Codel) -> Self {
        Self {
            config,
            interval_end: Instant::ZERO,
            least: Duration::ZERO,
            begins: true,
            overloaded: false,
        }
    }

    /// Takes in how long one waited; true when it should be dropped for that. The wait that begins
    /// an interval is never dropped.
    #[inline]
    pub fn observe(&mut self, now: Instant, wait: Duration) -> bool {
        if !self.begins && now > self.interval_end {
            self.interval_end = now + self.config.interval;
            self.overloaded = self.least > self.config.target;
            self.begins = true;
        }
        if self.begins {
            self.begins = false;
            self.least = wait;
            return false;
        }
        self.least = self.least.min(wait);
        self.overloaded && wait > self.config.target.saturating_mul(2)
    }

    /// Begins anew.
    pub fn forget(&mut self) {
        *self = Self::new(self.config);
    }

    /// Whether the last interval that was judged had only waits above the target.
    #[inline]
    pub fn overloaded(&self) -> bool {
        self.overloaded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn one_short_wait_in_an_interval_is_enough_to_be_calm() {
        let mut codel = Codel::new(config::Codel::default());
        let mut now = Instant::ZERO;
        for wait in [90, 80, 5, 70] {
            now += ms(1);
            codel.observe(now, ms(wait));
        }
        assert!(
            codel.overloaded(),
            "as the waits before the first interval were"
        );
        now += ms(100);
        codel.observe(now, ms(90));
        assert!(!codel.overloaded(), "the least was the target itself");
    }

    #[test]
    fn overloaded_it_drops_what_waited_more_than_twice_the_target() {
        let mut codel = Codel::new(config::Codel::default());
        let mut now = Instant::ZERO;
        codel.observe(now, ms(6));
        now += ms(1);
        assert!(
            !codel.observe(now, ms(50)),
            "the first of an interval is served"
        );
        assert!(codel.overloaded());
        assert!(!codel.observe(now, ms(10)));
        assert!(codel.observe(now, ms(11)));
    }

    #[test]
    fn an_interval_includes_its_last_moment() {
        let mut codel = Codel::new(config::Codel::default());
        codel.observe(Instant::ZERO, ms(0));
        codel.observe(Instant::ZERO + ms(1), ms(50));
        codel.observe(Instant::ZERO + ms(101), ms(50));
        assert!(!codel.overloaded());
        codel.observe(Instant::ZERO + ms(102), ms(50));
        assert!(codel.overloaded());
    }
}
