//! The coordinator: asks all to reserve, decides, and repeats its decision until everyone has
//! answered. Refuses to know what a transaction is about and who its client is.
//!
//! Only a confirm is remembered over a crash. What was not decided by then is not confirmed any more,
//! and reservations of it are cancelled by whoever holds them.

use super::log::{Forced, Record, Token};
use super::message::Message;
use super::{Action, Ending, TimerId, Wait, cancel_timer, set_timer};
use crate::transaction::{AlreadyKnown, ConfigError, Outcome, Site, Txn, positive};
use clock::{Duration, Instant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The coordinator's patience.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoordinatorConfig {
    /// How long all tries may take before the transaction is cancelled. Above zero, and best well below
    /// the time for which participants reserve; [`Duration::MAX`] waits for ever.
    pub try_timeout: Duration,
    /// How long to wait for acknowledgements before those that are silent are told again. Above zero;
    /// [`Duration::MAX`] never repeats.
    pub retry_interval: Duration,
}

/// The coordinator of any number of transactions; see the [module](super) for what its host owes it.
#[derive(Clone, Debug)]
pub struct Coordinator {
    config: CoordinatorConfig,
    txns: BTreeMap<Txn, State>,
}

#[derive(Clone, Debug)]
enum State {
    /// No decision yet; whether each has reserved.
    Trying(Vec<(Site, bool)>),
    /// All have reserved; the record of the decision is on its way to the disk.
    Forcing(Arc<[Site]>),
    /// To be confirmed.
    Confirming {
        silent: Vec<Site>,
        confirmed: u32,
        expired: u32,
    },
    /// To be cancelled; these have not acknowledged.
    Cancelling(Vec<Site>),
}

impl Coordinator {
    /// A coordinator that has never run a transaction.
    ///
    /// # Errors
    /// When an interval of `config` is zero.
    pub fn new(config: CoordinatorConfig) -> Result<Self, ConfigError> {
        positive("try_timeout", config.try_timeout)?;
        positive("retry_interval", config.retry_interval)?;
        let txns = BTreeMap::new();
        Ok(Self { config, txns })
    }

