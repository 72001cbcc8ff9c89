//! What stands around the data: title, axes, grid, the bands of faults and warm-up, and the labels
//! at the lines' ends. It knows nothing of workloads.

use super::canvas::{Anchor, Canvas, Letters, Stroke};
use super::font::{fit, width};
use super::labels::{free_row, spread};
use super::scale::{Scale, decimals, multiples, round_step};
use super::theme::{
    BAND, FAULT, GRID, HEIGHT, INK, LABEL, LEADERLESS, LINE, MARGIN, SOFT, SUBTITLE, TITLE, WARMUP,
    WIDTH, for_letters,
};
use crate::Error;
use plotters::style::RGBColor;
use study::record::Series;

/// Where the titles end and the chart proper begins.
const HEAD: f64 = 162.0;
/// Below the chart proper: ticks and the axis' name.
const FOOT: f64 = 96.0;
/// The widest that labels at the right may be.
const WIDEST_LABEL: f64 = 320.0;
/// From the frame to the labels at its right.
const LEADER: f64 = 26.0;
/// Rows of fault labels above the frame.
const BAND_ROWS: usize = 3;

/// The rectangle in which data are drawn, and its scales.
pub(crate) struct Frame {
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

/// An axis before its place is known.
pub(crate) struct Axis {
    pub(crate) name: String,
    pub(crate) range: (f64, f64),
    pub(crate) log: bool,
    pub(crate) ticks: Vec<(f64, String)>,
}

/// What stands at the right of the frame, at the height of a value.
pub(crate) struct EndLabel {
    pub(crate) text: String,
    pub(crate) value: f64,
    pub(crate) color: RGBColor,
}

impl Axis {
    /// Time from 0 in the unit that fits: seconds, minutes or hours.
    pub(crate) fn time(total_s: f64) -> Self {
        let (unit, name) = if total_s <= 180.0 {
            (1.0, "s")
        } else if total_s <= 4.0 * 3600.0 {
            (60.0, "min")
        } else {
            (3600.0, "h")
        };
        let total = total_s / unit;
        let steps = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0];
        let step = steps
            .into_iter()
            .find(|step| total > 5.0 && total / step <= 10.0)
            .unwrap_or_else(|| round_step(total, 6.0));
        let places = decimals(step);
        Self {
            name: format!("simulated time, {name}"),
            range: (0.0, total_s),
            log: false,
            ticks: multiples(0.0, total, step)
                .into_iter()
                .map(|tick| (tick * unit, format!("{tick:.places$}")))
                .collect(),
        }
    }

    fn scale(&self, places: (f64, f64)) -> Scale {
        if self.log {
            Scale::log(self.range, places)
        } else {
            Scale::linear(self.range, places)
        }
    }
}

/// The title and the line below it.
pub(crate) fn head(canvas: &Canvas<'_>, title: &str, subtitle: &str) -> Result<(), Error> {
    let room = WIDTH - 2.0 * MARGIN;
    // The title is semi-bold, wider than what is measured.
    let title = fit(title, TITLE * 1.06, room);
    let letters = letters(INK, TITLE, Anchor::Start);
    let bold = Letters {
        bold: true,
        ..letters
    };
    canvas.text((MARGIN, 58.0), &title, bold)?;
    let soft = self::letters(SOFT, SUBTITLE, Anchor::Start);
    canvas.text((MARGIN, 100.0), &fit(subtitle, SUBTITLE, room), soft)
}

/// Axes, grid and bands; `series` brings the faults and the warm-up, where time is the x axis.
pub(crate) fn frame(
    canvas: &Canvas<'_>,
    x: &Axis,
    y: &Axis,
    labels: &[EndLabel],
    series: Option<&Series>,
) -> Result<Frame, Error> {
    let ticks = y.ticks.iter().map(|(_, text)| width(text, LABEL));
    let left = MARGIN + ticks.fold(0.0, f64::max) + 14.0;
    let label_width = labels.iter().map(|l| width(&l.text, LABEL));
    let label_width = label_width.fold(0.0, f64::max).min(WIDEST_LABEL);
    let right = WIDTH
        - MARGIN
        - if labels.is_empty() {
            0.0
        } else {
            label_width + LEADER
        };
    let bottom = HEIGHT - FOOT;

    let x_scale = x.scale((left, right));
    let bands = series.map_or_else(Vec::new, |series| bands(series, &x_scale, left, right));
    let rows = bands.iter().filter_map(|band| band.row).max();
    let top = HEAD + rows.map_or(14.0, |row| (row + 1) as f64 * LINE + 4.0);
    let frame = Frame {
        x: x_scale,
        y: y.scale((bottom, top)),
        left,
        top,
        right,
        bottom,
    };
    for band in &bands {
        frame.band(canvas, band)?;
    }
    frame.y_axis(canvas, y)?;
    frame.x_axis(canvas, x)?;
    Ok(frame)
}

