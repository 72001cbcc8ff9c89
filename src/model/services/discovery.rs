//! How callers learn of instances, as a model says it.

use super::ServiceShape;
use crate::names::Names;
use crate::quantity::{Count, PositiveDuration, Ratio};
use crate::reader::{At, Named, Reader};
use crate::shape::{choice, record};
use crate::types::{Discovery, Gossip, HealthCheck, Lease, ServiceId};

choice! {
    /// How callers learn of instances.
    "a discovery": DiscoveryShape {
        /// They know them all; one that is down stays in the list.
        "static" => Static,
        /// Each caller instance probes each instance.
        "health_check" => HealthCheck(HealthCheckShape),
        /// Instances keep a lease at a registry alive, and callers fetch its list (Eureka).
        "lease" => Lease(LeaseShape),
        /// Instances and callers probe each other and spread the news (SWIM, memberlist).
        "gossip" => Gossip(GossipShape),
    }
}

record! {
    /// Active health checks; the defaults are HAProxy's.
    HealthCheckShape {
        /// From the start of a probe to that of the next one.
        default interval: PositiveDuration = "2s",
        /// How long an answer may take; `interval` when absent.
        optional timeout: PositiveDuration,
        /// Failures in a row after which an instance is left out.
        default unhealthy: Count<1, 1_000_000> = "3",
        /// Successes in a row after which it is back.
        default healthy: Count<1, 1_000_000> = "2",
    }
}

record! {
    /// Leases at a registry; the defaults are Eureka's.
    LeaseShape {
        /// The service whose instances are registries; when absent, one that never fails.
        optional registry: String,
        /// Between two renewals of an instance.
        default heartbeat: PositiveDuration = "30s",
        /// What an instance asks for. As in Eureka, a renewed lease lives twice as long.
        default expiry: PositiveDuration = "90s",
        /// Between two evictions of expired leases.
        default eviction: PositiveDuration = "60s",
        /// Between two fetches of a caller.
        default refresh: PositiveDuration = "30s",
        /// The share of expected renewals below which no lease expires; 0: they always do.
        default self_preservation: Ratio = "85%",
    }
}

record! {
    /// Gossip; the defaults are memberlist's for a local network.
    GossipShape {
        /// Between two probes of a member, each of another one.
        default probe_interval: PositiveDuration = "1s",
        /// How long a direct answer may take, before others are asked to probe.
        default probe_timeout: PositiveDuration = "500ms",
        /// How many others.
        default indirect_probes: Count<1, 1_000> = "3",
        /// How long a suspect may speak up before it is declared down.
        default suspect_for: PositiveDuration = "4s",
    }
}

pub(super) fn resolve_discovery(
    shape: &DiscoveryShape,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Discovery {
    match shape {
        DiscoveryShape::Static => Discovery::Static,
        DiscoveryShape::HealthCheck(check) => {
            let interval = check.interval.0;
            let timeout = check.timeout.as_ref();
            if let Some(timeout) = timeout.filter(|timeout| timeout.0 > interval) {
                let message = "`timeout` is longer than `interval`: one probe is out at a time";
                cx.problem(timeout.span, message).help(format!(
                    "write at most `{interval}`, or a longer `interval`"
                ));
            }
            Discovery::HealthCheck(HealthCheck {
                interval,
                timeout: timeout.map_or(interval, |timeout| timeout.0),
                unhealthy: check.unhealthy.0,
                healthy: check.healthy.0,
            })
        }
        DiscoveryShape::Lease(lease) => {
            if lease.expiry.0 <= lease.heartbeat.0 {
                let message = "`expiry` must be longer than `heartbeat`: a lease would end before \
                               it is renewed";
                let at = lease.expiry.span;
                cx.problem(at, message)
                    .help("Eureka's are `heartbeat: 30s, expiry: 90s`");
            }
            let registry = lease.registry.as_ref().and_then(|word| {
                let service = names.service(word, cx)?;
                if names.is_autoscaled(service) {
                    cx.problem(
                        word.span,
                        "nobody would know where a registry that comes and goes is",
                    )
                    .help("name a service without `autoscale`");
                }
                Some(service)
            });
            Discovery::Lease(Lease {
                registry,
                heartbeat: lease.heartbeat.0,
                expiry: lease.expiry.0,
                eviction: lease.eviction.0,
                refresh: lease.refresh.0,
                self_preservation: lease.self_preservation.0,
            })
        }
        DiscoveryShape::Gossip(gossip) => {
            if gossip.probe_timeout.0 >= gossip.probe_interval.0 {
                let message = "`probe_timeout` must be shorter than `probe_interval`: the rest of \
                               it is for indirect probes";
                let at = gossip.probe_timeout.span;
                cx.problem(at, message)
                    .help("memberlist's are `probe_interval: 1s, probe_timeout: 500ms`");
            }
            Discovery::Gossip(Gossip {
                probe_interval: gossip.probe_interval.0,
                probe_timeout: gossip.probe_timeout.0,
                indirect_probes: gossip.indirect_probes.0,
                suspect_for: gossip.suspect_for.0,
            })
        }
    }
}

/// Notes services that share a registry and do not agree on what that does.
pub(super) fn check_agreement(
    services: &Named<ServiceShape, 1>,
    names: &Names,
    cx: &mut Reader<'_>,
) {
    let mut first: Vec<(Option<ServiceId>, &At<LeaseShape>)> = Vec::new();
    let shapes = services.0.iter().filter_map(|(_, shape)| shape.as_ref());
    for shape in shapes {
        let DiscoveryShape::Lease(lease) = &shape.discovery.value else {
            continue;
        };
        let registry = lease.registry.as_ref().map(|name| names.find_service(name));
        if registry == Some(None) {
            // It has been, or will be, said that there is no such service.
            continue;
        }
        let registry = registry.flatten();
        let Some((_, other)) = first.iter().find(|(known, _)| *known == registry) else {
            first.push((registry, lease));
            continue;
        };
        let settings = [
            (
                "self_preservation",
                lease.self_preservation.0 == other.self_preservation.0,
                lease.self_preservation.span,
            ),
            (
                "eviction",
                lease.eviction.0 == other.eviction.0,
                lease.eviction.span,
            ),
        ];
        for (what, agrees, span) in settings {
            if !agrees {
                cx.problem(
                    span,
                    format!("services of one registry agree on its `{what}`"),
                )
                .help("give all of them the same, or a registry of their own")
                .note(other.span, "the registry's first service is here");
            }
        }
    }
}
