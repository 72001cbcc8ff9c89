//! Latency over time: how slow, and when.

use super::Sketch;
use super::axes;
use super::canvas::{self, Canvas, Stroke};
use super::cast::{Actor, cast, of_whom, remark};
use super::font::fit;
use super::frame::{Axis, EndLabel, Frame, frame, head};
use super::points::{runs, thin};
use super::theme::{LABEL, SOFT};
use crate::Error;
use crate::units::{milliseconds, seconds};
use plotters::style::RGBColor;
use study::record::{RunRecord, Series};

/// With more workloads than this, medians would hide the tails.
const MOST_MEDIANS: usize = 3;
/// An interval over fewer replications than these is all that one would see.
const FEW: u32 = 4;
/// Points of one line; twice as many as there are places for them.
const MOST_POINTS: usize = 2400;

/// A percentile over time, as it is drawn.
struct Line<'a> {
    /// `p99`, after the workload's name where there are several.
    label: String,
    values: &'a [f64],
    color: RGBColor,
    alpha: f64,
    width: f64,
    named: bool,
    /// Half of the interval around it; empty where none is drawn.
    half: &'a [f64],
}

pub(super) fn draw(record: &RunRecord) -> Result<Sketch, Error> {
    let actors = cast(record);
    let title = format!("Latency {} over time", of_whom(&actors));
    let objectives = objectives(record);
    let (mut lines, what) = lines(&actors);
    if record.replications < FEW {
        for line in &mut lines {
            line.half = &[];
        }
    }
    let values = lines.iter().flat_map(|line| line.values);
    let y = axes::latency(values.chain(&objectives).copied());
    let x = Axis::time(total(&record.series));
    let labels = labels(&lines, &objectives);
    let ribbons = lines
        .iter()
        .any(|line| line.half.iter().any(|half| half.is_finite()));
    let ribbons = if ribbons {
        ", ribbon: 95 % interval of p99"
    } else {
        ""
    };

    let svg = canvas::draw(|canvas| {
        let subtitle = format!("{}{ribbons}{}", subtitle(what, record), remark(&actors));
        head(canvas, &title, &subtitle)?;
        let frame = frame(canvas, &x, &y, &labels, Some(&record.series))?;
        let mut drawn = false;
        for line in &lines {
            drawn |= line.draw(canvas, &frame, record.series.window_s)?;
        }
        for target in &objectives {
            let stroke = Stroke {
                color: SOFT,
                alpha: 1.0,
                width: 2.0,
            };
            canvas.dashes((frame.left, frame.right), frame.y.place(*target), stroke)?;
        }
        if !drawn {
            frame.message(canvas, "no request succeeded")?;
        }
        frame.end_labels(canvas, &labels)
    })?;
    Ok(Sketch { title, svg })
}

/// All percentiles of a workload that is alone; of a few the median and p99, of many p99.
fn lines<'a>(actors: &[Actor<'a>]) -> (Vec<Line<'a>>, &'static str) {
    let line = |actor: &Actor<'a>, label: &str, values: &'a [f64], alpha, width| Line {
        label: label.to_owned(),
        values,
        color: actor.color,
        alpha,
        width,
        named: actor.named,
        half: &[],
    };
    if let [alone] = actors {
        let series = alone.series;
        let mut lines = vec![
            line(alone, "p50", &series.p50_ms, 0.5, 2.0),
            line(alone, "p90", &series.p90_ms, 0.7, 2.0),
            line(alone, "p99.9", &series.p99_9_ms, 0.7, 1.5),
            line(alone, "p99", &series.p99_ms, 1.0, 3.5),
        ];
        lines[3].half = &series.p99_half_ms;
        return (lines, "p50, p90, p99 (strong) and p99.9");
    }
    let medians = actors.len() <= MOST_MEDIANS;
    let mut lines = Vec::new();
    for actor in actors {
        // The name gives way, not the percentile.
        let name = fit(actor.name, LABEL, 260.0);
        if medians {
            let label = format!("{name} p50");
            lines.push(line(actor, &label, &actor.series.p50_ms, 0.5, 2.0));
        }
        let wide = if actor.named { 3.0 } else { 1.5 };
        let label = format!("{name} p99");
        let mut p99 = line(actor, &label, &actor.series.p99_ms, 1.0, wide);
        if medians {
            p99.half = &actor.series.p99_half_ms;
        }
        lines.push(p99);
    }
    match medians {
        true => (lines, "p99 (strong) and p50 (faint)"),
        false => (lines, "p99"),
    }
}

