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
    /// Not overloaded, and nothing seen. A target above the interval is taken for the interval.
    pub fn new(config: config::Codel) -> Self {
        let target = config.target.min(config.interval);
        Self {
            config: config::Codel { target, ..config },
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

    /// How near the queue is to dropping: the least wait of the running interval as a share of twice
    /// the target, 0..=1. A rough guess (folly's `getLoad`).
    pub fn load(&self) -> f64 {
        let most = self
            .config
            .target
            .saturating_mul(2)
            .max(Duration::from_nanos(1));
        (self.least.as_nanos() as f64 / most.as_nanos() as f64).min(1.0)
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

    /// The loads of folly's `CodelTest`, which are the least of what was seen, and full at 10 ms.
    #[test]
    fn the_load_is_the_least_wait_against_twice_the_target() {
        let mut codel = Codel::new(config::Codel::default());
        assert_eq!(codel.load(), 0.0);
        for (wait, load) in [(40, 1.0), (10, 1.0), (7, 0.7), (2, 0.2), (9, 0.2)] {
            codel.observe(Instant::ZERO, ms(wait));
            assert_eq!(codel.load(), load, "{wait} ms");
        }
    }

    #[test]
    fn a_target_above_the_interval_is_the_interval() {
        let mut codel = Codel::new(config::Codel {
            target: ms(50),
            interval: ms(20),
        });
        codel.observe(Instant::ZERO, ms(21));
        codel.observe(Instant::ZERO + ms(1), ms(21));
        assert!(codel.overloaded());
        assert!(!codel.observe(Instant::ZERO + ms(1), ms(40)));
        assert!(codel.observe(Instant::ZERO + ms(1), ms(41)));
    }

    /// Folly's own regime: everybody waits too long, and half of them are sloughed off; then the queue
    /// drains, and nobody is.
    #[test]
    fn sloughing_ends_with_the_first_interval_that_has_a_short_wait() {
        let mut codel = Codel::new(config::Codel::default());
        let mut dropped = [0; 4];
        for step in 0..40u64 {
            let now = Instant::ZERO + ms(100 + step * 10);
            // Waits of 8 and 30 ms by turns, but for one of 1 ms in the third interval.
            let wait = match step {
                25 => 1,
                _ if step % 2 == 0 => 8,
                _ => 30,
            };
            dropped[step as usize / 10] += u32::from(codel.observe(now, ms(wait)));
        }
        // An interval is judged by the first wait after it, which begins the next and is served: at
        // the steps 1, 12, 23 and 34, where that wait of 1 ms is found. In between every other is
        // dropped: 3 to 9; 11 to 19; 21, 27, 29; 31, 33.
        assert_eq!(dropped, [4, 5, 3, 2]);
        assert!(!codel.overloaded());
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
