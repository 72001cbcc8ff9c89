//! The first lines of the page: was it good enough? It judges nothing itself; the record does.

use crate::style::{Ink, Style};
use crate::table::{shorten, wrap};
use crate::units::{availability, milliseconds};
use study::record::{Objective, RunRecord};
use unicode_width::UnicodeWidthStr;

/// More objectives that were met than this are only counted.
const MOST_MET: usize = 8;
/// A name is not cut below this.
const LEAST_NAME: usize = 8;

pub(super) fn write(record: &RunRecord, style: &Style, out: &mut String) {
    let missed: Vec<&Objective> = record.slo.iter().filter(|o| !o.met).collect();
    let met: Vec<&Objective> = record.slo.iter().filter(|o| o.met).collect();
    let (words, ink) = headline(record);
    let sign = match ink {
        Ink::Good => "✓",
        Ink::Bad => "✗",
        _ => "·",
    };
    let mut headline = format!("{sign} {}: {words}", record.model);
    if !record.slo.is_empty() && record.replications == 1 {
        headline.push_str(match record.within_run {
            Some(_) => " (one replication)",
            None => " (one replication: no interval)",
        });
    }
    for line in wrap(&style.letters(&headline), style.columns()) {
        out.push_str(&style.paint(ink, &line));
        out.push('\n');
    }

    for objective in &missed {
        line(objective, Ink::Bad, style, out);
    }
    for objective in met.iter().take(MOST_MET) {
        line(objective, Ink::Good, style, out);
    }
    if met.len() > MOST_MET {
        let more = format!("  … and {} more met", met.len() - MOST_MET);
        out.push_str(&style.paint(Ink::Faint, &style.letters(&more)));
        out.push('\n');
    }
}

/// `2 of 3 objectives missed`.
pub(crate) fn headline(record: &RunRecord) -> (String, Ink) {
    let missed = record.slo.iter().filter(|o| !o.met).count();
    match (missed, record.slo.len()) {
        (_, 0) => ("no objective was set".to_owned(), Ink::Heading),
        (0, 1) => ("the objective is met".to_owned(), Ink::Good),
        (0, all) => (format!("all {all} objectives are met"), Ink::Good),
        (1, 1) => ("the objective is missed".to_owned(), Ink::Bad),
        (n, all) if n == all => (format!("all {all} objectives are missed"), Ink::Bad),
        (n, all) => (format!("{n} of {all} objectives missed"), Ink::Bad),
    }
}

fn line(objective: &Objective, ink: Ink, style: &Style, out: &mut String) {
    let (sign, word) = if objective.met {
        ("✓", "met")
    } else {
        ("✗", "missed")
    };
    let ratio = objective.objective == "availability";
    let show = if ratio { availability } else { milliseconds };
    let bound = if ratio { "≥" } else { "≤" };
    let value = objective
        .value
        .map_or("nothing measured".to_owned(), |value| {
            close(value, objective.target, show)
        });
    let doubt = match &*objective.confidence {
        "unclear" => ", unclear",
        _ => "",
    };
    let verdict = style.letters(&format!("{sign} {word:<6} "));
    let rest = style.letters(&format!(
        " {} {value} (target {bound} {}{doubt})",
        objective
            .objective
            .replace("latency.", "")
            .replace("p99_9", "p99.9"),
        show(objective.target),
    ));
    let taken = 2 + verdict.width() + rest.width();
    let room = style.columns().saturating_sub(taken);
    let name = shorten(&objective.workload, room.max(LEAST_NAME), style);
    if room >= name.width() {
        out.push_str(&format!("  {}{name}{rest}\n", style.paint(ink, &verdict)));
        return;
    }
    // Narrow: the same words on several lines, those after the first further in.
    let first = verdict.trim_end();
    let text = format!("{first} {name}{rest}");
    for (at, line) in wrap(&text, style.columns() - 4).iter().enumerate() {
        match line.strip_prefix(first).filter(|_| at == 0) {
            Some(more) => out.push_str(&format!("  {}{more}\n", style.paint(ink, first))),
            None => out.push_str(&format!("    {line}\n")),
        }
    }
}

/// A measured value in as many digits as tell it from the target.
pub(crate) fn close(value: f64, target: f64, show: fn(f64) -> String) -> String {
    let shown = show(value);
    if value != target && shown == show(target) {
        let side = if value > target {
            "just above"
        } else {
            "just below"
        };
        format!("{side} {shown}")
    } else {
        shown
    }
}
