//! The pipeline: layers in the user's order around one call, as a machine without I/O.
//!
//! A driver (the simulator, or a tower service) owns time, timers, chance and the network. It
//! tells the pipeline what happened and does what the pipeline answers. The pipeline refuses to
//! know who the callee is and how a message travels.

use crate::config::PolicyConfig;
use crate::frame::{Frame, Root};
use crate::layer::{Ascend, Descend, Fired, Layer};
use crate::outcome::Outcome;
use clock::{Duration, Instant};

/// What the pipeline asks of its driver while it decides.
pub trait Env {
    /// 64 random bits, from a stream that belongs to this call.
    fn random(&mut self) -> u64;
    /// A draw from the driver's distribution `source` (see [`crate::config::Span::Sampled`]).
    fn sample(&mut self, source: u32) -> Duration;
    /// The target instance of the attempt being prepared, as an index below the number given to
    /// [`Pipeline::new`]; asked at most once per attempt, and only when a layer keeps its state
    /// per instance. The attempt that is then sent must go to that instance. Any other number says
    /// that there is nobody to send to: such layers then let the attempt pass, and know nothing of it.
    fn target(&mut self) -> u32;
    /// The key (customer) of the request, for limits that keep a state for each.
    fn key(&mut self) -> u64 {
        0
    }
    /// What the server said with the failure that the pipeline hears of just now; asked at
    /// most once by each layer that heeds it. Nothing, unless that is [`Pipeline::on_attempt_end`].
    fn pushback(&mut self) -> Pushback {
        Pushback::None
    }
}

/// A server's word on when to come back, sent along with a failure (`grpc-retry-pushback-ms`,
/// `x-amz-retry-after`, `Retry-After`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pushback {
    /// Nothing was said.
    #[default]
    None,
    /// After this long.
    After(Duration),
    /// Not at all.
    Never,
}

/// One attempt of a call: counts from 0 over all attempts of the call.
pub type Attempt = u8;

/// The layer that a timer belongs to.
pub type TimerId = u8;

/// A call as its driver names it; the pipeline only hands it back.
pub type Token = u32;

/// What the driver must do, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send an attempt to the callee.
    Send(Attempt),
    /// Call [`Pipeline::on_timer`] at this time. A timer that is set again replaces itself.
    SetTimer(TimerId, Instant),
    /// The timer is no longer wanted. Never asked for a timer that has fired.
    CancelTimer(TimerId),
    /// The attempt is given up: its answer must not reach the pipeline any more.
    Cancel(Attempt),
    /// Another call of this pipeline, waiting in a bulkhead, may go on: call
    /// [`Pipeline::on_wake`] for it, after these actions are done.
    Wake(Token),
    /// The call has ended. Always last for its call; nothing may be said to the pipeline about it
    /// after.
    Finish(Outcome),
}

/// Takes what the pipeline asks for, in order: a buffer such as [`Actions`], or a driver that does
/// it on the spot. A driver must not speak to the pipeline again before it has returned.
pub trait Sink {
    /// The next thing to do.
    fn push(&mut self, action: Action);
}

impl Sink for Actions {
    #[inline]
    fn push(&mut self, action: Action) {
        self.0.push(action);
    }
}

/// What the driver must do, in order; one buffer serves all calls. The pipeline only appends, the
/// driver clears.
#[derive(Clone, Debug, Default)]
pub struct Actions(Vec<Action>);

