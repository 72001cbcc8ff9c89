//! Policies: lists of layers, from the words of the model to what the `policy` crate is given.

mod breaker;
mod budget;
pub(crate) mod concurrency;
mod custom;
mod hedge;
pub(crate) mod rate_limit;
mod retry;

use crate::distribution::Moving;
use crate::policies::breaker::{BreakerShape, resolve_breaker};
use crate::policies::concurrency::{
    ClientThrottleShape, ConcurrencyShape, resolve_concurrency, resolve_throttle,
};
use crate::policies::custom::{CustomShape, resolve_custom};
use crate::policies::hedge::{HedgeShape, resolve_hedge};
use crate::policies::rate_limit::{RateLimitShape, resolve_rate_limit};
use crate::policies::retry::{RetryShape, resolve_retry};
use crate::problem::Span as Place;
use crate::quantity::Count;
use crate::reader::{At, Keyed, List, Named, Reader};
use crate::shape::{choice, record};
use crate::types::{Distribution, Policy};
use clock::Duration;
use policy::config::{
    BulkheadConfig, FallbackConfig, LayerConfig, PolicyConfig, Role, Scope, Span,
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
        "retry" => Retry(Box<Keyed<RetryShape>>),
        /// Sends further copies while the first is still out.
        "hedge" => Hedge(HedgeShape),
        /// Refuses at once while what is inside is failing.
        "circuit_breaker" => CircuitBreaker(Box<Keyed<BreakerShape>>),
        /// Bounds the rate of calls.
        "rate_limit" => RateLimit(Keyed<RateLimitShape>),
        /// Bounds the number of calls at the same time.
        "bulkhead" => Bulkhead(BulkheadShape),
        /// Bounds the number of calls at the same time by a limit that finds itself.
        "concurrency_limit" => ConcurrencyLimit(ConcurrencyShape),
        /// Refuses a share of the calls while the callee refuses many.
        "client_throttle" => ClientThrottle(ClientThrottleShape),
        /// Gives up on what is inside after this time.
        "timeout" => Timeout(Moving),
        /// A layer that somebody else wrote.
        "custom" => Custom(Keyed<CustomShape>),
    }
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
pub(crate) fn resolve(layers: Named<Layers>, cx: &mut Reader<'_>) -> Vec<Policy> {
    let mut policies = Vec::with_capacity(layers.0.len());
    for (name, layers) in layers.0 {
        let layers = layers.map_or_else(Vec::new, |list| list.0);
        let mut config = PolicyConfig::default();
        let mut hedge = None;
        for At { value, span } in layers {
            let Some(layer) = resolve_layer(value, cx) else {
                continue;
            };
            if matches!(layer, LayerConfig::Hedge(_))
                && let Some(first) = hedge.replace(span)
            {
                cx.problem(span, "a policy has at most one `hedge`")
                    .note(first, "the first is here");
            }
            config.layers.push(layer);
        }
        check_sizes(&config, name.span, cx);
        policies.push(Policy {
            name: name.value,
            config,
        });
    }
    policies
}

/// Retries inside retries multiply; the attempts of one call, and the timers of one attempt, are
/// counted in few bits.
fn check_sizes(config: &PolicyConfig, at: Place, cx: &mut Reader<'_>) {
    let attempts = config.layers.iter().map(|layer| match layer {
        LayerConfig::Retry(retry) => u64::from(retry.attempts),
        LayerConfig::Hedge(hedge) => u64::from(hedge.attempts),
        LayerConfig::Custom(custom) => match &custom.role {
            Role::Retry(retry) => u64::from(retry.attempts),
            _ => 1,
        },
        _ => 1,
    });
    let attempts = attempts.fold(1, u64::saturating_mul);
    let hedges = config.layers.iter().filter_map(|layer| match layer {
        LayerConfig::Hedge(hedge) => Some(hedge.attempts),
        _ => None,
    });
    let hedges: Vec<u32> = hedges.collect();
    if attempts > u64::from(Attempt::MAX) {
        let how = if hedges.is_empty() {
            "retries inside retries make"
        } else {
            "retries and hedges inside each other make"
        };
        cx.problem(at, format!("{how} {attempts} attempts of one call"))
            .help(format!("at most {} are allowed", Attempt::MAX));
    }
    let most = PolicyConfig::MOST_SLOTS;
    if config.layers.len() > most {
        cx.problem(at, format!("a policy has at most {most} layers"));
    } else if let ([copies], None) = (&hedges[..], config.slots()) {
        cx.problem(
            at,
            format!("{copies} copies of what is inside the `hedge` make this policy too large"),
        )
        .help(format!(
            "there may be {most} layers: each copy counts as one, and those inside once for each copy"
        ));
    }
}

fn resolve_layer(layer: Layer, cx: &mut Reader<'_>) -> Option<LayerConfig> {
    Some(match layer {
        Layer::Fallback(fallback) => {
            let on = fallback
                .value
                .on
                .map_or(FallbackConfig::default().on, |kinds| outcomes(&kinds.value));
            LayerConfig::Fallback(FallbackConfig { on })
        }
        Layer::Retry(retry) => resolve_retry(*retry.value, cx)?,
        Layer::Hedge(hedge) => LayerConfig::Hedge(resolve_hedge(&hedge, cx)?),
        Layer::CircuitBreaker(breaker) => resolve_breaker(*breaker.value, cx)?,
        Layer::RateLimit(limit) => resolve_rate_limit(limit.value, cx)?,
        Layer::Bulkhead(bulkhead) => LayerConfig::Bulkhead(BulkheadConfig {
            max_concurrent: bulkhead.max_concurrent.0,
            queue: bulkhead.queue.0,
            max_wait: bulkhead.max_wait.map(|wait| *wait),
            scope: bulkhead.scope.resolve(),
        }),
        Layer::ConcurrencyLimit(limit) => {
            LayerConfig::ConcurrencyLimit(resolve_concurrency(&limit, cx)?)
        }
        Layer::ClientThrottle(throttle) => LayerConfig::ClientThrottle(resolve_throttle(&throttle)),
        Layer::Timeout(time) => LayerConfig::Timeout(match time.value.0 {
            Distribution::Constant(duration) => Span::Constant(duration),
            distribution => {
                // The same one again is the same number, so that equal policies are equal.
                let spans = &mut cx.policy_spans;
                let known = spans.iter().position(|known| *known == distribution);
                let number = known.unwrap_or_else(|| {
                    spans.push(distribution);
                    spans.len() - 1
                });
                Span::Sampled(number as u32)
            }
        }),
        Layer::Custom(custom) => {
            let Keyed { value: shape, keys } = custom.value;
            resolve_custom(&shape.implementation, shape.with, Role::Other, &keys, cx)?
        }
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
