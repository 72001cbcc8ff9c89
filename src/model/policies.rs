//! Policies: lists of layers, from the words of the model to what the `policy` crate is given.

use crate::distribution::Moving;
use crate::problem::Span as Place;
use crate::quantity::{
    Count, Number, PositiveDuration, PositiveNumber, PositiveRate, PositiveRatio, Rate, Ratio,
};
use crate::reader::{At, Defs, List, Named, Reader, Value};
use crate::shape::{choice, record};
use crate::tree::{Kind, Node};
use crate::types::{Distribution, Policy};
use clock::Duration;
use policy::config::{
    Backoff, BreakerConfig, BulkheadConfig, FallbackConfig, Jitter, LayerConfig, PolicyConfig,
    RateAlgorithm, RateLimitConfig, RetryBudget, RetryConfig, Scope, SlowCall, Span, Window,
    default_retry_on,
};
use policy::{Attempt, Outcome, OutcomeSet};
use serde_json::{Value as Json, json};

/// The layers of a policy, outermost first.
pub(crate) type Layers = List<At<Layer>>;

/// How long a deposit of a retry budget is good (Finagle).
const DEPOSIT_TTL: Duration = Duration::from_secs(10);
/// How many retries a second need no deposit (Finagle).
const FREE_RETRIES: f64 = 10.0;

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

record! {
    /// Runs what is inside again when it fails.
    RetryShape {
        /// Attempts in all, the first included.
        required attempts: Count<1, 100>,
        /// The time between the end of an attempt and the start of the next, before jitter.
        default backoff: BackoffShape = "0s",
        /// How the back-off is spread at random.
        default jitter: JitterShape = "none",
        /// The kinds of failure after which another attempt is made; all but `rejected` when absent.
        optional retry_on: List<Failure, 1>,
        /// What bounds the retries over all calls; nothing when absent.
        optional budget: BudgetShape,
    }
}

/// A back-off: a duration, or one that grows.
#[derive(Clone, Debug)]
pub(crate) enum BackoffShape {
    Constant(Duration),
    Growing(GrowingBackoff),
}

impl Value for BackoffShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => GrowingBackoff::read(node, cx).map(Self::Growing),
            _ => Duration::read(node, cx).map(Self::Constant),
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [Duration::schema(defs), GrowingBackoff::schema(defs)]})
    }
}

choice! {
    /// A back-off that grows from retry to retry.
    "a back-off": GrowingBackoff {
        /// `initial * factor^(n-1)` before the n-th retry.
        "exponential" => Exponential(ExponentialBackoff),
        /// `initial + (n-1) * increment` before the n-th retry.
        "linear" => Linear(LinearBackoff),
    }
}

record! {
    /// A back-off that multiplies.
    ExponentialBackoff {
        /// Before the first retry.
        required initial: Duration,
        /// What each further retry multiplies by.
        default factor: Number<1> = "2",
        /// The most; unlimited when absent.
        optional max: Duration,
    }
}

record! {
    /// A back-off that adds.
    LinearBackoff {
        /// Before the first retry.
        required initial: Duration,
        /// What each further retry adds; `initial` when absent.
        optional increment: Duration,
        /// The most; unlimited when absent.
        optional max: Duration,
    }
}

/// A jitter: a word, or a ratio.
#[derive(Clone, Debug)]
pub(crate) struct JitterShape(Jitter);

choice! {
    /// How a back-off `b` is spread at random.
    "a jitter": JitterWord {
        /// `b` itself.
        "none" => None,
        /// Uniform on 0 to b.
        "full" => Full,
        /// Half of `b`, plus uniform on 0 to b/2.
        "equal" => Equal,
        /// Uniform on `initial` to three times the last back-off, at most `max`.
        "decorrelated" => Decorrelated,
    }
}

impl Value for JitterShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        if let Kind::Scalar(scalar) = &node.kind
            && scalar
                .text
                .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))
        {
            return Ratio::read(node, cx).map(|ratio| Self(Jitter::Ratio(ratio.0)));
        }
        Some(Self(match JitterWord::read(node, cx)? {
            JitterWord::None => Jitter::None,
            JitterWord::Full => Jitter::Full,
            JitterWord::Equal => Jitter::Equal,
            JitterWord::Decorrelated => Jitter::Decorrelated,
        }))
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [JitterWord::schema(defs), Ratio::schema(defs)]})
    }
}

record! {
    /// What bounds the retries over all calls: `ratio`, or `tokens`.
    BudgetShape {
        /// Retries for each call (0.2: one retry for five calls); a deposit is good for 10 s.
        optional ratio: Ratio,
        /// Retries a second that are free, as a number or a rate; 10 when absent (Finagle).
        optional min_per_second: FreeRetries,
        /// A bucket of tokens, as the AWS SDKs keep it.
        optional tokens: TokensShape,
    }
    one_of { "ratio", "tokens" }
    needs { "min_per_second" => "ratio" }
}

record! {
    /// A bucket of tokens that retries empty and successes fill.
    TokensShape {
        /// The most that the bucket holds; it starts full.
        default capacity: PositiveNumber = "500",
        /// What a retry takes.
        default cost: PositiveNumber = "5",
        /// What a success gives back.
        default refund: Number = "1",
    }
}

/// Retries a second: a plain number or a rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FreeRetries(f64);

