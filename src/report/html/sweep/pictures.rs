//! How a sweep is best seen: curves along an axis of numbers, heat maps over two axes, several of them
//! over more; points where the settings are scattered.

use super::estimate;
use crate::html::heat::{Heat, range};
use crate::html::plot::{Axis, Curve, Kind as Look, Plot, Plots, Ribbon};
use crate::html::show::Show;
use maud::{Markup, html};
use study::Unit;
use study::record::Estimate;
use study::sweep::{Kind, Outline, SweepRecord};

const INKS: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];
/// More panels of one figure than this are left to the table.
const MOST_PANELS: usize = 12;
/// More curves than this have no ribbons.
const MOST_RIBBONS: usize = 4;
/// Heat maps with more columns than this take the whole width.
const MOST_BESIDE: usize = 8;
/// Heat maps have at most so many rows and columns.
const MOST_VALUES: usize = 24;

/// Pictures of the chosen figures.
pub(super) fn of(
    outline: &Outline,
    record: &SweepRecord,
    chosen: &[usize],
    plots: &mut Plots,
) -> Markup {
    let view = View::of(outline);
    html! {
        @match view {
            View::One => p.about { "There is one cell: nothing to compare it with." },
            View::Along(axis) => {
                p.about { "The ribbon is the 95 % interval over replications." }
                div.pair { @for figure in chosen {
                    (plots.draw(&curves(outline, record, *figure, axis, None, Look::Line)))
                } }
            },
            View::Scattered => {
                @for axis in numeric(outline) {
                    h3 { code { (outline.axes[axis].path) } }
                    div.pair { @for figure in chosen {
                        (plots.draw(&curves(outline, record, *figure, axis, None, Look::Dots)))
                    } }
                }
            },
            View::Grid(down, across) => {
                @for figure in chosen {
                    h3 { (record.figures[*figure].name) }
                    (grid(outline, record, *figure, down, across, plots))
                }
            },
            View::List(axis) => {
                @for figure in chosen { (list(outline, record, *figure, axis)) }
            },
        }
    }
}

/// How a sweep is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum View {
    /// It has one cell.
    One,
    /// One axis, of numbers.
    Along(usize),
    /// One axis, of words.
    List(usize),
    /// Two axes in each panel: rows, columns.
    Grid(usize, usize),
    /// No two cells need have anything in common.
    Scattered,
}

impl View {
    fn of(outline: &Outline) -> Self {
        let many: Vec<(usize, usize)> = (0..outline.axes.len())
            .map(|axis| (axis, distinct(outline, axis).len()))
            .filter(|(_, values)| *values > 1)
            .collect();
        let number = |axis: usize| is_number(outline, axis);
        let full: usize = many
            .iter()
            .map(|(_, values)| *values)
            .fold(1, usize::saturating_mul);
        match many.as_slice() {
            [] => Self::One,
            [(axis, _)] if number(*axis) => Self::Along(*axis),
            [(axis, _)] => Self::List(*axis),
            _ if full > 2 * outline.cells.len() && numeric(outline).next().is_some() => {
                Self::Scattered
            }
            all => {
                // The longest axis of numbers goes across.
                let longest = |list: &[(usize, usize)]| {
                    list.iter()
                        .copied()
                        .max_by_key(|(axis, n)| (number(*axis), *n, usize::MAX - *axis))
                };
                let across = longest(all).map_or(0, |(axis, _)| axis);
                let rest: Vec<(usize, usize)> = all
                    .iter()
                    .copied()
                    .filter(|(axis, _)| *axis != across)
                    .collect();
                let down = rest
                    .iter()
                    .copied()
                    .max_by_key(|(axis, n)| (*n, usize::MAX - *axis));
                Self::Grid(down.map_or(0, |(axis, _)| axis), across)
            }
        }
    }
}

