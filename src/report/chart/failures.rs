//! What failed, and why: failures a second by kind, one upon the other, below the availability that
//! they cost. Both on one time axis.

use super::Sketch;
use super::axes;
use super::bands::Bands;
use super::canvas::{self, Anchor, Canvas, Letters, Stroke};
use super::cast::{cast, of_whom};
use super::font::width;
use super::frame::{Axis, FOOT, Frame, HEAD, head, letters, time_name};
use super::labels::Area;
use super::latency::{subtitle, total};
use super::points::{runs, thin};
use super::steps;
use super::theme::{HEIGHT, INK, LABEL, LINE, MARGIN, PALETTE, SOFT, WIDTH, for_letters};
use crate::Error;
use crate::share;
use plotters::style::RGBColor;
use study::Unit;
use study::record::{RunRecord, WorkloadSeries};

/// Of the place for data, the upper panel's.
const UPPER: f64 = 0.3;
/// Between the panels: the lower one's name.
const BETWEEN: f64 = 62.0;
/// Points of the line.
const MOST_POINTS: usize = 2400;

/// Failures of one kind.
struct Layer {
    kind: String,
    color: RGBColor,
    /// Per second, by window.
    rate: Vec<f64>,
    /// Of all failures of the run.
    share: f64,
}

/// Nothing where nothing failed.
pub(super) fn draw(record: &RunRecord) -> Result<Option<Sketch>, Error> {
    let actors = cast(record);
    let all = sum(actors.iter().map(|actor| actor.series));
    let layers = layers(&all);
    if layers.is_empty() {
        return Ok(None);
    }
    let title = format!("Failures {} over time", of_whom(&actors));
    let x = Axis::time(total(&record.series));
    let availability = share::availability(&all);
    let upper = axes::availability(availability.iter().copied());
    let stacked = stack(&layers);
    let highest = stacked.last().into_iter().flatten().copied();
    let lower = axes::figure(Unit::Count, highest.chain([0.0]), 5.0);

    let svg = canvas::draw(|canvas| {
        let what = match actors.len() {
            0 | 1 => "succeeded and failed",
            _ => "all workloads together,",
        };
        head(canvas, &title, &subtitle(what, record))?;
        let (left, right) = sides(&upper, &lower, &layers);
        let scale = x.scale((left, right));
        let bands = Bands::of(&record.series, &scale, left, right);
        let top = HEAD + bands.height();
        let bottom = HEIGHT - FOOT;
        let middle = top + (bottom - top) * UPPER;
        bands.draw(canvas, top, bottom)?;
        let soft = letters(SOFT, LABEL, Anchor::Start);
        canvas.text((MARGIN, HEAD - 20.0), &upper.name, soft)?;
        let name = (MARGIN, middle + BETWEEN - LINE);
        canvas.text(name, "failures a second, by kind", soft)?;

        let place = |top, bottom| Area {
            left,
            top,
            right,
            bottom,
        };
        let bare = Axis {
            name: String::new(),
            range: x.range,
            log: false,
            ticks: Vec::new(),
        };
        let frame = Frame::within(canvas, place(top, middle), &bare, &upper, LABEL)?;
        succeeded(canvas, &frame, &availability, record.series.window_s)?;
        let below = place(middle + BETWEEN, bottom);
        let frame = Frame::within(canvas, below, &x, &lower, LABEL)?;
        for (at, layer) in layers.iter().enumerate().rev() {
            let floor = at.checked_sub(1).map(|under| stacked[under].as_slice());
            let span = (floor, stacked[at].as_slice());
            let look = (layer.color, 0.85);
            steps::fill(canvas, &frame, span, record.series.window_s, look)?;
        }
        names(canvas, &frame, &layers)?;
        time_name(canvas, &x.name, left, right)
    })?;
    Ok(Some(Sketch { title, svg }))
}

/// Window by window, over all workloads.
fn sum<'a>(series: impl Iterator<Item = &'a WorkloadSeries>) -> WorkloadSeries {
    let mut all = WorkloadSeries::default();
    for one in series {
        add(&mut all.goodput, &one.goodput);
        for (kind, rate) in &one.failed {
            add(all.failed.entry(Clone::clone(kind)).or_default(), rate);
        }
    }
    all
}

fn add(sum: &mut Vec<f64>, more: &[f64]) {
    if sum.len() < more.len() {
        sum.resize(more.len(), 0.0);
    }
    for (a, b) in sum.iter_mut().zip(more) {
        *a += b;
    }
}

