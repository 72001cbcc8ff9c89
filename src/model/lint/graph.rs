//! A model as a graph of endpoints and calls, with the times of its steps as plain numbers: what
//! every rule computes on. It refuses to know what is wrong with any of it.

use crate::types::{
    CacheContent, Distribution, Model, QueueId, Source, Step, Target, Threading, Transaction,
    TransactionProtocol,
};
use policy::config::{LayerConfig, Span};
use std::ops::Range;

/// Endpoints and the calls between them.
pub(super) struct Graph<'m> {
    pub(super) model: &'m Model,
    /// Of all services, one after the other.
    pub(super) endpoints: Vec<Node>,
    /// First those of the workloads, then those of the endpoints, in their order.
    pub(super) sites: Vec<Site>,
    /// All endpoints, callees before callers where no circle forbids it.
    pub(super) order: Vec<usize>,
    /// Where in `order` an endpoint stands.
    pub(super) position: Vec<usize>,
    /// How many parts there are: the price of looking at everything once.
    pub(super) size: usize,
    /// By service: its first endpoint.
    first: Vec<usize>,
    /// Of the spans that policies draw from.
    spans: Vec<f64>,
}

/// An endpoint.
pub(super) struct Node {
    pub(super) target: Target,
    pub(super) blocking: bool,
    pub(super) parts: Vec<Part>,
    /// Its calls.
    pub(super) sites: Range<usize>,
}

/// Who calls whom: a call step, or a workload.
pub(super) struct Site {
    pub(super) caller: Caller,
    /// The keys that lead to it.
    pub(super) path: String,
    /// Index into [`Graph::endpoints`].
    pub(super) target: usize,
    pub(super) policy: Option<usize>,
    /// Its failure is not its caller's.
    pub(super) optional: bool,
}

/// Who calls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Caller {
    /// The clients of a workload.
    Workload(usize),
    /// A handler, by its index in [`Graph::endpoints`].
    Endpoint(usize),
}

/// A duration in nanoseconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Time {
    /// The mean, which may be infinite.
    pub(super) mean: f64,
    /// The mean, or the median where there is no finite mean.
    pub(super) typical: f64,
    /// It is never less.
    pub(super) least: f64,
}

impl Time {
    pub(super) const ZERO: Self = Self {
        mean: 0.0,
        typical: 0.0,
        least: 0.0,
    };

    pub(super) fn of(distribution: &Distribution) -> Self {
        Self {
            mean: distribution.mean_ns(),
            typical: distribution.typical_ns(),
            least: distribution.least_ns(),
        }
    }
}

/// A step.
pub(super) enum Part {
    Compute(Time),
    Wait(Time),
    /// Index into [`Graph::sites`].
    Call(usize),
    /// The same for what is asked and not waited for.
    Aside(usize),
    Parallel {
        branches: Vec<Vec<Part>>,
        require: usize,
    },
    /// With their probabilities.
    Choose(Vec<(f64, Vec<Part>)>),
    Repeat {
        times: u32,
        parts: Vec<Part>,
    },
    Fail(f64),
}

