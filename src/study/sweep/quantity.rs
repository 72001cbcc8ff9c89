//! What the values of an axis are: numbers in some unit, truths, or words. Constraints compare them,
//! typed tables hold them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What all values of an axis are. Times become milliseconds and rates per second, as everywhere in
/// results.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// Shares, 0..=1; `20%` is 0.2.
    Ratio,
    /// Times, in milliseconds.
    Ms,
    /// Rates, per second.
    PerS,
    /// `true` or `false`.
    Boolean,
    /// Anything else, as it is written.
    Text,
}

impl Kind {
    /// The narrowest kind that all of these are of.
    pub fn of<'v>(values: impl Iterator<Item = &'v str> + Clone) -> Self {
        use Kind::{Boolean, Integer, Ms, Number, PerS, Ratio};
        if values.clone().all(|v| matches!(v, "true" | "false")) {
            return Boolean;
        }
        if values.clone().all(|v| v.parse::<i64>().is_ok()) {
            return Integer;
        }
        [Number, Ratio, Ms, PerS]
            .into_iter()
            .find(|kind| values.clone().all(|value| kind.number(value).is_some()))
            .unwrap_or(Self::Text)
    }

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Ratio => "ratio",
            Self::Ms => "ms",
            Self::PerS => "per_s",
            Self::Boolean => "boolean",
            Self::Text => "text",
        }
    }

    /// A value as a number of this kind; `None` when it is not one.
    pub fn number(self, value: &str) -> Option<f64> {
        let (number, unit) = parts(value)?;
        match (self, unit) {
            (Self::Integer | Self::Number | Self::Ratio, "") => number.parse().ok(),
            (Self::Ratio, "%") => shifted(number, -2),
            (Self::Ms, "ns") => shifted(number, -6),
            (Self::Ms, "us") => shifted(number, -3),
            (Self::Ms, "ms") => number.parse().ok(),
            (Self::Ms, "s") => shifted(number, 3),
            (Self::Ms, "m") => shifted(number, 3).map(|n| n * 60.0),
            (Self::Ms, "h") => shifted(number, 3).map(|n| n * 3600.0),
            (Self::PerS, "/s") => number.parse().ok(),
            (Self::PerS, "/min") => number.parse::<f64>().ok().map(|n| n / 60.0),
            (Self::PerS, "/h") => number.parse::<f64>().ok().map(|n| n / 3600.0),
            _ => None,
        }
    }
}

/// The number that a value stands for, in milliseconds, per second, as a share, or as it is, so that
/// equal kinds compare; `None` for words.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    [Kind::Ratio, Kind::Ms, Kind::PerS]
        .into_iter()
        .find_map(|kind| kind.number(text))
}

/// The digits and what follows them.
fn parts(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-')))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    number.parse::<f64>().ok().map(|_| (number, unit))
}

/// Times a power of ten, rounded once: `99.9` shifted by -2 is 0.999.
fn shifted(number: &str, by: i32) -> Option<f64> {
    format!("{number}e{by}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_brought_together() {
        assert_eq!(number("1.5s"), Some(1500.0));
        assert_eq!(number("2m"), Some(120_000.0));
        assert_eq!(number("20%"), Some(0.2));
        assert_eq!(number("120/min"), Some(2.0));
        assert_eq!(number("full"), None);
        assert_eq!(number("3 apples"), None);
    }

    #[test]
    fn an_axis_is_of_the_narrowest_kind() {
        let kind = |values: &[&str]| Kind::of(values.iter().copied());
        assert_eq!(kind(&["1", "2", "-5"]), Kind::Integer);
        assert_eq!(kind(&["1", "2.5"]), Kind::Number);
        assert_eq!(kind(&["0.5", "99.9%"]), Kind::Ratio);
        assert_eq!(kind(&["250us", "1s", "0s"]), Kind::Ms);
        assert_eq!(kind(&["100/s", "5/h"]), Kind::PerS);
        assert_eq!(kind(&["true", "false"]), Kind::Boolean);
        for text in [
            &["1", "full"][..],
            &["1s", "1/s"],
            &["1", "1s"],
            &["nan"],
            &["1e5x"],
        ] {
            assert_eq!(kind(text), Kind::Text, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_rounded_once() {
        assert_eq!(Kind::Ratio.number("99.9%"), Some(0.999));
        assert_eq!(Kind::Ms.number("0.3s"), Some(300.0));
        assert_eq!(Kind::Ms.number("70us"), Some(0.07));
        assert_eq!(Kind::Ms.number("1.5m"), Some(90_000.0));
        assert_eq!(Kind::PerS.number("30/min"), Some(0.5));
        assert_eq!(Kind::PerS.number("30"), None);
    }
}
