//! A sweep as tables: a row for each cell and metric, a row for each replication, and a page for
//! the terminal.
//!
//! `sweep.csv`: `cell`, a column for each path that was varied, `metric,unit,replications,mean,low,
//! high`; `low` and `high` are the 95 % interval. `replications.csv`: `cell,replication,metric,
//! value`. Numbers keep every digit; what was not measured is an empty cell.

use crate::style::Ink;
use crate::table::Table;
use crate::units::three_digits;
use crate::{Error, File, Style};
use study::sweep::{SweepPlan, SweepRecord};
use study::{Metric, Unit};

/// The tables of a sweep whose cells are all there.
///
/// # Errors
/// When a table cannot be formed, which is a defect of this crate.
pub fn sweep_files(plan: &SweepPlan, record: &SweepRecord) -> Result<Vec<File>, Error> {
    Ok(vec![
        File {
            name: "sweep.csv".into(),
            bytes: cells(plan, record)?,
        },
        File {
            name: "replications.csv".into(),
            bytes: replications(record)?,
        },
    ])
}

fn cells(plan: &SweepPlan, record: &SweepRecord) -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = ["cell"].into_iter();
    let head = head.chain(plan.axes.iter().map(String::as_str));
    let tail = ["metric", "unit", "replications", "mean", "low", "high"];
    writer.write_record(head.chain(tail))?;
    for (cell, result) in plan.cells.iter().zip(&record.results) {
        for (metric, at) in &record.metrics {
            let estimate = result.estimate(*at, metric);
            let mut row = vec![cell.index.to_string()];
            row.extend(cell.values.iter().cloned());
            row.push(metric.name.clone());
            row.push(metric.unit.name().to_owned());
            row.push(result.observations(*at).count().to_string());
            row.extend([estimate.mean, estimate.low, estimate.high].map(number));
            writer.write_record(row)?;
        }
    }
    finish(writer)
}

fn replications(record: &SweepRecord) -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["cell", "replication", "metric", "value"])?;
    for (cell, result) in record.results.iter().enumerate() {
        for (replication, values) in result.values.iter().enumerate() {
            for (metric, at) in &record.metrics {
                writer.write_record([
                    cell.to_string(),
                    replication.to_string(),
                    metric.name.clone(),
                    number(values[*at]),
                ])?;
            }
        }
    }
    finish(writer)
}

fn finish(writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, Error> {
    writer
        .into_inner()
        .map_err(|error| Error::Csv(error.into_error().into()))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The page of a sweep: a row for each cell, a column for each metric that has room, as
/// `mean ± half-width` of its 95 % interval.
pub fn sweep_page(plan: &SweepPlan, record: &SweepRecord, style: &Style) -> String {
    let table = (1..=record.metrics.len())
        .rev()
        .map(|columns| (columns, page_table(plan, record, columns)))
        .find(|(columns, table)| *columns == 1 || table.least_width(style) <= style.columns());
    let mut page = String::new();
    let Some((columns, table)) = table else {
        return page;
    };
    let count = record.results.len();
    let cells = if count == 1 { "cell" } else { "cells" };
    page.push_str(&style.letters(&format!("{}: {count} {cells}\n\n", plan.name)));
    table.render(style, &mut page);
    let more = record.metrics.len() - columns;
    if more > 0 {
        let note = format!("… and {more} more metrics in sweep.csv");
        page.push_str(&format!(
            "  {}\n",
            style.paint(Ink::Faint, &style.letters(&note))
        ));
    }
    let imprecise = record.results.iter().filter(|r| r.precise == Some(false));
    let imprecise = imprecise.count();
    if imprecise > 0 {
        let note = format!(
            "! in {imprecise} of {count} cells the interval is wider than asked for after `max` replications"
        );
        page.push_str(&format!("{}\n", style.paint(Ink::Bad, &note)));
    }
    let mut warnings: Vec<&String> = record.results.iter().flat_map(|r| &r.warnings).collect();
    warnings.sort_unstable();
    warnings.dedup();
    for warning in warnings.iter().take(MOST_WARNINGS) {
        page.push_str(&style.letters(&format!("! {warning}\n")));
    }
    page
}

/// Who has more should look at the cells one by one.
const MOST_WARNINGS: usize = 5;

fn page_table(plan: &SweepPlan, record: &SweepRecord, columns: usize) -> Table {
    let metrics = &record.metrics[..columns];
    let axes: Vec<&str> = plan
        .axes
        .iter()
        .map(|path| short(path, &plan.axes))
        .collect();
    let heads: Vec<String> = [axes.join("  "), "runs".to_owned()]
        .into_iter()
        .chain(metrics.iter().map(|(m, _)| m.name.clone()))
        .collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut table = Table::new(&heads);
    for (cell, result) in plan.cells.iter().zip(&record.results) {
        let wide = result.precise == Some(false);
        let runs = result.values.len().to_string();
        let mut row = vec![
            (cell.values.join("  "), Ink::Plain),
            (runs, if wide { Ink::Bad } else { Ink::Plain }),
        ];
        row.extend(metrics.iter().map(|(metric, at)| {
            let estimate = result.estimate(*at, metric);
            let ends = estimate.low.zip(estimate.high);
            let half = ends.map(|(low, high)| (high - low) / 2.0);
            (shown(metric, estimate.mean, half), Ink::Plain)
        }));
        table.row(row);
    }
    table
}

/// The last word of a path, where no other path ends in it.
fn short<'p>(path: &'p str, all: &[String]) -> &'p str {
    fn last(path: &str) -> &str {
        path.rsplit('.').next().unwrap_or(path)
    }
    let same = all.iter().filter(|other| last(other) == last(path));
    if same.count() > 1 { path } else { last(path) }
}

fn shown(metric: &Metric, mean: Option<f64>, half: Option<f64>) -> String {
    let Some(mean) = mean else {
        return "-".to_owned();
    };
    let scale = if metric.unit == Unit::Ratio {
        100.0
    } else {
        1.0
    };
    let unit = match metric.unit {
        Unit::Ratio => " %",
        Unit::Milliseconds => " ms",
        Unit::PerSecond => "/s",
        Unit::Count => "",
    };
    match half {
        Some(half) => format!(
            "{} ± {}{unit}",
            three_digits(mean * scale),
            three_digits(half * scale)
        ),
        None => format!("{}{unit}", three_digits(mean * scale)),
    }
}
