//! The rules of primary and backups one by one, and what they cost: single replicas, and small groups
//! on a network and with disks that always take the same time.

use clock::{Duration, Instant};
use std::collections::BTreeMap;
use stormglass_protocol::replication::primary_backup::{
    Batch, Epochs, Message as Word, Position, Run,
};
use stormglass_protocol::replication::*;

const LEASE: Duration = Duration::from_millis(100);
const BEAT: Duration = Duration::from_millis(20);

fn config(size: u32) -> GroupConfig {
    GroupConfig {
        size,
        heartbeat: BEAT,
        least_election_timeout: LEASE,
    }
}

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

/// All draws are the same: who stands first is decided by numbers.
struct Always;

impl Chance for Always {
    fn election_timeout(&mut self) -> Duration {
        LEASE
    }

    fn bits(&mut self) -> u64 {
        0
    }
}

/// One replica, of which the test sees every action.
struct Single {
    replica: PrimaryBackup,
    now: Instant,
}

impl Single {
    fn start(node: u32) -> Self {
        let replica = PrimaryBackup::new(config(3), Node(node)).expect("a group");
        let now = Instant::ZERO;
        let mut single = Self { replica, now };
        single.replica.start(now, &mut Always, &mut Vec::new());
        single
    }

    fn hear(&mut self, ms: u64, from: u32, word: Word) -> Vec<Action> {
        self.now = at(ms);
        let (mut out, message) = (Vec::new(), Message::PrimaryBackup(word));
        let replica = &mut self.replica;
        replica.on_message(self.now, Node(from), message, &mut Always, &mut out);
        out
    }

    fn forced(&mut self, token: Token) -> Vec<Action> {
        let mut out = Vec::new();
        self.replica
            .on_forced(self.now, token, &mut Always, &mut out);
        out
    }

    /// Hears this, and ends the forced write that comes of it.
    fn hear_and_force(&mut self, ms: u64, from: u32, word: Word) -> Vec<Word> {
        let out = self.hear(ms, from, word);
        assert_eq!(words(&out), [], "an answer before the disk");
        let token = token(&out).expect("a forced write");
        words(&self.forced(token))
    }

    fn restart(&mut self, ms: u64) {
        self.now = at(ms);
        self.replica.crash();
        let replica = &mut self.replica;
        replica.start(self.now, &mut Always, &mut Vec::new());
    }
}

fn words(out: &[Action]) -> Vec<Word> {
    let word = |action: &Action| match action {
        Action::Send(_, Message::PrimaryBackup(word)) => Some(word.clone()),
        _ => None,
    };
    out.iter().filter_map(word).collect()
}

fn token(out: &[Action]) -> Option<Token> {
    out.iter().find_map(|action| match action {
        Action::Force(token) => Some(*token),
        _ => None,
    })
}

fn epoch(round: u64, node: u32) -> Term {
    Epochs::new(3).next(Term((round - 1) * 3), Node(node))
}

fn stand(round: u64, node: u32, ms: u64) -> Word {
    Word::Stand {
        epoch: epoch(round, node),
        asked: at(ms),
    }
}

fn granted(round: u64, node: u32, ms: u64) -> Word {
    Word::Granted {
        epoch: epoch(round, node),
        asked: at(ms),
        log: Position::default(),
    }
}

/// The first entries of a reign, from its record on.
fn append(round: u64, node: u32, ms: u64, entries: u64) -> Word {
    let (epoch, first) = (epoch(round, node), 1);
    Word::Append {
        epoch,
        asked: at(ms),
        batch: Batch {
            after: Position::default(),
            runs: vec![Run { first, epoch }],
            entries: (0..entries).map(Entry).collect(),
        },
        committed: 0,
        everywhere: 0,
    }
}

#[test]
fn an_epoch_has_one_owner_and_the_lowest_number_the_highest_of_a_round() {
    let epochs = Epochs::new(5);
    assert_eq!(epochs.owner(Term(0)), None);
    for seen in 0..40 {
        for node in 0..5 {
            let next = epochs.next(Term(seen), Node(node));
            assert!(next > Term(seen));
            assert_eq!(epochs.owner(next), Some(Node(node)));
            assert!(node == 4 || next > epochs.next(Term(seen), Node(node + 1)));
        }
    }
}

