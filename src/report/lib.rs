//! Results for people: the page in the terminal, CSV for spreadsheets and notebooks, charts for
//! slides.
//!
//! Everything here turns a record of `study` into text or bytes. It touches no disk and
//! no terminal, and the same record gives the same bytes.

mod capacity;
pub mod chart;
mod columns;
mod compare;
pub mod csv_files;
#[cfg(test)]
mod fixture;
mod html;
mod interval;
#[cfg(feature = "parquet")]
mod parquet_table;
mod share;
mod sparkline;
mod stability;
mod style;
mod sweep;
mod table;
pub mod text;
mod trace;
mod units;

pub(crate) use capacity::load as capacity_load;
pub use capacity::{capacity_files, capacity_page};
pub use compare::{compare_files, compare_page};
pub use html::{About, html};
pub(crate) use stability::words as stability_words;
pub use stability::{stability_files, stability_page};
pub use style::Style;
pub use sweep::{sweep_files, sweep_page};
pub use trace::{trace_files, trace_page};

use study::record::RunRecord;

/// A file of a run: its name, without a folder, and what is in it.
#[derive(Clone, PartialEq, Debug)]
pub struct File {
    /// `summary.csv`, `latency.png`, ….
    pub name: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// Why a run could not be written down; always a failure of ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A table could not be formed.
    #[error("cannot form a CSV table: {0}")]
    Csv(#[from] csv::Error),
    /// A typed table could not be formed.
    #[cfg(feature = "parquet")]
    #[error("cannot form a Parquet table: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A chart could not be drawn.
    #[error("cannot draw a chart: {0}")]
    Chart(String),
}

/// Every table and chart of a run, in the order in which people look for them.
///
/// # Errors
/// When a table or a chart cannot be formed, which is a defect of this crate.
pub fn files(record: &RunRecord) -> Result<Vec<File>, Error> {
    let mut files = vec![
        File {
            name: "summary.csv".into(),
            bytes: csv_files::summary(record)?,
        },
        File {
            name: "timeseries.csv".into(),
            bytes: csv_files::timeseries(record)?,
        },
    ];
    if !record.queues.is_empty() {
        files.push(File {
            name: "queues.csv".into(),
            bytes: csv_files::queues(record)?,
        });
    }
    if !record.transactions.is_empty() {
        files.push(File {
            name: "transactions.csv".into(),
            bytes: csv_files::transactions(record)?,
        });
    }
    if let Some(bytes) = csv_files::groups(record)? {
        let name = "groups.csv".into();
        files.push(File { name, bytes });
    }
    if let Some(bytes) = csv_files::deployments(record)? {
        let name = "deployments.csv".into();
        files.push(File { name, bytes });
    }
    for chart in chart::all(record)? {
        files.extend(chart.files());
    }
    Ok(files)
}
