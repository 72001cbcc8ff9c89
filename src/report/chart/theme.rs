//! How every chart looks: one size, one set of inks, one set of letter sizes.

use plotters::style::RGBColor;
use plotters::style::colors::colormaps::{ColorMap, ViridisRGB};

/// Width of a chart, in the units that everything here is measured in.
pub(crate) const WIDTH: f64 = 1600.0;
/// Height of a chart.
pub(crate) const HEIGHT: f64 = 900.0;
/// From the edge to the title.
pub(crate) const MARGIN: f64 = 48.0;

/// Of the title.
pub(crate) const TITLE: f64 = 36.0;
/// Of the line below the title, and of the axes' names.
pub(crate) const SUBTITLE: f64 = 22.0;
/// Of the ticks, and of labels within the chart.
pub(crate) const LABEL: f64 = 22.0;
/// From one line of labels to the next.
pub(crate) const LINE: f64 = 28.0;

/// Letters.
pub(crate) const INK: RGBColor = RGBColor(0x22, 0x26, 0x2B);
/// Letters that matter less.
pub(crate) const SOFT: RGBColor = RGBColor(0x5B, 0x63, 0x6D);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xDD, 0xE1, 0xE6);
/// Lines of those that are not named.
pub(crate) const REST: RGBColor = RGBColor(0xB4, 0xBA, 0xC2);
/// Bands in which a group has no leader, drawn with [`BAND`].
pub(crate) const LEADERLESS: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
/// Bands of faults, drawn with [`BAND`].
pub(crate) const FAULT: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
/// The band of the warm-up, drawn with [`BAND`].
pub(crate) const WARMUP: RGBColor = RGBColor(0x8A, 0x93, 0x9E);
/// How strong bands are.
pub(crate) const BAND: f64 = 0.16;

/// Okabe and Ito's colours, told apart with any colour vision; without black, which is the ink,
/// and yellow, which is lost on white. M. Okabe, K. Ito: Color Universal Design, 2008.
pub(crate) const PALETTE: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0xE6, 0x9F, 0x00),
];

/// A colour dark enough for letters on white.
pub(crate) fn for_letters(color: RGBColor) -> RGBColor {
    let darker = |channel: u8| (f64::from(channel) * 0.78) as u8;
    RGBColor(darker(color.0), darker(color.1), darker(color.2))
}

/// The colour of an amount, from 0 for the least to 1 for the most: viridis, which is as even for the
/// colour-blind and in grey. S. van der Walt, N. Smith: mpl colormaps, 2015.
pub(crate) fn viridis(share: f64) -> RGBColor {
    ViridisRGB.get_color(share.clamp(0.0, 1.0) as f32)
}

/// The ink that is read best on a colour: that of the greater contrast (WCAG 2, relative luminance).
pub(crate) fn ink_on(color: RGBColor) -> RGBColor {
    let contrast = |ink: RGBColor| {
        let (a, b) = (luminance(ink), luminance(color));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    };
    let white = RGBColor(0xFF, 0xFF, 0xFF);
    if contrast(INK) >= contrast(white) {
        INK
    } else {
        white
    }
}

fn luminance(color: RGBColor) -> f64 {
    let [r, g, b] = [color.0, color.1, color.2].map(|channel| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.040_45 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_amount_can_be_read() {
        for step in 0..=100 {
            let color = viridis(f64::from(step) / 100.0);
            let (a, b) = (luminance(ink_on(color)), luminance(color));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            // What WCAG 2 asks of large letters is 3.
            assert!(contrast > 3.8, "{step}: {contrast}");
        }
    }
}
