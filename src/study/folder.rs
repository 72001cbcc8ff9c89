//! An output folder read back: what a command measured, as it measured it.
//!
//! Each command leaves one file that says of which kind its folder is (`result.json`, `sweep.json`,
//! `comparison.json`, `capacity.json`, `stability.json`). It refuses to guess: what is missing or
//! broken is named, with the command that makes it.

use crate::StudyError;
use crate::capacity::Capacity;
use crate::compare::Comparison;
use crate::record::{Causes, RunRecord, Series, Topology};
use crate::stability::Stability;
use crate::sweep::{CellStore, Outline, Program, Source, SweepRecord, shell_line};
use model::{Model, Set};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What is in a folder.
#[derive(Clone, Debug)]
pub enum Found {
    /// Of `stormglass run`.
    Run(Box<RunFolder>),
    /// Of `stormglass sweep` or `merge`.
    Sweep(Box<SweepFolder>),
    /// Of `stormglass compare`.
    Comparison(Box<Comparison>),
    /// Of `stormglass capacity`.
    Capacity(Box<Capacity>),
    /// Of `stormglass stability`.
    Stability(Box<Stability>),
}

/// A run, and where it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct RunFolder {
    /// With its series and its topology.
    pub record: RunRecord,
    /// Where it comes from.
    pub manifest: RunManifest,
    /// The text of the model file, before the changes that the manifest has.
    pub model: String,
}

/// A sweep.
#[derive(Clone, Debug)]
pub struct SweepFolder {
    /// Its cells and their settings.
    pub outline: Outline,
    /// Their results.
    pub record: SweepRecord,
}

/// Where the results of a run come from. Nothing in it depends on when or where it ran, but for the
/// path of the file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunManifest {
    /// Of this file: 1. A change that readers must know of gives another number.
    pub manifest_format: u32,
    /// What makes the same results again.
    pub command: String,
    /// What ran it.
    pub program: Program,
    /// The model file.
    pub model: Source,
    /// What was changed in it, as PATH=VALUE.
    pub set: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// How many replications were asked for.
    pub replications: u32,
}

impl RunManifest {
    /// Of a run of this file with these changes, seed and replications included.
    pub fn new(file: &Path, sets: &[Set], model: &Model, program: Program) -> Self {
        let set: Vec<String> = sets.iter().map(Set::to_string).collect();
        let source = Source::of(file);
        let words = ["stormglass", "run", &source.file].map(str::to_owned);
        let sets = set.iter().flat_map(|set| ["--set".to_owned(), set.clone()]);
        let words: Vec<String> = words.into_iter().chain(sets).collect();
        Self {
            manifest_format: 1,
            command: shell_line(words.iter().map(String::as_str)),
            program,
            model: source,
            set,
            seed: model.run.seed,
            replications: model.run.replications,
        }
    }
}

/// What a run says beyond its `result.json`.
#[derive(Serialize, Deserialize)]
struct Details<'a> {
    /// Of this file.
    details_format: u32,
    series: Cow<'a, Series>,
    topology: Cow<'a, Topology>,
    causes: Cow<'a, Causes>,
}

/// Of `details.json`; a folder of another one is to be made again.
const DETAILS_FORMAT: u32 = 1;

