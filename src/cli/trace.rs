//! `stormglass trace`: single requests of one replication, with everything that was done for them.

use crate::args::{Format, TraceArgs};
use crate::ending::Ending;
use crate::implementations::registry;
use crate::progress::{stop_on_interrupt, watched};
use crate::run::safe_name;
use crate::terminal::{self, Unwritable};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use study::trace::record::Traces;
use study::trace::{TraceOptions, trace as follow};
use study::{Progress, StudyError};

/// Reads, runs, shows, keeps.
pub(crate) fn trace(args: &TraceArgs) -> Result<Ending, Unwritable> {
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
    let options = TraceOptions {
        slowest: args.slowest,
        failed: args.failed,
        replication: args.replication,
        workload: args.workload.clone(),
    };
    let traces = match watched(&progress, || follow(&model, &options, &progress)) {
        Ok(traces) => traces,
        Err(error @ StudyError::Stopped) => {
            terminal::complain(&format!("{error}\n"));
            return Ok(Ending::Interrupted);
        }
        Err(error) => {
            let told = format!("error: {}: {error}\n", args.file.display());
            return Ok(Ending::BadInput(told));
        }
    };
    let style = terminal::style();
    let folder = match args.format {
        Format::Text => {
            terminal::print(&report::trace_page(&traces, &style))?;
            Some(args.out.clone().unwrap_or_else(|| usual_folder(&traces)))
        }
        Format::Json => {
            terminal::print(&study::traces_to_json(&traces))?;
            terminal::print("\n")?;
            args.out.clone()
        }
    };
    let Some(folder) = folder else {
        return Ok(Ending::Done);
    };
    let files = report::trace_files(&traces).into_iter();
    let files: Vec<_> = files.map(|file| (file.name, file.bytes)).collect();
    if let Err(error) = study::write_files(&folder, &files) {
        return Ok(Ending::Failed(error.to_string()));
    }
    if args.format == Format::Text {
        let shown = folder.display().to_string();
        let names: Vec<String> = files.into_iter().map(|(name, _)| name).collect();
        terminal::print(&report::text::files(&shown, &names, &style))?;
    }
    Ok(Ending::Done)
}

/// `output/MODEL-trace`.
fn usual_folder(traces: &Traces) -> PathBuf {
    Path::new("output").join(format!("{}-trace", safe_name(&traces.model)))
}
