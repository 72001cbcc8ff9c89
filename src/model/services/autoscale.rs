//! Autoscaling: how many instances a service has follows from its load.

use crate::quantity::{Count, PositiveDuration, PositiveNumber, PositiveRatio};
use crate::reader::Reader;
use crate::shape::record;
use crate::types::{Autoscale, ScaleMetric};
use clock::Duration;

record! {
    /// How many instances a service has follows from its load, as Kubernetes' horizontal pod autoscaler
    /// would have it: instances × seen ÷ target, rounded up.
    AutoscaleShape {
        /// The fewest.
        default min: Count<1, 10_000> = "1",
        /// The most.
        required max: Count<1, 10_000>,
        /// The share of workers that should be busy, over the instances that are ready.
        optional utilization: PositiveRatio,
        /// How many requests should wait at each instance.
        optional queue_length: PositiveNumber,
        /// Between two looks; what is seen is the mean since the last one.
        default interval: PositiveDuration = "15s",
        /// There are fewer instances only when for so long no look wanted more.
        default cooldown: Duration = "5m",
    }
    one_of { "utilization", "queue_length" }
}

/// Checks that the bounds hold the number of instances at the beginning.
pub(crate) fn resolve_autoscale(
    shape: AutoscaleShape,
    instances: u32,
    cx: &mut Reader<'_>,
) -> Autoscale {
    let (min, max) = (shape.min.value.0, shape.max.value.0);
    let begins = format!("the service begins with {instances} (`instances`)");
    if min > max {
        cx.problem(shape.min.span, "`min` is more than `max`")
            .help("make `max` at least `min`")
            .note(shape.max.span, "`max` is here");
    } else if instances > max {
        cx.problem(shape.max.span, format!("`max` is too few: {begins}"))
            .help(format!("make it at least {instances}"));
    } else if instances < min {
        cx.problem(shape.min.span, format!("`min` is too many: {begins}"))
            .help(format!(
                "set `instances` of the service from {min} to {max}"
            ));
    }
    let (metric, target) = match (shape.utilization, shape.queue_length) {
        (None, Some(length)) => (ScaleMetric::QueueLength, length.0),
        // The reader sees to it that one of them is there.
        (ratio, _) => (ScaleMetric::Utilization, ratio.map_or(1.0, |ratio| ratio.0)),
    };
    Autoscale {
        min,
        max,
        metric,
        target,
        interval: shape.interval.0,
        cooldown: shape.cooldown.value,
    }
}
