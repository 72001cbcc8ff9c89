//! The spans of time that are shaded behind the data: warm-up, faults, changes, times without a
//! leader. Their names stand above the frame, none over another. It knows nothing of what is
//! measured.

use super::canvas::{Anchor, Canvas, Stroke};
use super::font::{fit, width};
use super::frame::letters;
use super::labels::free_row;
use super::scale::Scale;
use super::theme::{BAND, FAULT, LABEL, LEADERLESS, LINE, WARMUP, for_letters};
use crate::Error;
use plotters::style::RGBColor;
use study::record::Series;

/// Rows of labels above the frame.
const ROWS: usize = 3;

/// The bands of a run, laid over its time axis.
#[derive(Default)]
pub(crate) struct Bands(Vec<Band>);

struct Band {
    /// In places.
    span: (f64, f64),
    color: RGBColor,
    label: String,
    label_at: f64,
    /// Counted upwards from the frame; none when there was no room for its label.
    row: Option<usize>,
}

impl Bands {
    /// Between the frame's left and right edge.
    pub(crate) fn of(series: &Series, x: &Scale, left: f64, right: f64) -> Self {
        // From right to left: a label that gives way goes up, and what leads down from it stands
        // left of the labels below.
        let mut taken = [f64::INFINITY; ROWS];
        let mut bands: Vec<Band> = spans(series)
            .into_iter()
            .rev()
            .filter(|(from, to, ..)| x.meets(*from, *to))
            .map(|(from, to, color, label)| {
                let from = x.place(from).min(right - 2.0);
                let to = x.place(to).max(from + 2.0);
                let label = fit(&label, LABEL, (right - left).min(480.0));
                let wide = width(&label, LABEL);
                // Over the middle of its band, or from its start when it is longer.
                let label_at = from + ((to - from - wide) / 2.0).max(0.0);
                let label_at = label_at.min(right - wide).max(left);
                let row = if label.is_empty() {
                    None
                } else {
                    free_row(&mut taken, label_at, label_at + wide + 16.0)
                };
                Band {
                    span: (from, to),
                    color,
                    label,
                    label_at,
                    row,
                }
            })
            .collect();
        bands.reverse();
        Self(bands)
    }

    /// What the labels take above the frame; some air when there are none.
    pub(crate) fn height(&self) -> f64 {
        let rows = self.0.iter().filter_map(|band| band.row).max();
        rows.map_or(14.0, |row| (row + 1) as f64 * LINE + 4.0)
    }

    /// From the frame's top to its bottom, the labels above.
    pub(crate) fn draw(&self, canvas: &Canvas<'_>, top: f64, bottom: f64) -> Result<(), Error> {
        for band in &self.0 {
            band.shade(canvas, top, bottom)?;
            band.name(canvas, top)?;
        }
        Ok(())
    }
}

impl Band {
    fn shade(&self, canvas: &Canvas<'_>, top: f64, bottom: f64) -> Result<(), Error> {
        let strength = if self.color == WARMUP {
            BAND * 0.8
        } else {
            BAND
        };
        let (from, to) = self.span;
        canvas.band((from, top), (to, bottom), self.color, strength)
    }

    fn name(&self, canvas: &Canvas<'_>, top: f64) -> Result<(), Error> {
        let Some(row) = self.row else {
            return Ok(());
        };
        let middle = top - 4.0 - (row as f64 + 0.5) * LINE;
        let color = for_letters(for_letters(self.color));
        if row > 0 {
            // The label stands above others: a line leads down to its band.
            let stroke = Stroke {
                color,
                alpha: 0.6,
                width: 1.5,
            };
            let edge = self.span.0.max(self.label_at) + 1.0;
            canvas.line(&[(edge, top), (edge, middle + LINE / 2.0)], stroke)?;
        }
        let letters = letters(color, LABEL, Anchor::Start);
        canvas.text((self.label_at, middle), &self.label, letters)
    }
}

/// From, to in seconds, colour and label, in the order in which they begin.
fn spans(series: &Series) -> Vec<(f64, f64, RGBColor, String)> {
    let faults = series.faults.iter().map(|fault| (fault, FAULT));
    let leaderless = series.leaderless.iter().map(|span| (span, LEADERLESS));
    let mut faults: Vec<_> = faults.chain(leaderless).collect();
    faults.sort_by(|(a, _), (b, _)| a.from_s.total_cmp(&b.from_s));
    let mut spans = Vec::new();
    if series.warmup_s > 0.0 {
        spans.push((0.0, series.warmup_s, WARMUP, "warm-up".into()));
    }
    for (i, (fault, color)) in faults.iter().enumerate() {
        // What comes again and again is labelled once.
        let again = faults[..i].iter().any(|(f, _)| f.label == fault.label);
        let times = faults
            .iter()
            .filter(|(f, _)| f.label == fault.label)
            .count();
        let label = match (again, times) {
            (true, _) => String::new(),
            (false, 1) => fault.label.clone(),
            (false, n) => format!("{} ({n} times)", fault.label),
        };
        spans.push((fault.from_s, fault.to_s, *color, label));
    }
    spans
}
