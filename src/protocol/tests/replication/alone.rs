//! The harness itself: replicas that ask nobody are found out, and a group of one needs nobody.

use crate::swarm;
use crate::world::{Kind, Millis, Settings, World};
use clock::Instant;
use stormglass_protocol::replication::*;

/// Leads alone, and calls committed what is on its own disk.
#[derive(Debug, Default)]
struct Alone {
    node: u32,
    up: bool,
    log: Vec<Entry>,
    stable: usize,
}

impl Replica for Alone {
    fn start(&mut self, _: Instant, _: &mut dyn Chance, out: &mut Vec<Action>) {
        self.up = true;
        out.push(Action::Role(Role::Leader(Term(1))));
        for (index, &entry) in (1..).zip(&self.log) {
            let entry = Some(entry);
            out.push(Action::Committed { index, entry });
        }
    }

    fn crash(&mut self) {
        self.up = false;
        self.log.truncate(self.stable);
    }

    fn on_message(
        &mut self,
        _: Instant,
        _: Node,
        _: Message,
        _: &mut dyn Chance,
        _: &mut Vec<Action>,
    ) {
    }

    fn on_timer(&mut self, _: Instant, _: Timer, _: &mut dyn Chance, _: &mut Vec<Action>) {}

    fn on_forced(&mut self, _: Instant, token: Token, _: &mut dyn Chance, out: &mut Vec<Action>) {
        for at in self.stable..token.0 as usize {
            let (index, entry) = (at as u64 + 1, Some(self.log[at]));
            out.push(Action::Committed { index, entry });
        }
        self.stable = token.0 as usize;
    }

    fn propose(
        &mut self,
        _: Instant,
        entry: Entry,
        out: &mut Vec<Action>,
    ) -> Result<(), NotLeader> {
        self.log.push(entry);
        out.push(Action::Force(Token(self.log.len() as u64)));
        Ok(())
    }

    fn may_read(&self, _: Instant) -> bool {
        self.up
    }

    fn leader(&self) -> Option<Node> {
        Some(Node(self.node))
    }
}

const ALONE: Kind = Kind {
    make: |_, node| {
        Box::new(Alone {
            node: node.0,
            ..Alone::default()
        })
    },
    reads_alone: true,
    adjust: |_| {},
};

#[test]
fn replicas_that_ask_nobody_are_found_out() {
    const SEEDS: u64 = 50;
    let caught = |what: fn(&Violation) -> bool| swarm::caught(ALONE, SEEDS, what);
    assert_eq!(caught(|v| matches!(v, Violation::TwoLeaders { .. })), SEEDS);
    assert!(caught(|v| matches!(v, Violation::Disagreement { .. })) > SEEDS / 2);
    assert!(caught(|v| matches!(v, Violation::AcknowledgedLost { .. })) > SEEDS / 2);
    assert!(caught(|v| matches!(v, Violation::LeaderReadMissed { .. })) > SEEDS / 2);
}

#[test]
fn a_group_of_one_may_crash_and_forgets_nothing() {
    for seed in 0..50 {
        let mut settings = Settings {
            crash: 0.01,
            faults: Millis(10, 500),
            ..swarm::settings(seed)
        };
        settings.config.size = 1;
        let mut world = World::new(settings, ALONE);
        assert_eq!(world.settle(), Ok(()), "seed {seed}");
        assert_eq!(world.checker.violations(), [], "seed {seed}");
        assert!(world.totals.crashes > 0 && world.totals.acknowledged > 0);
    }
}