/// What a run leaves for [`read`], as names and texts.
pub fn run_files(run: &RunFolder) -> [(&'static str, String); 4] {
    let details = Details {
        details_format: DETAILS_FORMAT,
        series: Cow::Borrowed(&run.record.series),
        topology: Cow::Borrowed(&run.record.topology),
        causes: Cow::Borrowed(&run.record.causes),
    };
    let details = serde_json::to_string(&details).expect("plain data becomes JSON");
    let manifest = serde_json::to_string_pretty(&run.manifest).expect("plain data becomes JSON");
    [
        ("model.yaml", run.model.clone()),
        ("details.json", details + "\n"),
        ("manifest.json", manifest + "\n"),
        ("result.json", crate::to_json(&run.record) + "\n"),
    ]
}

/// What a sweep leaves for [`read`] beside its cells, as name and text.
pub fn sweep_file(outline: &Outline) -> (&'static str, String) {
    let text = serde_json::to_string_pretty(outline).expect("plain data becomes JSON");
    ("sweep.json", text + "\n")
}

/// The JSON Schema (2020-12) of the `manifest.json` of a run.
pub fn run_manifest_schema() -> String {
    crate::json::schema_of::<RunManifest>()
}

/// Reads what a command left in a folder.
///
/// # Errors
/// [`StudyError::Folder`] says what is missing or broken, and what makes it.
pub fn read(folder: &Path) -> Result<Found, StudyError> {
    let there = |name: &str| folder.join(name).is_file();
    if there("result.json") {
        read_run(folder).map(|run| Found::Run(Box::new(run)))
    } else if there("sweep.json") {
        read_sweep(folder).map(|sweep| Found::Sweep(Box::new(sweep)))
    } else if there("comparison.json") {
        parsed(folder, "comparison.json", "compare").map(|it| Found::Comparison(Box::new(it)))
    } else if there("capacity.json") {
        parsed(folder, "capacity.json", "capacity").map(|it| Found::Capacity(Box::new(it)))
    } else if there("stability.json") {
        parsed(folder, "stability.json", "stability").map(|it| Found::Stability(Box::new(it)))
    } else {
        Err(unknown(folder))
    }
}

fn read_run(folder: &Path) -> Result<RunFolder, StudyError> {
    let mut record: RunRecord = parsed(folder, "result.json", "run")?;
    let details: Details<'_> = parsed(folder, "details.json", "run")?;
    if details.details_format != DETAILS_FORMAT {
        let path = folder.join("details.json");
        return Err(broken(
            path,
            "it is of another version of stormglass",
            "run",
        ));
    }
    record.series = details.series.into_owned();
    record.topology = details.topology.into_owned();
    record.causes = details.causes.into_owned();
    Ok(RunFolder {
        record,
        manifest: parsed(folder, "manifest.json", "run")?,
        model: text(folder, "model.yaml", "run")?,
    })
}

fn read_sweep(folder: &Path) -> Result<SweepFolder, StudyError> {
    let outline: Outline = parsed(folder, "sweep.json", "sweep")?;
    let store = CellStore::new(folder);
    let results = outline.cells.iter().map(|cell| {
        store.get(&cell.key).ok_or_else(|| {
            let path = folder.join("cells").join(format!("{}.json", cell.key));
            let why = format!(
                "the result of cell {} is not there, or not whole",
                cell.index
            );
            broken(path, why, "sweep")
        })
    });
    let results = results.collect::<Result<_, _>>()?;
    let record = SweepRecord::new(&outline, results);
    Ok(SweepFolder { outline, record })
}

fn text(folder: &Path, name: &str, command: &'static str) -> Result<String, StudyError> {
    let path = folder.join(name);
    fs::read_to_string(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => broken(path, "it is not there", command),
        _ => broken(path, error, command),
    })
}

fn parsed<T: DeserializeOwned>(
    folder: &Path,
    name: &str,
    command: &'static str,
) -> Result<T, StudyError> {
    let text = text(folder, name, command)?;
    serde_json::from_str(&text).map_err(|error| broken(folder.join(name), error, command))
}

fn broken(path: PathBuf, why: impl ToString, command: &'static str) -> StudyError {
    StudyError::Folder {
        path,
        why: why.to_string(),
        way_out: format!("`stormglass {command} … --out` this folder makes it again"),
    }
}

