//! The only reader of a clock in a study: what it says goes into `wall_s`, and nowhere else.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "it times a run from outside; nothing in a run can feel it"
)]

use std::time::Instant;

/// Runs from the moment it is made.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
