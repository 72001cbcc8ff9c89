//! `stormglass sweep`: an experiment in, its tables out; what is finished is kept on the way.

use crate::args::{Format, SweepArgs};
use crate::ending::Ending;
use crate::program::program;
use crate::progress::{stop_on_interrupt, watched};
use crate::run::safe_name;
use crate::terminal::{self, Unwritable};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use study::sweep::{
    Cell, CellResult, CellStore, Outline, PlanError, SweepPlan, SweepRecord, Swept,
};
use study::{Options, Progress, StudyError};

/// The most tasks that a plan has when nobody says how many.
const MOST_TASKS: usize = 1000;

/// Plans, runs what is missing, shows, keeps.
pub(crate) fn sweep(args: &SweepArgs) -> Result<Ending, Unwritable> {
    let shard = match args.shard.map(|shard| shard.resolve()).transpose() {
        Ok(shard) => shard,
        Err(why) => return Ok(Ending::BadInput(format!("error: {why}\n"))),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.map_or(0, usize::from))
        .build();
    let pool = match pool {
        Ok(pool) => pool,
        Err(error) => return Ok(Ending::Failed(format!("cannot start threads: {error}"))),
    };
    let plan = match pool.install(|| plan(&args.file)) {
        Ok(plan) => plan,
        Err(mistakes) => return Ok(Ending::BadInput(mistakes)),
    };
    let outline = &plan.outline;
    let folder = args.out.clone();
    let store = CellStore::new(&folder.unwrap_or_else(|| usual_folder(&outline.name)));
    if args.dry_run {
        return match args.format {
            Format::Text => dry_run(&plan, &store, pool.current_num_threads()),
            Format::Json => {
                let most = outline.cells.len().min(MOST_TASKS) as u32;
                let shards = args.shards.unwrap_or(most);
                terminal::print(&study::sweep::tasks(outline, &store, shards))?;
                terminal::print("\n")?;
                Ok(Ending::Done)
            }
        };
    }
    let progress = Arc::new(Progress::new());
    if let Err(why) = stop_on_interrupt(&progress) {
        return Ok(Ending::Failed(why));
    }
    let wanted = |cell: &Cell| match shard {
        Some((shard, of)) => Outline::shard_of(cell.index, of) == shard,
        None => true,
    };
    let work = || study::sweep::sweep(&plan, wanted, &store, &Options::default(), &progress);
    let swept = match watched(&progress, || pool.install(work)) {
        Ok(swept) => swept,
        Err(error) => return Ok(ending_of(&error, args)),
    };
    match shard {
        Some((shard, of)) => finish_shard(shard, of, outline, &swept, &store),
        None => finish(outline, swept.results, &store),
    }
}

/// Shows and keeps the results of all cells.
pub(crate) fn finish(
    outline: &Outline,
    results: Vec<CellResult>,
    store: &CellStore,
) -> Result<Ending, Unwritable> {
    let record = SweepRecord::new(outline, results);
    terminal::print(&report::sweep_page(outline, &record, &terminal::style()))?;
    match keep(store.folder(), outline, &record) {
        Ok(names) => {
            let shown = store.folder().display().to_string();
            terminal::print(&report::text::files(&shown, &names, &terminal::style()))?;
        }
        Err(why) => return Ok(Ending::Failed(why)),
    }
    if let Some(failure) = broken(&record.results) {
        return Ok(failure);
    }
    Ok(match record.imprecise() {
        0 => Ending::Done,
        _ => Ending::Imprecise,
    })
}

/// Leaves word that a shard is done. Whether all is precise enough is for the whole to say: a task
/// that has done its work has not failed.
fn finish_shard(
    shard: u32,
    of: u32,
    outline: &Outline,
    swept: &Swept,
    store: &CellStore,
) -> Result<Ending, Unwritable> {
    if let Some(failure) = broken(&swept.results) {
        return Ok(failure);
    }
    if let Err(error) = store.put_shard(shard, of, outline) {
        return Ok(Ending::Failed(error.to_string()));
    }
    let (cells, all) = (swept.results.len(), outline.cells.len());
    terminal::print(&format!(
        "{}: shard {shard} of {of} is done: {cells} of {all} cells, in {}\n",
        outline.name,
        store.folder().display()
    ))?;
    Ok(Ending::Done)
}

