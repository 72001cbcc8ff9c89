//! A participant (resource manager): votes once, is in doubt until it hears the outcome, and asks
//! for it. Refuses to know the data that it votes on: the host prepares and answers.
//!
//! Once it may have said yes it never aborts on its own. That begins when the prepared record is
//! handed to the disk, not when the vote leaves: after a crash the record may be found, and with
//! it the duty to wait.

use super::log::{Record, Step, Token};
use super::message::{Message, Vote};
use super::{Action, TimerId, Wait, cancel_timer, set_timer};
use crate::transaction::{AlreadyKnown, ConfigError, Outcome, Site, Txn, positive};
use clock::{Duration, Instant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The participant's patience.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParticipantConfig {
    /// How long to wait for *Prepare*, from [`Participant::enlist`], before the participant aborts
    /// on its own. Above zero; [`Duration::MAX`] waits for ever.
    pub work_timeout: Duration,
    /// How long to wait for the outcome before asking for it, and asking again. Above zero;
    /// [`Duration::MAX`] never asks, and relies on the coordinator.
    pub inquiry_interval: Duration,
    /// Whether to ask the other participants too (cooperative termination).
    pub cooperative: bool,
}

/// The participant of one site in any number of transactions; see the [module](super) for what its
/// host owes it.
///
/// A transaction that has ended is remembered until the host lets it [go](Self::forget), so that
/// late and doubled messages find the answer that they found before.
#[derive(Clone, Debug)]
pub struct Participant {
    me: Site,
    config: ParticipantConfig,
    txns: BTreeMap<Txn, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    coordinator: Site,
    /// Everyone who votes; empty until *Prepare* tells.
    participants: Arc<[Site]>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Its work is under way; may abort.
    Working,
    /// Asked for its vote, which is the host's to give; may abort.
    Deciding,
    /// The prepared record is on its way to the disk.
    Preparing,
    /// In doubt.
    Prepared,
    /// Committed; the record of it is on its way to the disk.
    Committing,
    /// Has only read: out.
    ReadOnly,
    Ended(Outcome),
}

impl Participant {
    /// A participant that has never taken part; `me` is how others name its site.
    ///
    /// # Errors
    /// When an interval of `config` is zero.
    pub fn new(me: Site, config: ParticipantConfig) -> Result<Self, ConfigError> {
        positive("work_timeout", config.work_timeout)?;
        positive("inquiry_interval", config.inquiry_interval)?;
        let txns = BTreeMap::new();
        Ok(Self { me, config, txns })
    }

