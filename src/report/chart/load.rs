//! Latency and availability against load: the curve that bends up where the system fills, with the
//! objectives, and where they are missed.

use super::Sketch;
use super::axes;
use super::canvas::{self, Anchor, Canvas, Stroke};
use super::font::width;
use super::frame::{Axis, EndLabel, Frame, frame, head, letters};
use super::scale::{decimals, multiples, round_step};
use super::theme::{LABEL, PALETTE, SOFT, for_letters};
use crate::Error;
use crate::capacity_load;
use crate::units::{availability, milliseconds};
use plotters::style::{RGBColor, WHITE};
use study::capacity::{Capacity, Case, LoadRecord, Span};
use study::record::Estimate;

/// Loads beyond this many times the capacity are left out.
const SHOWN: f64 = 1.25;

/// A figure against the load.
struct Line {
    name: String,
    color: RGBColor,
    width: f64,
    /// Load, mean, low, high.
    points: Vec<(f64, f64, f64, f64)>,
}

/// Quantiles against load.
pub(super) fn latency(record: &Capacity) -> Result<Sketch, Error> {
    let several = record.cases.len() > 1;
    let mut lines = Vec::new();
    let mut knees = Vec::new();
    for (case, color) in colored(record) {
        let p99 = line(record, case, color, "p99", 3.5, |one| one.latency_ms.p99);
        knees.extend(case.knee.and_then(|knee| Knee::on(&p99, knee)));
        lines.push(p99);
        if !several {
            lines.push(line(record, case, PALETTE[2], "p50", 2.0, |one| {
                one.latency_ms.p50
            }));
        }
    }
    let targets: Vec<(String, f64)> = (record.objectives.iter())
        .filter(|goal| goal.workload == record.workload && goal.objective != "availability")
        .map(|goal| {
            let quantile = goal.objective.replace("latency.", "").replace('_', ".");
            (
                format!("{quantile} ≤ {}", milliseconds(goal.target)),
                goal.target,
            )
        })
        .collect();
    let values = lines.iter().flat_map(|line| &line.points).map(|p| p.1);
    let values = values.chain(targets.iter().map(|(_, target)| *target));
    let y = axes::latency(values);
    let what = if several { "p99" } else { "p99 and p50" };
    draw(record, "Latency", what, &y, (&lines, &knees), &targets)
}

/// Where latency begins to rise faster than throughput, on the line that shows it.
struct Knee {
    load: f64,
    value: f64,
    color: RGBColor,
}

impl Knee {
    /// None where the line does not reach it.
    fn on(line: &Line, knee: Span) -> Option<Self> {
        let after = line.points.iter().position(|p| p.0 >= knee.value)?;
        let (x1, y1, ..) = line.points[after];
        let (x0, y0, ..) = line.points[after.saturating_sub(1)];
        let share = if x1 > x0 {
            (knee.value - x0) / (x1 - x0)
        } else {
            0.0
        };
        Some(Self {
            load: knee.value,
            value: y0 + share.clamp(0.0, 1.0) * (y1 - y0),
            color: line.color,
        })
    }

    fn draw(&self, canvas: &Canvas<'_>, frame: &Frame) -> Result<(), Error> {
        let (x, y) = (frame.x.place(self.load), frame.y.place(self.value));
        canvas.dot((x, y), 11.0, self.color)?;
        canvas.dot((x, y), 7.0, WHITE)?;
        let text = format!("knee at {}", capacity_load(self.load));
        // A rising line leaves the upper left of each of its points empty.
        let at = (x - 6.0, y - 30.0);
        let wide = width(&text, LABEL);
        if at.0 - wide > frame.left {
            let from = (at.0 - wide - 4.0, at.1 - 13.0);
            canvas.band(from, (at.0 + 4.0, at.1 + 13.0), WHITE, 0.85)?;
            let ink = letters(for_letters(self.color), LABEL, Anchor::End);
            canvas.text(at, &text, ink)?;
        }
        Ok(())
    }
}

/// The share of successes against load.
pub(super) fn share_of_successes(record: &Capacity) -> Result<Sketch, Error> {
    let lines: Vec<Line> = colored(record)
        .map(|(case, color)| {
            line(record, case, color, "availability", 3.5, |one| {
                one.availability
            })
        })
        .collect();
    let targets: Vec<(String, f64)> = (record.objectives.iter())
        .filter(|goal| goal.workload == record.workload && goal.objective == "availability")
        .map(|goal| (format!("≥ {}", availability(goal.target)), goal.target))
        .collect();
    let values = lines.iter().flat_map(|line| &line.points).map(|p| p.1);
    let y = axes::availability(values.chain(targets.iter().map(|t| t.1)));
    draw(
        record,
        "Availability",
        "succeeded ÷ ended",
        &y,
        (&lines, &[]),
        &targets,
    )
}

fn colored(record: &Capacity) -> impl Iterator<Item = (&Case, RGBColor)> {
    let cases = record.cases.iter().enumerate();
    cases.map(|(at, case)| (case, PALETTE[at % PALETTE.len()]))
}

