//! A figure against two axes, as a map with its value in each place; against a third as maps side by
//! side. Bright is much, whether that is good or bad.

use super::super::canvas::{self, Anchor, Canvas};
use super::super::font::{fit, width};
use super::super::frame::{head, letters};
use super::super::labels::Area;
use super::super::panels::panels;
use super::super::scale::Scale;
use super::super::theme::{GRID, HEIGHT, INK, LABEL, LINE, MARGIN, SOFT, WIDTH, ink_on, viridis};
use super::super::{Sketch, axes};
use super::design::{Design, Dimension};
use super::{half_width, held, shown};
use crate::Error;
use study::record::Estimate;

/// Values of an axis that are drawn.
const MOST: [usize; 3] = [48, 30, 6];
/// Letters of values, tried from the largest.
const SIZES: [f64; 5] = [22.0, 19.0, 16.0, 14.0, 12.0];
/// Between two places.
const GAP: f64 = 2.0;
/// Where the titles end.
const TOP: f64 = 146.0;
/// Of the rows' names.
const WIDEST_NAME: f64 = 300.0;
/// At the right: the scale of colours and its marks.
const BAR: f64 = 130.0;

pub(super) fn draw(design: &Design<'_>, figure: usize) -> Result<Sketch, Error> {
    let (name, unit) = design.figure(figure);
    let [columns, rows] = [0, 1].map(|axis| &design.axes[axis]);
    let title = format!("{name} by {} and {}", columns.name, rows.name);
    let counts: Vec<usize> = (0..3)
        .map(|axis| {
            let levels = design.axes.get(axis).map_or(1, |a| a.levels.len());
            levels.min(MOST[axis])
        })
        .collect();
    let subtitle = format!(
        "{} · mean, ± half of the 95 % interval where there is room{}{}{}",
        design.name,
        held(design, 3),
        cut(design, &counts),
        design.left_out()
    );
    let map = Map::of(design, figure, &counts);
    let sheet = Area {
        left: MARGIN,
        top: TOP,
        right: WIDTH - MARGIN - BAR,
        bottom: HEIGHT - 24.0,
    };
    let svg = canvas::draw(|canvas| {
        head(canvas, &title, &subtitle)?;
        let places = panels(counts[2], sheet, (36.0, 30.0));
        let sizes = Sizes::of(&map, &places, columns, rows, &counts);
        for (panel, place) in places.iter().enumerate() {
            let above = design.axes.get(2);
            let above = above.map(|axis| format!("{} {}", axis.name, axis.levels[panel].label));
            sizes.panel(canvas, &map, panel, *place, (columns, rows, above))?;
        }
        map.bar(canvas, sheet.top + LINE, sheet.bottom - 62.0, unit)
    })?;
    Ok(Sketch { title, svg })
}

/// `· the first 48 of 200 values of rate`.
fn cut(design: &Design<'_>, counts: &[usize]) -> String {
    let axes = design.axes.iter().zip(counts);
    let cut = axes.filter(|(axis, count)| axis.levels.len() > **count);
    cut.map(|(axis, count)| {
        let all = axis.levels.len();
        format!(" · the first {count} of {all} values of {}", axis.name)
    })
    .collect()
}

struct Map {
    /// By panel, row, column; none where there is no such cell.
    places: Vec<Vec<Vec<Option<Place>>>>,
    colors: Scale,
    range: (f64, f64),
}

/// None where nothing was measured.
type Place = Option<(Estimate, String, Option<String>)>;

