//! Runs the cells of a plan: all of them at once, each until its figure is known well enough.

use super::cell::{CellResult, Figure};
use super::outline::Cell;
use super::plan::SweepPlan;
use super::store::CellStore;
use crate::StudyError;
use crate::metrics::{Metric, find_metric};
use crate::progress::Progress;
use crate::record::WithinRunRecord;
use crate::run::{Options, chain};
use crate::trial::{Trial, Trials};
use model::{Model, Until};
use rayon::prelude::*;
use stats::Summary;
use std::collections::BTreeMap;

/// The results of the cells that were asked for.
#[derive(Clone, Debug)]
pub struct Swept {
    /// In the order of the plan.
    pub results: Vec<CellResult>,
    /// How many of them were there already.
    pub reused: usize,
}

/// Runs the cells for which `wanted` holds and that are not in the store yet, on the current rayon
/// pool, and keeps each as soon as it is done.
///
/// # Errors
/// [`StudyError::Stopped`] when it was stopped: what was finished is in the store, and the same call
/// goes on from there. [`StudyError::Output`] when a result can not be kept.
/// [`StudyError::NoMetric`] for a metric that no model has.
pub fn sweep(
    plan: &SweepPlan,
    wanted: impl Fn(&Cell) -> bool,
    store: &CellStore,
    options: &Options,
    progress: &Progress,
) -> Result<Swept, StudyError> {
    check_metrics(plan, options)?;
    let wanted: Vec<&Cell> = plan.outline.cells.iter().filter(|c| wanted(c)).collect();
    // Rounded values can make two cells the same; it is run once.
    let mut first_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, cell) in wanted.iter().enumerate() {
        first_of.entry(&cell.key).or_insert(at);
    }
    let found: Vec<Option<CellResult>> = wanted.par_iter().map(|c| store.get(&c.key)).collect();
    let reused = found.iter().filter(|found| found.is_some()).count();
    progress.expect_cells(wanted.len() - reused);
    for (at, cell) in wanted.iter().enumerate() {
        if found[at].is_none() && first_of[&*cell.key] == at {
            let once = plan.models[cell.index].run.duration;
            progress.expect(once.saturating_mul(plan.replications.min.into()));
        }
    }
    let results: Result<Vec<Option<CellResult>>, StudyError> = wanted
        .par_iter()
        .zip(found)
        .enumerate()
        .map(|(at, (cell, found))| {
            if found.is_some() {
                return Ok(found);
            }
            let result = match first_of[&*cell.key] == at {
                true => Some(run_cell(plan, cell, options, progress)?),
                false => None,
            };
            if let Some(result) = &result {
                store.put(result)?;
            }
            progress.finish_cell();
            Ok(result)
        })
        .collect();
    let mut results = results?;
    for (at, cell) in wanted.iter().enumerate() {
        if results[at].is_none() {
            results[at] = results[first_of[&*cell.key]].clone();
        }
    }
    store.clear_away(wanted.iter().map(|cell| &*cell.key));
    Ok(Swept {
        results: results.into_iter().flatten().collect(),
        reused,
    })
}

/// That each metric that was asked for is one of some cell.
fn check_metrics(plan: &SweepPlan, options: &Options) -> Result<(), StudyError> {
    let until = plan.replications.until.iter().map(|until| &until.metric);
    let mut missing: Vec<&String> = plan.outline.metrics.iter().chain(until).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut known = Vec::new();
    // Figures have the same names in all cells, unless a set changes what there is.
    for model in &plan.models {
        let all = metrics_of(model, options)?;
        missing.retain(|word| find_metric(&all, word).is_none());
        if missing.is_empty() {
            return Ok(());
        }
        if known.is_empty() {
            known = all;
        }
    }
    Err(no_metric(missing[0], &known))
}

/// The figures of a model, without simulating it.
fn metrics_of(model: &Model, options: &Options) -> Result<Vec<Metric>, StudyError> {
    let fixed = Model {
        run: model::Run {
            warmup: model::Warmup::Fixed(clock::Duration::ZERO),
            ..model.run.clone()
        },
        ..model.clone()
    };
    let quiet = Progress::new();
    let trials = Trials::new(&fixed, options, &quiet)?;
    Ok(trials.metrics().to_vec())
}

fn no_metric(word: &str, known: &[Metric]) -> StudyError {
    StudyError::NoMetric {
        name: word.to_owned(),
        known: known.iter().map(|metric| metric.name.clone()).collect(),
    }
}

