//! A model that is run again and again, one replication at a time: what sweeps, comparisons and
//! searches are made of.
//!
//! The same model, seed and replication give the same trial, whoever runs it and when.

use crate::StudyError;
use crate::metrics::Metric;
use crate::pilot::Warmup;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::record::{Violation, WithinRunRecord};
use crate::run::{Options, Study};
use crate::within_run::within_run;
use clock::{Duration, Instant};
use cluster::{Reason, World};
use model::Model;

/// A model, made ready: its warm-up is known, its figures have names.
pub struct Trials<'a> {
    study: Study<'a>,
    plan: Plan,
    metrics: Vec<Metric>,
    warnings: Vec<String>,
}

/// What one replication gave.
#[derive(Clone, PartialEq, Debug)]
pub struct Trial {
    /// Its number, from 0.
    pub replication: u32,
    /// By metric; `None` where nothing was measured.
    pub values: Vec<Option<f64>>,
    /// Events of the world.
    pub events: u64,
    /// The hash of its trajectory.
    pub fingerprint: u64,
    /// The limit that cut it short, in words.
    pub cut: Option<String>,
    /// Broken invariants.
    pub violations: Vec<Violation>,
    /// Intervals within it; only where it was to be the only one, and nothing in the model changes at a set
    /// time.
    pub within: Option<WithinRunRecord>,
}

impl<'a> Trials<'a> {
    /// Makes a model ready. With `warmup: auto`, replication 0 is simulated once to find it.
    ///
    /// # Errors
    /// [`StudyError::Stopped`] when it was stopped meanwhile.
    pub fn new(
        model: &'a Model,
        options: &'a Options,
        progress: &'a Progress,
    ) -> Result<Self, StudyError> {
        let study = Study::new(model, options, progress);
        let warmup = match model.run.warmup {
            model::Warmup::Fixed(length) => Warmup {
                length,
                warnings: Vec::new(),
            },
            model::Warmup::Auto => study.find_warmup()?,
        };
        let metrics = names(&study, model);
        Ok(Self {
            study,
            plan: Plan::new(model.run.duration, warmup.length),
            metrics,
            warnings: warmup.warnings,
        })
    }

    /// There will be one trial only: it looks for intervals within itself, too.
    pub fn alone(mut self) -> Self {
        self.study.be_alone();
        self
    }

    /// The figures that every trial of a model has, without making it ready.
    pub fn metrics_of(model: &Model, options: &Options, progress: &Progress) -> Vec<Metric> {
        names(&Study::new(model, options, progress), model)
    }

    /// What is cut off the front of each trial.
    pub fn warmup(&self) -> Duration {
        self.plan.warmup_end.since(Instant::ZERO)
    }

    /// Cuts so much off the front of each trial, whatever was found before.
    pub fn cut_warmup(&mut self, length: Duration) {
        self.plan = Plan::new(self.plan.end.since(Instant::ZERO), length);
    }

    /// The figures that every trial has.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// What to mind when reading the figures.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Runs one replication.
    ///
    /// # Errors
    /// [`StudyError::Stopped`] when it was stopped before its end.
    pub fn run(&self, replication: u32) -> Result<Trial, StudyError> {
        let (one, _) = self
            .study
            .measure(replication, &self.plan)
            .ok_or(StudyError::Stopped)?;
        let cut = match one.ended.reason {
            Reason::Stopped => return Err(StudyError::Stopped),
            Reason::Limit(what) => Some(what),
            Reason::Finished => None,
        };
        Ok(Trial {
            replication,
            values: self.metrics.iter().map(|m| m.value(&one.figures)).collect(),
            events: one.ended.events,
            fingerprint: one.ended.fingerprint,
            cut,
            violations: one.violations,
            within: within_run(&self.metrics, &one.figures),
        })
    }
}

fn names(study: &Study<'_>, model: &Model) -> Vec<Metric> {
    let world = World::new(model, study.seed, 0);
    Metric::all(model, study.edge_names(&world), world.transactions())
}
