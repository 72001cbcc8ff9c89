//! Stability: whether a system that a trigger has pushed into overload comes back by itself when the
//! trigger is gone, under each load, for triggers of several lengths and several settings.
//!
//! A load is *stable* when it is served again after every trigger that was tried, *vulnerable* when it
//! is served without a trigger but some trigger leads into a failure that outlives it, the *metastable*
//! failure (N. Bronson, A. Aghayev, A. Charapko, T. Zhu, "Metastable failures in distributed systems",
//! HotOS 2021). The boundary between the two is the hidden capacity (L. Huang et al., "Metastable
//! failures in the wild", OSDI 2022): beyond it, how much the system can serve depends on what has
//! happened to it before.

mod health;
mod record;
mod trigger;

pub use record::{Boundary, Cell, Outcome, SettingRecord, Stability, State, TriggerRecord};

use crate::StudyError;
use crate::capacity::Verdict;
use crate::load::Load;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::record::Estimate;
use crate::run::{Options, Study};
use crate::search::{Bracket, Search, rounded};
use clock::{Duration, Instant};
use cluster::{Limits, Reason};
use health::Health;
use model::Model;
use rayon::prelude::*;
use stats::Summary;
use trigger::{Times, lasting, times, without};

/// The map goes so far beyond the capacity without a trigger when no loads are asked for.
const BEYOND: f64 = 1.1;

/// How stability is looked for.
#[derive(Clone, Debug)]
pub struct StabilityPlan {
    /// Whose load is varied; not needed where only one has a rate.
    pub workload: Option<String>,
    /// The loads of the map, above 0; when there are none, `points` of them, evenly up to a little
    /// above the capacity.
    pub loads: Vec<f64>,
    /// How many loads the map has when none are given.
    pub points: u32,
    /// How long the trigger lasts; as long as the model says when there are none.
    pub triggers: Vec<Duration>,
    /// The path whose values the settings are; for the record.
    pub vary: Option<String>,
    /// Of every cell; at least 1.
    pub replications: u32,
    /// In place of the model's.
    pub seed: Option<u64>,
    /// The least share of requests that a healthy system answers, 0..=1.
    pub healthy: f64,
    /// How narrow the intervals of the boundaries shall be, as a share of the load; above 0.
    pub within: f64,
    /// Of each replication.
    pub limits: Limits,
}

/// Draws the map on the current rayon pool: the settings are a value and the model with it.
///
/// The record is the same, byte for byte, for any number of threads.
///
/// # Errors
/// [`StudyError::Stopped`] when it was stopped; [`StudyError::NoTrigger`] where the faults of a model are
/// no trigger; those of [`Load::of`].
pub fn stability(
    settings: &[(String, Model)],
    plan: &StabilityPlan,
    progress: &Progress,
) -> Result<Stability, StudyError> {
    let first = &settings[0].1;
    let lengths: Vec<Option<Duration>> = match &plan.triggers[..] {
        [] => vec![None],
        some => some.iter().copied().map(Some).collect(),
    };
    // Before the first second is simulated: whether all of it can be.
    for (_, model) in settings {
        Load::of(model, plan.workload.as_deref())?;
        for length in &lengths {
            times(&lasting(model, *length))?;
        }
    }
    let load = Load::of(first, plan.workload.as_deref())?;
    let slowest = first.slo.latency.iter().map(|(_, limit)| *limit).max();
    let bench = Bench {
        workload: load.workload(),
        options: Options {
            seed: plan.seed,
            replications: None,
            limits: plan.limits,
        },
        health: Health {
            share: plan.healthy,
            slowest,
        },
        plan,
        progress,
    };
    bench.foresee(first, settings.len() * lengths.len());

    let mut violations = 0;
    let mut found: Vec<Calm> = Vec::new();
    for (_, model) in settings {
        let load = Load::of(model, plan.workload.as_deref())?;
        found.push(bench.capacity(model, &load)?);
    }
    let loads = map_loads(plan, &found, load.own());
    let mut records = Vec::new();
    for ((setting, model), calm) in settings.iter().zip(&mut found) {
        let load = Load::of(model, plan.workload.as_deref())?;
        bench.measure_calm(model, &load, &loads, calm)?;
        let mut triggers = Vec::new();
        for length in &lengths {
            let triggered = lasting(model, *length);
            let times = times(&triggered)?;
            let one = bench.trigger(&triggered, &load, times, calm, &loads)?;
            violations += one.violations;
            triggers.push(one.record);
        }
        violations += calm.violations;
        records.push(SettingRecord {
            setting: setting.clone(),
            capacity: calm.boundary,
            hidden_capacity: least(&triggers),
            states: states(&loads, &triggers),
            triggers,
        });
    }
    let begins = times(&lasting(first, lengths[0]))?.begins;
    let warnings = about_time(settings, &lengths, &records)?;
    Ok(Stability {
        model: first.name.clone(),
        workload: load.name().to_owned(),
        seed: plan.seed.unwrap_or(first.run.seed),
        replications: plan.replications,
        simulated_s: first.run.duration.as_secs_f64(),
        window_s: Plan::new(first.run.duration, Duration::ZERO)
            .window
            .as_secs_f64(),
        own_load: load.own(),
        healthy: plan.healthy,
        slowest_ms: slowest.map(Duration::as_millis_f64),
        within: plan.within,
        trigger: trigger::words(first),
        begins_s: begins.as_secs_f64(),
        vary: plan.vary.clone(),
        loads,
        settings: records,
        warnings,
        violations,
    })
}

