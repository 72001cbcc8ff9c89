//! What holds for any messages in any order, sensible or not: the machines take what they are
//! given without panic, keep their word, and a crash at any place of the log keeps it too.

use clock::{Duration, Instant};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stormglass_protocol::two_phase_commit::*;

const HOME: Site = Site(0);

/// What can happen to a machine.
#[derive(Clone, Debug)]
enum Input {
    Message(u32, Message),
    Host(u64, Vote),
    Enlist(u64),
    Begin(u64),
    /// The oldest forced write ends.
    Forced,
    Timer(TimerId),
    /// A crash that keeps this many of the records that are not stable.
    Crash(usize),
}

fn vote() -> impl Strategy<Value = Vote> {
    prop_oneof![4 => Just(Vote::Yes), 1 => Just(Vote::No), 1 => Just(Vote::ReadOnly)]
}

fn message() -> impl Strategy<Value = Message> {
    let outcome = prop_oneof![Just(Outcome::Commit), Just(Outcome::Abort)];
    // Votes are frequent, so that commits are.
    let kind = (0..9u8, vote(), outcome, 0..2u64);
    kind.prop_map(|(kind, vote, outcome, n)| {
        let txn = Txn(n);
        match kind {
            0 => Message::Prepare {
                txn,
                participants: Arc::from([Site(1), Site(2), Site(3)]),
            },
            1 => Message::Decision { txn, outcome },
            2 => Message::Ack { txn },
            3 => Message::Inquiry { txn },
            4..=7 => Message::Vote { txn, vote },
            _ => Message::PeerInquiry { txn },
        }
    })
}

fn input() -> impl Strategy<Value = Input> {
    let wait = prop_oneof![
        Just(Wait::Votes),
        Just(Wait::Acks),
        Just(Wait::Prepare),
        Just(Wait::Outcome)
    ];
    prop_oneof![
        8 => (0..3u32, message()).prop_map(|(from, msg)| Input::Message(from, msg)),
        3 => (0..2u64, vote()).prop_map(|(txn, vote)| Input::Host(txn, vote)),
        2 => (0..2u64).prop_map(Input::Enlist),
        2 => (0..2u64).prop_map(Input::Begin),
        4 => Just(Input::Forced),
        1 => (0..2u64, wait).prop_map(|(n, wait)| Input::Timer(TimerId { txn: Txn(n), wait })),
        1 => (0..3usize).prop_map(Input::Crash),
    ]
}

const COORDINATOR: CoordinatorConfig = CoordinatorConfig {
    vote_timeout: Duration::from_secs(1),
    resend_interval: Duration::from_secs(1),
};

const PARTICIPANT: ParticipantConfig = ParticipantConfig {
    work_timeout: Duration::from_secs(1),
    inquiry_interval: Duration::from_secs(1),
    cooperative: true,
};

/// A machine's disk, and what it has said so far.
#[derive(Default)]
struct Host {
    log: Vec<Record>,
    stable: usize,
    /// Forced writes under way: the token, and the length of the log behind the record.
    forcing: Vec<(Token, usize)>,
    told: BTreeMap<Txn, Vec<Outcome>>,
    asked: BTreeSet<Txn>,
    /// Who has been told of a yes.
    yes: BTreeSet<Txn>,
}

impl Host {
    /// Does what the machine asks for; what it says must be backed by what is stable.
    fn perform(&mut self, out: &mut Vec<Action>) {
        for action in out.drain(..) {
            match action {
                Action::Force(record, token) => {
                    self.log.push(record);
                    self.forcing.push((token, self.log.len()));
                }
                Action::Write(record) => self.log.push(record),
                Action::Decided(txn, outcome) => self.told.entry(txn).or_default().push(outcome),
                Action::Prepare(txn) => assert!(self.asked.insert(txn), "asked twice"),
                Action::Send(_, msg) => self.backed(&msg),
                Action::SetTimer(_, at) => assert!(at > Instant::ZERO, "no time passes"),
                Action::CancelTimer(_) | Action::Released(_) => {}
            }
        }
    }

    fn backed(&mut self, msg: &Message) {
        let txn = msg.txn();
        let mut stable = self.log[..self.stable].iter();
        let vote = Vote::Yes;
        if *msg == (Message::Vote { txn, vote }) {
            let prepared = |r: &Record| matches!(r, Record::Prepared { txn: t, .. } if *t == txn);
            assert!(stable.any(prepared), "voted yes without a record");
            self.yes.insert(txn);
        }
    }

    fn finish(&mut self) -> Option<Token> {
        if self.forcing.is_empty() {
            return None;
        }
        let (token, upto) = self.forcing.remove(0);
        self.stable = self.stable.max(upto);
        Some(token)
    }

