//! What is wrong with a host, not with a protocol: it makes any replica do wrong.

use crate::swarm;
use crate::world::Kind;
use clock::Instant;
use std::panic::catch_unwind;
use stormglass_protocol::replication::*;

/// Its disk forgets, at every crash, all that was forced.
#[derive(Debug)]
pub(crate) struct Amnesiac {
    replica: Box<dyn Replica>,
    group: GroupConfig,
    node: Node,
    make: fn(&GroupConfig, Node) -> Box<dyn Replica>,
}

impl Amnesiac {
    pub(crate) fn boxed(
        group: &GroupConfig,
        node: Node,
        make: fn(&GroupConfig, Node) -> Box<dyn Replica>,
    ) -> Box<dyn Replica> {
        Box::new(Self {
            replica: make(group, node),
            group: *group,
            node,
            make,
        })
    }
}

/// In how many of the first seeds the checker finds anything, and in how many a crate finds first
/// that what it was promised is not so, and panics.
pub(crate) fn caught_or_stopped(kind: Kind, seeds: u64) -> (u64, u64) {
    let (mut caught, mut stopped) = (0, 0);
    for seed in 0..seeds {
        match catch_unwind(|| swarm::violations(seed, kind)) {
            Ok(violations) => caught += u64::from(!violations.is_empty()),
            Err(_) => stopped += 1,
        }
    }
    println!("of {seeds}: {caught} caught, {stopped} stopped");
    (caught, stopped)
}

impl Replica for Amnesiac {
    fn start(&mut self, now: Instant, chance: &mut dyn Chance, out: &mut Vec<Action>) {
        self.replica.start(now, chance, out);
    }

    fn crash(&mut self) {
        self.replica = (self.make)(&self.group, self.node);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: Node,
        message: Message,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        self.replica.on_message(now, from, message, chance, out);
    }

    fn on_timer(
        &mut self,
        now: Instant,
        timer: Timer,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        self.replica.on_timer(now, timer, chance, out);
    }

    fn on_forced(
        &mut self,
        now: Instant,
        token: Token,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        self.replica.on_forced(now, token, chance, out);
    }

    fn propose(
        &mut self,
        now: Instant,
        entry: Entry,
        out: &mut Vec<Action>,
    ) -> Result<(), NotLeader> {
        self.replica.propose(now, entry, out)
    }

    fn may_read(&self, now: Instant) -> bool {
        self.replica.may_read(now)
    }

    fn leader(&self) -> Option<Node> {
        self.replica.leader()
    }
}
