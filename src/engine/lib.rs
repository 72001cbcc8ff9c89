//! The event loop of a discrete-event simulation: what happens next, and what chance says.
//!
//! [`Engine`] keeps scheduled events and hands them out in the order of time; events of equal time
//! run in the order in which they were scheduled. [`random`] gives streams that depend on nothing
//! but their key, and [`Sampler`] turns their bits into durations. The same calls give the same
//! trajectory on every machine, and [`Engine::fingerprint`] proves it.
//!
//! This crate refuses to know what an event means: it sees 32 bits and a time. Services, networks,
//! requests and policies live above it.

mod buckets;
mod event;
mod event_loop;
mod fel;
#[cfg(test)]
mod heap;
mod key;
mod ladder;
pub mod random;
mod rung;
mod sampler;
mod timers;
mod ziggurat;

pub use event::{Payload, Stamp};
pub use event_loop::Engine;
pub use random::{Bits, Keyed, Stream, stream_key};
pub use sampler::{Mixture, Sampler};
pub use timers::TimerClass;
pub use ziggurat::exp1 as standard_exponential;
