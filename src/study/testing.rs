//! Models for tests, as text.

use model::{Files, Model};
use std::io;

/// Reads a model that needs no other file.
pub(crate) fn model(text: &str) -> Model {
    match model::read(text, "test.yaml", &NoFiles, &[]) {
        Ok(loaded) => loaded.model,
        Err(report) => panic!("{}", report.render(100, false)),
    }
}

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> io::Result<String> {
        Err(io::Error::new(io::ErrorKind::NotFound, path))
    }
}
