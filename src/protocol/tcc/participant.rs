//! A participant: reserves when it is asked to, confirms or cancels as it is told, and cancels on its
//! own when its reservation expires. Refuses to know what it reserves: that is the host's.
//!
//! Whether a reservation has expired is a question to the clock, not to a timer: a *Confirm* that comes
//! after its end is refused, also where the timer is late.

use super::log::{Forced, Record, Token};
use super::message::Message;
use super::{Action, Release, TimerId, Wait, cancel_timer, set_timer};
use crate::transaction::{ConfigError, Site, Txn, positive};
use clock::{Duration, Instant};
use std::collections::BTreeMap;

/// The participant's patience.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParticipantConfig {
    /// How long a reservation holds, from the moment that the host has made it. Above zero;
    /// [`Duration::MAX`] never expires, and a crashed coordinator's reservation stays for ever.
    pub reserved_for: Duration,
    /// How long to wait before the host is asked again to cancel what it could not cancel. Above
    /// zero.
    pub retry_interval: Duration,
}

/// The participant of one site in any number of transactions; see the [module](super) for what its
/// host owes it.
///
/// A transaction is remembered until the host lets it [go](Self::forget), so that late and doubled
/// messages find the answer that they found before.
#[derive(Clone, Debug)]
pub struct Participant {
    config: ParticipantConfig,
    txns: BTreeMap<Txn, State>,
}

/// Where a transaction is; `to` is whom to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The host tries to reserve.
    Trying { to: Site },
    /// The host could not reserve; no record of it.
    Failed,
    /// The host has reserved; the record of it is on its way to the disk.
    Reserving { to: Site, until: Instant },
    /// Reserved: in doubt until told, or expired.
    Reserved { until: Instant },
    /// Told to confirm; the host does it.
    Confirming { to: Site },
    /// Told to confirm, and the host could not; waits to be told again. Does not expire.
    Told,
    /// Confirmed; the record of it is on its way.
    Sealing { to: Site },
    /// Confirmed.
    Confirmed,
    /// To be given back: as it was told, or on its own. `busy` while the host is at it.
    Cancelling {
        expired: bool,
        to: Option<Site>,
        busy: bool,
    },
    /// Nothing is reserved; the record of it is on its way.
    Closing { to: Site },
    /// Nothing is reserved, nor will be.
    Cancelled,
    /// The same, for the reservation has expired.
    Expired,
}

impl Participant {
    /// A participant that has never taken part.
    ///
    /// # Errors
    /// When an interval of `config` is zero.
    pub fn new(config: ParticipantConfig) -> Result<Self, ConfigError> {
        positive("reserved_for", config.reserved_for)?;
        positive("retry_interval", config.retry_interval)?;
        let txns = BTreeMap::new();
        Ok(Self { config, txns })
    }

