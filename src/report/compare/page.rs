//! The page of a comparison: for each setting what it changes, the verdicts, then the figures.

use super::words::{Amount, metric, p_value, sentence, several};
use crate::Style;
use crate::style::Ink;
use crate::table::{Table, wrap};
use crate::units::{NOTHING, availability, count, milliseconds, percent, rate, three_digits};
use study::Unit;
use study::compare::{Comparison, Difference, SettingRecord, Verdict};

/// More settings than this have their verdicts; their figures are in the files.
const MOST_TABLES: usize = 6;

/// The page: verdicts first, then the figures, then how they were had.
pub fn compare_page(record: &Comparison, style: &Style) -> String {
    let mut out = String::new();
    let several = several(record);
    let first = &record.settings[0];
    let (a, rest) = (&first.name, &record.settings[1..]);
    for setting in rest {
        let of: Vec<&Difference> = differences(record, setting).collect();
        let head = format!("{} against {a}", setting.name);
        lines(&head, Ink::Heading, 0, style, &mut out);
        changes(setting, first, style, &mut out);
        for d in sorted(&of) {
            let (sign, ink) = sign(d.verdict);
            let text = format!("{sign} {}", sentence(d, several));
            lines(&text, ink, 2, style, &mut out);
        }
        out.push('\n');
    }
    for text in &record.missing {
        lines(
            &format!("! {text}: not compared"),
            Ink::Warning,
            0,
            style,
            &mut out,
        );
    }
    for text in &record.warnings {
        lines(&format!("! {text}"), Ink::Warning, 0, style, &mut out);
    }
    if record.precise == Some(false) {
        let text = "! the interval is wider than asked for after the most replications allowed";
        lines(text, Ink::Bad, 0, style, &mut out);
    }
    let notes = record.missing.len() + record.warnings.len();
    if notes > 0 || record.precise == Some(false) {
        out.push('\n');
    }
    for setting in rest.iter().take(MOST_TABLES) {
        figures(record, setting, several, style, &mut out);
        out.push('\n');
    }
    if rest.len() > MOST_TABLES {
        let text = format!(
            "… and {} more settings in differences.csv",
            rest.len() - MOST_TABLES
        );
        lines(&text, Ink::Faint, 2, style, &mut out);
        out.push('\n');
    }
    method(record, style, &mut out);
    out
}

fn differences<'r>(
    record: &'r Comparison,
    setting: &'r SettingRecord,
) -> impl Iterator<Item = &'r Difference> {
    let all = record.differences.iter();
    all.filter(move |d| d.setting == setting.name)
}

/// What differs first: who reads one line, reads that.
fn sorted<'r>(all: &[&'r Difference]) -> Vec<&'r Difference> {
    let mut sorted = all.to_vec();
    sorted.sort_by_key(|d| match d.verdict {
        Verdict::Better | Verdict::Worse => 0,
        Verdict::More | Verdict::Less => 1,
        Verdict::Indistinguishable => 2,
        Verdict::Same | Verdict::Unknown => 3,
    });
    sorted
}

fn sign(verdict: Verdict) -> (&'static str, Ink) {
    match verdict {
        Verdict::Better => ("✓", Ink::Good),
        Verdict::Worse => ("✗", Ink::Bad),
        Verdict::More | Verdict::Less => ("→", Ink::Plain),
        Verdict::Indistinguishable | Verdict::Same => ("·", Ink::Plain),
        Verdict::Unknown => ("!", Ink::Warning),
    }
}

/// What makes the setting another one: its file, its sets.
fn changes(setting: &SettingRecord, first: &SettingRecord, style: &Style, out: &mut String) {
    let mut parts = Vec::new();
    if setting.file != first.file {
        parts.push(setting.file.clone());
    }
    let own = setting.set.iter().filter(|set| !first.set.contains(set));
    parts.extend(own.cloned());
    for part in parts.iter().filter(|part| **part != setting.name) {
        lines(part, Ink::Faint, 2, style, out);
    }
}

