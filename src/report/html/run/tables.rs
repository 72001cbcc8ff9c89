//! Everything that a run measured, as tables.

use crate::html::sheet::{Cell, Sheet, everything};
use crate::html::show::Show;
use maud::{Markup, html};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use study::record::RunRecord;

/// A heading and a table for each kind of thing that the run has.
pub(super) fn of(record: &RunRecord) -> Markup {
    let tables = [
        ("Workloads", workloads(record)),
        ("Latency of successes", latencies(record)),
        ("Failures by kind", failures(record)),
        ("Services", services(record)),
        ("Calls", calls(record)),
        (
            "Transactions",
            rest("transactions", "transaction", &record.transactions),
        ),
        (
            "Replicated services",
            rest("groups", "group", &record.groups),
        ),
        ("Message queues", rest("queues", "queue", &record.queues)),
        ("Stores", rest("stores", "store", &record.stores)),
        ("Discovery", rest("discovery", "service", &record.discovery)),
        ("Deployments", deployments(record)),
        ("Orders", orders(record)),
    ];
    html! {
        p.about { "A click on a column's name sorts by it. ± is half of the 95 % interval." }
        @for (title, sheet) in &tables { @if !sheet.is_empty() { h3 { (title) } (sheet.draw()) } }
        @let metrics = metrics(record);
        @if !metrics.is_empty() {
            details { summary { "Every figure by the name that experiments use" } (metrics.draw()) }
        }
    }
}

fn workloads(record: &RunRecord) -> Sheet {
    let mut sheet = Sheet::new("workloads")
        .words("workload")
        .figures("issued", "requests made after the warm-up")
        .figures("succeeded", "answered in time, degraded answers included")
        .figures("degraded", "part of succeeded")
        .figures("failed", "")
        .figures("in flight", "not ended when the run did")
        .figures("availability", "succeeded ÷ (succeeded + failed)")
        .figures("throughput", "succeeded per second");
    for (name, w) in &record.workloads {
        let failed: u64 = w.failed.values().sum();
        sheet.row(vec![
            Cell::text(name),
            Cell::count(w.issued),
            Cell::count(w.succeeded),
            Cell::count(w.degraded),
            Cell::count(failed).bad_if(failed > 0),
            Cell::count(w.in_flight),
            Cell::estimate(Show::Share, &w.availability),
            Cell::estimate(Show::Rate, &w.throughput),
        ]);
    }
    sheet
}

fn latencies(record: &RunRecord) -> Sheet {
    let mut sheet = Sheet::new("latencies").words("workload");
    for head in ["mean", "p50", "p90", "p95", "p99", "p99.9", "max"] {
        sheet = sheet.figures(head, "");
    }
    for (name, w) in &record.workloads {
        let l = &w.latency_ms;
        let figures = [&l.mean, &l.p50, &l.p90, &l.p95, &l.p99, &l.p99_9, &l.max];
        let cells = figures.map(|figure| Cell::estimate(Show::Milliseconds, figure));
        sheet.row(std::iter::once(Cell::text(name)).chain(cells).collect());
    }
    sheet
}

/// Workloads and calls that lost something, a column for each kind.
fn failures(record: &RunRecord) -> Sheet {
    let workloads = record
        .workloads
        .iter()
        .map(|(name, w)| (name, &w.failed, w.succeeded));
    let calls = record
        .calls
        .iter()
        .map(|(name, call)| (name, &call.failed, call.succeeded));
    let rows: Vec<_> = workloads.chain(calls).collect();
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|(_, failed, _)| failed.values().sum::<u64>() > 0)
        .collect();
    let kinds: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.1.keys())
        .map(|kind| &**kind)
        .collect();
    let mut sheet = Sheet::new("failures")
        .words("workload or call")
        .figures("failed", "")
        .figures("share", "failed ÷ (succeeded + failed)");
    for kind in &kinds {
        sheet = sheet.figures(*kind, "");
    }
    for (name, failed, succeeded) in rows {
        let all: u64 = failed.values().sum();
        let share = all as f64 / (all + succeeded) as f64;
        let mut cells = vec![
            Cell::text(name),
            Cell::count(all),
            Cell::number(Show::Share, Some(share)),
        ];
        cells.extend(
            kinds
                .iter()
                .map(|kind| Cell::count(failed.get(*kind).copied().unwrap_or(0))),
        );
        sheet.row(cells);
    }
    sheet
}

