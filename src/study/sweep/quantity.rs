//! What a constraint compares: the values of cells as numbers, whatever their units.

/// The number that a value stands for, in seconds, per second, or as it is; `None` for words.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-')))
        .unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let scale = match &text[end..] {
        "" | "s" | "/s" => 1.0,
        "%" => 0.01,
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "m" => 60.0,
        "h" => 3600.0,
        "/min" => 1.0 / 60.0,
        "/h" => 1.0 / 3600.0,
        _ => return None,
    };
    Some(number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_brought_together() {
        assert_eq!(number("1.5s"), Some(1.5));
        assert_eq!(number("2m"), Some(120.0));
        assert_eq!(number("20%"), Some(0.2));
        assert_eq!(number("120/min"), Some(2.0));
        assert_eq!(number("full"), None);
        assert_eq!(number("3 apples"), None);
    }
}