#[test]
fn a_grant_leaves_when_the_promise_is_on_disk_and_binds() {
    let mut granter = Single::start(2);
    let answers = granter.hear_and_force(100, 1, stand(5, 1, 90));
    assert_eq!(answers, [granted(5, 1, 90)]);
    assert_eq!(granter.replica.stable().promised, epoch(5, 1));
    // Fenced.
    let refused = Word::Refused { epoch: epoch(5, 1) };
    for old in [stand(4, 0, 300), append(4, 0, 300, 1)] {
        let said = words(&granter.hear(300, 0, old));
        assert_eq!(said, vec![refused.clone()]);
    }
}

#[test]
fn a_lease_that_lives_is_not_given_to_another() {
    let mut granter = Single::start(2);
    granter.hear_and_force(100, 1, stand(5, 1, 90));
    // Counted from the answer, at 100.
    assert_eq!(granter.hear(199, 0, stand(6, 0, 199)), []);
    // Its holder may have it again, in a higher epoch, too.
    let again = granter.hear(199, 1, stand(5, 1, 190));
    assert_eq!(words(&again), [granted(5, 1, 190)]);
    assert_eq!(granter.hear(298, 0, stand(6, 0, 298)), []);
    let answers = granter.hear_and_force(299, 0, stand(6, 0, 299));
    assert_eq!(answers, [granted(6, 0, 299)]);
}

#[test]
fn a_sign_of_life_renews_the_lease() {
    let mut granter = Single::start(2);
    granter.hear_and_force(100, 1, stand(5, 1, 90));
    let alive = Word::Alive {
        epoch: epoch(5, 1),
        asked: at(140),
    };
    let ack = Word::Ack {
        epoch: epoch(5, 1),
        asked: at(140),
        stable: 0,
    };
    assert_eq!(words(&granter.hear(150, 1, alive)), [ack]);
    assert_eq!(granter.hear(249, 0, stand(6, 0, 249)), []);
    assert!(token(&granter.hear(250, 0, stand(6, 0, 250))).is_some());
}

#[test]
fn a_granter_that_was_down_keeps_its_promise_and_waits_out_a_lease() {
    let mut granter = Single::start(2);
    granter.hear_and_force(100, 1, stand(5, 1, 90));
    granter.restart(1_000);
    let refused = Word::Refused { epoch: epoch(5, 1) };
    assert_eq!(words(&granter.hear(1_001, 0, stand(4, 0, 0))), [refused]);
    assert_eq!(granter.hear(1_099, 0, stand(6, 0, 1_099)), []);
    assert!(token(&granter.hear(1_100, 0, stand(6, 0, 1_100))).is_some());
}

#[test]
fn a_promise_that_was_not_on_disk_was_never_answered_and_binds_nobody() {
    let mut granter = Single::start(2);
    assert!(token(&granter.hear(100, 1, stand(5, 1, 90))).is_some());
    granter.restart(110);
    assert_eq!(granter.replica.stable().promised, Term(0));
    let answers = granter.hear_and_force(111, 0, stand(4, 0, 111));
    assert_eq!(answers, [granted(4, 0, 111)]);
}

#[test]
fn where_requests_meet_the_lower_number_goes_first() {
    let mut granter = Single::start(2);
    let first = token(&granter.hear(100, 1, stand(5, 1, 100))).expect("a promise");
    // The first promise is on its way to the disk; the second follows it.
    assert_eq!(words(&granter.hear(101, 0, stand(5, 0, 101))), []);
    let out = granter.forced(first);
    assert_eq!(words(&out), []);
    let second = token(&out).expect("another promise");
    assert_eq!(words(&granter.forced(second)), [granted(5, 0, 101)]);
}

#[test]
fn who_stands_gives_way_to_a_lower_number_and_not_to_a_higher() {
    let mut candidate = Single::start(1);
    // A heartbeat's stagger behind replica 0.
    candidate.now = at(120);
    let (now, mut out) = (candidate.now, Vec::new());
    candidate
        .replica
        .on_timer(now, Timer(0), &mut Always, &mut out);
    assert!(out.contains(&Action::Role(Role::Candidate(epoch(1, 1)))));
    assert_eq!(candidate.hear(121, 2, stand(2, 2, 121)), []);
    let out = candidate.hear(122, 0, stand(2, 0, 122));
    let withdrawn = Word::Withdrawn {
        epoch: epoch(1, 1),
        asked: at(122),
    };
    assert_eq!(words(&out), [withdrawn.clone(), withdrawn]);
    let token = token(&out).expect("a promise");
    assert_eq!(words(&candidate.forced(token)), [granted(2, 0, 122)]);
}

