//! A run: all replications of one model, in parallel, and the record that they make.
//!
//! Every replication is a world of its own; threads share nothing but sums of whole numbers. What
//! is not whole is computed in the order of the replications when all have ended.

use crate::StudyError;
use crate::combine::Combined;
use crate::figures::{Figures, Pooled, split};
use crate::metrics::Metric;
use crate::pilot::{Pilot, Warmup};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::record::{Estimate, RunRecord, Violation};
use crate::recorder::Recorder;
use crate::stopwatch::Stopwatch;
use crate::topology::topology;
use crate::within_run::{is_steady, warnings as too_short, within_run};
use clock::Instant;
use cluster::{Ended, Limits, Reason, TransactionStep, World};
use model::Model;
use rayon::prelude::*;
use stats::Summary;
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

/// How to run a model, beside what the model says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// In place of the model's.
    pub seed: Option<u64>,
    /// In place of the model's; at least 1.
    pub replications: Option<u32>,
    /// Of each replication.
    pub limits: Limits,
}

/// Runs all replications of a model on the current rayon pool.
///
/// The record is the same, byte for byte, for any number of threads, but for `wall_s`. With
/// `warmup: auto`, the first replication is simulated once more, before all others, to find the
/// warm-up that all of them share. When `progress` asks for a stop, the replications that were
/// finished count; when none was, the unfinished one with the lowest number.
///
/// # Errors
/// [`StudyError::Stopped`] when it was stopped before the first replication began.
pub fn run(model: &Model, options: &Options, progress: &Progress) -> Result<RunRecord, StudyError> {
    let watch = Stopwatch::start();
    let mut study = Study::new(model, options, progress);
    let replications = options
        .replications
        .unwrap_or(model.run.replications)
        .max(1);
    study.causes = true;
    if replications == 1 {
        study.be_alone();
    }
    let duration = model.run.duration;
    progress.expect(duration.saturating_mul(replications.into()));

    let warmup = match model.run.warmup {
        model::Warmup::Fixed(length) => Warmup {
            length,
            warnings: Vec::new(),
        },
        model::Warmup::Auto => study.find_warmup()?,
    };
    let plan = Plan::new(duration, warmup.length);
    let pooled = Mutex::new(Pooled::default());
    let replicate = |number| study.replicate(number, &plan, &pooled);
    let all: Vec<_> = (0..replications)
        .into_par_iter()
        .filter_map(replicate)
        .collect();

    let (finished, cut): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.cut.is_none());
    let mut pooled = pooled
        .into_inner()
        .expect("a panic in a replication has ended the run");
    let mut kept = finished;
    if kept.is_empty() {
        let mut partial = cut.into_iter().next().ok_or(StudyError::Stopped)?;
        pooled = partial.cut.take().unwrap_or_default();
        kept.push(partial);
    }
    Ok(study.record(&plan, warmup.warnings, kept, &pooled, replications, watch))
}

/// A model and how it is run.
pub(crate) struct Study<'a> {
    model: &'a Model,
    options: &'a Options,
    progress: &'a Progress,
    pub(crate) seed: u64,
    /// Whether there is one replication only, of which an interval can be made.
    alone: bool,
    /// Whether it is to be known why requests failed.
    causes: bool,
    /// `caller->service.endpoint`, by edge; the same in every world of the model.
    edges: OnceLock<Vec<String>>,
    /// By number of the step; the same in every world, too.
    transactions: OnceLock<Vec<TransactionStep>>,
}

/// One replication that has ended.
pub(crate) struct Replication {
    number: u32,
    pub(crate) ended: Ended,
    pub(crate) figures: Figures,
    /// What it would add to the pool, had it not been stopped.
    cut: Option<Pooled>,
    /// What the world and the recorder don't agree on.
    pub(crate) violations: Vec<Violation>,
}

impl<'a> Study<'a> {
    pub(crate) fn new(model: &'a Model, options: &'a Options, progress: &'a Progress) -> Self {
        Self {
            model,
            options,
            progress,
            seed: options.seed.unwrap_or(model.run.seed),
            alone: false,
            causes: false,
            edges: OnceLock::new(),
            transactions: OnceLock::new(),
        }
    }

    /// There will be one replication only: where nothing changes at a set time, an interval is made of it.
    pub(crate) fn be_alone(&mut self) {
        self.alone = is_steady(self.model);
    }

