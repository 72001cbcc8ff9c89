//! Retry: attempts, back-off, jitter, and what is made of a server's word.

use super::budget::{BudgetShape, resolve_budget};
use super::custom::{SettingsShape, resolve_custom};
use super::{Failure, outcomes};
use crate::quantity::{Count, Number, OpenRatio, PositiveNumber, Ratio};
use crate::reader::{At, Keyed, List, OrNone, Reader, Value};
use crate::schema::Defs;
use crate::shape::{choice, record};
use crate::tree::{Kind, Node};
use clock::Duration;
use policy::config::{AdaptiveRate, Backoff, Heed, Jitter, LayerConfig, RetryConfig, Role};
use serde_json::{Value as Json, json};

record! {
    /// Runs what is inside again when it fails.
    RetryShape {
        /// Whose retry it is; other keys override what it says.
        optional preset: RetryPreset,
        /// Attempts in all, the first included.
        optional attempts: Count<1, 100>,
        /// The time between the end of an attempt and the start of the next, before jitter.
        usual backoff: BackoffShape = "0s",
        /// How the back-off is spread at random.
        usual jitter: JitterShape = "none",
        /// The kinds of failure after which another attempt is made; all but `rejected` when absent.
        optional retry_on: List<Failure, 1>,
        /// What bounds the retries over all calls.
        usual budget: OrNone<BudgetShape> = "none",
        /// What is made of a server's word on when to come back.
        usual heed: HeedWord = "ignore",
        /// The initial back-off after a callee's `rejected`, where it is another one.
        usual throttled_initial: OrNone<Duration> = "none",
        /// A call that the budget refuses fails only after the back-off that it would have taken.
        usual pause_when_exhausted: bool = "false",
        /// A rate of attempts that adapts to throttling.
        usual adaptive: OrNone<AdaptiveShape> = "none",
        /// The name of a retry that somebody else wrote.
        optional implementation: String,
        /// Settings that only this implementation knows.
        optional with: Keyed<SettingsShape>,
    }
    some_of { "attempts", "preset" }
    needs { "with" => "implementation" }
}

choice! {
    /// Whose retry.
    "a preset": RetryPreset {
        /// Resilience4j's, with its defaults.
        "resilience4j" => Resilience4j,
        /// Polly's of version 8, with its defaults.
        "polly" => Polly,
        /// Spring Retry's, with its defaults.
        "spring_retry" => SpringRetry,
        /// gRPC's, as its design shows it.
        "grpc" => Grpc,
        /// Envoy's after any 5xx, with its defaults.
        "envoy" => Envoy,
        /// Istio's default for every route.
        "istio" => Istio,
        /// Finagle's, with its defaults.
        "finagle" => Finagle,
        /// The standard mode of the AWS SDKs.
        "aws_standard" => AwsStandard,
        /// The standard mode of the AWS SDKs of 2026.
        "aws_standard_2026" => AwsStandard2026,
        /// The adaptive mode of the AWS SDKs.
        "aws_adaptive" => AwsAdaptive,
    }
}

choice! {
    /// What is made of a server's word on when to come back.
    "what is made of a server's word": HeedWord {
        /// Nothing.
        "ignore" => Ignore,
        /// It replaces the back-off, which starts anew; "never" ends the call (gRPC).
        "replace" => Replace,
        /// It counts between the back-off and 5 s more; "never" is not heard (AWS SDKs of 2026).
        "clamp" => Clamp,
    }
}

record! {
    /// A bucket for attempts whose rate follows a cubic curve after each throttling (the AWS SDKs'
    /// adaptive mode).
    AdaptiveShape {
        /// What the rate is multiplied by on throttling.
        default beta: OpenRatio = "0.7",
        /// How fast the cubic grows.
        default scale: PositiveNumber = "0.4",
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
        /// Polly's of version 8: a formula of its own around exponential ones, 25 % around others.
        "polly" => Polly,
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
            JitterWord::Polly => Jitter::Polly,
        }))
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [JitterWord::schema(defs), Ratio::schema(defs)]})
    }
}

/// What the retry of a policy is given.
pub(super) fn resolve_retry(retry: Keyed<RetryShape>, cx: &mut Reader<'_>) -> Option<LayerConfig> {
    let Keyed { value: shape, keys } = retry;
    let config = configure(&shape, cx);
    match &shape.implementation {
        None => Some(LayerConfig::Retry(config)),
        Some(name) => resolve_custom(name, shape.with, Role::Retry(config), &keys, cx),
    }
}

fn configure(shape: &RetryShape, cx: &mut Reader<'_>) -> RetryConfig {
    let mut config = match shape.preset.as_ref().map(|preset| &preset.value) {
        None => RetryConfig::default(),
        Some(RetryPreset::Resilience4j) => RetryConfig::resilience4j(),
        Some(RetryPreset::Polly) => RetryConfig::polly(),
        Some(RetryPreset::SpringRetry) => RetryConfig::spring_retry(),
        Some(RetryPreset::Grpc) => RetryConfig::grpc(),
        Some(RetryPreset::Envoy) => RetryConfig::envoy(),
        Some(RetryPreset::Istio) => RetryConfig::istio(),
        Some(RetryPreset::Finagle) => RetryConfig::finagle(),
        Some(RetryPreset::AwsStandard) => RetryConfig::aws_standard(),
        Some(RetryPreset::AwsStandard2026) => RetryConfig::aws_standard_2026(),
        Some(RetryPreset::AwsAdaptive) => RetryConfig::aws_adaptive(),
    };
    if let Some(attempts) = shape.attempts {
        config.attempts = attempts.0;
    }
    if let Some(backoff) = &shape.backoff {
        config.backoff = resolve_backoff(&backoff.value, cx);
    }
    if let Some(jitter) = &shape.jitter {
        config.jitter = jitter.0;
    }
    if let Some(kinds) = &shape.retry_on {
        config.retry_on = outcomes(&kinds.value);
    }
    if let Some(budget) = &shape.budget {
        config.budget = budget
            .0
            .as_ref()
            .and_then(|budget| resolve_budget(budget, cx));
    }
    if let Some(heed) = &shape.heed {
        config.heed = match heed.value {
            HeedWord::Ignore => Heed::Ignore,
            HeedWord::Replace => Heed::Replace,
            HeedWord::Clamp => Heed::Clamp,
        };
    }
    if let Some(initial) = shape.throttled_initial {
        config.throttled_initial = initial.0;
    }
    if let Some(pause) = shape.pause_when_exhausted {
        config.pause_when_exhausted = *pause;
    }
    if let Some(adaptive) = &shape.adaptive {
        config.adaptive = adaptive.0.as_ref().map(|adaptive| AdaptiveRate {
            beta: adaptive.beta.0,
            scale: adaptive.scale.0,
        });
    }
    config
}

fn resolve_backoff(shape: &BackoffShape, cx: &mut Reader<'_>) -> Backoff {
    match shape {
        BackoffShape::Constant(duration) => Backoff::Constant(*duration),
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
