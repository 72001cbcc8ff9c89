//! Data for the page's script, inside the page: JSON that no name can break out of.

use serde::{Serialize, Serializer};

/// JSON in which nothing can end a `<script>`, begin a comment, or be taken for a line's end.
pub(crate) fn json(value: &impl Serialize) -> String {
    // Plain data with text keys; numbers that are not finite become null.
    let plain = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    let mut safe = String::with_capacity(plain.len());
    for letter in plain.chars() {
        // Outside of texts JSON has none of these letters, so an escape is always in its place.
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                safe.push_str(&format!("\\u{:04x}", letter as u32));
            }
            other => safe.push(other),
        }
    }
    safe
}

/// Numbers to the five digits that a chart can show; whole ones without a point; null where nothing
/// was measured.
pub(crate) fn short<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(values.iter().map(|value| Short(*value)))
}

struct Short(f64);

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if !self.0.is_finite() {
            return to.serialize_none();
        }
        let rounded: f64 = format!("{:.4e}", self.0).parse().unwrap_or(self.0);
        if rounded.fract() == 0.0 && rounded.abs() < 1e15 {
            to.serialize_i64(rounded as i64)
        } else {
            to.serialize_f64(rounded)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Serialize)]
    struct Numbers(#[serde(serialize_with = "values")] Vec<f64>);

    fn values<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        short(values, to)
    }

    #[test]
    fn numbers_are_short_and_gaps_are_null() {
        let numbers = Numbers(vec![0.1234567, 3.0, f64::NAN, 1234567.0, 0.0]);
        assert_eq!(json(&numbers), "[0.12346,3,null,1234600,0]");
    }

    proptest! {
        #[test]
        fn no_text_ends_the_script_and_every_text_comes_back(
            text in prop_oneof![
                "\\PC{0,40}",
                "[<>/!&\"'\\\\\u{2028}\u{2029}\u{0}-\u{1f}a-z-]{0,40}",
                Just("</script><script>alert(1)</script><!--".to_owned()),
            ],
        ) {
            let safe = json(&text);
            let ends = ['<', '>', '&', '\u{2028}', '\u{2029}'];
            prop_assert!(!safe.contains(ends));
            let back: String = serde_json::from_str(&safe).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}
