//! A sweep for the terminal: a row for each cell, a column for each metric that has room, as
//! `mean ± half-width` of its 95 % interval.

use super::names::{short_paths, short_values};
use crate::Style;
use crate::style::Ink;
use crate::table::{Table, wrap};
use crate::units::three_digits;
use study::Unit;
use study::sweep::{CellResult, Outline, SweepRecord};

/// Who has more should look at the cells one by one.
const MOST_WARNINGS: usize = 5;
/// Metrics of a cell where no table has room.
const IN_A_PARAGRAPH: usize = 4;

/// The page of a sweep.
pub fn sweep_page(outline: &Outline, record: &SweepRecord, style: &Style) -> String {
    let mut page = String::new();
    let (columns, table) = widest(outline, record, style);
    let count = record.results.len();
    let cells = if count == 1 { "cell" } else { "cells" };
    page.push_str(&style.letters(&format!("{}: {count} {cells}\n\n", outline.name)));
    table.render(style, &mut page);
    let more = record.figures.len() - columns;
    if more > 0 {
        let metrics = if more == 1 { "metric" } else { "metrics" };
        let note = style.letters(&format!("… and {more} more {metrics} in sweep.csv"));
        page.push_str(&format!("  {}\n", style.paint(Ink::Faint, &note)));
    }
    let within = |result: &CellResult| result.within.iter().flatten().flatten().next().is_some();
    if record.results.iter().any(within) {
        let note = "± within the one replication of a cell, by the means of batches";
        lines(note, Ink::Faint, style, &mut page);
    }
    let imprecise = record.imprecise();
    if imprecise > 0 {
        let note = format!(
            "! in {imprecise} of {count} cells the interval is wider than asked for after `max` replications"
        );
        lines(&note, Ink::Bad, style, &mut page);
    }
    let mut warnings: Vec<&String> = record.results.iter().flat_map(|r| &r.warnings).collect();
    warnings.sort_unstable();
    warnings.dedup();
    for warning in warnings.iter().take(MOST_WARNINGS) {
        lines(&format!("! {warning}"), Ink::Plain, style, &mut page);
    }
    page
}

/// Wrapped lines, those after the first further in.
fn lines(text: &str, ink: Ink, style: &Style, out: &mut String) {
    let wrapped = wrap(&style.letters(text), style.columns() - 2);
    for (at, line) in wrapped.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "  " });
        out.push_str(&style.paint(ink, line));
        out.push('\n');
    }
}

/// The table with as many metrics as have room, and how many those are; settings are shortened
/// further when not even one has.
fn widest(outline: &Outline, record: &SweepRecord, style: &Style) -> (usize, Table) {
    for letters in [24, 16, 10, 6] {
        for columns in (1..=record.figures.len()).rev() {
            let table = table(outline, record, columns, letters, style);
            if table.least_width(style) <= style.columns() {
                return (columns, table);
            }
        }
    }
    // Not even one: rows become paragraphs, which have room for a few.
    let columns = record.figures.len().min(IN_A_PARAGRAPH);
    (columns, table(outline, record, columns, 24, style))
}

fn table(
    outline: &Outline,
    record: &SweepRecord,
    columns: usize,
    letters: usize,
    style: &Style,
) -> Table {
    let mut heads = vec!["cell".to_owned()];
    heads.extend(short_paths(outline, letters, style));
    heads.push("runs".to_owned());
    heads.extend(record.figures[..columns].iter().map(|f| f.name.clone()));
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut table = Table::new(&heads);
    let settings = short_values(outline, letters, style);
    for (cell, result) in record.results.iter().enumerate() {
        let wide = result.precise == Some(false);
        let runs = result.values.len().to_string();
        let mut row = vec![(cell.to_string(), Ink::Faint)];
        row.extend(settings.iter().map(|axis| (axis[cell].clone(), Ink::Plain)));
        row.push((runs, if wide { Ink::Bad } else { Ink::Plain }));
        row.extend((0..columns).map(|at| (shown(record, cell, at), Ink::Plain)));
        table.row(row);
    }
    table
}

fn shown(record: &SweepRecord, cell: usize, figure: usize) -> String {
    let result = &record.results[cell];
    let estimate = record.place(cell, figure).map(|at| result.estimate(at));
    let Some((estimate, mean)) = estimate.and_then(|e| Some((e, e.mean?))) else {
        return "-".to_owned();
    };
    let (scale, unit) = match record.figures[figure].unit {
        Unit::Ratio => (100.0, " %"),
        Unit::Milliseconds => (1.0, " ms"),
        Unit::PerSecond => (1.0, "/s"),
        Unit::Count => (1.0, ""),
    };
    match estimate.low.zip(estimate.high) {
        Some((low, high)) => format!(
            "{} ± {}{unit}",
            three_digits(mean * scale),
            three_digits((high - low) / 2.0 * scale)
        ),
        None => format!("{}{unit}", three_digits(mean * scale)),
    }
}
