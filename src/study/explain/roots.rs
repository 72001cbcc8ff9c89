//! What a failure goes back to.
//!
//! A chain that ends at a fault, a version or a configuration says so itself: that is a count, not a guess.
//! A chain that ends in load alone is of a service that has too much to do. If its workload surges, that is
//! the root. If others have failed of something just before, in the same burst, the load is what that has
//! left behind. Else the service has too little capacity. It refuses to look at what merely happened at the
//! same time.

use super::record::{Root, RootKind};
use super::words;
use crate::record::{Cause, DueKind, FaultSpan, RunRecord, What};
use std::collections::BTreeMap;

/// What failures are counted by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) kind: RootKind,
    pub(super) label: String,
    /// The service that is overloaded, where that is all that is known.
    pub(super) overloaded: Option<String>,
}

/// A busy service is overloaded from here on.
const BUSY: f64 = 0.9;
/// The load of a surge is felt for so many windows after its end.
const AFTER: f64 = 3.0;

/// What a chain says by itself about what failed in a window.
pub(super) fn of_chain(record: &RunRecord, links: &[Cause], window: usize) -> Key {
    let deepest = links.iter().rev().find_map(|link| link.due_to.as_ref());
    if let Some(due) = deepest {
        return Key {
            kind: match due.kind {
                DueKind::Fault if due.label.starts_with("config ") => RootKind::Config,
                DueKind::Fault => RootKind::Fault,
                DueKind::Deployment => RootKind::Deployment,
                DueKind::Config => RootKind::Config,
            },
            label: due.label.clone(),
            overloaded: None,
        };
    }
    let plain = |kind, label: String| Key {
        kind,
        label,
        overloaded: None,
    };
    let Some(last) = links.last() else {
        return plain(RootKind::Unknown, "rarer ways to fail".to_owned());
    };
    if let Some(service) = overloaded(record, links, window) {
        if let Some(surge) = surge(record, service, window) {
            return plain(RootKind::Surge, surge);
        }
        let missed = links.iter().any(|link| link.what == What::Missed);
        return Key {
            kind: if missed {
                RootKind::ColdCache
            } else {
                RootKind::Capacity
            },
            label: if missed {
                format!("the cache of {service} is cold")
            } else {
                format!("too little capacity at {service}")
            },
            overloaded: Some(service.to_owned()),
        };
    }
    let at = &last.at;
    let target = words::target(at);
    match last.what {
        What::Refused | What::Held => {
            let layer = last.how.as_deref().unwrap_or("limit").replace('_', " ");
            if let Some(surge) = surge(record, words::service(target), window)
                && layer != "circuit breaker"
            {
                return plain(RootKind::Surge, surge);
            }
            plain(
                RootKind::Limit,
                format!("{layer} of {} to {target}", words::caller(at)),
            )
        }
        What::Computing | What::Sleeping | What::Waiting | What::Missed => plain(
            RootKind::SlowWork,
            format!("{} takes its time", words::service(target)),
        ),
        What::Failing | What::Failed => plain(
            RootKind::Handler,
            format!("{} fails by itself", words::service(target)),
        ),
        What::Lost => plain(
            RootKind::Network,
            format!("lost messages between {} and {target}", words::caller(at)),
        ),
        What::Travelling => plain(
            RootKind::Network,
            format!("late messages between {} and {target}", words::caller(at)),
        ),
        What::Leaderless | What::Replicating => {
            plain(RootKind::Leaderless, format!("{at} without a leader"))
        }
        What::Conflict => plain(RootKind::Contention, format!("conflicts of writes of {at}")),
        What::Transaction | What::Aborted => {
            plain(RootKind::Contention, format!("transactions of {at}"))
        }
        What::Publishing | What::QueueFull => {
            plain(RootKind::QueueFull, format!("{at} takes no more messages"))
        }
        What::Down | What::Paused => plain(RootKind::Down, format!("instances of {at} are down")),
        What::Nobody => plain(RootKind::Down, format!("nobody is known for {target}")),
        _ => plain(RootKind::Unknown, format!("{target}: not known")),
    }
}

