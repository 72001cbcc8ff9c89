//! Resilience policies without I/O: the ones that a live service runs, driven by any clock.
//!
//! Each policy stands alone ([`CircuitBreaker`], [`TokenBucket`], [`Bulkhead`], [`RetryBudget`]),
//! and [`Pipeline`] stacks them around a call. Time, chance and outcomes are arguments: nothing
//! here reads a clock, sleeps, spawns or draws from a generator of its own.
//!
//! ```
//! use clock::{Duration, Instant};
//! use stormglass_policy::config::{BreakerConfig, Window};
//! use stormglass_policy::{BreakerState, CircuitBreaker, Outcome};
//!
//! let mut breaker = CircuitBreaker::new(&BreakerConfig {
//!     window: Window::Consecutive(2),
//!     open_for: Duration::from_secs(10),
//!     ..BreakerConfig::default()
//! });
//! let now = Instant::ZERO; // from the clock of your service, or of a simulation
//! for _ in 0..2 {
//!     let permit = breaker.admit(now)?;
//!     breaker.record(now, permit, Outcome::Timeout);
//! }
//! assert_eq!(breaker.state(now), BreakerState::Open);
//! let refused = breaker.admit(now).unwrap_err();
//! assert!(breaker.admit(refused.retry_at.unwrap()).is_ok());
//! # Ok::<(), stormglass_policy::Rejected>(())
//! ```

mod adaptive;
mod admission;
mod backoff;
pub mod balance;
mod breaker;
mod bulkhead;
mod client_throttle;
mod codel;
mod concurrency;
pub mod config;
mod copies;
pub mod custom;
mod degrade;
mod driver;
mod fallback;
mod frame;
mod hedge;
mod layer;
mod outcome;
mod outlier;
mod pipeline;
mod quantile;
mod queue;
mod rate_limit;
mod rejected;
mod retry;
mod retry_budget;
mod rolling;
#[cfg(test)]
mod schedules;
mod scoped;
mod slices;
mod timeout;
mod token_bucket;
#[cfg(test)]
mod vectors;
mod walk;
mod window;

pub use adaptive::AdaptiveRateLimiter;
pub use admission::{Admission, Admitted, Arriving};
pub use balance::{Balancer, Usable, Zones};
pub use breaker::{BreakerState, CircuitBreaker, Permit};
pub use bulkhead::{Bulkhead, BulkheadAdmission, BulkheadTicket, Left};
pub use client_throttle::ClientThrottle;
pub use codel::Codel;
pub use concurrency::{ConcurrencyLimit, Held};
pub use degrade::Degrader;
pub use driver::{Action, Actions, Attempt, Env, Pushback, Sink, TimerId, Token};
pub use frame::Frame;
pub use outcome::{Outcome, OutcomeSet};
pub use outlier::OutlierDetector;
pub use pipeline::Pipeline;
pub use queue::{Popped, Queue, Verdict};
pub use rate_limit::{KeyedRateLimiter, RateLimiter};
pub use rejected::Rejected;
pub use retry_budget::{Drawn, RetryBudget};
pub use token_bucket::TokenBucket;