    /// `caller->service.endpoint`, by edge.
    pub(crate) fn edge_names(&self, world: &World) -> &[String] {
        self.edges.get_or_init(|| {
            world
                .edges()
                .iter()
                .map(|edge| format!("{}->{}", edge.caller, edge.target))
                .collect()
        })
    }

    pub(crate) fn find_warmup(&self) -> Result<Warmup, StudyError> {
        let duration = self.model.run.duration;
        self.progress.expect(duration);
        let mut pilot = Pilot::new(self.model.workloads.len(), duration, self.progress);
        let mut world = World::new(self.model, self.seed, 0);
        let ended = world.run(&mut pilot, Instant::ZERO + duration, &self.options.limits);
        if ended.reason == Reason::Stopped {
            return Err(StudyError::Stopped);
        }
        let names = self
            .model
            .workloads
            .iter()
            .map(|workload| workload.name.as_str());
        Ok(pilot.finish(ended.at, names))
    }

    /// Adds what may be pooled to the pool, unless it was stopped. `None` when a stop came before
    /// it began.
    fn replicate(&self, number: u32, plan: &Plan, pool: &Mutex<Pooled>) -> Option<Replication> {
        let (mut one, own) = self.measure(number, plan)?;
        if one.ended.reason == Reason::Stopped {
            one.cut = Some(own);
        } else {
            pool.lock().expect("no one panics while adding").add(&own);
        }
        Some(one)
    }

    /// One replication, and what of it may be pooled. `None` when a stop came before it began.
    pub(crate) fn measure(&self, number: u32, plan: &Plan) -> Option<(Replication, Pooled)> {
        if self.progress.is_stopped() {
            return None;
        }
        let mut world = World::new(self.model, self.seed, number);
        let edges = self.edge_names(&world);
        let breakers: Vec<bool> = world.edges().iter().map(|edge| edge.has_breaker).collect();
        let transactions = world.transactions();
        self.transactions.get_or_init(|| transactions.to_vec());
        let (workloads, services) = (self.model.workloads.len(), self.model.services.len());
        let sizes = [workloads, services, transactions.len()];
        let watchers = (0..services).map(|service| world.watchers(service));
        let services = self.model.services.iter();
        let scaled = services.map(|s| s.autoscale.map(|_| s.instances));
        let mut recorder = Recorder::new(plan.clone(), sizes, &breakers, self.progress)
            .with_groups(self.model.replicated())
            .watched(watchers)
            .with_queues(self.model.queues.len())
            .scaled(scaled)
            .with_stores(self.model.stores.len())
            .with_deployments(crate::deployments::changes(self.model).len());
        if self.alone {
            recorder = recorder.in_sections();
        }
        if self.causes {
            recorder = recorder.with_causes();
        }
        let ended = world.run(&mut recorder, plan.end, &self.options.limits);
        let violations = violations(number, &ended, &world, &recorder, edges);
        let mut measured = recorder.finish(ended.at);
        let causes = measured.causes.take();
        let (mut own, mut figures) = split(measured);
        if let Some(causes) = causes {
            own.causes = causes.pooled(world.chains());
        }
        figures.orders = world.orders();
        if ended.reason != Reason::Stopped {
            self.progress.finish_one();
        }
        let one = Replication {
            number,
            ended,
            figures,
            cut: None,
            violations,
        };
        Some((one, own))
    }

