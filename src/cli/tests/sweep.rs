//! `stormglass sweep`: what it writes, and that stopping, going on and adding values change no byte.

use assert_cmd::Command;
use serde_json::Value;
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
    sweep_to(dir, args, 0)
}

/// Sweeps, ends with this code, and gives what was printed.
fn sweep_to(dir: &Path, args: &[&str], code: i32) -> String {
    let all = [&["sweep", "e.yaml"], args].concat();
    let assert = stormglass(dir, &all).assert().code(code);
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
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
    let page = sweep_to(dir.path(), &[], 4);
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

/// Every row can be made again by the command that the manifest has for its cell.
#[test]
fn the_manifest_has_a_command_for_each_row() {
    let until = "{min: 2, max: 4, until: {metric: users.latency.mean, half_width: 5%}}";
    let dir = place(&EXPERIMENT.replace("replications: 3", &format!("replications: {until}")));
    // The model stands above the experiment, as in this project.
    fs::create_dir(dir.path().join("some experiments")).unwrap();
    let text = fs::read_to_string(dir.path().join("e.yaml")).unwrap();
    let text = text
        .replace("model: model.yaml", "name: e\nmodel: ../model.yaml")
        .replace(
            "metrics: [users.latency.mean, services.server.utilization]",
            "",
        )
        .replace(
            "vary:",
            "set: {services.server.queue: {capacity: 9}, run.seed: 5}\nvary:",
        );
    fs::write(dir.path().join("some experiments/e.yaml"), text).unwrap();
    let args = ["sweep", "some experiments/e.yaml", "--threads", "1"];
    stormglass(dir.path(), &args).assert().code(4);
    let rows = table(dir.path(), "sweep.csv");
    let manifest = fs::read(dir.path().join("output/e/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(
        manifest["command"],
        "stormglass sweep 'some experiments/e.yaml'"
    );
    assert_eq!(
        (&manifest["seed"], &manifest["manifest_format"]),
        (&5.into(), &1.into())
    );
    let cells = manifest["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 4);
    for cell in cells {
        let run = cell["run"].as_str().unwrap();
        let command = run.strip_prefix("stormglass run model.yaml ").unwrap();
        let output = std::process::Command::new("/bin/sh")
            .args([
                "-c",
                &format!("\"$STORMGLASS\" run model.yaml {command} --format json"),
            ])
            .env("STORMGLASS", assert_cmd::cargo::cargo_bin("stormglass"))
            .current_dir(dir.path())
            .output()
            .unwrap();
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(result["fingerprint"], cell["fingerprint"], "{run}");
        assert_eq!(result["events"], cell["events"], "{run}");
        let mut count = 0;
        let number = cell["cell"].to_string();
        for row in rows.iter().filter(|row| row[0] == *number) {
            let again = &result["metrics"][&row[3]];
            for (part, shown) in ["mean", "low", "high"].into_iter().zip(&row[6..9]) {
                let shown: Option<f64> = (!shown.is_empty()).then(|| shown.parse().unwrap());
                assert_eq!(again[part].as_f64(), shown, "{run}: {} {part}", row[3]);
            }
            count += 1;
        }
        assert_eq!(count, result["metrics"].as_object().unwrap().len());
    }
}

#[test]
fn labels_stand_for_whole_values() {
    let breakers = "{short: {capacity: 1}, long: {capacity: 900}}";
    let text = EXPERIMENT.replace("workers: [1, 2]", &format!("queue: {breakers}"));
    let dir = place(&text);
    let page = sweep(dir.path(), &[]);
    assert!(
        page.contains("short") && !page.contains("capacity"),
        "{page}"
    );
    let rows = table(dir.path(), "sweep.csv");
    assert_eq!(
        (&*rows[0][1], &*rows[1][1]),
        ("services.server.queue", "short")
    );
    // Without labels, two long values never look the same.
    let long = "[{capacity: 1, discipline: fifo}, {capacity: 2, discipline: fifo}]";
    let dir = place(&EXPERIMENT.replace("workers: [1, 2]", &format!("queue: {long}")));
    let page = sweep(dir.path(), &[]);
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.contains("capa"))
        .map(|line| line.split("  ").filter(|part| !part.is_empty()).collect())
        .collect();
    assert_eq!(rows.len(), 4, "{page}");
    assert_eq!(rows[0][1], rows[1][1], "{page}");
    assert_ne!(rows[0][1], rows[2][1], "{page}");
    for (vary, says) in [
        (
            "queue: {a: {capacity: 1}, b: {capacity: 1}}",
            "`a` and `b` are labels of the same value",
        ),
        ("queue: {}", "at least one value"),
        ("workers: {from: 1, too: 3}", "`too`"),
    ] {
        let dir = place(&EXPERIMENT.replace("workers: [1, 2]", vary));
        let assert = stormglass(dir.path(), &["sweep", "e.yaml"])
            .assert()
            .code(2);
        let error = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert!(error.contains(says), "{vary}: {error}");
    }
}

/// `kill -9` at any moment: the same command goes on, and writes the same bytes.
#[test]
#[cfg(unix)]
fn a_kill_at_any_moment_changes_no_byte() {
    use std::os::unix::process::ExitStatusExt;
    let text = EXPERIMENT
        .replace("[1, 2]", "[1, 2, 3, 4, 5, 6]")
        .replace("steps: 2", "steps: 6");
    let dir = place(&text.replace("replications: 3", "replications: 2"));
    sweep(dir.path(), &["--out", "whole"]);
    let mut kills = 0;
    let (mut reach, mut noise) = (8, 1);
    loop {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("stormglass"))
            .args(["sweep", "e.yaml", "--out", "killed", "--threads", "2"])
            .current_dir(dir.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Moments without a pattern, later and later, so that it comes to an end.
        noise = (noise * 421 + 54_773) % 259_200;
        reach += reach / 3;
        let wait = reach * (259_200 + noise) / 518_400;
        std::thread::sleep(std::time::Duration::from_millis(wait));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if status.success() {
            break;
        }
        assert_eq!(status.signal(), Some(9));
        kills += 1;
    }
    assert!(kills > 0);
    let names = |out: &str| {
        let mut names = Vec::new();
        for folder in ["", "cells/"] {
            let entries = fs::read_dir(dir.path().join(out).join(folder)).unwrap();
            let entries = entries.map(|entry| entry.unwrap());
            let files = entries.filter(|entry| entry.path().is_file());
            names.extend(files.map(|e| format!("{folder}{}", e.file_name().to_str().unwrap())));
        }
        names.sort();
        names
    };
    let whole = names("whole");
    let tables = ["manifest.json", "replications.csv", "sweep.csv"];
    assert!(
        tables
            .iter()
            .all(|table| whole.iter().any(|name| name == table))
    );
    for name in &whole {
        let [one, other] = ["whole", "killed"].map(|out| fs::read(dir.path().join(out).join(name)));
        assert!(one.unwrap() == other.unwrap(), "{name} after {kills} kills");
    }
    assert!(
        whole
            .iter()
            .filter(|name| name.starts_with("cells/"))
            .count()
            == 36
    );
    // At most the halves of tables are left besides; those of cells are cleared away.
    let besides = names("killed")
        .into_iter()
        .filter(|name| !whole.contains(name));
    assert!(
        besides
            .clone()
            .all(|n| n.ends_with(".part") && !n.starts_with("cells/")),
        "{:?}",
        besides.collect::<Vec<_>>()
    );
}