fn services(record: &RunRecord) -> Sheet {
    let has = |of: fn(&study::record::ServiceRecord) -> bool| record.services.values().any(of);
    let (skipped, ejections) = (has(|s| s.skipped.is_some()), has(|s| s.ejections.is_some()));
    let scaled = has(|s| s.instances.is_some());
    let mut sheet = Sheet::new("services")
        .words("service")
        .figures("utilisation", "busy worker time ÷ (workers × time)")
        .figures("arrivals", "requests that reached an instance that was up")
        .figures("completed", "handlers that came to an end")
        .figures("refused", "by admission, a full queue, or CoDel")
        .figures("queue mean", "requests waiting, over time")
        .figures("queue max", "at once")
        .figures("wait mean", "until the first work began")
        .figures("wait p99", "until the first work began")
        .figures("wasted", "share of busy time for callers who had given up");
    for (there, head, help) in [
        (
            skipped,
            "skipped",
            "optional steps that degraded instances left out",
        ),
        (
            ejections,
            "ejections",
            "how often a caller left an instance out",
        ),
        (scaled, "instances", "mean over time"),
        (scaled, "most", "instances at once"),
        (scaled, "scaled up", "times"),
        (scaled, "scaled down", "times"),
    ] {
        if there {
            sheet = sheet.figures(head, help);
        }
    }
    for (name, s) in &record.services {
        let mut cells = vec![
            Cell::text(name),
            Cell::estimate(Show::Share, &s.utilization),
            Cell::count(s.arrivals),
            Cell::count(s.completed),
            Cell::count(s.refused).bad_if(s.refused > 0),
            Cell::estimate(Show::Count, &s.queue_length.mean),
            Cell::estimate(Show::Count, &s.queue_length.max),
            Cell::estimate(Show::Milliseconds, &s.wait_ms.mean),
            Cell::estimate(Show::Milliseconds, &s.wait_ms.p99),
            Cell::estimate(Show::Share, &s.wasted),
        ];
        let maybe = |n: Option<u64>| n.map_or(Cell::number(Show::Count, None), Cell::count);
        if skipped {
            cells.push(maybe(s.skipped));
        }
        if ejections {
            cells.push(maybe(s.ejections));
        }
        if scaled {
            let i = s.instances.as_ref();
            let figure = |figure: Option<&study::record::Estimate>| {
                figure.map_or(Cell::number(Show::Count, None), |e| {
                    Cell::estimate(Show::Count, e)
                })
            };
            cells.push(figure(i.map(|i| &i.mean)));
            cells.push(figure(i.map(|i| &i.max)));
            cells.push(maybe(i.map(|i| i.scaled_up)));
            cells.push(maybe(i.map(|i| i.scaled_down)));
        }
        sheet.row(cells);
    }
    sheet
}

fn calls(record: &RunRecord) -> Sheet {
    let dead = record
        .calls
        .values()
        .any(|call| call.sent_to_dead.is_some());
    let mut sheet = Sheet::new("calls")
        .words("call")
        .figures("calls", "made after the warm-up")
        .figures("attempts", "sent for them")
        .figures("per call", "attempts ÷ calls")
        .figures("succeeded", "degraded answers included")
        .figures("degraded", "part of succeeded")
        .figures("failed", "")
        .figures("share failed", "failed ÷ (succeeded + failed)")
        .figures("in flight", "not ended when the run did");
    if dead {
        sheet = sheet.figures("sent to dead", "attempts to an instance that was down");
    }
    for (name, call) in &record.calls {
        let failed: u64 = call.failed.values().sum();
        let ended = failed + call.succeeded;
        let share = (ended > 0).then(|| failed as f64 / ended as f64);
        let mut cells = vec![
            Cell::text(name),
            Cell::count(call.calls),
            Cell::count(call.attempts),
            Cell::number(Show::Count, call.amplification),
            Cell::count(call.succeeded),
            Cell::count(call.degraded),
            Cell::count(failed).bad_if(failed > 0),
            Cell::number(Show::Share, share).bad_if(failed > 0),
            Cell::count(call.in_flight),
        ];
        if dead {
            cells.push(
                call.sent_to_dead
                    .map_or(Cell::number(Show::Count, None), Cell::count),
            );
        }
        sheet.row(cells);
    }
    sheet
}

fn rest<T: Serialize>(id: &str, what: &str, records: &BTreeMap<String, T>) -> Sheet {
    let rows = records
        .iter()
        .map(|(name, record)| (name.as_str(), plain(record)));
    everything(id, what, rows)
}

fn deployments(record: &RunRecord) -> Sheet {
    let names: Vec<String> = (record.deployments.iter())
        .map(|d| format!("{} version {}", d.service, d.version))
        .collect();
    let rows = names.iter().zip(&record.deployments);
    everything(
        "deployments",
        "change",
        rows.map(|(name, d)| (name.as_str(), plain(d))),
    )
}

fn orders(record: &RunRecord) -> Sheet {
    let rows = record.orders.iter().map(|orders| ("orders", plain(orders)));
    everything("orders", "", rows)
}

fn plain(record: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(record).unwrap_or_default()
}

fn metrics(record: &RunRecord) -> Sheet {
    let mut sheet = Sheet::new("metrics")
        .words("metric")
        .figures("mean", "")
        .figures("low", "")
        .figures("high", "");
    for (name, estimate) in &record.metrics {
        let show = unit(name);
        sheet.row(vec![
            Cell::text(name),
            Cell::number(show, estimate.mean),
            Cell::number(show, estimate.low),
            Cell::number(show, estimate.high),
        ]);
    }
    sheet
}

/// A metric's name says what it is of.
fn unit(name: &str) -> Show {
    let last = name.rsplit('.').next().unwrap_or(name);
    let before = name.rsplit('.').nth(1).unwrap_or("");
    match last {
        "availability" | "utilization" | "wasted" | "commit_rate" => Show::Share,
        "throughput" => Show::Rate,
        _ if before.ends_with("_s") || last.ends_with("_s") => Show::Seconds,
        _ if [
            "latency",
            "wait",
            "time",
            "lock",
            "in_doubt",
            "leaderless",
            "staleness",
        ]
        .contains(&before) =>
        {
            Show::Milliseconds
        }
        _ => Show::Count,
    }
}
