//! The plan of a sweep: its cells, each with a checked model and the hash of what determines it.

use super::points::points;
use model::{Experiment, Model, Replications, Report, Set};
use policy::custom::Registry;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct SweepPlan {
    /// The experiment's name.
    pub name: String,
    /// The model file.
    pub model: PathBuf,
    /// The paths that are varied.
    pub axes: Vec<String>,
    /// In order.
    pub cells: Vec<Cell>,
    /// How often each is run.
    pub replications: Replications,
    /// What is tabulated; empty: everything.
    pub metrics: Vec<String>,
    /// Of all cells: two plans with the same hash give the same results.
    pub hash: String,
}

/// One setting of a model.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its place in the plan, from 0.
    pub index: usize,
    /// The values of the axes, as YAML.
    pub values: Vec<String>,
    /// All that is changed in the model.
    pub sets: Vec<Set>,
    /// The model with these changes.
    pub model: Model,
    /// Of what determines its results: the model, the seed, the replications, the program.
    pub key: String,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The model of a cell is not one.
    #[error("cell {index} ({cell}) has no model")]
    Model {
        /// Which cell.
        index: usize,
        /// Its values.
        cell: String,
        /// What is wrong with the model file, or with what was set in it.
        report: Report,
    },
    /// The cells can not be laid out.
    #[error("{0}")]
    Points(String),
}

impl SweepPlan {
    /// Lays out the cells and checks the model of each. `program` stands for the code that will run
    /// it: results of another program are not taken for results of this one.
    ///
    /// # Errors
    /// [`PlanError`]: the first cell whose model is wrong, or a layout that is not possible.
    pub fn new(
        experiment: &Experiment,
        registry: &Registry,
        program: &str,
    ) -> Result<Self, PlanError> {
        let points = points(experiment, 1).map_err(PlanError::Points)?;
        if points.is_empty() {
            return Err(PlanError::Points(
                "no cell satisfies the constraints".to_owned(),
            ));
        }
        let mut cells = Vec::with_capacity(points.len());
        let mut whole = Sha256::new();
        for (index, values) in points.into_iter().enumerate() {
            let varied = experiment.vary.iter().zip(&values);
            let varied = varied.map(|(axis, value)| Set::new(&*axis.path, &**value));
            let sets: Vec<Set> = experiment.set.iter().cloned().chain(varied).collect();
            let model = match model::load_with(&experiment.model, &sets, registry) {
                Ok(loaded) => loaded.model,
                Err(report) => {
                    return Err(PlanError::Model {
                        index,
                        cell: shown(experiment, &values),
                        report,
                    });
                }
            };
            let key = key(&model, &experiment.replications, program);
            whole.update(&key);
            cells.push(Cell {
                index,
                values,
                sets,
                model,
                key,
            });
        }
        Ok(Self {
            name: experiment.name.clone(),
            model: experiment.model.clone(),
            axes: experiment.vary.iter().map(|a| a.path.clone()).collect(),
            cells,
            replications: experiment.replications.clone(),
            metrics: experiment.metrics.clone(),
            hash: hex(whole),
        })
    }
}

fn shown(experiment: &Experiment, values: &[String]) -> String {
    let pairs = experiment.vary.iter().zip(values);
    let pairs: Vec<String> = pairs.map(|(a, v)| format!("{}={v}", a.path)).collect();
    pairs.join(", ")
}

/// The debug form of a model holds every field, and floating-point numbers to the last bit.
fn key(model: &Model, replications: &Replications, program: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{program}\n{replications:?}\n{model:?}"));
    hex(hash)
}

/// The hash of some bytes, such as those of a program, as text.
pub fn digest(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

fn hex(hash: Sha256) -> String {
    let bytes = hash.finalize();
    bytes
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
