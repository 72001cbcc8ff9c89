//! What a sweep is, without the models: its cells and their settings, and where they come from.
//!
//! Plain data: a shard carries it from one machine to another, and tables say of it what they say
//! beside the figures.

use super::quantity::Kind;
use super::words::{plain_path, shell_line, shown_path};
use model::{Experiment, Replications, Set};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// The code that runs the cells: results of another are not taken for results of this one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Program {
    /// Such as `0.1.0`.
    pub version: String,
    /// The hash of the executable.
    pub hash: String,
}

/// A file and what was in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// Its path, as seen from where the sweep was started.
    pub file: String,
    /// SHA-256 of its bytes; what `sha256sum` prints.
    pub sha256: String,
}

/// How often each cell is run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Times {
    /// At least so often.
    pub min: u32,
    /// At most so often.
    pub max: u32,
    /// Enough when this is known; absent: `max` is `min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Precision>,
}

/// How narrow an interval is to be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Precision {
    /// Such as `shoppers.availability`.
    pub metric: String,
    /// Of its 95 % interval, in the unit of the metric, or as a share of its mean.
    pub half_width: f64,
    /// Whether it is a share of the mean.
    pub relative: bool,
}

/// A path that is varied.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AxisOutline {
    /// Such as `policies.interactive.retry.attempts`.
    pub path: String,
    /// What its values are, and so the column in typed tables; `text` where they have labels.
    #[serde(rename = "type")]
    pub kind: Kind,
}

/// One setting of the model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Its place in the plan, from 0.
    pub index: usize,
    /// Of what determines its results: the model, the seed, the replications, the program.
    pub key: String,
    /// The seed of its runs.
    pub seed: u64,
    /// The values of the axes, as YAML.
    pub values: Vec<String>,
    /// What stands for them in tables: their labels, or they themselves.
    pub labels: Vec<String>,
}

/// What a sweep is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outline {
    /// The experiment's name.
    pub name: String,
    /// Of all that determines the results and the tables, but not of paths of files: two sweeps with
    /// the same hash give the same figures.
    pub plan: String,
    /// What runs it.
    pub program: Program,
    /// The experiment file.
    pub experiment: Source,
    /// The model file.
    pub model: Source,
    /// How often each cell is run.
    pub replications: Times,
    /// What is tabulated; empty: everything.
    pub metrics: Vec<String>,
    /// What every cell has, as path and YAML.
    pub set: Vec<(String, String)>,
    /// What is varied.
    pub axes: Vec<AxisOutline>,
    /// In order.
    pub cells: Vec<Cell>,
}

impl Outline {
    /// Gathers what the cells have in common and hashes it.
    pub(crate) fn new(
        experiment: &Experiment,
        file: &Path,
        program: &Program,
        cells: Vec<Cell>,
    ) -> Self {
        let axes = experiment.vary.iter().enumerate().map(|(at, axis)| {
            let labelled = cells.iter().any(|c| c.labels[at] != c.values[at]);
            AxisOutline {
                path: axis.path.clone(),
                kind: match labelled {
                    true => Kind::Text,
                    false => Kind::of(cells.iter().map(move |cell| cell.values[at].as_str())),
                },
            }
        });
        let axes = axes.collect();
        let set = experiment.set.iter();
        let outline = Self {
            name: experiment.name.clone(),
            plan: String::new(),
            program: program.clone(),
            experiment: Source::of(file),
            model: Source::of(&plain_path(&experiment.model)),
            replications: Times::from(&experiment.replications),
            metrics: experiment.metrics.clone(),
            set: set.map(|s| (s.path.clone(), s.value.clone())).collect(),
            axes,
            cells,
        };
        outline.hashed()
    }

    /// With the hash of what it says now.
    pub(crate) fn hashed(mut self) -> Self {
        self.plan = self.hash();
        self
    }

    /// The hash of a plan is that of its outline without paths of files, which differ from machine to
    /// machine.
    fn hash(&self) -> String {
        let mut bare = self.clone();
        bare.plan.clear();
        bare.experiment.file.clear();
        bare.model.file.clear();
        digest(&serde_json::to_vec(&bare).expect("plain data becomes JSON"))
    }

    /// Whether it is as it was made: a hand has not changed it.
    pub(crate) fn is_sound(&self) -> bool {
        self.hash() == self.plan
    }

    /// All that is changed in the model of a cell.
    pub fn sets(&self, cell: &Cell) -> Vec<Set> {
        let varied = self.axes.iter().zip(&cell.values);
        let varied = varied.map(|(axis, value)| (&axis.path, value));
        let set = self.set.iter().map(|(path, value)| (path, value));
        set.chain(varied)
            .map(|(path, value)| Set::new(path, value))
            .collect()
    }

    /// The command that makes the whole sweep again.
    pub fn command(&self) -> String {
        shell_line(["stormglass", "sweep", &*self.experiment.file])
    }

    /// The command that makes one cell again, with so many replications.
    pub fn run_command(&self, cell: &Cell, replications: usize) -> String {
        let mut words = ["stormglass", "run", &*self.model.file]
            .map(str::to_owned)
            .to_vec();
        for set in self.sets(cell) {
            words.extend(["--set".to_owned(), set.to_string()]);
        }
        words.extend(["--seed".to_owned(), cell.seed.to_string()]);
        words.extend(["--replications".to_owned(), replications.to_string()]);
        shell_line(words.iter().map(String::as_str))
    }

    /// The shard, from 1, that a cell belongs to: they take turns, so that what changes along the
    /// plan, such as load, is spread evenly.
    pub fn shard_of(cell: usize, of: u32) -> u32 {
        (cell % of as usize) as u32 + 1
    }

    /// The cells of a shard, from 1.
    pub fn cells_of(&self, shard: u32, of: u32) -> impl Iterator<Item = &Cell> {
        let is_its = move |cell: &&Cell| Self::shard_of(cell.index, of) == shard;
        self.cells.iter().filter(is_its)
    }
}

impl Source {
    /// The file at a path.
    pub fn of(path: &Path) -> Self {
        // It has been read before; one that has gone since has the hash of nothing.
        let bytes = fs::read(path).unwrap_or_default();
        Self {
            file: shown_path(path),
            sha256: hex(&Sha256::digest(bytes)),
        }
    }
}

impl From<&Replications> for Times {
    fn from(replications: &Replications) -> Self {
        Self {
            min: replications.min,
            max: replications.max,
            until: replications.until.as_ref().map(|until| Precision {
                metric: until.metric.clone(),
                half_width: until.half_width,
                relative: until.relative,
            }),
        }
    }
}

/// The hash of some bytes, such as those of a program, as text.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
