//! Why a study has no result.

use crate::metrics::Metric;
use std::io;
use std::path::{Path, PathBuf};

/// Why a study has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// It was stopped before anything was measured.
    #[error("stopped before anything was measured")]
    Stopped,
    /// A metric that the model does not have.
    #[error("there is no metric `{name}`; there are `{}`", known.join("`, `"))]
    NoMetric {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A half-width in a unit that is not its metric's.
    #[error("`{width}` is no half-width of `{metric}`; it takes {allowed}")]
    Width {
        /// What was asked for.
        width: String,
        /// Of what.
        metric: String,
        /// What would fit, in words.
        allowed: &'static str,
    },
    /// A file could not be written.
    #[error("can not write `{}`: {source}; {}", path.display(), way_out(source))]
    Output {
        /// Which file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl StudyError {
    pub(crate) fn no_metric(name: &str, known: &[Metric]) -> Self {
        Self::NoMetric {
            name: name.to_owned(),
            known: known.iter().map(|metric| metric.name.clone()).collect(),
        }
    }

    pub(crate) fn output(path: &Path, source: io::Error) -> Self {
        Self::Output {
            path: path.to_owned(),
            source,
        }
    }
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on the disk, or choose another folder with `--out`"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that you may write to with `--out`"
        }
        _ => "choose another folder with `--out`",
    }
}
