//! Which interval a figure of a run has: over replications, or, with one, within it. It refuses to know how
//! intervals are made.

use study::record::{Estimate, RunRecord};

/// The figure with the interval that there is: over replications, or, with one, within it, if that
/// is to be relied upon.
pub(crate) fn sure(record: &RunRecord, metric: &str, over_replications: &Estimate) -> Estimate {
    let within = record.within_run.as_ref();
    match within.and_then(|within| within.metrics.get(metric)) {
        // Without any spread nothing was seen to vary, which is no proof that nothing does.
        Some(figure) if figure.reliable && figure.low < figure.high => Estimate {
            mean: over_replications.mean,
            low: Some(figure.low),
            high: Some(figure.high),
        },
        _ => *over_replications,
    }
}

/// How a run's intervals were had, by the name in tables.
pub(crate) fn method(record: &RunRecord) -> &str {
    match &record.within_run {
        Some(within) if record.replications == 1 => &within.method,
        _ => "replications",
    }
}
