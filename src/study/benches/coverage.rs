//! How often intervals hold the truth: 400 independent studies of M/M/1 by the whole simulator, for
//! docs/statistics.md. Some minutes: `cargo bench -p stormglass-study --bench coverage`.
//!
//! Service takes 10 ms on average; at load ρ the time in the system is exponential with mean
//! 10 ms/(1 - ρ) (Kleinrock, *Queueing Systems* 1, 3.2).

#![allow(clippy::print_stdout, reason = "it is a program that prints a table")]

use model::{Files, Model};
use rayon::prelude::*;
use stats::{Paired, Summary, next_look};
use std::io;
use stormglass_study::{Options, Progress, Trials, find_metric, run};

const STUDIES: u64 = 400;
const REPLICATIONS: u32 = 10;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> io::Result<String> {
        Err(io::Error::new(io::ErrorKind::NotFound, path))
    }
}

/// The queue at a load, with demands of so many milliseconds, over so many seconds of which the
/// first ten are cut off.
fn queue(load: f64, demand_ms: f64, seconds: u32) -> Model {
    let rate = 100.0 * load;
    let text = format!(
        "run: {{duration: {seconds}s, warmup: 10s}}
services: {{server: {{endpoints: {{serve: [{{compute: {{exponential: {{mean: {demand_ms}ms}}}}}}]}}}}}}
workloads: {{users: {{target: server.serve, arrivals: {{poisson: {{rate: {rate}/s}}}}}}}}
"
    );
    let loaded = model::read(&text, "mm1.yaml", &NoFiles, &[]);
    loaded.map(|loaded| loaded.model).expect("it is a model")
}

/// One observation of each metric for each replication of a study.
struct Observed {
    mean: Vec<f64>,
    p99: Vec<f64>,
}

fn observe(model: &Model, seed: u64, replications: u32) -> Observed {
    let options = Options {
        seed: Some(seed),
        ..Options::default()
    };
    let progress = Progress::new();
    let trials = Trials::new(model, &options, &progress).expect("nobody stops it");
    let at = |name| find_metric(trials.metrics(), name).expect("it is there");
    let (mean, p99) = (at("users.latency.mean"), at("users.latency.p99"));
    let all: Vec<_> = (0..replications)
        .map(|r| trials.run(r).expect("nobody stops it"))
        .collect();
    let values = |metric: usize| all.iter().filter_map(|t| t.values[metric]).collect();
    Observed {
        mean: values(mean),
        p99: values(p99),
    }
}

fn holds(values: &[f64], truth: f64) -> bool {
    let summary: Summary = values.iter().copied().collect();
    let interval = summary.interval(0.95).expect("several replications");
    (interval.low..=interval.high).contains(&truth)
}

/// Prints the share, and the standard error that 400 studies leave it.
fn say(what: &str, held: usize, of: usize) {
    let share = held as f64 / of as f64;
    let error = (share * (1.0 - share) / of as f64).sqrt();
    println!("{what:<58} {:5.1} % ± {:.1}", share * 100.0, error * 100.0);
}

fn across(load: f64, seconds: u32) {
    let model = queue(load, 10.0, seconds);
    let mean = 10.0 / (1.0 - load);
    let p99 = mean * 100f64.ln();
    let found: Vec<[bool; 2]> = (0..STUDIES)
        .into_par_iter()
        .map(|seed| {
            let seen = observe(&model, seed, REPLICATIONS);
            [holds(&seen.mean, mean), holds(&seen.p99, p99)]
        })
        .collect();
    for (i, what) in ["mean", "p99"].into_iter().enumerate() {
        let held = found.iter().filter(|f| f[i]).count();
        say(
            &format!("{what}, load {load}, 10 replications of {} s", seconds - 10),
            held,
            found.len(),
        );
    }
}

