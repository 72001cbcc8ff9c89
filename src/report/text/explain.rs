//! Why a run failed, for a terminal: each burst of failures with its root and the way to the user. It
//! explains nothing itself; [`study::explain`] does.

use super::heading;
use crate::style::{Ink, Style};
use crate::table::wrap;
use crate::units::{count, percent, seconds};
use study::explain::{Background, Burst, End, Explanation, Peak, Root, Rung, explain};
use study::record::RunRecord;
use unicode_width::UnicodeWidthStr;

/// The column in which what is said begins.
const INDENT: usize = 10;
/// More bursts than this are one line in the page of a run.
const MOST_LINES: usize = 4;
/// More chains than this are only counted.
const MOST_CHAINS: usize = 6;
/// More roots than this are left to the JSON.
const MOST_ROOTS: usize = 4;

/// All that there is to say.
pub fn explanation(it: &Explanation, style: &Style) -> String {
    let mut out = String::new();
    let bursts = match it.bursts.len() {
        0 => "no burst of failures".to_owned(),
        1 => "one burst of failures".to_owned(),
        n => format!("{n} bursts of failures"),
    };
    out.push_str(&style.paint(Ink::Heading, &format!("{}: {bursts}", it.model)));
    out.push('\n');
    for one in &it.bursts {
        burst(one, style, &mut out);
    }
    out.push('\n');
    outside(&it.background, &it.bursts, style, &mut out);
    if it.replications > 1 {
        let text = format!(
            "Counts are sums over {} replications; times of first failures are the earliest of them.",
            it.replications
        );
        faint(&text, style, &mut out);
    }
    out
}

/// One line for each burst, in the page of a run.
pub(super) fn write(record: &RunRecord, style: &Style, out: &mut String) {
    let it = explain(record);
    if it.bursts.is_empty() {
        return;
    }
    heading("Why requests failed", style, out);
    for burst in it.bursts.iter().take(MOST_LINES) {
        let root = burst.roots.first().map_or("not known", |root| &root.label);
        let text = format!(
            "{}  {root}: {} of {} requests failed",
            span(burst.from_s, burst.to_s),
            count(burst.failed),
            count(burst.requests),
        );
        for line in wrap(&style.letters(&text), style.columns() - 2) {
            out.push_str(&format!("  {line}\n"));
        }
    }
    let more = match it.bursts.len().checked_sub(MOST_LINES) {
        Some(more) if more > 0 => format!("… and {more} more; "),
        _ => String::new(),
    };
    let text = format!("{more}stormglass explain DIR shows the way from there to the user");
    faint(&text, style, out);
}

fn faint(text: &str, style: &Style, out: &mut String) {
    for line in wrap(&style.letters(text), style.columns() - 2) {
        out.push_str(&format!("  {}\n", style.paint(Ink::Faint, &line)));
    }
}

fn burst(burst: &Burst, style: &Style, out: &mut String) {
    let share = ratio(burst.failed, burst.requests);
    let title = format!(
        "{}  {} of {} requests failed ({})",
        span(burst.from_s, burst.to_s),
        count(burst.failed),
        count(burst.requests),
        percent(share)
    );
    heading(&style.letters(&title), style, out);
    for (at, root) in burst.roots.iter().take(MOST_ROOTS).enumerate() {
        let name = if at == 0 { "root" } else { "also" };
        let ink = if at == 0 { Ink::Bad } else { Ink::Plain };
        entry(name, &origin(root, burst.failed), ink, style, out);
    }
    if let Some(after) = burst.root_to_user_s {
        let text = format!("the first request failed {} after it began", seconds(after));
        entry("user", &text, Ink::Plain, style, out);
    }
    way(burst, style, out);
    if !burst.blast.is_empty() {
        let hit = burst.blast.iter().map(|hit| {
            format!(
                "{} {} ({})",
                hit.name,
                percent(hit.worst),
                clock(hit.from_s)
            )
        });
        let text = hit.collect::<Vec<_>>().join(", ");
        entry("hit", &text, Ink::Plain, style, out);
    }
    entry("peak", &worst(&burst.peak), Ink::Plain, style, out);
    entry("end", &ended(&burst.end), Ink::Plain, style, out);
    chains(burst, style, out);
}

pub(crate) fn origin(root: &Root, all: u64) -> String {
    let mut text = root.label.clone();
    if let (Some(from), Some(to)) = (root.from_s, root.to_s) {
        text.push_str(&format!(", {}", span(from, to)));
    }
    text.push_str(&format!(
        ": {} of the failures",
        percent(ratio(root.failed, all))
    ));
    let left = root.failed - root.direct;
    if left > 0 {
        text.push_str(&format!(
            ", {} of them by what it left behind",
            percent(ratio(left, root.failed))
        ));
    }
    if let Some(note) = &root.note {
        text.push_str(&format!(" ({note})"));
    }
    text
}

pub(crate) fn worst(peak: &Peak) -> String {
    let mut text = format!("{}: {} failed", clock(peak.at_s), percent(peak.failed));
    if let Some(retries) = peak.retries {
        text.push_str(&format!(
            "; {} of all attempts were retries",
            percent(retries)
        ));
    }
    if let Some(wasted) = peak.wasted {
        text.push_str(&format!(", {} of busy time was wasted", percent(wasted)));
    }
    text
}

