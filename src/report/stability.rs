//! Stability for people: the boundaries in words, the map as a table, CSV and a heat map.
//!
//! `stability.csv`, and the same as Parquet: `setting,trigger_s,load,searched,outcome,recovered,replications,time_to_recover_s,
//! low,high,longest_s`, one row for each load under each trigger. Numbers keep every digit; what was
//! not measured is an empty cell.

mod page;

pub use page::stability_page;

/// How the page names settings and outcomes, for the chart.
pub(crate) mod words {
    pub(crate) use super::page::{named, said as answer, told};
}

use crate::columns::{Cells, Column, table_files};
use crate::{Error, File, chart};
use study::stability::{Cell, SettingRecord, Stability, TriggerRecord};

/// The table and the map of a stability.
///
/// # Errors
/// When one cannot be formed, which is a defect of this crate.
pub fn stability_files(record: &Stability) -> Result<Vec<File>, Error> {
    let mut files = tables(record)?;
    files.extend(chart::stability(record)?.files());
    Ok(files)
}

type Row<'r> = (&'r SettingRecord, &'r TriggerRecord, &'r Cell);

fn tables(record: &Stability) -> Result<Vec<File>, Error> {
    let rows: Vec<Row<'_>> = (record.settings.iter())
        .flat_map(|s| s.triggers.iter().map(move |t| (s, t)))
        .flat_map(|(s, t)| t.cells.iter().map(move |cell| (s, t, cell)))
        .collect();
    let number =
        |of: &dyn Fn(&Row<'_>) -> Option<f64>| Cells::Number(rows.iter().map(of).collect());
    let integer = |of: &dyn Fn(&Row<'_>) -> u32| {
        Cells::Integer(rows.iter().map(|row| of(row).into()).collect())
    };
    let columns = [
        Column::new(
            "setting",
            Cells::Text(rows.iter().map(|(s, ..)| s.setting.as_str()).collect()),
        ),
        Column::new("trigger_s", number(&|(_, t, _)| Some(t.lasts_s))),
        Column::new("load", number(&|(.., cell)| Some(cell.load))),
        Column::new(
            "searched",
            Cells::boolean(rows.iter().map(|(.., cell)| cell.searched).collect()),
        ),
        Column::new(
            "outcome",
            Cells::Text(rows.iter().map(|(.., c)| c.outcome.name()).collect()),
        ),
        Column::new("recovered", integer(&|(.., cell)| cell.recovered)),
        Column::new("replications", integer(&|(.., cell)| cell.replications)),
        Column::new(
            "time_to_recover_s",
            number(&|(.., cell)| cell.time_to_recover_s.mean),
        ),
        Column::new("low", number(&|(.., cell)| cell.time_to_recover_s.low)),
        Column::new("high", number(&|(.., cell)| cell.time_to_recover_s.high)),
        Column::new("longest_s", number(&|(.., cell)| cell.longest_s)),
    ];
    let about = [("stormglass.workload", record.workload.clone())];
    table_files("stability", &columns, &about)
}

#[cfg(test)]
mod tests;
