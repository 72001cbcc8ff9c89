//! Intervals within one replication, where there is no other: means of batches.
//!
//! It refuses to know how sections are cut, and the statistics of them.

use crate::figures::Figures;
use crate::metrics::Metric;
use crate::record::{WithinEstimate, WithinRunRecord};
use model::{Fault, Model, Occurrence, Source, Workload};
use std::collections::BTreeMap;

/// Of all figures that sections have; `None` without sections.
pub(crate) fn within_run(metrics: &[Metric], figures: &Figures) -> Option<WithinRunRecord> {
    let sectioned = figures.sections.as_ref()?;
    let mut estimates = BTreeMap::new();
    for metric in metrics {
        let values = |sections: &[_]| -> Vec<f64> {
            let values = sections.iter().map(|section| metric.in_section(section));
            values.map(|value| value.unwrap_or(f64::NAN)).collect()
        };
        let coarse = values(&sectioned.coarse);
        let Some(value) = metric.value(figures) else {
            continue;
        };
        let finer = values(&sectioned.finer);
        let Some(within) = stats::sections(value, &coarse, &finer, 0.95) else {
            continue;
        };
        let filled = sectioned.finer.iter().all(|section| metric.fills(section));
        let (least, most) = metric.bounds();
        let estimate = WithinEstimate {
            value,
            low: (value - within.half_width).max(least),
            high: (value + within.half_width).min(most),
            reliable: within.reliable && filled,
        };
        estimates.insert(metric.name.clone(), estimate);
    }
    Some(WithinRunRecord {
        method: "batch_means".into(),
        batches: sectioned.coarse.len() as u32,
        batch_s: sectioned.seconds,
        metrics: estimates,
    })
}

/// Whether nothing in a model is to change at a set time: only then are parts of a run alike but for
/// chance. Faults that come and go by chance do not matter.
pub(crate) fn is_steady(model: &Model) -> bool {
    let once = |fault: &Fault| matches!(fault.when, Occurrence::Once { .. });
    let even = |workload: &Workload| match &workload.source {
        Source::Poisson(profile) | Source::Deterministic(profile) => profile.0.len() <= 1,
        Source::Batch { .. } => false,
        Source::Renewal(_) | Source::Mmpp(_) | Source::Times(_) | Source::Closed { .. } => true,
    };
    let pushes = model.config.iter().any(|centre| !centre.pushes.is_empty());
    !pushes
        && model.deployments.is_empty()
        && !model.faults.iter().any(once)
        && model.workloads.iter().all(even)
}

/// What to say of a run that is too short for intervals within it.
pub(crate) fn warnings(model: &Model, within: Option<&WithinRunRecord>) -> Vec<String> {
    let reliable = |workload: &Workload| {
        let name = format!("{}.latency.mean", workload.name);
        let estimate = within.and_then(|w| w.metrics.get(&name));
        estimate.is_some_and(|estimate| estimate.reliable)
    };
    let short = model.workloads.iter().filter(|w| !reliable(w));
    short
        .map(|workload| {
            format!(
                "this one run is too short for an interval of the latency of workload `{}`: its batches are still alike, or nearly empty; give `run.duration` more time, or use `--replications`",
                workload.name
            )
        })
        .collect()
}
