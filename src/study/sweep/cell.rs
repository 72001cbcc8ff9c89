//! What a cell gave: the values of every figure in every replication.

use crate::metrics::{Metric, Unit};
use crate::record::Estimate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::Summary;

/// The results of a cell. Plain numbers, so that a file holds them without loss.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CellResult {
    /// The cell's key.
    pub key: String,
    /// What the values are of, in order.
    pub figures: Vec<Figure>,
    /// By replication, then by figure; `None` where nothing was measured.
    pub values: Vec<Vec<Option<f64>>>,
    /// Events of all replications.
    pub events: u64,
    /// Of the trajectories of all replications.
    pub fingerprint: String,
    /// Whether the precision that was asked for was reached; `None` when none was.
    pub precise: Option<bool>,
    /// What to mind: limits that were met, a warm-up that could not be told.
    pub warnings: Vec<String>,
    /// Broken invariants of stormglass itself.
    pub violations: u64,
}

/// What a column of values is of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// Such as `shoppers.latency.p99`.
    pub name: String,
    /// What it is measured in.
    pub unit: Unit,
}

impl From<&Metric> for Figure {
    fn from(metric: &Metric) -> Self {
        Self {
            name: metric.name.clone(),
            unit: metric.unit,
        }
    }
}

impl CellResult {
    /// The values of a figure over the replications that have one.
    pub fn observations(&self, figure: usize) -> impl Iterator<Item = f64> {
        self.values.iter().filter_map(move |values| values[figure])
    }

    /// The mean and 95 % interval of a figure, cut to where it can lie.
    pub fn estimate(&self, figure: usize) -> Estimate {
        let summary: Summary = self.observations(figure).collect();
        Estimate::of(&summary, self.figures[figure].unit)
    }
}
