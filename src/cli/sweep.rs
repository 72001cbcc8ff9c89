//! `stormglass sweep`: an experiment in, its tables out; what is finished is kept on the way.

use crate::args::SweepArgs;
use crate::ending::Ending;
use crate::progress::{stop_on_interrupt, watched};
use crate::run::safe_name;
use crate::terminal::{self, Unwritable};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use study::sweep::{CellStore, PlanError, SweepPlan, SweepRecord};
use study::{Options, Progress, StudyError};

/// Plans, runs what is missing, shows, keeps.
pub(crate) fn sweep(args: &SweepArgs) -> Result<Ending, Unwritable> {
    let plan = match plan(&args.file) {
        Ok(plan) => plan,
        Err(mistakes) => return Ok(Ending::BadInput(mistakes)),
    };
    let folder = args.out.clone().unwrap_or_else(|| usual_folder(&plan.name));
    let store = CellStore::new(&folder);
    if args.dry_run {
        return dry_run(&plan, &store, args.threads);
    }
    let progress = Arc::new(Progress::new());
    if let Err(why) = stop_on_interrupt(&progress) {
        return Ok(Ending::Failed(why));
    }
    let record = match run(&plan, &store, args.threads, &progress) {
        Ok(record) => record,
        Err(StudyError::Stopped) => {
            terminal::complain("stopped; the same command goes on with what is left\n");
            return Ok(Ending::Interrupted);
        }
        Err(error @ StudyError::NoMetric { .. }) => {
            return Ok(Ending::BadInput(format!(
                "{}: {error}\n",
                args.file.display()
            )));
        }
        Err(error) => return Ok(Ending::Failed(error.to_string())),
    };
    terminal::print(&report::sweep_page(&plan, &record, &terminal::style()))?;
    match keep(&folder, &plan, &record) {
        Ok(names) => {
            let shown = folder.display().to_string();
            terminal::print(&report::text::files(&shown, &names, &terminal::style()))?;
        }
        Err(why) => return Ok(Ending::Failed(why)),
    }
    let broken: u64 = record.results.iter().map(|result| result.violations).sum();
    if broken > 0 {
        return Ok(Ending::Failed(format!(
            "{broken} broken invariants of stormglass itself; please report them with the experiment"
        )));
    }
    Ok(Ending::Done)
}

fn plan(file: &Path) -> Result<SweepPlan, String> {
    let (width, color) = terminal::error_style();
    let experiment = model::load_experiment(file).map_err(|report| report.render(width, color))?;
    SweepPlan::new(&experiment, &crate::implementations::registry(), &program()).map_err(|error| {
        match &error {
            PlanError::Model { report, .. } => {
                format!("{error}:\n{}", report.render(width, color))
            }
            PlanError::Points(_) => format!("{}: {error}\n", file.display()),
        }
    })
}

/// Stands for the code: results of another build are not taken for results of this one.
fn program() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let file = std::env::current_exe().and_then(std::fs::read);
    file.map_or_else(|_| version.to_owned(), |bytes| study::sweep::digest(&bytes))
}

fn run(
    plan: &SweepPlan,
    store: &CellStore,
    threads: Option<u16>,
    progress: &Progress,
) -> Result<SweepRecord, StudyError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, usize::from))
        .build()
        .expect("threads can be started");
    let work = || study::sweep::sweep(plan, |_| true, store, &Options::default(), progress);
    watched(progress, || pool.install(work))
}

/// Counts the runs, and measures one of the middle cell to say how long they would take.
fn dry_run(
    plan: &SweepPlan,
    store: &CellStore,
    threads: Option<u16>,
) -> Result<Ending, Unwritable> {
    let missing = plan
        .cells
        .iter()
        .filter(|cell| store.get(&cell.key).is_none());
    let missing = missing.count();
    let (min, max) = (plan.replications.min, plan.replications.max);
    let runs = |each: u32| missing as u64 * u64::from(each);
    let mut text = format!(
        "{}: {} cells, {} of them finished\n",
        plan.name,
        plan.cells.len(),
        plan.cells.len() - missing
    );
    text.push_str(&if min == max {
        format!("runs left: {}\n", runs(min))
    } else {
        format!("runs left: {} to {}\n", runs(min), runs(max))
    });
    let middle = &plan.cells[plan.cells.len() / 2];
    if missing > 0
        && let Some(one) = study::sweep::seconds_of_one(middle, &Options::default())
    {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.map_or(cores, usize::from) as f64;
        let least = one * runs(min) as f64 / threads;
        let most = one * runs(max) as f64 / threads;
        text.push_str(&if min == max {
            format!("about {} on {threads} threads\n", span(least))
        } else {
            format!(
                "about {} to {} on {threads} threads\n",
                span(least),
                span(most)
            )
        });
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

fn keep(folder: &Path, plan: &SweepPlan, record: &SweepRecord) -> Result<Vec<String>, String> {
    let files: Vec<(String, Vec<u8>)> = report::sweep_files(plan, record)
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|file| (file.name, file.bytes))
        .collect();
    study::write_files(folder, &files).map_err(|error| error.to_string())?;
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

fn usual_folder(name: &str) -> PathBuf {
    Path::new("output").join(safe_name(name))
}
