//! The font of the charts, and how wide its words are. Where it comes from: `font/README.md`.

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// The family's name, as the drawing asks for it.
pub(crate) const FAMILY: &str = "Inter";
/// Text.
pub(crate) const REGULAR: &[u8] = include_bytes!("../font/Inter-Regular.ttf");
/// Titles.
pub(crate) const SEMI_BOLD: &[u8] = include_bytes!("../font/Inter-SemiBold.ttf");

/// How wide a line of text in the regular weight is at a size. Kerning is left out, and a letter
/// that the font lacks counts as a wide one, so the answer errs to the wide side.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let Ok(font) = FontRef::new(REGULAR) else {
        return text.chars().count() as f64 * size;
    };
    let letters = font.charmap();
    let metrics = font.glyph_metrics(Size::new(size as f32), LocationRef::default());
    text.chars()
        .map(|letter| {
            letters
                .map(letter)
                .and_then(|glyph| metrics.advance_width(glyph))
                .map_or(size, f64::from)
        })
        .sum()
}

/// The text in at most `room`: its middle gives way to `…`. Control characters, which SVG cannot
/// hold, become `?`.
pub(crate) fn fit(text: &str, size: f64, room: f64) -> String {
    let mut letters: Vec<char> = text
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    let whole: String = letters.iter().collect();
    if width(&whole, size) <= room {
        return whole;
    }
    while letters.len() > 2 {
        letters.remove(letters.len() / 2);
        let (head, tail) = letters.split_at(letters.len().div_ceil(2));
        let cut: String = head.iter().chain(['…'].iter()).chain(tail).collect();
        if width(&cut, size) <= room {
            return cut;
        }
    }
    "…".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_grows_with_text_and_size() {
        assert_eq!(width("", 20.0), 0.0);
        assert!(width("iii", 20.0) < width("mmm", 20.0));
        assert!((width("abc", 40.0) - 2.0 * width("abc", 20.0)).abs() < 1e-3);
    }

    #[test]
    fn long_text_is_cut_in_the_middle() {
        let name = "a-very-long-name-of-a-workload-in-some-model";
        let cut = fit(name, 20.0, 200.0);
        assert!(width(&cut, 20.0) <= 200.0);
        assert!(cut.starts_with("a-very") && cut.ends_with("model") && cut.contains('…'));
        assert_eq!(fit("short", 20.0, 200.0), "short");
        assert_eq!(fit("tab\there", 20.0, 200.0), "tab?here");
    }
}
