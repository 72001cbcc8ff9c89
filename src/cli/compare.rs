//! `stormglass compare`: several settings under the same random numbers, and what differs.

use crate::args::{CompareArgs, CompareFormat};
use crate::ending::Ending;
use crate::implementations::registry;
use crate::progress::{stop_on_interrupt, watched};
use crate::run::safe_name;
use crate::terminal::{self, Unwritable};
use model::Set;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use study::compare::{ComparePlan, Comparison, Setting};
use study::{Progress, StudyError};

/// So many pairs when neither the model nor the command says how many.
const USUAL: u32 = 10;

/// Reads, runs, shows, keeps.
pub(crate) fn compare(args: &CompareArgs) -> Result<Ending, Unwritable> {
    let settings = match settings(args) {
        Ok(settings) => settings,
        Err(mistakes) => return Ok(Ending::BadInput(mistakes)),
    };
    let plan = plan(args, &settings);
    let progress = Arc::new(Progress::new());
    if let Err(why) = stop_on_interrupt(&progress) {
        return Ok(Ending::Failed(why));
    }
    let record = match simulate(&settings, &plan, args.threads, &progress) {
        Ok(record) => record,
        Err(ending) => return Ok(ending),
    };
    if let Some(failure) = show_and_keep(args, &record)? {
        return Ok(Ending::Failed(failure));
    }
    if record.violations > 0 {
        return Ok(Ending::Failed(format!(
            "{} broken invariants of stormglass itself; please report them with the models. \
             `stormglass run` with the same seed shows them",
            record.violations
        )));
    }
    if record.precise == Some(false) {
        return Ok(Ending::Imprecise);
    }
    Ok(Ending::Done)
}

/// The first file, the other files, the variants of the first; all mistakes at once.
fn settings(args: &CompareArgs) -> Result<Vec<Setting>, String> {
    let mut mistakes = String::new();
    let mut settings: Vec<Setting> = Vec::new();
    let mut add = |name: String, file: &Path, sets: Vec<Set>| {
        let (width, color) = terminal::error_style();
        match model::load_with(file, &sets, &registry()) {
            Ok(loaded) => settings.push(Setting {
                name,
                file: file.display().to_string(),
                sets: sets.iter().map(Set::to_string).collect(),
                model: loaded.model,
            }),
            Err(report) => mistakes.push_str(&report.render(width, color)),
        }
    };
    let stems: Vec<String> = args.files.iter().map(|file| stem(file)).collect();
    for (file, stem) in args.files.iter().zip(&stems) {
        let same = stems.iter().filter(|other| *other == stem).count() > 1;
        let name = if same {
            file.display().to_string()
        } else {
            stem.clone()
        };
        add(name, file, args.sets.clone());
    }
    for (i, variant) in args.with.iter().enumerate() {
        let letter = || {
            let number = args.files.len() + i;
            let letter = u8::try_from(number).ok().filter(|n| *n < 26);
            letter.map_or_else(
                || format!("setting {}", number + 1),
                |letter| char::from(b'A' + letter).to_string(),
            )
        };
        let name = variant.name.clone().unwrap_or_else(letter);
        let sets = [&args.sets[..], &variant.sets].concat();
        add(name, &args.files[0], sets);
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    if settings.len() < 2 {
        return Err(
            "error: there is nothing to compare with; name a second model, or say what \
                    changes with `--with PATH=VALUE`\n"
                .to_owned(),
        );
    }
    for (i, setting) in settings.iter().enumerate() {
        if settings[..i].iter().any(|other| other.name == setting.name) {
            return Err(format!(
                "error: two settings are called `{0}`; write `--with \"NAME: PATH=VALUE\"`, and \
                 name each file once\n",
                setting.name
            ));
        }
    }
    Ok(settings)
}

fn plan(args: &CompareArgs, settings: &[Setting]) -> ComparePlan {
    let of_model = Some(settings[0].model.run.replications).filter(|n| *n > 1);
    let replications = args.replications.or(of_model).unwrap_or(USUAL);
    ComparePlan {
        seed: args.seed,
        replications,
        precision: args.precision.clone(),
        most: args.max_replications.max(replications),
        metrics: args.metrics.clone(),
        correction: args.correction.into(),
        limits: Default::default(),
    }
}

fn simulate(
    settings: &[Setting],
    plan: &ComparePlan,
    threads: Option<u16>,
    progress: &Progress,
) -> Result<Comparison, Ending> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, usize::from))
        .build()
        .map_err(|error| Ending::Failed(format!("cannot start threads: {error}")))?;
    let work = || pool.install(|| study::compare::compare(settings, plan, progress));
    watched(progress, work).map_err(|error| match error {
        StudyError::Stopped => {
            terminal::complain(&format!("{error}\n"));
            Ending::Interrupted
        }
        StudyError::NoMetric { .. } | StudyError::Width { .. } => {
            Ending::BadInput(format!("error: {error}\n"))
        }
        other => Ending::Failed(other.to_string()),
    })
}

/// Prints first: when the files cannot be written, what was measured has been seen. Gives the
/// reason when they cannot.
fn show_and_keep(args: &CompareArgs, record: &Comparison) -> Result<Option<String>, Unwritable> {
    let style = terminal::style();
    let text = args.format == CompareFormat::Text;
    let folder = if text {
        terminal::print(&report::compare_page(record, &style))?;
        Some(args.out.clone().unwrap_or_else(|| usual_folder(record)))
    } else {
        terminal::print(&study::comparison_to_json(record))?;
        terminal::print("\n")?;
        args.out.clone()
    };
    let Some(folder) = folder else {
        return Ok(None);
    };
    match keep(&folder, record) {
        Ok(names) if text => {
            let shown = folder.display().to_string();
            terminal::print(&report::text::files(&shown, &names, &style))?;
            Ok(None)
        }
        Ok(_) => Ok(None),
        Err(why) => Ok(Some(why)),
    }
}

fn keep(folder: &Path, record: &Comparison) -> Result<Vec<String>, String> {
    let mut files: Vec<(String, Vec<u8>)> = report::compare_files(record)
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|file| (file.name, file.bytes))
        .collect();
    let json = study::comparison_to_json(record) + "\n";
    files.push(("comparison.json".into(), json.into_bytes()));
    study::write_files(folder, &files).map_err(|error| error.to_string())?;
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// `output/FIRST-against-OTHERS`, with no more names than are short.
fn usual_folder(record: &Comparison) -> PathBuf {
    let first = &record.settings[0].name;
    let name = match &record.settings[..] {
        [_, one] => format!("{}-against-{first}", one.name),
        all => format!("{}-settings-against-{first}", all.len() - 1),
    };
    Path::new("output").join(safe_name(&name))
}

fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or(file.as_os_str());
    stem.to_string_lossy().into_owned()
}
