//! The page that a run prints: the verdict first, then what explains it. It decides what is worth
//! a line in a terminal; everything else is in the files.

mod deployments;
mod discovery;
pub(crate) mod explain;
mod groups;
mod orders;
mod overtime;
mod queues;
mod replay;
mod stores;
mod transactions;
pub(crate) mod verdict;

use crate::interval::sure;
use crate::style::{Ink, Style};
use crate::table::{Table, wrap};
use crate::units::{
    NOTHING, availability, count, milliseconds, percent, rate, seconds, three_digits,
};
use std::collections::BTreeMap;
use study::record::{CallRecord, Estimate, RunRecord, ServiceRecord, Violation, Word};

pub use explain::explanation;
pub use replay::replay;

/// More calls than this go to the files alone.
const MOST_CALLS: usize = 12;
/// More broken invariants than this are only counted.
const MOST_VIOLATIONS: usize = 5;

/// The page: verdict, why requests failed, workloads, time, services, transactions, troubled calls, discovery, and what
/// was run.
pub fn page(record: &RunRecord, style: &Style) -> String {
    let mut out = String::new();
    verdict::write(record, style, &mut out);
    warnings(record, style, &mut out);
    explain::write(record, style, &mut out);
    if !record.workloads.is_empty() {
        heading("Workloads", style, &mut out);
        requests(record, style, &mut out);
        out.push('\n');
        latencies(record, style, &mut out);
    }
    overtime::write(record, style, &mut out);
    if !record.services.is_empty() {
        heading("Services", style, &mut out);
        services(&record.services, style, &mut out);
    }
    stores::write(&record.stores, style, &mut out);
    orders::write(record.orders.as_ref(), style, &mut out);
    queues::write(&record.queues, style, &mut out);
    transactions::write(&record.transactions, style, &mut out);
    groups::write(&record.groups, style, &mut out);
    deployments::write(&record.deployments, style, &mut out);
    calls(&record.calls, style, &mut out);
    discovery::write(&record.discovery, style, &mut out);
    heading("Run", style, &mut out);
    facts(record, style, &mut out);
    out
}

/// Where a run's files are: the folder as it is to be shown, and their names. Names that differ
/// only in their ending are shown as one: `latency.{svg,png}`.
pub fn files(folder: &str, names: &[String], style: &Style) -> String {
    let mut endings: Vec<(&str, Vec<&str>)> = Vec::new();
    for name in names {
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        match endings.iter_mut().find(|(known, _)| *known == stem) {
            Some((_, list)) => list.push(ending),
            None => endings.push((stem, vec![ending])),
        }
    }
    let shown: Vec<String> = endings
        .iter()
        .map(|(stem, list)| match list.as_slice() {
            [""] => (*stem).to_owned(),
            [ending] => format!("{stem}.{ending}"),
            several => format!("{stem}.{{{}}}", several.join(",")),
        })
        .collect();
    let mut out = String::new();
    heading("Files", style, &mut out);
    // A path is there to be copied: it is neither wrapped nor shortened.
    out.push_str(&format!("  {folder}\n"));
    for line in wrap(&shown.join(" "), style.columns() - 4) {
        out.push_str(&format!("    {}\n", style.paint(Ink::Faint, &line)));
    }
    out
}

fn heading(text: &str, style: &Style, out: &mut String) {
    out.push('\n');
    for line in wrap(text, style.columns()) {
        out.push_str(&style.paint(Ink::Heading, &line));
        out.push('\n');
    }
}

fn warnings(record: &RunRecord, style: &Style, out: &mut String) {
    if let Some(reason) = &record.stopped {
        let text = format!("! cut short: {reason}; what was measured until then follows");
        lines(&text, Ink::Warning, style, out);
    }
    let shown = record.violations.iter().take(MOST_VIOLATIONS);
    for violation in shown {
        lines(&self::violation(violation), Ink::Bad, style, out);
    }
    if let Some(more) = record.violations.len().checked_sub(MOST_VIOLATIONS)
        && more > 0
    {
        lines(
            &format!("✗ … and {more} more broken invariants"),
            Ink::Bad,
            style,
            out,
        );
    }
    for warning in &record.warnings {
        lines(&format!("! {warning}"), Ink::Warning, style, out);
    }
    for (name, workload) in &record.workloads {
        if workload.issued == 0 {
            let text = format!("! {name} issued no request after the warm-up");
            lines(&text, Ink::Warning, style, out);
        }
    }
}

