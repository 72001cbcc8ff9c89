//! Groups of replicas that cannot do what they are there for.

use super::Warnings;
use super::graph::Graph;
use super::words::span;

/// Warns of groups in which nobody can take over, of replicas that add no safety, and of requests that
/// do not wait as long as finding a leader takes.
pub(super) fn check(graph: &Graph<'_>, out: &mut Warnings<'_>) {
    for service in &graph.model.services {
        let Some(replication) = &service.replication else {
            continue;
        };
        let path = format!("services.{}", service.name);
        let instances = service.instances;
        if instances == 1 {
            out.warn(
                &format!("{path}.replication"),
                "a group of one has nobody who could take over",
                "give the service 3 instances, which go on without one of them",
            );
        } else if instances.is_multiple_of(2) {
            let survive = instances / 2 - 1;
            out.warn(
                &format!("{path}.instances"),
                format!(
                    "{instances} replicas go on without {survive} of them, no more than {} would: a majority of \
                     {instances} is {}",
                    instances - 1,
                    instances / 2 + 1
                ),
                format!("take {} or {} instances", instances - 1, instances + 1),
            );
        }
        let buffer = replication.failover_buffer;
        let wait = buffer.wait.as_nanos() as f64;
        let least = replication.election_timeout.least_ns();
        if buffer.capacity > 0 && wait <= least && instances > 1 {
            out.warn(
                &format!("{path}.replication.failover_buffer.wait"),
                format!(
                    "requests wait {} for a leader, and nobody stands for election within {}",
                    buffer.wait,
                    span(least)
                ),
                "wait longer, or set `capacity: 0` so that requests fail at once",
            );
        }
    }
}
