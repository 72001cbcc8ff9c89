//! How long a model runs, and what is asked of it: `run` and `slo`.

use crate::quantity::{Count, PositiveDuration, Ratio};
use crate::reader::{At, Reader, Value};
use crate::schema::Defs;
use crate::shape::record;
use crate::tree::{Kind, Node};
use crate::types::{LatencyQuantile, Run, Slo, Warmup};
use clock::Duration;
use serde_json::{Value as Json, json};

/// The longest run.
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);

record! {
    /// How long and how often the model runs.
    RunShape {
        /// Simulated time, warm-up included; at most ten years.
        default duration: PositiveDuration = "60s",
        /// What is cut off the front: a duration, or `auto` (MSER-5 on the latency series).
        default warmup: WarmupShape = "0s",
        /// Fixes every random draw.
        default seed: u64 = "1",
        /// Independent repetitions.
        default replications: Count<1, 1_000_000> = "1",
    }
}

/// A duration, or `auto`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WarmupShape(Warmup);

impl Value for WarmupShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.text == "auto" => Some(Self(Warmup::Auto)),
            _ => Duration::read(node, cx).map(|d| Self(Warmup::Fixed(d))),
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [Duration::schema(defs), {"const": "auto"}]})
    }
}

record! {
    /// The objectives that a run is held against.
    SloShape {
        /// The least share of requests that succeed.
        optional availability: Ratio,
        /// The most latency at each quantile.
        optional latency: LatencyShape,
    }
}

record! {
    /// The most latency at each quantile.
    LatencyShape {
        /// The median.
        optional p50: PositiveDuration,
        /// The 90th percentile.
        optional p90: PositiveDuration,
        /// The 95th percentile.
        optional p95: PositiveDuration,
        /// The 99th percentile.
        optional p99: PositiveDuration,
        /// The 99.9th percentile.
        optional p99_9: PositiveDuration,
    }
}

/// Checks what one value alone can not show.
pub(crate) fn resolve_run(run: &RunShape, cx: &mut Reader<'_>) -> Run {
    let duration = run.duration.0;
    if duration > TEN_YEARS {
        cx.problem(run.duration.span, "a run takes at most 87600h, ten years");
    } else if let Warmup::Fixed(warmup) = run.warmup.0
        && warmup >= duration
        && run.warmup.span != run.duration.span
    {
        cx.problem(
            run.warmup.span,
            format!("`warmup` must be shorter than `duration`, which is {duration}"),
        )
        .note(run.duration.span, "the run is this long");
    }
    Run {
        duration,
        warmup: run.warmup.0,
        seed: *run.seed,
        replications: run.replications.0,
    }
}

/// The objectives in the order of results.
pub(crate) fn resolve_slo(slo: &SloShape) -> Slo {
    let latency = slo.latency.as_ref().map_or_else(Vec::new, |latency| {
        let limits: [Option<At<PositiveDuration>>; 5] = [
            latency.p50,
            latency.p90,
            latency.p95,
            latency.p99,
            latency.p99_9,
        ];
        let pairs = LatencyQuantile::ALL.into_iter().zip(limits);
        pairs
            .filter_map(|(quantile, limit)| Some((quantile, limit?.0)))
            .collect()
    });
    Slo {
        availability: slo.availability.map(|ratio| ratio.0),
        latency,
    }
}
