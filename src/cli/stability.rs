//! `stormglass stability`: from which load on a system does not come back by itself.

use crate::args::{Format, StabilityArgs};
use crate::capacity::{Failure, broken, ending_of, pooled};
use crate::ending::Ending;
use crate::implementations::registry;
use crate::progress::stop_on_interrupt;
use crate::run::safe_name;
use crate::terminal::{self, Unwritable};
use model::{Loaded, Model, Set};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use study::Progress;
use study::stability::{Stability, StabilityPlan};

/// Reads, runs, shows, keeps.
pub(crate) fn stability(args: &StabilityArgs) -> Result<Ending, Unwritable> {
    let (settings, first) = match settings(args) {
        Ok(settings) => settings,
        Err(mistakes) => return Ok(Ending::BadInput(mistakes)),
    };
    let plan = StabilityPlan {
        workload: args.workload.clone(),
        loads: args.load.iter().map(|load| load.0).collect(),
        points: args.points,
        triggers: args.trigger.iter().map(|length| length.0).collect(),
        vary: args.vary.as_ref().map(|vary| vary.path.clone()),
        replications: args.replications,
        seed: args.seed,
        healthy: args.healthy.0,
        within: args.within.0,
        limits: Default::default(),
    };
    let progress = Arc::new(Progress::new());
    if let Err(why) = stop_on_interrupt(&progress) {
        return Ok(Ending::Failed(why));
    }
    let work = || study::stability::stability(&settings, &plan, &progress);
    let record = match pooled(args.threads, &progress, work) {
        Ok(record) => record,
        Err(Failure::Threads(why)) => return Ok(Ending::Failed(why)),
        Err(Failure::Study(error)) => return Ok(ending_of(&error, &args.file, &first)),
    };
    if let Some(failure) = show_and_keep(args, &record)? {
        return Ok(Ending::Failed(failure));
    }
    if record.violations > 0 {
        return Ok(Ending::Failed(broken(record.violations)));
    }
    Ok(Ending::Done)
}

type Settings = Vec<(String, Model)>;

/// The model with each value of what is varied, and the first of them as it was read.
fn settings(args: &StabilityArgs) -> Result<(Settings, Loaded), String> {
    let load = |sets: &[Set]| {
        let (width, color) = terminal::error_style();
        model::load_with(&args.file, sets, &registry())
            .map_err(|report| report.render(width, color))
    };
    let Some(vary) = &args.vary else {
        let loaded = load(&args.sets)?;
        return Ok((vec![(String::new(), loaded.model.clone())], loaded));
    };
    let mut settings = Vec::new();
    let mut first = None;
    for value in &vary.values {
        let own = Set::new(vary.path.clone(), value.clone());
        let loaded = load(&[&args.sets[..], &[own]].concat())?;
        settings.push((value.clone(), loaded.model.clone()));
        first.get_or_insert(loaded);
    }
    let first = first.ok_or("error: `--vary` needs a value\n")?;
    Ok((settings, first))
}

/// Prints first: when the files cannot be written, what was measured has been seen. Gives the
/// reason when they cannot.
fn show_and_keep(args: &StabilityArgs, record: &Stability) -> Result<Option<String>, Unwritable> {
    let style = terminal::style();
    let folder = match args.format {
        Format::Text => {
            terminal::print(&report::stability_page(record, &style))?;
            Some(args.out.clone().unwrap_or_else(|| usual_folder(record)))
        }
        Format::Json => {
            terminal::print(&study::stability_to_json(record))?;
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

fn keep(folder: &Path, record: &Stability) -> Result<Vec<String>, String> {
    let mut files: Vec<(String, Vec<u8>)> = report::stability_files(record)
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|file| (file.name, file.bytes))
        .collect();
    let json = study::stability_to_json(record) + "\n";
    files.push(("stability.json".into(), json.into_bytes()));
    study::write_files(folder, &files).map_err(|error| error.to_string())?;
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// `output/MODEL-stability`.
fn usual_folder(record: &Stability) -> PathBuf {
    Path::new("output").join(format!("{}-stability", safe_name(&record.model)))
}
