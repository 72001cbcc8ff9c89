//! `stormglass check`: what is wrong with model files.

use crate::args::CheckArgs;
use crate::ending::Ending;
use crate::implementations::registry;
use crate::terminal::{self, Unwritable};

/// Reads every file, also after one that is wrong. Warnings are mistakes only where that was asked.
pub(crate) fn check(args: &CheckArgs) -> Result<Ending, Unwritable> {
    let (width, color) = terminal::error_style();
    let mut mistakes = String::new();
    for file in &args.files {
        match model::load_with(file, &[], &registry()) {
            Ok(loaded) => {
                let warnings = model::lint(&loaded);
                let count = match warnings.len() {
                    0 => String::new(),
                    1 => ", with 1 warning".to_owned(),
                    n => format!(", with {n} warnings"),
                };
                terminal::print(&format!("{}: sound{count}\n", file.display()))?;
                let drawn = warnings
                    .iter()
                    .map(|warning| warning.render(width, color) + "\n");
                if args.strict {
                    mistakes.extend(drawn);
                } else {
                    terminal::complain(&drawn.collect::<String>());
                }
            }
            Err(report) => mistakes.push_str(&report.render(width, color)),
        }
    }
    Ok(if mistakes.is_empty() {
        Ending::Done
    } else {
        Ending::BadInput(mistakes)
    })
}
