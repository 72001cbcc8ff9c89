//! The spans of one request while they grow, and what is made of them in the end. It refuses to know
//! what the world does.

use super::path;
use super::record::{Chosen, Event, Kind, Span, Trace};
use clock::Instant;
use policy::Outcome;

/// A trace holds no more; what a handler does a million times looks alike.
const MOST_SPANS: usize = 10_000;

/// A span while it grows, by number.
pub(super) type Id = u32;

/// Who does something: a service or a workload, and which instance of it, from 1.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) service: String,
    pub(super) instance: Option<u32>,
}

/// The spans of one request.
#[derive(Debug)]
pub(super) struct Tree {
    workload: String,
    number: u64,
    chosen: Chosen,
    key: u64,
    spans: Vec<Span>,
    open: Vec<bool>,
    dropped: u64,
}

impl Tree {
    /// Nothing has been heard of the request.
    pub(super) fn new(workload: String, number: u64, chosen: Chosen) -> Self {
        Self {
            workload,
            number,
            chosen,
            key: 0,
            spans: Vec::new(),
            open: Vec::new(),
            dropped: 0,
        }
    }

    /// The key of the request, from which its identity comes.
    pub(super) fn keyed(&mut self, key: u64) {
        self.key = key;
    }

    /// A span begins, if there is room for it. Without a parent only the first does.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        parent: Option<Id>,
        kind: Kind,
        name: &str,
        who: Who,
    ) -> Option<Id> {
        if parent.is_none() && !self.spans.is_empty() || self.spans.len() == MOST_SPANS {
            self.dropped += 1;
            return None;
        }
        let at = now.as_nanos();
        self.spans.push(Span {
            id: String::new(),
            parent,
            kind,
            name: name.to_owned(),
            service: who.service,
            instance: who.instance,
            start_ns: at,
            end_ns: at,
            outcome: None,
            unfinished: false,
            outlives_parent: false,
            attempt: None,
            hedge: false,
            to: None,
            refused_by: None,
            message: None,
            delivery: None,
            link: None,
            events: Vec::new(),
        });
        self.open.push(true);
        Some(self.spans.len() as Id - 1)
    }

    /// One that is over already.
    pub(super) fn past(&mut self, from: Instant, to: Instant, parent: Option<Id>, kind: Kind) {
        let Some(above) = parent.and_then(|parent| self.spans.get(parent as usize)) else {
            return;
        };
        if from < to {
            let who = Who {
                service: above.service.clone(),
                instance: above.instance,
            };
            let id = self.begin(from, parent, kind, kind.name(), who);
            self.end(to, id, None);
        }
    }

    pub(super) fn get(&mut self, id: Id) -> &mut Span {
        &mut self.spans[id as usize]
    }

    pub(super) fn is_open(&self, id: Option<Id>) -> bool {
        id.is_some_and(|id| self.open[id as usize])
    }

    pub(super) fn start(&self, id: Id) -> Instant {
        Instant::from_nanos(self.spans[id as usize].start_ns)
    }

    /// A span ends, unless it has before.
    pub(super) fn end(&mut self, now: Instant, id: Option<Id>, outcome: Option<&str>) {
        if let Some(id) = id
            && core::mem::replace(&mut self.open[id as usize], false)
        {
            let span = &mut self.spans[id as usize];
            span.end_ns = now.as_nanos();
            span.outcome = outcome.map(str::to_owned);
        }
    }

    pub(super) fn note(&mut self, now: Instant, id: Option<Id>, what: &str) {
        if let Some(id) = id {
            self.spans[id as usize].events.push(Event {
                at_ns: now.as_nanos(),
                what: what.to_owned(),
            });
        }
    }

    /// The trace, at the end of the run.
    pub(super) fn finish(mut self, now: Instant) -> Trace {
        for (span, open) in self.spans.iter_mut().zip(&self.open) {
            if *open {
                span.end_ns = now.as_nanos();
                span.unfinished = true;
            }
        }
        let mut spans = joined(self.spans);
        for index in 0..spans.len() {
            spans[index].id = format!("{:016x}", span_id(self.key, index as u64));
            if let Some(parent) = spans[index].parent {
                spans[index].outlives_parent = spans[index].end_ns > spans[parent as usize].end_ns;
            }
        }
        let root = spans.first();
        Trace {
            id: format!("{:016x}{:016x}", mix(self.key ^ TRACE), self.key),
            workload: self.workload,
            number: self.number + 1,
            chosen: self.chosen,
            outcome: root
                .and_then(|root| root.outcome.clone())
                .unwrap_or_default(),
            start_ns: root.map_or(0, |root| root.start_ns),
            latency_ns: root.map_or(0, Span::length_ns),
            spent: path::spent(&spans),
            dropped: self.dropped,
            spans,
        }
    }
}

/// The same with each call that is nothing but one attempt as that attempt alone.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    let mut parts = vec![0_u32; spans.len()];
    for span in &spans {
        if let Some(parent) = span.parent {
            parts[parent as usize] += 1;
        }
    }
    // By old number: the new one, the same for a call and the attempt that takes its place.
    let mut numbers: Vec<u32> = Vec::with_capacity(spans.len());
    let mut kept: Vec<Span> = Vec::with_capacity(spans.len());
    for index in 0..spans.len() {
        let mut span = spans[index].clone();
        let call = span.parent.map(|parent| parent as usize);
        let stands_for = call.filter(|&call| {
            let call_span = &spans[call];
            span.kind == Kind::Attempt
                && call_span.kind == Kind::Call
                && parts[call] == 1
                && (call_span.start_ns, call_span.end_ns) == (span.start_ns, span.end_ns)
        });
        if let Some(call) = stands_for {
            let number = numbers[call];
            let call = &mut spans[call];
            span.parent = kept[number as usize].parent;
            span.outcome = call.outcome.take();
            span.refused_by = call.refused_by.take();
            span.events.append(&mut call.events);
            span.events.sort_by_key(|event| event.at_ns);
            kept[number as usize] = span;
            numbers.push(number);
            continue;
        }
        span.parent = span.parent.map(|parent| numbers[parent as usize]);
        span.link = span.link.map(|link| numbers[link as usize]);
        numbers.push(kept.len() as u32);
        kept.push(span);
    }
    kept
}

/// The name of an outcome, and of an attempt that nobody wanted any more.
pub(super) fn outcome_of_given_up(too_slow: bool) -> &'static str {
    if too_slow {
        Outcome::Timeout.name()
    } else {
        "cancelled"
    }
}

/// Sets the first half of a trace's identity apart from its second.
const TRACE: u64 = 0x7472_6163_6500_0000;
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Different indices give different numbers, as `STEP` is odd and `mix` loses nothing; 0 says "none"
/// to OpenTelemetry.
fn span_id(key: u64, index: u64) -> u64 {
    mix(key.wrapping_add((index + 1).wrapping_mul(STEP))).max(1)
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
