//! What is wrong, and where: the reader's own notes, before they become a [`crate::Report`].

/// A range of bytes of one of the texts that a model is read from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Span {
    /// 0 is the file; the `--set`s follow, in order.
    pub(crate) source: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// One mistake.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// Other places that have to do with it.
    pub(crate) notes: Vec<(Span, String)>,
}

impl Problem {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
            notes: Vec::new(),
        }
    }

    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn note(&mut self, at: Span, note: impl Into<String>) -> &mut Self {
        self.notes.push((at, note.into()));
        self
    }
}
