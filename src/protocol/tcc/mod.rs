//! Try, confirm, cancel: a [`Coordinator`] and [`Participant`]s as state machines, and a [`Checker`]
//! that stands outside of them. The machines refuse to know what is reserved: trying, confirming and
//! cancelling are the host's.
//!
//! # The protocol
//!
//! Pardon, Pautasso: *Towards Distributed Atomic Transactions over RESTful Services*, in *REST: From
//! Research to Practice*, 2011; before it, the reservations of Helland: *Life beyond Distributed
//! Transactions*, CIDR 2007.
//!
//! ```text
//! host       coordinator                     participant              host
//!  │ begin        │ Try, to all at once          │                     │
//!  ├─────────────▶├─────────────────────────────▶│ Try                 │
//!  │              │                              ├────────────────────▶│
//!  │              │                              │ on_tried(true)      │
//!  │              │              Tried(reserved) │◀────────────────────┤
//!  │              │◀─────────────────────────────┤ force Reserved      │
//!  │              │ force Confirm                │                     │
//!  │ Decided      │ Confirm, until acknowledged  │                     │
//!  │◀─────────────┤─────────────────────────────▶│ Confirm             │
//!  │              │                              ├────────────────────▶│
//!  │              │                              │ on_confirmed(true)  │
//!  │ Ended        │                    Confirmed │◀────────────────────┤
//!  │◀─────────────│◀─────────────────────────────┤ force Confirmed     │
//! ```
//!
//! * **Reservations expire.** A participant that has reserved waits for
//!   [`ParticipantConfig::reserved_for`], then cancels on its own: nobody is blocked by a coordinator
//!   that is silent. The price is a heuristic decision: a *Confirm* that comes later is refused, and the
//!   coordinator, which cannot take back what others have confirmed, reports the transaction as
//!   [`Ending::Mixed`] (or [`Ending::Expired`], when nobody was in time).
//! * **What is forced.** The coordinator forces one record, [`Record::Confirm`]; a transaction without it
//!   is cancelled, by word or by expiry. A participant forces that it has reserved, confirmed and
//!   cancelled, before it says so; that a reservation has expired its clock tells again.
//! * **Tombstones.** *Cancel* may overtake *Try* (an empty cancel): the participant notes it, and
//!   refuses the *Try* that comes later, which would hang until it expired.
//! * A participant that says it has reserved for a transaction that the coordinator does not know is
//!   told to cancel: the coordinator has crashed, or has been done with it for long.
//!
//! # What is asked of the host
//!
//! * It does every [`Action`] in the order given, and may take its time: a machine waits for `on_forced`,
//!   `on_tried`, `on_confirmed`, `on_cancelled`, for messages and for timers, never for anything else.
//! * Messages may be lost, doubled, late and out of order, but are what was sent.
//! * The log is sequential (see [`Record`]). A crash drops the machine, the timers and what is not yet
//!   stable of the log; `recover` makes a new machine from the rest.
//! * The clock of a participant does not go back, not even in a crash.
//! * What the host did for an action and the record that follows become stable together. What it worked
//!   for a *Try* that the machine passes over is rolled back.
//! * A [`Txn`] is begun once, crashes included.
//!
//! # Example
//!
//! ```
//! use clock::{Duration, Instant};
//! use stormglass_protocol::tcc::*;
//!
//! let (now, txn) = (Instant::ZERO, Txn(7));
//! let (here, there) = (Site(0), Site(1));
//! let mut out = Vec::new();
//! let mut coordinator = Coordinator::new(CoordinatorConfig {
//!     try_timeout: Duration::from_secs(1),
//!     retry_interval: Duration::from_millis(200),
//! })?;
//! let mut participant = Participant::new(ParticipantConfig {
//!     reserved_for: Duration::from_secs(30),
//!     retry_interval: Duration::from_millis(200),
//! })?;
//! coordinator.begin(now, txn, &[there], &mut out)?;
//! let Action::Send(to, message) = out.remove(0) else { panic!() };
//! assert_eq!(to, there);
//! out.clear();
//!
//! participant.on_message(now, here, message, &mut out);
//! assert_eq!(out, [Action::Try(txn)]);
//! out.clear();
//! participant.on_tried(now, txn, true, &mut out);
//! // The answer leaves once the record is stable, not before.
//! let [Action::Force(Record::Reserved { .. }, token)] = out[..] else { panic!() };
//! out.clear();
//! participant.on_forced(now, token, &mut out);
//! assert!(matches!(out[0], Action::Send(_, Message::Tried { reserved: true, .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checker;
mod coordinator;
mod log;
mod message;
mod participant;
mod violation;

