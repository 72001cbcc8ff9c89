//! Who is joined to whom in a model, as far as its steps say.

use crate::record::{Link, LinkKind, Node, NodeKind, Topology};
use model::{Model, Step, Target};
use std::collections::BTreeMap;

/// The parts of a model and what joins them.
pub(crate) fn topology(model: &Model) -> Topology {
    let mut drawing = Drawing::of(model);
    for (w, workload) in model.workloads.iter().enumerate() {
        let caller = drawing.node(NodeKind::Workload, w);
        drawing.call(caller, workload.target);
    }
    for (s, service) in model.services.iter().enumerate() {
        for endpoint in &service.endpoints {
            drawing.steps(drawing.node(NodeKind::Service, s), &endpoint.steps);
        }
    }
    for (q, queue) in model.queues.iter().enumerate() {
        let from = drawing.node(NodeKind::Queue, q);
        for consumer in &queue.consumers {
            let to = drawing.node(NodeKind::Service, consumer.service);
            drawing.link(from, to, LinkKind::Consume);
        }
        if let Some(dead) = queue.dead_letter {
            let to = drawing.node(NodeKind::Queue, dead);
            drawing.link(from, to, LinkKind::DeadLetter);
        }
    }
    drawing.finish()
}

struct Drawing<'m> {
    model: &'m Model,
    nodes: Vec<Node>,
    /// By ends and kind: the calls that it carries.
    links: BTreeMap<(usize, usize, LinkKind), Vec<String>>,
}

impl<'m> Drawing<'m> {
    fn of(model: &'m Model) -> Self {
        let node = |name: &str, kind, count| Node {
            name: name.to_owned(),
            kind,
            count,
        };
        let workloads = model.workloads.iter();
        let services = model.services.iter();
        let queues = model.queues.iter();
        let stores = model.stores.iter();
        let nodes = workloads
            .map(|w| node(&w.name, NodeKind::Workload, 1))
            .chain(services.map(|s| node(&s.name, NodeKind::Service, s.instances)))
            .chain(queues.map(|q| node(&q.name, NodeKind::Queue, q.partitions)))
            .chain(stores.map(|s| node(&s.name, NodeKind::Store, s.replicas)));
        Self {
            model,
            nodes: nodes.collect(),
            links: BTreeMap::new(),
        }
    }

    /// Where the part with this number among its kind stands.
    fn node(&self, kind: NodeKind, number: usize) -> usize {
        let (workloads, services) = (self.model.workloads.len(), self.model.services.len());
        number
            + match kind {
                NodeKind::Workload => 0,
                NodeKind::Service => workloads,
                NodeKind::Queue => workloads + services,
                NodeKind::Store => workloads + services + self.model.queues.len(),
            }
    }

    fn link(&mut self, from: usize, to: usize, kind: LinkKind) -> &mut Vec<String> {
        self.links.entry((from, to, kind)).or_default()
    }

    fn call(&mut self, caller: usize, target: Target) {
        let service = &self.model.services[target.service];
        let endpoint = &service.endpoints[target.endpoint].name;
        let name = format!("{}->{}.{endpoint}", self.nodes[caller].name, service.name);
        let to = self.node(NodeKind::Service, target.service);
        let edges = self.link(caller, to, LinkKind::Call);
        if !edges.contains(&name) {
            edges.push(name);
        }
    }

    fn steps(&mut self, at: usize, steps: &[Step]) {
        for step in steps {
            self.step(at, step);
        }
    }

    fn step(&mut self, at: usize, step: &Step) {
        match step {
            Step::Call { target, .. } => self.call(at, *target),
            Step::Parallel { branches, .. } => {
                for branch in branches {
                    self.steps(at, branch);
                }
            }
            Step::Choose(alternatives) => {
                for (_, steps) in alternatives {
                    self.steps(at, steps);
                }
            }
            Step::Repeat { steps, .. } => self.steps(at, steps),
            Step::Read { table, .. } => {
                let from = self.node(NodeKind::Store, table.store);
                self.link(from, at, LinkKind::Read);
            }
            Step::Write { table, .. } => {
                let to = self.node(NodeKind::Store, table.store);
                self.link(at, to, LinkKind::Write);
            }
            Step::Transaction(transaction) => {
                for participant in &transaction.participants {
                    let to = self.node(NodeKind::Service, participant.work.service);
                    self.link(at, to, LinkKind::Transaction);
                }
            }
            Step::Publish(queue) => {
                let to = self.node(NodeKind::Queue, *queue);
                self.link(at, to, LinkKind::Publish);
            }
            Step::Cache(cache) => self.steps(at, &cache.miss),
            Step::Compute(_) | Step::Wait(_) | Step::Fail(_) => {}
        }
    }

    fn finish(self) -> Topology {
        let links = self.links.into_iter().map(|((from, to, kind), mut edges)| {
            edges.sort();
            Link {
                from,
                to,
                kind,
                edges,
            }
        });
        Topology {
            nodes: self.nodes,
            links: links.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Progress, run, testing};

    #[test]
    fn all_parts_and_what_joins_them() {
        let record = run(
            &testing::model(
                "
name: shop
run: {duration: 2s}
services:
  front:
    instances: 2
    endpoints:
      buy: [{parallel: [[{call: stock.take}], [{call: stock.look}]]}, {publish: mails}]
      look: [{call: stock.look}, {read: goods.prices}]
  stock: {endpoints: {take: [{write: goods.counts}], look: [{compute: 1ms}]}}
  mailer: {endpoints: {send: [{compute: 1ms}]}}
stores:
  goods: {owner: stock}
queues:
  mails: {consumer: mailer.send, max_deliveries: 3, dead_letter: lost}
  lost: {consumer: mailer.send}
workloads:
  buyers: {target: front.buy, arrivals: {poisson: {rate: 5/s}}}
  lookers: {target: front.look, arrivals: {poisson: {rate: 5/s}}}
",
            ),
            &Options::default(),
            &Progress::new(),
        )
        .unwrap();
        let topology = &record.topology;
        let name = |at: usize| topology.nodes[at].name.as_str();
        let links = topology.links.iter();
        let links: Vec<_> = links
            .map(|link| (name(link.from), name(link.to), link.kind))
            .collect();
        assert_eq!(
            links,
            [
                ("buyers", "front", LinkKind::Call),
                ("lookers", "front", LinkKind::Call),
                ("front", "stock", LinkKind::Call),
                ("front", "mails", LinkKind::Publish),
                ("stock", "goods", LinkKind::Write),
                ("mails", "mailer", LinkKind::Consume),
                ("mails", "lost", LinkKind::DeadLetter),
                ("lost", "mailer", LinkKind::Consume),
                ("goods", "front", LinkKind::Read),
            ]
        );
        assert_eq!(topology.nodes[2].count, 2);
        // What a link carries is there under the same name among the calls, and nothing else is.
        let mut carried: Vec<&String> = topology.links.iter().flat_map(|l| &l.edges).collect();
        carried.sort();
        assert_eq!(carried, record.calls.keys().collect::<Vec<_>>());
        assert_eq!(carried, record.series.edges.keys().collect::<Vec<_>>());
    }
}
