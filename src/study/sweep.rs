//! A sweep: many cells, each a model with its settings, each run until its figures are known.
//!
//! Cells and replications are spread over all threads; what a cell gives depends on nothing but its
//! model, so that cells that are done need not be done again, after a kill or in the next sweep.
//! It refuses to know how a table is written.

mod cell;
mod engine;
mod plan;
mod points;
mod quantity;
mod store;

pub use cell::CellResult;
pub use engine::{SweepRecord, seconds_of_one, sweep};
pub use plan::{Cell, PlanError, SweepPlan, digest};
pub use store::{CellStore, ShardRecord};
