//! `--set PATH=VALUE`: changes to a model's tree before it is interpreted, so that what a set says
//! is checked like what a file says.

use crate::problem::{Problem, Span};
use crate::reader::did_you_mean;
use crate::tree::{Key, Kind, Node, shortened};
use crate::yaml::parse;
use std::fmt;
use std::str::FromStr;

/// A change to a model: the value at a path.
///
/// A path is the model's keys joined by dots. An element of a list is named by its index, from 0;
/// a policy's layer, and any other map in a list, also by its kind: `policies.browser.timeout`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Set {
    /// Where, such as `policies.interactive.retry.attempts`.
    pub path: String,
    /// What, as YAML: `3`, `50ms`, `{exponential: {mean: 1ms}}`.
    pub value: String,
}

/// A set that is not `PATH=VALUE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetError(String);

impl Set {
    /// The change of the value at `path` to `value`, which is YAML.
    pub fn new(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            value: value.into(),
        }
    }
}

impl FromStr for Set {
    type Err = SetError;

    fn from_str(text: &str) -> Result<Self, SetError> {
        let Some((path, value)) = text.split_once('=') else {
            return Err(SetError(format!(
                "expected PATH=VALUE, found `{}`",
                shortened(text)
            )));
        };
        let (path, value) = (path.trim(), value.trim());
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err(SetError(format!(
                "`{}` is not a path: keys joined by dots",
                shortened(path)
            )));
        }
        if value.is_empty() {
            return Err(SetError(format!("`{}` is set to nothing", shortened(path))));
        }
        Ok(Self::new(path, value))
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SetError {}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.path, self.value)
    }
}

/// Reads a set's value and puts it into the tree; `source` is the number of the set's text. The
/// value's own tree is returned, for the paths of problems in it.
pub(crate) fn apply(
    root: &mut Node,
    set: &Set,
    source: u32,
    problems: &mut Vec<Problem>,
) -> Option<Node> {
    let end = set.path.len() as u32;
    let whole = Span {
        source,
        end,
        ..Span::START
    };
    let before = problems.len();
    let value = parse(&set.value, source, problems);
    // The text of a set is `PATH=VALUE`: what stands in the value stands after the path.
    let offset = set.path.len() as u32 + 1;
    for problem in &mut problems[before..] {
        problem.span = shifted(problem.span, offset);
        problem
            .notes
            .iter_mut()
            .for_each(|(at, _)| *at = shifted(*at, offset));
    }
    if problems.len() > before {
        return None;
    }
    let Some(mut value) = value else {
        problems.push(Problem::new(whole, "a set needs a value"));
        return None;
    };
    shift(&mut value, offset);
    let copy = value.clone();
    match put(root, &set.path, value, whole) {
        Ok(()) => Some(copy),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

fn shifted(span: Span, offset: u32) -> Span {
    Span {
        start: span.start + offset,
        end: span.end + offset,
        ..span
    }
}

fn shift(node: &mut Node, offset: u32) {
    node.span = shifted(node.span, offset);
    node.extent = shifted(node.extent, offset);
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| shift(item, offset)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                key.span = shifted(key.span, offset);
                shift(value, offset);
            }
        }
        Kind::Null | Kind::Refused | Kind::Scalar(_) => {}
    }
}

/// The place of what a path names: that of its key, or of an element of a list, or of the set that
/// gave it its value.
pub(crate) fn find(root: &Node, path: &str) -> Option<Span> {
    let segments: Vec<&str> = path.split('.').collect();
    let mut node = root;
    let mut at = root.span;
    for index in 0..segments.len() {
        (node, at) = match (&node.kind, way(node, &segments, index, root.span).ok()?) {
            (Kind::Map(entries), Way::Entry(position)) => placed(&entries[position]),
            (Kind::List(items), Way::Element(position, within)) => {
                match (&items[position].kind, within) {
                    (Kind::Map(entries), Some(within)) => placed(&entries[within]),
                    _ => (&items[position], items[position].span),
                }
            }
            _ => return None,
        };
    }
    Some(at)
}

fn placed((key, value): &(Key, Node)) -> (&Node, Span) {
    let same = key.span.source == value.span.source;
    (value, if same { key.span } else { value.span })
}

/// Why a segment names no element of a list.
enum NoElement {
    /// There are fewer.
    Beyond,
    /// None has this key.
    Unknown,
    /// Several have it.
    Ambiguous,
}

/// The index of the element that is numbered so, or that has this key.
fn element(items: &[Node], segment: &str) -> Result<usize, NoElement> {
    if let Ok(index) = segment.parse::<usize>() {
        return if index < items.len() {
            Ok(index)
        } else {
            Err(NoElement::Beyond)
        };
    }
    let mut found = items
        .iter()
        .enumerate()
        .filter(|(_, item)| item.get(segment).is_some());
    match (found.next(), found.next()) {
        (Some((index, _)), None) => Ok(index),
        (None, _) => Err(NoElement::Unknown),
        (Some(_), Some(_)) => Err(NoElement::Ambiguous),
    }
}

