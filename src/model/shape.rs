//! Two macros that declare a part of the language once: its keys, their documentation, their
//! defaults. The reader, the refusal of unknown keys and the JSON Schema all come from it, so that
//! they cannot disagree.

use crate::problem::Span;
use crate::reader::{At, Reader, Value, did_you_mean, listed, nearest};
use crate::tree::{Key, Kind, Node, shortened};

/// A map with fixed keys.
///
/// `required`: must be there. `needed`: too, but the rest is worth checking without. `optional`: may
/// be absent. `default key: Type = "text"`: read from that text where absent. `usual key: Type =
/// "text"`: may be absent, and editors are told that it then is this text, unless something else
/// (a preset) decides. `one_of {…}`: exactly one of these optional keys is there. `some_of {…}`: at
/// least one is. `needs {"a" => "b"}`: who writes a must write b. `later {…}`: known keys that are
/// refused as not supported yet.
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        $name:ident {
            $( $(#[doc = $fdoc:literal])* $kind:ident $field:ident : $ty:ty $(= $default:literal)? ),* $(,)?
        }
        $(one_of { $($one:literal),* $(,)? })*
        $(some_of { $($some:literal),* $(,)? })*
        $(needs { $($key:literal => $other:literal),* $(,)? })?
        $(later { $($later:literal),* $(,)? })?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        #[allow(dead_code, reason = "some keys are there to be checked, or to be read by people")]
        pub(crate) struct $name {
            $( $(#[doc = $fdoc])* pub(crate) $field: $crate::shape::record!(@type $kind $ty) ),*
        }

        impl $crate::reader::Value for $name {
            fn read(
                node: &$crate::tree::Node,
                cx: &mut $crate::reader::Reader<'_>,
            ) -> Option<Self> {
                const KEYS: &[&str] = &[$($crate::shape::key(stringify!($field))),*];
                const LATER: &[&str] = &[$($($later),*)?];
                const ONE_OF: &[&[&str]] = &[$(&[$($one),*]),*];
                const SOME_OF: &[&[&str]] = &[$(&[$($some),*]),*];
                const NEEDS: &[(&str, &str)] = &[$($(($key, $other)),*)?];
                const RULES: $crate::shape::Rules = $crate::shape::Rules {
                    keys: KEYS,
                    later: LATER,
                    one_of: ONE_OF,
                    some_of: SOME_OF,
                    needs: NEEDS,
                };
                $crate::shape::open(node, &RULES, cx)?;
                $( let $field = $crate::shape::record!(@read $kind $field $ty, node, cx $(, $default)?); )*
                Some(Self { $( $field: $crate::shape::record!(@take $kind $field) ),* })
            }

            fn schema(defs: &mut $crate::schema::Defs) -> serde_json::Value {
                defs.named::<Self>(stringify!($name), |defs| {
                    let mut object = $crate::schema::ObjectSchema::new(&[$($doc),*]);
                    $( object.property(
                        $crate::shape::key(stringify!($field)),
                        $crate::shape::record!(@required $kind),
                        <$ty as $crate::reader::Value>::schema(defs),
                        &[$($fdoc),*],
                        $crate::shape::record!(@default $($default)?),
                    ); )*
                    $( object.one_of(&[$($one),*]); )*
                    $( object.some_of(&[$($some),*]); )*
                    $( $( object.needs($key, $other); )* )?
                    object.finish()
                })
            }

            const BARE: bool = !(false
                $(|| $crate::shape::record!(@required $kind))*
                $(|| ![$($one),*].is_empty())*
                $(|| ![$($some),*].is_empty())*);
        }
    };

    (@type required $ty:ty) => { $crate::reader::At<$ty> };
    (@type needed $ty:ty) => { Option<$crate::reader::At<$ty>> };
    (@type default $ty:ty) => { $crate::reader::At<$ty> };
    (@type usual $ty:ty) => { Option<$crate::reader::At<$ty>> };
    (@type optional $ty:ty) => { Option<$crate::reader::At<$ty>> };

    (@read required $field:ident $ty:ty, $node:ident, $cx:ident) => {
        $crate::shape::required::<$ty>($node, $crate::shape::key(stringify!($field)), KEYS, LATER, $cx)
    };
    (@read needed $field:ident $ty:ty, $node:ident, $cx:ident) => {
        $crate::shape::required::<$ty>($node, $crate::shape::key(stringify!($field)), KEYS, LATER, $cx)
    };
    (@read optional $field:ident $ty:ty, $node:ident, $cx:ident) => {
        $crate::shape::optional::<$ty>($node, $crate::shape::key(stringify!($field)), $cx)
    };
    (@read usual $field:ident $ty:ty, $node:ident, $cx:ident, $default:literal) => {
        $crate::shape::optional::<$ty>($node, $crate::shape::key(stringify!($field)), $cx)
    };
    (@read default $field:ident $ty:ty, $node:ident, $cx:ident, $default:literal) => {
        $crate::shape::or_default::<$ty>($node, $crate::shape::key(stringify!($field)), $default, $cx)
    };

    (@take required $field:ident) => { $field? };
    (@take default $field:ident) => { $field? };
    (@take optional $field:ident) => { $field };
    (@take usual $field:ident) => { $field };
    (@take needed $field:ident) => { $field };

    (@required required) => { true };
    (@required needed) => { true };
    (@required optional) => { false };
    (@required usual) => { false };
    (@required default) => { false };

    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}
pub(crate) use record;

/// One of several, written as a word, or as a map with that word as its only key.
///
/// `"a balancer": Balancer { random => Random, least_requests => LeastRequests(Record), … }`
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        $what:literal : $name:ident {
            $( $(#[doc = $vdoc:literal])* $word:literal => $variant:ident $( ($ty:ty) )? ),* $(,)?
        }
        $(later { $($later:literal),* $(,)? })?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        #[allow(dead_code, reason = "some parts only say that a word may stand in a map")]
        pub(crate) enum $name {
            $( $(#[doc = $vdoc])* $variant $( ($crate::reader::At<$ty>) )? ),*
        }

        impl $crate::reader::Value for $name {
            fn read(
                node: &$crate::tree::Node,
                cx: &mut $crate::reader::Reader<'_>,
            ) -> Option<Self> {
                const WORDS: &[&str] = &[$($word),*];
                const LATER: &[&str] = &[$($($later),*)?];
                let (word, value) = $crate::shape::chosen($what, node, WORDS, LATER, cx)?;
                match word {
                    $( $word => $crate::shape::choice!(@read $variant, $word, value, node, cx $(, $ty)?), )*
                    _ => None,
                }
            }

            fn schema(defs: &mut $crate::schema::Defs) -> serde_json::Value {
                defs.named::<Self>(stringify!($name), |_defs| {
                    let mut choice = $crate::schema::ChoiceSchema::new(&[$($doc),*]);
                    $( $crate::shape::choice!(@schema choice, _defs, $word, &[$($vdoc),*] $(, $ty)?); )*
                    choice.finish()
                })
            }
        }
    };

    (@read $variant:ident, $word:literal, $value:ident, $node:ident, $cx:ident) => {
        $crate::shape::word_alone($word, $value, $cx).then_some(Self::$variant)
    };
    (@read $variant:ident, $word:literal, $value:ident, $node:ident, $cx:ident, $ty:ty) => {
        $crate::shape::payload::<$ty>($word, $value, $node, $cx).map(Self::$variant)
    };

    (@schema $choice:ident, $defs:ident, $word:literal, $doc:expr) => { $choice.word($word, $doc) };
    (@schema $choice:ident, $defs:ident, $word:literal, $doc:expr, $ty:ty) => {
        $choice.map(
            $word,
            <$ty as $crate::reader::Value>::schema($defs),
            <$ty as $crate::reader::Value>::BARE,
            $doc,
        )
    };
}
pub(crate) use choice;

/// The key that a field stands for: `r#for` is `for`.
pub(crate) const fn key(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// Which keys a record has, and which go together.
pub(crate) struct Rules {
    pub(crate) keys: &'static [&'static str],
    pub(crate) later: &'static [&'static str],
    pub(crate) one_of: &'static [&'static [&'static str]],
    pub(crate) some_of: &'static [&'static [&'static str]],
    pub(crate) needs: &'static [(&'static str, &'static str)],
}

/// Checks that a node is a map, that all its keys are known, and which go together.
pub(crate) fn open(node: &Node, rules: &Rules, cx: &mut Reader<'_>) -> Option<()> {
    let Rules { keys, later, .. } = *rules;
    let before = cx.problems.len();
    let Kind::Map(entries) = &node.kind else {
        let problem = cx.expected("a map", node);
        problem.help(format!("its keys are {}", listed(keys.iter().copied())));
        return None;
    };
    for key in strangers(entries, keys) {
        let word = key.text.as_str();
        if later.contains(&word) {
            not_supported(word, key.span, cx);
        } else {
            unknown("key", word, key.span, keys, cx);
        }
    }
    // An unknown key may well be the one that is missing.
    if !cx.clean_since(before) {
        return Some(());
    }
    let there = |word: &str| {
        entries
            .iter()
            .find(|(key, _)| key.text == word)
            .map(|(key, _)| key)
    };
    let mut missing: Vec<&str> = Vec::new();
    for group in rules.one_of {
        let mut found = group.iter().filter_map(|word| there(word));
        match (found.next(), found.next()) {
            (None, _) => {
                missing.extend(*group);
                cx.problem(
                    node.span,
                    format!("one of {} is missing", listed(group.iter().copied())),
                );
            }
            (Some(first), Some(second)) => {
                cx.problem(
                    second.span,
                    format!("`{}` and `{}` exclude each other", first.text, second.text),
                )
                .help(format!("write one of {}", listed(group.iter().copied())))
                .note(first.span, format!("`{}` is here", first.text));
            }
            (Some(_), None) => {}
        }
    }
    for group in rules.some_of {
        if !group.iter().any(|word| there(word).is_some()) {
            let words = group.iter().map(|word| format!("`{word}`"));
            let words = words.collect::<Vec<_>>().join(" or ");
            cx.problem(node.span, format!("{words} is missing"));
        }
    }
    for (word, other) in rules.needs {
        if let (Some(key), None) = (there(word), there(other))
            && !missing.contains(other)
        {
            cx.problem(
                key.span,
                format!("`{word}` goes with `{other}`, which is missing"),
            );
        }
    }
    Some(())
}

/// The first keys that do not belong to a map: enough to see what is wrong with it.
fn strangers<'n>(
    entries: &'n [(Key, Node)],
    keys: &'n [&'static str],
) -> impl Iterator<Item = &'n Key> {
    const MOST: usize = 50;
    let known = |key: &&Key| keys.contains(&key.text.as_str());
    entries
        .iter()
        .map(|(key, _)| key)
        .filter(move |key| !known(key))
        .take(MOST)
}

/// Notes that something is part of the language, but not of this version.
pub(crate) fn not_supported(word: &str, at: Span, cx: &mut Reader<'_>) {
    cx.problem(at, format!("`{word}` is not supported yet"));
}

fn unknown(what: &str, word: &str, at: Span, known: &[&'static str], cx: &mut Reader<'_>) {
    let help = did_you_mean(
        word,
        known.iter().copied(),
        "allowed are",
        "nothing may stand here",
    );
    cx.problem(at, format!("unknown {what} `{}`", shortened(word)))
        .help(help);
}

/// Reads the value of a key that must be there. A key that is refused may well be the one that is
/// missing; then nothing more is said.
pub(crate) fn required<T: Value>(
    node: &Node,
    key: &str,
    keys: &[&'static str],
    later: &[&str],
    cx: &mut Reader<'_>,
) -> Option<At<T>> {
    if let Some(value) = node.get(key) {
        return Value::read(value, cx);
    }
    let Kind::Map(entries) = &node.kind else {
        return None;
    };
    let stands_for_it = |other: &Key| {
        let word = other.text.as_str();
        later.contains(&word) || nearest(word, keys.iter().copied()) == Some(key)
    };
    if !strangers(entries, keys).any(stands_for_it) {
        cx.problem(node.span, format!("`{key}` is missing"));
    }
    None
}

pub(crate) fn optional<T: Value>(node: &Node, key: &str, cx: &mut Reader<'_>) -> Option<At<T>> {
    node.get(key).and_then(|value| Value::read(value, cx))
}

pub(crate) fn or_default<T: Value>(
    node: &Node,
    key: &str,
    default: &str,
    cx: &mut Reader<'_>,
) -> Option<At<T>> {
    // A bad value has been noted; the default lets the rest be checked.
    optional(node, key, cx).or_else(|| {
        let absent = match default {
            "{}" => Node::empty_map(node.span),
            text => Node::plain(text, node.span),
        };
        Value::read(&absent, cx)
    })
}

/// The word of a choice, and what it maps to (`None`: written as a bare word).
pub(crate) fn chosen<'n>(
    what: &str,
    node: &'n Node,
    words: &[&'static str],
    later: &[&'static str],
    cx: &mut Reader<'_>,
) -> Option<(&'static str, Option<&'n Node>)> {
    let (word, at, value) = match &node.kind {
        Kind::Scalar(scalar) => (scalar.text.as_str(), node.span, None),
        Kind::Map(entries) if entries.len() == 1 => {
            let (key, value) = &entries[0];
            (key.text.as_str(), key.span, Some(value))
        }
        Kind::Map(entries) if entries.len() > 1 => {
            let keys = listed(entries.iter().map(|(key, _)| key.text.as_str()));
            let strangers: Vec<_> = entries
                .iter()
                .filter(|(k, _)| !words.contains(&k.text.as_str()))
                .collect();
            if let [(key, _)] = strangers[..]
                && entries.len() == 2
            {
                if later.contains(&key.text.as_str()) {
                    not_supported(&key.text, key.span, cx);
                } else {
                    let beside = entries
                        .iter()
                        .find(|(k, _)| k.text != key.text)
                        .map_or("", |(k, _)| k.text.as_str());
                    cx.problem(
                        key.span,
                        format!("unknown key `{}` beside `{beside}`", shortened(&key.text)),
                    );
                }
            } else {
                cx.problem(node.span, format!("{what} has one key, found {keys}"))
                    .help(format!("write one of {}", listed(words.iter().copied())));
            }
            return None;
        }
        _ => {
            let problem = cx.expected(what, node);
            problem.help(format!("write one of {}", listed(words.iter().copied())));
            return None;
        }
    };
    if let Some(known) = words.iter().find(|w| **w == word) {
        return Some((known, value));
    }
    if later.contains(&word) {
        not_supported(word, at, cx);
    } else {
        let kind = what
            .strip_prefix("a ")
            .or_else(|| what.strip_prefix("an "))
            .unwrap_or(what);
        unknown(kind, word, at, words, cx);
    }
    None
}

/// Whether a choice without parts stands alone, as it must.
pub(crate) fn word_alone(word: &str, value: Option<&Node>, cx: &mut Reader<'_>) -> bool {
    let Some(value) = value else { return true };
    cx.problem(value.span, format!("`{word}` has no parts"))
        .help(format!("write `{word}` alone"));
    false
}

/// Reads the parts of a choice.
pub(crate) fn payload<T: Value>(
    word: &str,
    value: Option<&Node>,
    node: &Node,
    cx: &mut Reader<'_>,
) -> Option<At<T>> {
    match value {
        Some(value) => Value::read(value, cx),
        None if T::BARE => Value::read(&Node::empty_map(node.span), cx),
        None => {
            cx.problem(node.span, format!("`{word}` needs to be told more"))
                .help(format!("write `{{{word}: …}}`"));
            None
        }
    }
}
