use crate::{file, traces};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn events() -> Vec<Value> {
    let json: Value = serde_json::from_slice(&file("traces.chrome.json")).unwrap();
    assert_eq!(json["displayTimeUnit"], "ms");
    json["traceEvents"].as_array().unwrap().clone()
}

fn of_phase(phase: &str) -> Vec<Value> {
    let all = events().into_iter();
    all.filter(|event| event["ph"] == phase).collect()
}

fn thread(event: &Value) -> (u64, u64) {
    let number = |key: &str| event[key].as_u64().unwrap();
    (number("pid"), number("tid"))
}

/// Nanoseconds.
fn time(event: &Value, key: &str) -> u64 {
    (event[key].as_f64().unwrap() * 1e3).round() as u64
}

fn length(event: &Value) -> (u64, u64) {
    let start = time(event, "ts");
    (start, start + time(event, "dur"))
}

#[test]
fn on_every_thread_slices_are_within_each_other_or_apart() {
    let slices = of_phase("X");
    let spans: usize = traces().traces.iter().map(|trace| trace.spans.len()).sum();
    assert_eq!(slices.len(), spans);
    let mut threads: BTreeMap<_, Vec<(u64, u64)>> = BTreeMap::new();
    for slice in &slices {
        threads
            .entry(thread(slice))
            .or_default()
            .push(length(slice));
    }
    for (thread, mut slices) in threads {
        slices.sort_by_key(|&(start, end)| (start, std::cmp::Reverse(end)));
        let mut open: Vec<u64> = Vec::new();
        for (start, end) in slices {
            open.retain(|&outer| outer > start);
            assert!(
                open.last().is_none_or(|&outer| end <= outer),
                "{thread:?}: {start}..{end} sticks out"
            );
            open.push(end);
        }
    }
}

#[test]
fn processes_are_services_and_threads_are_their_instances() {
    let names = of_phase("M");
    let named = |what: &str| -> BTreeMap<(u64, u64), String> {
        let of = names.iter().filter(|event| event["name"] == what);
        of.map(|event| {
            let name = event["args"]["name"].as_str().unwrap();
            (thread(event), name.to_owned())
        })
        .collect()
    };
    let processes: BTreeMap<u64, String> = named("process_name")
        .into_iter()
        .map(|((pid, _), name)| (pid, name))
        .collect();
    let names: BTreeSet<&str> = processes.values().map(|name| &**name).collect();
    assert_eq!(
        names,
        BTreeSet::from(["shoppers", "gateway", "stock", "order", "pay", "mail"])
    );
    // Who asks stands above who is asked.
    assert_eq!((&*processes[&1], &*processes[&2]), ("shoppers", "gateway"));
    let threads = named("thread_name");
    for slice in of_phase("X") {
        let (pid, tid) = thread(&slice);
        let name = &threads[&(pid, tid)];
        assert!(
            name.starts_with(&processes[&pid]) || name.starts_with("requests"),
            "{name} in {}",
            processes[&pid]
        );
    }
}

#[test]
fn an_arrow_leads_from_every_attempt_to_what_it_caused() {
    let slices = of_phase("X");
    let within = |event: &Value| {
        let at = time(event, "ts");
        slices.iter().any(|slice| {
            let (start, end) = length(slice);
            thread(slice) == thread(event) && (start..=end).contains(&at)
        })
    };
    let (starts, ends) = (of_phase("s"), of_phase("f"));
    assert!(starts.iter().all(within) && ends.iter().all(within));
    let ids = |events: &[Value]| -> Vec<u64> {
        let ids = events.iter().map(|event| event["id"].as_u64().unwrap());
        ids.collect()
    };
    assert_eq!(ids(&starts), ids(&ends));
    let caused = |slice: &&Value| ["serve", "consume"].contains(&slice["cat"].as_str().unwrap());
    assert_eq!(starts.len(), slices.iter().filter(caused).count());
    for (start, end) in starts.iter().zip(&ends) {
        assert!(time(start, "ts") <= time(end, "ts"), "time goes on");
        assert_eq!(end["bp"], "e");
    }
}
