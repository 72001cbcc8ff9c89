//! Figures against the axis that has the most numbers, a panel for each, a line for each value of the
//! next axis, with its 95 % interval as a ribbon.

use super::super::canvas::{self, Anchor, Canvas, Letters, Stroke};
use super::super::font::{fit, width};
use super::super::frame::{Axis, Frame, head, letters};
use super::super::labels::Area;
use super::super::panels::panels;
use super::super::scale::{decimals, multiples, round_step};
use super::super::theme::{
    HEIGHT, INK, LABEL, LINE, MARGIN, PALETTE, SOFT, WIDTH, for_letters, viridis,
};
use super::super::{Sketch, axes};
use super::design::{Design, Dimension};
use super::held;
use crate::Error;
use crate::units::{milliseconds, three_digits};
use plotters::style::RGBColor;
use study::sweep::Kind;

/// Lines of one panel.
const MOST_LINES: usize = 8;
/// Where the titles and the names of the lines end.
const TOP: f64 = 176.0;

/// A line of every panel.
struct Series {
    name: String,
    color: RGBColor,
    /// Of the second axis; none where there is only one.
    level: Option<usize>,
}

/// What a line shows of one figure: number, mean, low, high.
type Points = Vec<(f64, f64, f64, f64)>;

pub(super) fn draw(design: &Design<'_>) -> Result<Sketch, Error> {
    let axis = &design.axes[0];
    let figures = match design.figures.as_slice() {
        [one] => design.figure(*one).0.to_owned(),
        all => format!("{} metrics", all.len()),
    };
    let title = format!("{figures} against {}", axis.name);
    let (series, more) = series(design);
    let subtitle = format!(
        "{} · mean, ribbons are 95 % intervals{}{more}{}",
        design.name,
        held(design, 2),
        design.left_out()
    );
    let size = if design.figures.len() > 2 { 17.0 } else { 20.0 };
    let sheet = Area {
        left: MARGIN,
        top: TOP,
        right: WIDTH - MARGIN,
        bottom: HEIGHT - 70.0,
    };
    let svg = canvas::draw(|canvas| {
        head(canvas, &title, &subtitle)?;
        legend(canvas, design, &series)?;
        for (figure, place) in
            design
                .figures
                .iter()
                .zip(panels(design.figures.len(), sheet, (44.0, 40.0)))
        {
            panel(canvas, design, *figure, &series, place, size)?;
        }
        let middle = letters(SOFT, LABEL, Anchor::Middle);
        let name = fit(&axis.name, LABEL, WIDTH - 2.0 * MARGIN);
        canvas.text((WIDTH / 2.0, HEIGHT - 30.0), &name, middle)
    })?;
    Ok(Sketch { title, svg })
}

/// The lines, and what is to be said of those that are not there.
fn series(design: &Design<'_>) -> (Vec<Series>, String) {
    let Some(axis) = design.axes.get(1) else {
        let alone = Series {
            name: String::new(),
            color: PALETTE[0],
            level: None,
        };
        return (vec![alone], String::new());
    };
    let count = axis.levels.len();
    let shown: Vec<usize> = if count <= MOST_LINES {
        (0..count).collect()
    } else {
        // Evenly, both ends among them.
        let step = (count - 1) as f64 / (MOST_LINES - 1) as f64;
        (0..MOST_LINES)
            .map(|at| (at as f64 * step).round() as usize)
            .collect()
    };
    let color = |at: usize| match axis.is_numeric() && shown.len() > 2 {
        // Without viridis' bright end, which is lost on white.
        true => viridis(0.85 * at as f64 / (shown.len() - 1) as f64),
        false => PALETTE[at % PALETTE.len()],
    };
    let lines = shown.iter().enumerate().map(|(at, level)| Series {
        name: axis.levels[*level].label.clone(),
        color: color(at),
        level: Some(*level),
    });
    let more = match count - shown.len() {
        0 => String::new(),
        _ => format!(" · {} of {count} values of {}", shown.len(), axis.name),
    };
    (lines.collect(), more)
}

/// Which line is which, in one row above all panels.
fn legend(canvas: &Canvas<'_>, design: &Design<'_>, series: &[Series]) -> Result<(), Error> {
    let Some(axis) = design.axes.get(1) else {
        return Ok(());
    };
    let y = TOP - 38.0;
    let mut x = MARGIN;
    let name = fit(&axis.name, LABEL, 420.0);
    canvas.text((x, y), &name, letters(SOFT, LABEL, Anchor::Start))?;
    x += width(&name, LABEL) + 28.0;
    let room = (WIDTH - MARGIN - x) / series.len() as f64 - 70.0;
    for one in series {
        let stroke = Stroke {
            color: one.color,
            alpha: 1.0,
            width: 5.0,
        };
        canvas.line(&[(x, y), (x + 30.0, y)], stroke)?;
        let text = fit(&one.name, LABEL, room.max(40.0));
        let ink = letters(for_letters(one.color), LABEL, Anchor::Start);
        canvas.text((x + 40.0, y), &text, ink)?;
        x += 70.0 + width(&text, LABEL);
    }
    Ok(())
}

