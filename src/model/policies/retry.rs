//! Retry: attempts, back-off, jitter, and what bounds them over all calls.

use super::{Failure, outcomes};
use crate::quantity::{Count, Number, PositiveNumber, Rate, Ratio};
use crate::reader::{At, List, Reader, Value};
use crate::schema::Defs;
use crate::shape::{choice, record};
use crate::tree::{Kind, Node};
use clock::Duration;
use policy::config::{Backoff, Jitter, RetryBudget, RetryConfig, default_retry_on};
use serde_json::{Value as Json, json};

/// How long a deposit of a retry budget is good (Finagle).
const DEPOSIT_TTL: Duration = Duration::from_secs(10);

/// How many retries a second need no deposit (Finagle).
const FREE_RETRIES: f64 = 10.0;

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

/// What the retry of a policy is given.
pub(super) fn resolve_retry(retry: RetryShape, cx: &mut Reader<'_>) -> RetryConfig {
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
        ..RetryConfig::default()
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
