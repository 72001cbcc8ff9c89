//! YAML text to a tree in which everything knows where it stands.
//!
//! The tree is what `--set` edits and what the readers interpret. It refuses to know what any key
//! means; it knows YAML, and what of YAML a model may not use.

use crate::problem::{Problem, Span};
use granit_parser::{Event, Parser, ScalarStyle, ScanError};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The largest tree, aliases expanded: 8 MiB of text hold fewer unless aliases multiply it.
const MAX_NODES: usize = 2_000_000;
/// The deepest nesting of lists and maps; 32 levels of steps take four each.
const MAX_DEPTH: usize = 200;

/// A value of the tree.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// From its first to its last byte.
    pub(crate) extent: Span,
    /// Where to point at: the value itself where it stands on one line, else the key it belongs to.
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the file, without duplicates.
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Written without quotes, so that it may be a number.
    pub(crate) plain: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl Node {
    /// A map without entries that stands for what was not written.
    pub(crate) fn empty_map(span: Span) -> Self {
        Self {
            kind: Kind::Map(Vec::new()),
            extent: span,
            span,
        }
    }

    /// A scalar that stands for what was not written, such as a default.
    pub(crate) fn plain(text: &str, span: Span) -> Self {
        let scalar = Scalar {
            text: text.to_owned(),
            plain: true,
        };
        Self {
            kind: Kind::Scalar(scalar),
            extent: span,
            span,
        }
    }

    /// The value of a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// What is there, for messages: "`5`", "a list", "a map with `a`, `b`".
    pub(crate) fn shown(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Scalar(s) if s.plain => format!("`{}`", shortened(&s.text)),
            Kind::Scalar(s) => format!("`\"{}\"`", shortened(&s.text)),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(entries) if entries.is_empty() => "an empty map".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }

    /// The keys from here to what stands at `at`, joined by dots after `base`.
    pub(crate) fn path_to(&self, at: Span, base: &str) -> String {
        let mut path = base.to_owned();
        let mut node = self;
        loop {
            let found = match &node.kind {
                Kind::Map(entries) => entries
                    .iter()
                    .filter(|(key, value)| {
                        key.span == at || key.span.start <= at.start && at.end <= value.extent.end
                    })
                    .next_back()
                    .map(|(key, value)| (key.text.clone(), value, key.span == at)),
                Kind::List(items) => {
                    let holds =
                        |item: &Node| item.extent.start <= at.start && at.end <= item.extent.end;
                    let index = items.iter().rposition(holds);
                    index.map(|i| (i.to_string(), &items[i], false))
                }
                _ => None,
            };
            let Some((segment, next, arrived)) = found else {
                return path;
            };
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&shortened(&segment));
            if arrived {
                return path;
            }
            node = next;
        }
    }

    fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::List(items) => items.iter().map(Self::size).sum(),
            Kind::Map(entries) => entries.iter().map(|(_, value)| value.size()).sum(),
            _ => 0,
        }
    }
}

/// At most 60 characters of a text, on one line.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    if text.chars().count() <= 60 && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let head = text
        .chars()
        .take(57)
        .map(|c| if c.is_control() { ' ' } else { c });
    Cow::Owned(head.chain("...".chars()).collect())
}

/// Reads one YAML document. Problems that leave the rest readable are noted and read over; `None`
/// when nothing is left to interpret.
pub(crate) fn parse(text: &str, source: u32, problems: &mut Vec<Problem>) -> Option<Node> {
    let mut options = granit_parser::options! { emit_unresolved_aliases: true };
    options.set_emit_comments(false);
    let mut builder = Builder {
        text,
        source,
        open: Vec::new(),
        root: None,
        anchors: BTreeMap::new(),
        nodes: 0,
        problems,
    };
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                builder.syntax(&error);
                return None;
            }
        };
        let at = builder.span(span);
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    builder.problem(at, "a second document begins here").help =
                        Some("a model is one YAML document: remove what follows `---`".to_owned());
                    return None;
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                builder.refuse_tag(tag.is_some(), at);
                let plain = style == ScalarStyle::Plain;
                let kind = if plain && matches!(&*value, "" | "~" | "null") {
                    Kind::Null
                } else {
                    Kind::Scalar(Scalar {
                        text: value.into_owned(),
                        plain,
                    })
                };
                builder.add(
                    Node {
                        kind,
                        extent: at,
                        span: at,
                    },
                    anchor,
                    1,
                )?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                builder.refuse_tag(tag.is_some(), at);
                builder.open(Frame {
                    start: at,
                    anchor,
                    kind: Collection::List(Vec::new()),
                })?;
            }
            Event::MappingStart(_, anchor, tag) => {
                builder.refuse_tag(tag.is_some(), at);
                builder.open(Frame {
                    start: at,
                    anchor,
                    kind: Collection::Map(Vec::new(), None),
                })?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close(at)?,
            Event::Alias(anchor) => builder.alias(anchor, at)?,
            Event::UnresolvedAlias(name) => {
                let name = shortened(&name).into_owned();
                builder.problem(
                    at,
                    format!("`*{name}` names no anchor: there is no `&{name}` before it"),
                );
                builder.add(
                    Node {
                        kind: Kind::Null,
                        extent: at,
                        span: at,
                    },
                    0,
                    1,
                )?;
            }
            _ => {}
        }
    }
    builder.root
}

/// A list or map whose end has not come yet.
struct Frame {
    start: Span,
    anchor: usize,
    kind: Collection,
}

