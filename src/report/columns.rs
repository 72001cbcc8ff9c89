//! A table as columns with types, and the files that it becomes.
//!
//! CSV writes values as their authors did, typed files as numbers; both have the same rows and names.

use crate::{Error, File};
use std::borrow::Cow;

/// A column: its name, and its values from the first row to the last.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Column<'a> {
    pub(crate) name: String,
    pub(crate) cells: Cells<'a>,
}

/// The values of a column.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Cells<'a> {
    Integer(Vec<i64>),
    /// `None` where nothing was measured.
    Number(Vec<Option<f64>>),
    Text(Vec<&'a str>),
    /// What CSV shows, and what it stands for.
    Typed(Vec<&'a str>, Values),
}

/// What texts stand for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Values {
    Integer(Vec<i64>),
    Number(Vec<Option<f64>>),
    Boolean(Vec<bool>),
}

impl Cells<'_> {
    /// Yes or no: `true` and `false` in CSV.
    pub(crate) fn boolean(values: Vec<bool>) -> Self {
        let word = |value: &bool| if *value { "true" } else { "false" };
        Self::Typed(values.iter().map(word).collect(), Values::Boolean(values))
    }
}

impl<'a> Column<'a> {
    pub(crate) fn new(name: impl Into<String>, cells: Cells<'a>) -> Self {
        Self {
            name: name.into(),
            cells,
        }
    }
}

impl Cells<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Integer(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Text(values) | Self::Typed(values, _) => values.len(),
        }
    }

    /// Numbers keep every digit; what was not measured is empty.
    fn shown(&self, row: usize) -> Cow<'_, str> {
        match self {
            Self::Integer(values) => values[row].to_string().into(),
            Self::Number(values) => values[row]
                .map_or_else(String::new, |value| value.to_string())
                .into(),
            Self::Text(values) | Self::Typed(values, _) => values[row].into(),
        }
    }
}

/// The table as CSV and, where it was built in, as Parquet, in which `about` is kept as key and value.
pub(crate) fn table_files(
    name: &str,
    columns: &[Column<'_>],
    #[cfg_attr(not(feature = "parquet"), allow(unused_variables))] about: &[(&str, String)],
) -> Result<Vec<File>, Error> {
    Ok(vec![
        File {
            name: format!("{name}.csv"),
            bytes: csv_table(columns)?,
        },
        #[cfg(feature = "parquet")]
        File {
            name: format!("{name}.parquet"),
            bytes: crate::parquet_table::parquet_table(columns, about)?,
        },
    ])
}

/// The table as CSV: a line of names, then one for each row.
pub(crate) fn csv_table(columns: &[Column<'_>]) -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|column| &column.name))?;
    let rows = columns.first().map_or(0, |column| column.cells.len());
    for row in 0..rows {
        for column in columns {
            writer.write_field(column.cells.shown(row).as_bytes())?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer
        .into_inner()
        .map_err(|error| Error::Csv(error.into_error().into()))
}
