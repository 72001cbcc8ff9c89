//! The place of a custom layer in a pipeline's walk.
//!
//! It turns what an implementation says into timers and steps of the walk, keeps one state for each
//! target instance where that is asked for, and bounds how often one call may run again. It refuses
//! to know what the implementation does.

use super::{Admit, Custom, Record};
use crate::breaker::BreakerState;
use crate::config::{CustomConfig, Role, Scope};
use crate::driver::{Action, Attempt, Env, Sink, TimerId};
use crate::frame::{Frame, Root};
use crate::layer::{Ascend, Descend, Fired};
use crate::outcome::Outcome;
use crate::scoped::Scoped;
use clock::{Duration, Instant};

/// The frame's state counts the runs that were begun, from 1 on; 0 is a call that the layer knows
/// nothing of. Its word is the implementation's.
const RUNS: u32 = (1 << 30) - 1;
/// The call waits on its way in.
const WAITS_TO_BEGIN: u32 = 1 << 30;
/// It waits between two runs.
const WAITS_AGAIN: u32 = 1 << 31;

/// What keeps a call that is refused again and again without delay from going on for ever: as many
/// runs as there are numbers for attempts.
const MOST_RUNS: u32 = Attempt::MAX as u32 + 1;

#[derive(Clone, Debug)]
pub(crate) struct CustomLayer {
    name: &'static str,
    is_breaker: bool,
    states: Scoped<State>,
    open: u32,
    half_open: u32,
}

#[derive(Clone, Debug)]
struct State {
    layer: Box<dyn Custom>,
    /// What it said of itself last.
    breaker: Option<BreakerState>,
}

impl CustomLayer {
    /// # Panics
    /// When the implementation refuses the configuration.
    pub(crate) fn new(config: &CustomConfig, instances: u32) -> Self {
        let layer = config
            .maker
            .make(config)
            .unwrap_or_else(|why| panic!("{}: {why}", config.maker.name()));
        let (name, scope) = match &config.role {
            Role::CircuitBreaker(breaker) => ("circuit_breaker", breaker.scope),
            Role::RateLimit(limit) => ("rate_limit", limit.scope),
            Role::Retry(_) => ("retry", Scope::Service),
            Role::Other => ("custom", Scope::Service),
        };
        let breaker = layer.breaker_state();
        let states = Scoped::new(scope, instances, State { layer, breaker });
        let all = |which| match breaker {
            Some(state) if state == which => states.count(),
            _ => 0,
        };
        let (open, half_open) = (all(BreakerState::Open), all(BreakerState::HalfOpen));
        Self {
            name,
            is_breaker: breaker.is_some(),
            states,
            open,
            half_open,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// How many are open, and half-open; `None` for what is no breaker.
    #[inline]
    pub(crate) fn counts(&self) -> Option<(u32, u32)> {
        self.is_breaker.then_some((self.open, self.half_open))
    }

    #[allow(clippy::too_many_arguments)]
    pub(crate) fn admit(
        &mut self,
        id: TimerId,
        now: Instant,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Descend {
        let Some(index) = self.states.select(root, env) else {
            return Descend::Pass;
        };
        *frame = Frame {
            state: 1,
            index,
            word: 0,
        };
        let call = &mut frame.word;
        match self.watch(index, |layer| layer.admit(now, call, &mut || env.random())) {
            Admit::Wait(span) if !span.is_zero() => {
                frame.state |= WAITS_TO_BEGIN;
                out.push(Action::SetTimer(id, now + span));
                Descend::Wait
            }
            Admit::Pass | Admit::Wait(_) => Descend::Pass,
            Admit::Refuse => {
                *frame = Frame::default();
                Descend::Refuse
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(crate) fn record(
        &mut self,
        id: TimerId,
        now: Instant,
        outcome: Outcome,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Ascend {
        if frame.state == 0 {
            return Ascend::Pass(outcome);
        }
        let call = &mut frame.word;
        let record = self.watch(frame.index, |layer| {
            layer.record(now, call, outcome, &mut || env.random())
        });
        match record {
            Record::End(outcome) => {
                *frame = Frame::default();
                Ascend::Pass(outcome)
            }
            Record::Again(_) if frame.state & RUNS >= MOST_RUNS || !root.can_send() => {
                self.let_go(now, frame);
                Ascend::Pass(outcome)
            }
            Record::Again(Duration::ZERO) => {
                frame.state += 1;
                root.forget_target();
                Ascend::Again
            }
            Record::Again(span) => {
                frame.state |= WAITS_AGAIN;
                out.push(Action::SetTimer(id, now + span));
                Ascend::Wait
            }
        }
    }

    pub(crate) fn fire(&self, root: &mut Root<'_>, frame: &mut Frame) -> Fired {
        if frame.state & WAITS_TO_BEGIN != 0 {
            frame.state &= !WAITS_TO_BEGIN;
            return Fired::Descend;
        }
        if frame.state & WAITS_AGAIN != 0 {
            frame.state = (frame.state & !WAITS_AGAIN) + 1;
            root.forget_target();
            return Fired::Descend;
        }
        Fired::Stale
    }

    pub(crate) fn release(
        &mut self,
        id: TimerId,
        now: Instant,
        frame: &mut Frame,
        out: &mut impl Sink,
    ) {
        if frame.state & (WAITS_TO_BEGIN | WAITS_AGAIN) != 0 {
            out.push(Action::CancelTimer(id));
        }
        if frame.state != 0 {
            self.let_go(now, frame);
        }
    }

    fn let_go(&mut self, now: Instant, frame: &mut Frame) {
        let Frame {
            index, mut word, ..
        } = core::mem::take(frame);
        self.watch(index, |layer| layer.release(now, &mut word));
    }

    /// Says a word to a layer and keeps the counts of breakers.
    fn watch<R>(&mut self, index: u32, word: impl FnOnce(&mut dyn Custom) -> R) -> R {
        let state = self.states.get(index);
        let result = word(state.layer.as_mut());
        if self.is_breaker {
            let before = core::mem::replace(&mut state.breaker, state.layer.breaker_state());
            let after = state.breaker;
            let change = |count: u32, which: BreakerState| {
                count + u32::from(after == Some(which)) - u32::from(before == Some(which))
            };
            self.open = change(self.open, BreakerState::Open);
            self.half_open = change(self.half_open, BreakerState::HalfOpen);
        }
        result
    }
}
