//! What holds for any messages in any order, sensible or not: the machines take what they are given
//! without panic, keep their word, and a crash at any place of the log keeps it too.

use clock::{Duration, Instant};
use proptest::prelude::*;
use saga::{Outcome, Site, StepId, Txn};
use std::collections::BTreeMap;
use stormglass_protocol::{saga, tcc};

const HOME: Site = Site(0);
const HERE: Site = Site(1);

/// What can happen to a machine; a number stands for what it says to it.
#[derive(Clone, Copy, Debug)]
enum Input {
    Begin(u64),
    Message(u64, u32, u8),
    /// The host has done what it was asked for, well or not.
    Host(u64, u8, bool),
    /// The oldest forced write ends.
    Forced,
    Timer(u64, u8),
    /// A crash that keeps this many of the records that are not stable.
    Crash(usize),
    /// Time passes, in milliseconds.
    Wait(u64),
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        2 => (0..2u64).prop_map(Input::Begin),
        9 => (0..2u64, 0..3u32, 0..8u8).prop_map(|(n, from, kind)| Input::Message(n, from, kind)),
        5 => (0..2u64, 0..3u8, prop::bool::weighted(0.8))
            .prop_map(|(n, job, well)| Input::Host(n, job, well)),
        6 => Just(Input::Forced),
        2 => (0..2u64, 0..2u8).prop_map(|(n, wait)| Input::Timer(n, wait)),
        1 => (0..3usize).prop_map(Input::Crash),
        2 => (1..800u64).prop_map(Input::Wait),
    ]
}

/// A machine's disk.
struct Log<R, T> {
    records: Vec<R>,
    stable: usize,
    /// Forced writes under way: the token, and the length of the log behind the record.
    forcing: Vec<(T, usize)>,
}

impl<R: Clone, T: Copy> Log<R, T> {
    fn new() -> Self {
        let (records, forcing) = (Vec::new(), Vec::new());
        Self {
            records,
            stable: 0,
            forcing,
        }
    }

    fn force(&mut self, record: R, token: T) {
        self.records.push(record);
        self.forcing.push((token, self.records.len()));
    }

    /// The oldest force ends: its token, and what has become stable.
    fn finish(&mut self) -> Option<(T, Vec<R>)> {
        if self.forcing.is_empty() {
            return None;
        }
        let (token, upto) = self.forcing.remove(0);
        let before = self.stable;
        self.stable = upto;
        Some((token, self.records[before..upto].to_vec()))
    }

