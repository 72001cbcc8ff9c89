//! Primary and backups in the swarm, and replicas that do one thing wrong: the checker must see the harm
//! that comes of it.

use crate::swarm;
use crate::world::{Kind, Make};
use clock::Instant;
use stormglass_protocol::replication::primary_backup::{self, Position, Stable};
use stormglass_protocol::replication::*;

const KIND: Kind = Kind {
    make: |config, node| Box::new(PrimaryBackup::new(*config, node).expect("a group")),
    reads_alone: true,
    adjust: |_| {},
};

#[test]
fn swarm_of_primary_and_backups() {
    swarm::survives(KIND);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    swarm::repeats(KIND);
}

/// What a broken replica does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrong {
    /// Takes the epoch that it stands for as granted by all.
    WinsAlone,
    /// Takes every log for no more advanced than its own.
    SkipsCatchUp,
    /// Answers before its promise is on disk: a crash takes the promise, and with it that of a lease.
    ForgetsPromise,
    /// Answers before anything is on disk.
    AnswersEarly,
    /// Reads for as long as it has not heard of another primary.
    ReadsOn,
}

/// The real replica, between a host and a disk that wrong it.
#[derive(Debug)]
struct Broken {
    wrong: Wrong,
    config: GroupConfig,
    node: Node,
    inner: PrimaryBackup,
    /// What is really on disk, and what is on its way there.
    disk: Stable,
    writing: Vec<(Token, Stable)>,
    led: bool,
}

impl Broken {
    /// Looks at what the replica did, from an action on.
    fn meddle(&mut self, from: usize, now: Instant, dice: &mut dyn Chance, out: &mut Vec<Action>) {
        let mut at = from;
        while at < out.len() {
            match &out[at] {
                Action::Role(Role::Leader(_)) => self.led = true,
                Action::Role(Role::Follower(_, Some(_))) => self.led = false,
                &Action::Role(Role::Candidate(epoch)) if self.wrong == Wrong::WinsAlone => {
                    for other in self.config.others(self.node) {
                        let granted = primary_backup::Message::Granted {
                            epoch,
                            asked: now,
                            log: Position::default(),
                        };
                        let granted = Message::PrimaryBackup(granted);
                        self.inner.on_message(now, other, granted, dice, out);
                    }
                }
                &Action::Force(token) if self.wrong == Wrong::AnswersEarly => {
                    self.inner.on_forced(now, token, dice, out);
                    self.writing.push((token, self.inner.stable()));
                }
                _ => {}
            }
            at += 1;
        }
    }
}

impl Replica for Broken {
    fn start(&mut self, now: Instant, dice: &mut dyn Chance, out: &mut Vec<Action>) {
        let from = out.len();
        self.inner.start(now, dice, out);
        self.meddle(from, now, dice, out);
    }

    fn crash(&mut self) {
        self.inner.crash();
        self.led = false;
        self.writing.clear();
        let found = match self.wrong {
            Wrong::ForgetsPromise => {
                let mut found = self.inner.stable();
                found.promised = Term(0);
                found
            }
            Wrong::AnswersEarly => self.disk.clone(),
            _ => return,
        };
        self.inner = PrimaryBackup::with(self.config, self.node, found).expect("a group");
    }

    fn on_message(
        &mut self,
        now: Instant,
        sender: Node,
        mut message: Message,
        dice: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        if self.wrong == Wrong::SkipsCatchUp
            && let Message::PrimaryBackup(primary_backup::Message::Granted { log, .. }) =
                &mut message
        {
            *log = Position::default();
        }
        let from = out.len();
        self.inner.on_message(now, sender, message, dice, out);
        self.meddle(from, now, dice, out);
    }

    fn on_timer(
        &mut self,
        now: Instant,
        timer: Timer,
        dice: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        let from = out.len();
        self.inner.on_timer(now, timer, dice, out);
        self.meddle(from, now, dice, out);
    }

    fn on_forced(
        &mut self,
        now: Instant,
        token: Token,
        dice: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        if self.wrong == Wrong::AnswersEarly {
            for (_, stable) in self.writing.extract_if(.., |write| write.0 <= token) {
                self.disk = stable;
            }
            if self.writing.is_empty() {
                self.disk = self.inner.stable();
            }
        }
        let from = out.len();
        // Of one that was answered early, the replica does not hear again.
        self.inner.on_forced(now, token, dice, out);
        self.meddle(from, now, dice, out);
    }

    fn propose(
        &mut self,
        now: Instant,
        entry: Entry,
        out: &mut Vec<Action>,
    ) -> Result<(), NotLeader> {
        self.inner.propose(now, entry, out)
    }

    fn may_read(&self, now: Instant) -> bool {
        self.inner.may_read(now) || self.wrong == Wrong::ReadsOn && self.led
    }

    fn leader(&self) -> Option<Node> {
        self.inner.leader()
    }
}

fn broken(config: &GroupConfig, node: Node, wrong: Wrong) -> Box<dyn Replica> {
    Box::new(Broken {
        wrong,
        config: *config,
        node,
        inner: PrimaryBackup::new(*config, node).expect("a group"),
        disk: Stable::default(),
        writing: Vec::new(),
        led: false,
    })
}

const SEEDS: u64 = 250;

/// How often the checker finds what comes of it.
fn caught(make: Make, what: fn(&Violation) -> bool) -> u64 {
    swarm::caught(Kind { make, ..KIND }, SEEDS, what)
}

fn is_lost_write(violation: &Violation) -> bool {
    matches!(violation, Violation::AcknowledgedLost { .. })
}

#[test]
fn a_leader_without_a_majority_is_caught() {
    let make: Make = |config, node| broken(config, node, Wrong::WinsAlone);
    assert!(caught(make, is_lost_write) > 0);
}

#[test]
fn a_backup_that_skips_catching_up_is_caught() {
    let make: Make = |config, node| broken(config, node, Wrong::SkipsCatchUp);
    assert!(caught(make, is_lost_write) > 0);
}

#[test]
fn a_granter_that_forgets_its_promise_is_caught() {
    let make: Make = |config, node| broken(config, node, Wrong::ForgetsPromise);
    let disagree = |v: &Violation| matches!(v, Violation::Disagreement { .. });
    assert!(caught(make, disagree) > 0);
}

#[test]
fn an_answer_before_the_disk_is_caught() {
    let make: Make = |config, node| broken(config, node, Wrong::AnswersEarly);
    assert!(caught(make, is_lost_write) > 0);
}

#[test]
fn a_primary_that_reads_without_a_lease_is_caught() {
    let make: Make = |config, node| broken(config, node, Wrong::ReadsOn);
    let missed = |v: &Violation| matches!(v, Violation::LeaderReadMissed { .. });
    assert!(caught(make, missed) > 0);
}
