//! Limits of concurrency that find themselves, of callers and of servers; and client-side
//! throttling.

use super::ScopeWord;
use crate::quantity::{Count, Number, OpenRatio, PositiveDuration, PositiveRatio, Ratio};
use crate::reader::{At, Reader};
use crate::shape::{choice, record};
use policy::config::{ClientThrottleConfig, ConcurrencyAlgorithm, ConcurrencyConfig};

/// A limit of concurrency.
type Limit = Count<1, 1_000_000>;

record! {
    /// Bounds the number of calls at the same time by a limit that is found from latency and
    /// losses; one of the algorithms.
    ConcurrencyShape {
        /// A limit that stays.
        optional fixed: Limit,
        /// One more after successes, a share less after a loss.
        optional aimd: AimdShape,
        /// TCP Vegas: by the queue that the excess of latency tells of.
        optional vegas: VegasShape,
        /// Netflix's: by the ratio of the long-term latency to the last one.
        optional gradient2: Gradient2Shape,
        /// Envoy's gradient controller.
        optional gradient: GradientShape,
        /// Whose state it keeps.
        default scope: ScopeWord = "service",
    }
    one_of { "fixed", "aimd", "vegas", "gradient2", "gradient" }
}

choice! {
    /// How a limit of concurrency moves.
    "a concurrency limit": AdmissionConcurrency {
        /// A limit that stays.
        "fixed" => Fixed(Limit),
        /// One more after successes, a share less after a loss.
        "aimd" => Aimd(AimdShape),
        /// TCP Vegas: by the queue that the excess of latency tells of.
        "vegas" => Vegas(VegasShape),
        /// Netflix's: by the ratio of the long-term latency to the last one.
        "gradient2" => Gradient2(Gradient2Shape),
        /// Envoy's gradient controller.
        "gradient" => Gradient(GradientShape),
    }
}

record! {
    /// Additive increase, multiplicative decrease.
    AimdShape {
        /// The limit to begin with.
        default initial: Limit = "20",
        /// The least.
        default min: Limit = "20",
        /// The most.
        default max: Limit = "200",
        /// What the limit is multiplied by after a loss, from 0.5 on.
        default backoff: OpenRatio = "0.9",
        /// An answer slower than this is a loss.
        default timeout: PositiveDuration = "5s",
    }
}

record! {
    /// TCP Vegas.
    VegasShape {
        /// The limit to begin with.
        default initial: Limit = "20",
        /// The most.
        default max: Limit = "1000",
        /// The queue below which the limit grows; 3 times its logarithm when absent.
        optional alpha: Count<0, 1_000_000>,
        /// The queue above which it shrinks; 6 times its logarithm when absent.
        optional beta: Count<0, 1_000_000>,
        /// How much of a change is made at once.
        default smoothing: PositiveRatio = "1",
    }
}

record! {
    /// By the ratio of the long-term latency to the last one.
    Gradient2Shape {
        /// The limit to begin with.
        default initial: Limit = "20",
        /// The least.
        default min: Limit = "20",
        /// The most.
        default max: Limit = "200",
        /// Calls that may queue.
        default queue: Count<0, 1_000_000> = "4",
        /// How much of a change is made at once.
        default smoothing: PositiveRatio = "0.2",
        /// Samples of the long-term average.
        default long_window: Count<1, 1_000_000> = "600",
        /// How much longer than the long-term latency is fine.
        default tolerance: Number<1> = "1.5",
    }
}

record! {
    /// Envoy's adaptive concurrency.
    GradientShape {
        /// Between two updates.
        default sample_interval: PositiveDuration = "100ms",
        /// Between two measurements of the least latency.
        default min_rtt_interval: PositiveDuration = "60s",
        /// Calls that measure it.
        default min_rtt_requests: Limit = "50",
        /// The limit meanwhile, and the least.
        default min_concurrency: Limit = "3",
        /// The most.
        default max_concurrency: Limit = "1000",
        /// How much worse than the least latency is fine.
        default buffer: Ratio = "25%",
        /// The quantile of the samples that is looked at.
        default quantile: OpenRatio = "0.5",
    }
}

record! {
    /// Refuses a share of the calls while the callee refuses many (Google SRE book, ch. 21).
    ClientThrottleShape {
        /// How many requests for one accepted are still sent.
        default k: Number<1> = "2",
        /// Over which requests are counted.
        default window: PositiveDuration = "2m",
        /// Whose state it keeps.
        default scope: ScopeWord = "service",
    }
}

