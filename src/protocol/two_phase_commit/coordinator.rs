//! The coordinator: asks for votes, makes the decision, and remembers a commit until everyone has
//! acknowledged it. Refuses to know what a transaction is about and who its client is.
//!
//! What it does not know it answers with *abort* (presumed abort). That is right as long as a
//! transaction is known here before anyone can vote on it, and a commit is stable before anyone
//! hears of it.

use super::log::{Record, Step, Token};
use super::message::{Message, Vote};
use super::{Action, TimerId, Wait, cancel_timer, set_timer};
use crate::transaction::{AlreadyKnown, ConfigError, Outcome, Site, Txn, positive};
use clock::{Duration, Instant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The coordinator's patience.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoordinatorConfig {
    /// How long all votes may take, from the first *Prepare*, before the transaction aborts. Above
    /// zero; [`Duration::MAX`] waits for ever.
    pub vote_timeout: Duration,
    /// How long to wait for acknowledgements of a commit before it is sent again to those that are
    /// silent. Above zero; [`Duration::MAX`] never repeats, and relies on inquiries.
    pub resend_interval: Duration,
}

/// The coordinator of any number of transactions; see the [module](super) for what its host owes it.
#[derive(Clone, Debug)]
pub struct Coordinator {
    config: CoordinatorConfig,
    txns: BTreeMap<Txn, State>,
}

#[derive(Clone, Debug)]
enum State {
    /// No decision yet. `asked` once *Prepare* has gone out.
    Voting {
        asked: bool,
        votes: Vec<(Site, Option<Vote>)>,
    },
    /// All can commit; the commit record is on its way to the disk.
    Forcing { yes: Arc<[Site]> },
    /// Committed; these have not acknowledged.
    Committed { silent: Vec<Site> },
}

impl Coordinator {
    /// A coordinator that has never run a transaction.
    ///
    /// # Errors
    /// When an interval of `config` is zero.
    pub fn new(config: CoordinatorConfig) -> Result<Self, ConfigError> {
        positive("vote_timeout", config.vote_timeout)?;
        positive("resend_interval", config.resend_interval)?;
        Ok(Self {
            config,
            txns: BTreeMap::new(),
        })
    }

