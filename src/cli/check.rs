//! `stormglass check`: what is wrong with model files.

use crate::args::CheckArgs;
use crate::ending::Ending;
use crate::terminal::{self, Unwritable};

/// Reads every file, also after one that is wrong.
pub(crate) fn check(args: &CheckArgs) -> Result<Ending, Unwritable> {
    let (width, color) = terminal::error_style();
    let mut mistakes = String::new();
    for file in &args.files {
        match model::load(file, &[]) {
            Ok(_) => terminal::print(&format!("{}: sound\n", file.display()))?,
            Err(report) => mistakes.push_str(&report.render(width, color)),
        }
    }
    Ok(if mistakes.is_empty() {
        Ending::Done
    } else {
        Ending::BadInput(mistakes)
    })
}
