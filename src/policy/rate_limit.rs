//! Rate limits: calls pass at once, after a short wait, or not at all.
//!
//! Each algorithm is a file below: it says when the next turn is. What they share (waiting for a
//! turn, giving one back, a state for each key) is in `lane.rs` and here.

#[cfg(test)]
mod by_hand;
mod cells;
mod cycles;
mod fixed_window;
mod flow;
mod lane;
mod layer;
mod sliding_counter;
mod sliding_log;
#[cfg(test)]
pub(crate) mod tests;

use crate::config::{RateAlgorithm, RateLimitConfig};
use crate::rejected::Rejected;
pub(crate) use cells::Cells;
use cells::LeakyBucket;
use clock::{Duration, Instant};
use cycles::Cycles;
use fixed_window::FixedWindow;
use lane::Lane;
pub(crate) use lane::{Meter, refusal};
pub(crate) use layer::RateLimitLayer;
use sliding_counter::SlidingCounter;
use sliding_log::SlidingLog;

/// Bounds a rate, by any of the algorithms.
///
/// ```
/// use clock::{Duration, Instant};
/// use stormglass_policy::RateLimiter;
/// use stormglass_policy::config::RateAlgorithm;
///
/// let mut limiter = RateLimiter::new(&RateAlgorithm::Gcra { rate: 10.0, burst: 1 });
/// let now = Instant::ZERO;
/// limiter.try_acquire(now)?;
/// let back = limiter.try_acquire(now).unwrap_err().retry_at.unwrap();
/// assert_eq!(back, now + Duration::from_millis(100));
/// // Or wait for it; and give the turn back when the wait is broken off.
/// let turn = limiter.reserve(now, Duration::from_millis(200))?;
/// limiter.give_back(turn);
/// limiter.try_acquire(back)?;
/// # Ok::<(), stormglass_policy::Rejected>(())
/// ```
#[derive(Clone, Debug)]
pub struct RateLimiter(KeyedRateLimiter);

impl RateLimiter {
    /// A limiter that nobody has asked yet. Numbers out of range are taken as the nearest in it.
    pub fn new(algorithm: &RateAlgorithm) -> Self {
        Self(KeyedRateLimiter::new(algorithm, 1))
    }

    /// A call that goes now, or not.
    ///
    /// # Errors
    /// [`Rejected`] says from when on there is a turn, when nobody else takes it (`None`: never).
    #[inline]
    pub fn try_acquire(&mut self, now: Instant) -> Result<(), Rejected> {
        self.0.try_acquire(0, now)
    }

    /// A call that waits for its turn, at most `max_wait`: answers when that is. Times never go back.
    /// A leaky bucket also refuses when as many wait as it holds.
    ///
    /// # Errors
    /// [`Rejected`] when the turn is too late, and nothing is taken; says from when on asking for the
    /// same can succeed.
    #[inline]
    pub fn reserve(&mut self, now: Instant, max_wait: Duration) -> Result<Instant, Rejected> {
        self.0.reserve(0, now, max_wait)
    }

    /// One who waits goes away before its `turn`, which goes to the next who asks in time: those
    /// behind have been told theirs. With Resilience4j's cycles it is lost, as it is there.
    pub fn give_back(&mut self, turn: Instant) {
        self.0.give_back(0, turn);
    }
}

/// The same bound for each of many keys (customers), each for itself.
///
/// A state is made when its key is first asked for, together with its neighbours.
#[derive(Clone, Debug)]
pub struct KeyedRateLimiter {
    keys: u32,
    lanes: Lanes,
}

#[derive(Clone, Debug)]
enum Lanes {
    Cells(Pages<Cells>),
    LeakyBucket(Pages<LeakyBucket>),
    FixedWindow(Pages<FixedWindow>),
    SlidingLog(Pages<SlidingLog>),
    SlidingCounter(Pages<SlidingCounter>),
    Cycles(Pages<Cycles>),
}

macro_rules! with_pages {
    ($lanes:expr, $pages:ident => $do:expr) => {
        match $lanes {
            Lanes::Cells($pages) => $do,
            Lanes::LeakyBucket($pages) => $do,
            Lanes::FixedWindow($pages) => $do,
            Lanes::SlidingLog($pages) => $do,
            Lanes::SlidingCounter($pages) => $do,
            Lanes::Cycles($pages) => $do,
        }
    };
}