#[test]
fn who_gives_up_gives_the_lease_back() {
    let mut granter = Single::start(2);
    granter.hear_and_force(100, 1, stand(5, 1, 90));
    // One that was written before the lease was asked for is old.
    for (asked, free) in [(89, false), (90, true)] {
        let withdrawn = Word::Withdrawn {
            epoch: epoch(5, 1),
            asked: at(asked),
        };
        granter.hear(101, 1, withdrawn);
        let out = granter.hear(101, 0, stand(6, 0, 101));
        assert_eq!(token(&out).is_some(), free);
    }
}

#[test]
fn a_backup_answers_for_what_is_on_its_disk() {
    let mut backup = Single::start(2);
    let ack = |stable, asked| Word::Ack {
        epoch: epoch(5, 1),
        asked: at(asked),
        stable,
    };
    let answers = backup.hear_and_force(100, 1, append(5, 1, 90, 3));
    assert_eq!(answers, [ack(3, 90)]);
    let out = backup.hear(110, 1, append(5, 1, 105, 5));
    assert_eq!(words(&out), []);
    // A sign of life does not wait for the disk, and does not count what is not there.
    let alive = Word::Alive {
        epoch: epoch(5, 1),
        asked: at(108),
    };
    assert_eq!(words(&backup.hear(111, 1, alive)), [ack(3, 108)]);
    let token = token(&out).expect("a forced write");
    assert_eq!(words(&backup.forced(token)), [ack(5, 105)]);
}

#[test]
fn an_append_that_does_not_fit_says_what_is_there() {
    let mut backup = Single::start(2);
    backup.hear_and_force(100, 1, append(5, 1, 90, 3));
    let mut far = append(5, 1, 110, 1);
    if let Word::Append { batch, .. } = &mut far {
        batch.after = Position {
            epoch: epoch(5, 1),
            index: 7,
        };
    }
    let behind = Word::Behind {
        epoch: epoch(5, 1),
        asked: at(110),
        log: Position {
            epoch: epoch(5, 1),
            index: 3,
        },
        committed: 0,
    };
    assert_eq!(words(&backup.hear(111, 1, far)), [behind]);
}

/// A group on a network and with disks that always take the same time: none, where a test says nothing.
struct Group {
    nodes: Vec<PrimaryBackup>,
    now: Instant,
    delay: Duration,
    disk: Duration,
    cut: Vec<Node>,
    timers: BTreeMap<(Node, Timer), Instant>,
    events: BTreeMap<(Instant, u64), Event>,
    scheduled: u64,
    /// Disks of these do not end their writes.
    stuck: Vec<Node>,
    held: Vec<Event>,
    role: Vec<Option<Role>>,
    told: Vec<Vec<Option<Entry>>>,
    /// What anyone was told.
    log: Vec<Option<Entry>>,
    sent: Vec<(Node, Node, Word)>,
    set: BTreeMap<(Node, Timer), u32>,
}

enum Event {
    Mail(Node, Node, Message),
    Forced(Node, Token),
}

impl Group {
    fn new(size: u32) -> Self {
        Self::timed(size, Duration::ZERO, Duration::ZERO)
    }

    fn timed(size: u32, delay: Duration, disk: Duration) -> Self {
        let node = |n| PrimaryBackup::new(config(size), Node(n)).expect("a group");
        let mut group = Self {
            nodes: (0..size).map(node).collect(),
            now: Instant::ZERO,
            delay,
            disk,
            cut: Vec::new(),
            timers: BTreeMap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            stuck: Vec::new(),
            held: Vec::new(),
            role: vec![None; size as usize],
            told: vec![Vec::new(); size as usize],
            log: Vec::new(),
            sent: Vec::new(),
            set: BTreeMap::new(),
        };
        for node in 0..size {
            group.step(node, |replica, now, out| {
                replica.start(now, &mut Always, out);
            });
        }
        group
    }

