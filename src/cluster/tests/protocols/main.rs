//! Back-off, retries, hedging, two-phase commit and elections against figures that others published.
//!
//! Expected values and tolerances are read from `data/protocols.csv`; no number here comes from our
//! own output. A figure passes when it is within the tolerance, and when the half-width of its
//! 95 % interval over replications is too: a run that is too short to see an error fails as well.

mod counts;
mod elections;
mod transactions;
mod truth;

use clock::Instant;
use counts::Counts;
use model::{Model, Set};
use stats::Summary;
use std::path::Path;
use stormglass_cluster::World;
use truth::Truth;

/// The algorithms of the contention experiment, and the policies that stand for them.
const BACKOFFS: [(&str, &str); 5] = [
    ("Exponential", "exponential"),
    ("Decorr", "decorrelated"),
    ("EqualJitter", "equal"),
    ("FullJitter", "full"),
    ("None", "none"),
];

#[test]
fn contention_with_ten_clients() {
    contention(10, 2000);
}

#[test]
fn contention_with_a_hundred_clients() {
    contention(100, 100);
}

fn contention(clients: u32, replications: u32) {
    let mut off = Vec::new();
    for (name, policy) in BACKOFFS {
        let truth = find("aws-backoff", |parameters| {
            parameters.starts_with(&format!("{clients} clients, {name},"))
        });
        let sets = [
            ("workloads.clients.batch.size", clients.to_string()),
            ("workloads.clients.policy", policy.to_owned()),
            ("run.replications", replications.to_string()),
        ];
        let runs = run("backoff", "clients->database.update", &sets);
        assert!(runs.iter().all(|run| run.succeeded == u64::from(clients)));
        judge(&truth, 0, runs.iter().map(|r| r.attempts as f64), &mut off);
        let ends = runs.iter().map(|r| r.last.since(Instant::ZERO));
        judge(&truth, 1, ends.map(|t| t.as_secs_f64() * 1e3), &mut off);
    }
    assert!(off.is_empty(), "off:\n{}", off.join("\n"));
}

#[test]
fn retry_strategies() {
    let mut off = Vec::new();
    for truth in Truth::all().iter().filter(|t| t.case == "retry-policy") {
        let (failing, policy) = truth.parameters.split_once(' ').expect("two words");
        let failing = failing.strip_prefix("p=").expect("a probability");
        let sets = [
            (
                "services.server.endpoints.handle.0.fail",
                failing.to_owned(),
            ),
            ("services.clients.endpoints.ask.0.policy", policy.to_owned()),
        ];
        let runs = run("retries", "clients->server.handle", &sets);
        judge(truth, 0, runs.iter().map(Counts::success_percent), &mut off);
        judge(truth, 1, runs.iter().map(Counts::load_percent), &mut off);
    }
    assert!(off.is_empty(), "off:\n{}", off.join("\n"));
}

#[test]
fn hedged_fan_out() {
    let truth = find("hedge", |_| true);
    let mut off = Vec::new();
    let edge = "front->leaf.serve";
    let mut once = run("hedge", edge, &[]);
    let hedge = "[{hedge: {attempts: 2, delay: 10ms}}]";
    let mut hedged = run("hedge", edge, &[("policies.leaf", hedge.into())]);
    judge(
        &truth,
        0,
        once.iter_mut().map(|r| r.quantile_ms(1e-3)),
        &mut off,
    );
    judge(
        &truth,
        1,
        hedged.iter_mut().map(|r| r.quantile_ms(1e-3)),
        &mut off,
    );
    let extra = hedged.iter().map(|r| r.load_percent() - 100.0);
    judge(&truth, 2, extra, &mut off);
    assert!(off.is_empty(), "off:\n{}", off.join("\n"));
}

fn find(case: &str, parameters: impl Fn(&str) -> bool) -> Truth {
    let mut all = Truth::all().into_iter();
    all.find(|t| t.case == case && parameters(&t.parameters))
        .expect("the row is in protocols.csv")
}

/// Notes a figure that is off, or not known well enough.
fn judge(truth: &Truth, part: usize, values: impl Iterator<Item = f64>, off: &mut Vec<String>) {
    judge_as(truth, part, truth.expected(part), values, off);
}

/// The same where the row has a formula, whose value is expected.
fn judge_as(
    truth: &Truth,
    part: usize,
    expected: f64,
    values: impl Iterator<Item = f64>,
    off: &mut Vec<String>,
) {
    let mut summary = Summary::default();
    values.for_each(|value| summary.add(value));
    let mean = summary.mean().expect("there are replications");
    let half_width = summary.half_width(0.95).expect("there are replications");
    let allowed = truth.allowed_of(part, expected);
    let line = format!(
        "{} {} [{part}]: {mean:.3} ± {half_width:.3}, expected {expected} ± {allowed:.3}",
        truth.case, truth.parameters
    );
    println!("{line}");
    if !((mean - expected).abs() <= allowed && half_width <= allowed) {
        off.push(line);
    }
}

/// All replications of a model, with what is counted at an edge.
fn run(name: &str, edge: &str, sets: &[(&str, String)]) -> Vec<Counts> {
    let model = load(name, sets);
    let until = Instant::ZERO + model.run.duration;
    (0..model.run.replications)
        .map(|replication| {
            let mut world = World::new(&model, model.run.seed, replication);
            let edges = world.edges();
            let mut counts = Counts {
                edge: edges
                    .iter()
                    .position(|e| format!("{}->{}", e.caller, e.target) == edge)
                    .expect("the edge exists"),
                ..Counts::default()
            };
            let ended = world.run(&mut counts, until, &Default::default());
            assert_eq!(ended.violations, []);
            counts
        })
        .collect()
}

fn load(name: &str, sets: &[(&str, String)]) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocols/models");
    let sets: Vec<Set> = sets
        .iter()
        .map(|(path, value)| Set::new(*path, value.as_str()))
        .collect();
    model::load(&folder.join(format!("{name}.yaml")), &sets)
        .unwrap_or_else(|error| panic!("{error:?}"))
        .model
}
