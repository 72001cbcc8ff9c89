//! The capacity of a model: the highest load of a workload at which all objectives are met, with the
//! curve that leads there, and the same without what may be lost.
//!
//! All loads share their seeds (common random numbers). At each load of the search there are more
//! and more replications until the objectives are met or missed for sure, or there are enough. Every
//! such look may be wrong with an equal share of 5 % (Bonferroni over `MOST_LOADS` and over the
//! looks), so that with 95 % none is, and the capacity lies in the interval.

mod curve;
mod judge;
mod record;

pub use judge::Verdict;
pub use record::{Capacity, Case, Goal, GoalRecord, Latencies, LoadRecord, Outcome, Span};

use crate::StudyError;
use crate::load::Load;
use crate::loss::Loss;
use crate::progress::Progress;
use crate::run::Options;
use crate::search::{MOST_LOADS, Search, rounded};
use crate::trial::{Trial, Trials};
use cluster::Limits;
use curve::{crossing, knee, over, recorded};
use judge::{Goals, Judgement};
use model::Model;
use rayon::prelude::*;

/// Of all intervals of a case together.
const CONFIDENCE: f64 = 0.95;
/// What an interval of the curve alone may err, on each side.
const POINTWISE: f64 = 0.025;
/// The curve goes so far beyond the capacity.
const BEYOND: f64 = 1.2;

/// How a capacity is looked for.
#[derive(Clone, Debug)]
pub struct CapacityPlan {
    /// Whose load is varied; not needed where only one has a rate.
    pub workload: Option<String>,
    /// The losses, each a case of its own.
    pub without: Vec<Loss>,
    /// In place of the model's.
    pub seed: Option<u64>,
    /// Replications of a load at first; at least 2.
    pub replications: u32,
    /// At most so many, doubling.
    pub most: u32,
    /// How narrow the interval shall be, as a share of the load; above 0.
    pub within: f64,
    /// Loads of the curve, beside those of the search.
    pub points: u32,
    /// Of each replication.
    pub limits: Limits,
}

/// Looks for the capacity on the current rayon pool.
///
/// The record is the same, byte for byte, for any number of threads.
///
/// # Errors
/// [`StudyError::Stopped`] when it was stopped; [`StudyError::NoObjective`] for a model without `slo`;
/// those of [`Load::of`] and [`Loss::from`].
pub fn capacity(
    model: &Model,
    plan: &CapacityPlan,
    progress: &Progress,
) -> Result<Capacity, StudyError> {
    let load = Load::of(model, plan.workload.as_deref())?;
    let losses = plan.without.iter().map(|loss| loss.from(model));
    let losses: Vec<Model> = losses.collect::<Result<_, _>>()?;
    let options = Options {
        seed: plan.seed,
        replications: None,
        limits: plan.limits,
    };
    let metrics = Trials::metrics_of(model, &options, progress);
    let goals = Goals::of(model, &metrics);
    if goals.is_empty() {
        return Err(StudyError::NoObjective);
    }
    let bench = Bench {
        load: &load,
        goals: &goals,
        options: &options,
        plan,
        progress,
    };
    bench.foresee(model, 1 + losses.len());

    let mut warnings = Vec::new();
    let mut violations = 0;
    let mut cases: Vec<Case> = Vec::new();
    let all = std::iter::once((String::new(), model));
    let names = plan.without.iter().map(Loss::to_string);
    for (without, model) in all.chain(names.zip(&losses)) {
        let first = cases.first().and_then(|case| case.capacity);
        let intact = cases.first().cloned();
        let mut found = bench.find(model, first.unwrap_or(load.own()))?;
        found.case.without = without;
        if let Some(intact) = intact {
            found.case.left = ratio(&found.case, &intact);
        }
        for warning in found.warnings {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        violations += found.violations;
        cases.push(found.case);
    }
    Ok(Capacity {
        model: model.name.clone(),
        workload: load.name().to_owned(),
        seed: plan.seed.unwrap_or(model.run.seed),
        simulated_s: model.run.duration.as_secs_f64(),
        own_load: load.own(),
        within: plan.within,
        precise: cases.iter().all(|case| is_precise(case, plan.within)),
        confidence: CONFIDENCE,
        objectives: goals.all().cloned().collect(),
        cases,
        warnings,
        violations,
    })
}

fn is_precise(case: &Case, within: f64) -> bool {
    match (case.low, case.high) {
        (Some(low), Some(high)) => high - low <= within * low,
        _ => false,
    }
}

/// Of two capacities; `None` where either was not found.
fn ratio(one: &Case, to: &Case) -> Option<Span> {
    Some(Span {
        value: one.capacity? / to.capacity?,
        low: one.low? / to.high?,
        high: one.high? / to.low?,
    })
}

/// All that the loads of a study have in common.
struct Bench<'a> {
    load: &'a Load,
    goals: &'a Goals,
    options: &'a Options,
    plan: &'a CapacityPlan,
    progress: &'a Progress,
}

/// What was measured under one load.
struct Tested {
    load: f64,
    trials: Vec<Trial>,
    judgement: Judgement,
    searched: bool,
}

struct Found {
    case: Case,
    warnings: Vec<String>,
    violations: u64,
}

