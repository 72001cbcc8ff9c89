//! YAML text to a tree. It knows YAML, and what of YAML a model may not use: tags, several
//! documents, duplicate keys, aliases that blow a file up.

use crate::problem::{Problem, Span};
use crate::tree::{Key, Kind, Node, Scalar, shortened};
use granit_parser::{Event, Parser, ScalarStyle, ScanError};
use std::collections::BTreeMap;

/// The largest tree, aliases expanded: 8 MiB of text hold fewer unless aliases multiply it.
const MAX_NODES: usize = 2_000_000;
/// The deepest nesting of lists and maps; 32 levels of steps take four each.
const MAX_DEPTH: usize = 200;

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
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.event(event, span)?,
            Err(error) => {
                builder.syntax(&error);
                return None;
            }
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
    Map {
        entries: Vec<(Key, Node)>,
        /// Where each key stands.
        seen: BTreeMap<String, Span>,
        /// The key whose value comes next; `Some(None)` when it was refused.
        waiting: Option<Option<Key>>,
    },
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
    /// `None` where reading can not go on.
    fn event(&mut self, event: Event<'_>, span: granit_parser::Span) -> Option<()> {
        let at = self.span(span);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                self.problem(at, "a second document begins here")
                    .help("a model is one YAML document: remove what follows `---`");
                None
            }
            Event::Scalar(value, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), at);
                let plain = style == ScalarStyle::Plain;
                let kind = match &*value {
                    "" | "~" | "null" if plain => Kind::Null,
                    text => Kind::Scalar(Scalar {
                        text: text.to_owned(),
                        plain,
                    }),
                };
                self.add(
                    Node {
                        kind,
                        extent: at,
                        span: at,
                    },
                    anchor,
                    1,
                )
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), at);
                self.open(at, anchor, Collection::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), at);
                let (entries, seen) = (Vec::new(), BTreeMap::new());
                self.open(
                    at,
                    anchor,
                    Collection::Map {
                        entries,
                        seen,
                        waiting: None,
                    },
                )
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(at),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some((node, size)) => self.add(node, 0, size),
                None => {
                    self.problem(at, "this alias stands inside what it refers to");
                    self.refused(at)
                }
            },
            Event::UnresolvedAlias(name) => {
                let name = shortened(&name);
                self.problem(
                    at,
                    format!("`*{name}` names no anchor: there is no `&{name}` before it"),
                );
                self.refused(at)
            }
            _ => Some(()),
        }
    }

    fn span(&self, span: granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let clip = |offset: usize| offset.min(self.text.len()) as u32;
        let (start, end) = (clip(range.start), clip(range.end.max(range.start)));
        Span {
            source: self.source,
            start,
            end,
            block: false,
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
            .min(self.text.len());
        let offset = self.text.floor_char_boundary(offset);
        let (before, after) = self.text.split_at(offset);
        let line = before.rsplit('\n').next().unwrap_or("");
        let tab = after.starts_with('\t') || line.contains('\t');
        let at = offset as u32;
        let at = Span {
            source: self.source,
            start: at,
            end: at,
            block: false,
        };
        let problem = self.problem(at, format!("this is not YAML: {}", error.info()));
        if tab {
            problem.help("YAML is indented with spaces, not with tabs");
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
            let message = format!("the model has more than {MAX_NODES} values, aliases expanded");
            self.problem(at, message);
            return None;
        }
        Some(())
    }

    fn open(&mut self, start: Span, anchor: usize, kind: Collection) -> Option<()> {
        if self.open.len() >= MAX_DEPTH {
            self.problem(
                start,
                format!("lists and maps are nested more than {MAX_DEPTH} deep"),
            );
            return None;
        }
        self.count(1, start)?;
        self.open.push(Frame {
            start,
            anchor,
            kind,
        });
        Some(())
    }

    fn close(&mut self, end: Span) -> Option<()> {
        let frame = self.open.pop()?;
        let (kind, first) = match frame.kind {
            Collection::List(items) => {
                let first = items.first().map(|item| item.span);
                (Kind::List(items), first)
            }
            Collection::Map { entries, .. } => {
                let first = entries.first().map(|(key, _)| key.span);
                (Kind::Map(entries), first)
            }
        };
        let extent = Span {
            end: end.end.max(frame.start.start),
            ..frame.start
        };
        let span = if self.has_several_lines(extent) {
            Span {
                block: true,
                ..first.unwrap_or(frame.start)
            }
        } else {
            extent
        };
        self.add(Node { kind, extent, span }, frame.anchor, 0)
    }

    fn has_several_lines(&self, extent: Span) -> bool {
        let text = self.text.get(extent.start as usize..extent.end as usize);
        text.is_some_and(|text| text.contains('\n'))
    }

    fn refused(&mut self, at: Span) -> Option<()> {
        self.add(
            Node {
                kind: Kind::Refused,
                extent: at,
                span: at,
            },
            0,
            1,
        )
    }

    /// Puts a finished node where it belongs: the root, a list, a key, or the value of a key.
    fn add(&mut self, mut node: Node, anchor: usize, nodes: usize) -> Option<()> {
        self.count(nodes, node.span)?;
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), node.size()));
        }
        let several_lines = self.has_several_lines(node.extent);
        match self.open.last_mut().map(|frame| &mut frame.kind) {
            None => self.root = Some(node),
            Some(Collection::List(items)) => items.push(node),
            Some(Collection::Map {
                entries,
                seen,
                waiting,
            }) => match waiting.take() {
                None => {
                    let key = key(node, seen, self.problems);
                    *waiting = Some(key);
                }
                Some(Some(key)) => {
                    let collection = matches!(node.kind, Kind::List(_) | Kind::Map(_));
                    if collection && several_lines || node.extent.start == node.extent.end {
                        node.span = key.span;
                    }
                    entries.push((key, node));
                }
                Some(None) => {}
            },
        }
        Some(())
    }
}

/// A node as a key; `None` when it can not be one.
fn key(node: Node, seen: &mut BTreeMap<String, Span>, problems: &mut Vec<Problem>) -> Option<Key> {
    let span = node.span;
    let text = match node.kind {
        Kind::Scalar(scalar) => scalar.text,
        Kind::Null => "null".to_owned(),
        Kind::Refused => return None,
        Kind::List(_) | Kind::Map(_) => {
            problems.push(Problem::new(
                span,
                "a key is a plain word, not a list or a map",
            ));
            return None;
        }
    };
    if let Some(earlier) = seen.get(&text) {
        let mut problem = Problem::new(
            span,
            format!("the key `{}` is here twice", shortened(&text)),
        );
        problem.note(*earlier, "first here");
        problems.push(problem);
        return None;
    }
    seen.insert(text.clone(), span);
    Some(Key { text, span })
}