    /// The participant after a crash, from what is stable of its log, oldest record first. It asks
    /// for the outcome of each transaction that it is in doubt about; see [`Self::in_doubt`] for
    /// whose locks the host must take again. What it had not voted on it has lost, and will vote
    /// no.
    ///
    /// # Errors
    /// When an interval of `config` is zero.
    pub fn recover<'a>(
        me: Site,
        config: ParticipantConfig,
        now: Instant,
        log: impl IntoIterator<Item = &'a Record>,
        out: &mut Vec<Action>,
    ) -> Result<Self, ConfigError> {
        let mut this = Self::new(me, config)?;
        for record in log {
            match record {
                Record::Prepared {
                    txn,
                    coordinator,
                    participants,
                } => {
                    let entry = Entry {
                        coordinator: *coordinator,
                        participants: participants.clone(),
                        state: State::Prepared,
                    };
                    this.txns.insert(*txn, entry);
                }
                Record::Committed { txn } => this.recall(*txn, Outcome::Commit),
                Record::Aborted { txn } => this.recall(*txn, Outcome::Abort),
                Record::Commit { .. } | Record::Abort { .. } | Record::End { .. } => {}
            }
        }
        for (&txn, entry) in &this.txns {
            if entry.state == State::Prepared {
                out.push(Action::Send(entry.coordinator, Message::Inquiry { txn }));
                set_timer(out, txn, Wait::Outcome, now + config.inquiry_interval);
            }
        }
        Ok(this)
    }

    /// The site takes part in a transaction from here on: its work may begin. Not twice for one
    /// transaction, not even when a crash lies between.
    ///
    /// # Errors
    /// When the transaction is known.
    pub fn enlist(
        &mut self,
        now: Instant,
        txn: Txn,
        coordinator: Site,
        out: &mut Vec<Action>,
    ) -> Result<(), AlreadyKnown> {
        if self.txns.contains_key(&txn) {
            return Err(AlreadyKnown(txn));
        }
        let entry = Entry {
            coordinator,
            participants: Arc::from([]),
            state: State::Working,
        };
        self.txns.insert(txn, entry);
        set_timer(out, txn, Wait::Prepare, now + self.config.work_timeout);
        Ok(())
    }

    /// The host's vote: the answer to [`Action::Prepare`], or given unasked while the work is under
    /// way. [`Vote::No`] is also how a host aborts on its own. Passed over once the transaction has
    /// been voted on or has ended, as it may while the host decides.
    pub fn on_prepare_decided(
        &mut self,
        _now: Instant,
        txn: Txn,
        vote: Vote,
        out: &mut Vec<Action>,
    ) {
        let Some(entry) = self.txns.get_mut(&txn) else {
            return;
        };
        match entry.state {
            State::Working => cancel_timer(out, txn, Wait::Prepare),
            State::Deciding => {}
            _ => return,
        }
        match vote {
            Vote::Yes => {
                entry.state = State::Preparing;
                let record = Record::Prepared {
                    txn,
                    coordinator: entry.coordinator,
                    participants: entry.participants.clone(),
                };
                out.push(Action::Force(record, Token::new(txn, Step::Prepared)));
            }
            Vote::No => self.abort_alone(txn, out),
            Vote::ReadOnly => {
                entry.state = State::ReadOnly;
                out.push(Action::Send(entry.coordinator, Message::Vote { txn, vote }));
                out.push(Action::Released(txn));
            }
        }
    }

    /// Takes a message; one for a coordinator is passed over.
    pub fn on_message(&mut self, _now: Instant, from: Site, msg: Message, out: &mut Vec<Action>) {
        match msg {
            Message::Prepare { txn, participants } => self.on_prepare(from, txn, participants, out),
            Message::Decision { txn, outcome } => self.on_decision(from, txn, outcome, out),
            Message::PeerInquiry { txn } => self.on_peer_inquiry(from, txn, out),
            Message::Vote { .. } | Message::Ack { .. } | Message::Inquiry { .. } => {}
        }
    }

    /// The record of this token is stable.
    pub fn on_forced(&mut self, now: Instant, token: Token, out: &mut Vec<Action>) {
        let txn = token.txn;
        let Some(entry) = self.txns.get_mut(&txn) else {
            return;
        };
        match (token.step, entry.state) {
            (Step::Prepared, State::Preparing) => {
                entry.state = State::Prepared;
                let vote = Vote::Yes;
                out.push(Action::Send(entry.coordinator, Message::Vote { txn, vote }));
                set_timer(out, txn, Wait::Outcome, now + self.config.inquiry_interval);
            }
            (Step::Committed, State::Committing) => {
                entry.state = State::Ended(Outcome::Commit);
                out.push(Action::Send(entry.coordinator, Message::Ack { txn }));
            }
            _ => {}
        }
    }

    /// The time of this timer has come.
    pub fn on_timer(&mut self, now: Instant, timer: TimerId, out: &mut Vec<Action>) {
        let txn = timer.txn;
        let Some(entry) = self.txns.get(&txn) else {
            return;
        };
        match (timer.wait, entry.state) {
            (Wait::Prepare, State::Working) => self.abort_alone(txn, out),
            (Wait::Outcome, State::Prepared) => {
                out.push(Action::Send(entry.coordinator, Message::Inquiry { txn }));
                if self.config.cooperative {
                    for &peer in entry.participants.iter().filter(|&&peer| peer != self.me) {
                        out.push(Action::Send(peer, Message::PeerInquiry { txn }));
                    }
                }
                set_timer(out, txn, Wait::Outcome, now + self.config.inquiry_interval);
            }
            _ => {}
        }
    }

    /// Lets a transaction go that has ended; `false` when it has not, or is not known. Right when
    /// the coordinator has ended it: before that, a peer in doubt may lose one who could tell.
    pub fn forget(&mut self, txn: Txn) -> bool {
        let ended = self
            .txns
            .get(&txn)
            .is_some_and(|e| matches!(e.state, State::Ended(_) | State::ReadOnly));
        if ended {
            self.txns.remove(&txn);
        }
        ended
    }

    /// The transactions whose outcome this site must wait for.
    pub fn in_doubt(&self) -> impl Iterator<Item = Txn> {
        self.with_state(|state| matches!(state, State::Preparing | State::Prepared))
    }

    /// The transactions that are not over here: not decided, or committed and not yet acknowledged.
    pub fn unfinished(&self) -> impl Iterator<Item = Txn> {
        self.with_state(|state| !matches!(state, State::Ended(_) | State::ReadOnly))
    }

    fn with_state(&self, wanted: impl Fn(State) -> bool) -> impl Iterator<Item = Txn> {
        let entries = self.txns.iter();
        entries.filter_map(move |(&txn, entry)| wanted(entry.state).then_some(txn))
    }

    /// An outcome found in the log.
    fn recall(&mut self, txn: Txn, outcome: Outcome) {
        // Who aborted before it was prepared has left no name of a coordinator, and needs none: to
        // *Prepare* it answers whoever asks.
        let entry = self.txns.entry(txn).or_insert_with(|| Entry {
            coordinator: self.me,
            participants: Arc::from([]),
            state: State::Working,
        });
        entry.state = State::Ended(outcome);
    }

    fn on_prepare(
        &mut self,
        from: Site,
        txn: Txn,
        participants: Arc<[Site]>,
        out: &mut Vec<Action>,
    ) {
        let Some(entry) = self.txns.get_mut(&txn) else {
            // Never heard of, or lost with a crash before it was prepared.
            let vote = Vote::No;
            out.push(Action::Send(from, Message::Vote { txn, vote }));
            return;
        };
        let vote = match entry.state {
            State::Working => {
                entry.state = State::Deciding;
                entry.participants = participants;
                cancel_timer(out, txn, Wait::Prepare);
                out.push(Action::Prepare(txn));
                return;
            }
            State::Prepared => {
                // Voted unasked, and now learns who the others are.
                entry.participants = participants;
                Vote::Yes
            }
            State::ReadOnly => Vote::ReadOnly,
            State::Ended(Outcome::Abort) => Vote::No,
            State::Preparing => {
                entry.participants = participants;
                return;
            }
            State::Deciding | State::Committing | State::Ended(Outcome::Commit) => return,
        };
        out.push(Action::Send(from, Message::Vote { txn, vote }));
    }

    fn on_decision(&mut self, from: Site, txn: Txn, outcome: Outcome, out: &mut Vec<Action>) {
        let Some(entry) = self.txns.get_mut(&txn) else {
            // Committed, acknowledged and let go; the acknowledgement was lost. Who was never
            // prepared is never told to commit.
            if outcome == Outcome::Commit {
                out.push(Action::Send(from, Message::Ack { txn }));
            }
            return;
        };
        match (outcome, entry.state) {
            (Outcome::Commit, State::Prepared) => {
                entry.state = State::Committing;
                cancel_timer(out, txn, Wait::Outcome);
                // The locks may go before the record is stable: until it is, the coordinator
                // remembers, and whoever works on the data next logs behind it.
                out.push(Action::Decided(txn, outcome));
                let record = Record::Committed { txn };
                out.push(Action::Force(record, Token::new(txn, Step::Committed)));
            }
            (Outcome::Commit, State::Ended(Outcome::Commit)) => {
                out.push(Action::Send(entry.coordinator, Message::Ack { txn }));
            }
            (
                Outcome::Abort,
                State::Working | State::Deciding | State::Preparing | State::Prepared,
            ) => {
                match entry.state {
                    State::Working => cancel_timer(out, txn, Wait::Prepare),
                    State::Prepared => cancel_timer(out, txn, Wait::Outcome),
                    _ => {}
                }
                self.end_aborted(txn, out);
            }
            _ => {}
        }
    }

    fn on_peer_inquiry(&mut self, from: Site, txn: Txn, out: &mut Vec<Action>) {
        // About what it does not know it is silent: it may have known, and let it go.
        let Some(entry) = self.txns.get(&txn) else {
            return;
        };
        let outcome = match entry.state {
            State::Ended(outcome) => outcome,
            State::Committing => Outcome::Commit,
            State::Working | State::Deciding => {
                // The outcome of a vote that will now be no.
                if entry.state == State::Working {
                    cancel_timer(out, txn, Wait::Prepare);
                }
                self.abort_alone(txn, out);
                Outcome::Abort
            }
            State::Preparing | State::Prepared | State::ReadOnly => return,
        };
        out.push(Action::Send(from, Message::Decision { txn, outcome }));
    }

    /// Aborts without being told, and votes no. The record needs no force: a crash that takes it
    /// takes the work too, and what is not known is voted down.
    fn abort_alone(&mut self, txn: Txn, out: &mut Vec<Action>) {
        self.end_aborted(txn, out);
        if let Some(entry) = self.txns.get(&txn) {
            let vote = Vote::No;
            out.push(Action::Send(entry.coordinator, Message::Vote { txn, vote }));
        }
    }

    fn end_aborted(&mut self, txn: Txn, out: &mut Vec<Action>) {
        if let Some(entry) = self.txns.get_mut(&txn) {
            entry.state = State::Ended(Outcome::Abort);
            // Told first: were the record found after a crash, nobody would tell.
            out.push(Action::Decided(txn, Outcome::Abort));
            out.push(Action::Write(Record::Aborted { txn }));
        }
    }
}
