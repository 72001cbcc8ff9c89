//! A series in one line of a terminal, and the marks below it.

use crate::style::Style;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', '-', '=', '+', '*', '#', '@'];

/// How the windows that share a column are taken together: the bad one must not drown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fold {
    /// The lowest: for availability.
    Lowest,
    /// The highest: for latencies.
    Highest,
}

/// One value per column, at most `columns`; NaN where no window of a column has a value.
pub(crate) fn fold(series: &[f64], columns: usize, how: Fold) -> Vec<f64> {
    let columns = columns.min(series.len());
    (0..columns)
        .map(|column| {
            let from = column * series.len() / columns;
            let to = (column + 1) * series.len() / columns;
            let finite = || series[from..to].iter().copied().filter(|v| v.is_finite());
            match how {
                Fold::Lowest => finite().fold(f64::NAN, f64::min),
                Fold::Highest => finite().fold(f64::NAN, f64::max),
            }
        })
        .collect()
}

/// The line, from `low` at the bottom to `high` at the top; a blank where there is no value.
pub(crate) fn line(values: &[f64], (low, high): (f64, f64), style: &Style) -> String {
    let blocks = if style.unicode { BLOCKS } else { ASCII };
    values
        .iter()
        .map(|&value| {
            if !value.is_finite() {
                ' '
            } else if high > low {
                let level = ((value - low) / (high - low) * 8.0).ceil().clamp(1.0, 8.0);
                blocks[level as usize - 1]
            } else {
                blocks[0]
            }
        })
        .collect()
}

/// A mark below the columns that `from..to` of `total` covers; at least one column.
pub(crate) fn mark(from: f64, to: f64, total: f64, columns: usize, style: &Style) -> String {
    let place = |t: f64| (t / total * columns as f64).clamp(0.0, columns as f64);
    let start = (place(from).floor() as usize).min(columns.saturating_sub(1));
    let end = (place(to).ceil() as usize).clamp(start + 1, columns.max(start + 1));
    let sign = if style.unicode { '━' } else { '=' };
    let mut line = " ".repeat(start);
    line.extend(std::iter::repeat_n(sign, end - start));
    line.push_str(&" ".repeat(columns.saturating_sub(end)));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_between_bottom_and_top() {
        let style = Style::default();
        assert_eq!(line(&[0.0, 4.0, 8.0, f64::NAN], (0.0, 8.0), &style), "▁▄█ ");
        assert_eq!(line(&[0.9, 0.95, 1.0], (0.9, 1.0), &style), "▁▄█");
        assert_eq!(line(&[0.0, 0.0], (0.0, 0.0), &style), "▁▁");
        assert_eq!(line(&[f64::NAN], (0.0, f64::NAN), &style), " ");
        assert_eq!(line(&[], (0.0, 1.0), &style), "");
    }

    #[test]
    fn windows_share_columns() {
        let series = [1.0, 3.0, f64::NAN, 5.0, f64::NAN, f64::NAN];
        assert_eq!(fold(&series, 3, Fold::Lowest)[..2], [1.0, 5.0]);
        assert_eq!(fold(&series, 3, Fold::Highest)[..2], [3.0, 5.0]);
        assert!(fold(&series, 3, Fold::Lowest)[2].is_nan());
        assert!(fold(&series, 3, Fold::Highest)[2].is_nan());
        assert_eq!(fold(&series, 80, Fold::Lowest).len(), 6);
    }

    #[test]
    fn a_mark_covers_its_span() {
        let style = Style::default();
        assert_eq!(mark(2.0, 4.0, 10.0, 10, &style), "  ━━      ");
        assert_eq!(mark(2.0, 2.0, 10.0, 10, &style), "  ━       ");
        assert_eq!(mark(10.0, 10.0, 10.0, 10, &style), "         ━");
        assert_eq!(mark(0.0, 99.0, 10.0, 4, &style), "━━━━");
    }
}
