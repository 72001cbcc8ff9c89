//! Runs the cells of a plan: all of them at once, each until its figure is known well enough.

use super::cell::CellResult;
use super::plan::{Cell, SweepPlan};
use super::store::CellStore;
use crate::StudyError;
use crate::metrics::{Metric, find_metric};
use crate::progress::Progress;
use crate::run::{Options, chain};
use crate::stopwatch::Stopwatch;
use crate::trial::{Trial, Trials};
use model::{Replications, Until};
use rayon::prelude::*;
use stats::Summary;

/// What a sweep gave.
#[derive(Clone, Debug)]
pub struct SweepRecord {
    /// The metrics that are tabulated, and where each stands in the results of the cells.
    pub metrics: Vec<(Metric, usize)>,
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
/// [`StudyError::NoMetric`] for a metric that the models do not have.
pub fn sweep(
    plan: &SweepPlan,
    wanted: impl Fn(usize) -> bool + Sync,
    store: &CellStore,
    options: &Options,
    progress: &Progress,
) -> Result<SweepRecord, StudyError> {
    let first = &plan.cells[0].model;
    let quiet = Progress::new();
    // The figures have the same names in all cells, unless a set changes what there is.
    let fixed = model::Model {
        run: model::Run {
            warmup: model::Warmup::Fixed(clock::Duration::ZERO),
            ..first.run.clone()
        },
        ..first.clone()
    };
    let all = Trials::new(&fixed, options, &quiet)?.metrics().to_vec();
    let metrics = tabulated(&all, &plan.metrics)?;
    if let Some(until) = &plan.replications.until {
        find(&all, &until.metric)?;
    }
    let wanted: Vec<&Cell> = plan.cells.iter().filter(|c| wanted(c.index)).collect();
    let found: Vec<Option<CellResult>> = wanted.par_iter().map(|c| store.get(&c.key)).collect();
    for (cell, found) in wanted.iter().zip(&found) {
        if found.is_none() {
            let once = cell.model.run.duration;
            progress.expect(once.saturating_mul(plan.replications.min.into()));
        }
    }
    let reused = found.iter().filter(|found| found.is_some()).count();
    let results: Result<Vec<CellResult>, StudyError> = wanted
        .into_par_iter()
        .zip(found)
        .map(|(cell, found)| match found {
            Some(result) => Ok(result),
            None => {
                let result = run_cell(cell, &plan.replications, options, progress)?;
                store.put(&result)?;
                Ok(result)
            }
        })
        .collect();
    Ok(SweepRecord {
        metrics,
        results: results?,
        reused,
    })
}

/// How many seconds of a core one replication of a cell takes; `None` when it could not be run.
pub fn seconds_of_one(cell: &Cell, options: &Options) -> Option<f64> {
    let watch = Stopwatch::start();
    let progress = Progress::new();
    let trials = Trials::new(&cell.model, options, &progress).ok()?;
    trials.run(0).ok().map(|_| watch.seconds())
}

fn tabulated(all: &[Metric], words: &[String]) -> Result<Vec<(Metric, usize)>, StudyError> {
    if words.is_empty() {
        return Ok(all.iter().cloned().zip(0..).collect());
    }
    words
        .iter()
        .map(|word| find(all, word).map(|at| (all[at].clone(), at)))
        .collect()
}

fn find(all: &[Metric], word: &str) -> Result<usize, StudyError> {
    find_metric(all, word).ok_or_else(|| StudyError::NoMetric {
        name: word.to_owned(),
        known: all.iter().map(|metric| metric.name.clone()).collect(),
    })
}

fn run_cell(
    cell: &Cell,
    replications: &Replications,
    options: &Options,
    progress: &Progress,
) -> Result<CellResult, StudyError> {
    let trials = Trials::new(&cell.model, options, progress)?;
    let until = match &replications.until {
        Some(until) => Some((find(trials.metrics(), &until.metric)?, until)),
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
                let span = cell.model.run.duration;
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
    let names = trials.metrics().iter().map(|m| m.name.clone());
    let fingerprint = done.iter().map(|t| t.fingerprint).reduce(chain);
    Ok(CellResult {
        key: cell.key.clone(),
        metrics: names.collect(),
        events: done.iter().map(|t| t.events).sum(),
        fingerprint: format!("{:016x}", fingerprint.unwrap_or_default()),
        precise,
        warnings,
        violations: done.iter().map(|t| t.violations.len() as u64).sum(),
        values: done.into_iter().map(|t| t.values).collect(),
    })
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
