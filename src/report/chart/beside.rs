//! Names written beside the lines that they belong to, where they cover neither a line nor another
//! name; else in a list in the corner that the lines leave empty. It knows nothing of what the lines
//! show.

use super::canvas::{Anchor, Canvas, Letters, Stroke};
use super::font::{fit, width};
use super::frame::Frame;
use super::labels::Area;
use super::theme::{INK, LABEL, LINE, SOFT, for_letters};
use crate::Error;
use plotters::style::{RGBColor, WHITE};

/// Places along a line at which its name is tried.
const TRIES: usize = 60;
/// The widest that a name may be.
const WIDEST: f64 = 360.0;
/// Half of a cross.
const ARM: f64 = 9.0;

/// A line that was drawn, in places.
pub(crate) struct Curve<'a> {
    /// None: it stands for nobody in particular.
    pub(crate) name: Option<&'a str>,
    pub(crate) color: RGBColor,
    pub(crate) line: Vec<(f64, f64)>,
}

/// A cross with words.
pub(crate) struct Cross {
    /// In places.
    pub(crate) at: (f64, f64),
    pub(crate) text: String,
}

/// The upper corner that no line comes near.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Corner {
    Left,
    Right,
}

/// Draws the crosses, and names them and the lines.
pub(crate) fn label(
    canvas: &Canvas<'_>,
    frame: &Frame,
    curves: &[Curve<'_>],
    crosses: &[Cross],
    corner: Corner,
) -> Result<(), Error> {
    let crowd: Vec<(f64, f64)> = curves.iter().flat_map(|curve| dense(&curve.line)).collect();
    let mut taken: Vec<Area> = Vec::new();
    let mut listed: Vec<(String, RGBColor, bool)> = Vec::new();
    for cross in crosses {
        let (x, y) = cross.at;
        let stroke = Stroke {
            color: INK,
            alpha: 1.0,
            width: 3.0,
        };
        canvas.line(&[(x - ARM, y), (x + ARM, y)], stroke)?;
        canvas.line(&[(x, y - ARM), (x, y + ARM)], stroke)?;
        taken.push(area((x - ARM, y), 2.0 * ARM));
        let points = [
            (x + ARM, y),
            (x + ARM, y - LINE),
            (x - ARM, y),
            (x - ARM, y + LINE),
        ];
        let wide = width(&cross.text, LABEL);
        if let Some(area) = free_place(frame, &points, wide, &crowd, &taken) {
            taken.push(area);
            write(canvas, area, &cross.text, SOFT)?;
        } else {
            listed.push((format!("+  {}", cross.text), SOFT, false));
        }
    }

    let end = |curve: &Curve<'_>| curve.line.last().map_or(0.0, |point| point.0);
    let mut named: Vec<(&Curve<'_>, String)> = curves
        .iter()
        .filter(|curve| !curve.line.is_empty())
        .filter_map(|curve| Some((curve, fit(curve.name?, LABEL, WIDEST))))
        .collect();
    named.sort_by(|a, b| end(b.0).total_cmp(&end(a.0)));
    let beside: Option<Vec<Area>> = named
        .iter()
        .map(|(curve, name)| {
            // From the tail upwards: lines are furthest apart there.
            let dense = dense(&curve.line);
            let step = (dense.len() / TRIES).max(1);
            let points: Vec<(f64, f64)> = dense.iter().rev().step_by(step).copied().collect();
            let area = free_place(frame, &points, width(name, LABEL), &crowd, &taken)?;
            taken.push(area);
            Some(area)
        })
        .collect();
    match beside {
        Some(areas) => {
            for ((curve, name), area) in named.iter().zip(areas) {
                write(canvas, area, name, curve.color)?;
            }
        }
        None => {
            let rows = named.iter().map(|(c, name)| (name.clone(), c.color, true));
            listed.splice(0..0, rows);
        }
    }
    list(canvas, frame, &listed, corner)
}

/// Text, colour, and whether a piece of the line stands before it.
fn list(
    canvas: &Canvas<'_>,
    frame: &Frame,
    rows: &[(String, RGBColor, bool)],
    corner: Corner,
) -> Result<(), Error> {
    let widest = rows.iter().map(|row| width(&row.0, LABEL));
    let widest = widest.fold(0.0, f64::max);
    let left = match corner {
        Corner::Right => frame.right - widest,
        Corner::Left => frame.left + 60.0,
    };
    for (row, (text, color, sample)) in rows.iter().enumerate() {
        let y = frame.top + (row as f64 + 1.0) * LINE;
        write(canvas, area((left, y), width(text, LABEL)), text, *color)?;
        if *sample {
            let stroke = Stroke {
                color: *color,
                alpha: 1.0,
                width: 4.0,
            };
            canvas.line(&[(left - 48.0, y), (left - 14.0, y)], stroke)?;
        }
    }
    Ok(())
}

/// A place at the right or the left of one of the points, the first where nothing is in the way.
fn free_place(
    frame: &Frame,
    points: &[(f64, f64)],
    wide: f64,
    crowd: &[(f64, f64)],
    taken: &[Area],
) -> Option<Area> {
    let high = |y: f64| y.clamp(frame.top + LINE / 2.0, frame.bottom - LINE / 2.0);
    points
        .iter()
        .flat_map(|&(x, y)| [(x + 14.0, high(y)), (x - 14.0 - wide, high(y))])
        .map(|place| area(place, wide))
        .filter(|area| area.left >= frame.left && area.right <= frame.right)
        .find(|area| {
            // With the white around the letters.
            let wider = Area {
                left: area.left - 8.0,
                right: area.right + 8.0,
                ..*area
            };
            !taken.iter().any(|other| other.meets(&wider))
                && !crowd.iter().any(|point| wider.holds(*point))
        })
}

fn write(canvas: &Canvas<'_>, area: Area, text: &str, color: RGBColor) -> Result<(), Error> {
    // Grid lines do not run through letters.
    let from = (area.left - 4.0, area.top + 2.0);
    canvas.band(from, (area.right + 4.0, area.bottom - 2.0), WHITE, 0.9)?;
    let letters = Letters {
        color: for_letters(color),
        size: LABEL,
        bold: false,
        anchor: Anchor::Start,
    };
    canvas.text((area.left, (area.top + area.bottom) / 2.0), text, letters)
}

fn area((left, middle): (f64, f64), wide: f64) -> Area {
    Area {
        left,
        top: middle - LINE / 2.0,
        right: left + wide,
        bottom: middle + LINE / 2.0,
    }
}

/// A line as points at most a few units apart.
fn dense(line: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for pair in line.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        let pieces = (length / 4.0).ceil().max(1.0) as usize;
        for piece in 0..pieces {
            let share = piece as f64 / pieces as f64;
            points.push((a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share));
        }
    }
    points.extend(line.last());
    points
}
