//! Omni-Paxos, by the crate.

use crate::broken::{Amnesiac, caught_or_stopped};
use crate::swarm;
use crate::world::{Kind, Settings};
use clock::Duration;
use stormglass_protocol::replication::*;

const PAXOS: Kind = Kind {
    make: paxos,
    reads_alone: false,
    adjust: longer_than_a_round_trip,
};

/// A heartbeat's answer must arrive before the next one.
fn longer_than_a_round_trip(settings: &mut Settings) {
    let least = Duration::from_millis(2 * settings.latency.1 + 3);
    settings.config.heartbeat = settings.config.heartbeat.max(least);
}

fn paxos(group: &GroupConfig, node: Node) -> Box<dyn Replica> {
    let config = PaxosConfig { keep: 8 };
    Box::new(Paxos::new(*group, node, config).expect("a group of two or more"))
}

#[test]
fn swarm_of_paxos() {
    swarm::survives(PAXOS);
}

#[test]
fn paxos_repeats_word_by_word_whatever_else_the_thread_ran() {
    let first = swarm::transcript(17, PAXOS);
    assert_ne!(first, swarm::transcript(18, PAXOS));
    assert_eq!(first, swarm::transcript(17, PAXOS));
    swarm::repeats(PAXOS);
}

#[test]
fn a_leader_without_a_majority_is_caught() {
    const SEEDS: u64 = 100;
    // Two take themselves for the whole group; of five, the others are a majority without them.
    let pair = Kind {
        make: |group, node| {
            let size = if node.0 < 2 { 2 } else { group.size };
            paxos(&GroupConfig { size, ..*group }, node)
        },
        ..PAXOS
    };
    let differ = |v: &Violation| matches!(v, Violation::Disagreement { .. });
    assert!(swarm::caught(pair, SEEDS, differ) > SEEDS / 4);
}

#[test]
fn promises_and_entries_that_a_disk_forgets_are_caught() {
    const SEEDS: u64 = 200;
    let forgetful = Kind {
        make: |group, node| Amnesiac::boxed(group, node, paxos),
        ..PAXOS
    };
    // The crate may find first that a leader makes up a log from before what is decided there.
    let (caught, stopped) = caught_or_stopped(forgetful, SEEDS);
    assert!(caught > 0 && caught + stopped > SEEDS / 10);
}

#[test]
fn a_group_of_one_is_refused() {
    let group = GroupConfig {
        size: 1,
        heartbeat: Duration::from_millis(50),
        least_election_timeout: Duration::from_millis(300),
    };
    let refused = Paxos::new(group, Node(0), PaxosConfig::default()).map(|_| ());
    assert_eq!(refused, Err(ConfigError::OneReplica));
}
