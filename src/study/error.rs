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
    /// Something that the model does not have.
    #[error("there is no {kind} `{name}`{}; there are `{}`", nearest(name, known), known.join("`, `"))]
    NoSuch {
        /// Of which kind.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A workload without a rate.
    #[error(
        "the load of `{workload}` cannot be varied: its requests {source_kind}; a workload with \
         `arrivals` of `poisson`, `deterministic`, `renewal` or `mmpp` has a rate, and so has a \
         `trace` of counts"
    )]
    NoRate {
        /// Which one.
        workload: String,
        /// When its requests come, in words.
        source_kind: &'static str,
    },
    /// There are several workloads whose rate could be meant.
    #[error("which load is to be varied? Say `--workload` and one of `{}`", known.join("`, `"))]
    WhichWorkload {
        /// Those that have a rate.
        known: Vec<String>,
    },
    /// A model without objectives.
    #[error(
        "the model has no objectives to be met; give it some under `slo`, or by \
         `--set slo.availability=99.9%` and `--set slo.latency.p99=300ms`"
    )]
    NoObjective,
    /// A model without something that goes wrong and is over again.
    #[error("{why}; a trigger is a fault with `at` and `for` that ends well before the run does")]
    NoTrigger {
        /// What is in the way.
        why: String,
    },
    /// A file could not be written.
    #[error("can not write `{}`: {source}; {}", path.display(), way_out(source))]
    Output {
        /// Which file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A folder, or a file in it, that is not what a command has left.
    #[error("can not read `{}`: {why}; {way_out}", path.display())]
    Folder {
        /// Which folder or file.
        path: PathBuf,
        /// What is the matter with it.
        why: String,
        /// What to do.
        way_out: String,
    },
}

impl StudyError {
    pub(crate) fn no_metric(name: &str, known: &[Metric]) -> Self {
        Self::NoMetric {
            name: name.to_owned(),
            known: known.iter().map(|metric| metric.name.clone()).collect(),
        }
    }

    pub(crate) fn no_such(
        kind: &'static str,
        name: &str,
        known: impl IntoIterator<Item = String>,
    ) -> Self {
        Self::NoSuch {
            kind,
            name: name.to_owned(),
            known: known.into_iter().collect(),
        }
    }

    pub(crate) fn output(path: &Path, source: io::Error) -> Self {
        Self::Output {
            path: path.to_owned(),
            source,
        }
    }
}

/// The name that is most like a word, in words; nothing where none is like it.
fn nearest(word: &str, known: &[String]) -> String {
    let distance = |name: &String| strsim::damerau_levenshtein(word, name);
    let nearest = known.iter().min_by_key(|name| distance(name));
    nearest
        .filter(|name| distance(name) <= name.chars().count().div_ceil(3))
        .map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
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
