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
/// Below so many columns, labels and ranges have lines of their own, and what is drawn the whole width.
const NARROW: usize = 60;

/// Where the drawn lines begin, and how long they are.
#[derive(Clone, Copy)]
struct Place {
    left: usize,
    columns: usize,
    narrow: bool,
}

impl Place {
    fn of(style: &Style, windows: usize) -> Self {
        let narrow = style.columns() < NARROW;
        let left = if narrow { 4 } else { LABELS };
        let right = if narrow { 0 } else { RANGES };
        Self {
            left,
            columns: (style.columns() - left - right).min(windows),
            narrow,
        }
    }

    /// A drawn line and the words that belong to it.
    fn write(self, drawn: &str, words: &str, style: &Style, out: &mut String) {
        let before = " ".repeat(self.left);
        if self.narrow {
            let words = shorten(words, style.columns() - self.left, style);
            let words = style.paint(Ink::Faint, &words);
            out.push_str(&format!("{before}{drawn}\n{before}{words}\n"));
        } else {
            out.push_str(&format!("{before}{drawn}  {words}\n"));
        }
    }
}

pub(super) fn write(record: &RunRecord, style: &Style, out: &mut String) {
    let series = &record.series;
    let windows = series.workloads.values().map(|w| w.goodput.len()).max();
    let Some(windows) = windows.filter(|n| *n > 1 && series.window_s > 0.0) else {
        return;
    };
    let total = windows as f64 * series.window_s;
    let place = Place::of(style, windows);

    heading("Over time", style, out);
    out.push_str(&ruler(total, place, style));
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
        workload(&series.workloads[name], place, style, out);
    }
    faults(record, total, place, style, out);
    if names.len() > MOST_WORKLOADS {
        let more = format!(
            "… and {} more in timeseries.csv",
            names.len() - MOST_WORKLOADS
        );
        let more = style.paint(Ink::Faint, &style.letters(&more));
        out.push_str(&format!("  {more}\n"));
    }
}

fn ruler(total: f64, place: Place, style: &Style) -> String {
    let from = "0 s";
    let to = seconds(total);
    let gap = place.columns.saturating_sub(from.len() + to.len());
    let left = " ".repeat(place.left);
    let text = format!("{left}{from}{}{to}", " ".repeat(gap.max(1)));
    format!("{}\n", style.paint(Ink::Faint, &text))
}

fn workload(series: &WorkloadSeries, place: Place, style: &Style, out: &mut String) {
    let shares = fold(&share::availability(series), place.columns, Fold::Lowest);
    let lowest = shares.iter().copied().fold(f64::NAN, f64::min);
    let range = if lowest.is_finite() {
        let floor = share::floor(lowest);
        let spark = line(&shares, (floor, 1.0), style);
        (spark, format!("{} … 100 %", percent_digits(floor)))
    } else {
        (line(&shares, (0.0, 1.0), style), "none ended".into())
    };
    row("availability", &range.0, &range.1, place, style, out);

    let p99 = fold(&series.p99_ms, place.columns, Fold::Highest);
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
        place,
        style,
        out,
    );
}

/// A share in percent without its sign.
fn percent_digits(share: f64) -> String {
    availability(share).trim_end_matches(" %").to_owned()
}

fn row(label: &str, spark: &str, range: &str, place: Place, style: &Style, out: &mut String) {
    let range = style.letters(range);
    if place.narrow {
        place.write(spark, &format!("{label} {range}"), style, out);
    } else {
        let range = style.paint(Ink::Faint, &range);
        out.push_str(&format!("    {label:<13}{spark}  {range}\n"));
    }
}

fn faults(record: &RunRecord, total: f64, place: Place, style: &Style, out: &mut String) {
    let series = &record.series;
    if series.warmup_s > 0.0 {
        let to = series.warmup_s.min(total);
        let marks = mark(0.0, to, total, place.columns, style);
        let marks = style.paint(Ink::Faint, &marks);
        let words = style.paint(Ink::Faint, "warm-up");
        match place.narrow {
            true => place.write(&marks, "warm-up", style, out),
            false => place.write(&marks, &words, style, out),
        }
    }
    for fault in series.faults.iter().take(MOST_FAULTS) {
        let marks = mark(fault.from_s, fault.to_s, total, place.columns, style);
        let room = style
            .columns()
            .saturating_sub(place.left + marks.width() + 2);
        let label = style.letters(&fault.label);
        let label = match place.narrow {
            true => label,
            false => shorten(&label, room, style),
        };
        place.write(&style.paint(Ink::Warning, &marks), &label, style, out);
    }
    if series.faults.len() > MOST_FAULTS {
        let more = format!("… and {} more faults", series.faults.len() - MOST_FAULTS);
        let more = style.paint(Ink::Faint, &style.letters(&more));
        out.push_str(&format!("{}{more}\n", " ".repeat(place.left)));
    }
}
