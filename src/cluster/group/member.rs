//! One replica and what it owns: a protocol, timers, a disk, a link, what it has applied.
//!
//! Plain state; what happens to it stands in the station's other files.

use super::log::Applied;
use crate::post::Bell;
use clock::Duration;
use engine::{Bits, Sampler, Stream};
use model::ReplicationProtocol;
use protocol::replication::{
    Chance, ConfigError, GroupConfig, Message, Node, PrimaryBackup, Replica, Role, Timer, Token,
};
#[cfg(feature = "paxos")]
use protocol::replication::{Paxos, PaxosConfig};
#[cfg(feature = "raft")]
use protocol::replication::{Raft, RaftConfig};
use std::collections::{BTreeMap, VecDeque};

/// A replica.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) group: u32,
    pub(super) node: Node,
    pub(super) replica: Box<dyn Replica>,
    pub(super) dice: Dice,
    /// What forced writes, sending and catching up take is drawn from here.
    pub(super) costs: Stream,
    pub(super) running: bool,
    /// As it said last; `None` while it is down.
    pub(super) role: Option<Role>,
    /// The leader of a term whose machine has refused what was sent on to it: until the replica hears
    /// of another, nobody is known to lead.
    pub(super) dropped: Option<(Option<Role>, Node)>,
    pub(super) timers: Timers,
    pub(super) disk: Disk,
    pub(super) link: Link,
    /// While it is down: what it had applied.
    pub(super) applied: Applied,
    /// Committed entries that are still to be made up for.
    pub(super) behind: Behind,
    /// Waits of requests that wait for a leader, in the order of their coming.
    pub(super) buffer: VecDeque<u32>,
    /// Waits for entries that were proposed here, by entry.
    pub(super) proposed: BTreeMap<u64, u32>,
}

/// What a replica is made of.
pub(super) struct Setting {
    pub(super) group: u32,
    pub(super) node: Node,
    pub(super) protocol: ReplicationProtocol,
    pub(super) pre_vote: bool,
    pub(super) config: GroupConfig,
    pub(super) timeout: Sampler,
    /// For elections, and for what they cost.
    pub(super) streams: [Stream; 2],
}

impl Member {
    pub(super) fn new(setting: Setting) -> Self {
        let Setting {
            group,
            node,
            protocol,
            pre_vote,
            config,
            timeout,
            streams: [stream, costs],
        } = setting;
        Self {
            group,
            node,
            replica: replica(protocol, pre_vote, config, node),
            dice: Dice { timeout, stream },
            costs,
            running: false,
            role: None,
            dropped: None,
            timers: Timers::default(),
            disk: Disk::default(),
            link: Link::default(),
            applied: Applied::default(),
            behind: Behind::default(),
            buffer: VecDeque::new(),
            proposed: BTreeMap::new(),
        }
    }

    /// Whether it leads, and has applied all that it knows to be committed.
    pub(super) fn serves(&self) -> bool {
        matches!(self.role, Some(Role::Leader(_))) && self.behind.told == 0
    }

    /// Whom it would send a request on to.
    pub(super) fn leader(&self) -> Option<Node> {
        let leader = self.replica.leader()?;
        let dropped = self.dropped == Some((self.role, leader));
        (leader != self.node && !dropped).then_some(leader)
    }

    /// The last place of the log that it was told of.
    pub(super) fn told(&self) -> u64 {
        self.applied.index() + self.behind.told
    }

    /// Forgets what was in its memory; answers the alarms that are to be silenced. Who waited here was
    /// lost before, with the instance.
    pub(super) fn crash(&mut self) -> Vec<Bell> {
        debug_assert!(self.buffer.is_empty() && self.proposed.is_empty());
        self.replica.crash();
        self.running = false;
        (self.role, self.dropped) = (None, None);
        self.behind.had = self.behind.had.max(self.applied.index());
        self.behind.told = 0;
        let mut bells: Vec<Bell> = self.timers.0.drain(..).map(|(_, bell)| bell).collect();
        bells.extend(core::mem::take(&mut self.disk).bell);
        bells.extend(core::mem::take(&mut self.link).bell);
        bells.extend(self.behind.bell.take());
        bells
    }

    /// It starts again with what everybody had applied, and up to this place of the log entries have
    /// been committed.
    pub(super) fn begin_again(&mut self, applied: Applied, committed: u64) {
        self.applied = applied;
        self.behind.missed = committed;
    }
}

/// Chance of one replica, by its own stream.
#[derive(Debug)]
pub(super) struct Dice {
    timeout: Sampler,
    stream: Stream,
}

impl Chance for Dice {
    fn election_timeout(&mut self) -> Duration {
        self.timeout.sample(&mut self.stream)
    }

    fn bits(&mut self) -> u64 {
        self.stream.next_u64()
    }
}

/// Timers that are set.
#[derive(Debug, Default)]
pub(super) struct Timers(Vec<(Timer, Bell)>);

impl Timers {
    /// Notes a timer; answers the one that it replaces.
    pub(super) fn set(&mut self, timer: Timer, bell: Bell) -> Option<Bell> {
        let old = self.take(timer);
        self.0.push((timer, bell));
        old
    }

    pub(super) fn take(&mut self, timer: Timer) -> Option<Bell> {
        let found = self.0.iter().position(|(known, _)| *known == timer)?;
        Some(self.0.swap_remove(found).1)
    }

    pub(super) fn rang(&mut self, timer: Timer) {
        self.take(timer);
    }
}

/// Stable storage: one write at a time; what is asked for meanwhile shares the next one.
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) running: Vec<Token>,
    pub(super) next: Vec<Token>,
    pub(super) bell: Option<Bell>,
}

/// The way out to the other replicas: messages leave one after the other.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// The first is leaving.
    pub(super) queue: VecDeque<(Node, Message)>,
    pub(super) bell: Option<Bell>,
}

/// Entries that a replica missed while it was down are made up for one after the other.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// How many places behind what is applied it was told of.
    pub(super) told: u64,
    /// Up to this place of the log it had all entries before it crashed.
    pub(super) had: u64,
    /// Up to this place it has missed those that it had not.
    pub(super) missed: u64,
    pub(super) bell: Option<Bell>,
}

impl Behind {
    /// Whether the entry at this place was missed.
    pub(super) fn is_missed(&self, index: u64) -> bool {
        index > self.had && index <= self.missed
    }
}

fn replica(
    protocol: ReplicationProtocol,
    pre_vote: bool,
    config: GroupConfig,
    node: Node,
) -> Box<dyn Replica> {
    // Raft's alone.
    #[cfg(not(feature = "raft"))]
    let _ = pre_vote;
    let made: Result<Box<dyn Replica>, ConfigError> = match protocol {
        ReplicationProtocol::PrimaryBackup => {
            PrimaryBackup::new(config, node).map(|replica| Box::new(replica) as _)
        }
        #[cfg(feature = "paxos")]
        ReplicationProtocol::Paxos => {
            Paxos::new(config, node, PaxosConfig::default()).map(|replica| Box::new(replica) as _)
        }
        #[cfg(feature = "raft")]
        ReplicationProtocol::Raft => {
            let raft = RaftConfig {
                pre_vote,
                ..RaftConfig::default()
            };
            Raft::new(config, node, raft).map(|replica| Box::new(replica) as _)
        }
        #[cfg(not(all(feature = "paxos", feature = "raft")))]
        _ => unreachable!("no model names a protocol that is not compiled in"),
    };
    made.unwrap_or_else(|error| unreachable!("a checked model makes a group: {error}"))
}
