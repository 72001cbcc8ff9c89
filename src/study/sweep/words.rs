//! Paths and commands in words that a shell takes.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// A path without detours: `experiments/../models/m.yaml` is `models/m.yaml`, unless a link on the
/// way makes that another file.
pub(crate) fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match (part, plain.components().next_back()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                plain.pop();
            }
            _ => plain.push(part),
        }
    }
    match (fs::canonicalize(path), fs::canonicalize(&plain)) {
        (Ok(one), Ok(other)) if one == other => plain,
        _ => path.to_owned(),
    }
}

/// A path for people and commands.
pub(crate) fn shown_path(path: &Path) -> String {
    path.display().to_string()
}

/// A command for a POSIX shell.
pub(crate) fn shell_line<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_-./:=,%+@".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detours_are_left_out_where_they_lead_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("experiments")).unwrap();
        fs::write(dir.path().join("m.yaml"), "").unwrap();
        let detour = dir.path().join("experiments/.././m.yaml");
        assert_eq!(plain_path(&detour), dir.path().join("m.yaml"));
        let above = Path::new("../not-there/../m.yaml");
        assert_eq!(plain_path(above), above);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_on_the_way_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("far/away")).unwrap();
        fs::write(dir.path().join("far/m.yaml"), "far").unwrap();
        fs::write(dir.path().join("m.yaml"), "near").unwrap();
        std::os::unix::fs::symlink(dir.path().join("far/away"), dir.path().join("link")).unwrap();
        let through = dir.path().join("link/../m.yaml");
        assert_eq!(fs::read(plain_path(&through)).unwrap(), b"far");
    }

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let line = shell_line(["stormglass", "--set", "a.b={c: [1, 2]}", "it's", ""]);
        assert_eq!(line, r"stormglass --set 'a.b={c: [1, 2]}' 'it'\''s' ''");
    }
}