/// The values of an axis as they are labelled: numbers rising, words as they came.
pub(super) fn distinct(outline: &Outline, axis: usize) -> Vec<&str> {
    let mut values: Vec<&str> = Vec::new();
    for cell in &outline.cells {
        if !values.contains(&&*cell.labels[axis]) {
            values.push(&cell.labels[axis]);
        }
    }
    if is_number(outline, axis) {
        let number = |label: &str| outline.axes[axis].kind.number(label).unwrap_or(f64::NAN);
        values.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    values
}

fn is_number(outline: &Outline, axis: usize) -> bool {
    !matches!(outline.axes[axis].kind, Kind::Text | Kind::Boolean)
}

fn numeric(outline: &Outline) -> impl Iterator<Item = usize> {
    let all = (0..outline.axes.len()).filter(|axis| is_number(outline, *axis));
    all.filter(|axis| distinct(outline, *axis).len() > 1)
}

fn show_of(kind: Kind) -> Show {
    match kind {
        Kind::Ms => Show::Milliseconds,
        Kind::PerS => Show::Rate,
        Kind::Ratio => Show::Share,
        _ => Show::Count,
    }
}

/// A figure along an axis; a curve for each value of another, if there is one, of the cells of a panel.
fn curves(
    outline: &Outline,
    record: &SweepRecord,
    figure: usize,
    axis: usize,
    by: Option<(usize, &[usize])>,
    look: Look,
) -> Plot {
    let kind = outline.axes[axis].kind;
    let place = |cell: usize| {
        kind.number(&outline.cells[cell].labels[axis])
            .unwrap_or(f64::NAN)
    };
    let groups: Vec<(String, Vec<usize>)> = match by {
        None => vec![("mean".to_owned(), (0..outline.cells.len()).collect())],
        Some((other, panel)) => {
            let values = distinct(outline, other).into_iter();
            let groups = values.map(|value| {
                let cells = panel.iter().copied();
                let cells = cells.filter(|cell| outline.cells[*cell].labels[other] == value);
                (value.to_owned(), cells.collect())
            });
            groups.collect()
        }
    };
    // More ribbons than a few hide each other.
    let few = groups.len() <= MOST_RIBBONS;
    let figures = &record.figures[figure];
    let show = Show::from(figures.unit);
    let mut drawn = Vec::new();
    for (at, (name, mut cells)) in groups.into_iter().enumerate() {
        cells.sort_by(|a, b| place(*a).total_cmp(&place(*b)));
        let none = Estimate {
            mean: None,
            low: None,
            high: None,
        };
        let found = |cell: &usize| estimate(record, *cell, figure).unwrap_or(none);
        let found: Vec<Estimate> = cells.iter().map(found).collect();
        let column = |of: fn(&Estimate) -> Option<f64>| -> Vec<f64> {
            found.iter().map(|e| of(e).unwrap_or(f64::NAN)).collect()
        };
        let ink = INKS.get(at).copied().unwrap_or("sx");
        let mut curve = Curve::new(name, ink, look, column(|e| e.mean));
        curve.x = Some(cells.iter().map(|cell| place(*cell)).collect());
        if few && look == Look::Line && found.iter().any(|e| e.low.is_some()) {
            curve.ribbon = Some(Ribbon {
                low: column(|e| e.low.or(e.mean)),
                high: column(|e| e.high.or(e.mean)),
            });
        }
        drawn.push(curve);
    }
    let values = || drawn.iter().flat_map(|curve| curve.y.iter().copied());
    let y = match figures.unit {
        Unit::Milliseconds => Axis::of_latencies(values()),
        Unit::Ratio if figures.name.ends_with("availability") => {
            let least = values().filter(|v| v.is_finite()).fold(1.0, f64::min);
            let low = crate::share::floor(least);
            Axis::linear(show, low, 1.0 + (1.0 - low) * 0.02)
        }
        _ => Axis::from_zero(show, values()),
    };
    let (low, high) = range(drawn.iter().flat_map(|c| c.x.iter().flatten().copied()));
    let wide = low > 0.0 && high > 50.0 * low;
    let x = if wide {
        Axis::log(show_of(kind), low, high)
    } else {
        Axis::linear(show_of(kind), low, high)
    };
    Plot {
        title: figures.name.clone(),
        about: match by {
            Some((other, _)) => format!(
                "against {}, a curve for each {}",
                outline.axes[axis].path, outline.axes[other].path
            ),
            None => format!("against {}", outline.axes[axis].path),
        },
        group: "",
        window: 1.0,
        x,
        y,
        curves: drawn,
        bands: Vec::new(),
        rules: Vec::new(),
        lane: false,
    }
}

/// Panels of a figure, one for each setting of the axes that are neither rows nor columns.
fn grid(
    outline: &Outline,
    record: &SweepRecord,
    figure: usize,
    down: usize,
    across: usize,
    plots: &mut Plots,
) -> Markup {
    let rest: Vec<usize> = (0..outline.axes.len())
        .filter(|axis| *axis != down && *axis != across && distinct(outline, *axis).len() > 1)
        .collect();
    let mut panels: Vec<(String, Vec<usize>)> = Vec::new();
    for (at, cell) in outline.cells.iter().enumerate() {
        let words = rest
            .iter()
            .map(|axis| format!("{} {}", outline.axes[*axis].path, cell.labels[*axis]));
        let name = words.collect::<Vec<_>>().join(", ");
        match panels.iter_mut().find(|(known, _)| *known == name) {
            Some((_, cells)) => cells.push(at),
            None => panels.push((name, vec![at])),
        }
    }
    let (rows, columns) = (distinct(outline, down), distinct(outline, across));
    let fits = rows.len() <= MOST_VALUES && columns.len() <= MOST_VALUES;
    let mean = |cell: usize| {
        estimate(record, cell, figure)
            .and_then(|e| e.mean)
            .unwrap_or(f64::NAN)
    };
    // All panels have the same colours for the same values.
    let range = range((0..outline.cells.len()).map(mean));
    let more = panels.len().saturating_sub(MOST_PANELS);
    html! {
        @for (name, cells) in panels.iter().take(MOST_PANELS) {
            div.pair[columns.len() <= MOST_BESIDE] {
                @if fits {
                    @let at = |row: &str, column: &str| {
                        let mut cells = cells.iter().copied();
                        cells.find(|cell| outline.cells[*cell].labels[down] == row && outline.cells[*cell].labels[across] == column)
                    };
                    (Heat {
                        title: if name.is_empty() { "mean of each cell".to_owned() } else { name.clone() },
                        down: &outline.axes[down].path,
                        across: &outline.axes[across].path,
                        rows: &rows,
                        columns: &columns,
                        values: rows.iter().map(|row| columns.iter().map(|column| at(row, column).map_or(f64::NAN, mean)).collect()).collect(),
                        show: Show::from(record.figures[figure].unit),
                        range,
                    }.draw())
                }
                @if is_number(outline, across) {
                    (plots.draw(&curves(outline, record, figure, across, Some((down, cells)), Look::Line)))
                }
            }
        }
        @if more > 0 { p.about { "… and " (more) " more panels; all cells are in the table below." } }
    }
}

/// A figure for each word of an axis.
fn list(outline: &Outline, record: &SweepRecord, figure: usize, axis: usize) -> Markup {
    let values = distinct(outline, axis);
    let mean = |label: &&str| {
        let cell = outline
            .cells
            .iter()
            .position(|cell| cell.labels[axis] == *label);
        let mean = cell.and_then(|cell| estimate(record, cell, figure)?.mean);
        vec![mean.unwrap_or(f64::NAN)]
    };
    let means: Vec<Vec<f64>> = values.iter().map(mean).collect();
    let range = range(means.iter().flatten().copied());
    Heat {
        title: record.figures[figure].name.clone(),
        down: &outline.axes[axis].path,
        across: "",
        rows: &values,
        columns: &["mean"],
        values: means,
        show: Show::from(record.figures[figure].unit),
        range,
    }
    .draw()
}
