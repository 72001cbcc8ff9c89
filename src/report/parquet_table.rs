//! A table as Parquet, which DuckDB, pandas and Polars read with its types.
//!
//! Snappy pages, dictionaries where values come again; no time and no machine is written, so that
//! the same table gives the same bytes.

use crate::Error;
use crate::columns::{Cells, Column, Values};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use std::ops::Range;
use std::sync::Arc;

/// Rows that are written, and read, at once.
const ROWS: usize = 1 << 20;

/// The table as a Parquet file; `about` is kept in it as key and value.
pub(crate) fn parquet_table(
    columns: &[Column<'_>],
    about: &[(&str, String)],
) -> Result<Vec<u8>, Error> {
    Ok(write(columns, about)?)
}

fn write(columns: &[Column<'_>], about: &[(&str, String)]) -> Result<Vec<u8>, ParquetError> {
    let fields: Result<_, _> = columns.iter().map(field).collect();
    let schema = Type::group_type_builder("table").with_fields(fields?);
    let about = about
        .iter()
        .map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone()));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(about.collect()));
    let mut bytes = Vec::new();
    let schema = Arc::new(schema.build()?);
    let mut file = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties.build()))?;
    let rows = columns.first().map_or(0, |column| column.cells.len());
    for start in (0..rows).step_by(ROWS) {
        let part = start..rows.min(start + ROWS);
        let mut group = file.next_row_group()?;
        for column in columns {
            let Some(mut writer) = group.next_column()? else {
                break;
            };
            cells(&mut writer, &column.cells, part.clone())?;
            writer.close()?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(bytes)
}

fn field(column: &Column<'_>) -> Result<Arc<Type>, ParquetError> {
    let (physical, logical, repetition) = match &column.cells {
        Cells::Integer(_) | Cells::Typed(_, Values::Integer(_)) => {
            (Physical::INT64, None, Repetition::REQUIRED)
        }
        Cells::Number(_) | Cells::Typed(_, Values::Number(_)) => {
            (Physical::DOUBLE, None, Repetition::OPTIONAL)
        }
        Cells::Typed(_, Values::Boolean(_)) => (Physical::BOOLEAN, None, Repetition::REQUIRED),
        Cells::Text(_) => (
            Physical::BYTE_ARRAY,
            Some(LogicalType::String),
            Repetition::REQUIRED,
        ),
    };
    let field = Type::primitive_type_builder(&column.name, physical)
        .with_logical_type(logical)
        .with_repetition(repetition)
        .build()?;
    Ok(Arc::new(field))
}

fn cells(
    writer: &mut SerializedColumnWriter<'_>,
    cells: &Cells<'_>,
    part: Range<usize>,
) -> Result<(), ParquetError> {
    match cells {
        Cells::Integer(values) | Cells::Typed(_, Values::Integer(values)) => {
            all::<Int64Type>(writer, &values[part])
        }
        Cells::Typed(_, Values::Boolean(values)) => all::<BoolType>(writer, &values[part]),
        Cells::Number(values) | Cells::Typed(_, Values::Number(values)) => {
            let values = &values[part];
            let there: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
            let values: Vec<f64> = values.iter().flatten().copied().collect();
            writer
                .typed::<DoubleType>()
                .write_batch(&values, Some(&there), None)
                .map(|_| ())
        }
        Cells::Text(values) => {
            let values: Vec<ByteArray> = values[part].iter().map(|v| ByteArray::from(*v)).collect();
            all::<ByteArrayType>(writer, &values)
        }
    }
}

fn all<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    writer.typed::<T>().write_batch(values, None, None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    fn columns() -> Vec<Column<'static>> {
        vec![
            Column::new("n", Cells::Integer(vec![1, 2])),
            Column::new("x", Cells::Number(vec![None, Some(0.1)])),
            Column::new("word", Cells::Text(vec!["é", ""])),
            Column::new(
                "a.rate",
                Cells::Typed(
                    vec!["30/min", "1/s"],
                    Values::Number(vec![Some(0.5), Some(1.0)]),
                ),
            ),
            Column::new(
                "is",
                Cells::Typed(vec!["true", "false"], Values::Boolean(vec![true, false])),
            ),
        ]
    }

    #[test]
    fn what_was_written_is_read_back_with_its_types() {
        let bytes = parquet_table(&columns(), &[("about", "this".into())]).unwrap();
        let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let about = file.metadata().file_metadata().key_value_metadata();
        let about = about.unwrap().iter().find(|pair| pair.key == "about");
        assert_eq!(about.unwrap().value.as_deref(), Some("this"));
        let rows: Vec<Vec<(String, Field)>> = file
            .get_row_iter(None)
            .unwrap()
            .map(|row| {
                let row = row.unwrap();
                row.get_column_iter()
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect()
            })
            .collect();
        let row = |n, x, word: &str, rate, is| {
            let values = [
                ("n", Field::Long(n)),
                ("x", x),
                ("word", Field::Str(word.into())),
                ("a.rate", Field::Double(rate)),
                ("is", Field::Bool(is)),
            ];
            values
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec()
        };
        assert_eq!(
            rows,
            [
                row(1, Field::Null, "é", 0.5, true),
                row(2, Field::Double(0.1), "", 1.0, false)
            ]
        );
    }

    #[test]
    fn a_table_without_rows_is_one() {
        let columns = [Column::new("n", Cells::Integer(Vec::new()))];
        let bytes = parquet_table(&columns, &[]).unwrap();
        let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(file.get_row_iter(None).unwrap().count(), 0);
    }
}
