//! A figure of sampled settings: a cloud of points for each axis, the axis that the figure follows
//! most closely first.

use super::super::canvas::{self, Anchor, Canvas, Letters};
use super::super::font::{fit, width};
use super::super::frame::{Axis, Frame, head, letters};
use super::super::labels::Area;
use super::super::panels::panels;
use super::super::theme::{HEIGHT, INK, LABEL, LINE, MARGIN, PALETTE, SOFT, WIDTH};
use super::super::{Sketch, axes};
use super::design::{Design, Dimension};
use super::lines::axis;
use crate::Error;

/// Axes that have room.
const MOST: usize = 6;
/// Points of a panel.
const MOST_POINTS: usize = 4000;
/// Where the titles end.
const TOP: f64 = 146.0;

pub(super) fn draw(design: &Design<'_>, figure: usize) -> Result<Sketch, Error> {
    let (name, unit) = design.figure(figure);
    let mut dimensions: Vec<(&Dimension, Option<f64>)> = design
        .axes
        .iter()
        .map(|axis| (axis, correlation(design, axis, figure)))
        .collect();
    let strength = |r: Option<f64>| r.map_or(0.0, f64::abs);
    dimensions.sort_by(|a, b| strength(b.1).total_cmp(&strength(a.1)));
    let more = match dimensions.len().saturating_sub(MOST) {
        0 => String::new(),
        n => format!(" · {n} more axes in sweep.csv"),
    };
    dimensions.truncate(MOST);
    let title = format!("{name} of {} sampled settings", design.cells());
    let subtitle = format!(
        "{} · a point is a setting; r is the rank correlation, ± 1 where one follows the other{more}{}",
        design.name,
        design.left_out()
    );
    let values = || {
        (0..design.cells())
            .filter_map(|cell| Some((cell, design.estimate(cell, figure)?.mean?)))
            .take(MOST_POINTS)
    };
    let y = axes::figure(unit, values().map(|(_, mean)| mean), 5.0);
    let size = if dimensions.len() > 2 { 17.0 } else { 20.0 };
    let sheet = Area {
        left: MARGIN,
        top: TOP,
        right: WIDTH - MARGIN,
        bottom: HEIGHT - 30.0,
    };
    let svg = canvas::draw(|canvas| {
        head(canvas, &title, &subtitle)?;
        let places = panels(dimensions.len(), sheet, (44.0, 26.0));
        for ((dimension, r), place) in dimensions.iter().zip(places) {
            let frame = panel(canvas, dimension, *r, &y, place, size)?;
            for (cell, mean) in values() {
                let level = dimension.of_cell[cell];
                let x = dimension.levels[level].number.unwrap_or(level as f64);
                canvas.dot((frame.x.place(x), frame.y.place(mean)), 4.5, PALETTE[0])?;
            }
        }
        Ok(())
    })?;
    Ok(Sketch { title, svg })
}

fn panel(
    canvas: &Canvas<'_>,
    dimension: &Dimension,
    r: Option<f64>,
    y: &Axis,
    place: Area,
    size: f64,
) -> Result<Frame, Error> {
    let ticks = y.ticks.iter().map(|(_, text)| width(text, size));
    let inner = Area {
        left: place.left + ticks.fold(0.0, f64::max) + 14.0,
        top: place.top + LINE,
        right: place.right,
        bottom: place.bottom - 16.0 - size,
    };
    let x = if dimension.is_numeric() {
        axis(dimension, (inner.left, inner.right), size)
    } else {
        words(dimension, (inner.left, inner.right), size)
    };
    let wide = place.right - place.left;
    let said = r.map_or_else(String::new, |r| format!("r {r:+.2}"));
    let bold = Letters {
        bold: true,
        ..letters(INK, LABEL, Anchor::Start)
    };
    let room = wide - width(&said, LABEL) - 24.0;
    let name = fit(&dimension.name, LABEL * 1.04, room);
    canvas.text((place.left, place.top), &name, bold)?;
    let soft = letters(SOFT, LABEL, Anchor::End);
    canvas.text((place.right, place.top), &said, soft)?;
    Frame::within(canvas, inner, &x, y, size)
}

/// Words stand side by side.
fn words(dimension: &Dimension, (left, right): (f64, f64), size: f64) -> Axis {
    let count = dimension.levels.len() as f64;
    let room = (right - left) / count - 8.0;
    let ticks = dimension.levels.iter().enumerate();
    Axis {
        name: dimension.name.clone(),
        range: (-0.5, count - 0.5),
        log: false,
        ticks: ticks
            .map(|(at, level)| (at as f64, fit(&level.label, size, room)))
            .collect(),
    }
}

/// Spearman's: the correlation of the ranks, equal values sharing theirs. Only of numbers, and where
/// both vary.
fn correlation(design: &Design<'_>, dimension: &Dimension, figure: usize) -> Option<f64> {
    if !dimension.is_numeric() {
        return None;
    }
    let pairs: Vec<(f64, f64)> = (0..design.cells())
        .filter_map(|cell| {
            let x = dimension.levels[dimension.of_cell[cell]].number?;
            Some((x, design.estimate(cell, figure)?.mean?))
        })
        .collect();
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    spearman(&x, &y)
}

fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x, y) = (ranks(x), ranks(y));
    let count = x.len() as f64;
    let mean = (count + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    let spread = (product(&x, &x) * product(&y, &y)).sqrt();
    (spread > 0.0).then(|| product(&x, &y) / spread)
}

/// From 1; equal values have the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let same = |at: &&usize| values[**at] == values[order[from]];
        let count = order[from..].iter().take_while(same).count().max(1);
        for at in &order[from..from + count] {
            ranks[*at] = from as f64 + (count as f64 + 1.0) / 2.0;
        }
        from += count;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_order_and_ties_share() {
        assert_eq!(ranks(&[10.0, 30.0, 20.0, 20.0]), [1.0, 4.0, 2.5, 2.5]);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[1.0, 10.0, 1e9]), Some(1.0));
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[9.0, 4.0, 1.0]), Some(-1.0));
        assert_eq!(spearman(&[1.0, 2.0], &[5.0, 5.0]), None);
        // 1 - 6 Σd² / (n (n² - 1)) where nothing is tied: d = 1, 1, 0, 0.
        let r = spearman(&[1.0, 2.0, 3.0, 4.0], &[2.0, 1.0, 3.0, 4.0]).unwrap();
        assert!((r - 0.8).abs() < 1e-12);
    }
}
