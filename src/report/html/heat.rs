//! A table whose cells are coloured by their values, with the values in them.

use super::show::Show;
use maud::{Markup, html};
use plotters::prelude::{ColorMap, ViridisRGB};
use plotters::style::RGBColor;

/// A log scale where the largest is this many times the least.
const WIDE: f64 = 30.0;

/// More columns than this stand closer.
const TIGHT: usize = 12;

/// A table of values over two axes.
pub(crate) struct Heat<'a> {
    pub(crate) title: String,
    /// What the rows are, and the columns.
    pub(crate) down: &'a str,
    pub(crate) across: &'a str,
    pub(crate) rows: &'a [&'a str],
    pub(crate) columns: &'a [&'a str],
    /// By row, then column; NaN where there is none.
    pub(crate) values: Vec<Vec<f64>>,
    pub(crate) show: Show,
    /// The range of the colours.
    pub(crate) range: (f64, f64),
}

impl Heat<'_> {
    pub(crate) fn draw(&self) -> Markup {
        html! {
            figure {
                figcaption { (self.title) }
                div.scroll { table.heat.tight[self.columns.len() > TIGHT] {
                    thead {
                        @if !self.across.is_empty() {
                            tr { th {} th.across colspan=(self.columns.len()) { (self.across) } }
                        }
                        tr { th scope="col" { (self.down) } @for column in self.columns { th scope="col" { (column) } } }
                    }
                    tbody { @for (row, values) in self.rows.iter().zip(&self.values) {
                        tr { th scope="row" { (row) } @for value in values { (self.cell(*value)) } }
                    } }
                } }
            }
        }
    }

    fn cell(&self, value: f64) -> Markup {
        if !value.is_finite() {
            return html! { td.soft { "–" } };
        }
        let color = ViridisRGB.get_color(share(value, self.range));
        let ink = if luminance(color) > 0.18 {
            "#000"
        } else {
            "#fff"
        };
        let style = format!(
            "background:#{:02x}{:02x}{:02x};color:{ink}",
            color.0, color.1, color.2
        );
        html! { td style=(style) { (self.show.text(value)) } }
    }
}

/// The range of values that are there.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        })
}

fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    let share = if low > 0.0 && high > WIDE * low {
        (value / low).ln() / (high / low).ln()
    } else if high > low {
        (value - low) / (high - low)
    } else {
        0.5
    };
    share.clamp(0.0, 1.0)
}

/// Relative luminance, as WCAG 2 has it: above 0.18 black letters have more contrast than white ones.
fn luminance(color: RGBColor) -> f64 {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(color.0) + 0.7152 * linear(color.1) + 0.0722 * linear(color.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_can_be_read_on_every_colour() {
        for step in 0..=100 {
            let background = luminance(ViridisRGB.get_color(f64::from(step) / 100.0));
            let letters = if background > 0.18 { 0.0 } else { 1.0 };
            let (dark, light) = if letters > background {
                (background, letters)
            } else {
                (letters, background)
            };
            // WCAG 2, AA.
            assert!((light + 0.05) / (dark + 0.05) >= 4.5, "{step}");
        }
    }

    #[test]
    fn colours_span_the_range_evenly_or_by_factors() {
        assert_eq!(share(5.0, (0.0, 10.0)), 0.5);
        assert!((share(10.0, (1.0, 100.0)) - 0.5).abs() < 1e-12);
        assert_eq!(share(3.0, (3.0, 3.0)), 0.5);
    }
}
