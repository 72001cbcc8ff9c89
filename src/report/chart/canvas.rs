//! The one place that draws: lines, bands and letters in chart units, onto plotters' SVG backend.
//! It knows nothing of data or axes.

use super::font::FAMILY;
use super::theme::{HEIGHT, WIDTH};
use crate::Error;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The backend's coordinates are whole numbers; this many of them make one unit.
pub(crate) const FINENESS: f64 = 8.0;
/// The backend takes a size to be that of the letters' box, 1.24 times the font's.
const BOX: f64 = 1.24;

/// A white sheet of [`WIDTH`] by [`HEIGHT`].
pub(crate) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// A line's look.
#[derive(Clone, Copy)]
pub(crate) struct Stroke {
    pub(crate) color: RGBColor,
    pub(crate) alpha: f64,
    pub(crate) width: f64,
}

/// Letters' look and place.
#[derive(Clone, Copy)]
pub(crate) struct Letters {
    pub(crate) color: RGBColor,
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) anchor: Anchor,
}

/// Which end of a text is at its point; its middle is at the point's height.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Runs a drawing and gives its SVG.
pub(crate) fn draw(
    drawing: impl FnOnce(&Canvas<'_>) -> Result<(), Error>,
) -> Result<String, Error> {
    let mut svg = String::new();
    let size = ((WIDTH * FINENESS) as u32, (HEIGHT * FINENESS) as u32);
    let canvas = Canvas {
        area: SVGBackend::with_string(&mut svg, size).into_drawing_area(),
    };
    canvas.area.fill(&WHITE).map_err(failed)?;
    drawing(&canvas)?;
    canvas.area.present().map_err(failed)?;
    drop(canvas);
    Ok(svg)
}

impl Canvas<'_> {
    pub(crate) fn band(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        color: RGBColor,
        alpha: f64,
    ) -> Result<(), Error> {
        let shape = Rectangle::new([fine(from), fine(to)], color.mix(alpha).filled());
        self.area.draw(&shape).map_err(failed)
    }

    pub(crate) fn line(&self, points: &[(f64, f64)], stroke: Stroke) -> Result<(), Error> {
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        let style = stroke
            .color
            .mix(stroke.alpha)
            .stroke_width((stroke.width * FINENESS).round() as u32);
        self.area
            .draw(&PathElement::new(points, style))
            .map_err(failed)
    }

    /// A filled shape between its corners.
    pub(crate) fn area(
        &self,
        corners: &[(f64, f64)],
        color: RGBColor,
        alpha: f64,
    ) -> Result<(), Error> {
        let corners: Vec<(i32, i32)> = corners.iter().copied().map(fine).collect();
        self.area
            .draw(&Polygon::new(corners, color.mix(alpha).filled()))
            .map_err(failed)
    }

    /// A level dashed line.
    pub(crate) fn dashes(&self, x: (f64, f64), y: f64, stroke: Stroke) -> Result<(), Error> {
        const DASH: f64 = 9.0;
        const PERIOD: f64 = 17.0;
        let mut at = x.0;
        while at < x.1 {
            self.line(&[(at, y), ((at + DASH).min(x.1), y)], stroke)?;
            at += PERIOD;
        }
        Ok(())
    }

    pub(crate) fn dot(&self, at: (f64, f64), radius: f64, color: RGBColor) -> Result<(), Error> {
        let radius = (radius * FINENESS).round() as i32;
        self.area
            .draw(&Circle::new(fine(at), radius, color.filled()))
            .map_err(failed)
    }

    pub(crate) fn text(&self, at: (f64, f64), text: &str, letters: Letters) -> Result<(), Error> {
        let weight = if letters.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let across = match letters.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style = TextStyle::from((FAMILY, letters.size * FINENESS * BOX, weight))
            .color(&letters.color)
            .pos(Pos::new(across, VPos::Center));
        self.area
            .draw(&Text::new(text.to_owned(), fine(at), style))
            .map_err(failed)
    }
}

fn fine((x, y): (f64, f64)) -> (i32, i32) {
    // A float too large for the type becomes the type's largest value.
    ((x * FINENESS).round() as i32, (y * FINENESS).round() as i32)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Chart(error.to_string())
}
