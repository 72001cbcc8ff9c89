//! Which build this is.

use study::sweep::Program;

/// Stands for the code: results of another build are not taken for results of this one.
pub(crate) fn program() -> Program {
    let version = env!("CARGO_PKG_VERSION");
    let file = std::env::current_exe().and_then(std::fs::read);
    Program {
        version: version.to_owned(),
        hash: file.map_or_else(|_| version.to_owned(), |bytes| study::sweep::digest(&bytes)),
    }
}
