//! The plan of a sweep for a driver that spreads it over machines: tasks, each one command, and the
//! files that each leaves.

use super::manifest::{labels, settings};
use super::outline::{Outline, Program, Source, Times};
use super::store::{CellStore, file_of_cell, file_of_shard};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A sweep as tasks.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
struct Plan<'a> {
    /// Of this object: 1. A change that drivers must know of gives another number.
    plan_format: u32,
    /// The experiment's name.
    name: &'a str,
    /// The hash of the plan. All machines must agree on it: `merge` refuses a shard of another.
    plan: &'a str,
    /// What must run it: another build is another study.
    program: &'a Program,
    /// The experiment file.
    experiment: &'a Source,
    /// The model file.
    model: &'a Source,
    /// How often each cell is run.
    replications: &'a Times,
    /// In order.
    cells: Vec<PlannedCell<'a>>,
    /// To be run in any order, at the same time or one after the other.
    tasks: Vec<Task>,
    /// The folder in which all files of all tasks must be before they are merged.
    folder: String,
    /// The command that joins what the tasks left, as its words.
    merge: Vec<String>,
}

/// A cell that is to be run.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
struct PlannedCell<'a> {
    /// As in the tables.
    cell: usize,
    /// The values of the axes by path, as YAML.
    settings: BTreeMap<&'a str, &'a str>,
    /// What stands for them in the tables, where that is something else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'a str, &'a str>,
    /// The seed of its runs.
    seed: u64,
    /// The name of its file in `cells/`.
    key: &'a str,
    /// Whether its result is in the folder.
    finished: bool,
}

/// One command, and what it leaves.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
struct Task {
    /// Its number, from 1.
    shard: u32,
    /// How many there are.
    of: u32,
    /// The cells that it runs.
    cells: Vec<usize>,
    /// What to run, as its words; running it again changes nothing.
    command: Vec<String>,
    /// What it leaves in its folder, to be brought to where they are merged.
    files: Vec<String>,
    /// Whether all of them are in the folder.
    finished: bool,
}

/// The plan in so many tasks as indented JSON, without a newline at the end.
pub fn tasks(outline: &Outline, store: &CellStore, shards: u32) -> String {
    let folder = store.folder().display().to_string();
    let there: Vec<bool> = outline
        .cells
        .iter()
        .map(|cell| store.get(&cell.key).is_some())
        .collect();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let task = |shard: u32| {
        let cells: Vec<usize> = outline.cells_of(shard, shards).map(|c| c.index).collect();
        let mut files: Vec<String> = cells
            .iter()
            .map(|cell| file_of_cell(&outline.cells[*cell].key))
            .collect();
        files.push(file_of_shard(shard, shards));
        let record = store.shard(shard, shards);
        let said = record.is_some_and(|record| record.sweep.plan == outline.plan);
        let which = format!("{shard}/{shards}");
        let file = &*outline.experiment.file;
        Task {
            shard,
            of: shards,
            command: words(&[
                "stormglass",
                "sweep",
                file,
                "--shard",
                &which,
                "--out",
                &folder,
            ]),
            finished: said && cells.iter().all(|cell| there[*cell]),
            cells,
            files,
        }
    };
    let plan = Plan {
        plan_format: 1,
        name: &outline.name,
        plan: &outline.plan,
        program: &outline.program,
        experiment: &outline.experiment,
        model: &outline.model,
        replications: &outline.replications,
        cells: outline
            .cells
            .iter()
            .zip(&there)
            .map(|(cell, there)| PlannedCell {
                cell: cell.index,
                settings: settings(outline, cell),
                labels: labels(outline, cell),
                seed: cell.seed,
                key: &cell.key,
                finished: *there,
            })
            .collect(),
        tasks: (1..=shards).map(task).collect(),
        merge: words(&["stormglass", "merge", &folder, "--out", &folder]),
        folder,
    };
    serde_json::to_string_pretty(&plan).expect("plain data becomes JSON")
}

/// The JSON Schema (2020-12) of what [`tasks`] writes.
pub fn plan_schema() -> String {
    crate::json::schema_of::<Plan<'static>>()
}
