//! What commands print fits the terminal, however narrow it is, and has colours only where they are wanted.

#![cfg(unix)]

use assert_cmd::cargo::cargo_bin;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Between them they have every part of the page: faults, orders, queues, stores, deployments, transactions,
/// groups, discovery, and names of any length.
const MODELS: [&str; 5] = [
    "checkout",
    "order_rollback",
    "saga",
    "failover_paxos",
    "online_boutique",
];

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// What a command prints into a pipe, with so many columns asked for.
fn printed(dir: &Path, columns: usize, args: &[&str]) -> String {
    let output = Command::new(cargo_bin("stormglass"))
        .current_dir(dir)
        .env_clear()
        .env("COLUMNS", columns.to_string())
        .args(args)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Names in the models are ASCII, and so a letter is a column. The folder of the files stands alone on its line,
/// to be copied: it may be longer.
fn too_wide(page: &str, columns: usize) -> Vec<&str> {
    let lines = page.lines();
    let wide = lines.filter(|line| line.chars().count() > columns);
    wide.filter(|line| !line.trim_start().starts_with("output/"))
        .collect()
}

#[test]
fn the_page_of_a_run_fits_the_columns_that_there_are() {
    let dir = tempfile::tempdir().unwrap();
    for model in MODELS {
        let file = models().join(format!("{model}.yaml"));
        let file = file.to_str().unwrap();
        for columns in [40, 60] {
            let run = ["run", file, "--duration", "15s", "--warmup", "1s"];
            let page = printed(dir.path(), columns, &run);
            assert_eq!(
                too_wide(&page, columns),
                Vec::<&str>::new(),
                "{model}, {columns} columns:\n{page}"
            );
            let widest = page.lines().map(|line| line.chars().count()).max();
            assert!(widest > Some(columns - 8), "{model}: the room is used");
        }
    }
}

/// A till that is slow for a while, tried three times by whoever waits.
const TILL: &str = "
name: till
run: {duration: 20s, warmup: 1s}
slo: {availability: 99%}
policies: {hasty: [{retry: {attempts: 2, backoff: 5ms}}, {timeout: 60ms}]}
services:
  till: {instances: 2, queue: {capacity: 20}, endpoints: {pay: [{compute: 20ms}]}}
workloads:
  users_with_a_long_name: {target: till.pay, policy: hasty, arrivals: {poisson: {rate: 30/s}}}
faults:
  - {at: 8s, for: 2s, slow: {service: till, factor: 10}}
";
const EXPERIMENT: &str = "
name: tills
model: till.yaml
vary: {services.till.instances: [1, 2], policies.hasty.timeout: [60ms, 200ms]}
replications: 2
";

fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("till.yaml"), TILL).unwrap();
    std::fs::write(dir.path().join("tills.yaml"), EXPERIMENT).unwrap();
    dir
}

#[test]
fn so_do_those_of_all_other_commands() {
    let dir = place();
    for columns in [40, 60, 100] {
        for args in [
            "sweep tills.yaml",
            "compare till.yaml --with services.till.instances=3 --replications 3",
            "capacity till.yaml --calm --replications 2 --max-replications 2 --points 3 --without instance:till-1",
            "stability till.yaml --load 20/s,200/s --trigger 1s,2s --replications 2",
            "trace till.yaml --slowest 2 --failed 2",
        ] {
            let args: Vec<&str> = args.split(' ').collect();
            let page = printed(dir.path(), columns, &args);
            assert_eq!(
                too_wide(&page, columns),
                Vec::<&str>::new(),
                "{args:?}, {columns} columns:\n{page}"
            );
        }
    }
}

/// Without a word, a pipe is 80 columns wide; nonsense is no word.
#[test]
fn a_pipe_is_as_wide_as_it_is_told() {
    let dir = place();
    let args = ["run", "till.yaml", "--duration", "5s"];
    let width = |columns: Option<&str>| {
        let mut command = Command::new(cargo_bin("stormglass"));
        command.current_dir(dir.path()).env_clear().args(args);
        if let Some(columns) = columns {
            command.env("COLUMNS", columns);
        }
        let page = String::from_utf8(command.output().unwrap().stdout).unwrap();
        page.lines().map(|line| line.chars().count()).max().unwrap()
    };
    let usual = width(None);
    assert!((70..=80).contains(&usual), "{usual}");
    for nonsense in ["", "0", "wide", "-3"] {
        assert_eq!(width(Some(nonsense)), usual, "{nonsense}");
    }
    assert!(
        (81..=120).contains(&width(Some("1000"))),
        "lines that are easy to read"
    );
}

/// `script` gives the program a terminal of its own. It is part of every Linux.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_says_itself_how_wide_it_is_and_has_colours() {
    let dir = place();
    let page = |columns: usize, name: &str, value: &str| {
        let program = cargo_bin("stormglass");
        let command = format!(
            "stty rows 24 cols {columns}; '{}' run till.yaml --duration 5s",
            program.display()
        );
        let output = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(dir.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh")
            .env("COLUMNS", "100")
            .env(name, value)
            .output()
            .unwrap();
        // What is drawn while it works is taken back before the page, on the same line.
        let text = String::from_utf8(output.stdout)
            .unwrap()
            .replace('\r', "\n");
        assert!(text.contains("till:"), "{text}");
        text
    };
    let shown = page(48, "LANG", "C.UTF-8");
    assert!(
        shown.contains("\u{1b}[1;3"),
        "the verdict has a colour: {shown:?}"
    );
    let bare = page(48, "NO_COLOR", "1");
    let after = &bare[bare.find("till:").unwrap()..];
    assert!(!after.contains("\u{1b}[1;3"), "{bare:?}");
    assert_eq!(too_wide(after, 48), Vec::<&str>::new(), "{after}");
    assert!(
        after.lines().any(|line| line.chars().count() > 40),
        "{after}"
    );
}
