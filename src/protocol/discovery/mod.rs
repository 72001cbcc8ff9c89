//! Discovery: how callers learn which instances there are, as state machines. None of them knows
//! what is true: each says what one party may believe from what it has heard.
//!
//! | machine | stands at | believes | source |
//! | --- | --- | --- | --- |
//! | [`HealthChecker`] | a caller, for one instance | its own probes | HAProxy's `fall` and `rise`, Envoy's thresholds |
//! | [`Registry`], [`LeaseHolder`], [`Subscriber`] | a registry, an instance, a caller | leases that were renewed | Netflix Eureka 1.10 |
//! | [`Gossip`] | every member of a group | probes of all members | SWIM, by the `foca` crate |
//!
//! # What is asked of the host
//!
//! * It does every action in the order given. Messages may be lost and late.
//! * It hands every timer back at its time, or later where the machine stood still. A machine whose
//!   process crashes is dropped with its timers, and made anew when that starts again.
//! * Chance is an argument: a first span that the host draws, a seed, or a source of bits.
//!
//! # How long a crash stays unseen
//!
//! With instant messages, and in the worst case:
//!
//! * health checks: `interval` × `unhealthy` + `timeout` (less up to one `interval`, as the crash
//!   falls between two probes);
//! * leases: **twice** `expiry` (see [`Registry`]), then up to one eviction period, then up to one
//!   `refresh`; for ever where self-preservation holds;
//! * gossip: the first probe of the victim, `probe_interval` for that probe, `suspect_for`, and the
//!   spread of the news. Who is next is a shuffled round, so that no member of n − 1 is left out for
//!   more than 2(n − 1) − 1 probes of another one (Das, Gupta, Motivala: *SWIM*, DSN 2002, section
//!   4.3); somewhere in the group the first probe comes after e/(e − 1) ≈ 1.58 periods in the mean of
//!   large groups (section 3.1).

mod codec;
mod gossip;
mod health;
mod lease;
mod registry;

pub use gossip::{Gossip, GossipAction, GossipConfig, GossipTimer};
pub use health::{HealthAction, HealthCheckConfig, HealthChecker, HealthTimer};
pub use lease::{
    LeaseAction, LeaseHolder, Subscriber, SubscriberAction, SubscriberConfig, SubscriberTimer,
};
pub use registry::{Registry, RegistryConfig, Terms};

use core::fmt;

/// Why a machine cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigError {
    /// The named span or count is zero: nothing would ever be waited for.
    Zero(&'static str),
    /// The first one must not exceed the second one.
    TooLong(&'static str, &'static str),
    /// The named share is not in 0..=1.
    NoShare(&'static str),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero(name) => write!(f, "{name} is zero; it must be more"),
            Self::TooLong(one, other) => write!(f, "{one} is longer than {other}"),
            Self::NoShare(name) => write!(f, "{name} is not between 0 and 1"),
        }
    }
}

impl core::error::Error for ConfigError {}

fn positive(name: &'static str, is_zero: bool) -> Result<(), ConfigError> {
    if is_zero {
        return Err(ConfigError::Zero(name));
    }
    Ok(())
}