    fn step(
        &mut self,
        node: u32,
        step: impl FnOnce(&mut PrimaryBackup, Instant, &mut Vec<Action>),
    ) {
        let mut out = Vec::new();
        step(&mut self.nodes[node as usize], self.now, &mut out);
        let from = Node(node);
        for action in out {
            match action {
                Action::Send(to, message) => {
                    let action = Action::Send(to, message.clone());
                    let said = words(&[action]).into_iter();
                    self.sent.extend(said.map(|word| (from, to, word)));
                    self.schedule(self.delay, Event::Mail(from, to, message));
                }
                Action::SetTimer(timer, at) => {
                    *self.set.entry((from, timer)).or_insert(0) += 1;
                    self.timers.insert((from, timer), at);
                }
                Action::CancelTimer(timer) => drop(self.timers.remove(&(from, timer))),
                Action::Force(token) => self.schedule(self.disk, Event::Forced(from, token)),
                Action::Role(role) => self.role[node as usize] = Some(role),
                Action::Committed { index, entry } => {
                    self.told[node as usize].push(entry);
                    if index > self.log.len() as u64 {
                        self.log.push(entry);
                    }
                }
                Action::Restored { index } => {
                    self.told[node as usize] = self.log[..index as usize].to_vec();
                }
            }
        }
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.events
            .insert((self.now + after, self.scheduled), event);
        self.scheduled += 1;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Mail(from, to, message) => {
                if !self.cut.contains(&from) && !self.cut.contains(&to) {
                    self.step(to.0, |replica, now, out| {
                        replica.on_message(now, from, message, &mut Always, out);
                    });
                }
            }
            Event::Forced(node, _) if self.stuck.contains(&node) => self.held.push(event),
            Event::Forced(node, token) => self.step(node.0, |replica, now, out| {
                replica.on_forced(now, token, &mut Always, out);
            }),
        }
    }

    /// Messages arrive and disks write as long as something comes of it now.
    fn settle(&mut self) {
        for event in std::mem::take(&mut self.held) {
            self.schedule(Duration::ZERO, event);
        }
        while let Some(first) = self.events.first_entry()
            && first.key().0 <= self.now
        {
            let event = first.remove();
            self.happen(event);
        }
    }

    /// At equal times, what is on its way comes before what is due.
    fn run(&mut self, ms: u64) {
        self.settle();
        loop {
            let event = self.events.first_key_value().map(|(key, _)| key.0);
            let timer = self.timers.iter().min_by_key(|&(key, &due)| (due, *key));
            let timer = timer.map(|(&key, &due)| (due, key));
            let Some(next) = event.into_iter().chain(timer.map(|timer| timer.0)).min() else {
                break;
            };
            if next > at(ms) {
                break;
            }
            self.now = next;
            if event == Some(next) {
                self.settle();
            } else if let Some((_, (node, timer))) = timer {
                self.timers.remove(&(node, timer));
                self.step(node.0, |replica, now, out| {
                    replica.on_timer(now, timer, &mut Always, out);
                });
            }
        }
        self.now = at(ms);
    }

    fn propose(&mut self, node: u32, entry: u64) -> Result<(), NotLeader> {
        let mut said = Ok(());
        self.step(node, |replica, now, out| {
            said = replica.propose(now, Entry(entry), out);
        });
        said
    }

    fn leaders(&self) -> Vec<u32> {
        let leads = |n: &u32| matches!(self.role[*n as usize], Some(Role::Leader(_)));
        (0..self.nodes.len() as u32).filter(leads).collect()
    }

    fn crash(&mut self, node: u32) {
        self.cut.push(Node(node));
        self.timers.retain(|key, _| key.0 != Node(node));
        self.events
            .retain(|_, event| !matches!(event, Event::Forced(of, _) if *of == Node(node)));
        self.nodes[node as usize].crash();
        self.role[node as usize] = None;
        self.told[node as usize].clear();
    }

    fn restart(&mut self, node: u32) {
        self.cut.retain(|&cut| cut != Node(node));
        self.step(node, |replica, now, out| {
            replica.start(now, &mut Always, out);
        });
    }
}

#[test]
fn the_lowest_number_stands_first_and_a_lower_one_that_returns_does_not_unseat() {
    let mut group = Group::new(5);
    group.run(100);
    assert_eq!(group.leaders(), [0]);
    group.crash(0);
    // The one that is missed does not count among those that go first: replica 1 waits for nobody.
    group.run(210);
    assert_eq!(group.leaders(), [1]);
    group.restart(0);
    group.run(2_000);
    assert_eq!(group.leaders(), [1]);
    assert_eq!(group.nodes[0].leader(), Some(Node(1)));
    assert_eq!(
        group.propose(0, 1),
        Err(NotLeader {
            leader: Some(Node(1))
        })
    );
}

