//! What a request costs: CPU time of one thread, medians of five runs of a model's own
//! length (a million requests, 120 000 of the checkout's).
//!
//! `loop` is the simulated world alone, without an observer; `run` is a whole run with everything
//! that is measured, set-up and the making of the record included. Both in nanoseconds per request;
//! `run/s` are the requests that a whole run gets through in a second of one core. Names of models
//! as arguments measure only those: `cargo bench -p stormglass-study --bench workloads -- mm1`.
#![allow(clippy::print_stdout, reason = "it is a program that prints a table")]

use clock::{Duration, Instant};
use cluster::{Limits, World};
use model::{Model, Warmup};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use stormglass_study::{Options, Progress, run};

const RUNS: usize = 5;

fn main() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    println!(
        "{:<12} {:>9} {:>14} {:>8} {:>8} {:>10}",
        "model", "requests", "events/request", "loop ns", "run ns", "run/s"
    );
    // Cargo adds options of its own.
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    for name in ["mm1", "three_tier", "checkout"] {
        if !asked.is_empty() && !asked.iter().any(|model| model == name) {
            continue;
        }
        let path = models.join(name).with_extension("yaml");
        let loaded = model::load(&path, &[]);
        let mut model = match loaded {
            Ok(loaded) => loaded.model,
            Err(report) => panic!("{}", report.render(100, false)),
        };
        // So that the record counts every request.
        model.run.warmup = Warmup::Fixed(Duration::ZERO);
        model.run.replications = 1;
        measure(name, &model);
    }
}

fn measure(name: &str, model: &Model) {
    // One thread, so that its CPU time is all there is.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    let (requests, events, whole) = pool.install(|| {
        let mut counts = (0, 0);
        let whole = median(|| {
            let start = cpu_nanos();
            let record =
                run(model, &Options::default(), &Progress::new()).expect("nobody stops it");
            let spent = cpu_nanos() - start;
            counts = (
                record
                    .workloads
                    .values()
                    .map(|workload| workload.issued)
                    .sum(),
                record.events,
            );
            spent
        });
        (counts.0, counts.1, whole)
    });
    let bare = median(|| {
        let mut world = World::new(model, model.run.seed, 0);
        let start = cpu_nanos();
        world.run(
            &mut (),
            Instant::ZERO + model.run.duration,
            &Limits::default(),
        );
        cpu_nanos() - start
    });
    let each = |ns: u64| ns as f64 / requests as f64;
    println!(
        "{name:<12} {requests:>9} {:>14.2} {:>8.1} {:>8.1} {:>10.0}",
        events as f64 / requests as f64,
        each(bare),
        each(whole),
        1e9 / each(whole)
    );
}

fn median(mut once: impl FnMut() -> u64) -> u64 {
    let mut all: [u64; RUNS] = std::array::from_fn(|_| once());
    all.sort_unstable();
    all[RUNS / 2]
}

/// CPU time of this thread.
fn cpu_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