fn broken(results: &[CellResult]) -> Option<Ending> {
    let broken: u64 = results.iter().map(|result| result.violations).sum();
    (broken > 0).then(|| {
        Ending::Failed(format!(
            "{broken} broken invariants of stormglass itself; please report them with the experiment"
        ))
    })
}

fn ending_of(error: &StudyError, args: &SweepArgs) -> Ending {
    match error {
        StudyError::Stopped => {
            terminal::complain("stopped; the same command goes on with what is left\n");
            Ending::Interrupted
        }
        StudyError::NoMetric { .. } => {
            Ending::BadInput(format!("{}: {error}\n", args.file.display()))
        }
        error => Ending::Failed(error.to_string()),
    }
}

fn plan(file: &Path) -> Result<SweepPlan, String> {
    let (width, color) = terminal::error_style();
    let experiment = model::load_experiment(file).map_err(|report| report.render(width, color))?;
    let registry = crate::implementations::registry();
    SweepPlan::new(&experiment, file, &registry, &program()).map_err(|error| match &error {
        PlanError::Model { report, .. } => {
            format!("{error}:\n{}", report.render(width, color))
        }
        PlanError::Points(_) => format!("{}: {error}\n", file.display()),
    })
}

/// Counts the runs, and measures a few short ones to say how long all would take.
fn dry_run(plan: &SweepPlan, store: &CellStore, threads: usize) -> Result<Ending, Unwritable> {
    let outline = &plan.outline;
    let cells = outline.cells.iter();
    let missing: Vec<&Cell> = cells.filter(|c| store.get(&c.key).is_none()).collect();
    let (min, max) = (plan.replications.min, plan.replications.max);
    let runs = |each: u32| missing.len() as u64 * u64::from(each);
    let mut text = format!(
        "{}: {} cells, {} of them finished\n",
        outline.name,
        outline.cells.len(),
        outline.cells.len() - missing.len()
    );
    text.push_str(&if min == max {
        format!("runs left: {}\n", runs(min))
    } else {
        format!("runs left: {} to {}\n", runs(min), runs(max))
    });
    if let Some(forecast) = study::sweep::forecast(plan, &missing, &Options::default()) {
        let threads_of = if threads == 1 { "thread" } else { "threads" };
        let least = span(forecast.least_s / threads as f64);
        let most = span(forecast.most_s / threads as f64);
        text.push_str(&if least == most {
            format!("about {least} on {threads} {threads_of}\n")
        } else {
            format!("about {least} to {most} on {threads} {threads_of}\n")
        });
    } else if !missing.is_empty() {
        text.push_str("too slow to say how long: a few short runs did not get anywhere\n");
    }
    terminal::print(&text)?;
    Ok(Ending::Done)
}

fn span(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "a second".to_owned(),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// The manifest comes last: where it is, the tables that it speaks of are whole.
fn keep(folder: &Path, outline: &Outline, record: &SweepRecord) -> Result<Vec<String>, String> {
    let mut files: Vec<(String, Vec<u8>)> = report::sweep_files(outline, record)
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|file| (file.name, file.bytes))
        .collect();
    let (name, text) = study::folder::sweep_file(outline);
    files.push((name.to_owned(), text.into_bytes()));
    let manifest = study::sweep::manifest(outline, record) + "\n";
    files.push(("manifest.json".to_owned(), manifest.into_bytes()));
    study::write_files(folder, &files).map_err(|error| error.to_string())?;
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

fn usual_folder(name: &str) -> PathBuf {
    Path::new("output").join(safe_name(name))
}
