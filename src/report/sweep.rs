//! A sweep as tables and as a page for the terminal.
//!
//! `sweep.csv`: `cell`, a column for each path that was varied, `metric,unit,replications,mean,low,
//! high,method`; `low` and `high` are the 95 % interval, had by `method`. `replications.csv`: `cell`, the same paths,
//! `replication,metric,unit,value`. Numbers keep every digit; what was not measured is empty. The
//! same tables as Parquet have numbers for settings, too.

mod names;
mod page;
mod tables;

pub(crate) use names::endings;
pub use page::sweep_page;
pub use tables::sweep_files;
