//! The tail of the latency: which share of the answers was slower than what. Both axes are
//! logarithmic, so that the last thousandth is as wide as the first nine tenths.

use super::Sketch;
use super::axes::plottable;
use super::beside::{Corner, Cross, Curve, label};
use super::canvas::{self, Stroke};
use super::cast::{cast, of_whom, remark};
use super::frame::{Axis, frame, head};
use super::scale::{log_ticks, round_log_range};
use crate::Error;
use crate::units::{milliseconds, three_digits};
use study::record::{Objective, RunRecord};

/// Below this share no line is drawn.
pub(super) const LEAST: f64 = 1e-5;

pub(super) fn draw(record: &RunRecord) -> Result<Sketch, Error> {
    let actors = cast(record);
    let curves: Vec<Vec<(f64, f64)>> = actors.iter().map(|a| curve(&a.series.ccdf)).collect();
    let title = format!("Latency tail {}", of_whom(&actors));
    let marks = marks(record);
    let (x, y) = axes(&curves, &marks);

    let svg = canvas::draw(|canvas| {
        let subtitle = format!(
            "{} · share of answers slower than a latency, after the warm-up{}",
            record.model,
            remark(&actors)
        );
        head(canvas, &title, &subtitle)?;
        let frame = frame(canvas, &x, &y, &[], None)?;
        let place = |(latency, share)| (frame.x.place(latency), frame.y.place(share));
        let mut lines = Vec::new();
        for (actor, curve) in actors.iter().zip(&curves) {
            let line = places(curve, place);
            let stroke = Stroke {
                color: actor.color,
                alpha: 1.0,
                width: if actor.named { 3.0 } else { 1.5 },
            };
            canvas.line(&line, stroke)?;
            lines.push(Curve {
                name: actor.named.then_some(actor.name),
                color: actor.color,
                line,
            });
        }
        if lines.iter().all(|curve| curve.line.is_empty()) {
            frame.message(canvas, "no request succeeded")?;
        }
        let crosses: Vec<Cross> = marks
            .iter()
            .map(|mark| Cross {
                at: place((mark.latency, mark.share)),
                text: mark.text.clone(),
            })
            .collect();
        // A falling line leaves the upper right empty.
        label(canvas, &frame, &lines, &crosses, Corner::Right)
    })?;
    Ok(Sketch { title, svg })
}

/// What an objective allows: this share may be slower than this.
pub(super) struct Mark {
    pub(super) latency: f64,
    pub(super) share: f64,
    pub(super) text: String,
}

/// Each objective of latency once.
pub(super) fn marks(record: &RunRecord) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for objective in &record.slo {
        if let Some(mark) = mark(objective)
            && !marks.iter().any(|other| other.text == mark.text)
        {
            marks.push(mark);
        }
    }
    marks
}

fn mark(objective: &Objective) -> Option<Mark> {
    let quantile = objective.objective.strip_prefix("latency.p")?;
    let percent: f64 = quantile.replace('_', ".").parse().ok()?;
    let target = objective.target;
    (target.is_finite() && target > 0.0).then(|| Mark {
        latency: target,
        // Rounded: 1 - 0.999 is not 0.001.
        share: ((100.0 - percent) * 1e7).round() / 1e9,
        text: format!("objective p{percent} ≤ {}", milliseconds(target)),
    })
}

/// From share 1 down to [`LEAST`], without what a log axis cannot show.
pub(super) fn curve(ccdf: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut curve: Vec<(f64, f64)> = Vec::with_capacity(ccdf.len() + 1);
    for &(latency, share) in ccdf {
        if !(latency.is_finite() && latency > 0.0 && share.is_finite()) {
            continue;
        }
        if curve.is_empty() {
            curve.push((latency, 1.0));
        }
        if share < LEAST {
            // Down to the edge, not beyond.
            curve.push((latency, LEAST.max(share)));
            break;
        }
        curve.push((latency, share.min(1.0)));
    }
    curve
}

fn axes(curves: &[Vec<(f64, f64)>], marks: &[Mark]) -> (Axis, Axis) {
    let points = || curves.iter().flatten().copied();
    let latencies = || points().map(|p| p.0).chain(marks.iter().map(|m| m.latency));
    let latencies = || latencies().map(plottable);
    let low = latencies().fold(f64::INFINITY, f64::min);
    let high = latencies().fold(0.0, f64::max);
    let (low, high) = if high > 0.0 {
        (low, high)
    } else {
        (1.0, 1000.0)
    };
    let x_range = round_log_range(low, high);

    let shares = points().map(|p| p.1).chain(marks.iter().map(|m| m.share));
    let least = shares.filter(|s| *s > 0.0).fold(1e-2, f64::min).max(LEAST);
    let decades = (-least.log10() - 1e-9).ceil() as i32;
    let x = Axis {
        name: "latency, log scale".into(),
        range: x_range,
        log: true,
        ticks: log_ticks(x_range.0, x_range.1)
            .into_iter()
            .map(|tick| (tick, milliseconds(tick)))
            .collect(),
    };
    let y = Axis {
        name: "share of answers that were slower, log scale".into(),
        range: (10f64.powi(-decades), 1.0),
        log: true,
        ticks: (0..=decades)
            .map(|decade| {
                let share = 10f64.powi(-decade);
                let percent = format!("{} %", three_digits(share * 100.0));
                let text = match decade {
                    0 => percent,
                    1 => format!("p90 · {percent}"),
                    2 => format!("p99 · {percent}"),
                    n => format!("p99.{} · {percent}", "9".repeat(n as usize - 2)),
                };
                (share, text)
            })
            .collect(),
    };
    (x, y)
}

/// Places of a curve's points; points that fall together are drawn once.
pub(super) fn places(
    curve: &[(f64, f64)],
    place: impl Fn((f64, f64)) -> (f64, f64),
) -> Vec<(f64, f64)> {
    let mut line: Vec<(f64, f64)> = Vec::new();
    for &point in curve {
        let at = place(point);
        let near = line
            .last()
            .is_some_and(|last| (at.0 - last.0).abs() < 0.5 && (at.1 - last.1).abs() < 0.5);
        if !near {
            line.push(at);
        }
    }
    line
}