    fn crash(&mut self, lucky: usize) {
        self.log.truncate(self.stable + lucky);
        self.stable = self.log.len();
        self.forcing.clear();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A coordinator never tells two outcomes, and tells a commit only from a stable record.
    #[test]
    fn a_coordinator_keeps_its_word(inputs in prop::collection::vec(input(), 0..200)) {
        let mut machine = Coordinator::new(COORDINATOR).unwrap();
        let mut host = Host::default();
        let mut begun = BTreeSet::new();
        let mut said = BTreeMap::new();
        let mut out = Vec::new();
        for input in inputs {
            let now = Instant::ZERO;
            match input {
                // Nobody asks about what the coordinator has never known.
                Input::Message(from, msg) if begun.contains(&msg.txn().0) => {
                    machine.on_message(now, Site(from), msg, &mut out);
                }
                Input::Begin(n) if begun.insert(n) => {
                    machine.begin(now, Txn(n), &[Site(1), Site(2)], &mut out).unwrap();
                }
                Input::Forced => {
                    if let Some(token) = host.finish() {
                        machine.on_forced(now, token, &mut out);
                        // Told twice is told once.
                        let before = out.len();
                        machine.on_forced(now, token, &mut out);
                        prop_assert_eq!(before, out.len());
                    }
                }
                Input::Timer(id) => machine.on_timer(now, id, &mut out),
                Input::Crash(lucky) => {
                    host.crash(lucky);
                    machine = Coordinator::recover(COORDINATOR, now, &host.log, &mut out).unwrap();
                }
                _ => {}
            }
            for action in &out {
                if let Action::Send(_, Message::Decision { txn, outcome }) = action {
                    // After the end everyone has acknowledged, and what is told is not heard.
                    if host.log.contains(&Record::End { txn: *txn }) {
                        continue;
                    }
                    let commit = |r: &Record| matches!(r, Record::Commit { txn: t, .. } if t == txn);
                    let stable = host.log[..host.stable].iter().any(commit);
                    prop_assert_eq!(stable, *outcome == Outcome::Commit);
                    prop_assert_eq!(said.entry(*txn).or_insert(*outcome), outcome);
                }
            }
            host.perform(&mut out);
        }
        for (txn, told) in host.told {
            prop_assert!(told.windows(2).all(|w| w[0] == w[1]), "{txn}: {told:?}");
        }
    }

    /// A participant says yes only from a stable record, and decides once, unless a crash takes
    /// the note of it and the coordinator tells it again.
    #[test]
    fn a_participant_keeps_its_word(inputs in prop::collection::vec(input(), 0..200)) {
        let mut machine = Participant::new(Site(1), PARTICIPANT).unwrap();
        let mut host = Host::default();
        let mut enlisted = BTreeSet::new();
        let mut out = Vec::new();
        // A coordinator of its word says one outcome of a transaction, and commit only to a yes.
        let mut spoken: BTreeMap<Txn, Outcome> = BTreeMap::new();
        for input in inputs {
            let now = Instant::ZERO;
            match input {
                Input::Message(_, Message::Decision { txn, outcome }) => {
                    let voted = host.yes.contains(&txn);
                    let honest = if voted { outcome } else { Outcome::Abort };
                    let outcome = *spoken.entry(txn).or_insert(honest);
                    let msg = Message::Decision { txn, outcome };
                    machine.on_message(now, HOME, msg, &mut out);
                }
                Input::Message(from, msg) => machine.on_message(now, Site(from), msg, &mut out),
                Input::Enlist(n) if enlisted.insert(n) => {
                    // A number that is known is refused; one that comes after its end is not used.
                    let _ = machine.enlist(now, Txn(n), HOME, &mut out);
                }
                Input::Host(n, vote) => machine.on_prepare_decided(now, Txn(n), vote, &mut out),
                Input::Forced => {
                    if let Some(token) = host.finish() {
                        machine.on_forced(now, token, &mut out);
                        let before = out.len();
                        machine.on_forced(now, token, &mut out);
                        prop_assert_eq!(before, out.len());
                    }
                }
                Input::Timer(id) => machine.on_timer(now, id, &mut out),
                Input::Crash(lucky) => {
                    host.crash(lucky);
                    machine =
                        Participant::recover(Site(1), PARTICIPANT, now, &host.log, &mut out).unwrap();
                }
                _ => {}
            }
            host.perform(&mut out);
        }
        for (txn, told) in host.told {
            prop_assert!(told.windows(2).all(|w| w[0] == w[1]), "{txn}: {told:?}");
        }
    }

    /// A message that comes twice in a row changes nothing the second time: what is then said is
    /// only an answer.
    #[test]
    fn a_doubled_message_changes_nothing(inputs in prop::collection::vec(input(), 0..60)) {
        let mut machine = Participant::new(Site(1), PARTICIPANT).unwrap();
        let mut host = Host::default();
        let mut out = Vec::new();
        for input in inputs {
            let now = Instant::ZERO;
            match input {
                Input::Message(from, msg) => {
                    machine.on_message(now, Site(from), msg.clone(), &mut out);
                    let mut again = Vec::new();
                    machine.on_message(now, Site(from), msg, &mut again);
                    prop_assert!(again.iter().all(|a| matches!(a, Action::Send(..))), "{again:?}");
                }
                Input::Host(n, vote) => machine.on_prepare_decided(now, Txn(n), vote, &mut out),
                Input::Enlist(n) => {
                    let _ = machine.enlist(now, Txn(n), HOME, &mut out);
                }
                Input::Forced => {
                    if let Some(token) = host.finish() {
                        machine.on_forced(now, token, &mut out);
                    }
                }
                _ => {}
            }
            host.perform(&mut out);
        }
    }
}
