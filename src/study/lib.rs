//! Replications in parallel, and the records they leave.
pub mod record;
