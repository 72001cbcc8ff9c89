//! What stands beside the tables of a sweep: where they come from, and for each cell the command
//! that makes its rows again.

use super::cell::Figure;
use super::outline::{AxisOutline, Cell, Outline, Program, Source, Times};
use super::record::SweepRecord;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Where the tables of a sweep come from. Nothing in it depends on when or where they were made, but
/// for the paths in the commands.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
struct Manifest<'a> {
    /// Of this file: 1. A change that readers must know of gives another number.
    manifest_format: u32,
    /// The experiment's name.
    name: &'a str,
    /// What makes everything again.
    command: String,
    /// What ran it.
    program: &'a Program,
    /// The hash of the plan: of cells, seeds, replications, metrics, and the program.
    plan: &'a str,
    /// The experiment file.
    experiment: &'a Source,
    /// The model file.
    model: &'a Source,
    /// Of all cells; absent where they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// How often each cell was to be run.
    replications: &'a Times,
    /// What every cell has: values by path.
    set: BTreeMap<&'a str, &'a str>,
    /// What was varied.
    axes: &'a [AxisOutline],
    /// What was tabulated.
    metrics: &'a [Figure],
    /// In the order of the tables.
    cells: Vec<CellEntry<'a>>,
}

/// One cell.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
struct CellEntry<'a> {
    /// As in the tables.
    cell: usize,
    /// The values of the axes by path, as YAML.
    settings: BTreeMap<&'a str, &'a str>,
    /// What stands for them in the tables, where that is something else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'a str, &'a str>,
    /// The seed of its runs.
    seed: u64,
    /// How often it was run.
    replications: usize,
    /// Whether the precision that was asked for was reached; absent when none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    precise: Option<bool>,
    /// Over all replications.
    events: u64,
    /// Of the event trajectories of all replications, as `run` gives it.
    fingerprint: &'a str,
    /// What to mind.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    /// The name of its file in `cells/`.
    key: &'a str,
    /// What makes its figures again.
    run: String,
}

/// The manifest as indented JSON, without a newline at the end.
pub fn manifest(outline: &Outline, record: &SweepRecord) -> String {
    let cells = outline.cells.iter().zip(&record.results);
    let seeds = outline.cells.iter().map(|cell| cell.seed);
    let first = outline.cells.first().map(|cell| cell.seed);
    let manifest = Manifest {
        manifest_format: 1,
        name: &outline.name,
        command: outline.command(),
        program: &outline.program,
        plan: &outline.plan,
        experiment: &outline.experiment,
        model: &outline.model,
        seed: first.filter(|first| seeds.into_iter().all(|seed| seed == *first)),
        replications: &outline.replications,
        set: outline.set.iter().map(|(p, v)| (&**p, &**v)).collect(),
        axes: &outline.axes,
        metrics: &record.figures,
        cells: cells
            .map(|(cell, result)| CellEntry {
                cell: cell.index,
                settings: settings(outline, cell),
                labels: labels(outline, cell),
                seed: cell.seed,
                replications: result.values.len(),
                precise: result.precise,
                events: result.events,
                fingerprint: &result.fingerprint,
                warnings: &result.warnings,
                key: &cell.key,
                run: outline.run_command(cell, result.values.len()),
            })
            .collect(),
    };
    serde_json::to_string_pretty(&manifest).expect("plain data becomes JSON")
}

/// The JSON Schema (2020-12) of what [`manifest`] writes.
pub fn manifest_schema() -> String {
    crate::json::schema_of::<Manifest<'static>>()
}

/// The values of the axes by path.
pub(super) fn settings<'a>(outline: &'a Outline, cell: &'a Cell) -> BTreeMap<&'a str, &'a str> {
    let paths = outline.axes.iter().map(|axis| &*axis.path);
    paths.zip(cell.values.iter().map(|v| &**v)).collect()
}

/// The labels of those values that have one.
pub(super) fn labels<'a>(outline: &'a Outline, cell: &'a Cell) -> BTreeMap<&'a str, &'a str> {
    let both = cell.values.iter().zip(&cell.labels);
    let paths = outline.axes.iter().map(|axis| &*axis.path);
    paths
        .zip(both)
        .filter(|(_, (value, label))| value != label)
        .map(|(path, (_, label))| (path, &**label))
        .collect()
}
