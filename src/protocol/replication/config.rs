//! What all replicas of a group are told, and why a group cannot be made so. Refuses to know the
//! protocol that it is for.

use super::Node;
use clock::Duration;
use core::fmt;

/// What all replicas of a group are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupConfig {
    /// How many replicas there are, at least 1; a majority is more than half.
    pub size: u32,
    /// Between two signs of life of a leader; above 0, below `least_election_timeout`.
    pub heartbeat: Duration,
    /// The least that [`Chance::election_timeout`](super::Chance::election_timeout) gives. Leases
    /// rest on it.
    pub least_election_timeout: Duration,
}

impl GroupConfig {
    /// Whether a group can be made so.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.size == 0 {
            return Err(ConfigError::NoReplicas);
        }
        if self.heartbeat.is_zero() {
            return Err(ConfigError::ZeroHeartbeat);
        }
        if self.heartbeat >= self.least_election_timeout {
            return Err(ConfigError::HeartbeatTooLong {
                heartbeat: self.heartbeat,
                timeout: self.least_election_timeout,
            });
        }
        Ok(())
    }

    /// Whether this replica of the group can be made.
    ///
    /// # Errors
    /// As [`GroupConfig::check`], and when the group has no such replica.
    pub fn check_for(&self, node: Node) -> Result<(), ConfigError> {
        self.check()?;
        if node.0 >= self.size {
            return Err(ConfigError::NoSuchReplica {
                node,
                size: self.size,
            });
        }
        Ok(())
    }

    /// How many are more than half.
    pub fn majority(&self) -> u32 {
        self.size / 2 + 1
    }

    /// All replicas but one.
    pub fn others(&self, but: Node) -> impl Iterator<Item = Node> + use<> {
        (0..self.size).map(Node).filter(move |&node| node != but)
    }
}

/// Why a group cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigError {
    /// The group is empty.
    NoReplicas,
    /// The heartbeat is zero: a leader would repeat itself without time passing.
    ZeroHeartbeat,
    /// A leader would be given up between two signs of life.
    HeartbeatTooLong {
        /// Between two signs of life.
        heartbeat: Duration,
        /// The least election timeout.
        timeout: Duration,
    },
    /// The group has no replica of this number.
    NoSuchReplica {
        /// The number.
        node: Node,
        /// How many there are, from 0.
        size: u32,
    },
    /// The protocol has no group of one: a replica must have another to ask.
    OneReplica,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReplicas => write!(f, "a group has at least one replica"),
            Self::ZeroHeartbeat => write!(f, "heartbeat is zero; it must be at least 1ns"),
            Self::HeartbeatTooLong { heartbeat, timeout } => write!(
                f,
                "heartbeat is {heartbeat}; it must be below the least election timeout, {timeout}"
            ),
            Self::NoSuchReplica { node, size } => {
                write!(f, "{node} is not among the {size} replicas, from 0")
            }
            Self::OneReplica => write!(f, "a group under Omni-Paxos has at least two replicas"),
        }
    }
}

impl core::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_group_is_refused() {
        let good = GroupConfig {
            size: 3,
            heartbeat: Duration::from_millis(50),
            least_election_timeout: Duration::from_millis(150),
        };
        assert_eq!(good.check_for(Node(2)), Ok(()));
        let wrong = |change: fn(&mut GroupConfig)| {
            let mut config = good;
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert_eq!(wrong(|c| c.size = 0), "a group has at least one replica");
        assert_eq!(
            wrong(|c| c.heartbeat = Duration::ZERO),
            "heartbeat is zero; it must be at least 1ns"
        );
        assert_eq!(
            wrong(|c| c.heartbeat = Duration::from_millis(150)),
            "heartbeat is 150ms; it must be below the least election timeout, 150ms"
        );
        assert_eq!(
            good.check_for(Node(3)).unwrap_err().to_string(),
            "replica 3 is not among the 3 replicas, from 0"
        );
    }

    #[test]
    fn a_majority_is_more_than_half() {
        let majority = |size| {
            let time = Duration::from_millis(1);
            let config = GroupConfig {
                size,
                heartbeat: time,
                least_election_timeout: time,
            };
            config.majority()
        };
        assert_eq!([1, 2, 3, 4, 5].map(majority), [1, 2, 2, 3, 3]);
    }
}
