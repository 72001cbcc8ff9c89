//! How many requests come to every endpoint: the workloads' rates, carried along the calls, at most
//! what each service can serve and what rate limits and bulkheads let through.
//!
//! It refuses to know of bad weather: no fault, no timeout, no open breaker.

use super::answer::{Answers, callers, through};
use super::graph::{Caller, Graph};
use super::layers::{long_run, most_at_once, rate_limit};
use crate::types::{Scheduling, Service, Source, Target};
use clock::Duration;
use policy::config::{AdmissionLayer, LayerConfig, Scope};
use std::collections::BTreeMap;

/// Rates are per second; above this one they are as good as infinite.
const ENDLESS: f64 = 1e18;

/// What comes to every service and every call.
pub(super) struct Flow {
    /// By endpoint: requests a second.
    pub(super) rates: Vec<f64>,
    /// By service: for all that comes to it.
    pub(super) use_of: Vec<Use>,
    /// By service: requests a second that the rate limits of its admission let in.
    limits: Vec<f64>,
    /// The calls, by the state that they share.
    pub(super) channels: Vec<Channel>,
}

/// What a service is asked for, as shares of what it can do; above 1 is too much.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Use {
    pub(super) workers: f64,
    /// Where requests share cores.
    pub(super) cores: f64,
}

impl Use {
    pub(super) fn most(self) -> f64 {
        self.workers.max(self.cores)
    }
}

/// Calls of one caller to one service by one policy: their policy has one state.
pub(super) struct Channel {
    pub(super) sites: Vec<usize>,
    /// By layer: calls a second that come to it.
    pub(super) entering: Vec<f64>,
    /// By layer and site: how often the layer runs what is inside, and how long that takes in the
    /// mean, in nanoseconds.
    layers: Vec<Vec<(f64, f64)>>,
}

impl Flow {
    pub(super) fn new(graph: &Graph<'_>, answers: &Answers) -> Self {
        let visits = answers.visits(graph);
        let demands: Vec<Use> = (0..graph.endpoints.len())
            .map(|endpoint| demand(graph, answers, endpoint))
            .collect();
        let mut flow = Self {
            rates: vec![0.0; graph.endpoints.len()],
            use_of: vec![Use::default(); graph.model.services.len()],
            limits: graph
                .model
                .services
                .iter()
                .map(|service| limit(graph, service))
                .collect(),
            channels: channels(graph, answers),
        };
        let duration = graph.model.run.duration;
        let workloads = graph.model.workloads.iter();
        let given: Vec<f64> = workloads
            .map(|workload| offered(&workload.source, duration).unwrap_or(0.0))
            .collect();
        let mut carried = vec![0.0; graph.sites.len()];
        // What a service that is asked too much lets through; halfway to the new value in each
        // round, because a circle of calls could swing for ever.
        let mut served = vec![1.0; graph.model.services.len()];
        for _ in 0..graph.rounds() {
            let mut moved = false;
            for channel in &mut flow.channels {
                let service = match graph.sites[channel.sites[0]].caller {
                    Caller::Workload(_) => None,
                    Caller::Endpoint(endpoint) => Some(graph.endpoints[endpoint].target.service),
                };
                let passed = service.map_or(1.0, |service| {
                    let endpoints = graph.endpoints_of(service);
                    let let_in = let_in(flow.limits[service], &flow.rates[endpoints]);
                    let now = let_in / (flow.use_of[service].most() * let_in).max(1.0);
                    served[service] = (served[service] + now) / 2.0;
                    served[service]
                });
                let offered = channel.sites.iter().map(|&site| {
                    let rate = match graph.sites[site].caller {
                        Caller::Workload(workload) => given[workload],
                        Caller::Endpoint(endpoint) => flow.rates[endpoint] * visits[site],
                    };
                    (rate * passed).clamp(0.0, ENDLESS)
                });
                let offered = offered.collect();
                let through = channel.carry(graph, offered);
                for (&site, rate) in channel.sites.iter().zip(through) {
                    let change = rate - carried[site];
                    moved |= change.abs() > 1e-9 * rate.max(1e-9);
                    carried[site] = rate;
                    let target = graph.sites[site].target;
                    let service = graph.service_of(&graph.sites[site]);
                    flow.rates[target] = (flow.rates[target] + change).max(0.0);
                    let (sum, per) = (&mut flow.use_of[service], demands[target]);
                    sum.workers = (sum.workers + change * per.workers).max(0.0);
                    sum.cores = (sum.cores + change * per.cores).max(0.0);
                }
            }
            if !moved {
                break;
            }
        }
        flow
    }

    /// Requests a second to a service.
    pub(super) fn to_service(&self, graph: &Graph<'_>, service: usize) -> f64 {
        self.rates[graph.endpoints_of(service)].iter().sum()
    }

    /// The share of a service's requests that its admission lets in.
    pub(super) fn let_in(&self, graph: &Graph<'_>, service: usize) -> f64 {
        let_in(
            self.limits[service],
            &self.rates[graph.endpoints_of(service)],
        )
    }
}

/// The share of these rates that is let in at most.
fn let_in(limit: f64, rates: &[f64]) -> f64 {
    if limit.is_infinite() {
        return 1.0;
    }
    (limit / rates.iter().sum::<f64>().max(1e-9)).min(1.0)
}

/// Requests a second that all instances of a service let in at most.
fn limit(graph: &Graph<'_>, service: &Service) -> f64 {
    let limits = service.admission.layers.iter().map(|layer| match layer {
        AdmissionLayer::RateLimit { algorithm, keys } => {
            let lanes = keys.map_or(1, |keys| keys.min(graph.keys()));
            long_run(*algorithm) * f64::from(lanes) * f64::from(service.instances)
        }
        _ => f64::INFINITY,
    });
    limits.fold(f64::INFINITY, f64::min)
}

