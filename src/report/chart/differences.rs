//! Differences and their intervals, side by side: a forest plot. Each metric has a scale of its own,
//! for milliseconds and points do not compare.

use super::Sketch;
use super::canvas::{self, Anchor, Canvas, Letters, Stroke};
use super::font::{fit, width};
use super::frame::{head, letters};
use super::scale::{Scale, decimals, multiples, round_step};
use super::theme::{GRID, HEIGHT, INK, LABEL, LINE, MARGIN, PALETTE, SOFT, WIDTH, for_letters};
use crate::Error;
use crate::compare::words::{Amount, metric, scale, several};
use plotters::style::{RGBColor, WHITE};
use study::Unit;
use study::compare::{Comparison, Difference, Verdict};

/// Where the titles end.
const HEAD: f64 = 140.0;
/// Of a row, at least and at most.
const ROW: (f64, f64) = (32.0, 56.0);
/// Below the rows of a metric: its ticks and a gap.
const FOOT: f64 = 58.0;
/// Of the names at the left.
const WIDEST_NAME: f64 = 430.0;
/// Of the figures at the right.
const WIDEST_FIGURE: f64 = 300.0;

/// The differences of one metric.
struct Block<'a> {
    name: String,
    rows: Vec<&'a Difference>,
    /// What the scale is marked in.
    step: f64,
    unit: &'static str,
}

pub(super) fn draw(record: &Comparison) -> Result<Sketch, Error> {
    let first = &record.settings[0].name;
    let alone = record.settings.len() == 2;
    let title = match &record.settings[..] {
        [_, one] => format!("{} against {first}", one.name),
        all => format!("{} settings against {first}", all.len() - 1),
    };
    let all = blocks(record);
    // A heading per metric, unless its only row says it.
    let heading = if alone { 0.0 } else { LINE };
    let room = HEIGHT - HEAD - MARGIN / 2.0;
    let least = |block: &Block<'_>| heading + block.rows.len() as f64 * ROW.0 + FOOT;
    let mut used = 0.0;
    let shown: Vec<&Block<'_>> = all
        .iter()
        .take_while(|block| {
            used += least(block);
            used <= room
        })
        .collect();
    let rows: usize = shown.iter().map(|block| block.rows.len()).sum();
    let fixed = shown.len() as f64 * (heading + FOOT);
    let row = ((room - fixed) / rows.max(1) as f64).clamp(ROW.0, ROW.1);

    let mut subtitle = match record.family {
        0 | 1 => "difference and its 95 % interval".to_owned(),
        n => format!("differences with intervals that all hold together with 95 % ({n} of them)"),
    };
    subtitle.push_str(" · green: better, red: worse, hollow: not told from none");
    if shown.len() < all.len() {
        let more = all.len() - shown.len();
        subtitle.push_str(&format!(" · {more} more metrics in differences.csv"));
    }
    let svg = canvas::draw(|canvas| {
        head(canvas, &title, &subtitle)?;
        let places = Places::of(&shown, alone);
        let mut top = HEAD;
        for block in &shown {
            if !alone {
                let bold = Letters {
                    bold: true,
                    ..letters(INK, LABEL, Anchor::Start)
                };
                let name = fit(&block.name, LABEL, WIDTH - 2.0 * MARGIN);
                canvas.text((MARGIN, top + LINE / 2.0), &name, bold)?;
                top += LINE;
            }
            places.block(canvas, block, top, row, alone)?;
            top += block.rows.len() as f64 * row + FOOT;
        }
        if shown.is_empty() {
            let middle = (WIDTH / 2.0, HEIGHT / 2.0);
            let letters = letters(SOFT, LABEL, Anchor::Middle);
            canvas.text(middle, "more settings than a chart has room for", letters)?;
        }
        Ok(())
    })?;
    Ok(Sketch { title, svg })
}

fn blocks(record: &Comparison) -> Vec<Block<'_>> {
    let several = several(record);
    let mut blocks: Vec<(&str, Vec<&Difference>)> = Vec::new();
    for d in &record.differences {
        match blocks.iter_mut().find(|(name, _)| *name == d.metric) {
            Some((_, rows)) => rows.push(d),
            None => blocks.push((&d.metric, vec![d])),
        }
    }
    blocks
        .into_iter()
        .map(|(name, rows)| {
            let size = ends(&rows).fold(0.0, |most: f64, end| most.max(end.abs()));
            let (step, unit) = scale(rows.first().map_or(Unit::Count, |d| d.unit), size);
            Block {
                name: metric(name, several),
                rows,
                step,
                unit,
            }
        })
        .collect()
}

/// Whatever must be seen on the scale: means, ends of intervals.
fn ends<'a>(rows: &'a [&Difference]) -> impl Iterator<Item = f64> + 'a {
    let all = rows.iter().flat_map(|d| [d.mean, d.low, d.high]);
    all.flatten().filter(|end| end.is_finite())
}

