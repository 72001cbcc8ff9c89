//! The page of traces in the terminal: for each request a headline, where its time went, and the
//! waterfall.

use super::bars::{Axis, letter};
use super::rows::{Row, Shade, folded, rows};
use super::words::{chosen_from, headline, ms, where_it_went};
use crate::style::{Ink, Style};
use crate::table::{shorten, wrap};
use crate::units::count;
use study::trace::record::{Chosen, Trace, Traces};
use unicode_width::UnicodeWidthStr;

/// A waterfall has no more rows.
const MOST_ROWS: usize = 40;
const INDENT: usize = 2;
/// A label gets so much of the width at most, in percent.
const LABEL_SHARE: usize = 40;

/// The page: what was chosen from what, then each request.
pub fn trace_page(traces: &Traces, style: &Style) -> String {
    let mut out = String::new();
    let title = format!(
        "{} · seed {}, replication {} · fingerprint {}",
        traces.model, traces.seed, traces.replication, traces.fingerprint
    );
    text(&title, Ink::Heading, 0, style, &mut out);
    if let Some(stopped) = &traces.stopped {
        text(&format!("! {stopped}"), Ink::Warning, 0, style, &mut out);
    }
    for line in chosen_from(traces) {
        text(&line, Ink::Plain, INDENT, style, &mut out);
    }
    if traces.traces.is_empty() {
        let none = "there is no request to show: none ended after warm-up, or none was asked for";
        text(none, Ink::Warning, INDENT, style, &mut out);
        return out;
    }
    let (mut slowest, mut failed) = (0, 0);
    for trace in &traces.traces {
        let rank = match trace.chosen {
            Chosen::Slowest => &mut slowest,
            Chosen::Failed => &mut failed,
        };
        *rank += 1;
        out.push('\n');
        text(&headline(trace, *rank), Ink::Heading, 0, style, &mut out);
        text(&where_it_went(trace), Ink::Plain, INDENT, style, &mut out);
        waterfall(trace, style, &mut out);
    }
    out.push('\n');
    for line in legend(traces, style) {
        out.push_str(&" ".repeat(INDENT));
        out.push_str(&style.paint(Ink::Faint, &line));
        out.push('\n');
    }
    out
}

fn waterfall(trace: &Trace, style: &Style, out: &mut String) {
    let rows = rows(trace);
    let (shown, hidden) = folded(&rows, MOST_ROWS);
    let most = |width: &dyn Fn(&Row) -> usize| shown.iter().map(|&row| width(&rows[row])).max();
    let room = style.columns() - INDENT;
    let labels = most(&|row| 2 * row.depth + row.label.width()).unwrap_or(0);
    let labels = labels.min(room * LABEL_SHARE / 100);
    let times = most(&|row| style.letters(&ms(row.to - row.from)).width()).unwrap_or(0);
    let ends = most(&|row| row.end.as_ref().map_or(0, |end| end.width() + 1)).unwrap_or(0);
    let ends = ends.min(room * 20 / 100);
    let axis = axis(trace, &rows, room - labels - 1 - times - ends - 1);
    let blank = " ".repeat(INDENT + labels + 1 + times + ends + 1);
    let marks = format!("{blank}{}", style.letters(&axis.labels()));
    out.push_str(&style.paint(Ink::Faint, marks.trim_end()));
    out.push('\n');
    for &index in &shown {
        let row = &rows[index];
        let label = format!("{}{}", "  ".repeat(row.depth), row.label);
        let label = shorten(&label, labels, style);
        let time = style.letters(&ms(row.to - row.from));
        let end = shorten(
            row.end.as_deref().unwrap_or(""),
            ends.saturating_sub(1),
            style,
        );
        let ink = if row.failed { Ink::Bad } else { Ink::Plain };
        let bar = axis.bar((row.from, row.to, row.until), &row.shades, style);
        let mut line = " ".repeat(INDENT) + &label;
        line.push_str(&" ".repeat(labels - label.width() + 1 + times - time.width()));
        line.push_str(&time);
        if ends > 0 {
            line.push(' ');
            line.push_str(&style.paint(ink, &end));
            line.push_str(&" ".repeat(ends - 1 - end.width()));
        }
        line.push(' ');
        line.push_str(&style.letters(&bar));
        out.push_str(line.trim_end());
        out.push('\n');
        if let Some((_, number)) = hidden.iter().find(|(behind, _)| *behind == index) {
            // The first of them is the row behind this one.
            let depth = "  ".repeat(rows[index + 1].depth);
            let text = style.letters(&format!("{depth}… {} more, shorter", count(*number as u64)));
            out.push_str(&" ".repeat(INDENT));
            out.push_str(&style.paint(Ink::Faint, &text));
            out.push('\n');
        }
    }
    if trace.dropped > 0 {
        let dropped = format!("… and {} spans that did not fit", count(trace.dropped));
        text(&dropped, Ink::Faint, INDENT, style, out);
    }
}

/// From the beginning of a request to its end, and on to the end of what it left behind as far as
/// that is not far.
fn axis(trace: &Trace, rows: &[Row], columns: usize) -> Axis {
    let from = trace.start_ns;
    let answered = from + trace.latency_ns;
    let all = rows.iter().map(|row| row.until).max().unwrap_or(answered);
    let to = if trace.latency_ns == 0 {
        all
    } else {
        all.min(answered + trace.latency_ns / 2)
    };
    Axis { from, to, columns }
}

/// What the letters of the bars stand for, those that are used.
fn legend(traces: &Traces, style: &Style) -> Vec<String> {
    let all = [
        (Shade::Work, "work"),
        (Shade::Queue, "queue"),
        (Shade::Wait, "wait"),
        (Shade::Below, "waits for what is below"),
        (Shade::Network, "network"),
        (Shade::Rest, "held back by a policy"),
        (Shade::InVain, "for nobody"),
    ];
    let rows: Vec<Row> = traces.traces.iter().flat_map(rows).collect();
    let used = |shade: Shade| match shade {
        Shade::Below => true,
        Shade::InVain => rows.iter().any(|row| row.until > row.to),
        _ => {
            let mut shades = rows.iter().flat_map(|row| &row.shades);
            shades.any(|(_, _, used)| *used == shade)
        }
    };
    let named = all.iter().filter(|(shade, _)| used(*shade));
    let named: Vec<String> = named
        .map(|(shade, name)| format!("{} {name}", letter(*shade, style)))
        .collect();
    // An entry is not broken.
    let mut lines: Vec<String> = Vec::new();
    for entry in named {
        match lines.last_mut() {
            Some(line) if line.width() + 3 + entry.width() <= style.columns() - INDENT => {
                line.push_str("   ");
                line.push_str(&entry);
            }
            _ => lines.push(entry),
        }
    }
    lines
}

/// Words, wrapped and indented.
fn text(text: &str, ink: Ink, indent: usize, style: &Style, out: &mut String) {
    for line in wrap(&style.letters(text), style.columns() - indent) {
        out.push_str(&" ".repeat(indent));
        out.push_str(&style.paint(ink, &line));
        out.push('\n');
    }
}
