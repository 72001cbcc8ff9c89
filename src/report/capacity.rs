//! A capacity for people: the answer in words, the curve as a table, CSV and charts.
//!
//! `capacity.csv`, and the same as Parquet: `without,load,searched,replications,verdict,metric,unit,mean,low,high`, one row for
//! each figure of each load. Numbers keep every digit; what was not measured is an empty cell.

mod page;

pub use page::capacity_page;
pub(crate) use page::{load, said as capacity_answer, words as goal_words};

use crate::columns::{Cells, Column, table_files};
use crate::{Error, File, chart};
use study::Unit;
use study::capacity::Capacity;
use study::record::Estimate;

/// The table and the charts of a capacity.
///
/// # Errors
/// When one cannot be formed, which is a defect of this crate.
pub fn capacity_files(record: &Capacity) -> Result<Vec<File>, Error> {
    let mut files = tables(record)?;
    for chart in chart::capacity(record)? {
        files.extend(chart.files());
    }
    Ok(files)
}

/// A figure of a load.
struct Row {
    case: usize,
    load: usize,
    metric: String,
    unit: Unit,
    value: Estimate,
}

fn rows(record: &Capacity) -> Vec<Row> {
    let mut rows = Vec::new();
    for (case, found) in record.cases.iter().enumerate() {
        for (load, one) in found.loads.iter().enumerate() {
            let mut add = |metric: String, unit, value| {
                let known =
                    |row: &Row| (row.case, row.load) == (case, load) && row.metric == metric;
                if !rows.iter().rev().take(16).any(known) {
                    rows.push(Row {
                        case,
                        load,
                        metric,
                        unit,
                        value,
                    });
                }
            };
            let own = |what: &str| format!("{}.{what}", record.workload);
            let latency = one.latency_ms;
            add(own("throughput"), Unit::PerSecond, one.throughput);
            add(own("availability"), Unit::Ratio, one.availability);
            add(own("latency.mean"), Unit::Milliseconds, latency.mean);
            add(own("latency.p50"), Unit::Milliseconds, latency.p50);
            add(own("latency.p99"), Unit::Milliseconds, latency.p99);
            for (goal, measured) in record.objectives.iter().zip(&one.objectives) {
                let metric = format!("{}.{}", goal.workload, goal.objective);
                add(metric, goal.unit, measured.value);
            }
        }
    }
    rows
}

fn tables(record: &Capacity) -> Result<Vec<File>, Error> {
    let rows = rows(record);
    let load = |row: &Row| &record.cases[row.case].loads[row.load];
    fn text<'r>(rows: &'r [Row], of: impl Fn(&'r Row) -> &'r str) -> Cells<'r> {
        Cells::Text(rows.iter().map(of).collect())
    }
    let number = |of: &dyn Fn(&Row) -> Option<f64>| Cells::Number(rows.iter().map(of).collect());
    let columns = [
        Column::new(
            "without",
            text(&rows, |row| record.cases[row.case].without.as_str()),
        ),
        Column::new("load", number(&|row| Some(load(row).load))),
        Column::new(
            "searched",
            Cells::boolean(rows.iter().map(|row| load(row).searched).collect()),
        ),
        Column::new(
            "replications",
            Cells::Integer(
                rows.iter()
                    .map(|row| load(row).replications.into())
                    .collect(),
            ),
        ),
        Column::new("verdict", text(&rows, |row| load(row).verdict.name())),
        Column::new("metric", text(&rows, |row| row.metric.as_str())),
        Column::new("unit", text(&rows, |row| row.unit.name())),
        Column::new("mean", number(&|row| row.value.mean)),
        Column::new("low", number(&|row| row.value.low)),
        Column::new("high", number(&|row| row.value.high)),
    ];
    let about = [("stormglass.workload", record.workload.clone())];
    table_files("capacity", &columns, &about)
}

#[cfg(test)]
pub(crate) mod tests;