fn violation(violation: &Violation) -> String {
    format!(
        "✗ broken invariant ({}): {} (at {}, replication {}, event {})",
        violation.checker,
        violation.what,
        seconds(violation.at_s),
        violation.replication,
        count(violation.event),
    )
}

fn lines(text: &str, ink: Ink, style: &Style, out: &mut String) {
    let wrapped = wrap(&style.letters(text), style.columns() - 2);
    for (i, line) in wrapped.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { "  " });
        out.push_str(&style.paint(ink, line));
        out.push('\n');
    }
}

fn plain(text: impl Into<String>) -> (String, Ink) {
    (text.into(), Ink::Plain)
}

fn requests(record: &RunRecord, style: &Style, out: &mut String) {
    let mut table = Table::new(&[
        "requests",
        "issued",
        "succeeded",
        "degraded",
        "failed",
        "availability",
    ]);
    for (name, w) in &record.workloads {
        let failed: u64 = w.failed.values().sum();
        table.row(vec![
            plain(name),
            plain(count(w.issued)),
            plain(count(w.succeeded)),
            plain(count(w.degraded)),
            (
                count(failed),
                if failed > 0 { Ink::Bad } else { Ink::Plain },
            ),
            plain(with_points(&sure(
                record,
                &format!("{name}.availability"),
                &w.availability,
            ))),
        ]);
        let mut notes = Vec::new();
        if failed > 0 {
            notes.push(format!("failed: {}", kinds(&w.failed)));
        }
        if w.in_flight > 0 {
            notes.push(format!("in flight at the end: {}", count(w.in_flight)));
        }
        if !notes.is_empty() {
            table.note(notes.join(" · "));
        }
    }
    table.render(style, out);
}

/// How an estimate is shown, given how a number is.
type Figure = fn(&Estimate, fn(f64) -> String) -> String;

fn latencies(record: &RunRecord, style: &Style, out: &mut String) {
    let build = |figure: Figure| {
        let mut table = Table::new(&["latency", "throughput", "mean", "p50", "p99", "p99.9"]);
        for (name, w) in &record.workloads {
            let l = &w.latency_ms;
            let latency = |what: &str, estimate| {
                let estimate = sure(record, &format!("{name}.latency.{what}"), estimate);
                plain(figure(&estimate, milliseconds))
            };
            let throughput = sure(record, &format!("{name}.throughput"), &w.throughput);
            table.row(vec![
                plain(name),
                plain(figure(&throughput, rate)),
                latency("mean", &l.mean),
                latency("p50", &l.p50),
                latency("p99", &l.p99),
                latency("p99_9", &l.p99_9),
            ]);
        }
        table
    };
    // Intervals are shown where there is room; the files have them always.
    let full = build(with_share);
    if full.least_width(style) <= style.columns() {
        full.render(style, out);
    } else {
        build(alone).render(style, out);
    }
}

fn services(services: &BTreeMap<String, ServiceRecord>, style: &Style, out: &mut String) {
    let mut table = Table::new(&[
        "service",
        "utilisation",
        "queue mean",
        "max",
        "wait p99",
        "refused",
        "wasted",
    ]);
    for (name, s) in services {
        table.row(vec![
            plain(name),
            plain(alone(&s.utilization, percent)),
            plain(alone(&s.queue_length.mean, three_digits)),
            plain(alone(&s.queue_length.max, three_digits)),
            plain(alone(&s.wait_ms.p99, milliseconds)),
            (
                count(s.refused),
                if s.refused > 0 { Ink::Bad } else { Ink::Plain },
            ),
            plain(alone(&s.wasted, percent)),
        ]);
        if let Some(instances) = &s.instances {
            table.note(format!(
                "{} instances in the mean, {} at most; scaled up {}, down {} times",
                alone(&instances.mean, three_digits),
                alone(&instances.max, three_digits),
                count(instances.scaled_up),
                count(instances.scaled_down),
            ));
        }
    }
    table.render(style, out);
}

