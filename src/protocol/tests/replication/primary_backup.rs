//! Primary and backups in the swarm.

use crate::swarm;
use crate::world::Kind;
use stormglass_protocol::replication::*;

const KIND: Kind = Kind {
    make: |config, node| Box::new(PrimaryBackup::new(*config, node).expect("a group")),
    reads_alone: true,
    adjust: |_| {},
};

#[test]
fn a_swarm_of_faults_breaks_no_rule() {
    swarm::survives(KIND);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    swarm::repeats(KIND);
}
