//! How a failure spread: when more than a twentieth of the calls to each service failed, users at the
//! top, who they call below, and an arrow where a callee failed before its caller.

use super::Sketch;
use super::bands::Bands;
use super::canvas::{self, Anchor, Canvas, Letters, Stroke};
use super::font::{fit, width};
use super::frame::{Axis, FOOT, Frame, HEAD, head, letters};
use super::graph::{Graph, crossings};
use super::latency::{subtitle, total};
use super::scale::Scale;
use super::steps;
use super::theme::{GRID, HEIGHT, INK, LABEL, MARGIN, PALETTE, SOFT, WIDTH, for_letters};
use crate::Error;
use crate::units::seconds;
use plotters::style::RGBColor;
use study::record::{RunRecord, Series};

/// A part is failing when more than this share of its calls does.
const THRESHOLD: f64 = 0.05;
/// Rows that have room.
const MOST: usize = 18;
/// Of a row.
const TALLEST: f64 = 140.0;
/// Of the names.
const WIDEST_NAME: f64 = 300.0;
/// At the right.
const REMARK: f64 = 210.0;
/// Of a row, what its bar takes.
const BAR: f64 = 0.62;
const HEAD_OF_ARROW: f64 = 9.0;

/// A part that failed.
struct Row<'a> {
    /// Its number in the graph.
    part: usize,
    name: &'a str,
    is_workload: bool,
    failing: &'a [f64],
    /// In windows.
    spans: Vec<(usize, usize)>,
}

/// Nothing where nobody crossed the threshold.
pub(super) fn draw(record: &RunRecord) -> Result<Option<Sketch>, Error> {
    let graph = Graph::of(record);
    let all = rows(&graph);
    // Of those in the same window, the one that the others call.
    let order = |row: &&Row<'_>| (row.spans[0].0, usize::MAX - graph.parts[row.part].depth);
    let Some(first) = all.iter().min_by_key(order) else {
        return Ok(None);
    };
    let title = if all.len() == 1 {
        format!("How the failure of {} went", first.name)
    } else {
        format!("How failures spread: {} first", first.name)
    };
    let rows = &all[..all.len().min(MOST)];
    let more = match all.len() - rows.len() {
        0 => String::new(),
        n => format!(" · {n} more failed, too"),
    };
    let what = format!(
        "bars: more than 5 % of its calls failed, arrows: from a failing callee to its caller{more} ·"
    );
    let subtitle = subtitle(&what, record);
    let x = around(rows, &record.series);
    let names = rows.iter().map(|row| width(row.name, LABEL));
    let left = MARGIN + names.fold(0.0, f64::max).min(WIDEST_NAME) + 24.0;
    let right = WIDTH - MARGIN - REMARK;
    let svg = canvas::draw(|canvas| {
        head(canvas, &title, &subtitle)?;
        let scale = x.scale((left, right));
        let bands = Bands::of(&record.series, &scale, left, right);
        let top = HEAD - 30.0 + bands.height();
        let tall = ((HEIGHT - FOOT - top) / rows.len() as f64).min(TALLEST);
        let bottom = top + rows.len() as f64 * tall;
        bands.draw(canvas, top, bottom)?;
        let sheet = Sheet {
            left,
            right,
            top,
            tall,
            x: scale,
            window: record.series.window_s,
        };
        for (at, row) in rows.iter().enumerate() {
            sheet.row(canvas, row, at)?;
        }
        for (callee, caller) in arrows(&graph, rows) {
            sheet.arrow(canvas, (callee, &rows[callee]), (caller, &rows[caller]))?;
        }
        let frame = sheet.frame(bottom - 1.0, bottom);
        frame.x_ticks(canvas, &x, LABEL)?;
        let middle = letters(SOFT, LABEL, Anchor::Middle);
        canvas.text(((left + right) / 2.0, bottom + 62.0), &x.name, middle)
    })?;
    Ok(Some(Sketch { title, svg }))
}

/// The time from a little before the first of them failed until a little after the last recovered:
/// what came first is seen only from near.
fn around(rows: &[Row<'_>], series: &Series) -> Axis {
    let spans = || rows.iter().flat_map(|row| &row.spans);
    let from = spans().map(|span| span.0).min().unwrap_or(0) as f64 * series.window_s;
    let to = spans().map(|span| span.1).max().unwrap_or(1) as f64 * series.window_s;
    let air = ((to - from) * 0.25).max(2.0 * series.window_s);
    let total = total(series);
    Axis::time_between((from - air).max(0.0), (to + air).min(total).max(from + air))
}

/// Workloads first, then as deep as they are called, then as early as they failed.
fn rows<'a>(graph: &'a Graph<'_>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = graph
        .parts
        .iter()
        .enumerate()
        .map(|(number, part)| Row {
            part: number,
            name: part.name,
            is_workload: part.is_workload,
            failing: &part.failing,
            spans: crossings(&part.failing, THRESHOLD, (part.failing.len() / 100).max(2)),
        })
        .filter(|row| !row.spans.is_empty())
        .collect();
    rows.sort_by_key(|row| (graph.parts[row.part].depth, row.spans[0].0));
    rows
}

/// Rows of callee and caller: the callee was failing when its caller began to.
fn arrows(graph: &Graph<'_>, rows: &[Row<'_>]) -> Vec<(usize, usize)> {
    let row = |part: usize| rows.iter().position(|row| row.part == part);
    let calls = graph.calls.iter();
    let mut arrows: Vec<(usize, usize)> = calls
        .filter_map(|(from, to)| {
            let (caller, callee) = (row(*from)?, row(*to)?);
            let (began, _) = rows[caller].spans[0];
            let (first, last) = rows[callee].spans[0];
            (first <= began && began <= last && caller != callee).then_some((callee, caller))
        })
        .collect();
    arrows.sort_unstable();
    arrows.dedup();
    arrows
}

