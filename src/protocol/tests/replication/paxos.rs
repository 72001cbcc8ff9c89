//! Omni-Paxos, by the crate.

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
fn paxos_repeats() {
    swarm::repeats(PAXOS);
}