/// The service that a chain without a cause ends in, if it has too much to do: the last one whose queue it
/// goes through, or whose cores are all busy.
fn overloaded<'a>(record: &RunRecord, links: &'a [Cause], window: usize) -> Option<&'a str> {
    let last = links.last()?;
    let busy = |service: &str| {
        let series = record.series.services.get(service);
        let busy = series.and_then(|series| series.utilization.get(window));
        busy.is_some_and(|busy| *busy >= BUSY)
    };
    match last.what {
        What::Queued | What::Full | What::Overdue | What::Admission | What::InVain => {
            return Some(&last.at);
        }
        What::Computing | What::Missed if busy(&last.at) => return Some(&last.at),
        _ => {}
    }
    let waits = |link: &&Cause| {
        matches!(
            link.what,
            What::Queued | What::Full | What::Overdue | What::Admission
        )
    };
    // Work that nobody slows down, behind a queue: there is too much of it.
    let works = matches!(
        last.what,
        What::Computing | What::Sleeping | What::Travelling
    );
    let queue = links.iter().rev().find(waits)?;
    works.then_some(queue.at.as_str())
}

/// The surge whose requests reach a service in a window.
fn surge(record: &RunRecord, service: &str, window: usize) -> Option<String> {
    let length = record.series.window_s;
    let from = window as f64 * length;
    let now = |span: &&FaultSpan| span.from_s < from + length && from < span.to_s + AFTER * length;
    let spans = record.causes.events.iter().filter(now);
    spans
        .filter_map(|span| Some((span, record.causes.surges.get(&span.label)?)))
        .find(|(_, workload)| reaches(record, workload, service))
        .map(|(span, _)| span.label.clone())
}

/// Whether requests of a workload lead to calls of a service.
fn reaches(record: &RunRecord, workload: &str, service: &str) -> bool {
    let mut reached = vec![workload];
    let mut at = 0;
    while let Some(from) = reached.get(at).copied() {
        at += 1;
        for edge in record.series.edges.keys() {
            let to = words::service(words::target(edge));
            if words::caller(edge) == from && !reached.contains(&to) {
                reached.push(to);
            }
        }
    }
    reached.contains(&service)
}

/// Failures by root, as they are added up.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) failed: u64,
    pub(super) direct: u64,
    /// Seconds.
    pub(super) first: f64,
    /// The service that has too much to do of what the root has left behind, and since when.
    pub(super) left_behind: Option<(String, f64)>,
}

/// The roots of counted failures, that of most first, with the times of what happened.
pub(super) fn listed(record: &RunRecord, tallies: BTreeMap<Key, Tally>) -> Vec<(Key, Root)> {
    let root = |(key, tally): (Key, Tally)| {
        let span = span(record, &key.label, tally.first);
        let (service, since) = match &tally.left_behind {
            Some((service, since)) => (Some(service.as_str()), *since),
            None => (key.overloaded.as_deref(), tally.first),
        };
        let note = service.and_then(|service| demand(record, service, since));
        let root = Root {
            kind: key.kind,
            label: key.label.clone(),
            from_s: span.map(|span| span.from_s),
            to_s: span.map(|span| span.to_s),
            failed: tally.failed,
            direct: tally.direct,
            note,
        };
        (key, root)
    };
    let mut roots: Vec<_> = tallies.into_iter().map(root).collect();
    roots.sort_by_key(|(_, root)| std::cmp::Reverse(root.failed));
    roots
}

/// The last time before a failure that something of this name began.
fn span<'a>(record: &'a RunRecord, label: &str, first: f64) -> Option<&'a FaultSpan> {
    let named = record
        .causes
        .events
        .iter()
        .filter(|span| span.label == label);
    let before = named.clone().filter(|span| span.from_s <= first);
    before
        .max_by(|a, b| a.from_s.total_cmp(&b.from_s))
        .or_else(|| named.clone().next())
}

/// How much comes to a service and how much it serves, from the first failure on.
fn demand(record: &RunRecord, service: &str, first: f64) -> Option<String> {
    let series = record.series.services.get(service)?;
    let from = (first / record.series.window_s) as usize;
    let mean = |values: &[f64]| {
        let values = values.get(from..(from + 10).min(values.len()))?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let (arrive, served) = (mean(&series.arrivals)?, mean(&series.completed)?);
    Some(format!(
        "to {service} come {}/s, {}/s are served",
        words::figure(arrive),
        words::figure(served)
    ))
}
