//! A sweep as tidy tables: a row for each cell and metric, and a row for each replication.

use crate::columns::{Cells, Column, Values, table_files};
use crate::{Error, File};
use study::sweep::{Kind, Method, Outline, SweepRecord};

/// The tables of a sweep whose cells are all there, as CSV and, where it was built in, as Parquet; and
/// its charts.
///
/// # Errors
/// When a table or a chart cannot be formed, which is a defect of this crate.
pub fn sweep_files(outline: &Outline, record: &SweepRecord) -> Result<Vec<File>, Error> {
    let about = about(outline);
    let mut files = table_files("sweep", &cells(outline, record), &about)?;
    files.extend(table_files(
        "replications",
        &replications(outline, record),
        &about,
    )?);
    for chart in crate::chart::sweep(outline, record)? {
        files.extend(chart.files());
    }
    Ok(files)
}

/// What a typed file says of itself: the plan, and what the columns of the axes are.
fn about(outline: &Outline) -> [(&'static str, String); 2] {
    let axes = outline.axes.iter();
    let axes: Vec<String> = axes
        .map(|axis| format!("{}: {}", axis.path, axis.kind.name()))
        .collect();
    [
        ("stormglass.plan", outline.plan.clone()),
        ("stormglass.axes", axes.join("\n")),
    ]
}

/// The first columns of both tables: which cell, and its settings. `rows` are numbers of cells.
fn settings<'a>(outline: &'a Outline, rows: &[usize]) -> Vec<Column<'a>> {
    let numbers = rows.iter().map(|cell| *cell as i64).collect();
    let mut columns = vec![Column::new("cell", Cells::Integer(numbers))];
    for (at, axis) in outline.axes.iter().enumerate() {
        let label = |cell: &usize| &*outline.cells[*cell].labels[at];
        let texts: Vec<&str> = rows.iter().map(label).collect();
        let values = match axis.kind {
            Kind::Text => None,
            Kind::Boolean => Some(Values::Boolean(
                texts.iter().map(|text| *text == "true").collect(),
            )),
            // Of an integer axis, all are.
            Kind::Integer => Some(Values::Integer(
                texts.iter().filter_map(|text| text.parse().ok()).collect(),
            )),
            kind => Some(Values::Number(
                texts.iter().map(|text| kind.number(text)).collect(),
            )),
        };
        columns.push(Column::new(
            &*axis.path,
            match values {
                Some(values) => Cells::Typed(texts, values),
                None => Cells::Text(texts),
            },
        ));
    }
    columns
}

fn cells<'a>(outline: &'a Outline, record: &'a SweepRecord) -> Vec<Column<'a>> {
    let (mut rows, mut metrics, mut units, mut counts) = (vec![], vec![], vec![], vec![]);
    let mut numbers = [vec![], vec![], vec![]];
    let mut methods = vec![];
    for (cell, result) in record.results.iter().enumerate() {
        for (at, figure) in record.figures.iter().enumerate() {
            rows.push(cell);
            metrics.push(&*figure.name);
            units.push(figure.unit.name());
            let place = record.place(cell, at);
            let estimate = place.map(|place| result.estimate(place));
            counts.push(place.map_or(0, |place| result.observations(place).count() as i64));
            let method = place.and_then(|place| result.method(place));
            methods.push(method.map_or("", Method::name));
            numbers[0].push(estimate.and_then(|estimate| estimate.mean));
            numbers[1].push(estimate.and_then(|estimate| estimate.low));
            numbers[2].push(estimate.and_then(|estimate| estimate.high));
        }
    }
    let mut columns = settings(outline, &rows);
    columns.push(Column::new("metric", Cells::Text(metrics)));
    columns.push(Column::new("unit", Cells::Text(units)));
    columns.push(Column::new("replications", Cells::Integer(counts)));
    for (name, values) in ["mean", "low", "high"].into_iter().zip(numbers) {
        columns.push(Column::new(name, Cells::Number(values)));
    }
    columns.push(Column::new("method", Cells::Text(methods)));
    columns
}

fn replications<'a>(outline: &'a Outline, record: &'a SweepRecord) -> Vec<Column<'a>> {
    let (mut rows, mut replications) = (vec![], vec![]);
    let (mut metrics, mut units, mut numbers) = (vec![], vec![], vec![]);
    for (cell, result) in record.results.iter().enumerate() {
        for (replication, values) in result.values.iter().enumerate() {
            for (at, figure) in record.figures.iter().enumerate() {
                rows.push(cell);
                replications.push(replication as i64);
                metrics.push(&*figure.name);
                units.push(figure.unit.name());
                numbers.push(record.place(cell, at).and_then(|place| values[place]));
            }
        }
    }
    let mut columns = settings(outline, &rows);
    columns.push(Column::new("replication", Cells::Integer(replications)));
    columns.push(Column::new("metric", Cells::Text(metrics)));
    columns.push(Column::new("unit", Cells::Text(units)));
    columns.push(Column::new("value", Cells::Number(numbers)));
    columns
}