    fn record(
        &self,
        plan: &Plan,
        mut warnings: Vec<String>,
        kept: Vec<Replication>,
        pooled: &Pooled,
        asked: u32,
        watch: Stopwatch,
    ) -> RunRecord {
        let stopped = stopped(&kept, asked);
        let mut fingerprint = None;
        let (mut events, mut reached) = (0, Instant::ZERO);
        let (mut figures, mut violations) = (Vec::new(), Vec::new());
        for one in kept {
            events += one.ended.events;
            reached = reached.max(one.ended.at);
            fingerprint = Some(match fingerprint {
                None => one.ended.fingerprint,
                Some(before) => chain(before, one.ended.fingerprint),
            });
            figures.push(one.figures);
            violations.extend(one.violations);
        }
        let combined = Combined {
            model: self.model,
            edges: self.edges.get().map_or(&[], Vec::as_slice),
            transactions: self.transactions.get().map_or(&[], Vec::as_slice),
            replications: &figures,
            pooled,
            window: plan.window,
            warmup: plan.warmup_end.since(Instant::ZERO),
        };
        let workloads = combined.workloads();
        let metrics = self.all_metrics();
        let within_run = match &*figures {
            [one] if self.alone => within_run(&metrics, one),
            _ => None,
        };
        if self.alone && stopped.is_none() {
            warnings.extend(too_short(self.model, within_run.as_ref()));
        }
        RunRecord {
            model: self.model.name.clone(),
            seed: self.seed,
            replications: figures.len() as u32,
            simulated_s: reached.as_secs_f64(),
            warmup_s: combined.warmup.as_secs_f64(),
            events,
            fingerprint: format!("{:016x}", fingerprint.unwrap_or_default()),
            stopped,
            warnings,
            slo: combined.objectives(&workloads),
            workloads,
            services: combined.services(),
            calls: combined.calls(),
            transactions: combined.transactions(),
            metrics: estimates(metrics, &figures),
            within_run,
            groups: combined.groups(),
            deployments: combined.deployments(),
            discovery: combined.discovery(),
            stores: combined.stores(),
            orders: combined.orders(),
            queues: combined.queues(),
            violations,
            series: combined.series(),
            topology: topology(self.model),
            causes: combined.causes(),
            wall_s: watch.seconds(),
        }
    }
}

impl Study<'_> {
    fn all_metrics(&self) -> Vec<Metric> {
        let edges = self.edges.get().map_or(&[][..], Vec::as_slice);
        let transactions = self.transactions.get().map_or(&[][..], Vec::as_slice);
        Metric::all(self.model, edges, transactions)
    }
}

fn estimates(metrics: Vec<Metric>, figures: &[Figures]) -> BTreeMap<String, Estimate> {
    let estimate_of = |metric: Metric| {
        let observed: Summary = figures.iter().filter_map(|f| metric.value(f)).collect();
        (metric.name, Estimate::of(&observed, metric.unit))
    };
    metrics.into_iter().map(estimate_of).collect()
}

/// What cut the run short, in words: the limit that the first replication met, or the user.
fn stopped(kept: &[Replication], asked: u32) -> Option<String> {
    let limit = kept.iter().find_map(|one| match &one.ended.reason {
        Reason::Limit(what) => Some((one.number, what)),
        _ => None,
    });
    let interrupted = match kept {
        [one] if one.ended.reason == Reason::Stopped => Some(format!(
            "stopped by the user at {} of its first replication",
            one.ended.at
        )),
        _ if kept.len() < asked as usize => Some(format!(
            "stopped by the user after {} of {asked} replications",
            kept.len()
        )),
        _ => None,
    };
    match (limit, interrupted) {
        (Some((0, what)), None) => Some(what.clone()),
        (Some((number, what)), None) => Some(format!("replication {number}: {what}")),
        (Some((_, what)), Some(interrupted)) => Some(format!("{what}; {interrupted}")),
        (None, interrupted) => interrupted,
    }
}

/// Those that the world has seen, and where its calls are not those that were heard of: every call
/// must end exactly once.
fn violations(
    replication: u32,
    ended: &Ended,
    world: &World,
    recorder: &Recorder,
    edges: &[String],
) -> Vec<Violation> {
    let seen = ended.violations.iter().map(|violation| Violation {
        checker: violation.checker.to_owned(),
        replication,
        at_s: violation.at.as_secs_f64(),
        event: violation.event,
        what: violation.what.clone(),
    });
    let mismatches = edges.iter().enumerate().filter_map(|(edge, name)| {
        let (held, heard) = (world.in_flight(edge), recorder.in_flight(edge));
        let heard_in_words = heard.map_or("more ended than began".to_owned(), |n| {
            format!("{n} have not ended")
        });
        (heard != Some(held)).then(|| Violation {
            checker: "every call ends once".to_owned(),
            replication,
            at_s: ended.at.as_secs_f64(),
            event: ended.events,
            what: format!(
                "{name}: {held} calls in flight, but of those that were counted {heard_in_words}"
            ),
        })
    });
    seen.chain(mismatches).collect()
}

/// The fingerprint of a run goes on with that of its next replication (FNV-1a over its bytes).
pub(crate) fn chain(before: u64, next: u64) -> u64 {
    next.to_le_bytes().iter().fold(before, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