    /// The participant after a crash, from what is stable of its log, oldest record first. See
    /// [`Self::holding`] for whose reservations the host must take up again; what has expired
    /// meanwhile is cancelled.
    ///
    /// # Errors
    /// When an interval of `config` is zero.
    pub fn recover<'a>(
        config: ParticipantConfig,
        now: Instant,
        log: impl IntoIterator<Item = &'a Record>,
        out: &mut Vec<Action>,
    ) -> Result<Self, ConfigError> {
        let mut this = Self::new(config)?;
        for record in log {
            let state = match *record {
                Record::Reserved { until, .. } => State::Reserved { until },
                Record::Confirmed(_) => State::Confirmed,
                Record::Cancelled(_) => State::Cancelled,
                Record::Expired(_) => State::Expired,
                Record::Confirm { .. } | Record::End(_) => continue,
            };
            this.txns.insert(record.txn(), state);
        }
        for txn in this.holding().collect::<Vec<_>>() {
            this.has_expired(now, txn, out);
            this.await_end(txn, out);
        }
        Ok(this)
    }

    /// Takes a message; one for a coordinator is passed over.
    pub fn on_message(&mut self, now: Instant, from: Site, msg: Message, out: &mut Vec<Action>) {
        match msg {
            Message::Try(txn) => self.on_try(now, from, txn, out),
            Message::Confirm(txn) => self.on_confirm(now, from, txn, out),
            Message::Cancel(txn) => self.on_cancel(from, txn, out),
            Message::Tried { .. }
            | Message::Confirmed(_)
            | Message::Refused(_)
            | Message::Cancelled(_) => {}
        }
    }

    /// The host's answer to [`Action::Try`]: whether it has reserved. Passed over when the transaction
    /// was cancelled meanwhile: then the host rolls back.
    pub fn on_tried(&mut self, now: Instant, txn: Txn, reserved: bool, out: &mut Vec<Action>) {
        let Some(State::Trying { to }) = self.txns.get(&txn).copied() else {
            return;
        };
        if reserved {
            let until = now + self.config.reserved_for;
            self.txns.insert(txn, State::Reserving { to, until });
            let token = Token::new(txn, Forced::Reserved);
            out.push(Action::Force(Record::Reserved { txn, until }, token));
        } else {
            self.txns.insert(txn, State::Failed);
            let reserved = false;
            out.push(Action::Send(to, Message::Tried { txn, reserved }));
        }
    }

    /// The host's answer to [`Action::Confirm`]: whether it is final. When it is not, it stays
    /// reserved until the coordinator asks again.
    pub fn on_confirmed(&mut self, txn: Txn, confirmed: bool, out: &mut Vec<Action>) {
        let Some(State::Confirming { to }) = self.txns.get(&txn).copied() else {
            return;
        };
        if confirmed {
            self.txns.insert(txn, State::Sealing { to });
            let token = Token::new(txn, Forced::Confirmed);
            out.push(Action::Force(Record::Confirmed(txn), token));
        } else {
            self.txns.insert(txn, State::Told);
        }
    }

    /// The host's answer to [`Action::Cancel`]: whether what was reserved is given back. When it is
    /// not, the host is asked again a while later.
    pub fn on_cancelled(&mut self, now: Instant, txn: Txn, cancelled: bool, out: &mut Vec<Action>) {
        let Some(State::Cancelling { expired, to, busy }) = self.txns.get_mut(&txn) else {
            return;
        };
        let (expired, to) = (*expired, *to);
        if !cancelled {
            *busy = false;
            let at = now + self.config.retry_interval;
            return set_timer(out, txn, Wait::Retry, at);
        }
        match to {
            Some(to) if !expired => self.close(txn, to, out),
            to => {
                self.txns.insert(txn, State::Expired);
                out.push(Action::Released(txn, Release::Expired));
                out.push(Action::Write(Record::Expired(txn)));
                if let Some(to) = to {
                    out.push(Action::Send(to, Message::Cancelled(txn)));
                }
            }
        }
    }

    /// The record of this token is stable.
    pub fn on_forced(&mut self, now: Instant, token: Token, out: &mut Vec<Action>) {
        let txn = token.txn;
        match (token.forced, self.txns.get(&txn).copied()) {
            (Forced::Reserved, Some(State::Reserving { to, until })) => {
                self.txns.insert(txn, State::Reserved { until });
                let reserved = !self.has_expired(now, txn, out);
                out.push(Action::Send(to, Message::Tried { txn, reserved }));
                self.await_end(txn, out);
            }
            (Forced::Confirmed, Some(State::Sealing { to })) => {
                self.txns.insert(txn, State::Confirmed);
                out.push(Action::Released(txn, Release::Confirmed));
                out.push(Action::Send(to, Message::Confirmed(txn)));
            }
            (Forced::Cancelled, Some(State::Closing { to })) => {
                self.txns.insert(txn, State::Cancelled);
                out.push(Action::Released(txn, Release::Cancelled));
                out.push(Action::Send(to, Message::Cancelled(txn)));
            }
            _ => {}
        }
    }

    /// The time of this timer has come.
    pub fn on_timer(&mut self, now: Instant, timer: TimerId, out: &mut Vec<Action>) {
        let txn = timer.txn;
        match (timer.wait, self.txns.get_mut(&txn)) {
            (Wait::Expiry, Some(State::Reserved { .. })) => {
                self.has_expired(now, txn, out);
            }
            (Wait::Retry, Some(State::Cancelling { busy, .. })) if !*busy => {
                *busy = true;
                out.push(Action::Cancel(txn));
            }
            _ => {}
        }
    }

    /// The transactions for which something is reserved here.
    pub fn holding(&self) -> impl Iterator<Item = Txn> {
        self.with_state(|state| {
            matches!(
                state,
                State::Reserving { .. }
                    | State::Reserved { .. }
                    | State::Confirming { .. }
                    | State::Told
                    | State::Sealing { .. }
                    | State::Cancelling { .. }
            )
        })
    }

    /// The transactions that are reserved, and whose outcome this site does not know.
    pub fn in_doubt(&self) -> impl Iterator<Item = Txn> {
        self.with_state(|state| matches!(state, State::Reserving { .. } | State::Reserved { .. }))
    }

    /// The transactions that are not over here.
    pub fn unfinished(&self) -> impl Iterator<Item = Txn> {
        self.with_state(|state| {
            !matches!(
                state,
                State::Failed | State::Confirmed | State::Cancelled | State::Expired
            )
        })
    }

    /// Lets a transaction go that is over here; `false` when it is not, or is not known. Right when the
    /// coordinator has ended it; a *Try* that is late by more is tried like a new one, and expires.
    pub fn forget(&mut self, txn: Txn) -> bool {
        let known = self.txns.contains_key(&txn);
        let over = known && !self.unfinished().any(|other| other == txn);
        if over {
            self.txns.remove(&txn);
        }
        over
    }

    fn with_state(&self, wanted: impl Fn(State) -> bool) -> impl Iterator<Item = Txn> {
        let txns = self.txns.iter();
        txns.filter_map(move |(&txn, &state)| wanted(state).then_some(txn))
    }

    /// Sets the timer of what is reserved.
    fn await_end(&self, txn: Txn, out: &mut Vec<Action>) {
        if let Some(State::Reserved { until }) = self.txns.get(&txn) {
            set_timer(out, txn, Wait::Expiry, *until);
        }
    }

    /// Whether a reservation has come to its end; then it is given back.
    fn has_expired(&mut self, now: Instant, txn: Txn, out: &mut Vec<Action>) -> bool {
        let expired = match self.txns.get(&txn) {
            Some(State::Reserved { until }) => *until <= now,
            _ => false,
        };
        if expired {
            self.give_back(txn, true, None, out);
        }
        expired
    }

    fn on_try(&mut self, now: Instant, to: Site, txn: Txn, out: &mut Vec<Action>) {
        let reserved = match self.txns.get(&txn) {
            None => {
                self.txns.insert(txn, State::Trying { to });
                out.push(Action::Try(txn));
                return;
            }
            Some(State::Reserved { .. }) => !self.has_expired(now, txn, out),
            Some(State::Failed | State::Cancelled | State::Expired) => false,
            // Will be answered, or was.
            Some(_) => return,
        };
        out.push(Action::Send(to, Message::Tried { txn, reserved }));
    }

    fn on_confirm(&mut self, now: Instant, to: Site, txn: Txn, out: &mut Vec<Action>) {
        match self.txns.get(&txn).copied() {
            Some(State::Reserved { .. }) => {
                if self.has_expired(now, txn, out) {
                    out.push(Action::Send(to, Message::Refused(txn)));
                    return;
                }
                cancel_timer(out, txn, Wait::Expiry);
                self.txns.insert(txn, State::Confirming { to });
                out.push(Action::Confirm(txn));
            }
            Some(State::Told) => {
                self.txns.insert(txn, State::Confirming { to });
                out.push(Action::Confirm(txn));
            }
            Some(State::Confirmed) => out.push(Action::Send(to, Message::Confirmed(txn))),
            Some(State::Expired | State::Cancelling { expired: true, .. }) => {
                out.push(Action::Send(to, Message::Refused(txn)));
            }
            // Nothing that a coordinator of its word confirms, or it will be answered.
            _ => {}
        }
    }

    fn on_cancel(&mut self, from: Site, txn: Txn, out: &mut Vec<Action>) {
        match self.txns.get_mut(&txn) {
            // A tombstone. What the host tries is not committed, and will be passed over.
            None | Some(State::Trying { .. } | State::Failed) => self.close(txn, from, out),
            Some(State::Reserving { .. }) => self.give_back(txn, false, Some(from), out),
            Some(State::Reserved { .. }) => {
                cancel_timer(out, txn, Wait::Expiry);
                self.give_back(txn, false, Some(from), out);
            }
            Some(State::Cancelling { to, .. }) => *to = Some(from),
            Some(State::Cancelled | State::Expired) => {
                out.push(Action::Send(from, Message::Cancelled(txn)));
            }
            // On its way, or confirmed: then the coordinator is done with it, and has forgotten.
            Some(
                State::Closing { .. }
                | State::Confirming { .. }
                | State::Told
                | State::Sealing { .. }
                | State::Confirmed,
            ) => {}
        }
    }

    fn give_back(&mut self, txn: Txn, expired: bool, to: Option<Site>, out: &mut Vec<Action>) {
        let busy = true;
        let state = State::Cancelling { expired, to, busy };
        self.txns.insert(txn, state);
        out.push(Action::Cancel(txn));
    }

    fn close(&mut self, txn: Txn, to: Site, out: &mut Vec<Action>) {
        self.txns.insert(txn, State::Closing { to });
        let token = Token::new(txn, Forced::Cancelled);
        out.push(Action::Force(Record::Cancelled(txn), token));
    }
}
