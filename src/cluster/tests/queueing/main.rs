//! The simulated world against closed forms of queueing and reliability theory.
//!
//! Expected values and tolerances are read from `data/queueing.csv`; no number here comes from our
//! own output. A figure passes when it is within the tolerance, and when the half-width of its
//! 95 % interval over replications is too: a run that is too short to see an error fails as well.

mod figures;
mod meter;
mod table;
mod truth;

use clock::Instant;
use figures::{Measured, Read};
use meter::Meter;
use model::{Model, Set, Warmup};
use stats::Summary;
use std::path::Path;
use stormglass_cluster::World;
use table::{RUNS, Row, Run};
use truth::Truth;

/// Every run of one model; all figures are judged before one that is off fails the test.
fn check(model: &str) {
    let truths = Truth::all();
    let mut off = Vec::new();
    for run in RUNS.iter().filter(|run| run.model == model) {
        let mut results = Results::of(run);
        for row in run.rows {
            let truth = truths
                .iter()
                .find(|t| is_of(row, t))
                .expect("the row is in queueing.csv");
            let measured = results.read(row.read);
            let (expected, allowed) = (truth.expected[row.part], truth.allowed(row.part));
            let line = format!(
                "{} {} {}: {:.6} ± {:.6}, expected {expected} ± {allowed:.6}",
                row.case, row.parameters, row.metric, measured.mean, measured.half_width
            );
            println!("{line}");
            let enough = results.issued() >= truth.completions();
            let near = (measured.mean - expected).abs() <= allowed;
            if !(near && measured.half_width <= allowed && enough) {
                off.push(line);
            }
        }
    }
    assert!(off.is_empty(), "off:\n{}", off.join("\n"));
}

fn is_of(row: &Row, truth: &Truth) -> bool {
    (row.case, row.parameters, row.metric) == (&*truth.case, &*truth.parameters, &*truth.metric)
}

/// What a run gave; simulated when first asked for.
struct Results {
    model: Model,
    record: Option<study::record::RunRecord>,
    meters: Vec<Meter>,
}

impl Results {
    fn of(run: &Run) -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/models/{}.yaml", run.model));
        let sets: Vec<Set> = run
            .sets
            .iter()
            .map(|&(path, value)| Set::new(path, value))
            .collect();
        let model = model::load(&path, &sets)
            .unwrap_or_else(|error| panic!("{error:?}"))
            .model;
        Self {
            model,
            record: None,
            meters: Vec::new(),
        }
    }

    fn issued(&self) -> u64 {
        self.record
            .as_ref()
            .map_or(0, |r| r.workloads.values().map(|w| w.issued).sum())
    }

    fn read(&mut self, read: Read) -> Measured {
        match read {
            Read::Record(figure) => {
                let model = &self.model;
                figure(self.record.get_or_insert_with(|| {
                    let record = study::run(model, &Default::default(), &Default::default());
                    let record = record.expect("nobody stops it");
                    assert_eq!((&record.stopped, &*record.violations), (&None, &[][..]));
                    record
                }))
            }
            Read::Facts(figure) => self.over_replications(false, figure),
            Read::FirstPassage => self.over_replications(true, Meter::first_two_down),
        }
    }

    fn over_replications(&mut self, until_two_down: bool, figure: fn(&Meter) -> f64) -> Measured {
        if self.meters.is_empty() {
            let Warmup::Fixed(warmup) = self.model.run.warmup else {
                panic!("the warm-up is fixed")
            };
            for replication in 0..self.model.run.replications {
                let mut meter = Meter::new(warmup, until_two_down);
                let mut world = World::new(&self.model, self.model.run.seed, replication);
                world.run(
                    &mut meter,
                    Instant::ZERO + self.model.run.duration,
                    &Default::default(),
                );
                self.meters.push(meter);
            }
        }
        let mut summary = Summary::default();
        self.meters
            .iter()
            .for_each(|meter| summary.add(figure(meter)));
        Measured {
            mean: summary.mean().expect("there are replications"),
            half_width: summary.half_width(0.95).expect("there are replications"),
        }
    }
}

/// One test per model, so that they run side by side, and a list of them all.
macro_rules! models {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(stringify!($name)); })*
        const MODELS: &[&str] = &[$(stringify!($name)),*];
    };
}

models! {
    mm1 mmc erlang_b mm1k mmck md1 me4_1 mh2_1 mln1 tandem jackson_feedback mminf forkjoin2
    forkjoin10 forkjoin32 dm1 e2m1 e2m1_round_robin priority priority3 lifo closed_loop quorum
    chain fanout_max tail_100 tail_2000 token_bucket retries availability mttf_1of2 mttf_2of3
    inspection_paradox
}

#[test]
fn every_closed_form_and_every_model_is_checked() {
    for truth in Truth::all() {
        for part in 0..truth.expected.len() {
            let mut rows = RUNS.iter().flat_map(|run| run.rows);
            assert!(
                rows.any(|row| is_of(row, &truth) && row.part == part),
                "nothing checks {truth:?}, part {part}"
            );
        }
    }
    for model in MODELS {
        assert!(
            RUNS.iter().any(|run| run.model == *model),
            "{model} shows nothing"
        );
    }
    for run in RUNS {
        assert!(MODELS.contains(&run.model), "no test checks {}", run.model);
    }
}