impl Line<'_> {
    /// Whether there was anything to draw.
    fn draw(&self, canvas: &Canvas<'_>, frame: &Frame, window: f64) -> Result<bool, Error> {
        let place = |(t, v): (f64, f64)| (frame.x.place(t), frame.y.place(v));
        let end = |sign: f64| -> Vec<f64> {
            let pairs = self.values.iter().zip(self.half);
            pairs.map(|(value, half)| value + sign * half).collect()
        };
        for (upper, lower) in runs(&end(1.0), window).iter().zip(runs(&end(-1.0), window)) {
            let upper = upper.iter().copied().map(place);
            let lower = lower.into_iter().rev().map(place);
            let ribbon: Vec<(f64, f64)> = upper.chain(lower).collect();
            if ribbon.len() > 2 {
                canvas.area(&ribbon, self.color, 0.18)?;
            }
        }
        let stroke = Stroke {
            color: self.color,
            alpha: self.alpha,
            width: self.width,
        };
        let runs = runs(self.values, window);
        for run in &runs {
            let places: Vec<(f64, f64)> = thin(run, MOST_POINTS).into_iter().map(place).collect();
            match places.as_slice() {
                [alone] => canvas.dot(*alone, self.width * 1.2, self.color)?,
                _ => canvas.line(&places, stroke)?,
            }
        }
        Ok(!runs.is_empty())
    }
}

/// Seconds from the start to the end of the last window; at least a nanosecond.
pub(super) fn total(series: &Series) -> f64 {
    let windows = series
        .workloads
        .values()
        .map(|w| w.issued.len().max(w.goodput.len()));
    let total = windows.max().unwrap_or(0) as f64 * series.window_s;
    if total.is_finite() && total > 0.0 {
        total
    } else {
        1.0
    }
}

/// `checkout · p99 per window of 1 s · mean of 8 replications`.
pub(super) fn subtitle(what: &str, record: &RunRecord) -> String {
    let replications = match record.replications {
        0 | 1 => String::new(),
        n => format!(" · mean of {n} replications"),
    };
    let window = seconds(record.series.window_s);
    let what = match what {
        "" => String::new(),
        what => format!("{what} "),
    };
    format!(
        "{} · {what}per window of {window}{replications}",
        record.model
    )
}

/// The targets of p99, each once.
fn objectives(record: &RunRecord) -> Vec<f64> {
    let mut targets: Vec<f64> = record
        .slo
        .iter()
        .filter(|o| o.objective == "latency.p99" && o.target.is_finite() && o.target > 0.0)
        .map(|o| o.target)
        .collect();
    targets.sort_by(f64::total_cmp);
    targets.dedup();
    targets
}

fn labels(lines: &[Line<'_>], objectives: &[f64]) -> Vec<EndLabel> {
    let named = lines.iter().filter(|line| line.named);
    let ends = named.filter_map(|line| {
        Some(EndLabel {
            text: line.label.clone(),
            value: line.values.iter().copied().rfind(|v| v.is_finite())?,
            color: line.color,
        })
    });
    let objectives = objectives.iter().map(|target| EndLabel {
        text: format!("objective {}", milliseconds(*target)),
        value: *target,
        color: SOFT,
    });
    ends.chain(objectives).collect()
}
