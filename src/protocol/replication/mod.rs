//! Replication of one log among a fixed group of replicas, with a leader that a majority has elected.
//!
//! [`Replica`] is what a host sees of any such protocol: messages, timers and finished writes go in;
//! [`Action`]s come out. What an entry means is the host's: here it is a number.
//!
//! # What is asked of the host
//!
//! * It does every [`Action`] in the order given, and may take its time.
//! * Messages may be lost, doubled, late and out of order, but are what was sent.
//! * A crash is [`Replica::crash`]: the object stands for the machine *and* its disk, and keeps what was
//!   forced. Until [`Replica::start`] is called again, nothing else is. Timers and tokens of before
//!   the crash are dropped by the host.
//! * All chance comes from [`Chance`].

mod checker;
mod config;
#[cfg(any(feature = "raft", feature = "paxos"))]
mod disk;
#[cfg(feature = "paxos")]
pub mod paxos;
pub mod primary_backup;
#[cfg(feature = "raft")]
pub mod raft;
mod violation;

pub use checker::Checker;
pub use config::{ConfigError, GroupConfig};
#[cfg(feature = "paxos")]
pub use paxos::{Paxos, PaxosConfig};
pub use primary_backup::PrimaryBackup;
#[cfg(feature = "raft")]
pub use raft::{Raft, RaftConfig};
pub use violation::Violation;

use clock::{Duration, Instant};
use core::fmt;

/// A replica, by its number in the group, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Node(pub u32);

/// The number of a reign; never two leaders in one. A ballot, a term, an epoch: as a protocol calls it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Term(pub u64);

/// What is replicated; the host knows what it stands for. Numbers are used once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Entry(pub u64);

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "replica {}", self.0)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "term {}", self.0)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}", self.0)
    }
}

/// Where chance comes from.
pub trait Chance {
    /// How long to go without a sign of life before standing for election; drawn anew each time.
    fn election_timeout(&mut self) -> Duration;
    /// 64 random bits.
    fn bits(&mut self) -> u64;
}

/// What the host must do, in order. A replica only appends; the host clears.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Send a message to another replica.
    Send(Node, Message),
    /// Call [`Replica::on_timer`] at this time. A timer that is set again replaces itself.
    SetTimer(Timer, Instant),
    /// The timer is no longer wanted. One that fires all the same does no harm.
    CancelTimer(Timer),
    /// Make stable what was written so far, then call [`Replica::on_forced`].
    Force(Token),
    /// The replica's part in the group has changed.
    Role(Role),
    /// The entry has its place in the log for ever, and may be applied here. In the order of the log,
    /// from the first after the last that this replica has told; after a crash, from the first that
    /// is not [restored](Action::Restored).
    Committed {
        /// Its place, from 1.
        index: u64,
        /// What stands there; `None`: the protocol's own.
        entry: Option<Entry>,
    },
    /// What stands up to this place is not told: the protocol has let it go, and the replica takes over
    /// the state that it has led to, from its own disk or another's. Telling goes on behind it. Comes when a replica begins, or is far behind; only what was
    /// committed, and beyond what this replica has told.
    Restored {
        /// The last place that is left out, from 1.
        index: u64,
    },
}

/// A timer of a replica; what it is for is the replica's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timer(pub u32);

/// Names a forced write. Those of one replica end in the order in which they were asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(pub u64);

/// A replica's part in its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Leads, and has caught up: takes proposals.
    Leader(Term),
    /// Follows, whom it knows of.
    Follower(Term, Option<Node>),
    /// Stands for election.
    Candidate(Term),
}

/// Why an entry is not proposed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotLeader {
    /// Whom to ask instead, where that is known.
    pub leader: Option<Node>,
}

impl fmt::Display for NotLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.leader {
            Some(node) => write!(f, "{node} leads, not this one"),
            None => write!(f, "no leader is known"),
        }
    }
}

impl core::error::Error for NotLeader {}

/// One replica of a group.
pub trait Replica: fmt::Debug {
    /// Begins, at first and after a crash, with what is on the disk.
    fn start(&mut self, now: Instant, chance: &mut dyn Chance, out: &mut Vec<Action>);

    /// Loses everything but what was forced.
    fn crash(&mut self);

    /// A message has arrived.
    fn on_message(
        &mut self,
        now: Instant,
        from: Node,
        message: Message,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    );

    /// A timer's time has come.
    fn on_timer(
        &mut self,
        now: Instant,
        timer: Timer,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    );

    /// What was written before this token was given is stable.
    fn on_forced(
        &mut self,
        now: Instant,
        token: Token,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    );

    /// Appends an entry. It is committed when [`Action::Committed`] says so, at whichever replica hears
    /// it first; one that was accepted may still be lost with its leader.
    ///
    /// # Errors
    /// When this replica does not lead.
    fn propose(
        &mut self,
        now: Instant,
        entry: Entry,
        out: &mut Vec<Action>,
    ) -> Result<(), NotLeader>;

    /// Whether a read may be answered from here alone at this instant: it leads, has applied what was
    /// acknowledged before, and nobody else can lead. Where it is not so, a leader answers a read by an
    /// entry of its own: once that is committed there, the state before it is what the read sees.
    fn may_read(&self, now: Instant) -> bool;

    /// Whom it believes to lead, itself included.
    fn leader(&self) -> Option<Node>;
}

/// What replicas say to each other: each protocol has its own words.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// Of [`Raft`].
    #[cfg(feature = "raft")]
    Raft(Box<raft::Message>),
    /// Of [`Paxos`].
    #[cfg(feature = "paxos")]
    Paxos(Box<paxos::Message>),
    /// Of [`PrimaryBackup`].
    PrimaryBackup(primary_backup::Message),
}

impl Message {
    /// How many entries of a log it carries: what it costs to send.
    pub fn entries(&self) -> usize {
        match self {
            #[cfg(feature = "raft")]
            Self::Raft(message) => message.entries(),
            #[cfg(feature = "paxos")]
            Self::Paxos(message) => message.entries(),
            Self::PrimaryBackup(message) => message.entries(),
        }
    }
}
