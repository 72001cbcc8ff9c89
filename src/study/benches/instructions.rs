//! What a request costs in instructions: the same number on a busy machine and on a quiet one.
//!
//! Runs itself under valgrind's counter, once for a model's short length and once for a longer
//! one; the difference is what the additional requests cost, and start and end of the process are
//! in neither. `loop` is the simulated world alone, `run` a whole run with everything that is
//! measured. The figures belong to one compiler and one kind of processor: those of
//! `instructions.txt` to the release of Rust that the workspace asks for, on x86-64.
//!
//! Ends with a failure when a figure is more than 2 % from the table's. `-- --write` writes the
//! table. Without valgrind it says so and does nothing.
#![allow(clippy::print_stdout, reason = "it is a program that prints a table")]

use clock::Instant;
use cluster::{Limits, World};
use model::{Model, Set, Warmup};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use stormglass_study::{Options, Progress, run};

/// Simulated seconds, and as many more that are counted. With the storm at 2 m of the checkout.
const MODELS: [(&str, [&str; 2]); 3] = [
    ("mm1", ["10s", "60s"]),
    ("three_tier", ["2s", "10s"]),
    ("checkout", ["60s", "180s"]),
];

const TOLERANCE: f64 = 0.02;

/// The first argument of the process whose instructions are counted.
const COUNTED: &str = "--counted";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if let [_, first, mode, name, duration] = &args[..]
        && first == COUNTED
    {
        println!("{}", simulate(mode, name, duration));
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("SKIPPED: instructions per request (valgrind is not installed)");
        return ExitCode::SUCCESS;
    }
    let before = std::fs::read_to_string(table()).unwrap_or_default();
    let (text, moved) = measure(&before);
    if args.iter().any(|arg| arg == "--write") {
        std::fs::write(table(), text).expect("the table can be written");
        return ExitCode::SUCCESS;
    }
    if moved {
        println!("\nMore than 2 % from {}.", table().display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt")
}

/// The table anew, and whether any of its figures is not what it was before.
fn measure(before: &str) -> (String, bool) {
    let mut text = format!("{:<12} {:>8} {:>8}\n", "model", "loop", "run");
    print!("{text}");
    let mut moved = false;
    for (name, durations) in MODELS {
        let new = ["loop", "run"].map(|mode| each(mode, name, durations));
        let [bare, whole] = new;
        let mut line = format!("{name:<12} {bare:>8.1} {whole:>8.1}");
        writeln!(text, "{line}").expect("memory");
        let old = before
            .lines()
            .map(str::split_whitespace)
            .find_map(|mut words| {
                (words.next() == Some(name))
                    .then(|| words.filter_map(|word| word.parse().ok()).collect())
            });
        let old: Vec<f64> = old.unwrap_or_default();
        moved |= old.len() != new.len();
        for (old, new) in old.iter().zip(new) {
            let change = new / old - 1.0;
            moved |= change.abs() > TOLERANCE;
            write!(line, "  {:+.1} %", change * 100.0).expect("memory");
        }
        println!("{line}");
    }
    (text, moved)
}

/// Instructions per request.
fn each(mode: &str, name: &str, durations: [&str; 2]) -> f64 {
    let [(few, short), (many, long)] = durations.map(|duration| count(mode, name, duration));
    (long - short) as f64 / (many - few) as f64
}

/// Requests, and the instructions of the process that simulates them.
fn count(mode: &str, name: &str, duration: &str) -> (u64, u64) {
    let output = Command::new("valgrind")
        .args([
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
        ])
        .arg(std::env::current_exe().expect("a program has a path"))
        .args([COUNTED, mode, name, duration])
        .output()
        .expect("valgrind runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let requests = String::from_utf8_lossy(&output.stdout).trim().parse();
    let instructions = said
        .lines()
        .find_map(|line| line.split_once("I   refs:"))
        .map(|(_, number)| number.trim().replace(',', "").parse());
    match (requests, instructions) {
        (Ok(requests), Some(Ok(instructions))) => (requests, instructions),
        _ => panic!("valgrind says\n{said}"),
    }
}

/// Gives the number of requests that were issued.
fn simulate(mode: &str, name: &str, duration: &str) -> u64 {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let sets = [("run.duration", duration), ("run.seed", "1")];
    let sets = sets.map(|(path, value)| Set::new(path, value));
    let mut model = match model::load(&models.join(name).with_extension("yaml"), &sets) {
        Ok(loaded) => loaded.model,
        Err(report) => panic!("{}", report.render(100, false)),
    };
    // So that every request is counted.
    model.run.warmup = Warmup::Fixed(clock::Duration::ZERO);
    match mode {
        "loop" => bare(&model),
        _ => whole(&model),
    }
}

/// Hears of calls only to count those of the workloads.
struct Issued {
    edges: usize,
    requests: u64,
}

impl cluster::Observer for Issued {
    fn call_started(&mut self, _: Instant, edge: cluster::EdgeId) {
        self.requests += u64::from(edge < self.edges);
    }
}

fn bare(model: &Model) -> u64 {
    let mut issued = Issued {
        edges: model.workloads.len(),
        requests: 0,
    };
    let end = Instant::ZERO + model.run.duration;
    World::new(model, model.run.seed, 0).run(&mut issued, end, &Limits::default());
    issued.requests
}

fn whole(model: &Model) -> u64 {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    let record = pool.install(|| run(model, &Options::default(), &Progress::new()));
    let record = record.expect("nobody stops it");
    record
        .workloads
        .values()
        .map(|workload| workload.issued)
        .sum()
}