    /// What a crash finds on the disk besides what is known to be there.
    fn crash(&mut self, lucky: usize) -> Vec<R> {
        self.records.truncate(self.stable + lucky);
        let found = self.records[self.stable..].to_vec();
        self.stable = self.records.len();
        self.forcing.clear();
        found
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever it is told, a participant does a step once, undoes it once and never does it again,
    /// and says only what is stable.
    #[test]
    fn a_participant_of_a_saga_keeps_its_word(inputs in prop::collection::vec(input(), 0..200)) {
        let mut machine = saga::Participant::new();
        let mut checker = saga::Checker::new();
        let mut log = Log::new();
        let mut out = Vec::new();
        for n in 0..2 {
            checker.begun(Txn(n), 1);
        }
        for input in inputs {
            let step = |n| StepId { txn: Txn(n), step: 0 };
            match input {
                Input::Message(n, from, kind) => {
                    let msg = match kind % 2 {
                        0 => saga::Message::Do(step(n)),
                        _ => saga::Message::Undo(step(n)),
                    };
                    machine.on_message(Site(from), msg, &mut out);
                }
                Input::Host(n, job, well) => {
                    match job {
                        0 => machine.on_done(step(n), well, &mut out),
                        _ => machine.on_undone(step(n), well, &mut out),
                    }
                }
                Input::Forced => {
                    if let Some((token, records)) = log.finish() {
                        records.iter().for_each(|record| checker.stable(record));
                        machine.on_forced(token, &mut out);
                        // Told twice is told once.
                        let before = out.len();
                        machine.on_forced(token, &mut out);
                        prop_assert_eq!(before, out.len());
                    }
                }
                Input::Crash(lucky) => {
                    log.crash(lucky).iter().for_each(|record| checker.stable(record));
                    machine = saga::Participant::recover(&log.records);
                }
                Input::Begin(_) | Input::Timer(..) | Input::Wait(_) => {}
            }
            for action in out.drain(..) {
                match action {
                    saga::Action::Send(to, msg) => checker.sent(HERE, to, &msg),
                    saga::Action::Force(record, token) => log.force(record, token),
                    saga::Action::Do(_) | saga::Action::Undo(_) => {}
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
        prop_assert_eq!(checker.violations(), []);
    }

    /// Whatever it is told, an orchestrator commits only from a stable record and after every step,
    /// and never tells two outcomes.
    #[test]
    fn an_orchestrator_keeps_its_word(inputs in prop::collection::vec(input(), 0..200)) {
        let config = saga::OrchestratorConfig {
            step_timeout: Duration::from_secs(1),
            retry_interval: Duration::from_secs(1),
        };
        let mut machine = saga::Orchestrator::new(config).unwrap();
        let mut log = Log::new();
        let mut out = Vec::new();
        let mut begun = [false; 2];
        let mut now = Instant::ZERO;
        let mut told: BTreeMap<Txn, Outcome> = BTreeMap::new();
        // Steps that were said to be done, and the undone that were acknowledged.
        let mut done = BTreeMap::<Txn, [bool; 2]>::new();
        for input in inputs {
            match input {
                Input::Begin(n) if !begun[n as usize] => {
                    begun[n as usize] = true;
                    machine.begin(now, Txn(n), &[Site(1), Site(2)], &mut out).unwrap();
                }
                Input::Message(n, from, kind) => {
                    let step = StepId { txn: Txn(n), step: u32::from(kind % 2) };
                    let msg = match kind / 2 {
                        0 | 1 => saga::Message::Answer { step, done: true },
                        2 => saga::Message::Answer { step, done: false },
                        _ => saga::Message::Undone(step),
                    };
                    if let saga::Message::Answer { done: true, .. } = msg
                        && from == step.step + 1
                    {
                        done.entry(Txn(n)).or_default()[step.step as usize] = true;
                    }
                    machine.on_message(now, Site(from), msg, &mut out);
                }
                Input::Forced => {
                    if let Some((token, _)) = log.finish() {
                        machine.on_forced(now, token, &mut out);
                    }
                }
                Input::Timer(n, wait) => {
                    let wait = [saga::Wait::Step, saga::Wait::Compensation][wait as usize];
                    machine.on_timer(now, saga::TimerId { txn: Txn(n), wait }, &mut out);
                }
                Input::Crash(lucky) => {
                    log.crash(lucky);
                    machine = saga::Orchestrator::recover(config, now, &log.records, &mut out).unwrap();
                }
                Input::Wait(millis) => now += Duration::from_millis(millis),
                Input::Begin(_) | Input::Host(..) => {}
            }
            for action in out.drain(..) {
                match action {
                    saga::Action::Force(record, token) => log.force(record, token),
                    saga::Action::Write(record) => log.records.push(record),
                    saga::Action::Decided(txn, outcome) => {
                        prop_assert_eq!(*told.entry(txn).or_insert(outcome), outcome);
                        let record = saga::Record::Committed { txn };
                        let stable = log.records[..log.stable].contains(&record);
                        prop_assert_eq!(stable, outcome == Outcome::Commit);
                        if stable {
                            prop_assert_eq!(done.get(&txn), Some(&[true, true]));
                        }
                    }
                    saga::Action::SetTimer(_, at) => prop_assert!(at > now, "no time passes"),
                    saga::Action::Ended(txn) => prop_assert!(told.contains_key(&txn)),
                    saga::Action::Send(..) | saga::Action::CancelTimer(_) => {}
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }

    /// Whatever it is told by a coordinator of its word, a participant ends a reservation once, never
    /// reserves after that, and says only what is stable.
    #[test]
    fn a_participant_of_tcc_keeps_its_word(inputs in prop::collection::vec(input(), 0..200)) {
        let config = tcc::ParticipantConfig {
            reserved_for: Duration::from_secs(2),
            retry_interval: Duration::from_millis(100),
        };
        let mut machine = tcc::Participant::new(config).unwrap();
        let mut checker = tcc::Checker::new();
        let mut log = Log::new();
        let mut out = Vec::new();
        let mut now = Instant::ZERO;
        // A coordinator of its word says one thing about a transaction, and confirms what is reserved.
        let mut spoken: BTreeMap<Txn, bool> = BTreeMap::new();
        let mut reserved = [false; 2];
        for n in 0..2 {
            checker.begun(Txn(n), &[HERE]);
        }
        for input in inputs {
            match input {
                Input::Message(n, _, kind) => {
                    let txn = Txn(n);
                    let msg = match kind {
                        0..=2 => tcc::Message::Try(txn),
                        _ => {
                            let able = reserved[n as usize];
                            let confirm = *spoken.entry(txn).or_insert(able && kind < 7);
                            if confirm {
                                let participants = std::sync::Arc::from([HERE]);
                                checker.stable(HOME, &tcc::Record::Confirm { txn, participants });
                                tcc::Message::Confirm(txn)
                            } else {
                                tcc::Message::Cancel(txn)
                            }
                        }
                    };
                    machine.on_message(now, HOME, msg, &mut out);
                }
                Input::Host(n, job, well) => match job {
                    0 => machine.on_tried(now, Txn(n), well, &mut out),
                    1 => machine.on_confirmed(Txn(n), well, &mut out),
                    _ => machine.on_cancelled(now, Txn(n), well, &mut out),
                },
                Input::Forced => {
                    if let Some((token, records)) = log.finish() {
                        records.iter().for_each(|record| checker.stable(HERE, record));
                        machine.on_forced(now, token, &mut out);
                        let before = out.len();
                        machine.on_forced(now, token, &mut out);
                        prop_assert_eq!(before, out.len());
                    }
                }
                Input::Timer(n, wait) => {
                    let wait = [tcc::Wait::Expiry, tcc::Wait::Retry][wait as usize];
                    machine.on_timer(now, tcc::TimerId { txn: Txn(n), wait }, &mut out);
                }
                Input::Crash(lucky) => {
                    log.crash(lucky).iter().for_each(|record| checker.stable(HERE, record));
                    machine = tcc::Participant::recover(config, now, &log.records, &mut out).unwrap();
                }
                Input::Wait(millis) => now += Duration::from_millis(millis),
                Input::Begin(_) => {}
            }
            for action in out.drain(..) {
                match action {
                    tcc::Action::Send(to, msg) => {
                        if let tcc::Message::Tried { txn, reserved: true } = msg {
                            reserved[txn.0 as usize] = true;
                        }
                        checker.sent(HERE, to, &msg);
                    }
                    tcc::Action::Force(record, token) => log.force(record, token),
                    tcc::Action::Write(record) => log.records.push(record),
                    tcc::Action::SetTimer(_, at) => prop_assert!(at > now, "no time passes"),
                    tcc::Action::Decided(..) | tcc::Action::Ended(..) => {
                        prop_assert!(false, "it only takes part");
                    }
                    _ => {}
                }
            }
        }
        prop_assert_eq!(checker.violations(), []);
    }
}
