//! The breakers of a pipeline's layer, one for all or one for each target instance, and how many of
//! them are open.

use super::{BreakerState, CircuitBreaker, Permit};
use crate::config::BreakerConfig;
use crate::driver::Env;
use crate::frame::{Frame, Root};
use crate::layer::Descend;
use crate::outcome::Outcome;
use crate::scoped::Scoped;
use clock::Instant;

/// A call's permit lies in its frame: the epoch as the state (0 is no
/// permit), and when it was admitted.
#[derive(Clone, Debug)]
pub(crate) struct BreakerLayer {
    breakers: Scoped<CircuitBreaker>,
    open: u32,
    half_open: u32,
}

impl BreakerLayer {
    pub(crate) fn new(config: &BreakerConfig, instances: u32) -> Self {
        let breakers = Scoped::new(config.scope, instances, CircuitBreaker::new(config));
        Self {
            breakers,
            open: 0,
            half_open: 0,
        }
    }

    /// How many are open, and half-open.
    #[inline]
    pub(crate) fn counts(&self) -> (u32, u32) {
        (self.open, self.half_open)
    }

    /// Whether the counts are right and no probe is out.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        let count = |state| {
            self.breakers
                .iter()
                .filter(|b| b.last_state() == state)
                .count()
        };
        count(BreakerState::Open) == self.open as usize
            && count(BreakerState::HalfOpen) == self.half_open as usize
            && self.breakers.iter().all(CircuitBreaker::is_idle)
    }

    #[inline]
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
    ) -> Descend {
        let Some(index) = self.breakers.select(root, env) else {
            return Descend::Pass;
        };
        let Ok(permit) = self.watch(index, |breaker| breaker.admit(now)) else {
            return Descend::Refuse;
        };
        *frame = Frame {
            state: permit.epoch,
            index,
            word: permit.admitted.as_nanos(),
        };
        Descend::Pass
    }

    #[inline]
    pub(crate) fn record(&mut self, now: Instant, outcome: Outcome, frame: &mut Frame) {
        if let Some((index, permit)) = take(frame) {
            self.watch(index, |breaker| breaker.record(now, permit, outcome));
        }
    }

    pub(crate) fn release(&mut self, now: Instant, frame: &mut Frame) {
        if let Some((index, permit)) = take(frame) {
            self.watch(index, |breaker| breaker.release(now, permit));
        }
    }

    /// Does something with a breaker and keeps the counts.
    #[inline]
    fn watch<R>(&mut self, index: u32, f: impl FnOnce(&mut CircuitBreaker) -> R) -> R {
        let breaker = self.breakers.get(index);
        let before = breaker.last_state();
        let result = f(breaker);
        let after = breaker.last_state();
        if before != after {
            self.open = self.open + u32::from(after == BreakerState::Open)
                - u32::from(before == BreakerState::Open);
            self.half_open = self.half_open + u32::from(after == BreakerState::HalfOpen)
                - u32::from(before == BreakerState::HalfOpen);
        }
        result
    }
}

#[inline]
fn take(frame: &mut Frame) -> Option<(u32, Permit)> {
    let Frame {
        state: epoch,
        index,
        word,
    } = core::mem::take(frame);
    (epoch != 0).then(|| {
        (
            index,
            Permit {
                epoch,
                admitted: Instant::from_nanos(word),
            },
        )
    })
}
