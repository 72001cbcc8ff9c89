//! A comparison for people: verdicts in words, the figures behind them, tables, a chart.
//!
//! `differences.csv`: `setting,metric,unit,pairs,baseline,value,difference,low,high,half_width,
//! detectable,p,p_adjusted,variance_ratio,verdict`. `replications.csv`: `setting,replication,metric,
//! value`. Numbers keep every digit; what was not measured is an empty cell.

mod page;
pub(crate) mod words;

pub use page::compare_page;

use crate::{Error, File, chart};
use study::compare::{Comparison, Verdict};

/// The tables and the chart of a comparison.
///
/// # Errors
/// When one cannot be formed, which is a defect of this crate.
pub fn compare_files(record: &Comparison) -> Result<Vec<File>, Error> {
    let mut files = vec![
        File {
            name: "differences.csv".into(),
            bytes: differences(record)?,
        },
        File {
            name: "replications.csv".into(),
            bytes: replications(record)?,
        },
    ];
    files.extend(chart::differences(record)?.files());
    Ok(files)
}

fn differences(record: &Comparison) -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "setting",
        "metric",
        "unit",
        "pairs",
        "baseline",
        "value",
        "difference",
        "low",
        "high",
        "half_width",
        "detectable",
        "p",
        "p_adjusted",
        "variance_ratio",
        "verdict",
    ])?;
    for d in &record.differences {
        let mut row = vec![
            d.setting.clone(),
            d.metric.clone(),
            d.unit.name().to_owned(),
            d.pairs.to_string(),
        ];
        row.extend(
            [
                d.baseline,
                d.value,
                d.mean,
                d.low,
                d.high,
                d.half_width,
                d.detectable,
                d.p,
                d.p_adjusted,
                d.variance_ratio,
            ]
            .map(number),
        );
        row.push(verdict(d.verdict).to_owned());
        writer.write_record(row)?;
    }
    finish(writer)
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::More => "more",
        Verdict::Less => "less",
        Verdict::Indistinguishable => "indistinguishable",
        Verdict::Same => "same",
        Verdict::Unknown => "unknown",
    }
}

fn replications(record: &Comparison) -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["setting", "replication", "metric", "value"])?;
    for (at, setting) in record.settings.iter().enumerate() {
        for replication in 0..record.replications as usize {
            for (metric, values) in &record.values {
                let Some(value) = values.get(at).and_then(|all| all.get(replication)) else {
                    continue;
                };
                writer.write_record([
                    setting.name.clone(),
                    replication.to_string(),
                    metric.clone(),
                    number(*value),
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

#[cfg(test)]
pub(crate) mod tests;
