//! `stormglass new`: files to start from. It never overwrites.

use crate::ending::Ending;
use crate::terminal::{self, Unwritable};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// What is written: names and contents.
const FILES: [(&str, &str); 2] = [
    ("model.yaml", include_str!("starter/model.yaml")),
    ("experiment.yaml", include_str!("starter/experiment.yaml")),
];

/// Writes all files, or none when one of them is there already.
pub(crate) fn new(dir: &Path) -> Result<Ending, Unwritable> {
    for (name, _) in FILES {
        let path = dir.join(name);
        if path.symlink_metadata().is_ok() {
            return Ok(Ending::BadInput(format!(
                "error: `{}` is there already; nothing was written\n",
                path.display()
            )));
        }
    }
    if let Err(error) = fs::create_dir_all(dir) {
        return Ok(unwritable(dir, &error));
    }
    for (name, text) in FILES {
        let path = dir.join(name);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        if let Err(error) = written {
            return Ok(unwritable(&path, &error));
        }
        terminal::print(&format!("wrote {}\n", path.display()))?;
    }
    let model = dir.join(FILES[0].0);
    terminal::print(&format!("\nnext: stormglass run {}\n", model.display()))?;
    Ok(Ending::Done)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Ending {
    let message = format!("cannot write `{}`: {error}", path.display());
    match error.kind() {
        // The user's path is wrong, not the machine.
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            Ending::BadInput(format!("error: {message}\n"))
        }
        _ => Ending::Failed(message),
    }
}