impl Bench<'_> {
    /// What about all of it will take, so that a bar does not stand at its end all the time.
    fn foresee(&self, model: &Model, cases: usize) {
        let searched = (4.0 + (0.5 / self.plan.within).log2().max(0.0)) as u32;
        let looks = searched * 3 * self.plan.replications;
        let runs = u64::from(looks + self.plan.points * self.plan.replications) * cases as u64;
        self.progress
            .foresee(model.run.duration.saturating_mul(runs));
    }

    fn find(&self, model: &Model, first: f64) -> Result<Found, StudyError> {
        let mut warnings = Vec::new();
        let mut search = Search::new(first, self.plan.within);
        let mut tested: Vec<Tested> = Vec::new();
        while let Some(load) = search.next() {
            let one = self.test(model, load, &mut warnings)?;
            search.tell(load, one.judgement.verdict);
            tested.push(one);
        }
        tested.sort_by(|a, b| a.load.total_cmp(&b.load));
        let bracket = search.bracket();
        let (outcome, capacity) = match (bracket.low, bracket.high) {
            (Some(low), Some(high)) => (Outcome::Found, Some(crossing(&tested, low, high))),
            (Some(_), None) => (Outcome::Above, None),
            (None, _) => (Outcome::Below, None),
        };
        if search.is_torn() {
            warnings.push(
                "a higher load meets what a lower one misses: there is no one highest load, and \
                 what is said is the lowest of them"
                    .to_owned(),
            );
        }
        let far = capacity.map(|capacity| capacity * BEYOND);
        let far = far.or(tested.last().map(|last| last.load));
        self.draw_curve(model, far.unwrap_or(first), &mut tested)?;

        let loads: Vec<_> = tested.iter().map(|one| self.record(model, one)).collect();
        let limits = bracket
            .high
            .and_then(|high| tested.iter().find(|one| one.load == high));
        let trials = tested.iter().flat_map(|one| &one.trials);
        let violations = trials.map(|trial| trial.violations.len() as u64).sum();
        let own = self.load.own();
        let case = Case {
            without: String::new(),
            outcome,
            capacity,
            low: bracket.low,
            high: bracket.high,
            limits: limits.map_or_else(Vec::new, |one| over(self.goals, &one.judgement)),
            headroom: capacity
                .zip(bracket.low)
                .zip(bracket.high)
                .map(|((value, low), high)| Span {
                    value: value / own,
                    low: low / own,
                    high: high / own,
                }),
            left: None,
            // Where next to nothing is served, the curve has no knee that means anything.
            knee: knee(&loads).filter(|_| outcome != Outcome::Below),
            loads,
        };
        Ok(Found {
            case,
            warnings,
            violations,
        })
    }

    /// More and more replications of a load until its verdict is sure, or there are enough.
    fn test(
        &self,
        model: &Model,
        load: f64,
        warnings: &mut Vec<String>,
    ) -> Result<Tested, StudyError> {
        let model = self.load.at(model, load);
        let trials = Trials::new(&model, self.options, self.progress)?;
        let most = self.plan.most.max(self.plan.replications);
        let doublings = f64::from(most) / f64::from(self.plan.replications);
        let looks = 1 + doublings.log2().ceil() as u32;
        let error = (1.0 - CONFIDENCE) / (MOST_LOADS as f64 * f64::from(looks));
        let mut done: Vec<Trial> = Vec::new();
        let mut goal = self.plan.replications;
        loop {
            let more = goal - done.len() as u32;
            self.progress
                .expect_foreseen(model.run.duration.saturating_mul(more.into()));
            let numbers = done.len() as u32..goal;
            let new: Result<Vec<Trial>, _> =
                numbers.into_par_iter().map(|r| trials.run(r)).collect();
            done.extend(new?);
            let judgement = self.goals.judge(&done, error);
            if judgement.verdict != Verdict::Unclear || goal >= most {
                for warning in trials.warnings() {
                    let warning = format!("at {load}/s: {warning}");
                    warnings.push(warning);
                }
                return Ok(Tested {
                    load,
                    trials: done,
                    judgement,
                    searched: true,
                });
            }
            goal = goal.saturating_mul(2).min(most);
        }
    }

    /// Loads at even steps, where the search did not come by; `far` is the highest.
    fn draw_curve(
        &self,
        model: &Model,
        far: f64,
        tested: &mut Vec<Tested>,
    ) -> Result<(), StudyError> {
        let points = self.plan.points;
        let step = |n: u32| rounded(far * f64::from(n) / f64::from(points));
        let loads: Vec<f64> = (1..=points)
            .map(step)
            .filter(|load| *load > 0.0 && tested.iter().all(|one| one.load != *load))
            .collect();
        let models: Vec<Model> = loads.iter().map(|l| self.load.at(model, *l)).collect();
        let replications = self.plan.replications;
        let runs = u64::from(replications) * models.len() as u64;
        self.progress
            .expect_foreseen(model.run.duration.saturating_mul(runs));
        let ready: Result<Vec<Trials<'_>>, _> = models
            .par_iter()
            .map(|model| Trials::new(model, self.options, self.progress))
            .collect();
        let ready = ready?;
        let jobs: Vec<(usize, u32)> = (0..models.len())
            .flat_map(|at| (0..replications).map(move |replication| (at, replication)))
            .collect();
        let trials: Result<Vec<Trial>, _> = jobs
            .into_par_iter()
            .map(|(at, replication)| ready[at].run(replication))
            .collect();
        let mut trials = trials?.into_iter();
        for load in loads {
            let trials: Vec<Trial> = trials.by_ref().take(replications as usize).collect();
            let judgement = self.goals.judge(&trials, POINTWISE);
            tested.push(Tested {
                load,
                trials,
                judgement,
                searched: false,
            });
        }
        tested.sort_by(|a, b| a.load.total_cmp(&b.load));
        Ok(())
    }

    fn record(&self, model: &Model, tested: &Tested) -> LoadRecord {
        let metrics = Trials::metrics_of(model, self.options, self.progress);
        recorded(tested, self.load.name(), &metrics, self.goals)
    }
}

#[cfg(test)]
mod tests;