/// The columns that all metrics share.
struct Places {
    left: f64,
    right: f64,
}

impl Places {
    fn of(blocks: &[&Block<'_>], alone: bool) -> Self {
        let rows = || {
            blocks
                .iter()
                .flat_map(|b| b.rows.iter().map(move |d| (b, d)))
        };
        let names = rows().map(|(b, d)| width(name(b, d, alone), LABEL));
        let figures = rows().map(|(_, d)| width(&figure(d), LABEL));
        let names = names.fold(0.0, f64::max).min(WIDEST_NAME);
        let figures = figures.fold(0.0, f64::max).min(WIDEST_FIGURE);
        Self {
            left: MARGIN + names + 32.0,
            right: WIDTH - MARGIN - figures - 32.0,
        }
    }

    fn block(
        &self,
        canvas: &Canvas<'_>,
        block: &Block<'_>,
        top: f64,
        row: f64,
        alone: bool,
    ) -> Result<(), Error> {
        let bottom = top + block.rows.len() as f64 * row;
        let low = ends(&block.rows).fold(0.0, f64::min) * block.step;
        let high = ends(&block.rows).fold(0.0, f64::max) * block.step;
        let span = if high > low { high - low } else { 1.0 };
        let range = (low - 0.06 * span, high + 0.06 * span);
        let x = Scale::linear(range, (self.left, self.right));
        let thin = Stroke {
            color: GRID,
            alpha: 1.0,
            width: 1.5,
        };
        let step = round_step(span, 6.0);
        let places = decimals(step);
        for tick in multiples(range.0, range.1, step) {
            let at = x.place(tick);
            canvas.line(&[(at, top), (at, bottom)], thin)?;
            let text = if tick == 0.0 {
                "0".to_owned()
            } else {
                format!("{tick:+.places$}")
            };
            let soft = letters(SOFT, LABEL - 4.0, Anchor::Middle);
            canvas.text((at, bottom + 16.0), &text, soft)?;
        }
        let soft = letters(SOFT, LABEL - 4.0, Anchor::Start);
        canvas.text((self.right + 32.0, bottom + 16.0), block.unit, soft)?;
        let zero = Stroke {
            color: INK,
            alpha: 1.0,
            width: 2.0,
        };
        canvas.line(&[(x.place(0.0), top), (x.place(0.0), bottom)], zero)?;
        for (i, d) in block.rows.iter().enumerate() {
            let y = top + (i as f64 + 0.5) * row;
            let ink = letters(INK, LABEL, Anchor::Start);
            canvas.text(
                (MARGIN, y),
                &fit(name(block, d, alone), LABEL, WIDEST_NAME),
                ink,
            )?;
            self.interval(canvas, d, &x, block.step, y)?;
        }
        Ok(())
    }

    fn interval(
        &self,
        canvas: &Canvas<'_>,
        d: &Difference,
        x: &Scale,
        step: f64,
        y: f64,
    ) -> Result<(), Error> {
        let color = color(d.verdict);
        if let (Some(low), Some(high)) = (d.low, d.high) {
            let stroke = Stroke {
                color,
                alpha: 1.0,
                width: 4.0,
            };
            let (low, high) = (x.place(low * step), x.place(high * step));
            canvas.line(&[(low, y), (high, y)], stroke)?;
            for end in [low, high] {
                canvas.line(
                    &[(end, y - 7.0), (end, y + 7.0)],
                    Stroke {
                        width: 3.0,
                        ..stroke
                    },
                )?;
            }
        }
        if let Some(mean) = d.mean {
            let at = (x.place(mean * step), y);
            canvas.dot(at, 9.0, color)?;
            if matches!(d.verdict, Verdict::Indistinguishable | Verdict::Same) {
                canvas.dot(at, 5.0, WHITE)?;
            }
        }
        let text = fit(&figure(d), LABEL, WIDEST_FIGURE);
        let letters = letters(for_letters(color), LABEL, Anchor::Start);
        canvas.text((self.right + 32.0, y), &text, letters)
    }
}

fn name<'a>(block: &'a Block<'_>, d: &'a Difference, alone: bool) -> &'a str {
    if alone { &block.name } else { &d.setting }
}

fn figure(d: &Difference) -> String {
    d.mean.map_or_else(
        || "not measured".to_owned(),
        |mean| Amount::of(d.unit, mean, d.half_width).signed(),
    )
}

fn color(verdict: Verdict) -> RGBColor {
    match verdict {
        Verdict::Better => PALETTE[2],
        Verdict::Worse => PALETTE[1],
        Verdict::More | Verdict::Less => PALETTE[0],
        Verdict::Indistinguishable | Verdict::Same | Verdict::Unknown => SOFT,
    }
}
