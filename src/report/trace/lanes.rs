//! Spans on lanes: on each, any two are either one after the other or one within the other, the outer
//! one being an ancestor. That is what a viewer with one stack per thread can show.

use std::collections::BTreeMap;
use study::trace::record::{Span, Traces};

/// Who runs on lanes, and which lane of theirs, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Lane<'a> {
    pub(super) service: &'a str,
    pub(super) instance: Option<u32>,
    pub(super) number: usize,
}

/// The spans that are open on a lane, by trace and index, the innermost last.
type Open = Vec<(usize, usize)>;

/// The lane of every span, by trace and index: that of its parent where it can be, else the first
/// that is free.
pub(super) fn lanes(traces: &Traces) -> Vec<Vec<Lane<'_>>> {
    let all = traces.traces.iter().enumerate();
    let mut order: Vec<(usize, usize)> = all
        .flat_map(|(trace, told)| (0..told.spans.len()).map(move |span| (trace, span)))
        .collect();
    let span = |(trace, index): (usize, usize)| -> &Span { &traces.traces[trace].spans[index] };
    let depths: Vec<Vec<usize>> = traces.traces.iter().map(|t| depths(&t.spans)).collect();
    // Of those that begin together a parent comes before its children, which may outlive it.
    order.sort_by_key(|&which| {
        let (span, depth) = (span(which), depths[which.0][which.1]);
        (span.start_ns, depth, core::cmp::Reverse(span.end_ns), which)
    });
    let mut placed: Vec<Vec<usize>> = traces
        .traces
        .iter()
        .map(|trace| vec![0; trace.spans.len()])
        .collect();
    // By who: the spans that are open on each lane, the innermost last.
    let mut open: BTreeMap<(&str, Option<u32>), Vec<Open>> = BTreeMap::new();
    for which in order {
        let this = span(which);
        let (trace, index) = which;
        let lanes = open.entry((&this.service, this.instance)).or_default();
        for lane in lanes.iter_mut() {
            while lane
                .last()
                .is_some_and(|&top| span(top).end_ns <= this.start_ns)
            {
                lane.pop();
            }
        }
        let fits = |lane: &Open| match lane.last() {
            None => true,
            Some(&top) => {
                span(top).end_ns >= this.end_ns
                    && top.0 == trace
                    && is_ancestor(top.1, index, &traces.traces[trace].spans)
            }
        };
        let of_parent = this
            .parent
            .filter(|&parent| {
                let parent = &traces.traces[trace].spans[parent as usize];
                (&parent.service, parent.instance) == (&this.service, this.instance)
            })
            .map(|parent| placed[trace][parent as usize]);
        let lane = of_parent
            .filter(|&lane| fits(&lanes[lane]))
            .or_else(|| lanes.iter().position(fits))
            .unwrap_or(lanes.len());
        if lane == lanes.len() {
            lanes.push(Vec::new());
        }
        lanes[lane].push(which);
        placed[trace][index] = lane;
    }
    let told = traces.traces.iter().zip(placed);
    told.map(|(trace, numbers)| {
        let spans = trace.spans.iter().zip(numbers);
        spans
            .map(|(span, number)| Lane {
                service: &span.service,
                instance: span.instance,
                number,
            })
            .collect()
    })
    .collect()
}

/// How many spans are above each.
fn depths(spans: &[Span]) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::with_capacity(spans.len());
    for span in spans {
        // Parents come before their children.
        depths.push(span.parent.map_or(0, |parent| depths[parent as usize] + 1));
    }
    depths
}

fn is_ancestor(above: usize, mut below: usize, spans: &[Span]) -> bool {
    while let Some(parent) = spans[below].parent {
        below = parent as usize;
        if below == above {
            return true;
        }
    }
    false
}
