//! What held a request's answer up: of every moment of its latency, what it spent that moment on.
//!
//! It walks back from the end of a span: what ended last held up what followed; before that began, it
//! was what had ended last by then, and so on; what no part accounts for is the span's own. This is the
//! critical path of Yang and Miller ("Critical path analysis for the execution of parallel and
//! distributed programs", ICDCS 1988), found backwards. The shares add up to the latency.

use super::record::{Kind, Span, Spent};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Where the time of the first span went, the most first.
pub(super) fn spent(spans: &[Span]) -> Vec<Spent> {
    let Some(root) = spans.first() else {
        return Vec::new();
    };
    let mut children = vec![Vec::new(); spans.len()];
    for (index, span) in spans.iter().enumerate() {
        if let Some(parent) = span.parent {
            children[parent as usize].push(index);
        }
    }
    let mut times: BTreeMap<(Kind, &str), u64> = BTreeMap::new();
    // Spans nest as deep as the model makes calls: a list of what is left, not a recursion.
    let mut left = vec![(0, root.start_ns, root.end_ns)];
    while let Some((index, from, to)) = left.pop() {
        let mut cursor = to;
        let mut own = 0;
        let mut below: Vec<usize> = children[index].clone();
        below.retain(|&child| spans[child].start_ns < to && spans[child].end_ns > from);
        below.sort_by_key(|&child| {
            let span = &spans[child];
            // Of those that end together, not what was no longer wanted, and rather what began late.
            let unwanted = span.outcome.as_deref() == Some("cancelled");
            (
                Reverse(span.end_ns.min(to)),
                unwanted,
                Reverse(span.start_ns),
            )
        });
        for child in below {
            let span = &spans[child];
            if span.start_ns >= cursor {
                continue;
            }
            let end = span.end_ns.min(cursor);
            let start = span.start_ns.max(from);
            own += cursor - end;
            left.push((child, start, end));
            cursor = start;
            if cursor == from {
                break;
            }
        }
        own += cursor - from;
        if own > 0 {
            *times.entry(place(&spans[index])).or_default() += own;
        }
    }
    let mut spent: Vec<Spent> = times
        .into_iter()
        .map(|((on, place), ns)| Spent {
            on,
            place: place.to_owned(),
            ns,
        })
        .collect();
    spent.sort_by_key(|spent| Reverse(spent.ns));
    spent
}

/// On what, and where, a span spends the time that none of its parts accounts for.
fn place(span: &Span) -> (Kind, &str) {
    match span.kind {
        // Whom it waits for, of whom nothing is heard.
        Kind::Call | Kind::Attempt => (Kind::Attempt, target_service(&span.name)),
        Kind::Leader => (span.kind, target_service(&span.name)),
        Kind::Rest | Kind::Publish => (span.kind, &span.name),
        Kind::Network => (Kind::Network, ""),
        Kind::Consume | Kind::Participate | Kind::Branch => (Kind::Serve, &span.service),
        kind => (kind, &span.service),
    }
}

/// Of `service.endpoint`; an endpoint's name has no dot.
fn target_service(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(service, _)| service)
}