impl Value for FreeRetries {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.text.contains('/') => {
                Rate::read(node, cx).map(|rate| Self(rate.0))
            }
            _ => <Number>::read(node, cx).map(|number| Self(number.0)),
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [<Number>::schema(defs), Rate::schema(defs)]})
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
    /// A circuit breaker: closed, open, half-open. Defaults are those of Resilience4j.
    BreakerShape {
        /// Over which calls the rates are taken: `{count: N}`, `{time: D, buckets: N}` or
        /// `{consecutive: N}`; the last 100 calls when absent.
        optional window: WindowShape,
        /// It opens when this share of the window has failed.
        default failure_rate: PositiveRatio = "50%",
        /// No judgement before this many calls are in the window; never more than the window holds.
        default minimum_calls: Count<1, 1_000_000> = "100",
        /// It also opens when too many calls are slow.
        optional slow_call: SlowCallShape,
        /// How long it stays open before it lets probes through.
        default open_for: PositiveDuration = "60s",
        /// How many probes it lets through, and judges, when half open.
        default half_open_calls: Count<1, 1_000_000> = "10",
        /// Whose state it keeps.
        default scope: ScopeWord = "service",
    }
    later { "preset", "implementation" }
}

record! {
    /// The calls that a breaker looks back on; one of `count`, `time` and `consecutive`.
    WindowShape {
        /// The last N calls.
        optional count: Count<1, 1_000_000>,
        /// The calls of this last while.
        optional time: PositiveDuration,
        /// In how many steps the window of time moves; 10 when absent.
        optional buckets: Count<1, 1000>,
        /// Opens after this many failures in a row.
        optional consecutive: Count<1, 1_000_000>,
    }
    one_of { "count", "time", "consecutive" }
    needs { "buckets" => "time" }
}

record! {
    /// When a call is slow, and how many are too many.
    SlowCallShape {
        /// A call is slow when it takes longer than this.
        required longer_than: Duration,
        /// The breaker opens at this share of slow calls.
        default rate: PositiveRatio = "100%",
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

fn resolve_retry(retry: RetryShape, cx: &mut Reader<'_>) -> RetryConfig {
    let backoff = match retry.backoff.value {
        BackoffShape::Constant(duration) => Backoff::Constant(duration),
        BackoffShape::Growing(GrowingBackoff::Exponential(shape)) => Backoff::Exponential {
            initial: *shape.initial,
            factor: shape.factor.0,
            max: checked_max(*shape.initial, shape.max, cx),
        },
        BackoffShape::Growing(GrowingBackoff::Linear(shape)) => Backoff::Linear {
            initial: *shape.initial,
            increment: shape
                .increment
                .map_or(*shape.initial, |increment| *increment),
            max: checked_max(*shape.initial, shape.max, cx),
        },
    };
    RetryConfig {
        attempts: retry.attempts.0,
        backoff,
        jitter: retry.jitter.value.0,
        retry_on: retry
            .retry_on
            .map_or_else(default_retry_on, |kinds| outcomes(&kinds.value)),
        budget: retry.budget.and_then(|budget| resolve_budget(&budget)),
    }
}

fn checked_max(initial: Duration, max: Option<At<Duration>>, cx: &mut Reader<'_>) -> Duration {
    let Some(max) = max else { return Duration::MAX };
    if *max < initial {
        cx.problem(
            max.span,
            format!("`max` is below `initial`, which is {initial}"),
        );
    }
    *max
}

fn resolve_budget(budget: &BudgetShape) -> Option<RetryBudget> {
    if let Some(tokens) = &budget.tokens {
        return Some(RetryBudget::Tokens {
            capacity: tokens.capacity.0,
            cost: tokens.cost.0,
            refund: tokens.refund.0,
        });
    }
    Some(RetryBudget::Ratio {
        ratio: budget.ratio?.0,
        min_per_second: budget.min_per_second.map_or(FREE_RETRIES, |free| free.0),
        ttl: DEPOSIT_TTL,
    })
}

fn resolve_breaker(breaker: BreakerShape, cx: &mut Reader<'_>) -> Option<BreakerConfig> {
    let window = match &breaker.window {
        Some(window) => resolve_window(window, cx)?,
        None => Window::Count(100),
    };
    let minimum_calls = match window {
        Window::Count(count) => breaker.minimum_calls.0.min(count),
        _ => breaker.minimum_calls.0,
    };
    let slow_call = breaker.slow_call.map(|slow| SlowCall {
        longer_than: *slow.longer_than,
        rate: slow.rate.0,
    });
    Some(BreakerConfig {
        window,
        failure_rate: breaker.failure_rate.0,
        minimum_calls,
        slow_call,
        open_for: breaker.open_for.0,
        half_open_calls: breaker.half_open_calls.0,
        scope: breaker.scope.resolve(),
    })
}

fn resolve_window(window: &WindowShape, cx: &mut Reader<'_>) -> Option<Window> {
    if let Some(count) = window.count {
        return Some(Window::Count(count.0));
    }
    if let Some(consecutive) = window.consecutive {
        return Some(Window::Consecutive(consecutive.0));
    }
    let time = window.time?;
    let buckets = window.buckets.map_or(10, |buckets| buckets.0);
    if time.0.as_nanos() < u64::from(buckets) {
        cx.problem(time.span, format!("too short for {buckets} buckets"));
    }
    Some(Window::Time {
        length: time.0,
        buckets,
    })
}
