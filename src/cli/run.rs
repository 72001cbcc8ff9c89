//! `stormglass run`: a model in, its page or its JSON out, its files where they belong.

use crate::args::{FailOn, Format, RunArgs};
use crate::ending::Ending;
use crate::implementations::registry;
use crate::program::program;
use crate::progress::{stop_on_interrupt, watched};
use crate::terminal::{self, Unwritable};
use model::Model;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use study::folder::{RunFolder, RunManifest};
use study::record::RunRecord;
use study::{Options, Progress, StudyError};

/// Reads, runs, shows, keeps.
pub(crate) fn run(args: &RunArgs) -> Result<Ending, Unwritable> {
    let model = match model::load_with(&args.file, &args.all_sets(), &registry()) {
        Ok(loaded) => loaded.model,
        Err(report) => {
            let (width, color) = terminal::error_style();
            return Ok(Ending::BadInput(report.render(width, color)));
        }
    };
    let progress = Arc::new(Progress::new());
    if let Err(why) = stop_on_interrupt(&progress) {
        return Ok(Ending::Failed(why));
    }
    if let Some(event) = args.until {
        return replay(&model, args.replication.unwrap_or(0), event, &progress);
    }
    let record = match simulate(&model, args.threads, &progress) {
        Ok(record) => record,
        Err(ending) => return Ok(ending),
    };
    if let Some(failure) = show_and_keep(args, &model, &record)? {
        return Ok(Ending::Failed(failure));
    }
    Ok(verdict(args, &record, progress.is_stopped()))
}

/// One replication up to an event, and what led there.
fn replay(
    model: &Model,
    replication: u32,
    event: u64,
    progress: &Arc<Progress>,
) -> Result<Ending, Unwritable> {
    let replay = watched(progress, || {
        study::replay(model, replication, event, progress)
    });
    terminal::print(&report::text::replay(&replay, &terminal::style()))?;
    if progress.is_stopped() {
        return Ok(Ending::Interrupted);
    }
    Ok(Ending::Done)
}

fn simulate(model: &Model, threads: Option<u16>, progress: &Progress) -> Result<RunRecord, Ending> {
    // Without a number, rayon takes as many as there are cores.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, usize::from))
        .build()
        .map_err(|error| Ending::Failed(format!("cannot start threads: {error}")))?;
    let work = || pool.install(|| study::run(model, &Options::default(), progress));
    watched(progress, work).map_err(|error| match error {
        StudyError::Stopped => {
            terminal::complain(&format!("{error}\n"));
            Ending::Interrupted
        }
        other => Ending::Failed(other.to_string()),
    })
}

/// Prints first: when the files cannot be written, what was measured has been seen. Gives the
/// reason when they cannot.
fn show_and_keep(
    args: &RunArgs,
    model: &Model,
    record: &RunRecord,
) -> Result<Option<String>, Unwritable> {
    let style = terminal::style();
    let folder = match args.format {
        Format::Text => {
            terminal::print(&report::text::page(record, &style))?;
            Some(args.out.clone().unwrap_or_else(|| usual_folder(record)))
        }
        Format::Json => {
            terminal::print(&study::to_json(record))?;
            terminal::print("\n")?;
            args.out.clone()
        }
    };
    let Some(folder) = folder else {
        return Ok(None);
    };
    match keep(&folder, args, model, record) {
        Ok(names) if args.format == Format::Text => {
            let shown = folder.display().to_string();
            terminal::print(&report::text::files(&shown, &names, &style))?;
            Ok(None)
        }
        Ok(_) => Ok(None),
        Err(why) => Ok(Some(why)),
    }
}

/// Writes all files of a run and gives their names.
fn keep(
    folder: &Path,
    args: &RunArgs,
    model: &Model,
    record: &RunRecord,
) -> Result<Vec<String>, String> {
    let mut files: Vec<(String, Vec<u8>)> = report::files(record)
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|file| (file.name, file.bytes))
        .collect();
    let run = RunFolder {
        record: record.clone(),
        manifest: RunManifest::new(&args.file, &args.all_sets(), model, program()),
        // It has been read a moment ago.
        model: std::fs::read_to_string(&args.file).unwrap_or_default(),
    };
    let own = study::folder::run_files(&run).into_iter();
    files.extend(own.map(|(name, text)| (name.to_owned(), text.into_bytes())));
    study::write_files(folder, &files).map_err(|error| error.to_string())?;
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// `output/MODEL`.
fn usual_folder(record: &RunRecord) -> PathBuf {
    Path::new("output").join(safe_name(&record.model))
}

/// A name with only those characters that are safe in a folder's.
pub(crate) fn safe_name(name: &str) -> String {
    let safe = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name
        .chars()
        .map(|c| if safe(c) { c } else { '-' })
        .collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "model" } else { name }.to_owned()
}

fn verdict(args: &RunArgs, record: &RunRecord, interrupted: bool) -> Ending {
    if !record.violations.is_empty() {
        let n = record.violations.len();
        let first = &record.violations[0];
        return Ending::Failed(format!(
            "{n} broken invariants of stormglass itself; please report them with the model. What \
             led to the first:\n  stormglass run {} --seed {} --replication {} --until {}",
            args.file.display(),
            record.seed,
            first.replication,
            first.event
        ));
    }
    if interrupted {
        return Ending::Interrupted;
    }
    let missed = record.slo.iter().any(|objective| !objective.met);
    if missed && args.fail_on == Some(FailOn::Slo) {
        return Ending::ObjectiveMissed;
    }
    Ending::Done
}