struct Sheet {
    left: f64,
    right: f64,
    top: f64,
    /// Of a row.
    tall: f64,
    x: Scale,
    window: f64,
}

impl Sheet {
    fn frame(&self, top: f64, bottom: f64) -> Frame {
        Frame {
            x: self.x,
            y: Scale::linear((0.0, 1.0), (bottom, top)),
            left: self.left,
            right: self.right,
            top,
            bottom,
        }
    }

    /// Upper and lower edge of a row's bars.
    fn edges(&self, at: usize) -> (f64, f64) {
        let middle = self.top + (at as f64 + 0.5) * self.tall;
        let half = self.tall * BAR / 2.0;
        (middle - half, middle + half)
    }

    fn place(&self, window: usize) -> f64 {
        self.x.place(window as f64 * self.window)
    }

    fn row(&self, canvas: &Canvas<'_>, row: &Row<'_>, at: usize) -> Result<(), Error> {
        let (top, bottom) = self.edges(at);
        let middle = (top + bottom) / 2.0;
        let grid = Stroke {
            color: GRID,
            alpha: 1.0,
            width: 1.5,
        };
        canvas.line(&[(self.left, bottom), (self.right, bottom)], grid)?;
        let size = LABEL.min(self.tall * 0.8);
        let name = Letters {
            bold: row.is_workload,
            ..letters(INK, size, Anchor::Start)
        };
        let text = fit(row.name, size * 1.04, WIDEST_NAME);
        canvas.text((MARGIN, middle), &text, name)?;
        let frame = self.frame(top, bottom);
        let worst = |span: &(usize, usize)| {
            let values = row.failing[span.0..span.1].iter().copied();
            values.filter(|v| v.is_finite()).fold(0.0, f64::max)
        };
        for span in &row.spans {
            let from = self.place(span.0);
            let to = self.place(span.1).max(from + 3.0);
            canvas.band((from, top), (to, bottom), shade(worst(span)), 0.22)?;
        }
        let color = shade(row.spans.iter().map(worst).fold(0.0, f64::max));
        steps::fill(
            canvas,
            &frame,
            (None, row.failing),
            self.window,
            (color, 1.0),
        )?;
        let lasted: usize = row.spans.iter().map(|(from, to)| to - from).sum();
        let peak = row.spans.iter().map(worst).fold(0.0, f64::max) * 100.0;
        let remark = format!(
            "{} · up to {peak:.0} %",
            seconds(lasted as f64 * self.window)
        );
        let ink = letters(for_letters(color), size.min(20.0), Anchor::Start);
        let remark = fit(&remark, size.min(20.0), REMARK - 12.0);
        canvas.text((self.right + 12.0, middle), &remark, ink)
    }

    /// From where the callee began to fail to where its caller did.
    fn arrow(
        &self,
        canvas: &Canvas<'_>,
        (callee, below): (usize, &Row<'_>),
        (caller, above): (usize, &Row<'_>),
    ) -> Result<(), Error> {
        let from_x = self.place(below.spans[0].0);
        let to_x = self.place(above.spans[0].0);
        let up = callee > caller;
        let (from_y, to_y) = match up {
            true => (self.edges(callee).0, self.edges(caller).1),
            false => (self.edges(callee).1, self.edges(caller).0),
        };
        let stroke = Stroke {
            color: INK,
            alpha: 0.85,
            width: 2.0,
        };
        canvas.line(&[(from_x, from_y), (to_x, to_y)], stroke)?;
        canvas.dot((from_x, from_y), 3.5, INK)?;
        let (dx, dy) = (to_x - from_x, to_y - from_y);
        let length = dx.hypot(dy).max(1e-9);
        let (dx, dy) = (dx / length * HEAD_OF_ARROW, dy / length * HEAD_OF_ARROW);
        let side = |way: f64| {
            let x = to_x - dx * 1.3 - way * dy * 0.6;
            (x, to_y - dy * 1.3 + way * dx * 0.6)
        };
        canvas.area(&[(to_x, to_y), side(1.0), side(-1.0)], INK, 0.95)
    }
}

/// The darker, the more failed.
fn shade(share: f64) -> RGBColor {
    let (light, dark) = (PALETTE[1], RGBColor(0x8F, 0x10, 0x10));
    let mix =
        |a: u8, b: u8| (f64::from(a) + share.clamp(0.0, 1.0) * (f64::from(b) - f64::from(a))) as u8;
    RGBColor(
        mix(light.0, dark.0),
        mix(light.1, dark.1),
        mix(light.2, dark.2),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::checkout;

    #[test]
    fn users_are_above_whom_they_call_and_arrows_lead_from_cause_to_effect() {
        let record = checkout();
        let graph = Graph::of(&record);
        let rows = rows(&graph);
        let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
        // Of the calls of admins one in a hundred failed, of those to inventory none.
        assert_eq!(names, ["shoppers", "gateway", "order", "payment"]);
        assert_eq!(rows[3].spans, [(120, 150)]);
        assert_eq!(arrows(&graph, &rows), [(1, 0), (2, 1), (3, 2)]);
    }

    #[test]
    fn who_failed_later_than_its_caller_has_no_arrow() {
        let mut record = checkout();
        let late = record
            .series
            .edges
            .get_mut("order->payment.charge")
            .unwrap();
        late.failed.get_mut("timeout").unwrap()[..140].fill(0.0);
        let graph = Graph::of(&record);
        let rows = rows(&graph);
        assert_eq!(arrows(&graph, &rows), [(1, 0), (2, 1)]);
    }
}
