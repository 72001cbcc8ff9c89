//! What a user is told about a model that can not be read: all mistakes, each with its place.

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode,
};
use std::fmt;
use std::sync::Arc;

/// All diagnostics of one model, in the order of the file.
///
/// It displays as one line per diagnostic, `file:line:column: key: message`; [`Report::render`]
/// draws the lines of the file as well.
#[derive(Clone, Debug)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
}

/// One mistake, or one warning.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub(crate) location: Location,
    pub(crate) key: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) severity: Severity,
    /// The place itself, then others that have to do with it; byte ranges of `source`.
    pub(crate) labels: Vec<LabeledSpan>,
    /// `None` where its lines are too long to be shown.
    pub(crate) source: Option<NamedSource<Arc<str>>>,
}

/// A place in a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Location {
    /// The file's name as it was given, or `--set`.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Report {
    /// A report of these diagnostics.
    pub(crate) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics }
    }

    /// The diagnostics, at least one.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// All diagnostics with the lines that they are about, `width` columns wide; with colours if
    /// `color`.
    pub fn render(&self, width: usize, color: bool) -> String {
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            text.push_str(&diagnostic.render(width, color));
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{}", diagnostic.line())?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(
            self.diagnostics
                .iter()
                .map(|d| d as &dyn miette::Diagnostic),
        ))
    }
}

impl Diagnostic {
    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The model's keys from the root to it, joined by dots; empty for the whole file.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What may be done about it.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// All on one line: `file:line:column: key: message (help)`.
    pub fn line(&self) -> String {
        let Location { file, line, column } = &self.location;
        let help = self
            .help
            .as_ref()
            .map_or_else(String::new, |help| format!(" ({help})"));
        format!("{file}:{line}:{column}: {self}{help}")
    }

    /// The message with the lines that it is about, `width` columns wide; with colours if `color`.
    pub fn render(&self, width: usize, color: bool) -> String {
        if self.source.is_none() {
            return format!("{}\n", self.line());
        }
        let theme = if color {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(width)
            .with_context_lines(1);
        let mut text = String::new();
        // Writing to a string does not fail; were a source not readable, the message would do.
        if handler.render_report(&mut text, self).is_err() {
            text = format!("{}\n", self.line());
        }
        text
    }
}

/// `key: message`; where it is and what may be done stand beside it.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

/// What miette draws: the message, and the rest beside it.
impl miette::Diagnostic for Diagnostic {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        Some(Box::new(self.labels.iter().cloned()))
    }
}