impl Frame {
    /// The labels, next to the right edge, none over another, each joined to its value's height.
    pub(crate) fn end_labels(&self, canvas: &Canvas<'_>, labels: &[EndLabel]) -> Result<(), Error> {
        let wanted: Vec<f64> = labels.iter().map(|l| self.y.place(l.value)).collect();
        let places = spread(&wanted, LINE, self.top, self.bottom);
        for ((label, from), to) in labels.iter().zip(wanted).zip(places) {
            let stroke = Stroke {
                color: label.color,
                alpha: 0.6,
                width: 1.5,
            };
            let joint = [(self.right + 3.0, from), (self.right + LEADER - 6.0, to)];
            canvas.line(&joint, stroke)?;
            let letters = letters(for_letters(label.color), LABEL, Anchor::Start);
            let text = fit(&label.text, LABEL, WIDEST_LABEL);
            canvas.text((self.right + LEADER, to), &text, letters)?;
        }
        Ok(())
    }

    /// In place of data.
    pub(crate) fn message(&self, canvas: &Canvas<'_>, text: &str) -> Result<(), Error> {
        let middle = (
            (self.left + self.right) / 2.0,
            (self.top + self.bottom) / 2.0,
        );
        canvas.text(middle, text, letters(SOFT, TITLE, Anchor::Middle))
    }

    fn y_axis(&self, canvas: &Canvas<'_>, axis: &Axis) -> Result<(), Error> {
        let grid = Stroke {
            color: GRID,
            alpha: 1.0,
            width: 1.5,
        };
        for (value, text) in &axis.ticks {
            let y = self.y.place(*value);
            canvas.line(&[(self.left, y), (self.right, y)], grid)?;
            let letters = letters(SOFT, LABEL, Anchor::End);
            canvas.text((self.left - 12.0, y), text, letters)?;
        }
        let name = letters(SOFT, SUBTITLE, Anchor::Start);
        canvas.text((MARGIN, HEAD - 20.0), &axis.name, name)
    }

    fn x_axis(&self, canvas: &Canvas<'_>, axis: &Axis) -> Result<(), Error> {
        let line = Stroke {
            color: SOFT,
            alpha: 1.0,
            width: 2.0,
        };
        canvas.line(&[(self.left, self.bottom), (self.right, self.bottom)], line)?;
        for (value, text) in &axis.ticks {
            let x = self.x.place(*value);
            canvas.line(&[(x, self.bottom), (x, self.bottom + 7.0)], line)?;
            let letters = letters(SOFT, LABEL, Anchor::Middle);
            canvas.text((x, self.bottom + 25.0), text, letters)?;
        }
        let middle = (self.left + self.right) / 2.0;
        let name = letters(SOFT, SUBTITLE, Anchor::Middle);
        canvas.text((middle, HEIGHT - 34.0), &axis.name, name)
    }

    fn band(&self, canvas: &Canvas<'_>, band: &Band) -> Result<(), Error> {
        let strength = if band.color == WARMUP {
            BAND * 0.8
        } else {
            BAND
        };
        let (from, to) = band.span;
        canvas.band((from, self.top), (to, self.bottom), band.color, strength)?;
        let Some(row) = band.row else {
            return Ok(());
        };
        let middle = self.top - 4.0 - (row as f64 + 0.5) * LINE;
        let color = for_letters(for_letters(band.color));
        if row > 0 {
            // The label stands above others: a line leads down to its band.
            let stroke = Stroke {
                color,
                alpha: 0.6,
                width: 1.5,
            };
            let edge = from.max(band.label_at) + 1.0;
            canvas.line(&[(edge, self.top), (edge, middle + LINE / 2.0)], stroke)?;
        }
        let letters = letters(color, LABEL, Anchor::Start);
        canvas.text((band.label_at, middle), &band.label, letters)
    }
}

/// A span of time to be shaded, in places.
struct Band {
    span: (f64, f64),
    color: RGBColor,
    label: String,
    label_at: f64,
    /// Counted upwards from the frame; none when there was no room for its label.
    row: Option<usize>,
}

fn bands(series: &Series, x: &Scale, left: f64, right: f64) -> Vec<Band> {
    let faults = series.faults.iter().map(|fault| (fault, FAULT));
    let leaderless = series.leaderless.iter().map(|span| (span, LEADERLESS));
    let mut faults: Vec<_> = faults.chain(leaderless).collect();
    faults.sort_by(|(a, _), (b, _)| a.from_s.total_cmp(&b.from_s));
    let mut spans: Vec<(f64, f64, RGBColor, String)> = Vec::new();
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
    // From right to left: a label that gives way goes up, and what leads down from it stands left
    // of the labels below.
    let mut taken = [f64::INFINITY; BAND_ROWS];
    let mut bands: Vec<Band> = spans
        .into_iter()
        .rev()
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
    bands
}

pub(crate) fn letters(color: RGBColor, size: f64, anchor: Anchor) -> Letters {
    Letters {
        color,
        size,
        bold: false,
        anchor,
    }
}