fn unknown(folder: &Path) -> StudyError {
    let why = if folder.is_dir() {
        "none of result.json, sweep.json, comparison.json, capacity.json and stability.json is there"
    } else if folder.exists() {
        "it is not a folder"
    } else {
        "there is no such folder"
    };
    StudyError::Folder {
        path: folder.to_owned(),
        why: why.to_owned(),
        way_out: "`stormglass run FILE` writes a folder and says where; `sweep`, `compare`, \
                  `capacity` and `stability` do, too"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Progress, run, testing, write_files};

    const MODEL: &str = "
name: shop
run: {duration: 30s, warmup: 1s, replications: 2}
slo: {availability: 99%}
policies:
  patient: [{retry: {attempts: 2, backoff: 1ms}}, {timeout: 3ms}]
services:
  front: {workers: 4, threading: async, endpoints: {get: [{call: back.get, policy: patient}]}}
  back: {queue: {capacity: 10}, endpoints: {get: [{compute: {exponential: {mean: 1ms}}}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 600/s}}}
  nobody: {target: front.get, arrivals: {poisson: {rate: 0.01/s}}}
faults:
  - {at: 10s, for: 5s, slow: {service: back, factor: 4}}
";

    fn a_run() -> RunFolder {
        let model = testing::model(MODEL);
        let record = run(&model, &Options::default(), &Progress::new()).unwrap();
        let program = Program {
            version: "0.1.0".to_owned(),
            hash: "0".repeat(64),
        };
        let sets = [Set::new("run.seed", "1"), Set::new("name", "a shop")];
        RunFolder {
            record,
            manifest: RunManifest::new(Path::new("no such file"), &sets, &model, program),
            model: MODEL.to_owned(),
        }
    }

    #[test]
    fn a_run_comes_back_as_it_was() {
        let run = a_run();
        let dir = tempfile::tempdir().unwrap();
        write_files(dir.path(), &run_files(&run)).unwrap();
        let Found::Run(back) = read(dir.path()).unwrap() else {
            panic!("it is a run");
        };
        // What was not measured is NaN, which is not equal to itself.
        assert!(run.record.series.workloads["nobody"].p50_ms[0].is_nan());
        assert_eq!(format!("{back:?}"), format!("{run:?}"));
        assert_eq!(
            back.manifest.command,
            "stormglass run 'no such file' --set run.seed=1 --set 'name=a shop'"
        );
    }

    #[test]
    fn edges_over_time_add_up_to_the_calls() {
        let record = a_run().record;
        let sum = |values: &[f64]| values.iter().sum::<f64>() * record.series.window_s * 2.0;
        let edge = &record.series.edges["front->back.get"];
        let [calls, attempts] = [&edge.calls, &edge.attempts].map(|v| sum(v));
        assert!(attempts > calls * 1.01, "{attempts} for {calls}");
        // Little: the calls under way are their rate times how long each takes; those that fail take
        // two attempts of 3 ms at most, and what lies between and around them.
        let front = &record.series.edges["users->front.get"];
        let mean = record.workloads["users"].latency_ms.mean.mean.unwrap() / 1e3;
        let under_way = front.in_flight.iter().sum::<f64>() / front.in_flight.len() as f64;
        let [least, most] = [
            sum(&front.succeeded) / 60.0 * mean,
            sum(&front.calls) / 60.0 * 0.009,
        ];
        assert!(
            least * 0.95 < under_way && under_way < most,
            "{under_way} under way, not {least} to {most}"
        );
        let failed: f64 = front.failed.values().map(|v| sum(v)).sum();
        let ended = sum(&front.succeeded) + failed;
        let begun = sum(&front.calls);
        assert!((begun - ended).abs() < 50.0, "{begun} begun, {ended} ended");
    }

    #[test]
    fn what_is_not_there_is_named_with_what_makes_it() {
        let dir = tempfile::tempdir().unwrap();
        let error = |folder: &Path| read(folder).unwrap_err().to_string();
        let nothing = error(&dir.path().join("nowhere"));
        assert!(nothing.contains("there is no such folder"), "{nothing}");
        let empty = error(dir.path());
        assert!(empty.contains("none of result.json"), "{empty}");
        assert!(empty.contains("stormglass run"), "{empty}");
        let files = run_files(&a_run());
        for (missing, _) in &files[..3] {
            let dir = tempfile::tempdir().unwrap();
            let rest: Vec<_> = files.iter().filter(|(name, _)| name != missing).collect();
            let rest: Vec<_> = rest.into_iter().cloned().collect();
            write_files(dir.path(), &rest).unwrap();
            let error = error(dir.path());
            assert!(error.contains(missing), "{error}");
            assert!(error.contains("it is not there"), "{error}");
        }
        write_files(dir.path(), &[("result.json", "{\"model\": 3}")]).unwrap();
        let wrong = error(dir.path());
        assert!(
            wrong.contains("result.json") && wrong.contains("line 1"),
            "{wrong}"
        );
    }
}
