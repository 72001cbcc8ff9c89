//! `sweep --shard`, `merge` and the plan for drivers: many machines write what one would have.

use assert_cmd::Command;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const MODEL: &str = "
run: {duration: 5s}
services: {server: {endpoints: {serve: [{compute: {exponential: {mean: 10ms}}}]}}}
workloads: {users: {target: server.serve, arrivals: {poisson: {rate: 50/s}}}}
";

const EXPERIMENT: &str = "
model: model.yaml
vary:
  services.server.workers: [1, 2]
  services.server.queue: {short: {capacity: 1}, long: {capacity: 100}}
replications: {min: 2, max: 5, until: {metric: users.latency.mean, half_width: 20%}}
metrics: [users.latency.mean]
";

fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("model.yaml"), MODEL).unwrap();
    fs::write(dir.path().join("e.yaml"), EXPERIMENT).unwrap();
    dir
}

/// Runs it in a folder where no scheduler is, and gives what it printed, errors included.
fn stormglass(dir: &Path, args: &[&str], set: &[(&str, &str)], codes: &[i32]) -> String {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    command.current_dir(dir).args(args).env("NO_COLOR", "1");
    for name in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
        command.env_remove(name);
    }
    let output = command.envs(set.iter().copied()).output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let code = output.status.code().unwrap();
    assert!(
        codes.contains(&code),
        "{args:?} ends with {code}: {printed}"
    );
    printed
}

/// All files below a folder, by their path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let inner = files(&path).into_iter();
            all.extend(inner.map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            all.insert(name, fs::read(&path).unwrap());
        }
    }
    all
}

#[test]
fn merged_shards_are_what_one_machine_writes() {
    let dir = place();
    stormglass(
        dir.path(),
        &["sweep", "e.yaml", "--out", "one"],
        &[],
        &[0, 4],
    );
    let slurm = |id| [("SLURM_ARRAY_TASK_ID", id)];
    let kubernetes = [("JOB_COMPLETION_INDEX", "2")];
    let sweep = |shard, out| ["sweep", "e.yaml", "--shard", shard, "--out", out];
    stormglass(dir.path(), &sweep("1/3", "a"), &[], &[0]);
    stormglass(dir.path(), &sweep("auto/3", "b"), &slurm("2"), &[0]);
    let missing = stormglass(dir.path(), &["merge", "a", "b", "--out", "all"], &[], &[2]);
    assert!(missing.contains("3 is missing"), "{missing}");
    assert!(!dir.path().join("all").exists());
    stormglass(dir.path(), &sweep("auto/3", "b"), &kubernetes, &[0]);
    stormglass(
        dir.path(),
        &["merge", "b", "a", "--out", "all"],
        &[],
        &[0, 4],
    );
    let (one, all) = (
        files(&dir.path().join("one")),
        files(&dir.path().join("all")),
    );
    assert!(one.len() >= 4 + 3, "{:?}", one.keys());
    assert!(one == all, "{:?} {:?}", one.keys(), all.keys());
    // All of them may share one folder, and the tables may join them there.
    for shard in ["1/3", "2/3", "3/3"] {
        stormglass(dir.path(), &sweep(shard, "shared"), &[], &[0]);
    }
    stormglass(
        dir.path(),
        &["merge", "shared", "--out", "shared"],
        &[],
        &[0, 4],
    );
    let mut shared = files(&dir.path().join("shared"));
    shared.retain(|name, _| !name.starts_with("shard-"));
    assert!(one == shared, "{:?} {:?}", one.keys(), shared.keys());
}

/// What a driver does: it runs the command of each task, and then the one that joins them.
#[test]
fn the_plan_can_be_driven() {
    let dir = place();
    stormglass(
        dir.path(),
        &["sweep", "e.yaml", "--out", "one"],
        &[],
        &[0, 4],
    );
    let dry = [
        "sweep",
        "e.yaml",
        "--out",
        "driven",
        "--dry-run",
        "--format",
        "json",
    ];
    let plan = |args: &[&str]| -> Value {
        serde_json::from_str(&stormglass(dir.path(), args, &[], &[0])).unwrap()
    };
    assert_eq!(plan(&dry)["tasks"].as_array().unwrap().len(), 4);
    let three = [&dry[..], &["--shards", "3"]].concat();
    let first = plan(&three);
    assert!(!dir.path().join("driven").exists());
    assert_eq!(first["plan_format"], 1);
    assert_eq!(first["cells"][1]["labels"]["services.server.queue"], "long");
    let words = |list: &Value| -> Vec<String> {
        let words = list.as_array().unwrap().iter();
        words
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    let run = |list: &Value, codes: &[i32]| {
        let command = words(list);
        assert_eq!(command[0], "stormglass");
        let args: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        stormglass(dir.path(), &args, &[], codes);
    };
    let mut cells = Vec::new();
    for task in first["tasks"].as_array().unwrap() {
        assert_eq!(task["finished"], false);
        run(&task["command"], &[0]);
        for file in words(&task["files"]) {
            assert!(dir.path().join("driven").join(&file).is_file(), "{file}");
        }
        cells.extend(
            task["cells"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| c.as_u64().unwrap()),
        );
    }
    cells.sort_unstable();
    assert_eq!(cells, [0, 1, 2, 3]);
    let then = plan(&three);
    let finished = |list: &Value| {
        list.as_array()
            .unwrap()
            .iter()
            .all(|t| t["finished"] == true)
    };
    assert!(finished(&then["tasks"]) && finished(&then["cells"]));
    run(&then["merge"], &[0, 4]);
    let tables = |name: &str| {
        let mut files = files(&dir.path().join(name));
        files.retain(|name, _| !name.starts_with("shard-"));
        files
    };
    assert!(tables("driven") == tables("one"));
}

#[test]
fn wrong_shards_are_told() {
    let dir = place();
    for (args, says) in [
        (&["--shard", "4/3"][..], "there is no shard 4 of 3"),
        (&["--shard", "three"], "write `I/N`"),
        (&["--shard", "auto/3"], "neither SLURM_ARRAY_TASK_ID"),
        (&["--shard", "1/3", "--dry-run"], "cannot be used with"),
        (&["--format", "json"], "--dry-run"),
    ] {
        let args = [&["sweep", "e.yaml"], args].concat();
        let printed = stormglass(dir.path(), &args, &[], &[2]);
        assert!(printed.contains(says), "{args:?}: {printed}");
    }
    let printed = stormglass(dir.path(), &["merge", "nowhere", "--out", "x"], &[], &[2]);
    assert!(
        printed.contains("`nowhere` has no finished shard"),
        "{printed}"
    );
    assert!(!dir.path().join("output").exists() && !dir.path().join("x").exists());
}

/// One shard of a study whose experiment was changed in between.
#[test]
fn shards_of_two_studies_are_not_merged() {
    let dir = place();
    let sweep = |shard, out| ["sweep", "e.yaml", "--shard", shard, "--out", out];
    stormglass(dir.path(), &sweep("1/2", "a"), &[], &[0]);
    fs::write(
        dir.path().join("e.yaml"),
        EXPERIMENT.replace("[1, 2]", "[1, 3]"),
    )
    .unwrap();
    stormglass(dir.path(), &sweep("2/2", "b"), &[], &[0]);
    let printed = stormglass(dir.path(), &["merge", "a", "b", "--out", "all"], &[], &[2]);
    assert!(
        printed.contains("the experiment file was another one"),
        "{printed}"
    );
    assert!(!dir.path().join("all").exists());
}