/// What the concurrency limit of a policy is given.
pub(super) fn resolve_concurrency(
    shape: &ConcurrencyShape,
    cx: &mut Reader<'_>,
) -> Option<ConcurrencyConfig> {
    let algorithm = match shape {
        ConcurrencyShape {
            fixed: Some(limit), ..
        } => ConcurrencyAlgorithm::Fixed(limit.0),
        ConcurrencyShape {
            aimd: Some(aimd), ..
        } => resolve_aimd(aimd, cx),
        ConcurrencyShape {
            vegas: Some(vegas), ..
        } => resolve_vegas(vegas, cx),
        ConcurrencyShape {
            gradient2: Some(gradient),
            ..
        } => resolve_gradient2(gradient, cx),
        ConcurrencyShape { gradient, .. } => resolve_gradient(gradient.as_ref()?, cx),
    };
    Some(ConcurrencyConfig {
        algorithm,
        scope: shape.scope.resolve(),
    })
}

/// What the concurrency limit of a service is given.
pub(crate) fn resolve_admission_concurrency(
    shape: &AdmissionConcurrency,
    cx: &mut Reader<'_>,
) -> ConcurrencyAlgorithm {
    match shape {
        AdmissionConcurrency::Fixed(limit) => ConcurrencyAlgorithm::Fixed(limit.0),
        AdmissionConcurrency::Aimd(shape) => resolve_aimd(shape, cx),
        AdmissionConcurrency::Vegas(shape) => resolve_vegas(shape, cx),
        AdmissionConcurrency::Gradient2(shape) => resolve_gradient2(shape, cx),
        AdmissionConcurrency::Gradient(shape) => resolve_gradient(shape, cx),
    }
}

/// What the client throttle of a policy is given.
pub(super) fn resolve_throttle(shape: &ClientThrottleShape) -> ClientThrottleConfig {
    ClientThrottleConfig {
        k: shape.k.0,
        window: shape.window.0,
        scope: shape.scope.resolve(),
    }
}

fn resolve_aimd(shape: &AimdShape, cx: &mut Reader<'_>) -> ConcurrencyAlgorithm {
    ordered(Some(&shape.min), &shape.initial, &shape.max, cx);
    if shape.backoff.0 < 0.5 {
        cx.problem(shape.backoff.span, "`backoff` is at least 0.5")
            .help("it is what the limit is multiplied by: 0.9 takes a tenth away");
    }
    ConcurrencyAlgorithm::Aimd {
        initial: shape.initial.0,
        min: shape.min.0,
        max: shape.max.0,
        backoff: shape.backoff.0,
        timeout: shape.timeout.0,
    }
}

fn resolve_vegas(shape: &VegasShape, cx: &mut Reader<'_>) -> ConcurrencyAlgorithm {
    ordered(None, &shape.initial, &shape.max, cx);
    if let (Some(alpha), Some(beta)) = (shape.alpha, shape.beta)
        && alpha.0 > beta.0
    {
        cx.problem(
            alpha.span,
            format!("`alpha` is more than `beta`, which is {}", beta.0),
        );
    }
    ConcurrencyAlgorithm::Vegas {
        initial: shape.initial.0,
        max: shape.max.0,
        alpha: shape.alpha.map(|alpha| alpha.0),
        beta: shape.beta.map(|beta| beta.0),
        smoothing: shape.smoothing.0,
    }
}

fn resolve_gradient2(shape: &Gradient2Shape, cx: &mut Reader<'_>) -> ConcurrencyAlgorithm {
    ordered(Some(&shape.min), &shape.initial, &shape.max, cx);
    ConcurrencyAlgorithm::Gradient2 {
        initial: shape.initial.0,
        min: shape.min.0,
        max: shape.max.0,
        queue: shape.queue.0,
        smoothing: shape.smoothing.0,
        long_window: shape.long_window.0,
        tolerance: shape.tolerance.0,
    }
}

fn resolve_gradient(shape: &GradientShape, cx: &mut Reader<'_>) -> ConcurrencyAlgorithm {
    let (min, max) = (&shape.min_concurrency, &shape.max_concurrency);
    if min.0 > max.0 {
        cx.problem(
            min.span,
            format!(
                "`min_concurrency` is more than `max_concurrency`, which is {}",
                max.0
            ),
        );
    }
    ConcurrencyAlgorithm::Gradient {
        sample_interval: shape.sample_interval.0,
        min_rtt_interval: shape.min_rtt_interval.0,
        min_rtt_requests: shape.min_rtt_requests.0,
        min_concurrency: min.0,
        max_concurrency: max.0,
        buffer: shape.buffer.0,
        quantile: shape.quantile.0,
    }
}

/// `min <= initial <= max`.
fn ordered(min: Option<&At<Limit>>, initial: &At<Limit>, max: &At<Limit>, cx: &mut Reader<'_>) {
    if let Some(min) = min.filter(|min| min.0 > initial.0) {
        cx.problem(
            initial.span,
            format!(
                "`initial` is {}, below `min`, which is {}",
                initial.0, min.0
            ),
        );
    }
    if initial.0 > max.0 {
        cx.problem(
            initial.span,
            format!(
                "`initial` is {}, above `max`, which is {}",
                initial.0, max.0
            ),
        );
    }
}
