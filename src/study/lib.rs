//! Replications in parallel, the records that they leave, and the output folder.
//!
//! A study turns models into figures: it runs worlds, each with a recorder that hears what
//! happens, and combines what they heard into a [`record::RunRecord`]. It is the only writer of
//! `output/`. It refuses to know how a world works, and how a record is shown.

pub mod capacity;
mod causes;
mod combine;
pub mod compare;
mod deployments;
mod discovery;
mod error;
pub mod explain;
mod fault_log;
mod faults;
mod figures;
pub mod folder;
mod groups;
mod json;
mod load;
mod loss;
mod metrics;
mod orders;
mod output;
mod pilot;
mod plan;
mod progress;
mod queues;
pub mod record;
mod recorder;
mod replay;
mod run;
mod search;
mod sections;
mod series;
pub mod stability;
mod stopwatch;
mod stores;
pub mod sweep;
#[cfg(test)]
mod testing;
mod topology;
pub mod trace;
mod transactions;
mod trial;
mod windows;
mod within_run;

pub use error::StudyError;
pub use json::{
    capacity_schema, capacity_to_json, comparison_schema, comparison_to_json, results_schema,
    stability_schema, stability_to_json, to_json, trace_schema, traces_to_json,
};
pub use load::Load;
pub use loss::Loss;
pub use metrics::{Better, Metric, Unit, find_metric, is_of_workload};
pub use output::write_files;
pub use progress::Progress;
pub use replay::{Replay, replay};
pub use run::{Options, run};
pub use trial::{Trial, Trials};
