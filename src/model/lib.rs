//! The model language: YAML text to a checked [`Model`].
//!
//! What a file says is either a model of which every index and every number holds what its type
//! promises, or a [`Report`] of all mistakes with their lines. Nothing is ignored: an unknown key,
//! or one that is not supported yet, is a mistake. The crate refuses to know what becomes of a
//! model.

mod changes;
mod config;
mod cycles;
mod deployments;
mod distribution;
mod experiment;
mod faults;
mod lint;
mod moments;
mod names;
mod network;
mod orders;
mod policies;
mod problem;
mod quantity;
mod queues;
mod reader;
mod report;
mod root;
mod run;
mod schema;
mod series;
mod services;
mod set;
mod shape;
mod sources;
mod steps;
mod stores;
mod transactions;
mod tree;
mod types;
mod workloads;
mod yaml;

pub use experiment::{
    Axis, Constraint, Experiment, Order, Replications, Sampling, Until, experiment_schema,
    load_experiment, read_experiment,
};
pub use lint::lint;
pub use report::{Diagnostic, Location, Report};
pub use schema::schema;
pub use set::{Set, SetError};
pub use sources::Sources;
pub use types::*;

use crate::problem::{Problem, Span};
use crate::reader::Reader;
use crate::sources::Text;
use policy::custom::Registry;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest model file, in bytes.
const MAX_FILE: u64 = 8 << 20;

/// A model, and where in its text everything stands.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What was read.
    pub model: Model,
    /// Where it stands.
    pub sources: Sources,
}

/// Gives the text of the files that a model names.
pub trait Files {
    /// The text of a file; `path` is as the model has it, relative to the model file.
    ///
    /// # Errors
    /// Where the file can not be read, or is not UTF-8.
    fn read(&self, path: &str) -> io::Result<String>;
}

/// No files: every one is missing.
impl Files for () {
    fn read(&self, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Reads a model file and the CSV files that it names.
///
/// # Errors
/// All mistakes of the file and of the sets; also a file that can not be read.
pub fn load(path: &Path, sets: &[Set]) -> Result<Loaded, Report> {
    load_with(path, sets, &Registry::new())
}

/// [`load`], for models that name policies which somebody else wrote.
///
/// # Errors
/// All mistakes of the file and of the sets; also a file that can not be read.
pub fn load_with(path: &Path, sets: &[Set], registry: &Registry) -> Result<Loaded, Report> {
    let name = path.display().to_string();
    let text = match read_limited(path, MAX_FILE) {
        Ok(text) => text,
        Err(error) => {
            let problem = Problem::new(Span::START, format!("the file cannot be read: {error}"));
            return Err(report(&sources("", &name, sets), vec![problem]));
        }
    };
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    read_with(&text, &name, &Folder(folder), sets, registry)
}

/// Reads a model from its text; `name` is the file's, for messages and for a model without a name.
///
/// # Errors
/// All mistakes of the text and of the sets.
pub fn read(text: &str, name: &str, files: &dyn Files, sets: &[Set]) -> Result<Loaded, Report> {
    read_with(text, name, files, sets, &Registry::new())
}

/// [`read`], for models that name policies which somebody else wrote.
///
/// # Errors
/// All mistakes of the text and of the sets.
pub fn read_with(
    text: &str,
    name: &str,
    files: &dyn Files,
    sets: &[Set],
    registry: &Registry,
) -> Result<Loaded, Report> {
    let mut sources = sources(text, name, sets);
    let mut cx = Reader::new(files, registry);
    if text.len() as u64 > MAX_FILE {
        cx.problem(
            Span::START,
            format!("the model is larger than {} MiB", MAX_FILE >> 20),
        );
        return Err(report(&sources, cx.problems));
    }
    let Some(mut tree) = yaml::parse(text, 0, &mut cx.problems) else {
        if cx.problems.is_empty() {
            cx.problem(Span::START, "the file is empty")
                .help("a model has at least `services` and `workloads`");
        }
        return Err(report(&sources, cx.problems));
    };
    sources.texts[0].tree = Some(tree.clone());
    for (index, set) in sets.iter().enumerate() {
        let source = index + 1;
        sources.texts[source].tree = set::apply(&mut tree, set, source as u32, &mut cx.problems);
    }
    let stem = Path::new(name)
        .file_stem()
        .map_or_else(|| name.into(), |stem| stem.to_string_lossy());
    let model = root::read(&tree, &stem, &mut cx);
    match model {
        Some(model) if cx.problems.is_empty() => {
            sources.tree = Some(tree);
            Ok(Loaded { model, sources })
        }
        _ => Err(report(&sources, cx.problems)),
    }
}

fn sources(text: &str, name: &str, sets: &[Set]) -> Sources {
    let file = Text {
        name: name.to_owned(),
        text: text.into(),
        base: String::new(),
        tree: None,
    };
    let texts = std::iter::once(file)
        .chain(sets.iter().map(Text::of_set))
        .collect();
    Sources { texts, tree: None }
}

/// The report of what was noted, in the order of the file, the sets after it.
fn report(sources: &Sources, mut problems: Vec<Problem>) -> Report {
    /// Who makes more mistakes than this has a wrong file, and wants to know about the first.
    const MOST: usize = 100;
    problems.retain(|problem| !problem.implied);
    problems.sort_by_key(|problem| problem.span);
    problems.dedup_by(|a, b| a.span == b.span && a.message == b.message);
    problems.truncate(MOST);
    Report::new(
        problems
            .iter()
            .map(|problem| sources.describe(problem))
            .collect(),
    )
}

/// The folder of a model file.
struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> io::Result<String> {
        read_limited(&self.0.join(path), series::MAX_CSV as u64)
    }
}

fn read_limited(path: &Path, most: u64) -> io::Result<String> {
    // One byte more than may be there, so that a file that grows, or a device, is noticed.
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(most + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!(
            "it is larger than {} MiB",
            most >> 20
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|b| **b == b'\n').count() + 1;
        io::Error::other(format!("it is not UTF-8 (line {line})"))
    })
}
