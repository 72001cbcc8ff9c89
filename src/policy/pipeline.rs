//! The pipeline: layers in the user's order around one call, as a machine without I/O.
//!
//! A driver (the simulator, or a tower service) owns time, timers, chance and the network. It
//! tells the pipeline what happened and does what the pipeline answers. The pipeline refuses to
//! know who the callee is and how a message travels.

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
    /// per instance. The attempt that is then sent must go to that instance.
    fn target(&mut self) -> u32;
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