/// The loads of the map, rising, each once.
fn map_loads(plan: &StabilityPlan, found: &[Calm], own: f64) -> Vec<f64> {
    let mut loads: Vec<f64> = if plan.loads.is_empty() {
        let known = found.iter().filter_map(|calm| {
            let Boundary { value, low, high } = calm.boundary;
            value.or(low).or(high)
        });
        let far = known.fold(0.0, f64::max);
        let far = if far > 0.0 { far } else { own } * BEYOND;
        let points = plan.points.max(1);
        (1..=points)
            .map(|n| rounded(far * f64::from(n) / f64::from(points)))
            .collect()
    } else {
        plan.loads.clone()
    };
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    loads
}

/// The lowest of the boundaries: every trigger is recovered from below it.
fn least(triggers: &[TriggerRecord]) -> Boundary {
    let all = triggers.iter().map(|trigger| trigger.hidden_capacity);
    let missing = all.clone().any(|boundary| boundary.low.is_none());
    let low = all.clone().filter_map(|b| b.low).reduce(f64::min);
    let high = all.filter_map(|b| b.high).reduce(f64::min);
    boundary(low.filter(|_| !missing), high)
}

fn boundary(low: Option<f64>, high: Option<f64>) -> Boundary {
    Boundary {
        value: low.zip(high).map(|(low, high)| f64::midpoint(low, high)),
        low,
        high,
    }
}

fn states(loads: &[f64], triggers: &[TriggerRecord]) -> Vec<State> {
    let outcomes = |load: f64| {
        let cells = triggers.iter().flat_map(|trigger| &trigger.cells);
        cells
            .filter(move |cell| cell.load == load)
            .map(|c| c.outcome)
    };
    let state = |load: &f64| {
        if outcomes(*load).any(|outcome| outcome == Outcome::Overloaded) {
            State::Overloaded
        } else if outcomes(*load).all(|outcome| outcome == Outcome::Recovers) {
            State::Stable
        } else {
            State::Vulnerable
        }
    };
    loads.iter().map(state).collect()
}

/// Close to the boundary recovery takes ever longer: where the longest that was seen took half of the
/// time there was, others may only have been cut off.
fn about_time(
    settings: &[(String, Model)],
    lengths: &[Option<Duration>],
    records: &[SettingRecord],
) -> Result<Vec<String>, StudyError> {
    let mut warnings = Vec::new();
    for ((_, model), record) in settings.iter().zip(records) {
        for (length, trigger) in lengths.iter().zip(&record.triggers) {
            let ends = times(&lasting(model, *length))?.ends;
            let left = (Instant::ZERO + model.run.duration)
                .since(ends)
                .as_secs_f64();
            let cells = trigger.cells.iter().filter_map(|cell| cell.longest_s);
            let longest = cells.fold(0.0, f64::max);
            if longest > left / 2.0 {
                let of = match record.setting.as_str() {
                    "" => String::new(),
                    setting => format!("{setting}: "),
                };
                warnings.push(format!(
                    "{of}recovery took up to {longest:.0} s of the {left:.0} s after the trigger: a \
                     longer run may see more of it, and a higher hidden capacity"
                ));
                break;
            }
        }
    }
    Ok(warnings)
}

