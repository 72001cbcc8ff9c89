//! Raft, by the crate.

use crate::swarm;
use crate::world::Kind;
use stormglass_protocol::replication::*;

const RAFT: Kind = Kind {
    make: raft,
    reads_alone: true,
    adjust: |_| {},
};

fn raft(group: &GroupConfig, node: Node) -> Box<dyn Replica> {
    let config = RaftConfig {
        keep: 8,
        ..RaftConfig::default()
    };
    Box::new(Raft::new(*group, node, config).expect("a group"))
}

#[test]
fn swarm_of_raft() {
    swarm::survives(RAFT);
}

#[test]
fn raft_repeats() {
    swarm::repeats(RAFT);
}
