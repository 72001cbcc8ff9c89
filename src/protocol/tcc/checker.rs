//! The checker: hears what each site sent, logged and decided, and says whether all have confirmed or
//! none, but for reservations that expired and were reported. Refuses to know how the machines work:
//! it holds none of their code, and can listen to any other implementation.
//!
//! That every reservation ends is the host's to judge, who alone knows when faults have ceased: see
//! [`Checker::reserved`].

use super::Ending;
use super::log::Record;
use super::message::Message;
use super::violation::Violation;
use crate::transaction::{Outcome, Site, Traffic, Txn};
use std::collections::BTreeMap;

/// Listens to any number of transactions. The host tells it what happens, when it happens.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    txns: BTreeMap<Txn, Seen>,
    violations: Vec<Violation>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    participants: BTreeMap<Site, Part>,
    confirm_logged: bool,
    decided: Option<Outcome>,
    ending: Option<Ending>,
    traffic: Traffic,
}

/// What is stable at a participant, and what it has said.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    reserved: bool,
    confirmed: bool,
    cancelled: bool,
    expired: bool,
    /// Has refused to confirm.
    refused: bool,
}

impl Checker {
    /// One that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A transaction and all who take part; before anything else about it.
    pub fn begun(&mut self, txn: Txn, participants: &[Site]) {
        let seen = self.txns.entry(txn).or_default();
        let parts = participants.iter().map(|&site| (site, Part::default()));
        seen.participants = parts.collect();
    }

    /// A message leaves its site, for another or for itself.
    pub fn sent(&mut self, from: Site, to: Site, msg: &Message) {
        let txn = msg.txn();
        let seen = self.txns.entry(txn).or_default();
        seen.traffic.messages += u64::from(from != to);
        let decided = seen.confirm_logged;
        // A coordinator need not take part.
        let mut nobody = Part::default();
        let part = seen.participants.get_mut(&from).unwrap_or(&mut nobody);
        let broken = match msg {
            Message::Tried { reserved: true, .. } if !part.reserved => {
                Violation::AnswerBeforeLog(txn, from)
            }
            Message::Confirmed(_) if !part.confirmed => Violation::AnswerBeforeLog(txn, from),
            // What has expired needs no record.
            Message::Cancelled(_) if !part.cancelled && !part.reserved => {
                Violation::AnswerBeforeLog(txn, from)
            }
            Message::Refused(_) if part.confirmed => Violation::EndedTwice(txn, from),
            Message::Refused(_) => {
                part.refused = true;
                return;
            }
            Message::Confirm(_) if !decided => Violation::ConfirmBeforeLog(txn, from),
            _ => return,
        };
        self.violations.push(broken);
    }

    /// A forced write is asked for.
    pub fn forced(&mut self, txn: Txn) {
        let seen = self.txns.entry(txn).or_default();
        seen.traffic.forced += 1;
    }

    /// A record has become stable: its force has ended, or that of a later one, or it was found after
    /// a crash. Told once for each record, and before the machine hears of it.
    pub fn stable(&mut self, at: Site, record: &Record) {
        let txn = record.txn();
        let seen = self.txns.entry(txn).or_default();
        let decided = seen.confirm_logged;
        if let Record::Confirm { .. } = record {
            seen.confirm_logged = true;
        }
        let mut nobody = Part::default();
        let part = seen.participants.get_mut(&at).unwrap_or(&mut nobody);
        let over = part.confirmed || part.cancelled || part.expired;
        let mut broken = None;
        match record {
            Record::Confirm { .. } | Record::End(_) => {}
            Record::Reserved { .. } => {
                if over {
                    broken = Some(Violation::Hanging(txn, at));
                }
                part.reserved = true;
            }
            Record::Confirmed(_) => {
                if over || part.refused {
                    broken = Some(Violation::EndedTwice(txn, at));
                } else if !decided {
                    broken = Some(Violation::ConfirmedUndecided(txn, at));
                }
                part.confirmed = true;
            }
            Record::Cancelled(_) => {
                if over {
                    broken = Some(Violation::EndedTwice(txn, at));
                } else if decided {
                    broken = Some(Violation::CancelledDecided(txn, at));
                }
                part.cancelled = true;
            }
            Record::Expired(_) => {
                if over {
                    broken = Some(Violation::EndedTwice(txn, at));
                }
                part.expired = true;
            }
        }
        self.violations.extend(broken);
    }

    /// The coordinator tells its decision.
    pub fn decided(&mut self, site: Site, txn: Txn, outcome: Outcome) {
        let seen = self.txns.entry(txn).or_default();
        match seen.decided {
            Some(first) if first != outcome => self.violations.push(Violation::Reversal(txn)),
            Some(_) => return,
            None => seen.decided = Some(outcome),
        }
        if outcome == Outcome::Abort || seen.participants.is_empty() {
            return;
        }
        if !seen.confirm_logged {
            let early = Violation::ConfirmBeforeLog(txn, site);
            self.violations.push(early);
        }
        for (&site, part) in &seen.participants {
            if !part.reserved {
                let missing = Violation::ConfirmWithoutTry(txn, site);
                self.violations.push(missing);
            }
        }
    }

    /// The coordinator reports how the transaction has ended.
    pub fn ended(&mut self, txn: Txn, ending: Ending) {
        let seen = self.txns.entry(txn).or_default();
        seen.ending = Some(ending);
        let parts = seen.participants.values();
        let confirmed = parts.clone().filter(|part| part.confirmed).count();
        let refused = parts.clone().filter(|part| part.refused).count();
        let right = match ending {
            Ending::Confirmed => confirmed == parts.len(),
            Ending::Cancelled => confirmed == 0 && seen.decided == Some(Outcome::Abort),
            Ending::Mixed => confirmed > 0 && refused > 0 && confirmed + refused == parts.len(),
            Ending::Expired => refused == parts.len(),
        };
        if !right {
            self.violations.push(Violation::WrongEnding(txn));
        }
    }

