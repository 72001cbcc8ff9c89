//! Discovery: how callers learn which instances there are.

use super::ServiceId;
use clock::Duration;

/// How the callers of a service learn of its instances. They act on what they know, not on what is
/// true.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Discovery {
    /// They know them all; one that is down stays in the list.
    #[default]
    Static,
    /// Each caller instance probes each instance.
    HealthCheck(HealthCheck),
    /// Instances keep a lease at a registry alive; callers fetch its list.
    Lease(Lease),
    /// Instances and callers gossip about who is alive (SWIM).
    Gossip(Gossip),
}

/// Active health checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HealthCheck {
    /// Between two probes; above 0.
    pub interval: Duration,
    /// How long an answer may take; above 0, at most `interval`.
    pub timeout: Duration,
    /// Failures in a row after which an instance is left out, at least 1.
    pub unhealthy: u32,
    /// Successes in a row after which it is back, at least 1.
    pub healthy: u32,
}

/// Leases at a registry, after Eureka.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lease {
    /// The service whose instances are registries, each with all leases of its own (an instance
    /// sends its heartbeats to all of them, and a caller fetches from one, from the next one where
    /// that does not answer); `None`: one that never fails, a hop without latency away. Services with
    /// the same registry agree on `eviction` and `self_preservation`.
    pub registry: Option<ServiceId>,
    /// Between two renewals of an instance; above 0.
    pub heartbeat: Duration,
    /// What an instance asks for; above `heartbeat`. A renewed lease lives twice as long (see
    /// `protocol::discovery::Registry`).
    pub expiry: Duration,
    /// Between two evictions of expired leases; above 0.
    pub eviction: Duration,
    /// Between two fetches of a caller; above 0.
    pub refresh: Duration,
    /// The share of expected renewals below which the registry lets no lease expire, 0..=1; 0: never.
    pub self_preservation: f64,
}

/// Gossip, after SWIM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gossip {
    /// Between two probes of a member; above 0.
    pub probe_interval: Duration,
    /// How long a direct answer may take; above 0, below `probe_interval`.
    pub probe_timeout: Duration,
    /// How many others are asked to probe in its stead, at least 1.
    pub indirect_probes: u32,
    /// How long a suspect may speak up before it is declared down; above 0.
    pub suspect_for: Duration,
}
