//! Circuit breaker: closed, open, half-open, with the semantics of Resilience4j.
//!
//! Closed, it records calls into a window and opens when too many failed or were slow. Open, it
//! refuses until strictly after its time is up. Half-open, it lets a fixed number of probes through
//! and judges when they have all ended. It does not know what it protects.

use crate::config::BreakerConfig;
use crate::frame::{Frame, Root};
use crate::layer::Descend;
use crate::outcome::Outcome;
use crate::pipeline::Env;
use crate::rejected::Rejected;
use crate::scoped::Scoped;
use crate::window::{Limits, Tally, Window};
use clock::{Duration, Instant};

/// A circuit breaker.
///
/// Every permit goes back, by [`record`](Self::record) with how the call ended, or by
/// [`release`](Self::release) when that will never be known. What comes back from before the last
/// change of state is ignored.
///
/// With a window of `n` consecutive failures, `n` slow calls in a row open as well when
/// `slow_call` is set; probes are judged by `failure_rate` and the slow rate, as everywhere.
#[derive(Clone, Debug)]
pub struct CircuitBreaker {
    limits: Limits,
    slow_from: Duration,
    open_for: Duration,
    probes: u32,
    window: Window,
    state: State,
    /// Counts the changes of state, skipping 0; a permit carries the epoch that it was given in.
    epoch: u32,
}

/// What a circuit breaker does with a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BreakerState {
    /// Lets it through.
    Closed,
    /// Refuses it.
    Open,
    /// Lets it through as a probe, as long as there are probes left.
    HalfOpen,
}

/// The right to make one call, to be given back.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a permit must be recorded or released"]
pub struct Permit {
    epoch: u32,
    admitted: Instant,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { admitted: u32, ended: Tally },
}

impl CircuitBreaker {
    /// A closed breaker with an empty window. `config.scope` is the caller's affair.
    pub fn new(config: &BreakerConfig) -> Self {
        Self {
            limits: Limits {
                failure_rate: config.failure_rate,
                slow_rate: config.slow_call.map(|slow| slow.rate),
            },
            slow_from: config
                .slow_call
                .map_or(Duration::MAX, |slow| slow.longer_than),
            open_for: config.open_for,
            probes: config.half_open_calls.max(1),
            window: Window::new(config.window, config.minimum_calls),
            state: State::Closed,
            epoch: 1,
        }
    }

    /// Asks for the right to make a call.
    ///
    /// # Errors
    /// [`Rejected`] while the breaker is open (it says until when), and while it is half-open with
    /// no probe left (the end of a probe decides).
    #[inline]
    pub fn admit(&mut self, now: Instant) -> Result<Permit, Rejected> {
        match &mut self.state {
            State::Closed => {}
            State::Open { until } => {
                if now <= *until {
                    let retry_at = until.checked_add(Duration::from_nanos(1));
                    return Err(Rejected { retry_at });
                }
                self.turn(State::HalfOpen {
                    admitted: 1,
                    ended: Tally::default(),
                });
            }
            State::HalfOpen { admitted, .. } => {
                if *admitted >= self.probes {
                    return Err(Rejected { retry_at: None });
                }
                *admitted += 1;
            }
        }
        Ok(Permit {
            epoch: self.epoch,
            admitted: now,
        })
    }

    /// The call ended. It is slow when strictly more than `longer_than` passed since it was
    /// admitted; success and degraded are successes, everything else is a failure.
    #[inline]
    pub fn record(&mut self, now: Instant, permit: Permit, outcome: Outcome) {
        if permit.epoch != self.epoch {
            return;
        }
        let failed = !outcome.is_success();
        let slow = now.since(permit.admitted) > self.slow_from;
        match &mut self.state {
            State::Closed => {
                if self.window.record(now, failed, slow, self.limits) {
                    self.turn(State::Open {
                        until: now + self.open_for,
                    });
                }
            }
            State::HalfOpen { ended, .. } => {
                *ended += Tally::one(failed, slow);
                if ended.total >= self.probes {
                    if ended.exceeds(self.limits) {
                        self.turn(State::Open {
                            until: now + self.open_for,
                        });
                    } else {
                        self.window.clear();
                        self.turn(State::Closed);
                    }
                }
            }
            // No permit is given in the epoch of an open breaker.
            State::Open { .. } => {}
        }
    }

    /// The call's end will never be known: nothing is recorded, and a probe may be made instead.
    #[inline]
    pub fn release(&mut self, _now: Instant, permit: Permit) {
        if let State::HalfOpen { admitted, .. } = &mut self.state
            && permit.epoch == self.epoch
        {
            *admitted -= 1;
        }
    }

    /// What a call now would meet: an open breaker whose time is up is half-open.
    pub fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Open { until } if now > until => BreakerState::HalfOpen,
            _ => self.last_state(),
        }
    }

    /// The state that the last call left.
    #[inline]
    fn last_state(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
    }
}

/// The breakers of a pipeline. A call's permit lies in its frame: the epoch as the state (0 is no
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
        let no_probe_is_out = |b: &CircuitBreaker| match b.state {
            State::HalfOpen { admitted, ended } => admitted == ended.total,
            _ => true,
        };
        count(BreakerState::Open) == self.open as usize
            && count(BreakerState::HalfOpen) == self.half_open as usize
            && self.breakers.iter().all(no_probe_is_out)
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

#[cfg(test)]
mod tests;
