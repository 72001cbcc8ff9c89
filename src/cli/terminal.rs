//! What the terminal is like, and writing to it.

use report::Style;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Without a terminal, and the widest that lines of text are still easy to read.
const USUAL_WIDTH: usize = 80;
const WIDEST: usize = 120;

/// Why output could not be written.
pub(crate) enum Unwritable {
    /// The reader has gone.
    NobodyReads,
    /// Something else: a full disk, ….
    Failed(io::Error),
}

/// What standard output can show. `NO_COLOR`, `CLICOLOR_FORCE` and `TERM` are heeded.
pub(crate) fn style() -> Style {
    let out = io::stdout();
    let is_terminal = out.is_terminal();
    Style {
        color: anstream::AutoStream::choice(&out) != anstream::ColorChoice::Never,
        width: width(is_terminal),
        unicode: !is_terminal || speaks_unicode(),
    }
}

/// The width of the terminal, and whether standard error shows colours: for errors in a model.
pub(crate) fn error_style() -> (usize, bool) {
    let err = io::stderr();
    let color = anstream::AutoStream::choice(&err) != anstream::ColorChoice::Never;
    (width(err.is_terminal()), color)
}

/// Writes to standard output.
pub(crate) fn print(text: &str) -> Result<(), Unwritable> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Unwritable::NobodyReads,
        _ => Unwritable::Failed(error),
    })
}

/// Writes to standard error; when even that fails, there is nowhere left to say so.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// The terminal's own width. Where there is none, or none that tells (a pipe, a build), `COLUMNS` has a word.
fn width(is_terminal: bool) -> usize {
    let told = || {
        let columns = std::env::var("COLUMNS").ok()?.parse().ok()?;
        (columns > 0).then_some(columns)
    };
    let own = is_terminal.then(terminal_size::terminal_size).flatten();
    own.map(|(width, _)| usize::from(width.0))
        .filter(|width| *width > 0)
        .or_else(told)
        .map_or(USUAL_WIDTH, |width: usize| width.min(WIDEST))
}

/// Whether the locale is one whose letters are Unicode. One that says nothing is taken to be: a
/// container has no locale, but the terminal around it has.
fn speaks_unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