impl Actions {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Forgets the actions and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The actions, in order.
    #[inline]
    pub fn iter(&self) -> core::iter::Copied<core::slice::Iter<'_, Action>> {
        self.0.iter().copied()
    }

    /// The actions, in order.
    #[inline]
    pub fn as_slice(&self) -> &[Action] {
        &self.0
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to do.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Actions {
    type Item = Action;
    type IntoIter = core::iter::Copied<core::slice::Iter<'a, Action>>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

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
/// # The driver's part
/// * `call` is the same `frames()` frames for every word about one call.
/// * A wake for a call that has meanwhile ended or been abandoned is dropped.
/// * An answer or a timer that comes after it was cancelled is kept away; the pipeline ignores it
///   where it can tell.
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub(crate) layers: Box<[Layer]>,
}

impl Pipeline {
    /// A pipeline in its first state; `instances` is the number of target instances, the most
    /// there will ever be, for layers that keep a state for each.
    ///
    /// # Panics
    /// With more than 255 layers: there would be no timer for them. When a [`Maker`] refuses the
    /// configuration of its layer: whoever reads the configuration asks [`Maker::make`] before.
    ///
    /// [`Maker`]: crate::custom::Maker
    /// [`Maker::make`]: crate::custom::Maker::make
    pub fn new(config: &PolicyConfig, instances: u32) -> Self {
        assert!(
            config.layers.len() <= usize::from(TimerId::MAX),
            "at most 255 layers"
        );
        Self {
            layers: config
                .layers
                .iter()
                .map(|layer| Layer::new(layer, instances))
                .collect(),
        }
    }

    /// How many frames each call needs: one for every layer, and one for the call itself.
    #[inline]
    pub fn frames(&self) -> usize {
        self.layers.len() + 1
    }

    /// The model language's name of the layer that a timer belongs to.
    pub fn layer_name(&self, timer: TimerId) -> Option<&'static str> {
        self.layers.get(usize::from(timer)).map(Layer::name)
    }

    /// The span of a timer that is always set to the same time from now, so that a driver may keep
    /// it in a queue rather than in a heap: that of a timeout of a constant span.
    pub fn is_constant_timeout(&self, timer: TimerId) -> Option<Duration> {
        match self.layers.get(usize::from(timer))? {
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
        self.down(now, token, call, 0, env, out);
    }

    /// An attempt ended: its answer arrived, or the driver found that none can come.
    #[allow(clippy::too_many_arguments)]
    #[inline]
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
        if Root(&mut call[0]).end(attempt) {
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
        let at = usize::from(timer);
        let Some(layer) = self.layers.get_mut(at) else {
            return;
        };
        let (root, frames) = call.split_first_mut().expect("a call has frames");
        match layer.fire(timer, now, &mut Root(root), &mut frames[at], out) {
            Fired::Stale | Fired::Wait => {}
            Fired::Descend => self.down(now, token, call, at + 1, env, out),
            Fired::GiveUp(outcome) => {
                self.give_up(now, call, at + 1, out);
                self.up(now, token, call, at, outcome, env, out);
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
        let woken = self
            .layers
            .iter_mut()
            .zip(&mut call[1..])
            .enumerate()
            .find_map(|(at, (layer, frame))| layer.wake(at as TimerId, frame, out).then_some(at));
        if let Some(at) = woken {
            self.down(now, token, call, at + 1, env, out);
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

    /// Inwards, from the layer `at`.
    #[inline]
    fn down(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        mut at: usize,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        let (root, frames) = call.split_first_mut().expect("a call has frames");
        let root = &mut Root(root);
        // A refusal may end at a retry that goes down again at once: a loop, not a recursion.
        loop {
            loop {
                let (Some(layer), Some(frame)) = (self.layers.get_mut(at), frames.get_mut(at))
                else {
                    out.push(Action::Send(root.send()));
                    return;
                };
                match layer.admit(at as TimerId, now, token, root, frame, env, out) {
                    Descend::Pass => at += 1,
                    Descend::Wait => return,
                    Descend::Refuse => break,
                }
            }
            match self.ascend(now, root, frames, at, Outcome::Rejected, env, out) {
                Some(next) => at = next,
                None => return,
            }
        }
    }

    /// Outwards with an outcome, from just inside of the layer below `at`.
    #[allow(clippy::too_many_arguments)]
    #[inline]
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
        let (root, frames) = call.split_first_mut().expect("a call has frames");
        if let Some(next) = self.ascend(now, &mut Root(root), frames, at, outcome, env, out) {
            self.down(now, token, call, next, env, out);
        }
    }

    /// Answers the layer from which the call goes inwards again at once, if it does.
    #[allow(clippy::too_many_arguments)]
    #[inline]
    fn ascend(
        &mut self,
        now: Instant,
        root: &mut Root<'_>,
        frames: &mut [Frame],
        at: usize,
        mut outcome: Outcome,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Option<usize> {
        let inside = self.layers[..at].iter_mut().zip(&mut frames[..at]);
        for (id, (layer, frame)) in inside.enumerate().rev() {
            match layer.record(id as TimerId, now, outcome, root, frame, env, out) {
                Ascend::Pass(next) => outcome = next,
                Ascend::Again => return Some(id + 1),
                Ascend::Wait => return None,
            }
        }
        out.push(Action::Finish(outcome));
        None
    }

    /// Releases everything from the layer `from` inwards, innermost first.
    fn give_up(&mut self, now: Instant, call: &mut [Frame], from: usize, out: &mut impl Sink) {
        let (root, frames) = call.split_first_mut().expect("a call has frames");
        if let Some(attempt) = Root(root).give_up() {
            out.push(Action::Cancel(attempt));
        }
        for at in (from..self.layers.len()).rev() {
            self.layers[at].release(at as TimerId, now, &mut frames[at], out);
        }
    }
}
