//! The first thing that is read: were the objectives met, and by how much.

use crate::html::show::Show;
use crate::text::verdict::{close, headline};
use crate::units::{availability, count, milliseconds, rate, seconds};
use maud::{Markup, html};
use study::record::{Estimate, Objective, RunRecord};

/// The verdict, the figures that everybody asks for, and what to mind.
pub(super) fn draw(record: &RunRecord) -> Markup {
    let missed = record.slo.iter().filter(|o| !o.met).count();
    let (words, _) = headline(record);
    let class = match (record.slo.len(), missed) {
        (0, _) => "",
        (_, 0) => "good",
        _ => "bad",
    };
    let mut objectives: Vec<&Objective> = record.slo.iter().collect();
    objectives.sort_by_key(|o| o.met);
    html! {
        div.verdict.(class) role="status" {
            strong { (capital(&words)) }
            @if record.replications == 1 && !record.slo.is_empty() {
                @if record.within_run.is_some() { " (one replication)" }
                @else { " (one replication: no interval)" }
            }
            @if !objectives.is_empty() { ul { @for objective in objectives { (line(objective)) } } }
        }
        (tiles(record))
        (notes(record))
    }
}

fn line(objective: &Objective) -> Markup {
    let ratio = objective.objective == "availability";
    let show: fn(f64) -> String = if ratio { availability } else { milliseconds };
    let what = objective
        .objective
        .replace("latency.", "")
        .replace("p99_9", "p99.9");
    let value = objective
        .value
        .map_or("nothing measured".to_owned(), |value| {
            close(value, objective.target, show)
        });
    let (mark, class) = if objective.met {
        ("✓ met", "good")
    } else {
        ("✗ missed", "bad")
    };
    html! {
        li {
            span.mark.(class) { (mark) }
            " " b { (objective.workload) } " " (what) " " b { (value) }
            span.soft { " (objective " (if ratio { "≥" } else { "≤" }) " " (show(objective.target)) ")" }
            @if objective.confidence == "unclear" { span.soft { " · unclear: the interval spans the objective" } }
        }
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>());
    first.unwrap_or_default() + letters.as_str()
}

/// Of the workload that fares worst.
fn tiles(record: &RunRecord) -> Markup {
    let worst = record.workloads.iter().min_by(|a, b| {
        let of = |w: &study::record::WorkloadRecord| w.availability.mean.unwrap_or(1.0);
        of(a.1).total_cmp(&of(b.1))
    });
    let Some((name, w)) = worst else {
        return html! {};
    };
    let failed: u64 = w.failed.values().sum();
    let plus = |show: Show, e: &Estimate| {
        let half = crate::html::show::half(e).filter(|half| *half > 0.0);
        half.map(|half| format!("± {}", show.width(half)))
            .unwrap_or_default()
    };
    let l = &w.latency_ms;
    let tile = |what: &str, value: String, more: String| {
        html! { div.tile { span { (what) } b { (value) } small { (more) } } }
    };
    let of = |e: &Estimate, show: fn(f64) -> String| e.mean.map_or("–".to_owned(), show);
    html! {
        @if record.workloads.len() > 1 { p.about { "Figures of " b { (name) } ", the workload that fares worst; all are in the tables." } }
        div.tiles {
            (tile("availability", of(&w.availability, availability), plus(Show::Share, &w.availability)))
            (tile("p50", of(&l.p50, milliseconds), plus(Show::Milliseconds, &l.p50)))
            (tile("p99", of(&l.p99, milliseconds), plus(Show::Milliseconds, &l.p99)))
            (tile("p99.9", of(&l.p99_9, milliseconds), plus(Show::Milliseconds, &l.p99_9)))
            (tile("throughput", of(&w.throughput, rate), plus(Show::Rate, &w.throughput)))
            (tile("requests", count(w.issued), format!("{} failed", count(failed))))
        }
    }
}

fn notes(record: &RunRecord) -> Markup {
    html! {
        @if let Some(reason) = &record.stopped {
            p.note { "Cut short: " (reason) "; what was measured until then follows." }
        }
        @for violation in record.violations.iter().take(20) {
            p.note.bad { "Broken invariant (" (violation.checker) "): " (violation.what) " (at " (seconds(violation.at_s))
                ", replication " (violation.replication) ", event " (count(violation.event)) ")" }
        }
        @if record.violations.len() > 20 { p.note.bad { "… and " (record.violations.len() - 20) " more broken invariants." } }
        @for warning in &record.warnings { p.note { (capital(warning)) } }
    }
}
