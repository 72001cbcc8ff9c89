//! Resilience4j's `AtomicRateLimiter`: permissions that come back at the beginning of each cycle.
//!
//! Time is cut into cycles from the start. At the first call in a cycle the permissions grow by the
//! limit for each cycle that went by, up to the limit. A call that is ready to wait takes one of a
//! later cycle, and the permissions go below zero. As in the original, one who stops waiting does not
//! give its permission back.

use super::lane::Meter;
use clock::{Duration, Instant};

/// `limit` permissions a cycle.
#[derive(Clone, Debug)]
pub(super) struct Cycles {
    limit: u32,
    period: Duration,
}

/// What is left, as of a cycle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Permissions {
    /// When the cycle begins.
    start: u64,
    /// Negative when calls wait for those of later cycles.
    left: i64,
}

impl Cycles {
    /// At least one permission, in cycles of at least a nanosecond.
    pub(super) fn new(limit: u32, period: Duration) -> Self {
        Self {
            limit: limit.max(1),
            period: period.max(Duration::from_nanos(1)),
        }
    }

    /// What is left as of now.
    #[inline]
    fn refreshed(&self, permissions: &Permissions, now: Instant) -> Permissions {
        let passed = now.as_nanos().saturating_sub(permissions.start);
        if passed < self.period.as_nanos() {
            return *permissions;
        }
        let cycles = passed / self.period.as_nanos();
        let limit = i64::from(self.limit);
        let grown = i64::try_from(cycles)
            .unwrap_or(i64::MAX)
            .saturating_mul(limit);
        Permissions {
            start: permissions.start + cycles * self.period.as_nanos(),
            left: permissions.left.saturating_add(grown).min(limit),
        }
    }
}

impl Meter for Cycles {
    type State = Permissions;

    const GIVES_BACK: bool = false;

    fn fresh(&self) -> Permissions {
        Permissions {
            start: 0,
            left: i64::from(self.limit),
        }
    }

    #[inline]
    fn turn(&self, permissions: &Permissions, now: Instant) -> Instant {
        let Permissions { start, left } = self.refreshed(permissions, now);
        if left > 0 {
            return now;
        }
        // The next cycle has `left + limit`; one that is owed `n` cycles' worth waits for `n` more.
        let cycles = 1 + left.unsigned_abs() / u64::from(self.limit);
        Instant::from_nanos(start) + self.period.saturating_mul(cycles)
    }

    #[inline]
    fn take(&self, permissions: &mut Permissions, now: Instant, _turn: Instant) {
        *permissions = self.refreshed(permissions, now);
        permissions.left -= 1;
    }

    fn take_back(&self, _permissions: &mut Permissions, _turn: Instant) -> bool {
        false
    }
}
