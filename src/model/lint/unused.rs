//! Endpoints that no request comes to.

use super::Warnings;
use super::graph::{Caller, Graph};
use crate::types::Discovery;

/// Warns of every endpoint that neither a workload nor another endpoint asks for. What only such an
/// endpoint calls is not told: it follows.
pub(super) fn check(graph: &Graph<'_>, out: &mut Warnings<'_>) {
    let reached = graph.reached(|_| true);
    let mut called = vec![false; graph.endpoints.len()];
    for site in &graph.sites {
        called[site.target] |= site.caller != Caller::Endpoint(site.target);
    }
    let registries = graph.model.services.iter();
    let registries = registries.filter_map(|service| match &service.discovery {
        Discovery::Lease(lease) => lease.registry,
        _ => None,
    });
    // A registry and a broker are asked otherwise.
    let brokers = graph.model.queues.iter().filter_map(|queue| queue.broker);
    let asked: Vec<_> = registries.chain(brokers).collect();
    // Of those who only call each other, the one that no other of them was needed to find.
    let mut told = reached;
    // Dead letters come to their queue by themselves.
    let dead = graph
        .model
        .queues
        .iter()
        .filter_map(|queue| queue.dead_letter);
    let buried: Vec<_> = dead
        .flat_map(|queue| &graph.model.queues[queue].consumers)
        .collect();
    let mut left: Vec<usize> = (0..graph.endpoints.len())
        .filter(|&endpoint| buried.contains(&&graph.endpoints[endpoint].target))
        .collect();
    while let Some(next) = left.pop() {
        if !std::mem::replace(&mut told[next], true) {
            let sites = graph.endpoints[next].sites.clone();
            left.extend(graph.sites[sites].iter().map(|site| site.target));
        }
    }
    let roots = (0..called.len()).filter(|&endpoint| !called[endpoint]);
    let circles = graph.order.iter().rev().copied();
    for endpoint in roots.chain(circles) {
        let service = graph.endpoints[endpoint].target.service;
        if told[endpoint] || asked.contains(&service) {
            continue;
        }
        let mut left = vec![endpoint];
        while let Some(next) = left.pop() {
            if !std::mem::replace(&mut told[next], true) {
                let sites = graph.endpoints[next].sites.clone();
                left.extend(graph.sites[sites].iter().map(|site| site.target));
            }
        }
        let node = &graph.endpoints[endpoint];
        let service = &graph.model.services[node.target.service];
        let name = &service.endpoints[node.target.endpoint].name;
        let message = if called[endpoint] {
            "no workload leads to this endpoint: it is only called in a circle"
        } else {
            "no workload and no call asks for this endpoint"
        };
        out.warn(
            &format!("services.{}.endpoints.{name}", service.name),
            message,
            "make it a workload's `target`, `call` it, or take it out",
        );
    }
}