impl Channel {
    /// What comes out of the policy, by site, and what comes to each layer.
    fn carry(&mut self, graph: &Graph<'_>, mut rates: Vec<f64>) -> Vec<f64> {
        let site = &graph.sites[self.sites[0]];
        let service = graph.service_of(site);
        let number = callers(graph, site.caller);
        let states = |scope| match scope {
            Scope::Service => number,
            Scope::Instance => number * f64::from(graph.model.services[service].instances),
        };
        for (index, layer) in graph.layers(site).iter().enumerate() {
            let runs = &self.layers[index];
            let sum: f64 = rates.iter().sum();
            self.entering[index] = sum;
            let scope = match layer {
                LayerConfig::Bulkhead(bulkhead) => bulkhead.scope,
                LayerConfig::ConcurrencyLimit(limit) => limit.scope,
                _ => Scope::Service,
            };
            let most = if let Some(limit) = rate_limit(layer) {
                let lanes = limit.keys.map_or(1, |keys| keys.min(graph.keys()));
                Some(long_run(limit.algorithm) * states(limit.scope) * f64::from(lanes))
            } else if let Some(places) = most_at_once(layer) {
                // Little's law: so many at once, each for so long.
                let busy: f64 = rates
                    .iter()
                    .zip(runs)
                    .map(|(rate, (_, time))| rate * time / 1e9)
                    .sum();
                let places = f64::from(places) * states(scope);
                (busy > places).then(|| sum * places / busy)
            } else {
                None
            };
            let share = most.map_or(1.0, |most| if sum > most { most / sum } else { 1.0 });
            for (rate, (runs, _)) in rates.iter_mut().zip(runs) {
                *rate = (*rate * share * runs).min(ENDLESS);
            }
        }
        rates
    }
}

/// Requests a second of a workload, at its peak within the run; `None` where that is not given but
/// follows from the answers (users who wait for theirs), or where all come at one instant.
pub(super) fn offered(source: &Source, duration: Duration) -> Option<f64> {
    match source {
        Source::Poisson(profile) | Source::Deterministic(profile) => {
            let begun = profile
                .0
                .iter()
                .filter(|segment| segment.at.as_nanos() < duration.as_nanos());
            Some(begun.map(|segment| segment.rate).fold(0.0, f64::max))
        }
        Source::Renewal(gaps) => Some(1e9 / gaps.mean_ns()),
        Source::Mmpp(states) => {
            let holds: Vec<f64> = states.iter().map(|state| state.hold.typical_ns()).collect();
            let whole: f64 = holds.iter().sum();
            Some(
                states
                    .iter()
                    .zip(holds)
                    .map(|(state, hold)| state.rate * hold / whole)
                    .sum(),
            )
        }
        Source::Times(times) => {
            let (first, last) = (times.first()?, times.last()?);
            let span = last.since(*first).as_secs_f64();
            (span > 0.0).then(|| (times.len() - 1) as f64 / span)
        }
        Source::Closed { .. } | Source::Batch { .. } => None,
    }
}

/// The share of a service that one request a second to an endpoint takes.
fn demand(graph: &Graph<'_>, answers: &Answers, endpoint: usize) -> Use {
    let node = &graph.endpoints[endpoint];
    let Target { service, .. } = node.target;
    let service = &graph.model.services[service];
    let answer = answers.of[endpoint];
    let instances = f64::from(service.most_instances());
    let share =
        |time: f64, places: u32| (time / 1e9 / (instances * f64::from(places))).min(ENDLESS);
    // A blocking handler holds its worker throughout; another one while it computes. Where cores are
    // shared, how long that is depends on how many there are.
    let workers = match (node.blocking, service.scheduling) {
        (true, _) => share(answer.held, service.workers),
        (false, Scheduling::Fcfs) => share(answer.work, service.workers),
        (false, Scheduling::ProcessorSharing { .. }) => 0.0,
    };
    let cores = match service.scheduling {
        Scheduling::Fcfs => 0.0,
        Scheduling::ProcessorSharing { cores } => share(answer.work, cores),
    };
    Use { workers, cores }
}

/// Callers before callees where no circle forbids it.
fn channels(graph: &Graph<'_>, answers: &Answers) -> Vec<Channel> {
    let mut found: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, site) in graph.sites.iter().enumerate() {
        let caller = match site.caller {
            Caller::Workload(workload) => (0, workload),
            Caller::Endpoint(endpoint) => (1, graph.endpoints[endpoint].target.service),
        };
        let key = (caller, graph.service_of(site), site.policy);
        found.entry(key).or_default().push(index);
    }
    let mut channels: Vec<_> = found.into_values().collect();
    // The order of a channel is that of the last of its callers to be known.
    channels.sort_by_key(|sites| {
        let last = sites.iter().map(|&site| match graph.sites[site].caller {
            Caller::Workload(_) => usize::MAX,
            Caller::Endpoint(endpoint) => graph.position[endpoint],
        });
        std::cmp::Reverse(last.min())
    });
    channels
        .into_iter()
        .map(|sites| {
            let layers = graph.layers(&graph.sites[sites[0]]);
            let mut seen = vec![Vec::with_capacity(sites.len()); layers.len()];
            for &site in &sites {
                through(
                    graph,
                    layers,
                    answers.attempt[site],
                    |layer, inside, runs| {
                        seen[layer].push((runs, inside.typical));
                    },
                );
            }
            Channel {
                entering: vec![0.0; layers.len()],
                layers: seen,
                sites,
            }
        })
        .collect()
}
