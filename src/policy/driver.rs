//! What a pipeline and its driver say to each other: the questions that the one asks, the words for
//! what is to be done, and the buffer that they are passed in.
//!
//! It refuses to know who drives: a simulator, or a tower service.

use crate::outcome::Outcome;
use clock::{Duration, Instant};

/// What the pipeline asks of its driver while it decides.
pub trait Env {
    /// 64 random bits, from a stream that belongs to this call.
    fn random(&mut self) -> u64;
    /// A draw from the driver's distribution `source` (see [`crate::config::Span::Sampled`]).
    fn sample(&mut self, source: u32) -> Duration;
    /// The target instance of the attempt being prepared, as an index below the number given to
    /// [`crate::Pipeline::new`]; asked at most once per attempt, and only when a layer keeps its state
    /// per instance. The attempt that is then sent must go to that instance. Any other number says
    /// that there is nobody to send to: such layers then let the attempt pass, and know nothing of it.
    fn target(&mut self) -> u32;
    /// The key (customer) of the request, for limits that keep a state for each.
    fn key(&mut self) -> u64 {
        0
    }
    /// What the server said with the failure that the pipeline hears of just now; asked at most
    /// once by each layer that heeds it. Nothing, unless that is
    /// [`crate::Pipeline::on_attempt_end`].
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

/// The slot of a call that a timer belongs to: its place in a layer, or, inside a hedge, the place
/// of one of its copies there (see [`crate::config::PolicyConfig::slots`]).
pub type TimerId = u8;

/// A call as its driver names it; the pipeline only hands it back.
pub type Token = u32;

/// What the driver must do, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send an attempt to the callee.
    Send(Attempt),
    /// Call [`crate::Pipeline::on_timer`] at this time. A timer that is set again replaces itself.
    SetTimer(TimerId, Instant),
    /// The timer is no longer wanted. Never asked for a timer that has fired.
    CancelTimer(TimerId),
    /// The attempt is given up: its answer must not reach the pipeline any more.
    Cancel(Attempt),
    /// Another call of this pipeline, waiting in a bulkhead, may go on: call
    /// [`crate::Pipeline::on_wake`] for it, after these actions are done.
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
    /// The call waits in the layer of this slot until its timer fires or another call wakes it.
    /// Nothing is to be done: for those who show what a call goes through.
    #[inline(always)]
    fn rests(&mut self, _layer: TimerId) {}
    /// The layer of this slot has turned the call back. Nothing is to be done: see [`Self::rests`].
    #[inline(always)]
    fn turned_back(&mut self, _layer: TimerId) {}
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
