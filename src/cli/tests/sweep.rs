//! `stormglass sweep`: what it writes, and that stopping, going on and adding values change no byte.

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const MODEL: &str = "
run: {duration: 20s}
services: {server: {workers: 2, endpoints: {serve: [{compute: {exponential: {mean: 10ms}}}]}}}
workloads: {users: {target: server.serve, arrivals: {poisson: {rate: 100/s}}}}
";

const EXPERIMENT: &str = "
model: model.yaml
vary:
  services.server.workers: [1, 2]
  workloads.users.arrivals.poisson.rate: {from: 20/s, to: 60/s, steps: 2}
replications: 3
metrics: [users.latency.mean, services.server.utilization]
";

fn place(experiment: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("model.yaml"), MODEL).unwrap();
    fs::write(dir.path().join("e.yaml"), experiment).unwrap();
    dir
}

fn stormglass(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    command.current_dir(dir).args(args).env("NO_COLOR", "1");
    command
}

fn sweep(dir: &Path, args: &[&str]) -> String {
    let all = [&["sweep", "e.yaml"], args].concat();
    let output = stormglass(dir, &all).assert().code(0).get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

fn table(dir: &Path, name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(dir.join("output/e").join(name)).unwrap();
    let rows = text
        .lines()
        .map(|l| l.split(',').map(str::to_owned).collect());
    rows.collect()
}

#[test]
fn a_row_for_each_cell_and_metric() {
    let dir = place(EXPERIMENT);
    let page = sweep(dir.path(), &[]);
    assert!(page.starts_with("e: 4 cells\n"), "{page}");
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
    let rows = table(dir.path(), "sweep.csv");
    assert_eq!(rows.len(), 1 + 4 * 2);
    assert_eq!(rows[0][0], "cell");
    assert_eq!(rows[1][1..5], ["1", "20/s", "users.latency.mean", "ms"]);
    // One worker, 20/s of 10 ms each: M/M/1 at 0.2, whose mean sojourn is 12.5 ms.
    let [mean, low, high]: [f64; 3] = [6, 7, 8].map(|i| rows[1][i].parse().unwrap());
    assert!(
        low < mean && mean < high && (mean - 12.5).abs() < 2.5,
        "{mean}"
    );
    assert_eq!(table(dir.path(), "replications.csv").len(), 1 + 4 * 3 * 2);
}

#[test]
fn what_is_done_is_not_done_again_and_the_bytes_are_the_same() {
    let dir = place(EXPERIMENT);
    sweep(dir.path(), &["--threads", "1"]);
    let out = dir.path().join("output/e");
    let whole = fs::read(out.join("sweep.csv")).unwrap();
    let mut cells: Vec<_> = fs::read_dir(out.join("cells"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cells.sort();
    assert_eq!(cells.len(), 4);
    // As a kill would leave it: a cell that is not there, and one that is not whole.
    fs::remove_file(&cells[0]).unwrap();
    let half = fs::read(&cells[1]).unwrap();
    fs::write(&cells[1], &half[..half.len() / 2]).unwrap();
    let left = sweep(dir.path(), &["--dry-run"]);
    assert!(left.contains("4 cells, 2 of them finished"), "{left}");
    sweep(dir.path(), &["--threads", "2"]);
    assert_eq!(fs::read(out.join("sweep.csv")).unwrap(), whole);
    // One more value: two more cells.
    let more = EXPERIMENT.replace("[1, 2]", "[1, 2, 3]");
    fs::write(dir.path().join("e.yaml"), more).unwrap();
    let left = sweep(dir.path(), &["--dry-run"]);
    assert!(left.contains("6 cells, 4 of them finished"), "{left}");
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let cases = [
        (
            "metrics: [users.latency.mean",
            "metrics: [users.latency.men",
            "there is no metric `users.latency.men`",
        ),
        ("workers: [1, 2]", "wrkers: [1, 2]", "wrkers"),
        (
            "model: model.yaml",
            "model: other.yaml",
            "the file cannot be read",
        ),
        ("steps: 2}", "steps: 0}", "steps"),
        (
            "replications: 3",
            "replications: {min: 1, max: 4, until: {metric: users.availability, half_width: 1%}}",
            "at least two replications",
        ),
    ];
    for (from, to, message) in cases {
        let dir = place(&EXPERIMENT.replace(from, to));
        let assert = stormglass(dir.path(), &["sweep", "e.yaml"])
            .assert()
            .code(2);
        let error = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert!(error.contains(message), "{to}: {error}");
        assert!(!dir.path().join("output").exists(), "{to}");
    }
}

#[test]
fn more_replications_until_the_interval_is_narrow() {
    let until = "{min: 2, max: 12, until: {metric: users.latency.mean, half_width: 1%}}";
    let dir = place(&EXPERIMENT.replace("replications: 3", &format!("replications: {until}")));
    let page = sweep(dir.path(), &[]);
    let rows = table(dir.path(), "sweep.csv");
    let counts: Vec<u32> = rows[1..]
        .iter()
        .map(|row| row[5].parse().unwrap())
        .collect();
    assert!(
        counts.iter().all(|n| (2..=12).contains(n)) && counts.contains(&12),
        "{counts:?}"
    );
    assert!(page.contains("wider than asked for"), "{page}");
}

#[test]
fn the_experiment_of_the_documentation_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/sweeps.md")).unwrap();
    let block = page.split("```yaml experiment\n").nth(1).unwrap();
    let experiment = block.split("```").next().unwrap();
    let model = root.join("models/checkout.yaml").display().to_string();
    let dir = place(&experiment.replace("../models/checkout.yaml", &model));
    assert!(sweep(dir.path(), &["--dry-run"]).contains("9 cells"));
}
