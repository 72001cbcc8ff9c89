//! The page of a capacity: for the system as it is and for each loss the answer, then the curve.

use crate::Style;
use crate::compare::words::Amount;
use crate::style::Ink;
use crate::table::{Table, wrap};
use crate::units::{NOTHING, availability, milliseconds, percent, rate, three_digits};
use study::Unit;
use study::capacity::{Capacity, Case, Goal, LoadRecord, Outcome, Span, Verdict};
use study::record::Estimate;

/// Loads beyond this many times the capacity are in the files.
const FARTHEST: f64 = 1.25;
/// So many warnings are read.
const MOST_WARNINGS: usize = 5;

/// The page: the answers first, then the curve behind each, then how they were had.
pub fn capacity_page(record: &Capacity, style: &Style) -> String {
    let mut out = String::new();
    for case in &record.cases {
        answer(record, case, style, &mut out);
        out.push('\n');
    }
    for warning in record.warnings.iter().take(MOST_WARNINGS) {
        lines(&format!("! {warning}"), Ink::Warning, 0, style, &mut out);
    }
    if record.warnings.len() > MOST_WARNINGS {
        let more = record.warnings.len() - MOST_WARNINGS;
        let text = format!("… and {more} more warnings in capacity.json");
        lines(&text, Ink::Faint, 2, style, &mut out);
    }
    if !record.warnings.is_empty() {
        out.push('\n');
    }
    for case in &record.cases {
        let head = match case.without.as_str() {
            "" => "Latency against load".to_owned(),
            lost => format!("Latency against load without {lost}"),
        };
        lines(&head, Ink::Heading, 0, style, &mut out);
        curve(record, case, style, &mut out);
        out.push('\n');
    }
    method(record, style, &mut out);
    out
}

fn answer(record: &Capacity, case: &Case, style: &Style, out: &mut String) {
    let head = match case.without.as_str() {
        "" => format!("Capacity of {} for {}", record.model, record.workload),
        lost => format!("Without {lost}"),
    };
    lines(&head, Ink::Heading, 0, style, out);
    for (at, (ink, text)) in said(record, case).into_iter().enumerate() {
        match (at, case.outcome) {
            (0, Outcome::Below) => lines(&format!("✗ {text}"), ink, 2, style, out),
            (0, _) => lines(&format!("✓ {text}"), ink, 2, style, out),
            _ => lines(&text, ink, 4, style, out),
        }
    }
}

/// The capacity in words, then what explains it.
pub(crate) fn said(record: &Capacity, case: &Case) -> Vec<(Ink, String)> {
    let mut said = Vec::new();
    said.push(match (case.outcome, case.capacity, case.low, case.high) {
        (Outcome::Found, Some(capacity), Some(low), Some(high)) => (
            Ink::Good,
            format!(
                "{} (between {} and {})",
                load(capacity),
                load(low),
                load(high)
            ),
        ),
        (Outcome::Above, _, Some(low), _) => (
            Ink::Good,
            format!(
                "above {}: no load was tried that misses an objective",
                load(low)
            ),
        ),
        (.., high) => {
            let least = high.or(case.loads.first().map(|one| one.load));
            let least =
                least.map_or_else(String::new, |least| format!(", {} included", load(least)));
            (
                Ink::Bad,
                format!("none: no load that was tried meets the objectives for sure{least}"),
            )
        }
    });
    if !case.limits.is_empty() {
        let limits: Vec<String> = case.limits.iter().map(|goal| words(record, goal)).collect();
        said.push((
            Ink::Plain,
            format!("missed above it: {}", limits.join(", ")),
        ));
    }
    if case.outcome == Outcome::Below && !case.without.is_empty() {
        let text =
            "callers go on sending to what is lost, unless `discovery` or ejection tells them";
        said.push((Ink::Faint, text.to_owned()));
    }
    if let Some(span) = case.left {
        said.push((Ink::Plain, format!("{} of the load is left", shares(span))));
    }
    if let Some(span) = case.headroom {
        let text = format!(
            "{} times the model's own load of {}",
            three_digits(span.value),
            load(record.own_load)
        );
        said.push((Ink::Plain, text));
    }
    if let Some(knee) = case.knee {
        let text = format!(
            "knee at {} (between {} and {}): beyond it latency rises faster than throughput",
            load(knee.value),
            load(knee.low),
            load(knee.high)
        );
        said.push((Ink::Plain, text));
    }
    said
}

fn curve(record: &Capacity, case: &Case, style: &Style, out: &mut String) {
    let columns: [&[Shown]; 3] = [
        &[
            Shown::P50,
            Shown::P99,
            Shown::Available,
            Shown::Verdict,
            Shown::Runs,
        ],
        &[Shown::P99, Shown::Available, Shown::Verdict],
        &[Shown::P99, Shown::Verdict],
    ];
    // The widest that fits; all of it is in the files.
    let tables = columns
        .into_iter()
        .map(|columns| table(record, case, columns));
    let fits = |table: &Table| table.least_width(style) <= style.columns();
    if let Some(table) = tables.reduce(|best, next| if fits(&best) { best } else { next }) {
        table.render(style, out);
    }
}

/// A column beside the loads.
#[derive(Clone, Copy)]
enum Shown {
    P50,
    P99,
    Available,
    Verdict,
    Runs,
}