enum Collection {
    List(Vec<Node>),
    /// The entries, and the key whose value comes next; a key that is refused is `Err`.
    Map(Vec<(Key, Node)>, Option<Result<Key, ()>>),
}

struct Builder<'a> {
    text: &'a str,
    source: u32,
    open: Vec<Frame>,
    root: Option<Node>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    problems: &'a mut Vec<Problem>,
}

impl Builder<'_> {
    fn span(&self, span: granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let clip = |offset: usize| offset.min(self.text.len()) as u32;
        Span {
            source: self.source,
            start: clip(range.start),
            end: clip(range.end.max(range.start)),
        }
    }

    fn problem(&mut self, at: Span, message: impl Into<String>) -> &mut Problem {
        self.problems.push(Problem::new(at, message));
        self.problems.last_mut().expect("just pushed")
    }

    fn syntax(&mut self, error: &ScanError) {
        let offset = error
            .marker()
            .byte_offset()
            .unwrap_or(0)
            .min(self.text.len()) as u32;
        let at = Span {
            source: self.source,
            start: offset,
            end: offset,
        };
        let what = error.info();
        let tab = self.text[..offset as usize]
            .rsplit('\n')
            .next()
            .is_some_and(|line| line.contains('\t'))
            || self.text[offset as usize..].starts_with('\t');
        let problem = self.problem(at, format!("this is not YAML: {what}"));
        if tab {
            problem.help = Some("YAML is indented with spaces, not with tabs".to_owned());
        }
    }

    fn refuse_tag(&mut self, tagged: bool, at: Span) {
        if tagged {
            self.problem(at, "tags (`!…`) are no part of the model language");
        }
    }

    /// `None` when the tree has become too large.
    fn count(&mut self, nodes: usize, at: Span) -> Option<()> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            self.problem(
                at,
                format!("the model has more than {MAX_NODES} values, aliases expanded"),
            );
            return None;
        }
        Some(())
    }

    fn open(&mut self, frame: Frame) -> Option<()> {
        if self.open.len() >= MAX_DEPTH {
            self.problem(
                frame.start,
                format!("lists and maps are nested more than {MAX_DEPTH} deep"),
            );
            return None;
        }
        self.count(1, frame.start)?;
        self.open.push(frame);
        Some(())
    }

    fn close(&mut self, end: Span) -> Option<()> {
        let frame = self.open.pop()?;
        let (kind, first) = match frame.kind {
            Collection::List(items) => {
                let first = items.first().map(|item| item.span);
                (Kind::List(items), first)
            }
            Collection::Map(entries, _) => {
                let first = entries.first().map(|(key, _)| key.span);
                (Kind::Map(entries), first)
            }
        };
        let extent = Span {
            end: end.end.max(frame.start.start),
            ..frame.start
        };
        let lines = self
            .text
            .get(extent.start as usize..extent.end as usize)
            .unwrap_or("");
        let span = if lines.contains('\n') {
            first.unwrap_or(frame.start)
        } else {
            extent
        };
        self.add(Node { kind, extent, span }, frame.anchor, 0)
    }

    fn alias(&mut self, anchor: usize, at: Span) -> Option<()> {
        let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
            self.problem(at, "this alias stands inside what it refers to");
            return self.add(
                Node {
                    kind: Kind::Null,
                    extent: at,
                    span: at,
                },
                0,
                1,
            );
        };
        self.add(node, 0, size)
    }

    /// Puts a finished node where it belongs: the root, a list, a key, or the value of a key.
    fn add(&mut self, mut node: Node, anchor: usize, nodes: usize) -> Option<()> {
        self.count(nodes, node.span)?;
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), node.size()));
        }
        let Some(frame) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match &mut frame.kind {
            Collection::List(items) => items.push(node),
            Collection::Map(entries, waiting) => match waiting.take() {
                None => {
                    let at = node.span;
                    let key = match node.kind {
                        Kind::Scalar(scalar) => Ok(Key {
                            text: scalar.text,
                            span: at,
                        }),
                        Kind::Null => Ok(Key {
                            text: "null".to_owned(),
                            span: at,
                        }),
                        Kind::List(_) | Kind::Map(_) => Err(()),
                    };
                    let key = key.and_then(|key| {
                        match entries.iter().find(|(k, _)| k.text == key.text) {
                            None => Ok(key),
                            Some((earlier, _)) => {
                                let mut problem = Problem::new(
                                    at,
                                    format!("the key `{}` is here twice", shortened(&key.text)),
                                );
                                problem.notes.push((earlier.span, "first here".to_owned()));
                                self.problems.push(problem);
                                Err(())
                            }
                        }
                    });
                    if key.is_err() && self.problems.last().is_none_or(|p| p.span != at) {
                        self.problems.push(Problem::new(
                            at,
                            "a key is a plain word, not a list or a map",
                        ));
                    }
                    *waiting = Some(key);
                }
                Some(Ok(key)) => {
                    let lines = self
                        .text
                        .get(node.extent.start as usize..node.extent.end as usize);
                    let collection = matches!(node.kind, Kind::List(_) | Kind::Map(_));
                    if collection && lines.is_some_and(|l| l.contains('\n'))
                        || node.extent.start == node.extent.end
                    {
                        node.span = key.span;
                    }
                    entries.push((key, node));
                }
                Some(Err(())) => {}
            },
        }
        Some(())
    }
}
