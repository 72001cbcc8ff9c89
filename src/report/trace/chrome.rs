//! Traces in the Trace Event Format, which Perfetto and `chrome://tracing` open: a process for each
//! service, a thread for each lane of each instance, and an arrow from each attempt and each publisher
//! to what it caused elsewhere. Times are microseconds of simulated time.

use super::lanes::{Lane, lanes};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use study::trace::record::{Kind, Span, Trace, Traces};

/// The bytes of the file.
pub(super) fn json(traces: &Traces) -> Vec<u8> {
    let lanes = lanes(traces);
    let threads = threads(traces, &lanes);
    let mut events = names(&threads);
    let mut arrows = 0;
    for (trace, lanes) in traces.traces.iter().zip(&lanes) {
        for (index, span) in trace.spans.iter().enumerate() {
            let (pid, tid) = threads[&lanes[index]];
            events.push(Event {
                name: label(span),
                cat: span.kind.name(),
                ph: "X",
                ts: Some(us(span.start_ns)),
                dur: Some(us(span.length_ns())),
                pid,
                tid,
                id: None,
                bp: None,
                args: args(trace, index),
            });
            let caused = matches!(span.kind, Kind::Serve | Kind::Consume | Kind::Participate);
            let Some(from) = span.parent.filter(|_| caused) else {
                continue;
            };
            arrows += 1;
            let cause = &trace.spans[from as usize];
            let (pid_of_cause, tid_of_cause) = threads[&lanes[from as usize]];
            let arrow = |ph, bp, at, pid, tid| Event {
                name: "caused".to_owned(),
                cat: "flow",
                ph,
                ts: Some(us(at)),
                dur: None,
                pid,
                tid,
                id: Some(arrows),
                bp,
                args: Map::new(),
            };
            events.push(arrow("s", None, cause.start_ns, pid_of_cause, tid_of_cause));
            events.push(arrow("f", Some("e"), span.start_ns, pid, tid));
        }
    }
    let file = File {
        display_time_unit: "ms",
        other_data: json!({
            "model": traces.model,
            "seed": traces.seed,
            "replication": traces.replication,
            "clock": "simulated time",
        }),
        trace_events: events,
    };
    let mut bytes = serde_json::to_vec(&file).expect("its maps have names as keys");
    bytes.push(b'\n');
    bytes
}

/// A process for each service, in the order in which requests come to them; in each, a thread for
/// each lane, in order.
fn threads<'a>(traces: &Traces, lanes: &[Vec<Lane<'a>>]) -> BTreeMap<Lane<'a>, (u32, u32)> {
    let mut pids: BTreeMap<&str, u32> = BTreeMap::new();
    let mut firsts: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    for (trace, lanes) in traces.traces.iter().zip(lanes) {
        for (index, (span, lane)) in trace.spans.iter().zip(lanes).enumerate() {
            let since = (span.start_ns - trace.start_ns, index);
            let first = firsts.entry(lane.service).or_insert(since);
            *first = since.min(*first);
        }
    }
    let mut order: Vec<_> = firsts
        .iter()
        .map(|(service, first)| (first, *service))
        .collect();
    order.sort_unstable();
    for (number, (_, service)) in order.into_iter().enumerate() {
        pids.insert(service, number as u32 + 1);
    }
    let mut threads: BTreeMap<Lane<'a>, (u32, u32)> = BTreeMap::new();
    for lane in lanes.iter().flatten() {
        threads.insert(*lane, (pids[lane.service], 0));
    }
    let mut next: BTreeMap<u32, u32> = BTreeMap::new();
    for (pid, tid) in threads.values_mut() {
        let next = next.entry(*pid).or_default();
        *next += 1;
        *tid = *next;
    }
    threads
}

/// What processes and threads are called.
fn names(threads: &BTreeMap<Lane<'_>, (u32, u32)>) -> Vec<Event> {
    let mut events = Vec::new();
    let meta = |name: &str, pid, tid, args: Value| Event {
        name: name.to_owned(),
        cat: "__metadata",
        ph: "M",
        ts: None,
        dur: None,
        pid,
        tid,
        id: None,
        bp: None,
        args: args.as_object().cloned().unwrap_or_default(),
    };
    for (lane, &(pid, tid)) in threads {
        if tid == 1 {
            let args = json!({"name": lane.service});
            events.push(meta("process_name", pid, 0, args));
            let args = json!({"sort_index": pid});
            events.push(meta("process_sort_index", pid, 0, args));
        }
        let mut name = match lane.instance {
            Some(instance) => format!("{}-{instance}", lane.service),
            None => "requests".to_owned(),
        };
        if lane.number > 0 {
            name = format!("{name} ({})", lane.number + 1);
        }
        events.push(meta("thread_name", pid, tid, json!({"name": name})));
        let args = json!({"sort_index": tid});
        events.push(meta("thread_sort_index", pid, tid, args));
    }
    events
}

/// What stands in a span's box.
fn label(span: &Span) -> String {
    match span.kind {
        Kind::Attempt if span.hedge => format!("{} (hedge)", span.name),
        Kind::Attempt => match span.attempt {
            Some(attempt) if attempt > 0 => format!("{} (retry {attempt})", span.name),
            _ => span.name.clone(),
        },
        Kind::Publish => format!("publish {}", span.name),
        _ => span.name.clone(),
    }
}

fn args(trace: &Trace, index: usize) -> Map<String, Value> {
    let span = &trace.spans[index];
    let mut args = Map::new();
    let mut say = |key: &str, value: Value| {
        args.insert(key.to_owned(), value);
    };
    say("trace", json!(trace.id));
    if index == 0 {
        say("workload", json!(trace.workload));
        say("request", json!(trace.number));
    }
    if let Some(outcome) = &span.outcome {
        say("outcome", json!(outcome));
    }
    if let Some(to) = &span.to {
        say("to", json!(to));
    }
    if let Some(by) = &span.refused_by {
        say("refused by", json!(by));
    }
    if let Some(delivery) = span.delivery {
        say("delivery", json!(delivery));
    }
    for event in &span.events {
        let at = us(event.at_ns);
        say(&event.what, json!(format!("at {at} µs")));
    }
    args
}

/// Exact to the nanosecond for the first 104 days.
fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    display_time_unit: &'static str,
    other_data: Value,
    trace_events: Vec<Event>,
}

#[derive(Serialize)]
struct Event {
    name: String,
    cat: &'static str,
    ph: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    pid: u32,
    tid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    /// An arrow ends at the slice that encloses its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'static str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    args: Map<String, Value>,
}
