//! Circuit breaker: closed, open, half-open, with the semantics of Resilience4j, Polly or Hystrix.
//!
//! Closed, it records calls into a window and opens when too many failed or were slow. Open, it
//! refuses until its time is up. Half-open, it lets a fixed number of probes through and judges by
//! the first calls that end. Where the three differ is told by [`BreakerConfig`]. It does not know
//! what it protects.

mod layer;

use crate::config::{BreakerConfig, EndOfOpen, Judged, Late, Released};
use crate::outcome::{Outcome, OutcomeSet};
use crate::rejected::Rejected;
use crate::window::{Limits, Tally, Window};
use clock::{Duration, Instant};
pub(crate) use layer::BreakerLayer;

/// A circuit breaker.
///
/// Every permit goes back, by [`record`](Self::record) with how the call ended, or by
/// [`release`](Self::release) when that will never be known.
///
/// With a window of `n` consecutive failures, `n` slow calls in a row open as well when
/// `slow_call` is set; probes are judged by `failure_rate` and the slow rate, as everywhere.
///
/// A breaker that is judged at fixed times ([`Judged::Every`]) has no timer: the next word finds
/// out what those times brought, and a word at such a time comes after it.
#[derive(Clone, Debug)]
pub struct CircuitBreaker {
    limits: Limits,
    slow_from: Duration,
    failure_on: OutcomeSet,
    judged: Judged,
    late: Late,
    released: Released,
    end_of_open: EndOfOpen,
    open_for: Duration,
    probes: u32,
    judged_by: u32,
    window: Window,
    state: State,
    /// Counts the changes of state, skipping 0; a permit carries the epoch that it was given in.
    epoch: u32,
    /// When it is judged next, in nanoseconds; [`NEVER`] unless it is closed and judged at fixed
    /// times.
    next_look: u64,
}

const NEVER: u64 = u64::MAX;

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
    Open {
        /// When the first probe may pass; `None`: the clock ends before.
        ends: Option<Instant>,
    },
    HalfOpen {
        /// Probes let through, less those that were given back.
        admitted: u32,
        /// Calls that ended since.
        ended: Tally,
    },
}

impl CircuitBreaker {
    /// A closed breaker with an empty window. `config.scope` is the caller's affair.
    pub fn new(config: &BreakerConfig) -> Self {
        let probes = config.half_open_calls.max(1);
        Self {
            limits: Limits {
                failure_rate: config.failure_rate,
                slow_rate: config.slow_call.map(|slow| slow.rate),
            },
            slow_from: config
                .slow_call
                .map_or(Duration::MAX, |slow| slow.longer_than),
            failure_on: config.failure_on,
            judged: config.judged,
            late: config.late,
            released: config.released,
            end_of_open: config.end_of_open,
            open_for: config.open_for,
            probes,
            judged_by: config.half_open_minimum.unwrap_or(probes).clamp(1, probes),
            window: Window::new(config.window, config.alignment, config.minimum_calls),
            state: State::Closed,
            epoch: 1,
            next_look: look_after(config.judged, Instant::ZERO).unwrap_or(NEVER),
        }
    }