impl Map {
    fn of(design: &Design<'_>, figure: usize, counts: &[usize]) -> Self {
        let (name, unit) = design.figure(figure);
        let place = |panel, row, column| {
            let levels = [column, row, panel];
            let cell = design.cell(&levels[..design.axes.len().min(3)])?;
            Some(design.estimate(cell, figure).map(|estimate| {
                let text = shown(name, unit, estimate.mean.unwrap_or(f64::NAN));
                (estimate, text, half_width(unit, estimate))
            }))
        };
        let row = |panel, row| (0..counts[0]).map(|c| place(panel, row, c)).collect();
        let panel = |panel| (0..counts[1]).map(|r| row(panel, r)).collect();
        let places: Vec<Vec<Vec<Option<Place>>>> = (0..counts[2]).map(panel).collect();
        let means = places.iter().flatten().flatten().flatten().flatten();
        let means: Vec<f64> = means.filter_map(|(estimate, ..)| estimate.mean).collect();
        let low = means.iter().copied().fold(f64::INFINITY, f64::min);
        let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = match (low, high) {
            (low, high) if low < high => (low, high),
            (low, high) if low == high => (low - low.abs().max(1.0) * 0.1, high),
            _ => (0.0, 1.0),
        };
        let wide = range.0 > 0.0 && range.1 / range.0 > 30.0;
        let colors = if wide {
            Scale::log(range, (0.0, 1.0))
        } else {
            Scale::linear(range, (0.0, 1.0))
        };
        Self {
            places,
            colors,
            range,
        }
    }

    /// What the colours stand for.
    fn bar(
        &self,
        canvas: &Canvas<'_>,
        top: f64,
        bottom: f64,
        unit: study::Unit,
    ) -> Result<(), Error> {
        let left = WIDTH - MARGIN - BAR + 24.0;
        let pieces = 64;
        let high = (bottom - top) / f64::from(pieces);
        for piece in 0..pieces {
            let share = (f64::from(piece) + 0.5) / f64::from(pieces);
            let at = bottom - f64::from(piece) * high;
            let to = (left + 20.0, at);
            canvas.band((left, at - high - 0.5), to, viridis(share), 1.0)?;
        }
        let axis = axes::figure(unit, [self.range.0, self.range.1].into_iter(), 5.0);
        let inside = |value: &f64| (self.range.0..=self.range.1).contains(value);
        for (value, text) in axis.ticks.iter().filter(|(value, _)| inside(value)) {
            let y = bottom - self.colors.place(*value) * (bottom - top);
            let soft = letters(SOFT, 18.0, Anchor::Start);
            canvas.text((left + 28.0, y), &fit(text, 18.0, BAR - 28.0), soft)?;
        }
        Ok(())
    }
}

/// How a panel is divided; the same in all of them.
struct Sizes {
    names: f64,
    label: f64,
    cell: (f64, f64),
    value: Option<f64>,
    halves: bool,
}

impl Sizes {
    fn of(
        map: &Map,
        places: &[Area],
        columns: &Dimension,
        rows: &Dimension,
        counts: &[usize],
    ) -> Self {
        let label = if places.len() > 2 { 17.0 } else { LABEL };
        let labels = rows.levels[..counts[1]].iter();
        let names = labels.map(|level| width(&level.label, label));
        let place = places[0];
        let most = ((place.right - place.left) * 0.3).min(WIDEST_NAME);
        let names = names.fold(0.0, f64::max).min(most) + 14.0;
        let cell = (
            (place.right - place.left - names) / columns.levels[..counts[0]].len() as f64,
            (place.bottom - place.top - LINE - 62.0) / counts[1] as f64,
        );
        let all = || map.places.iter().flatten().flatten().flatten().flatten();
        let widest = |size: f64| {
            all()
                .map(|(_, text, _)| width(text, size))
                .fold(0.0, f64::max)
        };
        let fits = |size: &f64| widest(*size) <= cell.0 - GAP - 4.0 && *size * 1.15 <= cell.1 - GAP;
        let value = SIZES.into_iter().find(fits);
        let halves = value.is_some_and(|size| {
            let texts = all().filter_map(|(.., half)| half.as_ref());
            let widest = texts
                .map(|text| width(text, size * 0.8))
                .fold(0.0, f64::max);
            widest > 0.0 && widest <= cell.0 - GAP - 4.0 && size * 2.3 <= cell.1 - GAP
        });
        Self {
            names,
            label,
            cell,
            value,
            halves,
        }
    }