/// Whether the keys below these are names of the user's choice, so that a new one is a mistake.
fn holds_names(path: &[&str]) -> bool {
    matches!(
        path,
        ["zones" | "policies" | "services" | "stores" | "workloads"] | ["services", _, "endpoints"]
    )
}

/// Where a segment of a path leads.
enum Way {
    /// To the value of this entry of a map.
    Entry(usize),
    /// To a new entry of a map.
    New,
    /// To this element of a list, or into the value of one of its entries.
    Element(usize, Option<usize>),
}

pub(crate) fn put(root: &mut Node, path: &str, value: Node, at: Span) -> Result<(), Problem> {
    let segments: Vec<&str> = path.split('.').collect();
    let mut node = root;
    let mut start = at.start;
    for (index, segment) in segments.iter().enumerate() {
        let here = Span {
            start,
            end: start + segment.len() as u32,
            ..at
        };
        let way = way(node, &segments, index, here)?;
        node = follow(node, way, segment, here);
        start = here.end + 1;
    }
    *node = value;
    Ok(())
}

fn way(node: &Node, segments: &[&str], index: usize, here: Span) -> Result<Way, Problem> {
    let segment = segments[index];
    let place = match index {
        0 => "the model".to_owned(),
        _ => format!("`{}`", shortened(&segments[..index].join("."))),
    };
    match &node.kind {
        Kind::Map(entries) => match entries.iter().position(|(key, _)| key.text == segment) {
            Some(position) => Ok(Way::Entry(position)),
            None if holds_names(&segments[..index]) => {
                let known: Vec<_> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
                Err(leads_nowhere(here, &place, segment, &known))
            }
            None => Ok(Way::New),
        },
        Kind::List(items) => match element(items, segment) {
            Ok(position) => Ok(Way::Element(
                position,
                entry_of(&items[position], segments, index),
            )),
            Err(NoElement::Beyond) => {
                let count = items.len();
                Err(Problem::new(
                    here,
                    format!("{place} has {count} elements, counted from 0"),
                ))
            }
            Err(NoElement::Ambiguous) => {
                let mut problem = Problem::new(here, format!("{place} has several `{segment}`"));
                problem.help(format!("name it by its index, 0 to {}", items.len() - 1));
                Err(problem)
            }
            Err(NoElement::Unknown) => {
                let keys: Vec<String> = items.iter().flat_map(keys_of).collect();
                let known: Vec<_> = keys.iter().map(String::as_str).collect();
                Err(leads_nowhere(here, &place, segment, &known))
            }
        },
        Kind::Null | Kind::Refused | Kind::Scalar(_) => {
            let message = format!(
                "{place} is {}, and has no `{}`",
                node.shown(),
                shortened(segment)
            );
            let mut problem = Problem::new(here, message);
            problem.help(format!("set {place} as a whole"));
            Err(problem)
        }
    }
}

/// The entry of a list's element that a path goes on from: that of the key which named it; in a
/// policy also the only one of a layer named by its index, whose settings follow.
fn entry_of(item: &Node, segments: &[&str], index: usize) -> Option<usize> {
    let Kind::Map(entries) = &item.kind else {
        return None;
    };
    if segments[index].parse::<usize>().is_err() {
        return entries
            .iter()
            .position(|(key, _)| key.text == segments[index]);
    }
    let next = segments.get(index + 1)?;
    let layer = index == 2 && segments[0] == "policies" && entries.len() == 1;
    (layer && entries[0].0.text != *next).then_some(0)
}

fn follow<'n>(node: &'n mut Node, way: Way, segment: &str, here: Span) -> &'n mut Node {
    match (&mut node.kind, way) {
        (Kind::Map(entries), Way::Entry(position)) => &mut entries[position].1,
        (Kind::Map(entries), _) => {
            entries.push((
                Key {
                    text: segment.to_owned(),
                    span: here,
                },
                Node::empty_map(here),
            ));
            let last = entries.len() - 1;
            &mut entries[last].1
        }
        (Kind::List(items), Way::Element(position, entry)) => {
            let item = &mut items[position];
            match (&item.kind, entry) {
                (Kind::Map(_), Some(entry)) => follow(item, Way::Entry(entry), segment, here),
                _ => item,
            }
        }
        _ => unreachable!("a way leads where it was found"),
    }
}

fn keys_of(item: &Node) -> Vec<String> {
    match &item.kind {
        Kind::Map(entries) => entries.iter().map(|(key, _)| key.text.clone()).collect(),
        _ => Vec::new(),
    }
}

fn leads_nowhere(at: Span, place: &str, segment: &str, known: &[&str]) -> Problem {
    let mut problem = Problem::new(at, format!("{place} has no `{}`", shortened(segment)));
    problem.help(did_you_mean(
        segment,
        known.iter().copied(),
        "there is",
        "it is empty",
    ));
    problem
}
