//! Each adapter in a pipeline: what it does, where it is equal to our own policy of the same name,
//! and by how much the crate departs from what its settings are usually taken to mean.
//!
//! Expected numbers come from closed forms and from the crates' documentation; a departure is
//! pinned with the number that it has and the number that the setting says.

#[cfg(feature = "aws")]
mod aws_smithy;
#[cfg(feature = "backon")]
mod backon;
mod driver;
#[cfg(feature = "failsafe")]
mod failsafe;
#[cfg(feature = "governor")]
mod governor;
mod refusals;
#[cfg(feature = "tower")]
mod tower_budget;
