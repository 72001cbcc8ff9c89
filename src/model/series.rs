//! Columns of numbers from CSV files. It refuses to know what the numbers mean.

use crate::reader::{At, Reader};
use crate::shape::choice;
use crate::tree::shortened;

/// The largest CSV file, in bytes.
pub(crate) const MAX_CSV: usize = 64 << 20;

choice! {
    /// The unit of a column of times.
    "a unit of time": TimeUnit {
        /// Seconds.
        "s" => Seconds,
        /// Milliseconds.
        "ms" => Milliseconds,
        /// Microseconds.
        "us" => Microseconds,
        /// Nanoseconds.
        "ns" => Nanoseconds,
    }
}

impl TimeUnit {
    /// How many nanoseconds it has.
    pub(crate) const fn nanoseconds(&self) -> f64 {
        match self {
            Self::Seconds => 1e9,
            Self::Milliseconds => 1e6,
            Self::Microseconds => 1e3,
            Self::Nanoseconds => 1.0,
        }
    }
}

/// The finite numbers of one column, at least one. `column` is a name of the header, or a number
/// from 1; then a first row that is no number is taken for the header.
pub(crate) fn read_column(
    file: &At<String>,
    column: &At<String>,
    cx: &mut Reader<'_>,
) -> Option<Vec<f64>> {
    let text = match cx.files.read(file) {
        Ok(text) if text.len() <= MAX_CSV => text,
        Ok(_) => {
            let most = MAX_CSV >> 20;
            cx.problem(file.span, format!("the file is larger than {most} MiB"));
            return None;
        }
        Err(error) => {
            let shown = shortened(file).into_owned();
            cx.problem(file.span, format!("`{shown}` cannot be read: {error}"))
                .help("the path is relative to the model file");
            return None;
        }
    };
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(text.strip_prefix('\u{feff}').unwrap_or(&text).as_bytes());
    let mut record = csv::StringRecord::new();
    let mut next =
        |record: &mut csv::StringRecord| rows.read_record(record).map_err(|e| e.to_string());

    let position = match column.parse::<usize>() {
        Ok(number) if number > 0 => number - 1,
        _ => match next(&mut record) {
            Ok(true) => match record.iter().position(|name| name == column.value) {
                Some(position) => position,
                None => {
                    let help = crate::reader::did_you_mean(
                        column,
                        record.iter(),
                        "there is",
                        "the header is empty",
                    );
                    let shown = shortened(column).into_owned();
                    cx.problem(column.span, format!("the file has no column `{shown}`"))
                        .help(help);
                    return None;
                }
            },
            Ok(false) => {
                cx.problem(file.span, "the file is empty");
                return None;
            }
            Err(error) => {
                cx.problem(file.span, format!("the file is not CSV: {error}"));
                return None;
            }
        },
    };

    let mut values = Vec::new();
    loop {
        match next(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                cx.problem(file.span, format!("the file is not CSV: {error}"));
                return None;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let cell = record.get(position).unwrap_or("");
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            _ if line == 1 && column.parse::<usize>().is_ok() => {}
            _ => {
                let shown = shortened(cell).into_owned();
                cx.problem(
                    column.span,
                    format!("line {line} of the file has no number in this column: `{shown}`"),
                );
                return None;
            }
        }
    }
    if values.is_empty() {
        cx.problem(file.span, "the file has no rows");
        return None;
    }
    Some(values)
}