#[test]
fn a_write_takes_two_messages_and_a_forced_write_and_a_failover_four_and_three() {
    let (delay, disk) = (Duration::from_millis(3), Duration::from_millis(5));
    let mut group = Group::timed(3, delay, disk);
    group.run(300);
    assert_eq!(group.leaders(), [0]);
    assert_eq!(group.propose(0, 1), Ok(()));
    group.run(310);
    assert_eq!(group.told[0].last(), Some(&None));
    group.run(311);
    assert_eq!(group.told[0].last(), Some(&Some(Entry(1))));
    // A sign of life leaves every 20 ms from when the promises were on disk: at 100 it stood, at 111 it
    // had the others', at 116 its own; from then on.
    group.run(320);
    group.crash(0);
    let heard = 316 + 3;
    let leads = heard + 100 + 4 * 3 + 3 * 5;
    group.run(leads - 1);
    assert_eq!(group.leaders(), []);
    group.run(leads);
    assert_eq!(group.leaders(), [1]);
}

#[test]
fn a_write_is_committed_when_a_majority_has_it_on_disk() {
    let mut group = Group::new(3);
    group.run(150);
    group.stuck = vec![Node(1), Node(2)];
    assert_eq!(group.propose(0, 7), Ok(()));
    group.settle();
    assert_eq!(group.told[0], [None]);
    // The primary's own disk is one of them, and no more than that.
    group.stuck = vec![Node(0), Node(2)];
    group.settle();
    assert_eq!(group.propose(0, 8), Ok(()));
    group.settle();
    assert_eq!(group.told[0], [None, Some(Entry(7))]);
    group.stuck.clear();
    group.run(200);
    let all = [None, Some(Entry(7)), Some(Entry(8))];
    assert_eq!(group.told, [all, all, all]);
}

#[test]
fn a_primary_reads_until_its_lease_runs_out_and_then_steps_down() {
    let mut group = Group::new(3);
    group.run(150);
    assert_eq!(group.leaders(), [0]);
    group.cut = vec![Node(0)];
    // The last sign of life that was answered left at 140.
    let replica = &group.nodes[0];
    assert!(replica.may_read(at(239)));
    assert!(!replica.may_read(at(240)));
    // Its backups give the lease away at 240, not before.
    group.run(239);
    assert_eq!(group.leaders(), [0]);
    group.run(240);
    assert_eq!(group.leaders(), [1]);
    assert_eq!(group.propose(0, 1), Err(NotLeader { leader: None }));
}

#[test]
fn a_winner_catches_up_before_it_leads() {
    let mut group = Group::new(3);
    group.run(150);
    group.cut = vec![Node(1)];
    for entry in 1..=1_200 {
        assert_eq!(group.propose(0, entry), Ok(()));
    }
    group.settle();
    assert_eq!(group.told[0].len(), 1_201);
    group.crash(0);
    group.cut = vec![Node(0)];
    group.sent.clear();
    group.run(300);
    assert_eq!(group.leaders(), [1]);
    assert_eq!(group.told[1].len(), 1_202);
    // In pieces of at most 512, and all of it before the first word as a primary.
    let pieces = group.sent.iter().filter_map(|(_, _, word)| match word {
        Word::Fetched { batch, .. } => Some(batch.entries.len()),
        _ => None,
    });
    let pieces: Vec<usize> = pieces.collect();
    assert!(pieces.iter().all(|&piece| piece <= 512));
    assert!(pieces.iter().sum::<usize>() >= 1_200);
    let is = |word: fn(&Word) -> bool| group.sent.iter().rposition(move |sent| word(&sent.2));
    let fetched = is(|word| matches!(word, Word::Fetched { .. }));
    let first = group
        .sent
        .iter()
        .position(|sent| matches!(sent.2, Word::Append { .. }));
    assert!(fetched < first);
}

#[test]
fn what_a_replica_has_in_excess_is_overwritten_when_it_returns() {
    let mut group = Group::new(3);
    group.run(150);
    group.cut = vec![Node(1), Node(2)];
    for entry in 1..=5 {
        assert_eq!(group.propose(0, entry), Ok(()));
    }
    group.settle();
    group.crash(0);
    group.cut = vec![Node(0)];
    group.run(400);
    assert_eq!(group.leaders(), [1]);
    assert_eq!(group.propose(1, 9), Ok(()));
    group.restart(0);
    group.run(600);
    let all = [None, None, Some(Entry(9))];
    assert_eq!(group.told, [all, all, all]);
}

