//! `stormglass report`: a folder that a command left, as one file for a browser.

use crate::args::ReportArgs;
use crate::ending::Ending;
use crate::terminal::{self, Unwritable};
use report::About;
use std::path::{Path, PathBuf};
use study::StudyError;

/// The name of the file, where nobody says another.
const USUAL: &str = "report.html";

/// Reads, draws, writes, says where.
pub(crate) fn report(args: &ReportArgs) -> Result<Ending, Unwritable> {
    let found = match study::folder::read(&args.dir) {
        Ok(found) => found,
        Err(error @ StudyError::Folder { .. }) => {
            return Ok(Ending::BadInput(format!("error: {error}\n")));
        }
        Err(error) => return Ok(Ending::Failed(error.to_string())),
    };
    let about = About {
        title: args.title.clone(),
        manifest: std::fs::read_to_string(args.dir.join("manifest.json")).ok(),
    };
    let page = report::html(&found, &about);
    let out = args.out.clone().unwrap_or_else(|| args.dir.join(USUAL));
    let (folder, name) = match split(&out) {
        Ok(parts) => parts,
        Err(why) => return Ok(Ending::BadInput(format!("error: {why}\n"))),
    };
    if let Err(error) = study::write_files(&folder, &[(name, page)]) {
        return Ok(Ending::Failed(error.to_string()));
    }
    terminal::print(&format!("{}\n", out.display()))?;
    Ok(Ending::Done)
}

/// The folder of a file and its name in it.
fn split(out: &Path) -> Result<(PathBuf, String), String> {
    let name = out.file_name().and_then(|name| name.to_str());
    match name {
        Some(name) if !out.is_dir() => {
            let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
            Ok((folder.unwrap_or(Path::new(".")).to_owned(), name.to_owned()))
        }
        _ => Err(format!(
            "`--out {}` names no file; say one, such as `{}`",
            out.display(),
            out.join(USUAL).display()
        )),
    }
}