fn line(
    record: &Capacity,
    case: &Case,
    color: RGBColor,
    name: &str,
    width: f64,
    of: impl Fn(&LoadRecord) -> Estimate,
) -> Line {
    // Beyond its own capacity a curve is all tail, and crosses what is said of the others.
    let far = case.capacity.map_or(farthest(record), |load| load * SHOWN);
    let point = |one: &LoadRecord| {
        let value = of(one);
        let mean = value.mean?;
        Some((
            one.load,
            mean,
            value.low.unwrap_or(mean),
            value.high.unwrap_or(mean),
        ))
    };
    let shown = case.loads.iter().filter(|one| one.load <= far);
    let name = match (record.cases.len(), case.without.as_str()) {
        (1, _) => name.to_owned(),
        (_, "") => "all there".to_owned(),
        (_, lost) => format!("without {lost}"),
    };
    Line {
        name,
        color,
        width,
        points: shown.filter_map(point).collect(),
    }
}

fn farthest(record: &Capacity) -> f64 {
    let capacities = record.cases.iter().filter_map(|case| case.capacity);
    let most = capacities.fold(0.0, f64::max);
    if most > 0.0 {
        most * SHOWN
    } else {
        f64::INFINITY
    }
}

fn load_axis(record: &Capacity, lines: &[Line]) -> Axis {
    let loads = lines.iter().flat_map(|line| &line.points).map(|p| p.0);
    let bounds = record.cases.iter().filter_map(|case| case.high);
    let most = loads.chain(bounds.filter(|b| *b <= farthest(record)));
    let most = most.fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    let step = round_step(most, 8.0);
    let places = decimals(step);
    Axis {
        name: format!("load of {}, requests a second", record.workload),
        range: (0.0, most * 1.02),
        log: false,
        ticks: multiples(0.0, most, step)
            .into_iter()
            .map(|tick| (tick, format!("{tick:.places$}")))
            .collect(),
    }
}

fn draw(
    record: &Capacity,
    title: &str,
    what: &str,
    y: &Axis,
    (lines, knees): (&[Line], &[Knee]),
    targets: &[(String, f64)],
) -> Result<Sketch, Error> {
    let title = format!("{title} against load");
    let subtitle = format!(
        "{} · {what}, ribbons are 95 % intervals · upright bands: where the capacity lies",
        record.model
    );
    let x = load_axis(record, lines);
    let ends = lines.iter().filter_map(|line| {
        Some(EndLabel {
            text: line.name.clone(),
            value: line.points.last()?.1,
            color: line.color,
        })
    });
    let marks = targets.iter().map(|(text, value)| EndLabel {
        text: text.clone(),
        value: *value,
        color: SOFT,
    });
    let labels: Vec<EndLabel> = ends.chain(marks).collect();
    let svg = canvas::draw(|canvas| {
        head(canvas, &title, &subtitle)?;
        let frame = frame(canvas, &x, y, &labels, None)?;
        for (row, (case, color)) in colored(record).enumerate() {
            upright(canvas, &frame, case, color, row)?;
        }
        for (_, target) in targets {
            let stroke = Stroke {
                color: SOFT,
                alpha: 1.0,
                width: 2.0,
            };
            canvas.dashes((frame.left, frame.right), frame.y.place(*target), stroke)?;
        }
        for line in lines {
            curve(canvas, &frame, line)?;
        }
        for knee in knees {
            knee.draw(canvas, &frame)?;
        }
        if lines.iter().all(|line| line.points.is_empty()) {
            frame.message(canvas, "no request succeeded")?;
        }
        frame.end_labels(canvas, &labels)
    })?;
    Ok(Sketch { title, svg })
}

fn curve(canvas: &Canvas<'_>, frame: &Frame, line: &Line) -> Result<(), Error> {
    let place = |load: f64, value: f64| (frame.x.place(load), frame.y.place(value));
    let upper = line.points.iter().map(|p| place(p.0, p.3));
    let lower = line.points.iter().rev().map(|p| place(p.0, p.2));
    let ribbon: Vec<(f64, f64)> = upper.chain(lower).collect();
    if line.points.len() > 1 {
        canvas.area(&ribbon, line.color, 0.2)?;
    }
    let means: Vec<(f64, f64)> = line.points.iter().map(|p| place(p.0, p.1)).collect();
    let stroke = Stroke {
        color: line.color,
        alpha: 1.0,
        width: line.width,
    };
    canvas.line(&means, stroke)?;
    for at in means {
        canvas.dot(at, line.width + 1.0, line.color)?;
    }
    Ok(())
}

/// Where the capacity lies, and how much it is.
fn upright(
    canvas: &Canvas<'_>,
    frame: &Frame,
    case: &Case,
    color: RGBColor,
    row: usize,
) -> Result<(), Error> {
    let (Some(capacity), Some(low), Some(high)) = (case.capacity, case.low, case.high) else {
        return Ok(());
    };
    let (from, to) = (frame.x.place(low), frame.x.place(high));
    canvas.band(
        (from, frame.top),
        (to.max(from + 2.0), frame.bottom),
        color,
        0.2,
    )?;
    let at = frame.x.place(capacity);
    let stroke = Stroke {
        color,
        alpha: 0.8,
        width: 2.0,
    };
    canvas.line(&[(at, frame.top), (at, frame.bottom)], stroke)?;
    let text = capacity_load(capacity);
    let height = frame.top + 20.0 + row as f64 * 30.0;
    let ink = letters(for_letters(color), LABEL, Anchor::End);
    canvas.text((from - 10.0, height), &text, ink)
}
