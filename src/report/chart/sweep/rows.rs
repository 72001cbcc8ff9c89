//! Figures of settings that are words: a row for each setting, a column for each figure, a dot with
//! its 95 % interval in each place.

use super::super::canvas::{self, Anchor, Canvas, Letters, Stroke};
use super::super::font::{fit, width};
use super::super::frame::{head, letters};
use super::super::scale::Scale;
use super::super::theme::{GRID, HEIGHT, INK, LABEL, MARGIN, PALETTE, SOFT, WIDTH};
use super::super::{Sketch, axes};
use super::design::Design;
use super::shown;
use crate::Error;

/// Settings that have room.
const MOST: usize = 24;
/// Where the names of the figures stand.
const TOP: f64 = 150.0;
/// Of a row.
const TALLEST: f64 = 90.0;
/// Of the settings' names.
const WIDEST_NAME: f64 = 380.0;
/// Between two columns.
const GAP: f64 = 44.0;
/// Of the values, and of the columns' names.
const SMALL: f64 = 18.0;

pub(super) fn draw(design: &Design<'_>) -> Result<Sketch, Error> {
    let axis = &design.axes[0];
    let count = axis.levels.len().min(MOST);
    let title = format!("{} settings of {}", axis.levels.len(), axis.name);
    let more = match axis.levels.len() - count {
        0 => String::new(),
        n => format!(" · {n} more settings in sweep.csv"),
    };
    let subtitle = format!(
        "{} · mean and 95 % interval, each column on its own scale{more}{}",
        design.name,
        design.left_out()
    );
    let levels = &axis.levels[..count];
    let names = levels.iter().map(|level| width(&level.label, LABEL));
    let names = names.fold(0.0, f64::max).min(WIDEST_NAME);
    let left = MARGIN + names + 28.0;
    let columns = design.figures.len() as f64;
    let wide = (WIDTH - MARGIN - left - GAP * (columns - 1.0)) / columns;
    let top = TOP + 30.0;
    let high = ((HEIGHT - 60.0 - top) / count as f64).min(TALLEST);
    let svg = canvas::draw(|canvas| {
        head(canvas, &title, &subtitle)?;
        for (row, level) in levels.iter().enumerate() {
            let y = top + (row as f64 + 0.5) * high;
            let text = fit(&level.label, LABEL, WIDEST_NAME);
            canvas.text((MARGIN, y), &text, letters(INK, LABEL, Anchor::Start))?;
            let thin = Stroke {
                color: GRID,
                alpha: 1.0,
                width: 1.0,
            };
            let below = top + (row as f64 + 1.0) * high;
            canvas.line(&[(MARGIN, below), (WIDTH - MARGIN, below)], thin)?;
        }
        for (column, figure) in design.figures.iter().enumerate() {
            let from = left + column as f64 * (wide + GAP);
            let span = (from, from + wide);
            let rows = (top, high, count);
            figures(canvas, design, *figure, span, rows)?;
        }
        Ok(())
    })?;
    Ok(Sketch { title, svg })
}

/// One column: `span` from left to right, rows from a top, of a height, so many.
fn figures(
    canvas: &Canvas<'_>,
    design: &Design<'_>,
    figure: usize,
    span: (f64, f64),
    (top, high, count): (f64, f64, usize),
) -> Result<(), Error> {
    let (name, unit) = design.figure(figure);
    let estimates: Vec<_> = (0..count)
        .map(|row| design.estimate(design.cell(&[row])?, figure))
        .collect();
    let all = estimates.iter().flatten();
    let values = all.flat_map(|e| [e.mean, e.low, e.high]).flatten();
    let axis = axes::figure(unit, values, 3.0);
    let inner = (span.0 + 12.0, span.1 - 12.0);
    let x = Scale::linear_or_log(axis.range, inner, axis.log);
    let bottom = top + count as f64 * high;
    let grid = Stroke {
        color: GRID,
        alpha: 1.0,
        width: 1.5,
    };
    let ends = [axis.ticks.first(), axis.ticks.last()];
    for (value, _) in &axis.ticks {
        let at = x.place(*value);
        canvas.line(&[(at, top), (at, bottom)], grid)?;
    }
    for (value, text) in ends.into_iter().flatten() {
        let soft = letters(SOFT, SMALL, Anchor::Middle);
        canvas.text((x.place(*value), bottom + 18.0), text, soft)?;
    }
    let bold = Letters {
        bold: true,
        ..letters(INK, SMALL, Anchor::Start)
    };
    let text = fit(name, SMALL * 1.05, span.1 - span.0 + GAP - 12.0);
    canvas.text((span.0, TOP), &text, bold)?;
    for (row, estimate) in estimates.iter().enumerate() {
        let y = top + (row as f64 + 0.62) * high;
        let Some((estimate, mean)) = estimate.as_ref().and_then(|e| Some((e, e.mean?))) else {
            let middle = ((span.0 + span.1) / 2.0, y);
            canvas.text(middle, "–", letters(SOFT, SMALL, Anchor::Middle))?;
            continue;
        };
        if let (Some(low), Some(high)) = (estimate.low, estimate.high) {
            let stroke = Stroke {
                color: PALETTE[0],
                alpha: 0.35,
                width: 8.0,
            };
            canvas.line(&[(x.place(low), y), (x.place(high), y)], stroke)?;
        }
        canvas.dot((x.place(mean), y), 6.0, PALETTE[0])?;
        if high >= 2.0 * SMALL {
            let text = shown(name, unit, mean);
            let half = width(&text, SMALL) / 2.0;
            let at = x
                .place(mean)
                .clamp(span.0 + half, (span.1 - half).max(span.0 + half));
            let above = (at, y - SMALL * 0.5 - 9.0);
            canvas.text(above, &text, letters(INK, SMALL, Anchor::Middle))?;
        }
    }
    Ok(())
}
