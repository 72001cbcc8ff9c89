//! Replications in parallel, and the records they leave.
mod plan;
mod progress;
pub mod record;
mod recorder;
mod windows;

pub use progress::Progress;
