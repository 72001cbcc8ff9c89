//! Resilience policies without I/O: the ones that a live service runs, driven by any clock.
//!
//! Each policy stands alone ([`CircuitBreaker`], [`TokenBucket`], [`Bulkhead`], [`RetryBudget`]),
//! and [`Pipeline`] stacks them around a call. Time, chance and outcomes are arguments: nothing
//! here reads a clock, sleeps, spawns or draws from a generator of its own.

mod backoff;
pub mod balance;
mod breaker;
mod bulkhead;
mod codel;
pub mod config;
mod fallback;
mod frame;
mod layer;
mod outcome;
mod pipeline;
mod queue;
mod rate_limit;
mod rejected;
mod retry;
mod retry_budget;
#[cfg(test)]
mod schedules;
mod scoped;
mod slices;
mod timeout;
mod token_bucket;
#[cfg(test)]
mod vectors;
mod window;

pub use balance::{Balancer, Usable};
pub use breaker::{BreakerState, CircuitBreaker, Permit};
pub use bulkhead::{Bulkhead, BulkheadAdmission, BulkheadTicket, Left};
pub use codel::Codel;
pub use frame::Frame;
pub use outcome::{Outcome, OutcomeSet};
pub use pipeline::{Action, Actions, Attempt, Env, Pipeline, Sink, TimerId, Token};
pub use queue::{Popped, Queue, Verdict};
pub use rejected::Rejected;
pub use retry_budget::RetryBudget;
pub use token_bucket::TokenBucket;