    /// The coordinator after a crash, from what is stable of its log, oldest record first. It tells
    /// the host again of each commit that is not yet ended, and sends it to all its participants;
    /// every other transaction of the past has aborted.
    ///
    /// # Errors
    /// When an interval of `config` is zero.
    pub fn recover<'a>(
        config: CoordinatorConfig,
        now: Instant,
        log: impl IntoIterator<Item = &'a Record>,
        out: &mut Vec<Action>,
    ) -> Result<Self, ConfigError> {
        let mut this = Self::new(config)?;
        let mut open = BTreeMap::new();
        for record in log {
            match record {
                Record::Commit { txn, participants } => {
                    open.insert(*txn, participants.clone());
                }
                Record::End { txn } => {
                    open.remove(txn);
                }
                _ => {}
            }
        }
        for (txn, yes) in open {
            this.committed(now, txn, &yes, out);
        }
        Ok(this)
    }

    /// Makes a transaction known and waits for the first vote, which comes unasked and starts the
    /// protocol. Without one by `deadline` the transaction aborts.
    ///
    /// # Errors
    /// When the transaction is known.
    pub fn open(
        &mut self,
        txn: Txn,
        participants: &[Site],
        deadline: Instant,
        out: &mut Vec<Action>,
    ) -> Result<(), AlreadyKnown> {
        if self.txns.contains_key(&txn) {
            return Err(AlreadyKnown(txn));
        }
        let mut sites = participants.to_vec();
        sites.sort_unstable();
        sites.dedup();
        let votes = sites.into_iter().map(|site| (site, None)).collect();
        let asked = false;
        self.txns.insert(txn, State::Voting { asked, votes });
        set_timer(out, txn, Wait::Votes, deadline);
        Ok(())
    }

    /// Starts the protocol: asks every participant for its vote. Without participants, the
    /// transaction commits on the spot. A site named twice is asked once.
    ///
    /// # Errors
    /// When the transaction is known; one that is [open](Self::open) starts by a vote.
    pub fn begin(
        &mut self,
        now: Instant,
        txn: Txn,
        participants: &[Site],
        out: &mut Vec<Action>,
    ) -> Result<(), AlreadyKnown> {
        self.open(txn, participants, Instant::NEVER, out)?;
        self.proceed(now, txn, out);
        Ok(())
    }

    /// Aborts a transaction that has not been decided; otherwise does nothing.
    pub fn abort(&mut self, txn: Txn, out: &mut Vec<Action>) {
        let Some(State::Voting { votes, .. }) = self.txns.get(&txn) else {
            return;
        };
        cancel_timer(out, txn, Wait::Votes);
        out.push(Action::Decided(txn, Outcome::Abort));
        out.push(Action::Write(Record::Abort { txn }));
        let outcome = Outcome::Abort;
        for &(site, vote) in votes {
            // Whoever voted no has aborted, and who only read does not care. Before *Prepare*, the
            // others are told all the same: they need not wait for their own timeout.
            if matches!(vote, None | Some(Vote::Yes)) {
                out.push(Action::Send(site, Message::Decision { txn, outcome }));
            }
        }
        self.txns.remove(&txn);
    }

    /// Takes a message; one for a participant is passed over.
    pub fn on_message(&mut self, now: Instant, from: Site, msg: Message, out: &mut Vec<Action>) {
        match msg {
            Message::Vote { txn, vote } => self.on_vote(now, from, txn, vote, out),
            Message::Ack { txn } => self.on_ack(from, txn, out),
            Message::Inquiry { txn } => self.on_inquiry(from, txn, out),
            Message::Prepare { .. } | Message::Decision { .. } | Message::PeerInquiry { .. } => {}
        }
    }

    /// The record of this token is stable.
    pub fn on_forced(&mut self, now: Instant, token: Token, out: &mut Vec<Action>) {
        if let Some(State::Forcing { yes }) = self.txns.get(&token.txn)
            && token.step == Step::Commit
        {
            let yes = yes.clone();
            self.committed(now, token.txn, &yes, out);
        }
    }

    /// The time of this timer has come.
    pub fn on_timer(&mut self, now: Instant, timer: TimerId, out: &mut Vec<Action>) {
        let txn = timer.txn;
        match (timer.wait, self.txns.get(&txn)) {
            (Wait::Votes, Some(State::Voting { .. })) => self.abort(txn, out),
            (Wait::Acks, Some(State::Committed { silent })) => {
                send_commit(txn, silent, out);
                set_timer(out, txn, Wait::Acks, now + self.config.resend_interval);
            }
            _ => {}
        }
    }

    /// The transactions that are not over: undecided, or committed and not acknowledged by all.
    pub fn unfinished(&self) -> impl Iterator<Item = Txn> {
        self.txns.keys().copied()
    }

    fn on_vote(&mut self, now: Instant, from: Site, txn: Txn, vote: Vote, out: &mut Vec<Action>) {
        let Some(State::Voting { votes, .. }) = self.txns.get_mut(&txn) else {
            // Whoever says yes to what has been aborted is in doubt: the abort has overtaken its
            // *Prepare*, or was lost. It need not wait until it asks.
            if vote == Vote::Yes {
                self.on_inquiry(from, txn, out);
            }
            return;
        };
        let Some((_, slot)) = votes.iter_mut().find(|(site, _)| *site == from) else {
            return;
        };
        slot.get_or_insert(vote);
        if vote == Vote::No {
            self.abort(txn, out);
        } else {
            self.proceed(now, txn, out);
        }
    }

    /// Asks those who have not voted, if nobody has been asked; decides when all have voted.
    fn proceed(&mut self, now: Instant, txn: Txn, out: &mut Vec<Action>) {
        let Some(State::Voting { asked, votes }) = self.txns.get_mut(&txn) else {
            return;
        };
        if votes.iter().any(|(_, vote)| vote.is_none()) {
            if !*asked {
                *asked = true;
                let participants: Arc<[Site]> = votes.iter().map(|&(site, _)| site).collect();
                for &(site, vote) in votes.iter() {
                    if vote.is_none() {
                        let participants = participants.clone();
                        out.push(Action::Send(site, Message::Prepare { txn, participants }));
                    }
                }
                // Also replaces the deadline of an open transaction.
                set_timer(out, txn, Wait::Votes, now + self.config.vote_timeout);
            }
            return;
        }
        cancel_timer(out, txn, Wait::Votes);
        let yes: Arc<[Site]> = votes
            .iter()
            .filter(|(_, vote)| *vote == Some(Vote::Yes))
            .map(|&(site, _)| site)
            .collect();
        if yes.is_empty() {
            // Everyone has only read: there is nothing to remember, and no second phase.
            self.txns.remove(&txn);
            out.push(Action::Decided(txn, Outcome::Commit));
            return;
        }
        let participants = yes.clone();
        self.txns.insert(txn, State::Forcing { yes });
        let record = Record::Commit { txn, participants };
        out.push(Action::Force(record, Token::new(txn, Step::Commit)));
    }

    /// The commit record is stable: the outcome may be told.
    fn committed(&mut self, now: Instant, txn: Txn, yes: &[Site], out: &mut Vec<Action>) {
        out.push(Action::Decided(txn, Outcome::Commit));
        send_commit(txn, yes, out);
        set_timer(out, txn, Wait::Acks, now + self.config.resend_interval);
        let silent = yes.to_vec();
        self.txns.insert(txn, State::Committed { silent });
    }

    fn on_ack(&mut self, from: Site, txn: Txn, out: &mut Vec<Action>) {
        let Some(State::Committed { silent }) = self.txns.get_mut(&txn) else {
            return;
        };
        silent.retain(|&site| site != from);
        if silent.is_empty() {
            self.txns.remove(&txn);
            cancel_timer(out, txn, Wait::Acks);
            out.push(Action::Write(Record::End { txn }));
        }
    }

    fn on_inquiry(&self, from: Site, txn: Txn, out: &mut Vec<Action>) {
        let outcome = match self.txns.get(&txn) {
            None => Outcome::Abort,
            Some(State::Committed { .. }) => Outcome::Commit,
            // Nothing to tell yet; who asks will hear, or ask again.
            Some(State::Voting { .. } | State::Forcing { .. }) => return,
        };
        out.push(Action::Send(from, Message::Decision { txn, outcome }));
    }
}

fn send_commit(txn: Txn, to: &[Site], out: &mut Vec<Action>) {
    let outcome = Outcome::Commit;
    for &site in to {
        out.push(Action::Send(site, Message::Decision { txn, outcome }));
    }
}