/// Each cell decides for itself when it is known well enough, so that what else is run, and where,
/// changes nothing.
fn run_cell(
    plan: &SweepPlan,
    cell: &Cell,
    options: &Options,
    progress: &Progress,
) -> Result<CellResult, StudyError> {
    let (model, replications) = (&plan.models[cell.index], &plan.replications);
    let mut trials = Trials::new(model, options, progress)?;
    if replications.min == 1 && replications.until.is_none() {
        trials = trials.alone();
    }
    let until = match &replications.until {
        Some(until) => {
            let metric = find_metric(trials.metrics(), &until.metric)
                .ok_or_else(|| no_metric(&until.metric, trials.metrics()))?;
            Some((metric, until))
        }
        None => None,
    };
    let mut done: Vec<Trial> = Vec::new();
    let mut goal = replications.min;
    let precise = loop {
        let next = done.len() as u32;
        let batch: Result<Vec<Trial>, StudyError> = (next..goal)
            .into_par_iter()
            .map(|r| trials.run(r))
            .collect();
        done.extend(batch?);
        let Some((metric, until)) = until else {
            break None;
        };
        let observed: Summary = done.iter().filter_map(|t| t.values[metric]).collect();
        match more(&observed, until, goal) {
            None => break Some(true),
            Some(_) if goal >= replications.max => break Some(false),
            Some(wanted) => {
                let next = wanted.min(replications.max);
                let span = model.run.duration;
                progress.expect(span.saturating_mul((next - goal).into()));
                goal = next;
            }
        }
    };
    let mut warnings = trials.warnings().to_vec();
    for trial in &done {
        if let Some(cut) = &trial.cut {
            warnings.push(format!("replication {}: {cut}", trial.replication));
        }
    }
    let fingerprint = done.iter().map(|t| t.fingerprint).reduce(chain);
    let within = match &*done {
        [only] => only.within.as_ref(),
        _ => None,
    };
    let within = within.map(|within| intervals(trials.metrics(), within));
    Ok(CellResult {
        key: cell.key.clone(),
        figures: trials.metrics().iter().map(Figure::from).collect(),
        events: done.iter().map(|t| t.events).sum(),
        fingerprint: format!("{:016x}", fingerprint.unwrap_or_default()),
        precise,
        warnings,
        violations: done.iter().map(|t| t.violations.len() as u64).sum(),
        values: done.into_iter().map(|t| t.values).collect(),
        within,
    })
}

/// By figure, the ends of those intervals that are to be relied upon. Without any spread nothing was seen to
/// vary, which is no proof that nothing does.
fn intervals(metrics: &[Metric], within: &WithinRunRecord) -> Vec<Option<[f64; 2]>> {
    let interval = |metric: &Metric| {
        let found = within.metrics.get(&metric.name)?;
        let sound = found.reliable && found.low < found.high && found.high.is_finite();
        sound.then_some([found.low, found.high])
    };
    metrics.iter().map(interval).collect()
}

/// How many replications to have next; `None` when the interval is narrow enough.
///
/// Looking often makes intervals too narrow, so that a batch is at least a quarter of what there
/// is: what the variance so far asks for, but no more than twice as many.
fn more(observed: &Summary, until: &Until, now: u32) -> Option<u32> {
    let Some(half) = observed.half_width(0.95) else {
        // Nothing was measured, and more of the same will not help.
        return None;
    };
    let scale = if until.relative {
        observed.mean().unwrap_or_default().abs()
    } else {
        1.0
    };
    let target = until.half_width * scale;
    if half <= target {
        return None;
    }
    let ratio = half / target;
    let needed = (f64::from(now) * ratio * ratio).min(f64::from(u32::MAX / 2)) as u32;
    let least = now.saturating_add((now / 4).max(2));
    Some(needed.clamp(least, now.saturating_mul(2).max(least)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(half_width: f64, relative: bool) -> Until {
        Until {
            metric: String::new(),
            half_width,
            relative,
        }
    }

    #[test]
    fn a_batch_is_what_the_variance_asks_for_within_bounds() {
        // Mean 4, half-width 4.96828 (three observations).
        let summary: Summary = [2.0, 4.0, 6.0].into_iter().collect();
        assert_eq!(more(&summary, &until(5.0, false), 3), None);
        assert_eq!(more(&summary, &until(4.5, false), 100), Some(125));
        assert_eq!(more(&summary, &until(4.0, false), 100), Some(154));
        assert_eq!(more(&summary, &until(0.1, false), 100), Some(200));
        assert_eq!(more(&summary, &until(1.25, true), 3), None);
    }

    #[test]
    fn nothing_measured_is_not_asked_for_again() {
        assert_eq!(more(&Summary::new(), &until(1.0, false), 8), None);
    }
}