fn panel(
    canvas: &Canvas<'_>,
    design: &Design<'_>,
    figure: usize,
    series: &[Series],
    place: Area,
    size: f64,
) -> Result<(), Error> {
    let (name, unit) = design.figure(figure);
    let lines: Vec<Points> = series
        .iter()
        .map(|one| points(design, figure, one.level))
        .collect();
    let values = lines.iter().flatten().flat_map(|p| [p.1, p.2, p.3]);
    let y = axes::figure(unit, values, 5.0);
    let ticks = y.ticks.iter().map(|(_, text)| width(text, size));
    let inner = Area {
        left: place.left + ticks.fold(0.0, f64::max) + 14.0,
        top: place.top + LINE,
        right: place.right,
        bottom: place.bottom - 16.0 - size,
    };
    let x = axis(&design.axes[0], (inner.left, inner.right), size);
    if design.figures.len() > 1 {
        let bold = Letters {
            bold: true,
            ..letters(INK, LABEL, Anchor::Start)
        };
        let text = fit(name, LABEL * 1.04, place.right - place.left);
        canvas.text((place.left, place.top), &text, bold)?;
    }
    let frame = Frame::within(canvas, inner, &x, &y, size)?;
    for (one, line) in series.iter().zip(&lines) {
        draw_line(canvas, &frame, line, one.color)?;
    }
    if lines.iter().all(Vec::is_empty) {
        frame.message(canvas, "not measured")?;
    }
    Ok(())
}

fn points(design: &Design<'_>, figure: usize, line: Option<usize>) -> Points {
    let numbers = design.axes[0].numbers();
    let at = |(level, number): (usize, &f64)| {
        let cell = match line {
            Some(line) => design.cell(&[level, line]),
            None => design.cell(&[level]),
        };
        let estimate = design.estimate(cell?, figure)?;
        let mean = estimate.mean?;
        let (low, high) = (estimate.low.unwrap_or(mean), estimate.high.unwrap_or(mean));
        Some((*number, mean, low, high))
    };
    numbers.iter().enumerate().filter_map(at).collect()
}

fn draw_line(
    canvas: &Canvas<'_>,
    frame: &Frame,
    line: &Points,
    color: RGBColor,
) -> Result<(), Error> {
    let place = |number, value| (frame.x.place(number), frame.y.place(value));
    let means: Vec<(f64, f64)> = line.iter().map(|p| place(p.0, p.1)).collect();
    if means.len() > 1 {
        let upper = line.iter().map(|p| place(p.0, p.3));
        let lower = line.iter().rev().map(|p| place(p.0, p.2));
        let ribbon: Vec<(f64, f64)> = upper.chain(lower).collect();
        canvas.area(&ribbon, color, 0.2)?;
    }
    let stroke = Stroke {
        color,
        alpha: 1.0,
        width: 3.0,
    };
    canvas.line(&means, stroke)?;
    if means.len() <= 40 {
        for at in means {
            canvas.dot(at, 4.0, color)?;
        }
    }
    Ok(())
}

/// From the first number to the last, marked by the numbers themselves where there are few.
pub(super) fn axis(dimension: &Dimension, (left, right): (f64, f64), size: f64) -> Axis {
    let numbers = dimension.numbers();
    let (first, last) = match numbers.as_slice() {
        [first, .., last] => (*first, *last),
        _ => (0.0, 1.0),
    };
    let log = dimension.is_geometric();
    let range = if log {
        let air = (last / first).powf(0.02);
        (first / air, last * air)
    } else {
        let air = (last - first) * 0.02;
        (first - air, last + air)
    };
    let room = right - left;
    let labels = dimension.levels.iter().map(|level| level.label.clone());
    let own: Vec<(f64, String)> = numbers.iter().copied().zip(labels).collect();
    let widest = own.iter().map(|(_, text)| width(text, size) + 14.0);
    let widest = widest.fold(0.0, f64::max);
    let short = own.iter().all(|(_, text)| text.len() <= 8);
    let ticks = if own.len() as f64 * widest <= room && short {
        own
    } else if log || !short && own.len() as f64 * widest <= room {
        let every = (own.len() as f64 * widest / room).ceil().max(1.0) as usize;
        own.into_iter().step_by(every).collect()
    } else {
        round_ticks(dimension.kind, (first, last), room, size)
    };
    Axis {
        name: dimension.name.clone(),
        range,
        log,
        ticks,
    }
}

fn round_ticks(kind: Kind, (first, last): (f64, f64), room: f64, size: f64) -> Vec<(f64, String)> {
    let scale = if kind == Kind::Ratio { 100.0 } else { 1.0 };
    let count = (room / (size * 5.5)).clamp(2.0, 8.0);
    let step = round_step((last - first) * scale, count);
    let places = decimals(step);
    multiples(first * scale, last * scale, step)
        .into_iter()
        .map(|tick| {
            let text = match kind {
                Kind::Ms => milliseconds(tick),
                Kind::Ratio => format!("{tick:.places$} %"),
                Kind::PerS => format!("{tick:.places$}/s"),
                _ if tick.abs() >= 10_000.0 => three_digits(tick),
                _ => format!("{tick:.places$}"),
            };
            (tick / scale, text)
        })
        .collect()
}
