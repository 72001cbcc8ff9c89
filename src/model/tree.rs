//! A tree of values in which everything knows where it stands: what `--set` edits and what the
//! readers interpret. It refuses to know what any key means.

use crate::problem::Span;
use std::borrow::Cow;

/// A value of the tree.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// From its first to its last byte.
    pub(crate) extent: Span,
    /// Where to point at: the value itself where it stands on one line; else the key it belongs to,
    /// or what it begins with.
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// What was refused already; nothing more is said about it.
    Refused,
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
            Kind::Null | Kind::Refused => "nothing".to_owned(),
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
            if at.block && node.span == at {
                return path;
            }
            let found = match &node.kind {
                Kind::Map(entries) => {
                    let holds = |(key, value): &&(Key, Self)| {
                        key.span == at || key.span.start <= at.start && at.end <= value.extent.end
                    };
                    let entry = entries.iter().rfind(holds);
                    entry.map(|(key, value)| (key.text.clone(), value, key.span == at))
                }
                Kind::List(items) => {
                    let index = items.iter().rposition(|item| item.extent.holds(at));
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

    /// The number of values here and below.
    pub(crate) fn size(&self) -> usize {
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
