//! Sheds the least important requests first while the queue is too slow: DAGOR (Zhou et al.,
//! "Overload Control for Scaling WeChat Microservices", SoCC 2018; the algorithm as corrected in
//! arXiv:1806.04075v3).
//!
//! A request has a compound level: its priority, and within it one of some user levels, which are
//! dealt out by the hash of its key, anew each hour, so that nobody is the last for ever. Up to a level
//! requests are let in. A histogram of a window's requests tells where that level must be to let in a
//! little less after a window in which requests waited too long, and a little more after a good one.

use super::Arriving;
use crate::balance::mix;
use crate::config::PriorityConfig;
use crate::rejected::Rejected;
use clock::{Duration, Instant, SECOND};

#[derive(Clone, Debug)]
pub(super) struct PriorityShedding {
    config: PriorityConfig,
    user_levels: u32,
    /// Requests of this level and above (less important) are refused.
    bound: Level,
    /// The end of the running window; `ZERO` before the first word.
    window_end: Instant,
    /// Requests in the window.
    requests: u32,
    histogram: Vec<Priority>,
    /// Requests that left the queue in the window, and the sum of their waits in nanoseconds.
    dequeued: u32,
    waited: u128,
}

/// A compound level: the priority, then the user level in the low half; the smaller, the more
/// important.
type Level = u64;

/// The requests of one priority in the window; kept in the order of priorities.
#[derive(Clone, Debug)]
struct Priority {
    priority: u32,
    requests: u32,
    by_user_level: Box<[u32]>,
}

/// The most user levels: a histogram is kept small.
const USER_LEVELS_MOST: u32 = 100_000;

/// After this long user levels are dealt out anew.
const SHUFFLE: u64 = 3_600 * SECOND;

impl PriorityShedding {
    pub(super) fn new(config: &PriorityConfig) -> Self {
        Self {
            config: *config,
            user_levels: config.user_levels.clamp(1, USER_LEVELS_MOST),
            bound: Level::MAX,
            window_end: Instant::ZERO,
            requests: 0,
            histogram: Vec::new(),
            dequeued: 0,
            waited: 0,
        }
    }

    pub(super) fn admit(&mut self, now: Instant, request: &Arriving) -> Result<(), Rejected> {
        self.roll(now);
        let user = self.user_level(now, request.key);
        self.count(request.priority, user);
        if level(request.priority, user) >= self.bound {
            return Err(Rejected {
                retry_at: Some(self.window_end),
            });
        }
        Ok(())
    }

    #[inline]
    pub(super) fn dequeued(&mut self, now: Instant, waited: Duration) {
        self.roll(now);
        self.dequeued += 1;
        self.waited += u128::from(waited.as_nanos());
    }

    pub(super) fn user_level(&self, now: Instant, key: u64) -> u32 {
        let hour = now.as_nanos() / SHUFFLE;
        let hash = mix(key ^ mix(hour));
        ((u128::from(hash) * u128::from(self.user_levels)) >> 64) as u32
    }

    fn count(&mut self, priority: u32, user: u32) {
        self.requests += 1;
        let at = match self
            .histogram
            .binary_search_by_key(&priority, |p| p.priority)
        {
            Ok(at) => at,
            Err(at) => {
                let fresh = Priority {
                    priority,
                    requests: 0,
                    by_user_level: vec![0; self.user_levels as usize].into(),
                };
                self.histogram.insert(at, fresh);
                at
            }
        };
        let counts = &mut self.histogram[at];
        counts.requests += 1;
        counts.by_user_level[user as usize] += 1;
    }

    /// Ends the window if its time is up or it has had its requests.
    #[inline]
    fn roll(&mut self, now: Instant) {
        let by_count = self.requests >= self.config.window_requests.max(1);
        if now >= self.window_end || by_count {
            self.end_window(now, by_count);
        }
    }

    #[cold]
    fn end_window(&mut self, now: Instant, by_count: bool) {
        let threshold = u128::from(self.config.queue_wait.as_nanos());
        if self.waited > threshold * u128::from(self.dequeued) {
            self.lower();
        } else {
            self.raise();
        }
        // A priority that is no longer seen is forgotten.
        self.histogram.retain(|p| p.requests > 0);
        for priority in &mut self.histogram {
            priority.requests = 0;
            priority.by_user_level.fill(0);
        }
        (self.requests, self.dequeued, self.waited) = (0, 0, 0);

        let length = self.config.window.as_nanos().max(1);
        let begins_now = by_count || self.window_end == Instant::ZERO;
        let windows = if begins_now {
            self.window_end = now;
            1
        } else {
            now.since(self.window_end).as_nanos() / length + 1
        };
        self.window_end += Duration::from_nanos(length).saturating_mul(windows);
    }

    /// Lets fewer in, but never nobody: the most important level of the window stays.
    fn lower(&mut self) {
        let mut admitted = self.admitted();
        // A product of a user's decimal and a whole number is mostly the one that was meant.
        let less = self.config.decrease * f64::from(admitted);
        let expected = f64::from(admitted) - less;
        let mut bound = self.bound;
        for (level, count) in levels(&self.histogram).rev() {
            if level >= self.bound {
                continue;
            }
            if f64::from(admitted) <= expected || count == admitted {
                break;
            }
            admitted -= count;
            bound = level;
        }
        self.bound = bound;
    }

    /// Lets more in, all when that is not many more.
    fn raise(&mut self) {
        let mut admitted = self.admitted();
        let more = self.config.increase * f64::from(self.requests);
        let expected = f64::from(admitted) + more;
        let mut bound = self.bound;
        for (level, count) in levels(&self.histogram) {
            if level >= self.bound && f64::from(admitted) < expected {
                admitted += count;
                bound = level + 1;
            }
        }
        self.bound = if f64::from(admitted) < expected {
            Level::MAX
        } else {
            bound
        };
    }

    /// How many of the window's requests were let in.
    fn admitted(&self) -> u32 {
        levels(&self.histogram)
            .filter(|(level, _)| *level < self.bound)
            .map(|(_, count)| count)
            .sum()
    }
}

fn level(priority: u32, user: u32) -> Level {
    u64::from(priority) << 32 | u64::from(user)
}

/// The levels that were seen with their requests, the most important first.
fn levels(histogram: &[Priority]) -> impl DoubleEndedIterator<Item = (Level, u32)> + '_ {
    histogram.iter().flat_map(|p| {
        (0..p.by_user_level.len())
            .zip(&*p.by_user_level)
            .filter(|(_, count)| **count > 0)
            .map(|(user, &count)| (level(p.priority, user as u32), count))
    })
}
