//! Leases that never end, and lists that are fetched too seldom to tell of one.

use super::Warnings;
use super::graph::Graph;
use super::words::figure;
use crate::types::{Discovery, Lease, Service};

/// Warns of registries whose self-preservation a single crash sets off for good, and of callers who
/// ask less often than leases end.
pub(super) fn check(graph: &Graph<'_>, out: &mut Warnings<'_>) {
    let leases: Vec<(&Service, &Lease)> = graph
        .model
        .services
        .iter()
        .filter_map(|service| match &service.discovery {
            Discovery::Lease(lease) => Some((service, lease)),
            _ => None,
        })
        .collect();
    for (number, (service, lease)) in leases.iter().enumerate() {
        let is_first = leases[..number]
            .iter()
            .all(|(_, other)| other.registry != lease.registry);
        if is_first {
            preserved(service, lease, &leases, out);
        }
        seldom(service, lease, out);
    }
}

fn preserved(service: &Service, lease: &Lease, all: &[(&Service, &Lease)], out: &mut Warnings<'_>) {
    let a_minute = |lease: &Lease| 60.0 / lease.heartbeat.as_secs_f64();
    let theirs = all
        .iter()
        .filter(|(_, other)| other.registry == lease.registry);
    let (mut instances, mut expected, mut least) = (0, 0.0, f64::INFINITY);
    for (service, lease) in theirs {
        instances += service.instances;
        expected += f64::from(service.instances) * a_minute(lease);
        least = a_minute(lease).min(least);
    }
    let threshold = (expected * lease.self_preservation).floor();
    // By the registry's own count: renewals must be more than the threshold.
    if lease.self_preservation == 0.0 || (threshold >= 1.0 && expected - least > threshold) {
        return;
    }
    out.warn(
        &format!("services.{}.discovery", service.name),
        format!(
            "no lease of a crashed instance ends: of {instances} {} the registry expects {} \
             renewals a minute, and lets none end unless there are more than {} (self-preservation); \
             without one instance there are {}",
            if instances == 1 {
                "instance"
            } else {
                "instances"
            },
            figure(expected),
            figure(threshold),
            figure(expected - least),
        ),
        "write a lower `self_preservation`, or 0 to turn it off",
    );
}

fn seldom(service: &Service, lease: &Lease, out: &mut Warnings<'_>) {
    let ends = lease
        .expiry
        .saturating_mul(2)
        .saturating_add(lease.eviction);
    if lease.refresh > ends {
        out.warn(
            &format!("services.{}.discovery.lease.refresh", service.name),
            format!(
                "callers fetch the list every {}, more seldom than a lease ends ({ends} after the \
                 last renewal, at most): they learn of a crash from the registry late",
                lease.refresh
            ),
            "write a shorter `refresh`; Eureka's is `30s`",
        );
    }
}
