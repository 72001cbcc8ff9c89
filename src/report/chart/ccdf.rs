//! The tail of the latency: which share of the answers was slower than what. Both axes are
//! logarithmic, so that the last thousandth is as wide as the first nine tenths.

use super::Sketch;
use super::canvas::{self, Anchor, Canvas, Letters, Stroke};
use super::cast::{Actor, cast, of_whom, remark};
use super::font::{fit, width};
use super::frame::{Axis, Frame, frame, head};
use super::labels::Area;
use super::latency::plottable;
use super::scale::{log_ticks, round_log_range};
use super::theme::{INK, LABEL, LINE, SOFT, for_letters};
use crate::Error;
use crate::units::{milliseconds, three_digits};
use plotters::style::WHITE;
use study::record::{Objective, RunRecord};

/// Below this share no line is drawn.
const LEAST: f64 = 1e-5;
/// Places along a line at which its label is tried.
const TRIES: usize = 60;

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
        let lines: Vec<Vec<(f64, f64)>> = curves.iter().map(|c| places(c, &frame)).collect();
        for (actor, line) in actors.iter().zip(&lines) {
            let stroke = Stroke {
                color: actor.color,
                alpha: 1.0,
                width: if actor.named { 3.0 } else { 1.5 },
            };
            canvas.line(line, stroke)?;
        }
        if lines.iter().all(Vec::is_empty) {
            frame.message(canvas, "no request succeeded")?;
        }
        label(canvas, &frame, &actors, &lines, &marks)
    })?;
    Ok(Sketch { title, svg })
}

/// What an objective allows: this share may be slower than this.
struct Mark {
    latency: f64,
    share: f64,
    text: String,
}

