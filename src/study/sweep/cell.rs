//! What a cell gave: the values of every metric in every replication.

use crate::metrics::Metric;
use crate::record::Estimate;
use serde::{Deserialize, Serialize};
use stats::Summary;

/// The results of a cell. Plain numbers, so that a file holds them without loss.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CellResult {
    /// The cell's key.
    pub key: String,
    /// The names of the metrics, in order.
    pub metrics: Vec<String>,
    /// By replication, then by metric; `None` where nothing was measured.
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

impl CellResult {
    /// The values of a metric over the replications that have one.
    pub fn observations(&self, metric: usize) -> impl Iterator<Item = f64> {
        self.values.iter().filter_map(move |values| values[metric])
    }

    /// The mean and 95 % interval of a metric, cut to where it can lie.
    pub fn estimate(&self, metric: usize, of: &Metric) -> Estimate {
        let summary: Summary = self.observations(metric).collect();
        let (least, most) = of.bounds();
        let interval = summary.interval(0.95);
        Estimate {
            mean: summary.mean(),
            low: interval.map(|i| i.low.max(least)),
            high: interval.map(|i| i.high.min(most)),
        }
    }
}