/// The most frequent kind first, which is lowest in the stack. A kind has its colour in every chart.
fn layers(all: &WorkloadSeries) -> Vec<Layer> {
    let counted = all.failed.values().flatten().filter(|v| v.is_finite());
    let total: f64 = counted.sum();
    let mut layers: Vec<Layer> = all
        .failed
        .iter()
        .map(|(kind, rate)| Layer {
            kind: kind.to_string(),
            color: color(kind),
            share: rate.iter().filter(|v| v.is_finite()).sum::<f64>() / total,
            rate: rate.clone(),
        })
        .filter(|layer| layer.share > 0.0)
        .collect();
    layers.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.kind.cmp(&b.kind)));
    layers
}

/// The same kind has the same colour in all charts.
fn color(kind: &str) -> RGBColor {
    match kind {
        "timeout" => PALETTE[1],
        "rejected" => PALETTE[0],
        "unavailable" => PALETTE[3],
        "error" => PALETTE[2],
        "aborted" => PALETTE[4],
        _ => PALETTE[5],
    }
}

/// By layer, the height of its upper edge.
fn stack(layers: &[Layer]) -> Vec<Vec<f64>> {
    let mut height: Vec<f64> = Vec::new();
    let mut stacked = Vec::new();
    for layer in layers {
        let rate: Vec<f64> = layer.rate.iter().map(|v| v.max(0.0)).collect();
        add(&mut height, &rate);
        stacked.push(height.clone());
    }
    stacked
}

fn sides(upper: &Axis, lower: &Axis, layers: &[Layer]) -> (f64, f64) {
    let ticks = upper.ticks.iter().chain(&lower.ticks);
    let ticks = ticks.map(|(_, text)| width(text, LABEL));
    let left = MARGIN + ticks.fold(0.0, f64::max) + 14.0;
    let names = layers.iter().map(|layer| width(&words(layer), LABEL));
    (
        left,
        WIDTH - MARGIN - names.fold(0.0, f64::max) - SWATCH - 20.0,
    )
}

/// Before a kind's name.
const SWATCH: f64 = 26.0;

fn words(layer: &Layer) -> String {
    let share = if layer.share < 0.01 {
        "< 1 %".to_owned()
    } else {
        format!("{:.0} %", layer.share * 100.0)
    };
    format!("{} {share}", layer.kind)
}

/// The kinds at the right, in the order in which they are stacked.
fn names(canvas: &Canvas<'_>, frame: &Frame, layers: &[Layer]) -> Result<(), Error> {
    let left = frame.right + 20.0;
    let bold = Letters {
        bold: true,
        ..letters(INK, LABEL, Anchor::Start)
    };
    canvas.text((left, frame.top + LINE / 2.0), "of all failures", bold)?;
    for (row, layer) in layers.iter().rev().enumerate() {
        let y = frame.top + (row as f64 + 1.7) * LINE;
        let (from, to) = ((left, y - 8.0), (left + 16.0, y + 8.0));
        canvas.band(from, to, layer.color, 0.85)?;
        let ink = letters(for_letters(layer.color), LABEL, Anchor::Start);
        canvas.text((left + SWATCH, y), &words(layer), ink)?;
    }
    Ok(())
}

fn succeeded(
    canvas: &Canvas<'_>,
    frame: &Frame,
    availability: &[f64],
    window: f64,
) -> Result<(), Error> {
    let stroke = Stroke {
        color: INK,
        alpha: 1.0,
        width: 3.0,
    };
    for run in runs(availability, window) {
        let places: Vec<(f64, f64)> = thin(&run, MOST_POINTS)
            .into_iter()
            .map(|(t, v)| (frame.x.place(t), frame.y.place(v)))
            .collect();
        match places.as_slice() {
            [alone] => canvas.dot(*alone, stroke.width * 1.2, INK)?,
            _ => canvas.line(&places, stroke)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn kinds_are_stacked_the_most_frequent_lowest() {
        let one = WorkloadSeries {
            goodput: vec![8.0, 9.0],
            failed: BTreeMap::from([
                ("error".into(), vec![1.0, 0.0]),
                ("timeout".into(), vec![1.0, 2.0]),
            ]),
            ..WorkloadSeries::default()
        };
        let two = WorkloadSeries {
            goodput: vec![5.0],
            failed: BTreeMap::from([("error".into(), vec![0.5])]),
            ..WorkloadSeries::default()
        };
        let all = sum([&one, &two].into_iter());
        assert_eq!(all.goodput, [13.0, 9.0]);
        let layers = layers(&all);
        let kinds: Vec<&str> = layers.iter().map(|l| l.kind.as_str()).collect();
        assert_eq!(kinds, ["timeout", "error"]);
        assert_eq!(layers[1].share, 1.5 / 4.5);
        assert_eq!(stack(&layers), [vec![1.0, 2.0], vec![2.5, 2.0]]);
    }
}
