//! Policies: lists of layers, from the words of the model to what the `policy` crate is given.

mod breaker;
mod retry;

use crate::distribution::Moving;
use crate::policies::breaker::{BreakerShape, resolve_breaker};
use crate::policies::retry::{RetryShape, resolve_retry};
use crate::problem::Span as Place;
use crate::quantity::{Count, Number, PositiveRate};
use crate::reader::{At, List, Named, Reader};
use crate::shape::{choice, record};
use crate::types::{Distribution, Policy};
use clock::Duration;
use policy::config::{
    BulkheadConfig, FallbackConfig, LayerConfig, PolicyConfig, RateAlgorithm, RateLimitConfig,
    Scope, Span,
};
use policy::{Attempt, Outcome, OutcomeSet};

/// The layers of a policy, outermost first.
pub(crate) type Layers = List<At<Layer>>;

choice! {
    /// One layer of a policy.
    "a policy layer": Layer {
        /// Turns a failure of what is inside into a degraded success.
        "fallback" => Fallback(FallbackShape),
        /// Runs what is inside again when it fails.
        "retry" => Retry(RetryShape),
        /// Refuses at once while what is inside is failing.
        "circuit_breaker" => CircuitBreaker(BreakerShape),
        /// Bounds the rate of calls.
        "rate_limit" => RateLimit(RateLimitShape),
        /// Bounds the number of calls at the same time.
        "bulkhead" => Bulkhead(BulkheadShape),
        /// Gives up on what is inside after this time.
        "timeout" => Timeout(Moving),
    }
    later { "hedge", "concurrency_limit", "client_throttle" }
}

choice! {
    /// A kind of failure.
    "a kind of failure": Failure {
        /// The caller stopped waiting.
        "timeout" => Timeout,
        /// Refused before any work was done: a full queue, a limiter, a breaker, a bulkhead.
        "rejected" => Rejected,
        /// No instance could be reached, or the connection was lost.
        "unavailable" => Unavailable,
        /// The handler failed.
        "error" => Error,
        /// A transaction was aborted.
        "aborted" => Aborted,
        /// A conditional write lost against another one.
        "conflict" => Conflict,
    }
}

record! {
    /// Turns a failure of what is inside into a degraded success.
    FallbackShape {
        /// The kinds of failure that it answers for; all when absent.
        optional on: List<Failure, 1>,
    }
}

choice! {
    /// Whose state a layer keeps.
    "a scope": ScopeWord {
        /// One state per caller instance and target service.
        "service" => Service,
        /// One state per caller instance and target instance.
        "instance" => Instance,
    }
}

impl ScopeWord {
    fn resolve(&self) -> Scope {
        match self {
            Self::Service => Scope::Service,
            Self::Instance => Scope::Instance,
        }
    }
}

record! {
    /// Bounds the rate of calls.
    RateLimitShape {
        /// Tokens flow in steadily, and a call takes one.
        required token_bucket: TokenBucketShape,
        /// How long a call may wait for its turn; 0 refuses at once.
        default max_wait: Duration = "0s",
        /// Whose state it keeps.
        default scope: ScopeWord = "service",
    }
    later { "gcra", "fixed_window", "sliding_window", "leaky_bucket" }
}

record! {
    /// A bucket that holds up to `burst` tokens and starts full.
    TokenBucketShape {
        /// How fast tokens flow in.
        required rate: PositiveRate,
        /// The most that the bucket holds.
        default burst: Number<1> = "1",
    }
}

record! {
    /// Bounds the number of calls at the same time.
    BulkheadShape {
        /// Calls at the same time.
        default max_concurrent: Count<1, 1_000_000> = "25",
        /// How many more may wait for a place; 0 refuses at once.
        default queue: Count<0, 10_000_000> = "0",
        /// How long one may wait; as long as it takes when absent.
        optional max_wait: Duration,
        /// Whose state it keeps.
        default scope: ScopeWord = "service",
    }
}

/// Turns what was read into policies; names keep their places.
pub(crate) fn resolve(
    layers: Named<Layers>,
    spans: &mut Vec<Distribution>,
    cx: &mut Reader<'_>,
) -> Vec<Policy> {
    let mut policies = Vec::with_capacity(layers.0.len());
    for (name, layers) in layers.0 {
        let layers = layers.map_or_else(Vec::new, |list| list.0);
        check_attempts(&layers, name.span, cx);
        let layers = layers
            .into_iter()
            .filter_map(|layer| resolve_layer(layer.value, spans, cx))
            .collect();
        policies.push(Policy {
            name: name.value,
            config: PolicyConfig { layers },
        });
    }
    policies
}

/// Retries inside retries multiply; the attempts of one call are counted in few bits.
fn check_attempts(layers: &[At<Layer>], at: Place, cx: &mut Reader<'_>) {
    let attempts = layers.iter().filter_map(|layer| match &layer.value {
        Layer::Retry(retry) => Some(u64::from(retry.attempts.0)),
        _ => None,
    });
    let product = attempts.fold(1, u64::saturating_mul);
    if product > u64::from(Attempt::MAX) {
        cx.problem(
            at,
            format!("retries inside retries make {product} attempts of one call"),
        )
        .help(format!("at most {} are allowed", Attempt::MAX));
    }
    if layers.len() > usize::from(u8::MAX) {
        cx.problem(at, format!("a policy has at most {} layers", u8::MAX));
    }
}

fn resolve_layer(
    layer: Layer,
    spans: &mut Vec<Distribution>,
    cx: &mut Reader<'_>,
) -> Option<LayerConfig> {
    Some(match layer {
        Layer::Fallback(fallback) => {
            let on = fallback
                .value
                .on
                .map_or(FallbackConfig::default().on, |kinds| outcomes(&kinds.value));
            LayerConfig::Fallback(FallbackConfig { on })
        }
        Layer::Retry(retry) => LayerConfig::Retry(resolve_retry(retry.value, cx)),
        Layer::CircuitBreaker(breaker) => {
            LayerConfig::CircuitBreaker(resolve_breaker(breaker.value, cx)?)
        }
        Layer::RateLimit(limit) => LayerConfig::RateLimit(RateLimitConfig {
            algorithm: RateAlgorithm::TokenBucket {
                rate: limit.token_bucket.rate.0,
                burst: limit.token_bucket.burst.0,
            },
            max_wait: *limit.max_wait,
            scope: limit.scope.resolve(),
            keys: None,
        }),
        Layer::Bulkhead(bulkhead) => LayerConfig::Bulkhead(BulkheadConfig {
            max_concurrent: bulkhead.max_concurrent.0,
            queue: bulkhead.queue.0,
            max_wait: bulkhead.max_wait.map(|wait| *wait),
            scope: bulkhead.scope.resolve(),
        }),
        Layer::Timeout(time) => LayerConfig::Timeout(match time.value.0 {
            Distribution::Constant(duration) => Span::Constant(duration),
            distribution => {
                spans.push(distribution);
                Span::Sampled((spans.len() - 1) as u32)
            }
        }),
    })
}

fn outcomes<const MIN: usize>(kinds: &List<Failure, MIN>) -> OutcomeSet {
    kinds
        .0
        .iter()
        .map(|kind| match kind {
            Failure::Timeout => Outcome::Timeout,
            Failure::Rejected => Outcome::Rejected,
            Failure::Unavailable => Outcome::Unavailable,
            Failure::Error => Outcome::Error,
            Failure::Aborted => Outcome::Aborted,
            Failure::Conflict => Outcome::Conflict,
        })
        .collect()
}
