//! What stands around the data: title, axes, grid, and the labels at the lines' ends. It knows
//! nothing of workloads.

use super::bands::Bands;
use super::canvas::{Anchor, Canvas, Letters, Stroke};
use super::font::{fit, width};
use super::labels::{Area, spread};
use super::scale::{Scale, decimals, multiples, round_step};
use super::theme::{
    GRID, HEIGHT, INK, LABEL, LINE, MARGIN, SOFT, SUBTITLE, TITLE, WIDTH, for_letters,
};
use crate::Error;
use plotters::style::RGBColor;
use study::record::Series;

/// Where the titles end and the chart proper begins.
pub(crate) const HEAD: f64 = 162.0;
/// Below the chart proper: ticks and the axis' name.
pub(crate) const FOOT: f64 = 96.0;
/// The widest that labels at the right may be.
const WIDEST_LABEL: f64 = 320.0;
/// From the frame to the labels at its right.
const LEADER: f64 = 26.0;

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
        Self::time_between(0.0, total_s)
    }

    /// A part of the time, in the unit that fits its end.
    pub(crate) fn time_between(from_s: f64, to_s: f64) -> Self {
        let (unit, name) = if to_s <= 180.0 {
            (1.0, "s")
        } else if to_s <= 4.0 * 3600.0 {
            (60.0, "min")
        } else {
            (3600.0, "h")
        };
        let (from, to) = (from_s / unit, to_s / unit);
        let span = to - from;
        let steps = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0];
        let step = steps
            .into_iter()
            .find(|step| span > 5.0 && span / step <= 10.0)
            .unwrap_or_else(|| round_step(span, 6.0));
        let places = decimals(step);
        Self {
            name: format!("simulated time, {name}"),
            range: (from_s, to_s),
            log: false,
            ticks: multiples(from, to, step)
                .into_iter()
                .map(|tick| (tick * unit, format!("{tick:.places$}")))
                .collect(),
        }
    }

    pub(crate) fn scale(&self, places: (f64, f64)) -> Scale {
        Scale::linear_or_log(self.range, places, self.log)
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
    let bands = series.map_or_else(Bands::default, |series| {
        Bands::of(series, &x_scale, left, right)
    });
    let top = HEAD + bands.height();
    bands.draw(canvas, top, bottom)?;
    let place = Area {
        left,
        top,
        right,
        bottom,
    };
    let frame = Frame::within(canvas, place, x, y, LABEL)?;
    let name = letters(SOFT, SUBTITLE, Anchor::Start);
    canvas.text((MARGIN, HEAD - 20.0), &y.name, name)?;
    time_name(canvas, &x.name, left, right)?;
    Ok(frame)
}

/// The name of the axis at the bottom of the sheet.
pub(crate) fn time_name(
    canvas: &Canvas<'_>,
    name: &str,
    left: f64,
    right: f64,
) -> Result<(), Error> {
    let soft = letters(SOFT, SUBTITLE, Anchor::Middle);
    canvas.text(((left + right) / 2.0, HEIGHT - 34.0), name, soft)
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

    /// Axes, grid and ticks in a place of their own, for sheets that hold several; the axes' names
    /// are for the caller to write.
    pub(crate) fn within(
        canvas: &Canvas<'_>,
        place: Area,
        x: &Axis,
        y: &Axis,
        size: f64,
    ) -> Result<Self, Error> {
        let frame = Self {
            x: x.scale((place.left, place.right)),
            y: y.scale((place.bottom, place.top)),
            left: place.left,
            top: place.top,
            right: place.right,
            bottom: place.bottom,
        };
        frame.y_ticks(canvas, y, size)?;
        frame.x_ticks(canvas, x, size)?;
        Ok(frame)
    }

    /// Grid lines, and what they stand for at their left.
    pub(crate) fn y_ticks(&self, canvas: &Canvas<'_>, axis: &Axis, size: f64) -> Result<(), Error> {
        let grid = Stroke {
            color: GRID,
            alpha: 1.0,
            width: 1.5,
        };
        for (value, text) in &axis.ticks {
            let y = self.y.place(*value);
            canvas.line(&[(self.left, y), (self.right, y)], grid)?;
            let letters = letters(SOFT, size, Anchor::End);
            canvas.text((self.left - 12.0, y), text, letters)?;
        }
        Ok(())
    }

    /// The line at the bottom, and its ticks.
    pub(crate) fn x_ticks(&self, canvas: &Canvas<'_>, axis: &Axis, size: f64) -> Result<(), Error> {
        let line = Stroke {
            color: SOFT,
            alpha: 1.0,
            width: 2.0,
        };
        canvas.line(&[(self.left, self.bottom), (self.right, self.bottom)], line)?;
        for (value, text) in &axis.ticks {
            let x = self.x.place(*value);
            canvas.line(&[(x, self.bottom), (x, self.bottom + 7.0)], line)?;
            let letters = letters(SOFT, size, Anchor::Middle);
            // The last one gives way to the sheet's edge.
            let middle = x.min(WIDTH - 8.0 - width(text, size) / 2.0);
            canvas.text((middle, self.bottom + 14.0 + size / 2.0), text, letters)?;
        }
        Ok(())
    }
}

pub(crate) fn letters(color: RGBColor, size: f64, anchor: Anchor) -> Letters {
    Letters {
        color,
        size,
        bold: false,
        anchor,
    }
}
