//! The experiment language: which model is varied, over what, how often, and what is measured.
//!
//! Read like a model, with the same diagnostics. Whether a path leads anywhere in the model, and
//! whether a metric exists, is found when a cell is loaded: this module refuses to know the model.

mod axis;
mod shape;

use crate::problem::{Problem, Span};
use crate::reader::{At, Reader, Value, did_you_mean};
use crate::report::Report;
use crate::schema::Defs;
use crate::set::Set;
use crate::tree::shortened;
use crate::{MAX_FILE, read_limited, report, sources, yaml};
pub use axis::Axis;
use policy::custom::Registry;
use serde_json::json;
use shape::{ExperimentShape, ReplicationsShape, SamplingShape};
use std::path::{Path, PathBuf};

/// What is varied, and what is measured.
#[derive(Clone, PartialEq, Debug)]
pub struct Experiment {
    /// The name in the file; that of the file when absent.
    pub name: String,
    /// The model file, as found from the folder of the experiment.
    pub model: PathBuf,
    /// Changes that every cell has.
    pub set: Vec<Set>,
    /// What is varied, in the order of the file; at least one.
    pub vary: Vec<Axis>,
    /// How the cells are chosen from the axes.
    pub sampling: Sampling,
    /// Cells for which one of these does not hold are left out.
    pub constraints: Vec<Constraint>,
    /// How often each cell is run.
    pub replications: Replications,
    /// What is tabulated, such as `shoppers.latency.p99`; empty: everything.
    pub metrics: Vec<String>,
}

/// How cells are chosen from the axes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sampling {
    /// Every combination; the last axis moves fastest.
    Grid,
    /// The first value of each axis, the second of each, …; all axes are equally long.
    Zip,
    /// So many points, each axis cut into as many equal parts with one point in each.
    LatinHypercube(u32),
    /// So many points of a scrambled Sobol sequence.
    Sobol(u32),
}

/// How often a cell is run.
#[derive(Clone, PartialEq, Debug)]
pub struct Replications {
    /// At least so often.
    pub min: u32,
    /// At most so often.
    pub max: u32,
    /// Enough when the interval of this metric is so narrow; `None`: `max` is `min`.
    pub until: Option<Until>,
}

/// When a cell has been run often enough.
#[derive(Clone, PartialEq, Debug)]
pub struct Until {
    /// Such as `shoppers.availability`.
    pub metric: String,
    /// Of its 95 % interval; in the metric's unit, or a share of the mean where `relative`.
    pub half_width: f64,
    /// Whether `half_width` is a share of the mean.
    pub relative: bool,
}

/// A comparison of two paths or numbers.
#[derive(Clone, PartialEq, Debug)]
pub struct Constraint {
    /// A varied path.
    pub left: String,
    /// How they must compare.
    pub order: Order,
    /// A varied path, or a quantity.
    pub right: String,
}

/// How two values compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Same,
    /// `!=`
    Other,
}

/// Reads an experiment file.
///
/// # Errors
/// All mistakes of the file; also a file that can not be read.
pub fn load_experiment(path: &Path) -> Result<Experiment, Report> {
    let name = path.display().to_string();
    match read_limited(path, MAX_FILE) {
        Ok(text) => read_experiment(&text, &name),
        Err(error) => {
            let problem = Problem::new(Span::START, format!("the file cannot be read: {error}"));
            Err(report(&sources("", &name, &[]), vec![problem]))
        }
    }
}

/// Reads an experiment from its text; `name` is the path of its file, for messages, for an
/// experiment without a name, and for the model's path, which is relative to it.
///
/// # Errors
/// All mistakes of the text.
pub fn read_experiment(text: &str, name: &str) -> Result<Experiment, Report> {
    let mut sources = sources(text, name, &[]);
    // Experiments name no implementations; the models that they vary do.
    let registry = Registry::new();
    let mut cx = Reader::new(&(), &registry);
    let tree = yaml::parse(text, 0, &mut cx.problems);
    let Some(tree) = tree else {
        if cx.problems.is_empty() {
            cx.problem(Span::START, "the file is empty")
                .help("an experiment has at least `model` and `vary`");
        }
        return Err(report(&sources, cx.problems));
    };
    sources.texts[0].tree = Some(tree.clone());
    if let (Some(services), None) = (tree.get("services"), tree.get("vary")) {
        cx.problem(services.span, "this is a model, not an experiment")
            .help("an experiment names a model by `model: FILE` and says what to `vary`");
        return Err(report(&sources, cx.problems));
    }
    let experiment =
        ExperimentShape::read(&tree, &mut cx).and_then(|shape| resolve(shape, name, &mut cx));
    match experiment {
        Some(experiment) if cx.problems.is_empty() => Ok(experiment),
        _ => Err(report(&sources, cx.problems)),
    }
}