fn paired(load: f64, seconds: u32) {
    let models = [queue(load, 10.0, seconds), queue(load, 9.0, seconds)];
    let truth = 9.0 / (1.0 - 0.9 * load) - 10.0 / (1.0 - load);
    let found: Vec<(bool, f64)> = (0..STUDIES)
        .into_par_iter()
        .map(|seed| {
            let [a, b] = models
                .each_ref()
                .map(|m| observe(m, seed, REPLICATIONS).mean);
            let pairs: Paired = a.into_iter().zip(b).collect();
            let interval = pairs.difference().interval(0.95).expect("ten pairs");
            let ratio = pairs.variance_ratio().expect("they differ");
            ((interval.low..=interval.high).contains(&truth), ratio)
        })
        .collect();
    let held = found.iter().filter(|(held, _)| *held).count();
    say(
        &format!("difference of means, load {load}, 10 pairs"),
        held,
        found.len(),
    );
    let mut ratios: Vec<f64> = found.iter().map(|(_, ratio)| *ratio).collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "  variance cut {:.1} times by the pairs (median)",
        ratios[ratios.len() / 2]
    );
}

/// One replication: how often the interval within it held, in all and of those that were relied upon.
fn within(load: f64, seconds: u32) {
    let model = queue(load, 10.0, seconds);
    let mean = 10.0 / (1.0 - load);
    let truths = [
        ("mean", mean),
        ("p50", mean * 2f64.ln()),
        ("p99", mean * 100f64.ln()),
    ];
    let found: Vec<[Option<(bool, bool)>; 3]> = (0..STUDIES)
        .into_par_iter()
        .map(|seed| {
            let options = Options {
                seed: Some(seed),
                ..Options::default()
            };
            let record = run(&model, &options, &Progress::new()).expect("nobody stops it");
            let within = record.within_run.expect("it is alone");
            truths.map(|(what, truth)| {
                let seen = within.metrics.get(&format!("users.latency.{what}"))?;
                Some(((seen.low..=seen.high).contains(&truth), seen.reliable))
            })
        })
        .collect();
    for (i, (what, _)) in truths.iter().enumerate() {
        let seen: Vec<(bool, bool)> = found.iter().filter_map(|f| f[i]).collect();
        let relied: Vec<_> = seen.iter().filter(|(_, reliable)| *reliable).collect();
        let what = format!("{what}, load {load}, one run of {} s", seconds - 10);
        say(
            &what,
            seen.iter().filter(|(held, _)| *held).count(),
            seen.len(),
        );
        if !relied.is_empty() {
            let held = relied.iter().filter(|(held, _)| *held).count();
            say(
                &format!("  of {} that were relied upon", relied.len()),
                held,
                relied.len(),
            );
        }
    }
}

/// From 8 replications until the half-width is this share of the mean.
fn sequential(load: f64, seconds: u32, share: f64) {
    let model = queue(load, 10.0, seconds);
    let truth = 10.0 / (1.0 - load);
    let found: Vec<(bool, u32)> = (0..STUDIES)
        .into_par_iter()
        .map(|seed| {
            let mut goal = 8;
            loop {
                let all: Summary = observe(&model, seed, goal).mean.into_iter().collect();
                let (mean, half) = (all.mean().expect("8"), all.half_width(0.95).expect("8"));
                match next_look(half, share * mean, goal) {
                    Some(next) => goal = next,
                    None => break ((mean - truth).abs() <= half, goal),
                }
            }
        })
        .collect();
    let held = found.iter().filter(|(held, _)| *held).count();
    let percent = share * 100.0;
    say(
        &format!("mean, load {load}, until ±{percent} % of it"),
        held,
        found.len(),
    );
    let runs: u32 = found.iter().map(|(_, runs)| *runs).sum();
    println!(
        "  {:.1} replications on average",
        f64::from(runs) / found.len() as f64
    );
}

fn main() {
    // A test of all targets runs this, too; only `cargo bench` has the time.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    println!("intervals of 95 % that held the truth, of {STUDIES} studies:");
    across(0.5, 70);
    across(0.8, 130);
    paired(0.5, 70);
    paired(0.8, 130);
    within(0.5, 410);
    within(0.8, 410);
    within(0.8, 2010);
    sequential(0.5, 40, 0.05);
    sequential(0.5, 40, 0.02);
}
