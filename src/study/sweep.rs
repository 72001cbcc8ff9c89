//! A sweep: many cells, each a model with its settings, each run until its figures are known.
//!
//! Cells and replications are spread over all threads, and over machines as shards; what a cell gives
//! depends on nothing but its model, so that cells that are done need not be done again, after a kill
//! or in the next sweep. It refuses to know how a table is written.

mod cell;
mod engine;
mod forecast;
mod manifest;
mod merge;
mod outline;
mod plan;
mod points;
mod quantity;
mod record;
mod store;
mod tasks;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use words::shell_line;

pub use cell::{CellResult, Figure, Method};
pub use engine::{Swept, sweep};
pub use forecast::{Forecast, forecast};
pub use manifest::{manifest, manifest_schema};
pub use merge::{MergeError, merge};
pub use outline::{AxisOutline, Cell, Outline, Precision, Program, Source, Times, digest};
pub use plan::{PlanError, SweepPlan};
pub use quantity::Kind;
pub use record::SweepRecord;
pub use store::{CellStore, ShardRecord};
pub use tasks::{plan_schema, tasks};
