//! How every chart looks: one size, one set of inks, one set of letter sizes.

use plotters::style::RGBColor;

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