pub(crate) fn ended(end: &End) -> String {
    match (end.recovered, end.after_root_s) {
        (true, Some(after)) if after > 0.0 => {
            format!("well again {} after the root was over", seconds(after))
        }
        (true, Some(after)) if after < 0.0 => "well again before the root was over".to_owned(),
        (true, Some(_)) => "well again when the root was over".to_owned(),
        (true, None) => "well again while the root lasted".to_owned(),
        (false, Some(after)) if after > 0.0 => format!(
            "not well again {} after the root was over, when the run ended",
            seconds(after)
        ),
        (false, _) => "the run ended before it did".to_owned(),
    }
}

/// The root, and from there on arrows with counts at the right.
fn way(burst: &Burst, style: &Style, out: &mut String) {
    let Some(root) = burst.roots.first() else {
        return;
    };
    entry("way", &root.label, Ink::Plain, style, out);
    for rung in &burst.ladder {
        self::rung(rung, style, out);
    }
}

fn rung(rung: &Rung, style: &Style, out: &mut String) {
    let number = count(rung.failed);
    let room = style.columns() - INDENT - 2 - number.width() - 2;
    let arrow = style.letters("→");
    let gap = " ".repeat(arrow.width() + 1);
    let lines = wrap(&style.letters(&rung.words), room - gap.width());
    for (at, line) in lines.iter().enumerate() {
        let lead = if at == 0 {
            format!("{arrow} ")
        } else {
            gap.clone()
        };
        let text = format!("{lead}{line}");
        let pad = if at == 0 {
            room.saturating_sub(text.width())
        } else {
            0
        };
        let end = if at == 0 {
            format!("{}  {number}", " ".repeat(pad))
        } else {
            String::new()
        };
        out.push_str(&format!("  {}{text}{end}\n", " ".repeat(INDENT)));
    }
    let note = rung.note.as_deref().unwrap_or("");
    for line in wrap(&style.letters(note), room - gap.width())
        .iter()
        .filter(|l| !l.is_empty())
    {
        let text = style.paint(Ink::Faint, line);
        out.push_str(&format!("  {}{gap}{text}\n", " ".repeat(INDENT)));
    }
}

fn chains(burst: &Burst, style: &Style, out: &mut String) {
    let shown = burst.chains.iter().take(MOST_CHAINS);
    let several = burst.workloads.len() > 1;
    for (at, chain) in shown.enumerate() {
        let whose = if several {
            format!("{} ", chain.workload)
        } else {
            String::new()
        };
        let text = format!("{} × {whose}{}", count(chain.failed), chain.words);
        entry(
            if at == 0 { "chains" } else { "" },
            &text,
            Ink::Plain,
            style,
            out,
        );
    }
    let rest: u64 = burst
        .chains
        .iter()
        .skip(MOST_CHAINS)
        .map(|c| c.failed)
        .sum();
    if rest > 0 {
        let text = format!("{} in other ways: --format json has all", count(rest));
        entry("", &text, Ink::Faint, style, out);
    }
}

fn outside(background: &Background, bursts: &[Burst], style: &Style, out: &mut String) {
    let whose = if bursts.is_empty() {
        ""
    } else {
        " outside of them"
    };
    if background.failed == 0 {
        let text = format!(
            "No request of {} failed{whose}.",
            count(background.requests)
        );
        faint(&text, style, out);
        return;
    }
    let roots = background.roots.iter().take(MOST_ROOTS);
    let roots = roots.map(|root| format!("{} {}", count(root.failed), root.label));
    let text = format!(
        "{} of {} requests failed{whose} ({}): {}",
        count(background.failed),
        count(background.requests),
        percent(ratio(background.failed, background.requests)),
        roots.collect::<Vec<_>>().join(", ")
    );
    for line in wrap(&style.letters(&text), style.columns() - 2) {
        out.push_str(&format!("  {line}\n"));
    }
}

/// A name at the left, and text beside it.
fn entry(name: &str, text: &str, ink: Ink, style: &Style, out: &mut String) {
    let lines = unbroken(text, style.columns() - INDENT - 2, style);
    for (at, line) in lines.iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        let name = style.paint(Ink::Faint, &format!("{name:INDENT$}"));
        out.push_str(format!("  {name}{}", style.paint(ink, line)).trim_end());
        out.push('\n');
    }
}

/// Wrapped, but for numbers and their units.
fn unbroken(text: &str, width: usize, style: &Style) -> Vec<String> {
    let text = style.letters(text).replace(" %", "\u{a0}%");
    let lines = wrap(&text, width).into_iter();
    lines.map(|line| line.replace('\u{a0}', " ")).collect()
}

fn ratio(part: u64, of: u64) -> f64 {
    if of == 0 {
        0.0
    } else {
        part as f64 / of as f64
    }
}

pub(crate) fn span(from: f64, to: f64) -> String {
    format!("{} – {}", clock(from), clock(to))
}

/// A moment of the run: `2:05`, `1:02:05`, `0:01.25`.
pub(crate) fn clock(s: f64) -> String {
    let millis = (s * 1e3).round() as u64;
    let (whole, rest) = (millis / 1000, millis % 1000);
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    let rest = if rest > 0 {
        format!(".{rest:03}").trim_end_matches('0').to_owned()
    } else {
        String::new()
    };
    match hours {
        0 => format!("{minutes}:{seconds:02}{rest}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_on_a_clock() {
        assert_eq!(clock(0.0), "0:00");
        assert_eq!(clock(125.0), "2:05");
        assert_eq!(clock(3725.0), "1:02:05");
        assert_eq!(clock(1.25), "0:01.25");
    }
}