#[test]
fn what_all_have_is_let_go_and_nothing_else() {
    let mut group = Group::new(3);
    group.run(150);
    group.cut = vec![Node(2)];
    for entry in 1..=5_000 {
        assert_eq!(group.propose(0, entry), Ok(()));
        group.settle();
    }
    group.run(1_000);
    // All have the record.
    assert_eq!(group.nodes[0].held(), 5_000);
    group.cut.clear();
    group.run(1_100);
    assert_eq!(group.told[2].len(), 5_001);
    for node in 0..3 {
        assert_eq!(group.nodes[node].held(), 0, "{node}");
    }
    // And none of it is needed any more.
    group.crash(1);
    group.run(1_110);
    group.restart(1);
    assert_eq!(group.propose(0, 6_000), Ok(()));
    group.run(1_200);
    assert_eq!(group.told[1], group.told[0]);
    assert_eq!(group.told[1].last(), Some(&Some(Entry(6_000))));
}

#[test]
fn a_replica_that_promised_more_is_taken_along() {
    let mut group = Group::new(3);
    group.run(150);
    // While it is cut off, replica 2 hears of a higher epoch and promises it.
    let higher = Epochs::new(3).next(Term(30), Node(1));
    group.now = at(260);
    group.step(2, |replica, now, out| {
        let asked = now;
        let word = Word::Stand {
            epoch: higher,
            asked,
        };
        replica.on_message(now, Node(1), Message::PrimaryBackup(word), &mut Always, out);
    });
    group.run(600);
    let [leader] = group.leaders()[..] else {
        panic!("{:?}", group.role);
    };
    assert!(group.nodes[leader as usize].stable().promised > higher);
    assert_eq!(group.propose(leader, 3), Ok(()));
    group.run(700);
    assert!(group.told.iter().all(|told| told.contains(&Some(Entry(3)))));
}

#[test]
fn a_group_of_one_needs_nobody() {
    let mut group = Group::new(1);
    group.run(100);
    assert_eq!(group.leaders(), [0]);
    assert_eq!(group.propose(0, 1), Ok(()));
    group.settle();
    assert!(group.nodes[0].may_read(at(1_000_000)));
    group.crash(0);
    group.restart(0);
    group.run(200);
    assert_eq!(group.told[0].last(), Some(&None));
    assert!(group.propose(0, 2).is_ok());
}

#[test]
fn timers_are_set_for_what_is_due_next() {
    let mut group = Group::new(3);
    group.run(10_000);
    // A backup looks once per election timeout, not once per heartbeat.
    for backup in [1, 2] {
        let set: u32 = (0..3)
            .filter_map(|timer| group.set.get(&(Node(backup), Timer(timer))))
            .sum();
        assert!(set <= 10_000 / 80 + 2, "{set}");
    }
}

#[test]
fn who_does_not_answer_is_sent_no_entries() {
    let mut group = Group::new(3);
    group.run(150);
    group.cut = vec![Node(2)];
    for entry in 1..=10_000 {
        assert_eq!(group.propose(0, entry), Ok(()));
        group.settle();
    }
    let to_two = |sent: &&(Node, Node, Word)| sent.1 == Node(2);
    let sum = |group: &Group| -> usize {
        let sent = group.sent.iter().filter(to_two);
        sent.map(|(_, _, word)| word.entries()).sum()
    };
    let before = sum(&group);
    assert!((2_048..2_560).contains(&before), "{before}");
    group.run(10_000);
    assert_eq!(sum(&group), before);
}

#[test]
fn a_long_log_is_told_in_a_line() {
    let mut group = Group::new(1);
    group.run(100);
    for entry in 1..=10_000 {
        assert_eq!(group.propose(0, entry), Ok(()));
    }
    assert!(format!("{:?}", group.nodes[0]).len() < 2_000);
}

#[test]
fn what_cannot_be_a_replica_is_refused() {
    assert!(matches!(
        PrimaryBackup::new(config(3), Node(3)),
        Err(ConfigError::NoSuchReplica { .. })
    ));
    assert!(matches!(
        PrimaryBackup::new(config(0), Node(0)),
        Err(ConfigError::NoReplicas)
    ));
}