    /// The coordinator after a crash, from what is stable of its log, oldest record first. It tells
    /// the host again of each decision to confirm that has not ended, and sends it to all
    /// participants; every other transaction of the past is cancelled.
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
                Record::Confirm { txn, participants } => {
                    open.insert(*txn, participants.clone());
                }
                Record::End(txn) => {
                    open.remove(txn);
                }
                _ => {}
            }
        }
        for (txn, participants) in open {
            this.confirm(now, txn, &participants, out);
        }
        Ok(this)
    }

    /// Starts a transaction: asks every participant to reserve. Without participants, it is confirmed
    /// on the spot. A site named twice is asked once.
    ///
    /// # Errors
    /// When the transaction is known.
    pub fn begin(
        &mut self,
        now: Instant,
        txn: Txn,
        participants: &[Site],
        out: &mut Vec<Action>,
    ) -> Result<(), AlreadyKnown> {
        if self.txns.contains_key(&txn) {
            return Err(AlreadyKnown(txn));
        }
        let mut sites = participants.to_vec();
        sites.sort_unstable();
        sites.dedup();
        if sites.is_empty() {
            out.push(Action::Decided(txn, Outcome::Commit));
            out.push(Action::Ended(txn, Ending::Confirmed));
            return Ok(());
        }
        for &site in &sites {
            out.push(Action::Send(site, Message::Try(txn)));
        }
        set_timer(out, txn, Wait::Tries, now + self.config.try_timeout);
        let tries = sites.into_iter().map(|site| (site, false)).collect();
        self.txns.insert(txn, State::Trying(tries));
        Ok(())
    }

    /// Cancels a transaction that has not been decided; otherwise does nothing.
    pub fn abort(&mut self, now: Instant, txn: Txn, out: &mut Vec<Action>) {
        if let Some(State::Trying(_)) = self.txns.get(&txn) {
            self.cancel(now, txn, None, out);
        }
    }

    /// Takes a message; one for a participant is passed over.
    pub fn on_message(&mut self, now: Instant, from: Site, msg: Message, out: &mut Vec<Action>) {
        match msg {
            Message::Tried { txn, reserved } => self.on_tried(now, from, txn, reserved, out),
            Message::Confirmed(txn) | Message::Refused(txn) | Message::Cancelled(txn) => {
                self.on_ack(from, txn, msg, out);
            }
            Message::Try(_) | Message::Confirm(_) | Message::Cancel(_) => {}
        }
    }

    /// The record of this token is stable.
    pub fn on_forced(&mut self, now: Instant, token: Token, out: &mut Vec<Action>) {
        if let Some(State::Forcing(participants)) = self.txns.get(&token.txn)
            && token.forced == Forced::Confirm
        {
            let participants = participants.clone();
            self.confirm(now, token.txn, &participants, out);
        }
    }

    /// The time of this timer has come.
    pub fn on_timer(&mut self, now: Instant, timer: TimerId, out: &mut Vec<Action>) {
        let txn = timer.txn;
        let (msg, silent) = match (timer.wait, self.txns.get(&txn)) {
            (Wait::Tries, Some(State::Trying(_))) => return self.cancel(now, txn, None, out),
            (Wait::Acks, Some(State::Confirming { silent, .. })) => (Message::Confirm(txn), silent),
            (Wait::Acks, Some(State::Cancelling(silent))) => (Message::Cancel(txn), silent),
            _ => return,
        };
        self.tell(now, msg, silent, out);
    }

    /// The transactions that are not over: undecided, or not acknowledged by all.
    pub fn unfinished(&self) -> impl Iterator<Item = Txn> {
        self.txns.keys().copied()
    }

    fn on_tried(
        &mut self,
        now: Instant,
        from: Site,
        txn: Txn,
        reserved: bool,
        out: &mut Vec<Action>,
    ) {
        let tries = match self.txns.get_mut(&txn) {
            Some(State::Trying(tries)) => tries,
            Some(_) => return,
            None => {
                // Lost with a crash, or over. Whoever has confirmed passes this by.
                if reserved {
                    out.push(Action::Send(from, Message::Cancel(txn)));
                }
                return;
            }
        };
        let Some((_, slot)) = tries.iter_mut().find(|(site, _)| *site == from) else {
            return;
        };
        if !reserved {
            cancel_timer(out, txn, Wait::Tries);
            return self.cancel(now, txn, Some(from), out);
        }
        *slot = true;
        if tries.iter().all(|&(_, reserved)| reserved) {
            cancel_timer(out, txn, Wait::Tries);
            let participants: Arc<[Site]> = tries.iter().map(|&(site, _)| site).collect();
            let record = Record::Confirm {
                txn,
                participants: participants.clone(),
            };
            self.txns.insert(txn, State::Forcing(participants));
            let token = Token::new(txn, Forced::Confirm);
            out.push(Action::Force(record, token));
        }
    }

    fn on_ack(&mut self, from: Site, txn: Txn, msg: Message, out: &mut Vec<Action>) {
        let Some(state) = self.txns.get_mut(&txn) else {
            return;
        };
        let silent = match (&msg, &mut *state) {
            (Message::Confirmed(_) | Message::Refused(_), State::Confirming { silent, .. })
            | (Message::Cancelled(_), State::Cancelling(silent)) => silent,
            _ => return,
        };
        let Some(place) = silent.iter().position(|&site| site == from) else {
            return;
        };
        silent.remove(place);
        let all = silent.is_empty();
        if let State::Confirming {
            confirmed, expired, ..
        } = state
        {
            match msg {
                Message::Confirmed(_) => *confirmed += 1,
                _ => *expired += 1,
            }
        }
        if all {
            cancel_timer(out, txn, Wait::Acks);
            self.end(txn, out);
        }
    }

    /// The record of the decision is stable: it may be told.
    fn confirm(&mut self, now: Instant, txn: Txn, sites: &[Site], out: &mut Vec<Action>) {
        out.push(Action::Decided(txn, Outcome::Commit));
        self.tell(now, Message::Confirm(txn), sites, out);
        let state = State::Confirming {
            silent: sites.to_vec(),
            confirmed: 0,
            expired: 0,
        };
        self.txns.insert(txn, state);
    }

    /// Cancels what is being tried; who has refused need not be told.
    fn cancel(&mut self, now: Instant, txn: Txn, refused: Option<Site>, out: &mut Vec<Action>) {
        let Some(State::Trying(tries)) = self.txns.remove(&txn) else {
            return;
        };
        out.push(Action::Decided(txn, Outcome::Abort));
        let sites = tries.into_iter().map(|(site, _)| site);
        let silent: Vec<Site> = sites.filter(|&site| Some(site) != refused).collect();
        let nobody = silent.is_empty();
        if !nobody {
            self.tell(now, Message::Cancel(txn), &silent, out);
        }
        self.txns.insert(txn, State::Cancelling(silent));
        if nobody {
            self.end(txn, out);
        }
    }

    fn tell(&self, now: Instant, msg: Message, to: &[Site], out: &mut Vec<Action>) {
        for &site in to {
            out.push(Action::Send(site, msg));
        }
        let at = now + self.config.retry_interval;
        set_timer(out, msg.txn(), Wait::Acks, at);
    }

    fn end(&mut self, txn: Txn, out: &mut Vec<Action>) {
        let ending = match self.txns.remove(&txn) {
            Some(State::Confirming { expired: 0, .. }) => Ending::Confirmed,
            Some(State::Confirming { confirmed: 0, .. }) => Ending::Expired,
            Some(State::Confirming { .. }) => Ending::Mixed,
            _ => Ending::Cancelled,
        };
        out.push(Action::Ended(txn, ending));
        if ending != Ending::Cancelled {
            out.push(Action::Write(Record::End(txn)));
        }
    }
}