pub use crate::transaction::{AlreadyKnown, ConfigError, Outcome, Site, Traffic, Txn};
pub use checker::Checker;
pub use coordinator::{Coordinator, CoordinatorConfig};
pub use log::{Record, Token};
pub use message::Message;
pub use participant::{Participant, ParticipantConfig};
pub use violation::Violation;

use clock::Instant;

/// What the host must do, in order. A machine only appends; the host clears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send a message to a site, possibly the machine's own.
    Send(Site, Message),
    /// Call `on_timer` at this time. A timer that is set again replaces itself.
    SetTimer(TimerId, Instant),
    /// The timer is no longer wanted. One that fires all the same does no harm.
    CancelTimer(TimerId),
    /// Append the record, make it stable, then call `on_forced`.
    Force(Record, Token),
    /// Append the record; nobody waits for it.
    Write(Record),
    /// Reserve for the transaction, then call [`Participant::on_tried`]. Asked at most once in a life
    /// of the participant.
    Try(Txn),
    /// Make final what is reserved, then call [`Participant::on_confirmed`]. Asked again when that
    /// failed.
    Confirm(Txn),
    /// Give back what is reserved, then call [`Participant::on_cancelled`]. Asked again when that
    /// failed.
    Cancel(Txn),
    /// The participant is done with the transaction: what it keeps others from may be let go.
    Released(Txn, Release),
    /// The decision: the client may be told. Told again, with the same outcome, after a crash. A
    /// coordinator that crashes undecided does not tell: the outcome is abort.
    Decided(Txn, Outcome),
    /// All participants have answered to the decision. Told again after a crash that took the note of
    /// it.
    Ended(Txn, Ending),
}

/// How a participant was released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// By a confirm.
    Confirmed,
    /// By a cancel.
    Cancelled,
    /// By its clock.
    Expired,
}

/// How a transaction has ended; the last two are heuristic outcomes, as X/Open XA calls them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Everyone has confirmed.
    Confirmed,
    /// Nobody has, and nobody was told to.
    Cancelled,
    /// Some have confirmed, and the reservations of others had expired.
    Mixed,
    /// It was decided to confirm, but all reservations had expired.
    Expired,
}

/// A timer of a machine; timers of the two roles of a site are different timers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimerId {
    /// The transaction that the timer is for.
    pub txn: Txn,
    /// What it waits for.
    pub wait: Wait,
}

/// What a timer waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wait {
    /// Coordinator: the answers to its tries.
    Tries,
    /// Coordinator: the acknowledgements.
    Acks,
    /// Participant: the end of its reservation.
    Expiry,
    /// Participant: to cancel again what could not be cancelled.
    Retry,
}

/// Sets a timer, unless its time never comes.
fn set_timer(out: &mut Vec<Action>, txn: Txn, wait: Wait, at: Instant) {
    if at != Instant::NEVER {
        out.push(Action::SetTimer(TimerId { txn, wait }, at));
    }
}

fn cancel_timer(out: &mut Vec<Action>, txn: Txn, wait: Wait) {
    out.push(Action::CancelTimer(TimerId { txn, wait }));
}
