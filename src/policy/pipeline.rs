//! The pipeline: layers in the user's order around one call, as a machine without I/O.
//!
//! A driver (the simulator, or a tower service) owns time, timers, chance and the network. It
//! tells the pipeline what happened and does what the pipeline answers. The pipeline refuses to
//! know who the callee is and how a message travels.

use crate::config::{LayerConfig, PolicyConfig};
use crate::copies::Place;
use crate::driver::{Action, Attempt, Env, Sink, TimerId, Token};
use crate::frame::{Frame, Root};
use crate::hedge::Hedge;
use crate::layer::{Fired, Layer};
use crate::outcome::Outcome;
use crate::walk::{Reached, Step};
use clock::{Duration, Instant};

/// The layers of one scope (a caller instance and a target service), with the state that its
/// calls share. What belongs to a single call is in its frames.
///
/// # The walk
/// A call descends from the outermost layer: each lets it pass, refuses, or makes it wait; at the
/// bottom stands [`Action::Send`]. An outcome ascends from where it arose: each layer records it,
/// changes it, or sends the call down again; at the top stands [`Action::Finish`]. When a layer
/// gives up on what is inside it, everything there is released without an outcome, and a new one
/// starts at that layer.
///
/// A hedge has several copies of the path below it. Each descends and ascends for itself; the layers
/// there share their state between the copies as they do between calls.
///
/// # The driver's part
/// * `call` is the same `frames()` frames for every word about one call.
/// * Attempts of one call may be out at the same time, where there is a hedge.
/// * A wake for a call that has meanwhile ended or been abandoned is dropped.
/// * An answer or a timer that comes after it was cancelled is kept away; the pipeline ignores it
///   where it can tell.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Those outside of the hedge, then those inside.
    pub(crate) layers: Box<[Layer]>,
    /// How many are outside; all where there is no hedge.
    pub(crate) outside: usize,
    pub(crate) hedge: Option<Box<Hedge>>,
    slots: usize,
}

#[allow(clippy::too_many_arguments)] // the context of a walk: see there
impl Pipeline {
    /// A pipeline in its first state; `instances` is the number of target instances, the most
    /// there will ever be, for layers that keep a state for each.
    ///
    /// # Panics
    /// Where [`PolicyConfig::slots`] says that there is no such pipeline. When a [`Maker`] refuses
    /// the configuration of its layer: whoever reads the configuration asks [`Maker::make`] before.
    ///
    /// [`Maker`]: crate::custom::Maker
    /// [`Maker::make`]: crate::custom::Maker::make
    pub fn new(config: &PolicyConfig, instances: u32) -> Self {
        let slots = config.slots().expect("one hedge, and not too many slots");
        let mut outside = None;
        let mut layers = Vec::with_capacity(config.layers.len());
        for layer in &config.layers {
            match layer {
                LayerConfig::Hedge(hedge) => {
                    let slot = layers.len() as TimerId;
                    outside = Some((layers.len(), Box::new(Hedge::new(hedge, slot))));
                }
                other => layers.push(Layer::new(other, instances)),
            }
        }
        let (outside, hedge) =
            outside.map_or((layers.len(), None), |(at, hedge)| (at, Some(hedge)));
        Self {
            layers: layers.into_boxed_slice(),
            outside,
            hedge,
            slots,
        }
    }

    /// How many timers a call may have at once: their numbers are below it.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Whether several attempts of a call may be out at the same time.
    pub fn is_hedged(&self) -> bool {
        self.hedge.is_some()
    }

    /// How many frames each call needs: one for every slot, and one for the call itself.
    #[inline]
    pub fn frames(&self) -> usize {
        self.slots + 1
    }