fn figures(
    record: &Comparison,
    setting: &SettingRecord,
    several: bool,
    style: &Style,
    out: &mut String,
) {
    let difference = format!("{} - {}", setting.name, record.settings[0].name);
    let difference = if difference.chars().count() > 24 {
        "difference".to_owned()
    } else {
        difference
    };
    let columns: [&[(&str, Column)]; 3] = [
        &[
            (&record.settings[0].name, Column::Baseline),
            (&setting.name, Column::Value),
            (&difference, Column::Difference),
            ("p", Column::P),
            ("paired", Column::Paired),
        ],
        &[
            ("first", Column::Baseline),
            ("this", Column::Value),
            ("difference", Column::Difference),
            ("p", Column::P),
        ],
        &[("difference", Column::Difference), ("p", Column::P)],
    ];
    let build = |columns: &[(&str, Column)]| {
        let heads = columns.iter().map(|(head, _)| *head);
        let mut table = Table::new(&[&["metric"], &*heads.collect::<Vec<_>>()].concat());
        for d in differences(record, setting) {
            let name = (metric(&d.metric, several), Ink::Plain);
            let cells = columns.iter().map(|(_, column)| column.cell(d));
            table.row([name].into_iter().chain(cells).collect());
        }
        table
    };
    // The widest that fits; all of it is in the files.
    let tables = columns.into_iter().map(build);
    let fits = |table: &Table| table.least_width(style) <= style.columns();
    if let Some(table) = tables.reduce(|best, next| if fits(&best) { best } else { next }) {
        table.render(style, out);
    }
}

/// What a column shows of a difference.
#[derive(Clone, Copy)]
enum Column {
    Baseline,
    Value,
    Difference,
    P,
    Paired,
}

impl Column {
    fn cell(self, d: &Difference) -> (String, Ink) {
        match self {
            Self::Baseline => (value(d.unit, d.baseline, &d.metric), Ink::Plain),
            Self::Value => (value(d.unit, d.value, &d.metric), Ink::Plain),
            Self::Difference => {
                let amount = d.mean.map(|mean| Amount::of(d.unit, mean, d.half_width));
                let text = amount.map_or(NOTHING.into(), |amount| amount.signed());
                (text, sign(d.verdict).1)
            }
            Self::P => (d.p_adjusted.map_or(NOTHING.into(), p_value), Ink::Plain),
            Self::Paired => {
                let text = d.variance_ratio.map_or(NOTHING.into(), times);
                (text, Ink::Faint)
            }
        }
    }
}

fn times(ratio: f64) -> String {
    format!("{}×", three_digits(ratio))
}

fn value(unit: Unit, value: Option<f64>, metric: &str) -> String {
    let Some(value) = value else {
        return NOTHING.into();
    };
    match unit {
        Unit::Ratio if metric.ends_with(".availability") => availability(value),
        Unit::Ratio => percent(value),
        Unit::Milliseconds => milliseconds(value),
        Unit::PerSecond => rate(value),
        Unit::Count => three_digits(value),
    }
}

/// How the figures were had, and how sure they are.
fn method(record: &Comparison, style: &Style, out: &mut String) {
    let runs = format!(
        "{} replications of each, in pairs with the same arrivals and demands · seed {}",
        count(record.replications.into()),
        record.seed
    );
    lines(&runs, Ink::Plain, 2, style, out);
    let sure = match record.family {
        0 => "nothing could be tested".to_owned(),
        1 => "one difference was tested, at 95 %; ± is its interval".to_owned(),
        n => format!(
            "{n} differences were tested: p is adjusted by {} so that with 95 % no verdict is \
             wrong, and ± are intervals that hold together with 95 % (Bonferroni)",
            record.correction.name(),
        ),
    };
    let paired = "paired: how many times smaller the pairs make the variance of the difference";
    for text in [sure.as_str(), paired] {
        lines(text, Ink::Faint, 2, style, out);
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
