//! Replication: the instances of a service keep one log, and one of them leads.

use crate::quantity::{Count, PositiveDuration};
use crate::reader::{At, Reader};
use crate::shape::{choice, record};
use crate::types::{
    Distribution, FailoverBuffer, Reads, Replication, ReplicationProtocol as Protocol,
};
use clock::Duration;

/// Between which an election timeout lies where the model says nothing, in nanoseconds: the range that
/// Raft's authors propose (Ongaro, Ousterhout 2014, section 9.3).
const USUAL_TIMEOUT: (f64, f64) = (150e6, 300e6);

record! {
    /// The instances keep one log, and one of them leads.
    ReplicationShape {
        /// Who decides who leads, and what is committed.
        required protocol: ProtocolWord,
        /// Between two signs of life of a leader.
        default heartbeat: PositiveDuration = "50ms",
        /// How long an instance goes without one before it stands for election, drawn anew each time;
        /// never as short as `heartbeat`. Uniform from 150ms to 300ms when absent.
        optional election_timeout: Distribution,
        /// With `raft`: whether an instance asks first whether it could win, and so deposes no sound
        /// leader; off when absent.
        optional pre_vote: bool,
        /// One write to stable storage, such as a vote or an entry of the log.
        default force: Distribution = "0s",
        /// How long one entry occupies its sender's link, for each instance that it goes to.
        default send: Distribution = "0s",
        /// Requests that wait while there is no leader.
        default failover_buffer: BufferShape = "{}",
        /// Who answers endpoints that only read.
        default reads: ReadsWord = "leader",
        /// How long an instance needs to make up for one entry that it missed while it was down.
        default catch_up: Distribution = "0s",
        /// The most that what `reads: any` see may be behind what was acknowledged; no bound is
        /// claimed when absent.
        optional staleness: PositiveDuration,
    }
}

choice! {
    /// Who decides who leads, and what is committed.
    "a replication protocol": ProtocolWord {
        /// Omni-Paxos, by the `omnipaxos` crate.
        "paxos" => Paxos,
        /// Raft, by the `raft` crate.
        "raft" => Raft,
        /// A primary with a lease of a majority; the lowest number that is up to date takes over.
        "primary_backup" => PrimaryBackup,
    }
}

choice! {
    /// Who answers endpoints that only read.
    "who answers reads": ReadsWord {
        /// The leader: what was acknowledged is seen.
        "leader" => Leader,
        /// Whoever is asked, as far as it knows.
        "any" => Any,
    }
}

record! {
    /// Requests that wait at an instance that knows no leader.
    BufferShape {
        /// How many; one more fails with `unavailable`.
        default capacity: Count<0, 100_000_000> = "1000",
        /// How long; then they fail with `unavailable`.
        default wait: Duration = "1s",
    }
}

/// What a group is told, checked.
pub(super) fn resolve_replication(
    shape: At<ReplicationShape>,
    instances: u32,
    cx: &mut Reader<'_>,
) -> Replication {
    let ReplicationShape {
        protocol,
        heartbeat,
        election_timeout,
        pre_vote,
        force,
        send,
        failover_buffer,
        reads,
        catch_up,
        staleness,
    } = shape.value;
    let (protocol, said_at) = (protocol.value.protocol(), protocol.span);
    if !is_there(protocol) {
        let name = protocol.name();
        cx.problem(said_at, format!("`{name}` is not compiled in"))
            .help(format!("stormglass was built without its feature `{name}`"));
    }
    if let (Some(said), Protocol::Paxos | Protocol::PrimaryBackup) = (&pre_vote, protocol) {
        cx.problem(said.span, "`pre_vote` goes with `protocol: raft`")
            .help("the other protocols keep a sound leader without it");
    }
    let (low, high) = USUAL_TIMEOUT;
    let (timeout, place) = match election_timeout {
        Some(timeout) => (timeout.value, timeout.span),
        None => (Distribution::Uniform { low, high }, heartbeat.span),
    };
    let least = timeout.least_ns();
    if least <= heartbeat.0.as_nanos() as f64 {
        let least = Duration::from_nanos_f64(least);
        let problem = cx.problem(
            place,
            format!(
                "an `election_timeout` may come out as short as {least}, and a leader gives a sign of \
                 life every {}",
                heartbeat.0
            ),
        );
        problem.help(
            "a sound leader would be deposed: its least value must be above `heartbeat`, usually \
             several times that, such as `{uniform: {low: 150ms, high: 300ms}}`",
        );
    }
    if let (Protocol::Paxos, 0..2) = (protocol, instances) {
        cx.problem(said_at, "`paxos` needs at least 2 `instances`")
            .help("3 go on without one of them");
    }
    let reads = match reads.value {
        ReadsWord::Leader => Reads::Leader,
        ReadsWord::Any => Reads::Any,
    };
    if let (Reads::Leader, Some(bound)) = (reads, &staleness) {
        cx.problem(bound.span, "`staleness` goes with `reads: any`")
            .help("what the leader answers is never behind what was acknowledged");
    }
    Replication {
        protocol,
        heartbeat: heartbeat.0,
        election_timeout: timeout,
        pre_vote: pre_vote.is_some_and(|said| said.value),
        force: force.value,
        send: send.value,
        failover_buffer: FailoverBuffer {
            capacity: failover_buffer.capacity.0,
            wait: *failover_buffer.wait,
        },
        reads,
        catch_up: catch_up.value,
        staleness: staleness.map(|bound| bound.0),
    }
}

impl ProtocolWord {
    fn protocol(&self) -> Protocol {
        match self {
            Self::Paxos => Protocol::Paxos,
            Self::Raft => Protocol::Raft,
            Self::PrimaryBackup => Protocol::PrimaryBackup,
        }
    }
}

/// Whether the protocol is compiled in.
const fn is_there(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Paxos => cfg!(feature = "paxos"),
        Protocol::Raft => cfg!(feature = "raft"),
        Protocol::PrimaryBackup => true,
    }
}
