//! The topology of a run with what was measured on it.

use crate::html::topology::{Kind, Link, Place};
use crate::units::{count, percent, rate, three_digits};
use study::record::RunRecord;

/// Boxes and arrows of a run, workloads first.
pub(super) fn of(record: &RunRecord) -> (Vec<Place>, Vec<Link>) {
    let mut places: Vec<Place> = Vec::new();
    for name in record.workloads.keys() {
        places.push(place(record, name, Kind::Workload, ""));
    }
    for name in record.services.keys() {
        places.push(place(record, name, Kind::Service, ""));
    }
    let mut links = Vec::new();
    for (edge, call) in &record.calls {
        let Some((caller, rest)) = edge.split_once("->") else {
            continue;
        };
        let (target, endpoint) = rest.rsplit_once('.').unwrap_or((rest, ""));
        let find = |name: &str| places.iter().position(|place| place.name == name);
        let (Some(from), Some(to)) = (find(caller), find(target)) else {
            continue;
        };
        let failed: u64 = call.failed.values().sum();
        links.push(Link {
            from,
            to,
            label: endpoint.to_owned(),
            is_call: true,
            ended: call.succeeded + failed,
            failed,
        });
    }
    (places, links)
}

fn place(record: &RunRecord, name: &str, kind: Kind, detail: &str) -> Place {
    let mut busy = None;
    let note = match kind {
        Kind::Workload => record.workloads.get(name).map(|workload| {
            let throughput = workload.throughput.mean.map_or(String::new(), rate);
            format!("{throughput} succeed")
        }),
        Kind::Service => record.services.get(name).map(|service| {
            busy = service.utilization.mean;
            busy.map_or(String::new(), |busy| format!("{} busy", percent(busy)))
        }),
        Kind::Queue => record.queues.get(name).map(|queue| {
            let most = queue.depth.max.mean.map_or(String::new(), three_digits);
            format!("at most {most}")
        }),
        Kind::Store => record.stores.get(name).map(|store| format!("{} reads", count(store.reads))),
    };
    Place {
        name: name.to_owned(),
        kind,
        note: note.unwrap_or_default(),
        detail: detail.to_owned(),
        busy,
    }
}
