//! The plan of a sweep: its cells, each with a checked model and the hash of what determines it.

use super::outline::{Cell, Outline, Program, digest};
use super::points::points;
use model::{Experiment, Model, Replications, Report, Set};
use policy::custom::Registry;
use rayon::prelude::*;
use std::path::Path;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct SweepPlan {
    /// What it is.
    pub outline: Outline,
    /// How often each cell is run.
    pub replications: Replications,
    /// By cell.
    pub models: Vec<Model>,
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
    /// Lays out the cells and checks the model of each, on the current rayon pool. `file` is that of
    /// the experiment; `program` stands for the code that will run the cells.
    ///
    /// # Errors
    /// [`PlanError`]: the first cell whose model is wrong, or a layout that is not possible.
    pub fn new(
        experiment: &Experiment,
        file: &Path,
        registry: &Registry,
        program: &Program,
    ) -> Result<Self, PlanError> {
        let points = points(experiment, 1).map_err(PlanError::Points)?;
        if points.is_empty() {
            return Err(PlanError::Points(
                "no cell satisfies the constraints".to_owned(),
            ));
        }
        let made: Vec<_> = points
            .into_par_iter()
            .enumerate()
            .map(|(index, values)| cell(experiment, registry, program, index, values))
            .collect();
        let (mut cells, mut models) = (Vec::new(), Vec::new());
        for one in made {
            let (cell, model) = one?;
            cells.push(cell);
            models.push(model);
        }
        Ok(Self {
            outline: Outline::new(experiment, file, program, cells),
            replications: experiment.replications.clone(),
            models,
        })
    }
}

fn cell(
    experiment: &Experiment,
    registry: &Registry,
    program: &Program,
    index: usize,
    values: Vec<String>,
) -> Result<(Cell, Model), PlanError> {
    let varied = experiment.vary.iter().zip(&values);
    let varied = varied.map(|(axis, value)| Set::new(&*axis.path, &**value));
    let sets: Vec<Set> = experiment.set.iter().cloned().chain(varied).collect();
    let labels = experiment.vary.iter().zip(&values);
    let labels: Vec<String> = labels
        .map(|(axis, value)| axis.label(value).to_owned())
        .collect();
    let model = match model::load_with(&experiment.model, &sets, registry) {
        Ok(loaded) => loaded.model,
        Err(report) => {
            return Err(PlanError::Model {
                index,
                cell: shown(experiment, &labels),
                report,
            });
        }
    };
    let cell = Cell {
        index,
        key: key(&model, &experiment.replications, program),
        seed: model.run.seed,
        values,
        labels,
    };
    Ok((cell, model))
}

fn shown(experiment: &Experiment, labels: &[String]) -> String {
    let pairs = experiment.vary.iter().zip(labels);
    let pairs: Vec<String> = pairs.map(|(a, v)| format!("{}={v}", a.path)).collect();
    pairs.join(", ")
}

/// The debug form of a model holds every field, and floating-point numbers to the last bit.
fn key(model: &Model, replications: &Replications, program: &Program) -> String {
    digest(format!("{}\n{replications:?}\n{model:?}", program.hash).as_bytes())
}
