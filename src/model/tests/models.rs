//! Every model of the repository is read, and checked against the schema.

use std::path::{Path, PathBuf};

fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of models")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_model_of_the_repository_is_read() {
    let files = models();
    assert!(!files.is_empty());
    for file in files {
        if let Err(report) = stormglass_model::load(&file, &[]) {
            panic!("{}", report.render(100, false));
        }
    }
}