    /// The model language's name of the layer that a timer belongs to.
    pub fn layer_name(&self, timer: TimerId) -> Option<&'static str> {
        match self.place(timer)? {
            Place::Outside(at) => Some(self.layers[at].name()),
            Place::Hedge => Some("hedge"),
            Place::Inside(_, at) => Some(self.layers[self.outside + at].name()),
        }
    }

    /// The span of a timer that is always set to the same time from now, so that a driver may keep
    /// it in a queue rather than in a heap: that of a timeout, or of a hedge's delay, that is constant.
    pub fn is_constant_timeout(&self, timer: TimerId) -> Option<Duration> {
        let layer = match self.place(timer)? {
            Place::Outside(at) => &self.layers[at],
            Place::Hedge => return self.hedge.as_ref()?.constant(),
            Place::Inside(_, at) => &self.layers[self.outside + at],
        };
        match layer {
            Layer::Timeout(layer) => layer.constant(),
            _ => None,
        }
    }

    /// How many of the circuit breakers are open and half-open; `None` without a breaker. A breaker
    /// becomes half-open when a call finds its time up, not before. Costs one addition per layer.
    #[inline]
    pub fn breaker_state(&self) -> Option<(u32, u32)> {
        self.layers.iter().fold(None, |sum, layer| {
            let counts = match layer {
                Layer::CircuitBreaker(breaker) => Some(breaker.counts()),
                Layer::Custom(custom) => custom.counts(),
                _ => None,
            };
            match (sum, counts) {
                (Some((open, half_open)), Some((more_open, more_half_open))) => {
                    Some((open + more_open, half_open + more_half_open))
                }
                (sum, counts) => sum.or(counts),
            }
        })
    }

    /// The instance that an attempt which is out must go to, where a layer has asked for it
    /// ([`Env::target`]).
    #[inline]
    pub fn target(&self, call: &[Frame], attempt: Attempt) -> Option<u32> {
        let root = match self.hedge {
            None => 0,
            Some(_) => self.root_of(self.copy_of(call, attempt)?),
        };
        call[root].asked_target()
    }

    /// A call begins. Its frames are all `Frame::default()`.
    #[inline]
    pub fn start(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        self.walk(now, token, call, Step::Down(0), env, out);
    }

    /// An attempt ended: its answer arrived, or the driver found that none can come.
    #[inline(always)]
    pub fn on_attempt_end(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        attempt: Attempt,
        outcome: Outcome,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        if self.hedge.is_some() {
            self.copy_ended(now, token, call, attempt, outcome, env, out);
        } else if Root(&mut call[0]).end(attempt) {
            self.up(now, token, call, self.layers.len(), outcome, env, out);
        }
    }

    /// A timer that was set, and not cancelled since, has come due.
    pub fn on_timer(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        timer: TimerId,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        match self.place(timer) {
            None => {}
            Some(Place::Hedge) => self.fire_hedge(now, token, call, env, out),
            Some(Place::Outside(at)) => {
                let step = match self.outside(call).fire(now, at, out) {
                    Fired::Stale | Fired::Wait => return,
                    Fired::Descend => Step::Down(at + 1),
                    Fired::GiveUp(outcome) => {
                        self.give_up(now, call, at + 1, out);
                        Step::Up(at, outcome)
                    }
                };
                self.walk(now, token, call, step, env, out);
            }
            Some(Place::Inside(copy, at)) => {
                let mut path = self.inside(call, copy);
                let step = match path.fire(now, at, out) {
                    Fired::Stale | Fired::Wait => return,
                    Fired::Descend => Step::Down(at + 1),
                    Fired::GiveUp(outcome) => {
                        path.give_up(now, at + 1, out);
                        Step::Up(at, outcome)
                    }
                };
                self.walk_inside(now, token, call, copy, step, env, out);
            }
        }
    }

    /// Answers [`Action::Wake`]: the call got its place and goes on.
    pub fn on_wake(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        if let Some(at) = self.outside(call).wake(out) {
            return self.walk(now, token, call, Step::Down(at + 1), env, out);
        }
        // One wake may stand for several copies: whoever has a place goes on.
        for copy in self.live(call) {
            if let Some(at) = self.inside(call, copy).wake(out) {
                self.walk_inside(now, token, call, copy, Step::Down(at + 1), env, out);
            }
        }
    }

    /// The caller itself went away: gives back every permit, leaves every queue, asks to cancel
    /// what is outstanding. No [`Action::Finish`] follows, and nothing is recorded.
    pub fn abandon(
        &mut self,
        now: Instant,
        _token: Token,
        call: &mut [Frame],
        out: &mut impl Sink,
    ) {
        self.give_up(now, call, 0, out);
    }

    /// Walks outside of the hedge, if there is one, and wherever that leads.
    #[inline(always)]
    fn walk(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        step: Step,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        if self.hedge.is_some() {
            return self.walk_outside(now, token, call, step, env, out);
        }
        match step {
            Step::Down(at) => self.down(now, token, call, at, env, out),
            Step::Up(at, outcome) => self.up(now, token, call, at, outcome, env, out),
        }
    }

    /// Inwards where there is no hedge, from the layer `at`.
    #[inline(never)]
    fn down(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        at: usize,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        let mut path = self.outside(call);
        let reached = path.down(now, token, at, env, out);
        if let Some(outcome) = path.end(now, reached, out) {
            out.push(Action::Finish(outcome));
        }
    }

    /// Outwards where there is no hedge, from just inside of the layer below `at`.
    #[inline(never)]
    fn up(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        at: usize,
        outcome: Outcome,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        match self.outside(call).ascend(now, at, outcome, env, out) {
            Ok(next) => self.down(now, token, call, next, env, out),
            Err(Reached::Top(outcome)) => out.push(Action::Finish(outcome)),
            Err(_) => {}
        }
    }
}
