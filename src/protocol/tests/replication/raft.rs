//! Raft, by the crate.

use crate::broken::{Amnesiac, caught_or_stopped};
use crate::swarm;
use crate::world::Kind;
use clock::{Duration, Instant};
use stormglass_protocol::replication::*;

const RAFT: Kind = Kind {
    make: raft,
    reads_alone: true,
    adjust: |_| {},
};

/// Logs are short, so that replicas that were down find them cut off.
fn raft(group: &GroupConfig, node: Node) -> Box<dyn Replica> {
    with(group, node, RaftConfig::default())
}

fn with(group: &GroupConfig, node: Node, config: RaftConfig) -> Box<dyn Replica> {
    let config = RaftConfig { keep: 8, ..config };
    Box::new(Raft::new(*group, node, config).expect("a group"))
}

#[test]
fn swarm_of_raft() {
    swarm::survives(RAFT);
}

#[test]
fn swarm_of_raft_that_asks_before_it_stands() {
    swarm::survives(Kind {
        make: |group, node| {
            let config = RaftConfig {
                pre_vote: true,
                ..RaftConfig::default()
            };
            with(group, node, config)
        },
        ..RAFT
    });
}

#[test]
fn swarm_of_raft_without_leases() {
    swarm::survives(Kind {
        make: |group, node| {
            let config = RaftConfig {
                check_quorum: false,
                ..RaftConfig::default()
            };
            with(group, node, config)
        },
        reads_alone: false,
        ..RAFT
    });
}

#[test]
fn raft_repeats_word_by_word_whatever_else_the_thread_ran() {
    let first = swarm::transcript(17, RAFT);
    assert_ne!(first, swarm::transcript(18, RAFT));
    assert_eq!(first, swarm::transcript(17, RAFT));
    swarm::repeats(RAFT);
}

#[test]
fn a_leader_without_a_majority_is_caught() {
    const SEEDS: u64 = 100;
    // One replica takes itself for the whole group.
    let lone = Kind {
        make: |group, node| {
            let size = if node.0 == 0 { 1 } else { group.size };
            raft(&GroupConfig { size, ..*group }, node)
        },
        ..RAFT
    };
    let two = |v: &Violation| matches!(v, Violation::TwoLeaders { .. });
    let differ = |v: &Violation| matches!(v, Violation::Disagreement { .. });
    assert!(swarm::caught(lone, SEEDS, two) > SEEDS / 4);
    assert!(swarm::caught(lone, SEEDS, differ) > SEEDS / 2);
}

#[test]
fn votes_and_entries_that_a_disk_forgets_are_caught() {
    const SEEDS: u64 = 200;
    let forgetful = Kind {
        make: |group, node| Amnesiac::boxed(group, node, raft),
        ..RAFT
    };
    // The crate panics when it hears that something is committed that it has acknowledged and lost.
    let (caught, stopped) = caught_or_stopped(forgetful, SEEDS);
    assert!(caught > 0 && caught + stopped > SEEDS / 4);
}

/// Draws the least that is allowed, and zeros.
struct Least(Duration);

impl Chance for Least {
    fn election_timeout(&mut self) -> Duration {
        self.0
    }

    fn bits(&mut self) -> u64 {
        0
    }
}

#[test]
fn a_group_of_one_leads_after_its_timeout_and_reads_while_it_leads() {
    let timeout = Duration::from_millis(300);
    let group = GroupConfig {
        size: 1,
        heartbeat: Duration::from_millis(50),
        least_election_timeout: timeout,
    };
    let mut raft = Raft::new(group, Node(0), RaftConfig::default()).expect("a group");
    let mut chance = Least(timeout);
    let mut out = Vec::new();
    raft.start(Instant::ZERO, &mut chance, &mut out);
    assert_eq!(
        raft.propose(Instant::ZERO, Entry(7), &mut out),
        Err(NotLeader { leader: None })
    );
    let now = Instant::ZERO + timeout;
    assert!(out.contains(&Action::SetTimer(Timer(0), now)));
    raft.on_timer(now, Timer(0), &mut chance, &mut out);
    assert!(out.contains(&Action::Role(Role::Leader(Term(1)))));
    assert_eq!(raft.propose(now, Entry(7), &mut out), Ok(()));
    assert!(!raft.may_read(now));
    let told = |out: &[Action]| {
        let entry = Some(Entry(7));
        out.contains(&Action::Committed { index: 2, entry })
    };
    assert!(!told(&out));
    for action in out.clone() {
        if let Action::Force(token) = action {
            raft.on_forced(now, token, &mut chance, &mut out);
        }
    }
    assert!(told(&out));
    assert!(raft.may_read(now));
    assert!(!raft.may_read(now + timeout));
}