fn marks(record: &RunRecord) -> Vec<Mark> {
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
fn curve(ccdf: &[(f64, f64)]) -> Vec<(f64, f64)> {
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
fn places(curve: &[(f64, f64)], frame: &Frame) -> Vec<(f64, f64)> {
    let mut line: Vec<(f64, f64)> = Vec::new();
    for &(latency, share) in curve {
        let place = (frame.x.place(latency), frame.y.place(share));
        let near = line
            .last()
            .is_some_and(|last| (place.0 - last.0).abs() < 0.5 && (place.1 - last.1).abs() < 0.5);
        if !near {
            line.push(place);
        }
    }
    line
}

/// Names the lines and the objectives: beside them where that covers neither a line nor another
/// name, else in a list at the upper right, where a falling line never is, in the lines' order.
fn label(
    canvas: &Canvas<'_>,
    frame: &Frame,
    actors: &[Actor<'_>],
    lines: &[Vec<(f64, f64)>],
    marks: &[Mark],
) -> Result<(), Error> {
    let crowd: Vec<(f64, f64)> = lines.iter().flat_map(|line| dense(line)).collect();
    let mut taken: Vec<Area> = Vec::new();
    let mut unplaced: Vec<&str> = Vec::new();
    for mark in marks {
        let (x, y) = (frame.x.place(mark.latency), frame.y.place(mark.share));
        let arm = 9.0;
        let stroke = Stroke {
            color: INK,
            alpha: 1.0,
            width: 3.0,
        };
        canvas.line(&[(x - arm, y), (x + arm, y)], stroke)?;
        canvas.line(&[(x, y - arm), (x, y + arm)], stroke)?;
        taken.push(area((x - arm, y), 2.0 * arm));
        let points = [
            (x + arm, y),
            (x + arm, y - LINE),
            (x - arm, y),
            (x - arm, y + LINE),
        ];
        let wide = width(&mark.text, LABEL);
        if let Some(area) = free_place(frame, &points, wide, &crowd, &taken) {
            taken.push(area);
            write(canvas, area, &mark.text, SOFT)?;
        } else {
            unplaced.push(mark.text.as_str());
        }
    }

    let mut named: Vec<(&Actor<'_>, &Vec<(f64, f64)>)> = actors
        .iter()
        .zip(lines)
        .filter(|(actor, line)| actor.named && !line.is_empty())
        .collect();
    let end = |line: &[(f64, f64)]| line.last().map_or(0.0, |point| point.0);
    named.sort_by(|a, b| end(b.1).total_cmp(&end(a.1)));

    let names: Vec<String> = named
        .iter()
        .map(|(a, _)| fit(a.name, LABEL, 360.0))
        .collect();
    let mut beside: Vec<Area> = Vec::new();
    for ((_, line), name) in named.iter().zip(&names) {
        // From the tail upwards: lines are furthest apart there.
        let dense = dense(line);
        let step = (dense.len() / TRIES).max(1);
        let points: Vec<(f64, f64)> = dense.iter().rev().step_by(step).copied().collect();
        let place = free_place(frame, &points, width(name, LABEL), &crowd, &taken);
        let Some(area) = place else { break };
        taken.push(area);
        beside.push(area);
    }
    if beside.len() == named.len() {
        for (((actor, _), name), area) in named.iter().zip(&names).zip(beside) {
            write(canvas, area, name, actor.color)?;
        }
        return Ok(());
    }
    let widest = names.iter().map(|n| width(n, LABEL)).fold(0.0, f64::max);
    let left = frame.right - widest;
    for (row, ((actor, _), name)) in named.iter().zip(&names).enumerate() {
        let y = frame.top + (row as f64 + 1.0) * LINE;
        let stroke = Stroke {
            color: actor.color,
            alpha: 1.0,
            width: 4.0,
        };
        let area = area((left, y), widest);
        let sample = [(left - 48.0, y), (left - 14.0, y)];
        write(canvas, area, name, actor.color)?;
        canvas.line(&sample, stroke)?;
    }
    for (row, text) in unplaced.iter().enumerate() {
        let y = frame.top + (named.len() as f64 + row as f64 + 1.0) * LINE;
        let text = format!("+  {text}");
        let wide = width(&text, LABEL);
        write(canvas, area((frame.right - wide, y), wide), &text, SOFT)?;
    }
    Ok(())
}

/// A place at the right or the left of one of the points, the first where nothing is in the way.
fn free_place(
    frame: &Frame,
    points: &[(f64, f64)],
    wide: f64,
    crowd: &[(f64, f64)],
    taken: &[Area],
) -> Option<Area> {
    let high = |y: f64| y.clamp(frame.top + LINE / 2.0, frame.bottom - LINE / 2.0);
    points
        .iter()
        .flat_map(|&(x, y)| [(x + 14.0, high(y)), (x - 14.0 - wide, high(y))])
        .map(|place| area(place, wide))
        .filter(|area| area.left >= frame.left && area.right <= frame.right)
        .find(|area| {
            // With the white around the letters.
            let wider = Area {
                left: area.left - 8.0,
                right: area.right + 8.0,
                ..*area
            };
            !taken.iter().any(|other| other.meets(&wider))
                && !crowd.iter().any(|point| wider.holds(*point))
        })
}

fn write(
    canvas: &Canvas<'_>,
    area: Area,
    text: &str,
    color: plotters::style::RGBColor,
) -> Result<(), Error> {
    // Grid lines do not run through letters.
    let from = (area.left - 4.0, area.top + 2.0);
    canvas.band(from, (area.right + 4.0, area.bottom - 2.0), WHITE, 0.9)?;
    let letters = Letters {
        color: for_letters(color),
        size: LABEL,
        bold: false,
        anchor: Anchor::Start,
    };
    canvas.text((area.left, (area.top + area.bottom) / 2.0), text, letters)
}

fn area((left, middle): (f64, f64), wide: f64) -> Area {
    Area {
        left,
        top: middle - LINE / 2.0,
        right: left + wide,
        bottom: middle + LINE / 2.0,
    }
}

/// A line as points at most a few units apart.
fn dense(line: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for pair in line.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        let pieces = (length / 4.0).ceil().max(1.0) as usize;
        for piece in 0..pieces {
            let share = piece as f64 / pieces as f64;
            points.push((a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share));
        }
    }
    points.extend(line.last());
    points
}
