//! The rows of a waterfall: a request at an instance and the attempt that led there are one row, what
//! it does is the shading of its bar, and a call has a row of its own where it made several attempts.

use study::trace::record::{Kind, Span, Trace};

/// What an instant of a row's bar shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shade {
    /// Work.
    Work,
    /// Waits for a worker.
    Queue,
    /// A `wait` step, a protocol, a sibling.
    Wait,
    /// Waits for what rows below do.
    Below,
    /// On its way.
    Network,
    /// Held back by the caller's policy.
    Rest,
    /// Goes on, though its caller no longer waits.
    InVain,
}

/// A line of the waterfall.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Row {
    pub(super) depth: usize,
    pub(super) label: String,
    pub(super) from: u64,
    pub(super) to: u64,
    /// Until when somebody worked for it, though nobody waited any more; no less than `to`.
    pub(super) until: u64,
    /// Later ones lie over earlier ones.
    pub(super) shades: Vec<(u64, u64, Shade)>,
    /// What is to be said of its end; nothing where it went well.
    pub(super) end: Option<String>,
    /// That end is a failure.
    pub(super) failed: bool,
    /// Index of the row above it in the tree.
    pub(super) parent: Option<usize>,
}

/// All rows of a trace, each below its parent, in the order of time.
pub(super) fn rows(trace: &Trace) -> Vec<Row> {
    let mut children = vec![Vec::new(); trace.spans.len()];
    for (index, span) in trace.spans.iter().enumerate() {
        if let Some(parent) = span.parent {
            children[parent as usize].push(index);
        }
    }
    for below in &mut children {
        below.sort_by_key(|&index| (trace.spans[index].start_ns, index));
    }
    let mut rows: Vec<Row> = Vec::new();
    // What is still to be shown, the next last; and the row that it belongs to.
    let mut left: Vec<(usize, Option<usize>)> = vec![(0, None)];
    while let Some((index, above)) = left.pop() {
        let span = &trace.spans[index];
        let row = match shade(span.kind) {
            Some(shade) => {
                if let Some(above) = above {
                    rows[above].shades.push((span.start_ns, span.end_ns, shade));
                }
                above
            }
            None if joins_its_parent(span, &children[index]) => {
                if let Some(above) = above {
                    join(&mut rows[above], span);
                }
                above
            }
            None => {
                rows.push(row(span, above, &rows));
                Some(rows.len() - 1)
            }
        };
        left.extend(children[index].iter().rev().map(|&child| (child, row)));
    }
    rows
}

/// What a span is in the bar of the row above it; nothing where it is a row.
fn shade(kind: Kind) -> Option<Shade> {
    match kind {
        Kind::Work => Some(Shade::Work),
        Kind::Queue => Some(Shade::Queue),
        Kind::Wait
        | Kind::Sibling
        | Kind::Publish
        | Kind::Transaction
        | Kind::Replicate
        | Kind::Leader => Some(Shade::Wait),
        Kind::Network => Some(Shade::Network),
        Kind::Rest => Some(Shade::Rest),
        Kind::Call
        | Kind::Attempt
        | Kind::Serve
        | Kind::Consume
        | Kind::Participate
        | Kind::Branch => None,
    }
}

fn joins_its_parent(span: &Span, below: &[usize]) -> bool {
    match span.kind {
        Kind::Serve => true,
        Kind::Branch => below.len() < 2,
        _ => false,
    }
}

/// A request at an instance is in its attempt's row, the bar of which goes on as long as it does.
fn join(row: &mut Row, span: &Span) {
    if span.kind != Kind::Serve {
        return;
    }
    row.until = row.until.max(span.end_ns);
    if let Some(by) = &span.refused_by {
        let short = match &**by {
            "a full queue" => "queue full",
            "admission" => "not let in",
            _ => "dropped",
        };
        row.end = Some(short.to_owned());
    }
}

fn row(span: &Span, above: Option<usize>, rows: &[Row]) -> Row {
    let to = span.to.as_deref();
    let service = span.name.rsplit_once('.');
    // `order-2 place`: who it is sent to, and for what.
    let sent = match (to, service) {
        (Some(to), Some((_, endpoint))) => format!("{to} {endpoint}"),
        _ => span.name.clone(),
    };
    let label = match span.kind {
        Kind::Attempt if span.hedge => format!("hedge {sent}"),
        Kind::Attempt if span.attempt.is_some_and(|attempt| attempt > 0) => format!("retry {sent}"),
        Kind::Attempt => sent,
        Kind::Consume | Kind::Participate => match (span.instance, service) {
            (Some(instance), Some((service, endpoint))) => {
                let again = span.delivery.is_some_and(|delivery| delivery > 1);
                let what = match (span.kind, again) {
                    (Kind::Consume, false) => "message",
                    (Kind::Consume, true) => "message again",
                    _ => "part",
                };
                format!("{what} {service}-{instance} {endpoint}")
            }
            _ => span.name.clone(),
        },
        _ => span.name.clone(),
    };
    let by = span.refused_by.as_ref().filter(|_| span.failed());
    let lost = span.events.iter().find(|event| event.what.contains("lost"));
    let end = match (span.outcome.as_deref(), by, lost) {
        (_, _, _) if span.unfinished => Some("unfinished".to_owned()),
        (Some("success") | None, ..) => None,
        (Some("rejected"), Some(by), _) => Some(match &**by {
            "circuit_breaker" => "breaker open".to_owned(),
            other => other.replace('_', " "),
        }),
        (Some("timeout"), _, Some(_)) => Some("lost".to_owned()),
        (Some(outcome), ..) => Some(outcome.to_owned()),
    };
    Row {
        depth: above.map_or(0, |above| rows[above].depth + 1),
        label,
        from: span.start_ns,
        to: span.end_ns,
        until: span.end_ns,
        shades: Vec::new(),
        failed: span.failed(),
        end,
        parent: above,
    }
}

/// The rows that are shown where there are more than `most`: the longest ones, each with those above
/// it. The others are counted: behind which row, and how many.
pub(super) fn folded(rows: &[Row], most: usize) -> (Vec<usize>, Vec<(usize, usize)>) {
    let mut by_length: Vec<usize> = (0..rows.len()).collect();
    by_length.sort_by_key(|&index| (core::cmp::Reverse(rows[index].to - rows[index].from), index));
    let mut shown = vec![false; rows.len()];
    let mut count = 0;
    for mut index in by_length {
        let mut path = vec![index];
        while let Some(parent) = rows[index].parent {
            index = parent;
            path.push(index);
        }
        path.retain(|&index| !shown[index]);
        if count + path.len() <= most {
            count += path.len();
            path.into_iter().for_each(|index| shown[index] = true);
        }
    }
    let mut hidden: Vec<(usize, usize)> = Vec::new();
    let mut last = 0;
    for (index, &is_shown) in shown.iter().enumerate() {
        if is_shown {
            last = index;
        } else if let Some((_, number)) = hidden.last_mut().filter(|(behind, _)| *behind == last) {
            *number += 1;
        } else {
            hidden.push((last, 1));
        }
    }
    let shown = (0..rows.len()).filter(|&index| shown[index]);
    (shown.collect(), hidden)
}
