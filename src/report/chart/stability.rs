//! The map of stability: a row for each trigger and setting, a column for each load, and in each place
//! how long it took to recover.

use super::Sketch;
use super::canvas::{self, Anchor, Canvas, Letters, Stroke};
use super::font::{fit, width};
use super::frame::{head, letters};
use super::theme::{HEIGHT, INK, LABEL, MARGIN, SOFT, SUBTITLE, WIDTH, ink_on};
use crate::Error;
use crate::capacity_load as load;
use crate::stability_words::{named, told};
use crate::units::seconds;
use plotters::style::{RGBColor, WHITE};
use study::stability::{Boundary, Cell, Outcome, Stability, TriggerRecord};

const TOP: f64 = 180.0;
const FOOT: f64 = 112.0;
/// Of a row.
const TALLEST: f64 = 130.0;
const LOWEST: f64 = 30.0;
/// Of the names at the left.
const WIDEST_NAME: f64 = 320.0;
/// Between two places.
const GAP: f64 = 3.0;

/// From a recovery at once to the slowest one: viridis, without its dark end, which letters would be
/// lost on.
const FAST: RGBColor = RGBColor(0xB8, 0xDE, 0x29);
const MIDDLE: RGBColor = RGBColor(0x35, 0xB7, 0x79);
const SLOW: RGBColor = RGBColor(0x31, 0x68, 0x8E);
/// Beyond all times.
const NEVER: RGBColor = RGBColor(0x44, 0x01, 0x54);
const SOMETIMES: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
const OVERLOADED: RGBColor = RGBColor(0xDD, 0xE1, 0xE6);

struct Row<'a> {
    name: String,
    trigger: &'a TriggerRecord,
}

pub(super) fn draw(record: &Stability) -> Result<Sketch, Error> {
    let title = format!("Recovery of {} from a trigger that is over", record.model);
    let all = rows(record);
    let room = HEIGHT - TOP - FOOT;
    let shown = all.len().min((room / LOWEST) as usize);
    let subtitle = if shown < all.len() {
        format!("{} more rows in stability.csv", all.len() - shown)
    } else {
        format!(
            "{} · time until it is well again · upright lines: the hidden capacity",
            record.trigger.join(" and ")
        )
    };
    let rows = &all[..shown];
    let tall = (room / rows.len().max(1) as f64).clamp(LOWEST, TALLEST);
    let names = rows.iter().map(|row| width(&row.name, LABEL));
    let left = MARGIN + names.fold(0.0, f64::max).min(WIDEST_NAME) + 24.0;
    let right = WIDTH - MARGIN;
    let step = (right - left) / record.loads.len().max(1) as f64;
    let slowest = slowest(record);
    let svg = canvas::draw(|canvas| {
        head(canvas, &title, &subtitle)?;
        for (at, row) in rows.iter().enumerate() {
            let top = TOP + at as f64 * tall;
            let name = fit(&row.name, LABEL, WIDEST_NAME);
            canvas.text(
                (MARGIN, top + tall / 2.0),
                &name,
                letters(INK, LABEL, Anchor::Start),
            )?;
            let cells = row.trigger.cells.iter().filter(|cell| !cell.searched);
            for (column, cell) in cells.enumerate() {
                let from = (left + column as f64 * step, top);
                place(canvas, cell, from, (step, tall), slowest)?;
            }
            let span = (left, step, top, tall);
            line(canvas, record, row.trigger.hidden_capacity, span)?;
        }
        let bottom = TOP + rows.len() as f64 * tall;
        loads(canvas, record, left, step, bottom)
    })?;
    Ok(Sketch { title, svg })
}

fn rows(record: &Stability) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for setting in &record.settings {
        for trigger in &setting.triggers {
            let length = seconds(trigger.lasts_s);
            let name = match named(record, setting) {
                Some(name) if setting.triggers.len() == 1 => name,
                Some(name) => format!("{name} · {length}"),
                None => format!("after {length}"),
            };
            rows.push(Row { name, trigger });
        }
    }
    rows
}