    /// The rules broken so far, in the order of their breach.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What the transaction has cost so far; `None` when nothing was heard of it.
    pub fn traffic(&self, txn: Txn) -> Option<Traffic> {
        self.txns.get(&txn).map(|seen| seen.traffic)
    }

    /// What was told of the transaction.
    pub fn decision(&self, txn: Txn) -> Option<Outcome> {
        self.txns.get(&txn)?.decided
    }

    /// How the transaction was reported to end.
    pub fn ending(&self, txn: Txn) -> Option<Ending> {
        self.txns.get(&txn)?.ending
    }

    /// Who has reserved, as far as is stable, and has not ended it.
    pub fn reserved(&self) -> impl Iterator<Item = (Txn, Site)> {
        self.txns.iter().flat_map(|(&txn, seen)| {
            let open = seen.participants.iter().filter(|(_, part)| {
                part.reserved && !(part.confirmed || part.cancelled || part.expired)
            });
            open.map(move |(&site, _)| (txn, site))
        })
    }

    /// Lets a transaction go about which nothing more will be heard. Its violations stay.
    pub fn forget(&mut self, txn: Txn) {
        self.txns.remove(&txn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clock::Instant;
    use std::sync::Arc;

    const TXN: Txn = Txn(1);
    const HOME: Site = Site(0);
    const A: Site = Site(1);
    const B: Site = Site(2);

    fn reserve(checker: &mut Checker, site: Site) {
        let until = Instant::NEVER;
        checker.stable(site, &Record::Reserved { txn: TXN, until });
    }

    fn begun() -> Checker {
        let mut checker = Checker::new();
        checker.begun(TXN, &[A, B]);
        checker
    }

    fn to_be_confirmed() -> Checker {
        let mut checker = begun();
        reserve(&mut checker, A);
        reserve(&mut checker, B);
        let participants = Arc::from([A, B]);
        let txn = TXN;
        checker.stable(HOME, &Record::Confirm { txn, participants });
        checker.decided(HOME, TXN, Outcome::Commit);
        checker
    }

    #[test]
    fn all_confirmed_or_none_breaks_no_rule() {
        let mut checker = to_be_confirmed();
        assert_eq!(checker.reserved().count(), 2);
        checker.stable(A, &Record::Confirmed(TXN));
        checker.stable(B, &Record::Confirmed(TXN));
        checker.ended(TXN, Ending::Confirmed);
        assert_eq!(checker.violations(), []);
        assert_eq!(checker.reserved().count(), 0);

        let mut checker = begun();
        reserve(&mut checker, A);
        checker.decided(HOME, TXN, Outcome::Abort);
        checker.stable(A, &Record::Cancelled(TXN));
        checker.stable(B, &Record::Cancelled(TXN));
        checker.ended(TXN, Ending::Cancelled);
        assert_eq!(checker.violations(), []);
    }

    #[test]
    fn an_expiry_is_no_breach_when_it_is_reported() {
        let mut checker = to_be_confirmed();
        checker.stable(A, &Record::Confirmed(TXN));
        checker.stable(B, &Record::Expired(TXN));
        checker.sent(B, HOME, &Message::Refused(TXN));
        let mut silent = checker.clone();
        checker.ended(TXN, Ending::Mixed);
        assert_eq!(checker.violations(), []);
        silent.ended(TXN, Ending::Confirmed);
        assert_eq!(silent.violations(), [Violation::WrongEnding(TXN)]);
    }

    #[test]
    fn a_decision_needs_every_reservation_and_its_record() {
        let mut checker = begun();
        reserve(&mut checker, A);
        checker.stable(A, &Record::Confirmed(TXN));
        checker.decided(HOME, TXN, Outcome::Commit);
        checker.decided(HOME, TXN, Outcome::Abort);
        let wanted = [
            Violation::ConfirmedUndecided(TXN, A),
            Violation::ConfirmBeforeLog(TXN, HOME),
            Violation::ConfirmWithoutTry(TXN, B),
            Violation::Reversal(TXN),
        ];
        assert_eq!(checker.violations(), wanted);
    }

    #[test]
    fn each_reservation_ends_once_and_for_ever() {
        let mut checker = to_be_confirmed();
        checker.stable(A, &Record::Cancelled(TXN));
        checker.stable(A, &Record::Confirmed(TXN));
        checker.stable(B, &Record::Expired(TXN));
        reserve(&mut checker, B);
        let wanted = [
            Violation::CancelledDecided(TXN, A),
            Violation::EndedTwice(TXN, A),
            Violation::Hanging(TXN, B),
        ];
        assert_eq!(checker.violations(), wanted);
    }

    #[test]
    fn what_is_said_must_be_logged() {
        let mut checker = begun();
        let (txn, reserved) = (TXN, true);
        checker.sent(A, HOME, &Message::Tried { txn, reserved });
        checker.sent(A, HOME, &Message::Confirmed(TXN));
        checker.sent(B, HOME, &Message::Cancelled(TXN));
        checker.sent(HOME, A, &Message::Confirm(TXN));
        let wanted = [
            Violation::AnswerBeforeLog(TXN, A),
            Violation::AnswerBeforeLog(TXN, A),
            Violation::AnswerBeforeLog(TXN, B),
            Violation::ConfirmBeforeLog(TXN, HOME),
        ];
        assert_eq!(checker.violations(), wanted);
    }
}
