//! Policies of other crates as layers of a pipeline.
//!
//! Each is the crate's own code. An adapter gives it the pipeline's time and randomness, maps the
//! settings that every policy of its kind has onto the crate's, and refuses those that the crate
//! has no counterpart for. It imitates nothing, and mends nothing: where a crate departs from what
//! its settings are usually taken to mean, so does the layer; `docs/third-party.md` lists where.
//!
//! [`registry`] names those that are compiled in:
//!
//! | name | feature | kind | the crate's part |
//! | --- | --- | --- | --- |
//! | `governor` | `governor` | rate limit | `RateLimiter`, on its `Clock` trait |
//! | `failsafe` | `failsafe` | circuit breaker | `StateMachine` with both failure policies, its clock frozen |
//! | `backon` | `backon` | retry | the iterators of its back-offs, their jitter seeded |
//! | `tower_budget` | `tower` | retry | `TpsBudget`, under a paused clock of tokio's |
//! | `aws_smithy` | `aws` | retry | `StandardRetryStrategy` with a `TokenBucket` of its own |
//!
//! Left out are crates that read `std::time::Instant` with nothing in between, for their time
//! cannot be given to them: `recloser`, `tower-resilience-*`, `circuitbreaker-rs`.
//!
//! ```
//! let registry = stormglass_adapters::registry();
//! # #[cfg(feature = "governor")]
//! assert!(registry.get("governor").is_some());
//! ```

#[cfg(feature = "aws")]
mod aws_smithy;
#[cfg(feature = "backon")]
mod backon;
#[cfg(feature = "failsafe")]
mod failsafe;
#[cfg(feature = "governor")]
mod governor;
mod settings;
#[cfg(feature = "tower")]
mod tower_budget;

use policy::custom::Registry;

/// All implementations that are compiled in, under the names that models call them by.
pub fn registry() -> Registry {
    let registry = Registry::new();
    #[cfg(feature = "aws")]
    let registry = registry.with("aws_smithy", aws_smithy::make);
    #[cfg(feature = "backon")]
    let registry = registry.with("backon", backon::make);
    #[cfg(feature = "failsafe")]
    let registry = registry.with("failsafe", failsafe::make);
    #[cfg(feature = "governor")]
    let registry = registry.with("governor", governor::make);
    #[cfg(feature = "tower")]
    let registry = registry.with("tower_budget", tower_budget::make);
    registry
}
