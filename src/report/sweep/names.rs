//! Short names for paths and settings, different wherever what they stand for is.

use crate::Style;
use crate::table::shorten;
use std::collections::BTreeMap;
use study::sweep::Outline;

/// The last words of each path, as many as tell it from the others.
pub(crate) fn endings(outline: &Outline) -> Vec<String> {
    let paths: Vec<&str> = outline.axes.iter().map(|axis| &*axis.path).collect();
    paths.iter().map(|path| ending(path, &paths)).collect()
}

/// The same in so many letters.
pub(super) fn short_paths(outline: &Outline, letters: usize, style: &Style) -> Vec<String> {
    distinct(&endings(outline), letters, style)
}

/// The settings of all cells, by axis: labels, or values. One that is too long is shortened, and
/// numbered where two would look the same.
pub(super) fn short_values(outline: &Outline, letters: usize, style: &Style) -> Vec<Vec<String>> {
    (0..outline.axes.len())
        .map(|axis| {
            let all: Vec<String> = outline
                .cells
                .iter()
                .map(|cell| cell.labels[axis].clone())
                .collect();
            distinct(&all, letters, style)
        })
        .collect()
}

fn ending(path: &str, all: &[&str]) -> String {
    let words: Vec<&str> = path.split('.').collect();
    (1..words.len())
        .map(|count| words[words.len() - count..].join("."))
        .find(|ending| {
            let ends = |other: &&&str| {
                other.ends_with(&**ending) && other[..other.len() - ending.len()].ends_with('.')
            };
            all.iter().filter(ends).count() == 1
        })
        .unwrap_or_else(|| path.to_owned())
}

/// Each text in so many letters; those that would be the same but are not begin with the number of
/// their first appearance.
fn distinct(texts: &[String], letters: usize, style: &Style) -> Vec<String> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for text in texts {
        let next = numbers.len() + 1;
        numbers.entry(text).or_insert(next);
    }
    let mut meant: BTreeMap<String, usize> = BTreeMap::new();
    for text in numbers.keys() {
        *meant.entry(shorten(text, letters, style)).or_default() += 1;
    }
    let short = |text: &String| {
        let short = shorten(text, letters, style);
        if meant[&short] == 1 {
            return short;
        }
        shorten(&format!("#{} {text}", numbers[&**text]), letters, style)
    };
    texts.iter().map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_named_by_as_much_as_tells_it_apart() {
        let all = [
            "policies.a.timeout",
            "policies.b.timeout",
            "run.duration",
            "timeout",
        ];
        let shorts = all.map(|path| ending(path, &all));
        assert_eq!(shorts, ["a.timeout", "b.timeout", "duration", "timeout"]);
    }

    #[test]
    fn what_would_look_the_same_is_numbered() {
        let style = Style::default();
        let breaker = |x: &str| format!("{{window: {{consecutive: 5}}, {x}, open_for: 5s}}");
        let texts = [
            breaker("a: 1"),
            "5ms".to_owned(),
            breaker("b: 1"),
            breaker("a: 1"),
        ];
        let shorts = distinct(&texts, 16, &style);
        assert_eq!(shorts[0], shorts[3]);
        assert_ne!(shorts[0], shorts[2]);
        assert!(
            shorts[0].starts_with("#1 ") && shorts[2].starts_with("#3 "),
            "{shorts:?}"
        );
        assert_eq!(shorts[1], "5ms");
        assert!(shorts.iter().all(|short| short.chars().count() <= 16));
    }
}
