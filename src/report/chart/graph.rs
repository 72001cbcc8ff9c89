//! The call graph with what failed on it over time: who calls whom, how deep, and which share of the
//! calls to each part failed when. It knows nothing of drawing.

use std::collections::{BTreeMap, VecDeque};
use study::record::{LinkKind, NodeKind, RunRecord};

/// Workloads and services, and the calls between them.
pub(super) struct Graph<'a> {
    pub(super) parts: Vec<Part<'a>>,
    /// Caller and callee, as numbers of parts.
    pub(super) calls: Vec<(usize, usize)>,
}

/// A workload or a service.
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    pub(super) is_workload: bool,
    /// Calls from the nearest workload: 0 for workloads themselves.
    pub(super) depth: usize,
    /// Of a service, the calls to it; of a workload, its requests: failed ÷ ended by window, NaN where
    /// none ended.
    pub(super) failing: Vec<f64>,
    /// Breakers of its callers that are open, mean over each window; empty where they have none.
    pub(super) open: Vec<f64>,
}

impl<'a> Graph<'a> {
    pub(super) fn of(record: &'a RunRecord) -> Self {
        let topology = &record.topology;
        // Numbers of nodes to numbers of parts.
        let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
        let mut parts: Vec<Part<'a>> = Vec::new();
        for (at, node) in topology.nodes.iter().enumerate() {
            if matches!(node.kind, NodeKind::Workload | NodeKind::Service) {
                numbers.insert(at, parts.len());
                parts.push(Part {
                    name: &node.name,
                    is_workload: node.kind == NodeKind::Workload,
                    depth: usize::MAX,
                    failing: Vec::new(),
                    open: Vec::new(),
                });
            }
        }
        let mut failed = vec![Ended::default(); parts.len()];
        let mut calls = Vec::new();
        for link in &topology.links {
            let ends = (numbers.get(&link.from), numbers.get(&link.to));
            let (Some(&from), Some(&to), LinkKind::Call) = (ends.0, ends.1, link.kind) else {
                continue;
            };
            calls.push((from, to));
            for edge in &link.edges {
                if let Some(series) = record.series.edges.get(edge) {
                    failed[to].add(&series.succeeded, series.failed.values());
                    if parts[from].is_workload {
                        failed[from].add(&series.succeeded, series.failed.values());
                    }
                }
                if let Some(open) = record.series.breakers.get(edge) {
                    add(&mut parts[to].open, open);
                }
            }
        }
        for (part, ended) in parts.iter_mut().zip(&failed) {
            part.failing = ended.share();
        }
        let mut graph = Self { parts, calls };
        graph.measure_depth(record, &numbers);
        graph
    }

    /// Breadth first from the workloads; what is reached through a queue is one deeper than who
    /// publishes into it. What nobody reaches is deepest.
    fn measure_depth(&mut self, record: &RunRecord, numbers: &BTreeMap<usize, usize>) {
        let nodes = &record.topology.nodes;
        let mut depths = vec![usize::MAX; nodes.len()];
        let workloads = nodes.iter().enumerate();
        let mut next: VecDeque<usize> = workloads
            .filter(|(_, node)| node.kind == NodeKind::Workload)
            .map(|(at, _)| at)
            .collect();
        for at in &next {
            depths[*at] = 0;
        }
        while let Some(at) = next.pop_front() {
            for link in record.topology.links.iter().filter(|link| link.from == at) {
                let carries = !matches!(link.kind, LinkKind::Read | LinkKind::Write);
                if carries && depths.get(link.to) == Some(&usize::MAX) {
                    depths[link.to] = depths[at] + 1;
                    next.push_back(link.to);
                }
            }
        }
        for (node, part) in numbers {
            self.parts[*part].depth = depths[*node];
        }
    }
}

/// What ended at a part, per second and window.
#[derive(Clone, Default)]
struct Ended {
    succeeded: Vec<f64>,
    failed: Vec<f64>,
}

impl Ended {
    fn add<'v>(&mut self, succeeded: &[f64], failed: impl Iterator<Item = &'v Vec<f64>>) {
        add(&mut self.succeeded, succeeded);
        for kind in failed {
            add(&mut self.failed, kind);
        }
    }

    fn share(&self) -> Vec<f64> {
        let failed = |window: usize| self.failed.get(window).copied().unwrap_or(0.0);
        let succeeded = self.succeeded.iter().enumerate();
        succeeded
            .map(|(window, good)| failed(window) / (good + failed(window)))
            .collect()
    }
}

fn add(sum: &mut Vec<f64>, more: &[f64]) {
    if sum.len() < more.len() {
        sum.resize(more.len(), 0.0);
    }
    for (a, b) in sum.iter_mut().zip(more) {
        *a += b;
    }
}

/// The spans of windows in which a share is above a threshold: first window, and the one after the
/// last. A span goes on over gaps of up to `patience` windows that are below, or say nothing.
pub(super) fn crossings(share: &[f64], threshold: f64, patience: usize) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (window, value) in share.iter().enumerate() {
        // NaN is not above.
        if value.is_nan() || *value <= threshold {
            continue;
        }
        match spans.last_mut() {
            Some((_, end)) if window - *end <= patience => *end = window + 1,
            _ => spans.push((window, window + 1)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::checkout;

    #[test]
    fn crossings_bridge_short_gaps_only() {
        let share = [0.0, 0.2, f64::NAN, 0.3, 0.0, 0.0, 0.0, 0.06, 0.05];
        assert_eq!(crossings(&share, 0.05, 1), [(1, 4), (7, 8)]);
        assert_eq!(crossings(&share, 0.05, 3), [(1, 8)]);
        assert_eq!(crossings(&share, 0.05, 0), [(1, 2), (3, 4), (7, 8)]);
        assert_eq!(crossings(&[], 0.05, 1), []);
    }

    #[test]
    fn a_part_fails_as_the_calls_to_it_do() {
        let record = checkout();
        let graph = Graph::of(&record);
        let part = |name: &str| graph.parts.iter().find(|part| part.name == name).unwrap();
        assert_eq!(
            ["shoppers", "gateway", "order", "payment"].map(|name| part(name).depth),
            [0, 1, 2, 3]
        );
        assert_eq!(part("payment").failing[0], 0.0);
        assert_eq!(part("payment").failing[130], 0.4);
        assert_eq!(part("order").open[130], 0.25);
        assert!(part("payment").open.is_empty());
    }
}
