//! `stormglass capacity`: how much load a model bears, and how much of it without something.

use crate::args::{CapacityArgs, Format};
use crate::ending::Ending;
use crate::implementations::registry;
use crate::progress::{stop_on_interrupt, watched};
use crate::run::safe_name;
use crate::terminal::{self, Unwritable};
use model::{Loaded, Model};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use study::capacity::{Capacity, CapacityPlan};
use study::{Progress, StudyError};

/// How narrow the interval is to be when nobody says.
const USUAL_WITHIN: f64 = 0.02;

/// Reads, searches, shows, keeps.
pub(crate) fn capacity(args: &CapacityArgs) -> Result<Ending, Unwritable> {
    let loaded = match model::load_with(&args.file, &args.sets, &registry()) {
        Ok(loaded) => loaded,
        Err(report) => {
            let (width, color) = terminal::error_style();
            return Ok(Ending::BadInput(report.render(width, color)));
        }
    };
    let model = if args.calm {
        Model {
            faults: Vec::new(),
            ..loaded.model.clone()
        }
    } else {
        loaded.model.clone()
    };
    let plan = CapacityPlan {
        workload: args.workload.clone(),
        without: args.without.clone(),
        seed: args.seed,
        replications: args.replications,
        most: args.max_replications.max(args.replications),
        within: args.within.map_or(USUAL_WITHIN, |share| share.0),
        points: args.points,
        limits: Default::default(),
    };
    let progress = Arc::new(Progress::new());
    if let Err(why) = stop_on_interrupt(&progress) {
        return Ok(Ending::Failed(why));
    }
    let work = || study::capacity::capacity(&model, &plan, &progress);
    let mut record = match pooled(args.threads, &progress, work) {
        Ok(record) => record,
        Err(Failure::Threads(why)) => return Ok(Ending::Failed(why)),
        Err(Failure::Study(error)) => return Ok(ending_of(&error, &args.file, &loaded)),
    };
    if !model.faults.is_empty() {
        record.warnings.push(
            "the model's own faults are part of every run; `--calm` leaves them out".to_owned(),
        );
    }
    if let Some(failure) = show_and_keep(args, &record)? {
        return Ok(Ending::Failed(failure));
    }
    if record.violations > 0 {
        return Ok(Ending::Failed(broken(record.violations)));
    }
    if args.within.is_some() && !record.precise {
        return Ok(Ending::Imprecise);
    }
    Ok(Ending::Done)
}

/// What became of a study.
pub(crate) enum Failure {
    Threads(String),
    Study(StudyError),
}

/// Does the work on so many threads, while a bar follows it.
pub(crate) fn pooled<T: Send>(
    threads: Option<u16>,
    progress: &Progress,
    work: impl FnOnce() -> Result<T, StudyError> + Send,
) -> Result<T, Failure> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, usize::from))
        .build()
        .map_err(|error| Failure::Threads(format!("cannot start threads: {error}")))?;
    watched(progress, || pool.install(work)).map_err(Failure::Study)
}

/// What is asked of a model that it does not have is bad input, told with its place in the file.
pub(crate) fn ending_of(error: &StudyError, file: &Path, loaded: &Loaded) -> Ending {
    let key = match error {
        StudyError::Stopped => {
            terminal::complain(&format!("{error}\n"));
            return Ending::Interrupted;
        }
        StudyError::NoRate { workload, .. } => format!("workloads.{workload}"),
        StudyError::NoSuch { kind, .. } if *kind == "workload" => "workloads".to_owned(),
        StudyError::WhichWorkload { .. } => "workloads".to_owned(),
        StudyError::NoTrigger { .. } => "faults".to_owned(),
        StudyError::NoSuch { .. } | StudyError::NoObjective => String::new(),
        other => return Ending::Failed(other.to_string()),
    };
    let place = match loaded.sources.locate(&key).filter(|_| !key.is_empty()) {
        Some(at) => format!("{}:{}:{}", at.file, at.line, at.column),
        None => file.display().to_string(),
    };
    Ending::BadInput(format!("error: {place}: {error}\n"))
}

pub(crate) fn broken(violations: u64) -> String {
    format!(
        "{violations} broken invariants of stormglass itself; please report them with the model. \
         `stormglass run` under the same load and seed shows them"
    )
}

/// Prints first: when the files cannot be written, what was measured has been seen. Gives the
/// reason when they cannot.
fn show_and_keep(args: &CapacityArgs, record: &Capacity) -> Result<Option<String>, Unwritable> {
    let style = terminal::style();
    let folder = match args.format {
        Format::Text => {
            terminal::print(&report::capacity_page(record, &style))?;
            Some(args.out.clone().unwrap_or_else(|| usual_folder(record)))
        }
        Format::Json => {
            terminal::print(&study::capacity_to_json(record))?;
            terminal::print("\n")?;
            args.out.clone()
        }
    };
    let Some(folder) = folder else {
        return Ok(None);
    };
    match keep(&folder, record) {
        Ok(names) if args.format == Format::Text => {
            let shown = folder.display().to_string();
            terminal::print(&report::text::files(&shown, &names, &style))?;
            Ok(None)
        }
        Ok(_) => Ok(None),
        Err(why) => Ok(Some(why)),
    }
}

fn keep(folder: &Path, record: &Capacity) -> Result<Vec<String>, String> {
    let mut files: Vec<(String, Vec<u8>)> = report::capacity_files(record)
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|file| (file.name, file.bytes))
        .collect();
    let json = study::capacity_to_json(record) + "\n";
    files.push(("capacity.json".into(), json.into_bytes()));
    study::write_files(folder, &files).map_err(|error| error.to_string())?;
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// `output/MODEL-capacity`.
fn usual_folder(record: &Capacity) -> PathBuf {
    Path::new("output").join(format!("{}-capacity", safe_name(&record.model)))
}
