//! The topology of a run with what was measured on it.

use crate::html::topology::{Kind, Link, Place};
use crate::units::{count, percent, rate, three_digits};
use study::record::{LinkKind, Node, NodeKind, RunRecord};

/// Boxes and arrows of a run.
pub(super) fn of(record: &RunRecord) -> (Vec<Place>, Vec<Link>) {
    let topology = &record.topology;
    let places = topology.nodes.iter().map(|node| place(record, node));
    let links = topology.links.iter().map(|link| {
        let calls = link.edges.iter().filter_map(|edge| record.calls.get(edge));
        let (succeeded, failed) = calls.fold((0, 0), |(good, bad), call| {
            (
                good + call.succeeded,
                bad + call.failed.values().sum::<u64>(),
            )
        });
        Link {
            from: link.from,
            to: link.to,
            label: label(link),
            is_call: link.kind == LinkKind::Call,
            ended: succeeded + failed,
            failed,
        }
    });
    (places.collect(), links.collect())
}

fn label(link: &study::record::Link) -> String {
    let endpoints = link.edges.iter().filter_map(|edge| edge.rsplit_once('.'));
    let endpoints: Vec<&str> = endpoints.map(|(_, endpoint)| endpoint).collect();
    match link.kind {
        LinkKind::Call => endpoints.join(", "),
        LinkKind::Transaction => "transactions".to_owned(),
        LinkKind::Publish => "publishes".to_owned(),
        LinkKind::Consume => "consumes".to_owned(),
        LinkKind::DeadLetter => "dead letters".to_owned(),
        LinkKind::Read => "reads".to_owned(),
        LinkKind::Write => "writes".to_owned(),
    }
}

fn place(record: &RunRecord, node: &Node) -> Place {
    let name = &node.name;
    let mut busy = None;
    let (kind, note) = match node.kind {
        NodeKind::Workload => {
            let throughput = record.workloads.get(name).and_then(|w| w.throughput.mean);
            (
                Kind::Workload,
                throughput.map(|per_second| format!("{} served", rate(per_second))),
            )
        }
        NodeKind::Service => {
            busy = record.services.get(name).and_then(|s| s.utilization.mean);
            (
                Kind::Service,
                busy.map(|busy| format!("{} busy", percent(busy))),
            )
        }
        NodeKind::Queue => {
            let most = record.queues.get(name).and_then(|q| q.depth.max.mean);
            (
                Kind::Queue,
                most.map(|most| format!("at most {}", three_digits(most))),
            )
        }
        NodeKind::Store => {
            let reads = record.stores.get(name).map(|s| s.reads);
            (
                Kind::Store,
                reads.map(|reads| format!("{} reads", count(reads))),
            )
        }
    };
    let detail = match (node.kind, node.count) {
        (NodeKind::Workload, _) | (_, 1) => String::new(),
        (NodeKind::Service, n) => format!("{n} instances"),
        (NodeKind::Queue, n) => format!("{n} partitions"),
        (NodeKind::Store, n) => format!("{n} copies"),
    };
    Place {
        name: name.clone(),
        kind,
        note: note.unwrap_or_default(),
        detail,
        busy,
    }
}
