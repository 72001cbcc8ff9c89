//! What a user sets on each layer of a pipeline: plain, checked values.
//!
//! Reading them from a file, and refusing bad ones with a line and a column, belongs to whoever
//! reads the file; this module only says what there is, in which unit, and the default.

mod admission;
mod balancer;
mod breaker;
mod custom;
mod hedge;
mod limit;
mod queue;
mod retry;

pub use admission::{
    AdmissionConfig, AdmissionControlConfig, AdmissionLayer, DegradeConfig, PriorityConfig,
};
pub use balancer::{BalancerConfig, OutlierConfig, SuccessRate};
pub use breaker::{Alignment, BreakerConfig, EndOfOpen, Judged, Late, Released, SlowCall, Window};
pub use custom::{CustomConfig, Role};
pub use hedge::{AllFailed, HedgeConfig, HedgeDelay};
pub use limit::{
    BulkheadConfig, ClientThrottleConfig, ConcurrencyAlgorithm, ConcurrencyConfig, RateAlgorithm,
    RateLimitConfig,
};
pub use queue::{Codel, Discipline};
pub use retry::{AdaptiveRate, Backoff, Heed, Jitter, RetryBudget, RetryConfig, default_retry_on};

use crate::outcome::{Outcome, OutcomeSet};
use clock::Duration;

/// A span that is fixed, or drawn anew each time from a distribution that the driver owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Span {
    /// Always the same.
    Constant(Duration),
    /// Drawn by [`crate::Env::sample`] with this index.
    Sampled(u32),
}

/// The layers of a pipeline, outermost first.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PolicyConfig {
    /// Outermost first; empty means that the call is sent as it is.
    pub layers: Vec<LayerConfig>,
}

impl PolicyConfig {
    /// The most slots of a pipeline: their numbers are those of its timers.
    pub const MOST_SLOTS: usize = 255;

    /// How many places a call has in the pipeline: one for each layer, but that what is inside a
    /// hedge is there once for each copy, with one more for the copy itself. `None` where there is
    /// no such pipeline: with two hedges, or with more than [`Self::MOST_SLOTS`].
    pub fn slots(&self) -> Option<usize> {
        let copies = |layer: &LayerConfig| match layer {
            LayerConfig::Hedge(hedge) => Some(hedge.copies()),
            _ => None,
        };
        let slots = match self.layers.iter().position(|layer| copies(layer).is_some()) {
            None => self.layers.len(),
            Some(at) => {
                let inside = &self.layers[at + 1..];
                if inside.iter().any(|layer| copies(layer).is_some()) {
                    return None;
                }
                at + 1 + copies(&self.layers[at])? * (1 + inside.len())
            }
        };
        (slots <= Self::MOST_SLOTS).then_some(slots)
    }
}

/// One layer of a pipeline.
#[derive(Clone, PartialEq, Debug)]
pub enum LayerConfig {
    /// Turns a failure of what is inside into a degraded success.
    Fallback(FallbackConfig),
    /// Runs what is inside again when it fails.
    Retry(RetryConfig),
    /// Runs what is inside a second time while the first is still out.
    Hedge(HedgeConfig),
    /// Refuses at once while what is inside is failing.
    CircuitBreaker(BreakerConfig),
    /// Bounds the rate of calls.
    RateLimit(RateLimitConfig),
    /// Bounds the number of calls at the same time.
    Bulkhead(BulkheadConfig),
    /// Bounds the number of calls at the same time by a limit that finds itself.
    ConcurrencyLimit(ConcurrencyConfig),
    /// Refuses a share of the calls while the callee refuses many.
    ClientThrottle(ClientThrottleConfig),
    /// Gives up on what is inside after a time.
    Timeout(Span),
    /// A layer that somebody else wrote.
    Custom(CustomConfig),
}

/// Which failures a fallback answers for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FallbackConfig {
    /// The failures that become a degraded success; default all.
    pub on: OutcomeSet,
}

impl Default for FallbackConfig {
    fn default() -> Self {
        Self {
            on: Outcome::FAILURES.into_iter().collect(),
        }
    }
}

/// Whose state a layer keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// One state per caller instance and target service.
    #[default]
    Service,
    /// One state per caller instance and target instance.
    Instance,
}