/// All that the runs of a study have in common.
struct Bench<'a> {
    workload: usize,
    options: Options,
    health: Health,
    plan: &'a StabilityPlan,
    progress: &'a Progress,
}

/// A setting without a trigger.
struct Calm {
    boundary: Boundary,
    /// Loads that were tried, and whether all replications were healthy.
    tried: Vec<(f64, bool)>,
    violations: u64,
}

struct Triggered {
    record: TriggerRecord,
    violations: u64,
}

/// What the replications of a load came to.
struct Runs {
    load: f64,
    /// Seconds, by replication; `None`: not well at the end.
    recoveries: Vec<Option<f64>>,
    violations: u64,
}

impl Runs {
    fn verdict(&self) -> Verdict {
        let well = self.recoveries.iter().flatten().count();
        match well {
            0 => Verdict::Missed,
            n if n == self.recoveries.len() => Verdict::Met,
            _ => Verdict::Unclear,
        }
    }
}

impl Bench<'_> {
    /// What about all of it will take, so that a bar does not stand at its end all the time.
    fn foresee(&self, model: &Model, rows: usize) {
        let searched = 3.0 + (0.5 / self.plan.within).log2().max(0.0);
        let loads = self.plan.loads.len().max(self.plan.points as usize) as f64;
        let cells = ((searched + loads) * (rows + 1) as f64) as u64;
        let runs = cells.saturating_mul(self.plan.replications.into());
        self.progress
            .foresee(model.run.duration.saturating_mul(runs));
    }

    /// The highest load that is served without a trigger.
    fn capacity(&self, model: &Model, load: &Load) -> Result<Calm, StudyError> {
        let model = without(model);
        let mut search = Search::new(load.own(), self.plan.within);
        let mut calm = Calm {
            boundary: boundary(None, None),
            tried: Vec::new(),
            violations: 0,
        };
        while let Some(next) = search.next() {
            let runs = self.run(&model, load, &[next], Instant::ZERO)?;
            for runs in runs {
                search.tell(runs.load, runs.verdict());
                calm.tried.push((runs.load, runs.verdict() == Verdict::Met));
                calm.violations += runs.violations;
            }
        }
        let Bracket { low, high } = search.bracket();
        calm.boundary = boundary(low, high);
        Ok(calm)
    }

    /// Whether loads of the map are served without a trigger, where that is not known yet.
    fn measure_calm(
        &self,
        model: &Model,
        load: &Load,
        loads: &[f64],
        calm: &mut Calm,
    ) -> Result<(), StudyError> {
        let Boundary { low, high, .. } = calm.boundary;
        let mut open = Vec::new();
        for load in loads {
            // What lies below a load that is served is served, and above one that is not, not.
            if low.is_some_and(|low| *load <= low) {
                calm.tried.push((*load, true));
            } else if high.is_some_and(|high| *load >= high) {
                calm.tried.push((*load, false));
            } else {
                open.push(*load);
            }
        }
        for runs in self.run(&without(model), load, &open, Instant::ZERO)? {
            calm.tried.push((runs.load, runs.verdict() == Verdict::Met));
            calm.violations += runs.violations;
        }
        Ok(())
    }

    /// The boundary under one trigger, and the cells of the map.
    fn trigger(
        &self,
        model: &Model,
        load: &Load,
        times: Times,
        calm: &Calm,
        loads: &[f64],
    ) -> Result<Triggered, StudyError> {
        let overloaded = |load: f64| {
            let known = calm.tried.iter().find(|(tried, _)| *tried == load);
            known.map_or_else(
                || calm.boundary.high.is_some_and(|high| load >= high),
                |(_, well)| !well,
            )
        };
        let mut cells: Vec<Cell> = Vec::new();
        let mut violations = 0;
        let open: Vec<f64> = loads.iter().copied().filter(|l| !overloaded(*l)).collect();
        let mut search = Search::new(calm.boundary.low.unwrap_or(load.own()), self.plan.within);
        let measured = self.run(model, load, &open, times.ends)?;
        let missing = loads.iter().filter(|l| overloaded(**l));
        cells.extend(missing.map(|load| nothing(*load)));
        for runs in &measured {
            search.know(runs.load, runs.verdict());
            violations += runs.violations;
            cells.push(cell(runs, false));
        }
        while let Some(next) = search.next() {
            if overloaded(next) {
                search.tell(next, Verdict::Missed);
                continue;
            }
            for runs in self.run(model, load, &[next], times.ends)? {
                search.tell(next, runs.verdict());
                violations += runs.violations;
                cells.push(cell(&runs, true));
            }
        }
        cells.sort_by(|a, b| a.load.total_cmp(&b.load));
        let Bracket { low, high } = search.bracket();
        Ok(Triggered {
            record: TriggerRecord {
                lasts_s: times.ends.since(times.begins).as_secs_f64(),
                hidden_capacity: boundary(low, high),
                cells,
            },
            violations,
        })
    }

    /// All replications of some loads; well when they are so from some time after `from` on.
    fn run(
        &self,
        model: &Model,
        load: &Load,
        loads: &[f64],
        from: Instant,
    ) -> Result<Vec<Runs>, StudyError> {
        let replications = self.plan.replications.max(1);
        let count = u64::from(replications) * loads.len() as u64;
        self.progress
            .expect_foreseen(model.run.duration.saturating_mul(count));
        let models: Vec<Model> = loads.iter().map(|rate| load.at(model, *rate)).collect();
        let studies: Vec<Study<'_>> = models
            .iter()
            .map(|model| Study::new(model, &self.options, self.progress))
            .collect();
        let plan = Plan::new(model.run.duration, Duration::ZERO);
        let jobs: Vec<(usize, u32)> = (0..loads.len())
            .flat_map(|at| (0..replications).map(move |replication| (at, replication)))
            .collect();
        let all: Result<Vec<(Option<f64>, u64)>, StudyError> = jobs
            .into_par_iter()
            .map(|(at, replication)| {
                let measured = studies[at].measure(replication, &plan);
                let (one, pooled) = measured.ok_or(StudyError::Stopped)?;
                if one.ended.reason == Reason::Stopped {
                    return Err(StudyError::Stopped);
                }
                let span = (from, plan.end);
                let time = self
                    .health
                    .recovery(&pooled.windows, self.workload, plan.window, span);
                let cut = matches!(one.ended.reason, Reason::Limit(_));
                let time = time.filter(|_| !cut).map(Duration::as_secs_f64);
                Ok((time, one.violations.len() as u64))
            })
            .collect();
        let mut all = all?.into_iter();
        let runs = loads.iter().map(|load| {
            let own: Vec<_> = all.by_ref().take(replications as usize).collect();
            Runs {
                load: *load,
                recoveries: own.iter().map(|(time, _)| *time).collect(),
                violations: own.iter().map(|(_, violations)| violations).sum(),
            }
        });
        Ok(runs.collect())
    }
}

fn cell(runs: &Runs, searched: bool) -> Cell {
    let times: Summary = runs.recoveries.iter().flatten().copied().collect();
    Cell {
        load: runs.load,
        searched,
        outcome: match runs.verdict() {
            Verdict::Met => Outcome::Recovers,
            Verdict::Missed => Outcome::Metastable,
            Verdict::Unclear => Outcome::Sometimes,
        },
        recovered: times.count() as u32,
        replications: runs.recoveries.len() as u32,
        time_to_recover_s: Estimate::of(&times, crate::Unit::Count),
        longest_s: runs.recoveries.iter().flatten().copied().reduce(f64::max),
    }
}

/// A load that is not served even without a trigger.
fn nothing(load: f64) -> Cell {
    let none = Runs {
        load,
        recoveries: Vec::new(),
        violations: 0,
    };
    Cell {
        outcome: Outcome::Overloaded,
        ..cell(&none, false)
    }
}

#[cfg(test)]
mod tests;
