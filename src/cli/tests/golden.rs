//! What every model of the project does, event by event: the same today as yesterday, and with
//! any number of threads.
//!
//! A fingerprint is the hash of a trajectory. Nobody can say by hand what it should be: the table
//! is no proof of correctness, it only makes a change of behaviour visible. A change that means to
//! leave behaviour alone must leave the table alone; one that means to change it says so, and
//! writes the table anew with `INSTA_UPDATE=always cargo test -p stormglass --test golden`.

use assert_cmd::Command;
use model::Set;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use study::{Options, Progress};

/// How much of a model is run: the storm that it was made for is in it, and less than 100 000
/// requests.
const DURATIONS: [(&str, &str); 18] = [
    ("bad_config", "6m"),
    ("checkout", "330s"),
    ("cold_cache", "7m"),
    ("discovery_lease_vs_gossip", "27m"),
    ("failover_paxos", "145s"),
    ("failover_raft", "145s"),
    ("metastable", "90s"),
    ("mm1", "61s"),
    ("online_boutique", "30m"),
    ("order_rollback", "10m"),
    ("poison_message", "5m"),
    ("saga", "195s"),
    ("social_network", "85s"),
    ("sock_shop", "140s"),
    ("three_tier", "9s"),
    ("train_ticket", "8m"),
    ("two_phase_commit", "255s"),
    ("which_breaker", "190s"),
];

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// Every model file, by name.
fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(models())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn every_model_keeps_its_trajectory() {
    assert_eq!(
        names(),
        DURATIONS.map(|(name, _)| name),
        "a duration for every model"
    );
    let mut table = format!("{:<25} {:<16} {:>9}\n", "model", "fingerprint", "events");
    for (name, duration) in DURATIONS {
        let sets = [("run.seed", "1"), ("run.duration", duration)];
        let sets = sets.map(|(path, value)| Set::new(path, value));
        let file = models().join(name).with_extension("yaml");
        let model = match model::load(&file, &sets) {
            Ok(loaded) => loaded.model,
            Err(report) => panic!("{}", report.render(100, false)),
        };
        let record = study::run(&model, &Options::default(), &Progress::new()).unwrap();
        assert_eq!(record.violations, [], "{name}");
        assert_eq!(record.stopped, None, "{name}");
        writeln!(
            table,
            "{name:<25} {} {:>9}",
            record.fingerprint, record.events
        )
        .unwrap();
    }
    insta::assert_snapshot!("fingerprints", table);
}

/// What `run --format json` prints, without the line that says how long it took.
fn json(model: &str, args: &[&str]) -> String {
    let output = Command::cargo_bin("stormglass")
        .unwrap()
        .env_clear()
        .arg("run")
        .arg(models().join(model))
        .args(["--format", "json", "--replications", "8"])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let kept: String = lines
        .iter()
        .filter(|line| !line.trim_start().starts_with("\"wall_s\":"))
        .copied()
        .collect();
    assert_eq!(
        kept.lines().count() + 1,
        lines.len(),
        "one line tells the time"
    );
    kept
}

#[test]
fn the_same_bytes_with_any_number_of_threads() {
    // Short, but the storm at 2 m is in it, and the warm-up is found rather than given.
    let args = ["--duration", "140s", "--warmup", "auto"];
    let on = |threads| {
        json(
            "checkout.yaml",
            &[&args[..], &["--threads", threads]].concat(),
        )
    };
    let once = on("1");
    for threads in ["1", "2", "8"] {
        assert!(once == on(threads), "{threads} threads differ from one");
    }
    let other_seed = json("checkout.yaml", &[&args[..], &["--seed", "8"]].concat());
    assert!(once != other_seed, "the seed is heard");
}
