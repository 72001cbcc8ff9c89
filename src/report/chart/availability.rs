//! Availability over time: the share of requests that succeeded, of those that ended in a window.

use super::Sketch;
use super::axes;
use super::canvas::{self, Stroke};
use super::cast::{Actor, cast, of_whom, remark};
use super::frame::{Axis, EndLabel, frame, head};
use super::latency::{subtitle, total};
use super::points::{runs, thin};
use super::theme::SOFT;
use crate::Error;
use crate::share;
use crate::units::availability;
use study::record::RunRecord;

/// Points of one line.
const MOST_POINTS: usize = 2400;

pub(super) fn draw(record: &RunRecord) -> Result<Sketch, Error> {
    let actors = cast(record);
    let shares: Vec<Vec<f64>> = actors
        .iter()
        .map(|a| share::availability(a.series))
        .collect();
    let objectives = objectives(record);
    let title = format!("Availability {} over time", of_whom(&actors));
    let y = axes::availability(shares.iter().flatten().chain(&objectives).copied());
    let x = Axis::time(total(&record.series));
    let labels = labels(&actors, &shares, &objectives);

    let svg = canvas::draw(|canvas| {
        let what = "succeeded ÷ ended";
        let subtitle = format!("{}{}", subtitle(what, record), remark(&actors));
        head(canvas, &title, &subtitle)?;
        let frame = frame(canvas, &x, &y, &labels, Some(&record.series))?;
        for target in &objectives {
            let stroke = Stroke {
                color: SOFT,
                alpha: 1.0,
                width: 2.0,
            };
            canvas.dashes((frame.left, frame.right), frame.y.place(*target), stroke)?;
        }
        let mut drawn = false;
        for (actor, share) in actors.iter().zip(&shares) {
            let width = if actor.named { 3.0 } else { 1.5 };
            let stroke = Stroke {
                color: actor.color,
                alpha: 1.0,
                width,
            };
            for run in runs(share, record.series.window_s) {
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
        }
        if !drawn {
            frame.message(canvas, "no request ended")?;
        }
        frame.end_labels(canvas, &labels)
    })?;
    Ok(Sketch { title, svg })
}

fn objectives(record: &RunRecord) -> Vec<f64> {
    let mut targets: Vec<f64> = record
        .slo
        .iter()
        .filter(|o| o.objective == "availability" && (0.0..=1.0).contains(&o.target))
        .map(|o| o.target)
        .collect();
    targets.sort_by(f64::total_cmp);
    targets.dedup();
    targets
}

fn labels(actors: &[Actor<'_>], shares: &[Vec<f64>], objectives: &[f64]) -> Vec<EndLabel> {
    let mut labels = Vec::new();
    for (actor, share) in actors.iter().zip(shares) {
        let last = share.iter().copied().rfind(|v| v.is_finite());
        if let Some(value) = last.filter(|_| actor.named) {
            labels.push(EndLabel {
                text: actor.name.to_owned(),
                value,
                color: actor.color,
            });
        }
    }
    for target in objectives {
        labels.push(EndLabel {
            text: format!("objective {}", availability(*target)),
            value: *target,
            color: SOFT,
        });
    }
    labels
}