impl KeyedRateLimiter {
    /// Keys count modulo `keys`, at least 1.
    pub fn new(algorithm: &RateAlgorithm, keys: u32) -> Self {
        let lanes = match *algorithm {
            RateAlgorithm::TokenBucket { rate, burst } => {
                Lanes::Cells(Pages::new(Cells::new(rate, burst)))
            }
            RateAlgorithm::Gcra { rate, burst } => {
                Lanes::Cells(Pages::new(Cells::new(rate, f64::from(burst))))
            }
            RateAlgorithm::LeakyBucket { rate, capacity } => {
                Lanes::LeakyBucket(Pages::new(LeakyBucket::new(rate, capacity)))
            }
            RateAlgorithm::FixedWindow { limit, window } => {
                Lanes::FixedWindow(Pages::new(FixedWindow::new(limit, window)))
            }
            RateAlgorithm::SlidingLog { limit, window } => {
                Lanes::SlidingLog(Pages::new(SlidingLog::new(limit, window)))
            }
            RateAlgorithm::SlidingCounter { limit, window } => {
                Lanes::SlidingCounter(Pages::new(SlidingCounter::new(limit, window)))
            }
            RateAlgorithm::Cycles { limit, period } => {
                Lanes::Cycles(Pages::new(Cycles::new(limit, period)))
            }
        };
        Self {
            keys: keys.max(1),
            lanes,
        }
    }

    /// See [`RateLimiter::try_acquire`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn try_acquire(&mut self, key: u64, now: Instant) -> Result<(), Rejected> {
        self.reserve(key, now, Duration::ZERO).map(|_| ())
    }

    /// See [`RateLimiter::reserve`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn reserve(
        &mut self,
        key: u64,
        now: Instant,
        max_wait: Duration,
    ) -> Result<Instant, Rejected> {
        let lane = self.lane(key);
        with_pages!(&mut self.lanes, pages => {
            let (meter, lane) = pages.get(lane, self.keys);
            lane.reserve(meter, now, max_wait)
        })
    }

    /// See [`RateLimiter::give_back`].
    pub fn give_back(&mut self, key: u64, turn: Instant) {
        let lane = self.lane(key);
        with_pages!(&mut self.lanes, pages => {
            let (meter, lane) = pages.get(lane, self.keys);
            lane.give_back(meter, turn);
        });
    }

    #[inline]
    fn lane(&self, key: u64) -> u32 {
        if self.keys == 1 {
            0
        } else {
            (key % u64::from(self.keys)) as u32
        }
    }
}

/// States by key, made a page at a time.
#[derive(Clone, Debug)]
struct Pages<M: Meter> {
    meter: M,
    pages: Vec<Vec<Lane<M::State>>>,
}

/// States made at a time.
const PAGE: u32 = 64;

impl<M: Meter> Pages<M> {
    fn new(meter: M) -> Self {
        Self {
            meter,
            pages: Vec::new(),
        }
    }

    #[inline]
    fn get(&mut self, lane: u32, lanes: u32) -> (&M, &mut Lane<M::State>) {
        let (page, place) = ((lane / PAGE) as usize, (lane % PAGE) as usize);
        if self.pages.get(page).is_none_or(Vec::is_empty) {
            self.make(page, lanes);
        }
        (&self.meter, &mut self.pages[page][place])
    }

    #[cold]
    fn make(&mut self, page: usize, lanes: u32) {
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, Vec::new);
        }
        let fresh = || Lane::new(self.meter.fresh());
        self.pages[page].resize_with(PAGE.min(lanes) as usize, fresh);
    }
}

impl RateLimitConfig {
    /// How long a call may wait. A leaky bucket is a queue: without a `max_wait` a call waits for
    /// its turn however long that is, and only the capacity bounds it.
    pub fn patience(&self) -> Duration {
        match self.algorithm {
            RateAlgorithm::LeakyBucket { .. } if self.max_wait.is_zero() => Duration::MAX,
            _ => self.max_wait,
        }
    }
}