/// The JSON Schema (draft 2020-12) of an experiment file, pretty-printed.
pub fn experiment_schema() -> String {
    let mut defs = Defs::default();
    let root = ExperimentShape::schema(&mut defs);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stormglass experiment",
        "$ref": root["$ref"],
        "$defs": defs.into_json(),
    });
    format!("{schema:#}\n")
}

fn resolve(shape: ExperimentShape, name: &str, cx: &mut Reader<'_>) -> Option<Experiment> {
    let file = Path::new(name);
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let sampling = match &shape.sampling.value {
        SamplingShape::Grid => Sampling::Grid,
        SamplingShape::Zip => Sampling::Zip,
        SamplingShape::LatinHypercube(points) => Sampling::LatinHypercube(points.samples.0),
        SamplingShape::Sobol(points) => Sampling::Sobol(points.samples.0),
    };
    let vary = shape.vary.value.0;
    if sampling == Sampling::Zip
        && let [first, rest @ ..] = &*vary
        && let Some(other) = rest.iter().find(|axis| axis.len() != first.len())
    {
        cx.problem(
            shape.sampling.span,
            format!(
                "`zip` takes axes of the same length, but `{}` has {} values and `{}` has {}",
                first.path,
                first.len(),
                other.path,
                other.len()
            ),
        );
    }
    let constraints = shape
        .constraints
        .as_ref()
        .map_or(&[][..], |list| &list.value.0);
    for constraint in constraints {
        let paths: Vec<&str> = vary.iter().map(|axis| axis.path.as_str()).collect();
        let at = shape.constraints.as_ref().map_or(Span::START, |c| c.span);
        if !paths.contains(&&*constraint.0.left) {
            let left = &constraint.0.left;
            cx.problem(at, format!("`{}` is not varied", shortened(left)))
                .help(did_you_mean(
                    left,
                    paths.iter().copied(),
                    "varied are",
                    "nothing is",
                ));
        }
    }
    Some(Experiment {
        name: shape.name.map_or_else(
            || {
                file.file_stem()
                    .map_or_else(|| name.into(), |stem| stem.to_string_lossy().into())
            },
            |name| name.value,
        ),
        model: folder.join(&shape.model.value),
        set: shape.set.map_or_else(Vec::new, |set| set.value.0),
        vary,
        sampling,
        constraints: constraints.iter().map(|c| c.0.clone()).collect(),
        replications: resolve_replications(&shape.replications, cx),
        metrics: shape.metrics.map_or_else(Vec::new, |list| list.value.0),
    })
}

fn resolve_replications(shape: &At<ReplicationsShape>, cx: &mut Reader<'_>) -> Replications {
    let range = match &shape.value {
        ReplicationsShape::Fixed(count) => {
            return Replications {
                min: *count,
                max: *count,
                until: None,
            };
        }
        ReplicationsShape::Range(range) => range,
    };
    let min = range.min.0;
    let max = range.max.as_ref().map_or(min, |max| max.0);
    if max < min {
        let span = range.max.as_ref().map_or(shape.span, |max| max.span);
        cx.problem(span, format!("`max` is below `min`, which is {min}"));
    }
    if let Some(until) = &range.until
        && min < 2
    {
        cx.problem(until.span, "an interval needs at least two replications")
            .help("write `min: 8`; looking early makes intervals too narrow");
    }
    Replications {
        min,
        max,
        until: range.until.as_ref().map(|until| {
            let metric = until.metric.value.clone();
            // A percentage of a share is meant in points, of anything else relative to its mean.
            let share = ["availability", "utilization", "wasted"]
                .iter()
                .any(|word| metric.ends_with(word));
            Until {
                half_width: until.half_width.value.value,
                relative: until.half_width.value.percent && !share,
                metric,
            }
        }),
    }
}