    /// Asks for the right to make a call.
    ///
    /// # Errors
    /// [`Rejected`] while the breaker is open (it says until when), and while it is half-open with
    /// no probe left (the end of a probe decides).
    #[inline]
    pub fn admit(&mut self, now: Instant) -> Result<Permit, Rejected> {
        self.look(now);
        match &mut self.state {
            State::Closed => {}
            State::Open { ends } => {
                if ends.is_none_or(|ends| now < ends) {
                    return Err(Rejected { retry_at: *ends });
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
    /// admitted, and a failure when `failure_on` says so.
    #[inline]
    pub fn record(&mut self, now: Instant, permit: Permit, outcome: Outcome) {
        self.look(now);
        if self.is_heard(&permit) {
            let slow = now.since(permit.admitted) > self.slow_from;
            self.count(now, self.failure_on.contains(outcome), slow);
        }
    }

    /// The call's end will never be known: see [`Released`].
    pub fn release(&mut self, now: Instant, permit: Permit) {
        self.look(now);
        let is_heard = self.is_heard(&permit);
        match (self.released, &mut self.state) {
            (Released::GivesBack, State::HalfOpen { admitted, .. })
                if permit.epoch == self.epoch =>
            {
                *admitted -= 1;
            }
            (Released::Succeeds, _) if is_heard => {
                let slow = now.since(permit.admitted) > self.slow_from;
                self.count(now, false, slow);
            }
            (Released::Reopens, State::HalfOpen { .. }) if is_heard => self.open(now),
            _ => {}
        }
    }

    /// What a call now would meet: an open breaker whose time is up is half-open.
    pub fn state(&mut self, now: Instant) -> BreakerState {
        self.look(now);
        match self.state {
            State::Open { ends: Some(ends) } if now >= ends => BreakerState::HalfOpen,
            _ => self.last_state(),
        }
    }

    /// The state that the last word left.
    #[inline]
    fn last_state(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    #[inline]
    fn is_heard(&self, permit: &Permit) -> bool {
        permit.epoch == self.epoch || self.late == Late::Counts
    }

    // Called from the way of every call and from a rare one: only the first is worth its code.
    #[inline(always)]
    fn count(&mut self, now: Instant, failed: bool, slow: bool) {
        match &mut self.state {
            State::Closed => {
                let is_judged = match self.judged {
                    Judged::EveryCall => true,
                    Judged::OnFailure => failed || slow,
                    Judged::Every(_) => false,
                };
                let limits = is_judged.then_some(self.limits);
                if self.window.record(now, failed, slow, limits) {
                    self.open(now);
                }
            }
            State::HalfOpen { ended, .. } => {
                *ended += Tally::one(failed, slow);
                if ended.total >= self.judged_by {
                    if ended.exceeds(self.limits) {
                        self.open(now);
                    } else {
                        self.close(now);
                    }
                }
            }
            State::Open { .. } => {}
        }
    }

    /// Finds out what the fixed times up to `now` brought.
    #[inline]
    fn look(&mut self, now: Instant) {
        if now.as_nanos() >= self.next_look {
            self.look_back(now);
        }
    }

    /// At each fixed time the calls before it are judged: at the first of them all that were heard
    /// of, at later ones those that are not yet forgotten. In between nothing changes.
    #[cold]
    fn look_back(&mut self, now: Instant) {
        if self.next_look == NEVER {
            // It is the end of time.
            return;
        }
        let mut at = self.next_look;
        while at <= now.as_nanos() {
            let before = Instant::from_nanos(at - 1);
            if self.window.is_bad(before, self.limits) {
                return self.open(Instant::from_nanos(at));
            }
            let change = self.window.next_change(before).map(Instant::from_nanos);
            match change.and_then(|change| look_after(self.judged, change)) {
                Some(next) => at = next,
                None => break,
            }
        }
        self.next_look = look_after(self.judged, now).unwrap_or(NEVER);
    }

    #[cold]
    fn open(&mut self, now: Instant) {
        let ends = now
            .checked_add(self.open_for)
            .and_then(|end| match self.end_of_open {
                EndOfOpen::At => Some(end),
                EndOfOpen::After => end.checked_add(Duration::from_nanos(1)),
            });
        self.turn(State::Open { ends });
        self.next_look = NEVER;
    }

    #[cold]
    fn close(&mut self, now: Instant) {
        self.window.clear();
        self.turn(State::Closed);
        self.next_look = look_after(self.judged, now).unwrap_or(NEVER);
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
    }

    /// Whether no probe is out; with late calls counted, whether none need be.
    #[cfg(test)]
    fn is_idle(&self) -> bool {
        match (self.state, self.late) {
            (State::HalfOpen { admitted, ended }, Late::Ignored) => admitted == ended.total,
            (State::HalfOpen { admitted, ended }, Late::Counts) => admitted <= ended.total,
            _ => true,
        }
    }
}

/// The first of the fixed times after `now`, in nanoseconds.
fn look_after(judged: Judged, now: Instant) -> Option<u64> {
    let Judged::Every(span) = judged else {
        return None;
    };
    let span = span.as_nanos().max(1);
    (now.as_nanos() / span).checked_add(1)?.checked_mul(span)
}

#[cfg(test)]
mod plain;
#[cfg(test)]
mod stacks;
#[cfg(test)]
mod tests;
