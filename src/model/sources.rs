//! The texts that a model was read from, and where in them each thing stands.

use crate::problem::{Problem, Span};
use crate::report::{Diagnostic, Location};
use crate::set::{Set, find};
use crate::tree::Node;
use miette::{LabeledSpan, NamedSource, Severity};
use std::sync::Arc;

/// Where each named thing of a model stands.
#[derive(Clone, Debug)]
pub struct Sources {
    pub(crate) texts: Vec<Text>,
    /// The tree that was interpreted, `--set`s included.
    pub(crate) tree: Option<Node>,
}

/// A file, or a `--set`.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) text: Arc<str>,
    /// The path that its tree belongs under.
    pub(crate) base: String,
    pub(crate) tree: Option<Node>,
}

impl Text {
    pub(crate) fn of_set(set: &Set) -> Self {
        Self {
            name: "--set".to_owned(),
            text: format!("{}={}", set.path, set.value).into(),
            base: set.path.clone(),
            tree: None,
        }
    }
}

impl Sources {
    /// Where the thing at a path stands, such as `services.order` or `policies.interactive.retry`.
    pub fn locate(&self, path: &str) -> Option<Location> {
        Some(self.location(self.span_of(path)?))
    }

    /// A warning about the thing at a path, or about the whole file where there is no such thing.
    pub fn warning(
        &self,
        path: &str,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Diagnostic {
        let mut problem = Problem::new(self.span_of(path).unwrap_or(Span::START), message);
        problem.help = help;
        Diagnostic {
            key: path.to_owned(),
            severity: Severity::Warning,
            ..self.describe(&problem)
        }
    }

    fn span_of(&self, path: &str) -> Option<Span> {
        find(self.tree.as_ref()?, path)
    }

    /// The line and column of a place.
    fn location(&self, span: Span) -> Location {
        let text = &self.texts[span.source as usize];
        let before = &text.text[..floor(&text.text, span.start)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let bom = usize::from(line_start == 0 && before.starts_with('\u{feff}'));
        Location {
            file: text.name.clone(),
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1 - bom,
        }
    }

    /// A problem, with the names of where it is.
    pub(crate) fn describe(&self, problem: &Problem) -> Diagnostic {
        let text = &self.texts[problem.span.source as usize];
        let key = text.tree.as_ref().map_or_else(
            || text.base.clone(),
            |tree| tree.path_to(problem.span, &text.base),
        );
        let label = |span: Span, note: Option<String>| {
            let (start, end) = (floor(&text.text, span.start), floor(&text.text, span.end));
            LabeledSpan::new(note, start, end - start)
        };
        let here = label(problem.span, None);
        let mut labels = vec![LabeledSpan::new_primary_with_span(None, *here.inner())];
        // A snippet shows one text.
        let notes = problem
            .notes
            .iter()
            .filter(|(at, _)| at.source == problem.span.source && *at != problem.span);
        labels.extend(notes.map(|(at, note)| label(*at, Some(note.clone()))));
        let short = labels
            .iter()
            .all(|label| line_length(&text.text, label.offset()) <= LONGEST_LINE);
        Diagnostic {
            location: self.location(problem.span),
            key,
            message: problem.message.clone(),
            help: problem.help.clone(),
            severity: Severity::Error,
            labels,
            source: short.then(|| NamedSource::new(&text.name, Arc::clone(&text.text))),
        }
    }
}

/// Lines beyond this many bytes are not drawn.
const LONGEST_LINE: usize = 400;

fn line_length(text: &str, offset: usize) -> usize {
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[offset..]
        .find('\n')
        .map_or(text.len(), |newline| offset + newline);
    end - start
}

/// The nearest boundary of a character at or before an offset.
fn floor(text: &str, offset: u32) -> usize {
    text.floor_char_boundary(offset as usize)
}
