//! How a tree becomes values: one trait that reads a value and describes it to editors.
//!
//! A reader never stops at the first mistake: it notes it and reads on, so that a user sees all
//! that do not follow from each other. What it returns is therefore only a model when nothing was
//! noted.

use crate::Files;
use crate::problem::{Problem, Span};
use crate::schema::Defs;
use crate::tree::{Kind, Node, shortened};
use crate::types::Distribution;
use policy::custom::Registry;
use serde_json::{Value as Json, json};
use std::ops::Deref;

/// Something that can be written in a model.
pub(crate) trait Value: Sized {
    /// Reads it; `None` after a problem has been noted that leaves nothing to work with.
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self>;

    /// Its JSON Schema; named ones put themselves into `defs` and answer with a reference.
    fn schema(defs: &mut Defs) -> Json;

    /// Whether the bare name of a choice is enough, because nothing in it is required.
    const BARE: bool = false;
}

/// What is gathered while a model is read.
pub(crate) struct Reader<'a> {
    pub(crate) files: &'a dyn Files,
    /// The implementations of others that a model may name.
    pub(crate) registry: &'a Registry,
    pub(crate) problems: Vec<Problem>,
    /// Steps read so far, and how deep the one at hand is nested.
    pub(crate) steps: u32,
    pub(crate) depth: u32,
    /// By store: the tables that steps have named so far.
    pub(crate) tables: Vec<Vec<String>>,
    /// Distributions that policies draw from; a second one of the same kind is the first.
    pub(crate) policy_spans: Vec<Distribution>,
    /// Where something watches how fast the error budget burns.
    pub(crate) burn_rates: Vec<Span>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(files: &'a dyn Files, registry: &'a Registry) -> Self {
        Self {
            files,
            registry,
            problems: Vec::new(),
            steps: 0,
            depth: 0,
            tables: Vec::new(),
            policy_spans: Vec::new(),
            burn_rates: Vec::new(),
        }
    }

    /// Notes a mistake.
    pub(crate) fn problem(&mut self, at: Span, message: impl Into<String>) -> &mut Problem {
        /// Enough for any report, and a bound for files that are wrong all over.
        const MOST: usize = 10_000;
        self.problems.truncate(MOST);
        self.problems.push(Problem::new(at, message));
        self.problems.last_mut().expect("just pushed")
    }

    /// "expected …, found …" at a node.
    pub(crate) fn expected(&mut self, what: &str, node: &Node) -> &mut Problem {
        let problem = self.problem(
            node.span,
            format!("expected {what}, found {}", node.shown()),
        );
        problem.implied = matches!(node.kind, Kind::Refused);
        problem
    }

    /// Whether nothing was noted since there were `before` problems: checks that compare several
    /// values only make sense then.
    pub(crate) fn clean_since(&self, before: usize) -> bool {
        self.problems.len() == before
    }
}

/// A value and the place where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Value> Value for At<T> {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        T::read(node, cx).map(|value| Self {
            value,
            span: node.span,
        })
    }

    fn schema(defs: &mut Defs) -> Json {
        T::schema(defs)
    }

    const BARE: bool = T::BARE;
}

impl<T: Value> Value for Box<T> {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        T::read(node, cx).map(Box::new)
    }

    fn schema(defs: &mut Defs) -> Json {
        T::schema(defs)
    }

    const BARE: bool = T::BARE;
}

/// A value, or the word `none` for what a default or a preset would give.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrNone<T>(pub(crate) Option<T>);

impl<T: Value> Value for OrNone<T> {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.plain && scalar.text == "none" => Some(Self(None)),
            _ => T::read(node, cx).map(|value| Self(Some(value))),
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [{"const": "none"}, T::schema(defs)]})
    }
}

/// A value of a map, and where each of its keys stands: for mistakes that are found later.
#[derive(Clone, Debug)]
pub(crate) struct Keyed<T> {
    pub(crate) value: T,
    /// The keys in order, each with the place of its value.
    pub(crate) keys: Vec<(String, Span)>,
}

impl<T: Value> Value for Keyed<T> {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let keys = match &node.kind {
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.text.clone(), value.span))
                .collect(),
            _ => Vec::new(),
        };
        T::read(node, cx).map(|value| Self { value, keys })
    }

    fn schema(defs: &mut Defs) -> Json {
        T::schema(defs)
    }

    const BARE: bool = T::BARE;
}

/// A list of at least `MIN`. Elements that could not be read are left out.
#[derive(Clone, Debug)]
pub(crate) struct List<T, const MIN: usize = 0>(pub(crate) Vec<T>);

impl<T: Value, const MIN: usize> Value for List<T, MIN> {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Kind::List(items) = &node.kind else {
            let problem = cx.expected("a list", node);
            if matches!(node.kind, Kind::Null) && MIN == 0 {
                problem.help("for none write `[]`");
            }
            return None;
        };
        if items.len() < MIN {
            let plural = if MIN == 1 { "entry" } else { "entries" };
            cx.problem(
                node.span,
                format!(
                    "this list needs at least {MIN} {plural}, and has {}",
                    items.len()
                ),
            );
        }
        Some(Self(
            items.iter().filter_map(|item| T::read(item, cx)).collect(),
        ))
    }

    fn schema(defs: &mut Defs) -> Json {
        let mut schema = json!({"type": "array", "items": T::schema(defs)});
        if MIN > 0 {
            schema["minItems"] = json!(MIN);
        }
        schema
    }
}

