//! Resilience policies without I/O: the ones that a live service runs, driven by any clock.

pub mod config;
mod outcome;
mod pipeline;

pub use outcome::{Outcome, OutcomeSet};
pub use pipeline::{Action, Attempt, Env, TimerId, Token};
