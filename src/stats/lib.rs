//! Pure mathematics of simulation output: distributions, time averages, intervals, warm-up.
//!
//! It refuses to know what is measured, in which unit, and where results go.

mod batch_means;
mod family;
mod gauge;
mod histogram;
mod interval;
mod paired;
mod series;
mod stopping;
mod student;
mod warmup;

pub use batch_means::{BATCHES, FINER, WithinRun, batch_means, sections};
pub use family::{bonferroni, holm};
pub use gauge::Gauge;
pub use histogram::{Histogram, LogHistogram};
pub use interval::{Interval, Summary};
pub use paired::Paired;
pub use series::{Batch, BoundedSeries};
pub use stopping::next_look;
pub use student::{student_t_quantile, student_t_two_sided};
pub use warmup::{Truncation, mser, mser5};
