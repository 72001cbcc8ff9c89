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
    let registries: Vec<_> = registries
        .filter_map(|service| match &service.discovery {
            Discovery::Lease(lease) => lease.registry,
            _ => None,
        })
        .collect();
    // Of those who only call each other, the one that no other of them was needed to find.
    let mut told = reached;
    let roots = (0..called.len()).filter(|&endpoint| !called[endpoint]);
    let circles = graph.order.iter().rev().copied();
    for endpoint in roots.chain(circles) {
        // A registry is asked otherwise.
        let service = graph.endpoints[endpoint].target.service;
        if told[endpoint] || registries.contains(&service) {
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
