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
    /// By figure, the ends of its 95 % interval within the only replication, by the means of batches. Absent with
    /// several replications, and where the model changes at a set time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Vec<Option<[f64; 2]>>>,
}

/// How an interval was had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Over replications, by Student's t.
    Replications,
    /// Within the only one, by the means of batches.
    BatchMeans,
}

impl Method {
    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replications => "replications",
            Self::BatchMeans => "batch_means",
        }
    }
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
        let over = self.over_replications(figure);
        match self.within_only(figure) {
            Some([low, high]) if over.low.is_none() && over.mean.is_some() => Estimate {
                mean: over.mean,
                low: Some(low),
                high: Some(high),
            },
            _ => over,
        }
    }

    /// How the interval of [`estimate`](Self::estimate) was had; `None` where there is none.
    pub fn method(&self, figure: usize) -> Option<Method> {
        let over = self.over_replications(figure);
        match (over.low, over.mean, self.within_only(figure)) {
            (Some(_), ..) => Some(Method::Replications),
            (None, Some(_), Some(_)) => Some(Method::BatchMeans),
            _ => None,
        }
    }

    fn over_replications(&self, figure: usize) -> Estimate {
        let summary: Summary = self.observations(figure).collect();
        Estimate::of(&summary, self.figures[figure].unit)
    }

    fn within_only(&self, figure: usize) -> Option<[f64; 2]> {
        *self.within.as_ref()?.get(figure)?
    }
}