impl<'m> Graph<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let mut first = Vec::with_capacity(model.services.len());
        let mut count = 0;
        for service in &model.services {
            first.push(count);
            count += service.endpoints.len();
        }
        let mut graph = Self {
            model,
            endpoints: Vec::with_capacity(count),
            sites: Vec::new(),
            order: Vec::new(),
            position: Vec::new(),
            size: count,
            first,
            spans: model
                .policy_spans
                .iter()
                .map(Distribution::typical_ns)
                .collect(),
        };
        for (index, workload) in model.workloads.iter().enumerate() {
            graph.sites.push(Site {
                caller: Caller::Workload(index),
                path: format!("workloads.{}", workload.name),
                target: graph.endpoint(workload.target),
                policy: workload.policy,
                optional: false,
            });
        }
        for (number, service) in model.services.iter().enumerate() {
            for (index, endpoint) in service.endpoints.iter().enumerate() {
                let path = format!("services.{}.endpoints.{}", service.name, endpoint.name);
                let before = graph.sites.len();
                let parts = graph.parts(&endpoint.steps, &path);
                let after = graph.sites.len();
                graph.endpoints.push(Node {
                    target: Target {
                        service: number,
                        endpoint: index,
                    },
                    blocking: service.threading == Threading::Blocking,
                    parts,
                    sites: before..after,
                });
            }
        }
        graph.sort();
        graph
    }

    /// The index of an endpoint.
    pub(super) fn endpoint(&self, target: Target) -> usize {
        self.first[target.service] + target.endpoint
    }

    /// The indices of a service's endpoints.
    pub(super) fn endpoints_of(&self, service: usize) -> Range<usize> {
        let first = self.first[service];
        first..first + self.model.services[service].endpoints.len()
    }

    /// `service.endpoint`.
    pub(super) fn name(&self, endpoint: usize) -> String {
        self.model.target_name(self.endpoints[endpoint].target)
    }

    /// `service.endpoint`, or the workload's name.
    pub(super) fn caller_name(&self, caller: Caller) -> String {
        match caller {
            Caller::Workload(workload) => self.model.workloads[workload].name.clone(),
            Caller::Endpoint(endpoint) => self.name(endpoint),
        }
    }

    /// The service that a call goes to.
    pub(super) fn service_of(&self, site: &Site) -> usize {
        self.endpoints[site.target].target.service
    }

    /// The layers around a call, outermost first.
    pub(super) fn layers(&self, site: &Site) -> &'m [LayerConfig] {
        site.policy
            .map_or(&[], |policy| &self.model.policies[policy].config.layers)
    }

    /// In nanoseconds; the mean of one that is drawn.
    pub(super) fn span(&self, span: Span) -> f64 {
        match span {
            Span::Constant(duration) => duration.as_nanos() as f64,
            Span::Sampled(index) => self.spans[index as usize],
        }
    }

    /// The most keys that requests come from; 1 where no workload has any.
    pub(super) fn keys(&self) -> u32 {
        let keys = self.model.workloads.iter().filter_map(|w| w.keys);
        keys.map(|keys| keys.count).max().unwrap_or(1)
    }

    /// Whether a call leads back to an endpoint that the order has not come to yet.
    pub(super) fn leads_back(&self, caller: usize, site: &Site) -> bool {
        self.position[site.target] >= self.position[caller]
    }

    /// How often all may be looked at in turn: what has not come to rest then never does. That is a
    /// bound on the work, and leaves a small model rounds enough for a circle that all but never ends.
    pub(super) fn rounds(&self) -> usize {
        const MOST_PARTS: usize = 10_000_000;
        (MOST_PARTS / self.size.max(1)).clamp(3, 100_000)
    }

    /// By endpoint: whether requests of the workloads that `starts` accepts come to it.
    pub(super) fn reached(&self, starts: impl Fn(&Source) -> bool) -> Vec<bool> {
        let mut reached = vec![false; self.endpoints.len()];
        let mut left = Vec::new();
        for (site, workload) in self.sites.iter().zip(&self.model.workloads) {
            if starts(&workload.source) {
                left.push(site.target);
            }
        }
        while let Some(endpoint) = left.pop() {
            if !std::mem::replace(&mut reached[endpoint], true) {
                let sites = self.endpoints[endpoint].sites.clone();
                left.extend(self.sites[sites].iter().map(|site| site.target));
            }
        }
        reached
    }

    fn parts(&mut self, steps: &[Step], path: &str) -> Vec<Part> {
        steps
            .iter()
            .enumerate()
            .map(|(index, step)| self.part(step, &format!("{path}.{index}")))
            .collect()
    }

    fn part(&mut self, step: &Step, path: &str) -> Part {
        self.size += 1;
        match step {
            Step::Compute(distribution) => Part::Compute(Time::of(distribution)),
            Step::Wait(distribution) => Part::Wait(Time::of(distribution)),
            Step::Call {
                target,
                policy,
                optional,
            } => {
                self.sites.push(Site {
                    caller: Caller::Endpoint(self.endpoints.len()),
                    path: path.to_owned(),
                    target: self.endpoint(*target),
                    policy: *policy,
                    optional: *optional,
                });
                Part::Call(self.sites.len() - 1)
            }
            Step::Parallel { branches, require } => Part::Parallel {
                branches: branches
                    .iter()
                    .enumerate()
                    .map(|(index, steps)| self.parts(steps, &format!("{path}.parallel.{index}")))
                    .collect(),
                require: *require as usize,
            },
            Step::Choose(alternatives) => {
                let total: f64 = alternatives.iter().map(|(weight, _)| weight).sum();
                let alternatives = alternatives.iter().enumerate();
                Part::Choose(
                    alternatives
                        .map(|(index, (weight, steps))| {
                            let path = format!("{path}.choose.{index}.steps");
                            (weight / total, self.parts(steps, &path))
                        })
                        .collect(),
                )
            }
            Step::Repeat { times, steps } => Part::Repeat {
                times: *times,
                parts: self.parts(steps, &format!("{path}.repeat.steps")),
            },
            Step::Fail(ratio) => Part::Fail(*ratio),
            Step::Transaction(transaction) => self.transaction(transaction, path),
            // They take no time, and a lost write is seldom.
            Step::Read { .. } | Step::Write { .. } => Part::Fail(0.0),
            Step::Publish(queue) => self.publish(*queue, path),
            Step::Cache(cache) => {
                let hits = match cache.content {
                    CacheContent::HitRatio { ratio, .. } => ratio,
                    // What is there depends on what was asked for before.
                    CacheContent::Keys { .. } => 0.0,
                };
                let miss = self.parts(&cache.miss, &format!("{path}.cache.miss"));
                Part::Choose(vec![(hits, Vec::new()), (1.0 - hits, miss)])
            }
        }
    }

    /// What the consumers of a message do, which its producer does not wait for.
    fn publish(&mut self, queue: QueueId, path: &str) -> Part {
        let consumers = &self.model.queues[queue].consumers;
        let parts = consumers.iter().map(|consumer| {
            self.sites.push(Site {
                caller: Caller::Endpoint(self.endpoints.len()),
                path: path.to_owned(),
                target: self.endpoint(*consumer),
                policy: None,
                optional: true,
            });
            Part::Aside(self.sites.len() - 1)
        });
        let parts = parts.collect();
        Part::Repeat { times: 1, parts }
    }

    /// The work of all participants, at the same time or in turn, and the forced writes between it and
    /// the decision; that all agree is good weather.
    fn transaction(&mut self, transaction: &Transaction, path: &str) -> Part {
        let force = || Part::Wait(Time::of(&transaction.force));
        let mut branches = Vec::with_capacity(transaction.participants.len());
        let mut behind = Vec::new();
        for (index, part) in transaction.participants.iter().enumerate() {
            let path = format!("{path}.transaction.participants.{index}");
            let mut site = |target| {
                self.sites.push(Site {
                    caller: Caller::Endpoint(self.endpoints.len()),
                    path: path.clone(),
                    target: self.endpoint(target),
                    policy: None,
                    optional: false,
                });
                self.sites.len() - 1
            };
            branches.push(vec![Part::Call(site(part.work)), force()]);
            behind.extend(part.confirm.map(|confirm| Part::Aside(site(confirm))));
            // Comes up only when things go wrong, but may come.
            part.undo.map(&mut site);
        }
        let times = 1;
        if transaction.protocol == TransactionProtocol::Saga {
            let parts = branches.into_iter().flatten().collect();
            return Part::Repeat { times, parts };
        }
        let require = branches.len();
        let mut parts = vec![Part::Parallel { branches, require }, force()];
        parts.append(&mut behind);
        Part::Repeat { times, parts }
    }

    /// Depth first, with a stack of its own: chains of calls may be long.
    fn sort(&mut self) {
        let count = self.endpoints.len();
        let mut seen = vec![false; count];
        let mut stack: Vec<(usize, usize)> = Vec::new();
        self.position = vec![0; count];
        for start in 0..count {
            if !std::mem::replace(&mut seen[start], true) {
                stack.push((start, self.endpoints[start].sites.start));
            }
            while let Some((endpoint, site)) = stack.last_mut() {
                if *site == self.endpoints[*endpoint].sites.end {
                    self.position[*endpoint] = self.order.len();
                    self.order.push(*endpoint);
                    stack.pop();
                    continue;
                }
                let target = self.sites[*site].target;
                *site += 1;
                if !std::mem::replace(&mut seen[target], true) {
                    stack.push((target, self.endpoints[target].sites.start));
                }
            }
        }
    }
}
