//! A run over time in a few lines: availability and p99 of each workload, and where the faults were.

use super::heading;
use crate::share;
use crate::sparkline::{Fold, fold, line, mark};
use crate::style::{Ink, Style};
use crate::table::shorten;
use crate::units::{availability, milliseconds, seconds};
use study::record::{RunRecord, WorkloadSeries};
use unicode_width::UnicodeWidthStr;

/// More workloads than this are left to the files: the worst are shown.
const MOST_WORKLOADS: usize = 5;
/// More faults than this are only counted.
const MOST_FAULTS: usize = 6;
/// `    availability `.
const LABELS: usize = 17;
/// `  99.5 … 100 %`, `  none succeeded`, and the beginning of a fault's label.
const RANGES: usize = 20;

pub(super) fn write(record: &RunRecord, style: &Style, out: &mut String) {
    let series = &record.series;
    let windows = series.workloads.values().map(|w| w.goodput.len()).max();
    let Some(windows) = windows.filter(|n| *n > 1 && series.window_s > 0.0) else {
        return;
    };
    let total = windows as f64 * series.window_s;
    let columns = (style.columns() - LABELS - RANGES).min(windows);

    heading("Over time", style, out);
    out.push_str(&ruler(total, columns, style));
    let mut names: Vec<&String> = series.workloads.keys().collect();
    // The worst first, if not all can be shown; else in their order.
    if names.len() > MOST_WORKLOADS {
        let share = |name: &String| {
            let workload = record.workloads.get(name);
            let mean = workload.and_then(|w| w.availability.mean);
            mean.unwrap_or(f64::INFINITY)
        };
        names.sort_by(|a, b| share(a).total_cmp(&share(b)).then(a.cmp(b)));
    }
    for name in names.iter().take(MOST_WORKLOADS) {
        let name = name.as_str();
        let shown = shorten(name, style.columns() - 4, style);
        out.push_str(&format!("  {shown}\n"));
        workload(&series.workloads[name], columns, style, out);
    }
    faults(record, total, columns, style, out);
    if names.len() > MOST_WORKLOADS {
        let more = format!(
            "… and {} more workloads in timeseries.csv",
            names.len() - MOST_WORKLOADS
        );
        let more = style.paint(Ink::Faint, &style.letters(&more));
        out.push_str(&format!("  {more}\n"));
    }
}

fn ruler(total: f64, columns: usize, style: &Style) -> String {
    let from = "0 s";
    let to = seconds(total);
    let gap = columns.saturating_sub(from.len() + to.len());
    let text = format!("{}{from}{}{to}", " ".repeat(LABELS), " ".repeat(gap.max(1)));
    format!("{}\n", style.paint(Ink::Faint, &text))
}

fn workload(series: &WorkloadSeries, columns: usize, style: &Style, out: &mut String) {
    let shares = fold(&share::availability(series), columns, Fold::Lowest);
    let lowest = shares.iter().copied().fold(f64::NAN, f64::min);
    let range = if lowest.is_finite() {
        let floor = share::floor(lowest);
        let spark = line(&shares, (floor, 1.0), style);
        (spark, format!("{} … 100 %", percent_digits(floor)))
    } else {
        (line(&shares, (0.0, 1.0), style), "none ended".into())
    };
    row("availability", &range.0, &range.1, style, out);

    let p99 = fold(&series.p99_ms, columns, Fold::Highest);
    let highest = p99.iter().copied().fold(f64::NAN, f64::max);
    let range = if highest.is_finite() {
        format!("0 … {}", milliseconds(highest))
    } else {
        "none succeeded".into()
    };
    row(
        "p99",
        &line(&p99, (0.0, highest), style),
        &range,
        style,
        out,
    );
}

/// A share in percent without its sign.
fn percent_digits(share: f64) -> String {
    availability(share).trim_end_matches(" %").to_owned()
}

fn row(label: &str, spark: &str, range: &str, style: &Style, out: &mut String) {
    let range = style.paint(Ink::Faint, &style.letters(range));
    out.push_str(&format!("    {label:<13}{spark}  {range}\n"));
}

fn faults(record: &RunRecord, total: f64, columns: usize, style: &Style, out: &mut String) {
    let series = &record.series;
    if series.warmup_s > 0.0 {
        let marks = mark(0.0, series.warmup_s.min(total), total, columns, style);
        let text = format!("{}{marks}  warm-up", " ".repeat(LABELS));
        out.push_str(&format!("{}\n", style.paint(Ink::Faint, &text)));
    }
    for fault in series.faults.iter().take(MOST_FAULTS) {
        let marks = mark(fault.from_s, fault.to_s, total, columns, style);
        let used = LABELS + marks.width() + 2;
        let label = shorten(&style.letters(&fault.label), style.columns() - used, style);
        let marks = style.paint(Ink::Warning, &marks);
        out.push_str(&format!("{}{marks}  {label}\n", " ".repeat(LABELS)));
    }
    if series.faults.len() > MOST_FAULTS {
        let more = format!("… and {} more faults", series.faults.len() - MOST_FAULTS);
        let more = style.paint(Ink::Faint, &style.letters(&more));
        out.push_str(&format!("{}{more}\n", " ".repeat(LABELS)));
    }
}
