//! Pure mathematics of simulation output: distributions, time averages, intervals, warm-up.
//!
//! It refuses to know what is measured, in which unit, and where results go.

mod gauge;
mod histogram;
mod interval;
mod series;
mod student;
mod warmup;

pub use gauge::Gauge;
pub use histogram::{Histogram, LogHistogram};
pub use interval::{Interval, Summary};
pub use series::{Batch, BoundedSeries};
pub use student::student_t_quantile;
pub use warmup::{Truncation, mser, mser5};