    fn panel(
        &self,
        canvas: &Canvas<'_>,
        map: &Map,
        panel: usize,
        place: Area,
        (columns, rows, above): (&Dimension, &Dimension, Option<String>),
    ) -> Result<(), Error> {
        let (left, top) = (place.left + self.names, place.top + LINE);
        let (wide, high) = self.cell;
        let shown = &map.places[panel];
        // Numbers rise upwards, words are read downwards.
        let down = |row: usize| match rows.is_numeric() {
            true => shown.len() - 1 - row,
            false => row,
        };
        let soft = letters(SOFT, self.label, Anchor::Start);
        let name = fit(&rows.name, self.label, (place.right - place.left) * 0.45);
        canvas.text((place.left, place.top + 6.0), &name, soft)?;
        if let Some(above) = above {
            let middle = letters(INK, self.label, Anchor::Middle);
            let room =
                (place.right - left) - 2.0 * (width(&name, self.label) - self.names).max(0.0);
            let above = fit(&above, self.label, room.max(60.0));
            canvas.text(
                ((left + place.right) / 2.0, place.top + 6.0),
                &above,
                middle,
            )?;
        }
        for (row, values) in shown.iter().enumerate() {
            let y = top + down(row) as f64 * high;
            if self.label * 1.1 <= high || row % 2 == 0 {
                let text = fit(&rows.levels[row].label, self.label, self.names - 14.0);
                let end = letters(SOFT, self.label, Anchor::End);
                canvas.text((left - 10.0, y + high / 2.0), &text, end)?;
            }
            for (column, value) in values.iter().enumerate() {
                let from = (left + column as f64 * wide, y);
                self.value(canvas, map, value.as_ref(), from)?;
            }
        }
        let bottom = top + shown.len() as f64 * high;
        self.columns(
            canvas,
            columns,
            shown.first().map_or(0, Vec::len),
            (left, bottom),
        )
    }

    fn value(
        &self,
        canvas: &Canvas<'_>,
        map: &Map,
        value: Option<&Place>,
        from: (f64, f64),
    ) -> Result<(), Error> {
        let Some(place) = value else {
            // A setting that a constraint left out.
            return Ok(());
        };
        let to = (from.0 + self.cell.0 - GAP, from.1 + self.cell.1 - GAP);
        let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
        let Some((estimate, text, half)) = place else {
            canvas.band(from, to, GRID, 1.0)?;
            let soft = letters(SOFT, self.value.unwrap_or(SIZES[4]), Anchor::Middle);
            return canvas.text(middle, "–", soft);
        };
        let color = viridis(map.colors.place(estimate.mean.unwrap_or(map.range.0)));
        canvas.band(from, to, color, 1.0)?;
        let Some(size) = self.value else {
            return Ok(());
        };
        let ink = letters(ink_on(color), size, Anchor::Middle);
        match half.as_ref().filter(|_| self.halves) {
            None => canvas.text(middle, text, ink),
            Some(half) => {
                canvas.text((middle.0, middle.1 - size * 0.5), text, ink)?;
                let small = letters(ink_on(color), size * 0.8, Anchor::Middle);
                canvas.text((middle.0, middle.1 + size * 0.55), half, small)
            }
        }
    }

    fn columns(
        &self,
        canvas: &Canvas<'_>,
        axis: &Dimension,
        count: usize,
        (left, bottom): (f64, f64),
    ) -> Result<(), Error> {
        let wide = self.cell.0;
        let levels = &axis.levels[..count];
        let widest = levels.iter().map(|level| width(&level.label, self.label));
        let every = match axis.is_numeric() {
            true => ((widest.fold(0.0, f64::max) + 10.0) / wide).ceil().max(1.0) as usize,
            false => 1,
        };
        for (column, level) in levels.iter().enumerate().step_by(every) {
            let middle = (left + (column as f64 + 0.5) * wide, bottom + 16.0);
            let text = fit(&level.label, self.label, wide * every as f64 - 8.0);
            canvas.text(middle, &text, letters(SOFT, self.label, Anchor::Middle))?;
        }
        let middle = left + count as f64 * wide / 2.0;
        let name = fit(&axis.name, self.label, count as f64 * wide);
        canvas.text(
            (middle, bottom + 44.0),
            &name,
            letters(SOFT, self.label, Anchor::Middle),
        )
    }
}
