//! The rules of try, confirm, cancel and of its logs, each by the way in which it is broken. Refuses
//! to know how a breach is found: that is the [checker](super::Checker)'s.

use crate::transaction::{Site, Txn};
use core::fmt;

/// A rule that was broken; where a site is named, it is the one at which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// It was decided to confirm, and this participant has not reserved.
    ConfirmWithoutTry(Txn, Site),
    /// A participant has confirmed what was not decided to be confirmed.
    ConfirmedUndecided(Txn, Site),
    /// A participant has cancelled what was decided to be confirmed, and that although its reservation
    /// had not expired.
    CancelledDecided(Txn, Site),
    /// A reservation has ended, and then again.
    EndedTwice(Txn, Site),
    /// Something was reserved for a transaction that had ended here: it hangs.
    Hanging(Txn, Site),
    /// The transaction was decided, and later otherwise.
    Reversal(Txn),
    /// The ending that was reported is not what the participants say.
    WrongEnding(Txn),
    /// The decision to confirm was told while its record was not stable.
    ConfirmBeforeLog(Txn, Site),
    /// A participant answered while the record of what it said was not stable.
    AnswerBeforeLog(Txn, Site),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfirmWithoutTry(txn, site) => {
                write!(f, "{txn} is to be confirmed, and {site} has not reserved")
            }
            Self::ConfirmedUndecided(txn, site) => {
                write!(f, "{txn}: {site} has confirmed what was not decided")
            }
            Self::CancelledDecided(txn, site) => {
                write!(f, "{txn}: {site} has cancelled what is to be confirmed")
            }
            Self::EndedTwice(txn, site) => write!(f, "{txn}: {site} has ended it twice"),
            Self::Hanging(txn, site) => {
                write!(f, "{txn}: {site} has reserved for it after its end")
            }
            Self::Reversal(txn) => write!(f, "{txn} was decided, and later otherwise"),
            Self::WrongEnding(txn) => {
                write!(f, "{txn} was reported to end otherwise than it has ended")
            }
            Self::ConfirmBeforeLog(txn, site) => {
                write!(f, "{txn}: {site} told the decision before it was stable")
            }
            Self::AnswerBeforeLog(txn, site) => {
                write!(f, "{txn}: {site} answered before its record was stable")
            }
        }
    }
}
