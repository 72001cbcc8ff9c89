//! What is wrong, and where: the reader's own notes, before they become a [`crate::Report`].

/// A range of bytes of one of the texts that a model is read from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Span {
    /// 0 is the file; the `--set`s follow, in order.
    pub(crate) source: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Stands for the whole of a list or map that takes several lines, by its first words.
    pub(crate) block: bool,
}

impl Span {
    /// The very beginning of the file.
    pub(crate) const START: Self = Self {
        source: 0,
        start: 0,
        end: 0,
        block: false,
    };

    /// Whether both are of one text, and `other` lies within.
    pub(crate) fn holds(self, other: Self) -> bool {
        self.source == other.source && self.start <= other.start && other.end <= self.end
    }
}

/// One mistake.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// Other places that have to do with it.
    pub(crate) notes: Vec<(Span, String)>,
    /// It follows from another problem, and is not told.
    pub(crate) implied: bool,
}

impl Problem {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
            notes: Vec::new(),
            implied: false,
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