/// Things with names of the user's choice, at least `MIN`, in the order of the file. One that
/// could not be read keeps its name, so that what refers to it is not called unknown.
#[derive(Clone, Debug)]
pub(crate) struct Named<T, const MIN: usize = 0>(pub(crate) Vec<(At<String>, Option<T>)>);

/// What a name may consist of; dots and arrows part names in paths and results.
const NAME: &str = "^[A-Za-z0-9_-]+$";
/// How many things of one kind may have names.
const MOST_NAMES: usize = 10_000;
/// The longest name.
const NAME_LENGTH: usize = 100;

impl<T, const MIN: usize> Named<T, MIN> {
    pub(crate) fn empty() -> Self {
        Self(Vec::new())
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.value.as_str())
    }
}

impl<T: Value, const MIN: usize> Value for Named<T, MIN> {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            let problem = cx.expected("a map of names", node);
            if matches!(node.kind, Kind::Null) && MIN == 0 {
                problem.help("for none write `{}`");
            }
            return None;
        };
        if entries.len() < MIN {
            cx.problem(node.span, "at least one is needed here");
        }
        if entries.len() > MOST_NAMES {
            cx.problem(
                node.span,
                format!("there are more than {MOST_NAMES} entries here"),
            );
            return None;
        }
        let mut read = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            if !is_name(&key.text) {
                cx.problem(
                    key.span,
                    format!("`{}` is not a name", shortened(&key.text)),
                )
                .help(format!(
                    "names are letters, digits, `-` and `_`, at most {NAME_LENGTH}"
                ));
            }
            let name = At {
                value: key.text.clone(),
                span: key.span,
            };
            read.push((name, T::read(value, cx)));
        }
        Some(Self(read))
    }

    fn schema(defs: &mut Defs) -> Json {
        let mut schema = json!({
            "type": "object",
            "propertyNames": {"pattern": NAME, "maxLength": NAME_LENGTH},
            "additionalProperties": T::schema(defs),
        });
        if MIN > 0 {
            schema["minProperties"] = json!(MIN);
        }
        schema
    }
}

/// Whether a word may be a name.
pub(crate) fn is_name(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !text.is_empty() && text.len() <= NAME_LENGTH && text.bytes().all(good)
}

/// A word that refers to something by its name, or a text.
impl Value for String {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.text.is_empty() => {
                cx.problem(node.span, "this must not be empty");
            }
            Kind::Scalar(scalar) if scalar.plain && matches!(&*scalar.text, "true" | "false") => {
                cx.expected("a word", node)
                    .help("if it is one, write it in quotes");
            }
            Kind::Scalar(scalar) => return Some(scalar.text.clone()),
            _ => {
                cx.expected("a word", node);
            }
        }
        None
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": ["string", "number"], "minLength": 1})
    }
}

impl Value for bool {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(s) if s.plain && s.text == "true" => Some(true),
            Kind::Scalar(s) if s.plain && s.text == "false" => Some(false),
            _ => {
                cx.expected("`true` or `false`", node);
                None
            }
        }
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": "boolean"})
    }
}

/// The name among `known` that `word` most likely means: one or two slips away, or much alike.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word: String = word
        .chars()
        .take(NAME_LENGTH)
        .collect::<String>()
        .to_lowercase();
    let slips = match word.chars().count() {
        0..=1 => 0,
        2..=4 => 1,
        _ => 2,
    };
    let judged = known
        .into_iter()
        .filter(|name| name.len() <= NAME_LENGTH)
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let distance = strsim::osa_distance(&word, &lower);
            let likeness = strsim::jaro_winkler(&word, &lower);
            (distance <= slips || likeness > 0.85).then_some((distance, name))
        });
    judged
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// "`a`, `b`, `c`", cut where it would fill the screen.
pub(crate) fn listed<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    const MOST: usize = 24;
    let mut names = names.into_iter();
    let mut text: Vec<_> = names
        .by_ref()
        .take(MOST)
        .map(|n| format!("`{}`", shortened(n)))
        .collect();
    let more = names.count();
    if more > 0 {
        text.push(format!("and {more} more"));
    }
    text.join(", ")
}

/// Help for a word that is none of `known`; `none` where nothing is known. `allowed` says what
/// they are: "there is", "steps are".
pub(crate) fn did_you_mean<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str> + Clone,
    allowed: &str,
    none: &str,
) -> String {
    let all = listed(known.clone());
    let several = known.clone().into_iter().nth(1).is_some();
    match nearest(word, known) {
        Some(name) if several => {
            let (first, rest) = allowed.split_at(1);
            format!(
                "did you mean `{name}`? {}{rest} {all}",
                first.to_uppercase()
            )
        }
        Some(name) => format!("did you mean `{name}`?"),
        None if all.is_empty() => none.to_owned(),
        None => format!("{allowed} {all}"),
    }
}
