//! What a request went through, in words.

use crate::units::{count, milliseconds};
use study::trace::record::{Chosen, Ended, Kind, Spent, Trace, Traces};

/// Parts of the latency that are named; the others are summed up.
const MOST_PARTS: usize = 4;
/// A smaller share is not worth a word.
const LEAST_SHARE: f64 = 0.02;

/// `slowest 1: request 1,234 of shoppers, at 83.2 s: answered after 312 ms`.
pub(super) fn headline(trace: &Trace, rank: usize) -> String {
    let why = match trace.chosen {
        Chosen::Slowest => "slowest",
        Chosen::Failed => "failed",
    };
    format!(
        "{why} {rank}: request {} of {}, at {:.3} s: {} after {}",
        count(trace.number),
        trace.workload,
        trace.start_ns as f64 / 1e9,
        outcome(&trace.outcome),
        ms(trace.latency_ns),
    )
}

/// Where the time went: `71 % waiting in order's queue, 12 % working in payment`.
pub(super) fn where_it_went(trace: &Trace) -> String {
    let whole = trace.latency_ns as f64;
    if trace.latency_ns == 0 {
        let by = trace
            .spans
            .first()
            .and_then(|root| root.refused_by.as_ref());
        return match by {
            Some(by) => format!("turned back at once by {by}"),
            None => "it took no time".to_owned(),
        };
    }
    let named = trace.spent.iter().take(MOST_PARTS);
    let named = named.take_while(|spent| spent.ns as f64 >= LEAST_SHARE * whole);
    let mut rest = trace.latency_ns;
    let mut parts: Vec<String> = named
        .map(|spent| {
            rest -= spent.ns;
            format!("{} {}", share(spent.ns as f64 / whole), on(spent))
        })
        .collect();
    if rest as f64 >= LEAST_SHARE * whole || parts.is_empty() {
        parts.push(format!("{} on other things", share(rest as f64 / whole)));
    }
    parts.join(", ")
}

/// Whole percents: more digits than that say nothing of one request.
fn share(ratio: f64) -> String {
    format!("{:.0} %", ratio * 100.0)
}

fn on(spent: &Spent) -> String {
    let place = &spent.place;
    match spent.on {
        Kind::Queue => format!("waiting in {place}'s queue"),
        Kind::Work => format!("working in {place}"),
        Kind::Wait => format!("in a wait step of {place}"),
        Kind::Sibling => format!("waiting for {place}'s own worker"),
        Kind::Network => "on the network".to_owned(),
        Kind::Rest => match &**place {
            "retry" => "backing off before a retry".to_owned(),
            layer => format!("held back by {layer}"),
        },
        Kind::Call | Kind::Attempt => format!("waiting for {place}, which did not answer"),
        Kind::Publish => format!("handing over to the queue {place}"),
        Kind::Transaction => format!("agreeing on {place}'s transaction"),
        Kind::Replicate => format!("agreeing in {place}'s group"),
        Kind::Leader => format!("waiting for a leader of {place}"),
        Kind::Serve | Kind::Consume | Kind::Participate | Kind::Branch => format!("in {place}"),
    }
}

fn outcome(outcome: &str) -> &str {
    match outcome {
        "success" => "answered",
        "degraded" => "answered, degraded,",
        other => other,
    }
}

/// From how many requests these were chosen.
pub(super) fn chosen_from(traces: &Traces) -> Vec<String> {
    let lines = traces.workloads.iter().map(|(name, ended)| {
        let Ended { succeeded, failed } = ended;
        let failures: u64 = failed.values().sum();
        let kinds: Vec<String> = failed
            .iter()
            .map(|(kind, number)| format!("{} {kind}", count(*number)))
            .collect();
        let failures = match failures {
            0 => "none failed".to_owned(),
            n => format!("{} failed ({})", count(n), kinds.join(", ")),
        };
        format!("{name}: {} answered, {failures}", count(*succeeded))
    });
    lines.collect()
}

pub(super) fn ms(ns: u64) -> String {
    milliseconds(ns as f64 / 1e6)
}
