//! Replication: the instances of a service as one group with a leader.

use super::Distribution;
use clock::Duration;

/// How the instances of a service keep one log. Instance number is replica number.
#[derive(Clone, PartialEq, Debug)]
pub struct Replication {
    /// Who decides who leads, and what is committed.
    pub protocol: ReplicationProtocol,
    /// Between two signs of life of a leader; above 0.
    pub heartbeat: Duration,
    /// How long a replica goes without one before it stands for election, drawn anew each time.
    pub election_timeout: Distribution,
    /// Whether a replica asks first whether it could win; of Raft alone.
    pub pre_vote: bool,
    /// One write to stable storage: a vote, a log entry.
    pub force: Distribution,
    /// How long one entry occupies the leader's link, for each follower: entries leave one after the
    /// other.
    pub send: Distribution,
    /// Requests that wait while there is no leader.
    pub failover_buffer: FailoverBuffer,
    /// Who answers a handler that only reads.
    pub reads: Reads,
    /// How long it takes a replica to make up for one entry that it has missed while it was down.
    pub catch_up: Distribution,
    /// The most that a read at any replica may be behind what was acknowledged; a checker holds it to
    /// that. `None`: no bound is claimed.
    pub staleness: Option<Duration>,
}

/// Who decides who leads, and what is committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplicationProtocol {
    /// Omni-Paxos, by the crate of that name.
    Paxos,
    /// Raft, by the `raft` crate.
    Raft,
    /// Leases granted by a majority; the lowest number that is up to date leads.
    PrimaryBackup,
}

impl ReplicationProtocol {
    /// The name in models and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paxos => "paxos",
            Self::Raft => "raft",
            Self::PrimaryBackup => "primary_backup",
        }
    }
}

/// Requests that wait at an instance that knows no leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailoverBuffer {
    /// How many, at one instance; one more fails at once.
    pub capacity: u32,
    /// How long, before they fail with `unavailable`.
    pub wait: Duration,
}

/// Who answers a handler that only reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reads {
    /// The leader alone: a read sees every write acknowledged before.
    #[default]
    Leader,
    /// Whoever is asked, as far as it knows.
    Any,
}