fn calls(calls: &BTreeMap<String, CallRecord>, style: &Style, out: &mut String) {
    let mut troubled: Vec<(&String, &CallRecord, u64)> = calls
        .iter()
        .map(|(name, call)| (name, call, call.failed.values().sum()))
        .filter(|(_, call, failed)| {
            *failed > 0 || call.degraded > 0 || call.amplification.is_some_and(|a| a > 1.0)
        })
        .collect();
    if troubled.is_empty() {
        return;
    }
    troubled
        .sort_by_key(|(name, call, failed)| (std::cmp::Reverse((*failed, call.attempts)), *name));
    heading("Calls that failed, were repeated or degraded", style, out);
    let mut table = Table::new(&[
        "call", "calls", "attempts", "per call", "degraded", "failed",
    ]);
    for (name, call, failed) in troubled.iter().take(MOST_CALLS) {
        table.row(vec![
            plain(*name),
            plain(count(call.calls)),
            plain(count(call.attempts)),
            plain(call.amplification.map_or(NOTHING.into(), three_digits)),
            plain(count(call.degraded)),
            (
                count(*failed),
                if *failed > 0 { Ink::Bad } else { Ink::Plain },
            ),
        ]);
        let mut notes = Vec::new();
        if *failed > 0 {
            notes.push(format!("failed: {}", kinds(&call.failed)));
        }
        if let Some(dead) = call.sent_to_dead.filter(|dead| *dead > 0) {
            notes.push(format!("sent to dead instances: {}", count(dead)));
        }
        if !notes.is_empty() {
            table.note(notes.join(" · "));
        }
    }
    table.render(style, out);
    if troubled.len() > MOST_CALLS {
        let more = format!("… and {} more in summary.csv", troubled.len() - MOST_CALLS);
        out.push_str(&format!(
            "  {}\n",
            style.paint(Ink::Faint, &style.letters(&more))
        ));
    }
}

fn facts(record: &RunRecord, style: &Style, out: &mut String) {
    let times = match record.replications {
        1 => "1 replication".to_owned(),
        n => format!("{} replications", count(n.into())),
    };
    let warmup = if record.warmup_s > 0.0 {
        format!(" (warm-up {})", seconds(record.warmup_s))
    } else {
        String::new()
    };
    let text = format!(
        "{} · seed {} · {times} of {}{warmup} · {} events in {} · fingerprint {}",
        record.model,
        record.seed,
        seconds(record.simulated_s),
        count(record.events),
        seconds(record.wall_s),
        record.fingerprint,
    );
    for line in wrap(&style.letters(&text), style.columns() - 2) {
        out.push_str(&format!("  {line}\n"));
    }
    let text = match &record.within_run {
        _ if record.replications > 1 => {
            "± is half of the 95 % interval over replications; an objective is unclear when the \
             interval spans its target"
                .to_owned()
        }
        Some(within) => format!(
            "± is half of the 95 % interval within this one run, by the means of {} batches of {}; \
             figures without it need --replications",
            within.batches,
            seconds(within.batch_s)
        ),
        None => return,
    };
    for line in wrap(&style.letters(&text), style.columns() - 2) {
        out.push_str(&format!("  {}\n", style.paint(Ink::Faint, &line)));
    }
}

/// `1,203 timeout, 12 rejected`, most frequent first.
fn kinds(failed: &BTreeMap<Word, u64>) -> String {
    let mut list: Vec<_> = failed.iter().filter(|(_, n)| **n > 0).collect();
    list.sort_by_key(|(kind, n)| (std::cmp::Reverse(**n), &***kind));
    let words: Vec<String> = list
        .iter()
        .map(|(kind, n)| format!("{} {kind}", count(**n)))
        .collect();
    words.join(", ")
}

fn alone(estimate: &Estimate, show: fn(f64) -> String) -> String {
    estimate.mean.map_or(NOTHING.into(), show)
}

fn half_width(estimate: &Estimate) -> Option<f64> {
    let (mean, low, high) = (estimate.mean?, estimate.low?, estimate.high?);
    Some((high - mean).max(mean - low)).filter(|half| half.is_finite())
}

/// `212 ms ±2%`: the interval as a share of the mean.
fn with_share(estimate: &Estimate, show: fn(f64) -> String) -> String {
    let figure = alone(estimate, show);
    match (estimate.mean, half_width(estimate)) {
        (Some(mean), Some(half)) if mean != 0.0 => {
            let share = half / mean.abs() * 100.0;
            let digits = if share > 0.0 && share < 0.95 {
                format!("{share:.1}")
            } else {
                format!("{share:.0}")
            };
            format!("{figure} ±{digits}%")
        }
        _ => figure,
    }
}

/// `99.93 % ±0.02`: the interval in percentage points.
fn with_points(estimate: &Estimate) -> String {
    let figure = alone(estimate, availability);
    match half_width(estimate) {
        Some(half) => format!("{figure} ±{}", two_digits(half * 100.0)),
        None => figure,
    }
}

fn two_digits(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let decimals = (1.0 - value.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests;
