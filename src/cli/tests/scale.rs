//! The files for schedulers that docs/scale.md shows are what it says: they are run here by
//! stand-ins for the schedulers, which set what those set.

#![cfg(unix)] // they are written for a shell

use granit_parser::{Event, Parser};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const MODEL: &str = "
run: {duration: 2s}
services: {server: {endpoints: {serve: [{compute: {exponential: {mean: 10ms}}}]}}}
workloads: {users: {target: server.serve, arrivals: {poisson: {rate: 50/s}}}}
";

const EXPERIMENT: &str = "
name: retry-storm
model: ../model.yaml
vary: {services.server.workers: {from: 1, to: 9, steps: 9}}
replications: 2
";

/// Submits as `sbatch` does, and waits: each task of an array, or a command.
const SBATCH: &str = r#"#!/bin/sh
set -eu
case "$1" in
--parsable)
    bash -n "$2"
    array=$(sed -n 's/^#SBATCH --array=1-//p' "$2")
    SLURM_CPUS_PER_TASK=$(sed -n 's/^#SBATCH --cpus-per-task=//p' "$2")
    export SLURM_CPUS_PER_TASK
    for task in $(seq "$array"); do
        SLURM_ARRAY_TASK_ID=$task sh "$2" >&2
    done
    echo 42
    ;;
--dependency=afterok:42)
    shift 3
    sh -c "$1"
    ;;
*) exit 1 ;;
esac
"#;

fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["experiments", "bin", "output"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    fs::write(dir.path().join("model.yaml"), MODEL).unwrap();
    fs::write(dir.path().join("experiments/retry_storm.yaml"), EXPERIMENT).unwrap();
    let program = assert_cmd::cargo::cargo_bin("stormglass");
    symlink(program, dir.path().join("bin/stormglass")).unwrap();
    let sbatch = dir.path().join("bin/sbatch");
    fs::write(&sbatch, SBATCH).unwrap();
    fs::set_permissions(&sbatch, fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

/// A command that finds the stand-ins, and no other scheduler's words.
fn command(dir: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap();
    command
        .current_dir(dir)
        .env("PATH", format!("{}/bin:{path}", dir.display()))
        .env_remove("SLURM_ARRAY_TASK_ID")
        .env_remove("JOB_COMPLETION_INDEX");
    command
}

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{command:?}: {printed}");
}

fn blocks(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scale.md");
    let text = fs::read_to_string(page).unwrap();
    let begin = format!("```{language}\n");
    let found = text.split(&*begin).skip(1);
    found
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// What one machine writes, and what the others have.
fn is_whole(dir: &Path) {
    let one = ["sweep", "experiments/retry_storm.yaml", "--out", "one"];
    succeeds(command(dir, "stormglass").args(one));
    for file in ["sweep.csv", "replications.csv", "manifest.json"] {
        let files = ["one", "output/retry-storm"].map(|out| dir.join(out).join(file));
        let [one, merged] = files.map(|file| fs::read(file).unwrap());
        assert!(one == merged, "{file}");
    }
}

#[test]
fn the_files_for_slurm_give_what_one_machine_gives() {
    let dir = place();
    let blocks = blocks("sh slurm");
    let [shards, submit] = &blocks[..] else {
        panic!("{blocks:?}");
    };
    for (name, text) in [("shards.sh", shards), ("submit.sh", submit)] {
        fs::write(dir.path().join(name), text).unwrap();
        succeeds(command(dir.path(), "bash").args(["-n", name]));
    }
    succeeds(command(dir.path(), "sh").arg("submit.sh"));
    is_whole(dir.path());
}

#[test]
fn the_jobs_for_kubernetes_give_what_one_machine_gives() {
    let dir = place();
    let blocks = blocks("yaml kubernetes");
    assert_eq!(blocks.len(), 1);
    // The volume and the image are this folder.
    let text = blocks[0].replace("/study", dir.path().to_str().unwrap());
    let jobs = documents(&text);
    assert_eq!(jobs.len(), 2);
    for job in jobs {
        assert_eq!(
            (&job["apiVersion"], &job["kind"]),
            (&"batch/v1".into(), &"Job".into())
        );
        let indexed = job["spec"]["completionMode"] == "Indexed";
        let pods = job["spec"]["completions"].as_str().unwrap_or("1");
        for index in 0..pods.parse().unwrap() {
            let container = &job["spec"]["template"]["spec"]["containers"][0];
            assert_eq!(container["workingDir"], dir.path().to_str().unwrap());
            let words = |key: &str| {
                let words = container[key].as_array().into_iter().flatten();
                words.map(|word| word.as_str().unwrap().to_owned())
            };
            let all: Vec<String> = words("command").chain(words("args")).collect();
            let mut pod = command(dir.path(), &all[0]);
            if indexed {
                let index: u32 = index;
                pod.env("JOB_COMPLETION_INDEX", index.to_string());
            }
            succeeds(pod.args(&all[1..]));
        }
    }
    is_whole(dir.path());
}

/// The documents of a YAML text; every scalar is a text.
fn documents(text: &str) -> Vec<Value> {
    // What is open: a list, or a map with the key that waits for its value.
    let mut open: Vec<(Value, Option<String>)> = Vec::new();
    let mut documents = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.unwrap_or_else(|error| panic!("{error}"));
        let mut value = match event {
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::SequenceStart(..) => {
                open.push((Value::Array(Vec::new()), None));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Value::Object(serde_json::Map::new()), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().unwrap().0,
            _ => continue,
        };
        match open.last_mut() {
            None => documents.push(value),
            Some((Value::Array(list), _)) => list.push(value),
            Some((map, key)) => match key.take() {
                None => *key = Some(value.as_str().unwrap().to_owned()),
                Some(key) => {
                    assert!(map[&key].is_null(), "`{key}` is there twice");
                    map[key] = value.take();
                }
            },
        }
    }
    documents
}