/// The longest recovery in the map, in seconds; above 0.
fn slowest(record: &Stability) -> f64 {
    let triggers = record.settings.iter().flat_map(|s| &s.triggers);
    let cells = triggers.flat_map(|t| &t.cells).filter(|c| !c.searched);
    let times = cells.filter_map(|cell| cell.time_to_recover_s.mean);
    times.fold(record.window_s.max(1e-9), f64::max)
}

fn place(
    canvas: &Canvas<'_>,
    cell: &Cell,
    from: (f64, f64),
    (wide, tall): (f64, f64),
    slowest: f64,
) -> Result<(), Error> {
    let color = match cell.outcome {
        Outcome::Recovers => {
            let time = cell.time_to_recover_s.mean.unwrap_or(0.0);
            // Half of the colours for the first tenth: recoveries differ by orders.
            shade((time / slowest).clamp(0.0, 1.0).sqrt())
        }
        Outcome::Sometimes => SOMETIMES,
        Outcome::Metastable => NEVER,
        Outcome::Overloaded => OVERLOADED,
    };
    let to = (from.0 + wide - GAP, from.1 + tall - GAP);
    canvas.band(from, to, color, 1.0)?;
    let text = match cell.outcome {
        Outcome::Overloaded => "full".to_owned(),
        Outcome::Sometimes => format!("{} of {}", cell.recovered, cell.replications),
        _ => told(cell).0,
    };
    if width(&text, LABEL) > wide - GAP {
        return Ok(());
    }
    let ink = ink_on(color);
    let middle = (from.0 + (wide - GAP) / 2.0, from.1 + (tall - GAP) / 2.0);
    canvas.text(middle, &text, letters(ink, LABEL, Anchor::Middle))
}

/// Where the boundary lies between the columns' loads.
fn line(
    canvas: &Canvas<'_>,
    record: &Stability,
    boundary: Boundary,
    (left, step, top, tall): (f64, f64, f64, f64),
) -> Result<(), Error> {
    let Some(value) = boundary.value else {
        return Ok(());
    };
    // A load stands in the middle of its column; between two middles the axis is straight.
    let loads = &record.loads;
    let after = loads.partition_point(|load| *load < value);
    if after == 0 || after == loads.len() {
        return Ok(());
    }
    let share = (value - loads[after - 1]) / (loads[after] - loads[after - 1]);
    let x = left + (after as f64 - 0.5 + share) * step - GAP / 2.0;
    for (color, width) in [(WHITE, 8.0), (INK, 4.0)] {
        let stroke = Stroke {
            color,
            alpha: 1.0,
            width,
        };
        canvas.line(&[(x, top + 4.0), (x, top + tall - GAP - 4.0)], stroke)?;
    }
    Ok(())
}

fn loads(
    canvas: &Canvas<'_>,
    record: &Stability,
    left: f64,
    step: f64,
    bottom: f64,
) -> Result<(), Error> {
    let widest = record.loads.iter().map(|rate| width(&load(*rate), LABEL));
    let every = ((widest.fold(0.0, f64::max) + 12.0) / step).ceil().max(1.0) as usize;
    for (column, rate) in record.loads.iter().enumerate().step_by(every) {
        let middle = left + (column as f64 + 0.5) * step - GAP / 2.0;
        let soft = letters(SOFT, LABEL, Anchor::Middle);
        canvas.text((middle, bottom + 22.0), &load(*rate), soft)?;
    }
    let name = format!("load of {}", record.workload);
    let middle = (left + WIDTH - MARGIN) / 2.0;
    let letters = Letters {
        size: SUBTITLE,
        ..letters(SOFT, LABEL, Anchor::Middle)
    };
    canvas.text((middle, bottom + 62.0), &name, letters)
}

/// 0: at once, 1: the slowest.
fn shade(share: f64) -> RGBColor {
    let between = |a: RGBColor, b: RGBColor, share: f64| {
        let mix = |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))) as u8;
        RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
    };
    if share < 0.5 {
        between(FAST, MIDDLE, share * 2.0)
    } else {
        between(MIDDLE, SLOW, share * 2.0 - 1.0)
    }
}
