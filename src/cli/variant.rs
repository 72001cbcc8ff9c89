//! `--with [NAME:] PATH=VALUE[; PATH=VALUE]…`: one setting of a comparison.

use model::Set;
use std::str::FromStr;

/// What one setting changes in the model.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Variant {
    /// What it is called, when it was given a name.
    pub(crate) name: Option<String>,
    /// At least one.
    pub(crate) sets: Vec<Set>,
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A path holds no colon, and a value comes after `=`: what stands before a colon that comes
        // first is a name.
        let before = text.find('=').map_or(text, |at| &text[..at]);
        let (name, rest) = match before.find(':') {
            Some(colon) => (Some(text[..colon].trim()), &text[colon + 1..]),
            None => (None, text),
        };
        if name == Some("") {
            return Err(format!("the name before `:` is empty in `{text}`"));
        }
        let sets: Result<Vec<Set>, _> = parts(rest)
            .filter(|part| !part.trim().is_empty())
            .map(str::parse)
            .collect();
        let sets = sets.map_err(|error: model::SetError| error.to_string())?;
        if sets.is_empty() {
            return Err("expected PATH=VALUE, found nothing".to_owned());
        }
        Ok(Self {
            name: name.map(str::to_owned),
            sets,
        })
    }
}

/// The text between semicolons that stand outside of brackets and quotes.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    let mut quote = None;
    text.split(move |c: char| {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ';') => return depth == 0,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Option<String>, Vec<String>), String> {
        let variant: Variant = text.parse()?;
        let sets = variant.sets.iter().map(Set::to_string).collect();
        Ok((variant.name, sets))
    }

    #[test]
    fn names_and_several_changes() {
        let one = |set: &str| vec![set.to_owned()];
        assert_eq!(read("a.b=3"), Ok((None, one("a.b=3"))));
        let (name, sets) = read("no retries: a.b=1 ; c=2s").unwrap();
        assert_eq!(
            (name.unwrap(), sets),
            ("no retries".into(), vec!["a.b=1".into(), "c=2s".into()])
        );
        let layers = "p=[{fallback: {}}, {timeout: 1s}]";
        assert_eq!(read(layers), Ok((None, one(layers))));
        let quoted = "p={a: 'x;y', b: [1; 2]}";
        assert_eq!(read(quoted), Ok((None, one(quoted))));
    }

    #[test]
    fn what_changes_nothing_is_refused() {
        for text in ["", "name:", ": a=1", "name: a", "a=", "a=1; b"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
