//! Latency over time: how slow, and when.

use super::Sketch;
use super::canvas::{self, Stroke};
use super::cast::{Actor, cast, of_whom, remark};
use super::font::fit;
use super::frame::{Axis, EndLabel, frame, head};
use super::points::{runs, thin};
use super::scale::{decimals, log_ticks, multiples, round_log_range, round_step};
use super::theme::{LABEL, SOFT};
use crate::Error;
use crate::units::{milliseconds, seconds};
use study::record::{RunRecord, Series};

/// With more workloads than this, medians would hide the tails.
const MOST_MEDIANS: usize = 3;
/// A log axis when the largest value is this many times the smallest.
const WIDE: f64 = 30.0;
/// Points of one line; twice as many as there are places for them.
const MOST_POINTS: usize = 2400;

pub(super) fn draw(record: &RunRecord) -> Result<Sketch, Error> {
    let actors = cast(record);
    let medians = actors.len() <= MOST_MEDIANS;
    let title = format!("Latency {} over time", of_whom(&actors));
    let objectives = objectives(record);
    let y = axis(&actors, medians, &objectives);
    let x = Axis::time(total(&record.series));
    let labels = labels(&actors, medians, &objectives);

    let svg = canvas::draw(|canvas| {
        let what = if medians {
            "p99 (strong) and p50 (faint)"
        } else {
            "p99"
        };
        let subtitle = format!("{}{}", subtitle(what, record), remark(&actors));
        head(canvas, &title, &subtitle)?;
        let frame = frame(canvas, &x, &y, &labels, Some(&record.series))?;
        let mut drawn = false;
        for actor in &actors {
            let mut line = |values: &[f64], alpha: f64, width: f64| {
                let stroke = Stroke {
                    color: actor.color,
                    alpha,
                    width,
                };
                for run in runs(values, record.series.window_s) {
                    drawn = true;
                    let places: Vec<(f64, f64)> = thin(&run, MOST_POINTS)
                        .into_iter()
                        .map(|(t, v)| (frame.x.place(t), frame.y.place(v)))
                        .collect();
                    match places.as_slice() {
                        [alone] => canvas.dot(*alone, width * 1.2, actor.color)?,
                        _ => canvas.line(&places, stroke)?,
                    }
                }
                Ok::<(), Error>(())
            };
            if medians {
                line(&actor.series.p50_ms, 0.5, 2.0)?;
            }
            line(
                &actor.series.p99_ms,
                1.0,
                if actor.named { 3.0 } else { 1.5 },
            )?;
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
    format!(
        "{} · {what} per window of {window}{replications}",
        record.model
    )
}

/// A latency on an axis is between a nanosecond and thirty years: beyond, the figure is absurd and
/// its axis without use.
pub(super) fn plottable(ms: f64) -> f64 {
    ms.clamp(1e-6, 1e12)
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

fn axis(actors: &[Actor<'_>], medians: bool, objectives: &[f64]) -> Axis {
    let medians = actors.iter().filter(|_| medians);
    let values = || {
        let p50 = medians.clone().flat_map(|a| &a.series.p50_ms);
        let p99 = actors.iter().flat_map(|a| &a.series.p99_ms);
        let all = p50.chain(p99).chain(objectives).copied();
        all.filter(|v| v.is_finite() && *v > 0.0).map(plottable)
    };
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(0.0, f64::max);
    let name = "latency".to_owned();
    if high > 0.0 && high / low > WIDE {
        let range = round_log_range(low, high);
        return Axis {
            name: name + ", log scale",
            range,
            log: true,
            ticks: log_ticks(range.0, range.1)
                .into_iter()
                .map(|tick| (tick, milliseconds(tick)))
                .collect(),
        };
    }
    let high = if high > 0.0 { high } else { 1.0 };
    let step = round_step(high, 6.0);
    let top = (high / step * 0.999_999).ceil() * step;
    let (unit, unit_name) = match top {
        t if t > 2000.0 => (1000.0, "s"),
        t if t < 2.0 => (0.001, "µs"),
        _ => (1.0, "ms"),
    };
    let places = decimals(step / unit);
    Axis {
        name,
        range: (0.0, top),
        log: false,
        ticks: multiples(0.0, top, step)
            .into_iter()
            .map(|tick| (tick, format!("{:.places$} {unit_name}", tick / unit)))
            .collect(),
    }
}

fn labels(actors: &[Actor<'_>], medians: bool, objectives: &[f64]) -> Vec<EndLabel> {
    let mut labels = Vec::new();
    let last = |values: &[f64]| values.iter().copied().rfind(|v| v.is_finite());
    for actor in actors.iter().filter(|actor| actor.named) {
        let mut label = |values: &[f64], quantile: &str| {
            if let Some(value) = last(values) {
                labels.push(EndLabel {
                    // The name gives way, not the quantile.
                    text: format!("{} {quantile}", fit(actor.name, LABEL, 260.0)),
                    value,
                    color: actor.color,
                });
            }
        };
        label(&actor.series.p99_ms, "p99");
        if medians {
            label(&actor.series.p50_ms, "p50");
        }
    }
    for target in objectives {
        labels.push(EndLabel {
            text: format!("objective {}", milliseconds(*target)),
            value: *target,
            color: SOFT,
        });
    }
    labels
}
