//! Replicas that do one thing wrong, in the world: what listens there must find it. The protocol is the
//! real one, between a world and itself that wrong it.

use crate::limits::{Ended, Limits};
use crate::world::World;
use clock::Instant;
use protocol::replication::primary_backup::{self, Position};
use protocol::replication::{
    Action, Chance, Entry, GroupConfig, Message, Node, NotLeader, PrimaryBackup, Replica, Role,
    Timer, Token,
};

/// What a replica does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrong {
    /// Takes the epoch that it stands for as granted by all.
    WinsAlone,
    /// Takes every log for no more advanced than its own.
    SkipsCatchUp,
    /// Loses its disk in a crash.
    Forgets,
    /// Reads for as long as it has not heard of another leader.
    ReadsOn,
}

#[derive(Debug)]
struct Broken {
    wrong: Wrong,
    config: GroupConfig,
    node: Node,
    inner: PrimaryBackup,
}

impl Broken {
    /// Whoever stands for election hears that all are for it.
    fn elect(&mut self, now: Instant, dice: &mut dyn Chance, out: &mut Vec<Action>) {
        if self.wrong != Wrong::WinsAlone {
            return;
        }
        let mut stands = out.iter().filter_map(|action| match action {
            Action::Role(Role::Candidate(epoch)) => Some(*epoch),
            _ => None,
        });
        let Some(epoch) = stands.next_back() else {
            return;
        };
        for other in (0..self.config.size).map(Node) {
            if other != self.node {
                let granted = primary_backup::Message::Granted {
                    epoch,
                    asked: now,
                    log: Position::default(),
                };
                let granted = Message::PrimaryBackup(granted);
                self.inner.on_message(now, other, granted, dice, out);
            }
        }
    }
}

impl Replica for Broken {
    fn start(&mut self, now: Instant, dice: &mut dyn Chance, out: &mut Vec<Action>) {
        self.inner.start(now, dice, out);
        self.elect(now, dice, out);
    }

    fn crash(&mut self) {
        self.inner.crash();
        if self.wrong == Wrong::Forgets {
            self.inner = PrimaryBackup::new(self.config, self.node).expect("it was one before");
        }
    }

    fn on_message(
        &mut self,
        now: Instant,
        sender: Node,
        mut message: Message,
        dice: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        use primary_backup::Message::Granted;
        if let (Wrong::SkipsCatchUp, Message::PrimaryBackup(Granted { log, .. })) =
            (self.wrong, &mut message)
        {
            *log = Position::default();
        }
        self.inner.on_message(now, sender, message, dice, out);
        self.elect(now, dice, out);
    }

    fn on_timer(
        &mut self,
        now: Instant,
        timer: Timer,
        dice: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        self.inner.on_timer(now, timer, dice, out);
        self.elect(now, dice, out);
    }

    fn on_forced(
        &mut self,
        now: Instant,
        token: Token,
        dice: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        self.inner.on_forced(now, token, dice, out);
        self.elect(now, dice, out);
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
        let leads = self.inner.leader() == Some(self.node);
        self.inner.may_read(now) || self.wrong == Wrong::ReadsOn && leads
    }

    fn leader(&self) -> Option<Node> {
        self.inner.leader()
    }
}

/// Three replicas in hard weather.
const WEATHER: &str = "
run: {duration: 4s}
network: {within_zone: {latency: {exponential: {mean: 2ms}}, loss: 1%}}
policies: {short: [timeout: 100ms]}
stores: {rows: {owner: s}}
services:
  s:
    instances: 3
    workers: 9
    startup: 10ms
    replication:
      protocol: primary_backup
      heartbeat: 10ms
      election_timeout: {uniform: {low: 30ms, high: 60ms}}
      force: {exponential: {mean: 2ms}}
      READS
    endpoints: {put: [write: rows.row], get: [read: rows.row]}
workloads:
  writers: {target: s.put, policy: short, keys: {count: 3}, arrivals: {poisson: {rate: 200/s}}}
  readers: {target: s.get, policy: short, keys: {count: 3}, arrivals: {poisson: {rate: 200/s}}}
faults:
  - {mtbf: {exponential: {mean: 400ms}}, mttr: {exponential: {mean: 100ms}}, crash: {leader: s}}
  - {mtbf: {exponential: {mean: 400ms}}, mttr: {exponential: {mean: 100ms}}, crash: {instance: s-2}}
  - {mtbf: {exponential: {mean: 400ms}}, mttr: {exponential: {mean: 100ms}}, pause: {instance: s-3}}
  - mtbf: {exponential: {mean: 500ms}}
    mttr: {exponential: {mean: 100ms}}
    partition: {groups: [[s-1], [s-2, s-3]]}
";

fn run(seed: u64, wrong: Option<Wrong>, reads: &str) -> Ended {
    let text = WEATHER.replace("READS", reads);
    let model = model::read(&text, "weather.yaml", &(), &[]).expect("it can be read");
    let mut world = World::new(&model.model, seed, 0);
    let told = model.model.services[0].replication.as_ref();
    let told = told.expect("the service is replicated");
    let config = GroupConfig {
        size: 3,
        heartbeat: told.heartbeat,
        least_election_timeout: clock::Duration::from_nanos_f64(told.election_timeout.least_ns()),
    };
    for member in &mut world.groups.members {
        if let Some(wrong) = wrong {
            member.replica = Box::new(Broken {
                wrong,
                config,
                node: member.node,
                inner: PrimaryBackup::new(config, member.node).expect("a group"),
            });
        }
    }
    let until = Instant::ZERO + model.model.run.duration;
    world.run(&mut (), until, &Limits::default())
}

/// In how many of the first seeds something is found that is told with these words.
fn caught(wrong: Wrong, words: &str) -> usize {
    let found = (0..60).filter(|seed| {
        let ended = run(*seed, Some(wrong), "reads: leader");
        let mut told = ended.violations.iter();
        told.any(|violation| format!("{violation:?}").contains(words))
    });
    let found = found.count();
    println!("{wrong:?}: in {found} of 60 worlds");
    found
}

#[test]
fn sound_replicas_are_found_sound() {
    for seed in 0..60 {
        let ended = run(seed, None, "reads: leader");
        assert_eq!(ended.violations, [], "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| run(seed, None, "reads: any").fingerprint;
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn leaders_without_a_majority_are_found() {
    assert!(caught(Wrong::WinsAlone, "which at replica") > 0);
}

#[test]
fn backups_that_skip_catching_up_are_found() {
    assert!(caught(Wrong::SkipsCatchUp, "which at replica") > 0);
}

#[test]
fn disks_that_forget_are_found() {
    assert!(caught(Wrong::Forgets, "") > 0);
}

#[test]
fn leaders_that_read_without_a_lease_are_found() {
    assert!(caught(Wrong::ReadsOn, "read") > 0);
}

#[test]
fn reads_that_are_older_than_declared_are_told_with_an_event() {
    let declared = |bound| format!("reads: any\n      staleness: {bound}");
    let tight = run(1, None, &declared("1ms"));
    let first = tight
        .violations
        .first()
        .expect("replicas were cut off for longer");
    assert_eq!(first.checker, "reads are never older than declared");
    assert!(first.event > 0 && first.event <= tight.events);
    // No run is as long.
    assert_eq!(run(1, None, &declared("1m")).violations, []);
}