impl Shown {
    const fn head(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Available => "available",
            Self::Verdict => "objectives",
            Self::Runs => "runs",
        }
    }

    fn cell(self, one: &LoadRecord) -> (String, Ink) {
        match self {
            Self::P50 => (amount(one.latency_ms.p50), Ink::Plain),
            Self::P99 => (amount(one.latency_ms.p99), Ink::Plain),
            Self::Available => (share(one.availability), Ink::Plain),
            Self::Verdict => {
                let (word, ink) = verdict(one);
                (word.to_owned(), ink)
            }
            Self::Runs => (one.replications.to_string(), Ink::Faint),
        }
    }
}

fn table(record: &Capacity, case: &Case, columns: &[Shown]) -> Table {
    let heads = columns.iter().map(|column| column.head());
    let heads: Vec<&str> = std::iter::once("load").chain(heads).collect();
    let mut table = Table::new(&heads);
    let far = case.capacity.map_or(f64::INFINITY, |load| load * FARTHEST);
    for one in case.loads.iter().filter(|one| one.load <= far) {
        let cells = columns.iter().map(|column| column.cell(one));
        let first = std::iter::once((load(one.load), Ink::Plain));
        table.row(first.chain(cells).collect());
        let missed: Vec<String> = (record.objectives.iter().zip(&one.objectives))
            .filter(|(goal, _)| goal.workload != record.workload)
            .filter(|(_, found)| found.verdict == Verdict::Missed)
            .map(|(goal, _)| words(record, goal))
            .collect();
        let missed = missed.join(", ");
        let note = one.cut.clone().or((!missed.is_empty()).then_some(missed));
        if let Some(note) = note {
            table.note(note);
        }
    }
    table
}

fn verdict(one: &LoadRecord) -> (&'static str, Ink) {
    match one.verdict {
        Verdict::Met => ("✓ met", Ink::Good),
        Verdict::Missed => ("✗ missed", Ink::Bad),
        Verdict::Unclear => ("· unclear", Ink::Plain),
    }
}

/// A latency with the half-width of its interval.
fn amount(value: Estimate) -> String {
    let Some(mean) = value.mean else {
        return NOTHING.into();
    };
    let half = value
        .low
        .zip(value.high)
        .map(|(low, high)| (high - low) / 2.0);
    match half {
        Some(half) if half > 0.0 => Amount::of(Unit::Milliseconds, mean, Some(half)).size(),
        _ => milliseconds(mean),
    }
}

fn share(value: Estimate) -> String {
    value.mean.map_or(NOTHING.into(), availability)
}

/// A load is shown as it was tried: four digits.
pub(crate) fn load(per_second: f64) -> String {
    if per_second >= 1e4 {
        return rate(per_second);
    }
    let magnitude = per_second.abs().max(1e-6).log10().floor() as i32;
    let decimals = (3 - magnitude).max(0) as usize;
    let digits = format!("{per_second:.decimals$}");
    let digits = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        &digits
    };
    format!("{digits}/s")
}

fn shares(span: Span) -> String {
    let [value, low, high] = [span.value, span.low, span.high].map(percent);
    format!("{value} ({low} to {high})")
}

/// `p99 ≤ 150 ms`, `robots: availability ≥ 99.9 %`.
pub(crate) fn words(record: &Capacity, goal: &Goal) -> String {
    let whose = if record
        .objectives
        .iter()
        .all(|o| o.workload == record.workload)
    {
        String::new()
    } else {
        format!("{}: ", goal.workload)
    };
    let what = goal.objective.replace("latency.", "").replace('_', ".");
    match goal.unit {
        Unit::Ratio => format!("{whose}{what} ≥ {}", availability(goal.target)),
        _ => format!("{whose}{what} ≤ {}", milliseconds(goal.target)),
    }
}

/// How the figures were had, and how sure they are.
fn method(record: &Capacity, style: &Style, out: &mut String) {
    let runs: u64 = (record.cases.iter().flat_map(|case| &case.loads))
        .map(|one| u64::from(one.replications))
        .sum();
    let text = format!(
        "{runs} replications of {} simulated time, all loads with the same draws · seed {}",
        crate::units::seconds(record.simulated_s),
        record.seed
    );
    lines(&text, Ink::Plain, 2, style, out);
    let text = format!(
        "with {} each capacity lies between the two loads that are named: objectives are met for \
         sure at the lower and missed for sure at the higher one; ± are 95 % intervals of single figures",
        percent(record.confidence)
    );
    lines(&text, Ink::Faint, 2, style, out);
    let found = record
        .cases
        .iter()
        .any(|case| case.outcome == Outcome::Found);
    if !record.precise && found {
        let text = format!(
            "an interval is wider than {} of its load: more replications or longer runs narrow it \
             (`--max-replications`, `--set run.duration=…`)",
            percent(record.within)
        );
        lines(&text, Ink::Faint, 2, style, out);
    }
}

/// Wrapped lines, those after the first two columns further in.
fn lines(text: &str, ink: Ink, indent: usize, style: &Style, out: &mut String) {
    let wrapped = wrap(&style.letters(text), style.columns() - indent - 2);
    for (i, line) in wrapped.iter().enumerate() {
        let more = if i > 0 { 2 } else { 0 };
        out.push_str(&" ".repeat(indent + more));
        out.push_str(&style.paint(ink, line));
        out.push('\n');
    }
}
