//! The charts of a sweep. Where its settings are a grid: a figure against one axis as lines, against
//! two as a heat map, against three as several of them. Where they are samples: a cloud of points
//! for each axis. Where the only axis has words for values: rows.

mod design;
mod heatmap;
mod lines;
mod rows;
mod scatter;

use super::Sketch;
use crate::Error;
use crate::units::{availability, milliseconds, percent, rate, three_digits};
use design::Design;
use study::Unit;
use study::record::Estimate;
use study::sweep::{Outline, SweepRecord};

/// A drawing and what it is called.
pub(super) struct Named {
    pub(super) name: &'static str,
    /// The metric, where there is a chart for each.
    pub(super) of: Option<String>,
    pub(super) sketch: Sketch,
}

/// All that say something; none where nothing was varied or nothing measured.
pub(super) fn draw(outline: &Outline, record: &SweepRecord) -> Result<Vec<Named>, Error> {
    let design = Design::of(outline, record);
    let mut charts = Vec::new();
    if design.axes.is_empty() || design.figures.is_empty() {
        return Ok(charts);
    }
    let whole = |name, sketch| Named {
        name,
        of: None,
        sketch,
    };
    let each = |name, figure, sketch| Named {
        name,
        of: Some(design.figure(figure).0.to_owned()),
        sketch,
    };
    if !design.is_grid() {
        for figure in &design.figures {
            charts.push(each("scatter", *figure, scatter::draw(&design, *figure)?));
        }
        return Ok(charts);
    }
    // Numbers come first among the axes.
    if design.axes[0].is_numeric() {
        charts.push(whole("lines", lines::draw(&design)?));
    } else if design.axes.len() == 1 {
        charts.push(whole("rows", rows::draw(&design)?));
    }
    if design.axes.len() > 1 {
        for figure in &design.figures {
            charts.push(each("heatmap", *figure, heatmap::draw(&design, *figure)?));
        }
    }
    Ok(charts)
}

/// A figure in as few letters as tell it: `99.93 %`, `212 ms`.
fn shown(name: &str, unit: Unit, value: f64) -> String {
    match unit {
        Unit::Ratio if name.ends_with("availability") => availability(value),
        Unit::Ratio => percent(value),
        Unit::Milliseconds => milliseconds(value),
        Unit::PerSecond => rate(value),
        Unit::Count => three_digits(value),
    }
}

/// Half of the interval, where there is one: `± 3`, in the unit of the figure.
fn half_width(unit: Unit, estimate: Estimate) -> Option<String> {
    let half = (estimate.high? - estimate.low?) / 2.0;
    let text = match unit {
        Unit::Ratio => three_digits(half * 100.0),
        Unit::Milliseconds => milliseconds(half),
        Unit::PerSecond | Unit::Count => three_digits(half),
    };
    half.is_finite().then(|| format!("± {text}"))
}

/// `with run.duration 2m and workers 3`: axes that a chart holds still, at their first value.
fn held(design: &Design<'_>, from: usize) -> String {
    let rest = design.axes.iter().skip(from);
    let words: Vec<String> = rest
        .map(|axis| format!("{} {}", axis.name, axis.levels[0].label))
        .collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(" · only {}", words.join(", "))
    }
}

#[cfg(test)]
mod tests;
