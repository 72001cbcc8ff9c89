//! The only writer of the output folder.
//!
//! A file appears whole or not at all: it is written beside its place and renamed, so that a
//! reader, or a run that was killed, never leaves half a table. It refuses to know what is in the
//! files.

use crate::StudyError;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// Writes the files into the folder, which is made when it is not there, and returns their paths
/// in the same order. Files of the same name are replaced; others are left alone. A name may have
/// folders of its own (`charts/latency.svg`), but can not leave the folder.
///
/// # Errors
/// [`StudyError::Output`] names the path that could not be written, and says what to do.
pub fn write_files<N, B>(dir: &Path, files: &[(N, B)]) -> Result<Vec<PathBuf>, StudyError>
where
    N: AsRef<str>,
    B: AsRef<[u8]>,
{
    files
        .iter()
        .map(|(name, bytes)| write_file(dir, name.as_ref(), bytes.as_ref()))
        .collect()
}

fn write_file(dir: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, StudyError> {
    let path = dir.join(name);
    let inside = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let (Some(folder), Some(file), true) = (path.parent(), Path::new(name).file_name(), inside)
    else {
        let error = io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a file name inside the folder",
        );
        return Err(StudyError::output(&path, error));
    };
    fs::create_dir_all(folder).map_err(|error| StudyError::output(folder, error))?;
    // The process's number keeps two runs into one folder from writing the same file.
    let mut beside = file.to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = folder.join(beside);
    let written = fs::File::create(&beside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&beside, &path));
    if let Err(error) = written {
        // What is left of it is of no use; that it can't be removed either says nothing new.
        let _ = fs::remove_file(&beside);
        return Err(StudyError::output(&path, error));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_whole_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("runs/checkout");
        let paths = write_files(&dir, &[("a.json", "{}"), ("charts/b.svg", "<svg/>")]).unwrap();
        assert_eq!(paths, [dir.join("a.json"), dir.join("charts/b.svg")]);
        write_files(&dir, &[("a.json", b"[1]")]).unwrap();
        assert_eq!(fs::read(&paths[0]).unwrap(), b"[1]");
        assert_eq!(fs::read(&paths[1]).unwrap(), b"<svg/>");
        // Nothing else is left.
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
    }

    #[test]
    fn names_stay_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["../a", "/a", "b/../../a", ""] {
            let error = write_files(dir.path(), &[(name, "")]).unwrap_err();
            assert!(
                error.to_string().contains("not a file name"),
                "{name}: {error}"
            );
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_error_names_the_path_and_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("taken");
        fs::write(&file, "").unwrap();
        let error = write_files(&file, &[("a.json", "{}")])
            .unwrap_err()
            .to_string();
        assert!(error.contains(&file.display().to_string()), "{error}");
        assert!(error.contains("--out"), "{error}");
        // A folder can't be replaced by a file, and leaves nothing behind.
        fs::create_dir(dir.path().join("b.json")).unwrap();
        assert!(write_files(dir.path(), &[("b.json", "{}")]).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
