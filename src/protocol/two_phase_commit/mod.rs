//! Two-phase commit with presumed abort: a [`Coordinator`] and [`Participant`]s as state machines,
//! and a [`Checker`] that stands outside of them. The machines refuse to know what a transaction
//! does: locks, data and the choice of a vote are the host's.
//!
//! # The protocol
//!
//! ```text
//! host         coordinator                     participant                      host
//!  │ begin          │                               │                enlist       │
//!  ├───────────────▶│ Prepare                       │◀────────────────────────────┤
//!  │                ├──────────────────────────────▶│ Prepare(txn)                │
//!  │                │                               ├────────────────────────────▶│
//!  │                │                               │          on_prepare_decided │
//!  │                │                               │◀────────────────────────────┤
//!  │                │                     Vote(Yes) │ force Prepared              │
//!  │                │◀──────────────────────────────┤                             │
//!  │   force Commit │ Decision(Commit)              │                             │
//!  │◀───────────────┤──────────────────────────────▶│ Decided                     │
//!  │ Decided        │                               ├────────────────────────────▶│
//!  │                │                           Ack │ force Committed             │
//!  │                │◀──────────────────────────────┤                             │
//!  │      write End │                               │                             │
//! ```
//!
//! * **Presumed abort** (Mohan, Lindsay, Obermarck: *Transaction Management in the R\* Distributed
//!   Database Management System*, ACM TODS 11(4), 1986, section 3): about a transaction that it
//!   does not know the coordinator says *abort*, to whoever asks or votes yes. An abort is
//!   therefore never forced, acknowledged or ended. The coordinator forces one record, at commit; each participant that voted yes
//!   forces two; one that only read writes none.
//! * **Timeouts and cooperative termination** (Bernstein, Hadzilacos, Goodman: *Concurrency Control
//!   and Recovery in Database Systems*, 1987, section 7.4): a coordinator that misses a vote aborts;
//!   a participant that has not voted aborts; one in doubt asks the coordinator and, where
//!   [`ParticipantConfig::cooperative`] says so, its peers. Of these, one that knows tells, one
//!   that has not voted aborts and tells, and one in doubt keeps silent. When all are in doubt and
//!   the coordinator is down, the transaction is blocked: that is two-phase commit.
//! * **Votes unasked** (Gray, Lamport: *Consensus on Transaction Commit*, ACM TODS 31(1), 2006,
//!   section 3): after [`Coordinator::open`] the first vote starts the protocol, and only the others
//!   are asked. That is the form whose 3N − 1 messages the paper counts.
//!
//! # What is asked of the host
//!
//! * It does every [`Action`] in the order given, and may take its time: a machine waits for
//!   [`on_forced`](Participant::on_forced), for messages and for timers, never for anything else.
//! * Messages may be lost, doubled, late and out of order, but are what was sent.
//! * The log is sequential (see [`Record`]). A crash drops the machine, the timers and what is not
//!   yet stable of the log; `recover` makes a new machine from the rest.
//! * A [`Txn`] is opened or begun once and enlisted once per site, crashes included. The
//!   coordinator knows a transaction before any participant votes on it.
//!
//! # Example
//!
//! ```
//! use clock::{Duration, Instant};
//! use stormglass_protocol::two_phase_commit::*;
//!
//! let (now, txn) = (Instant::ZERO, Txn(7));
//! let (here, there) = (Site(0), Site(1));
//! let mut out = Vec::new();
//! let mut coordinator = Coordinator::new(CoordinatorConfig {
//!     vote_timeout: Duration::from_secs(1),
//!     resend_interval: Duration::from_millis(200),
//! })?;
//! let mut participant = Participant::new(there, ParticipantConfig {
//!     work_timeout: Duration::from_secs(5),
//!     inquiry_interval: Duration::from_millis(500),
//!     cooperative: true,
//! })?;
//! participant.enlist(now, txn, here, &mut out)?;
//! out.clear();
//!
//! coordinator.begin(now, txn, &[there], &mut out)?;
//! let Action::Send(to, prepare) = out.remove(0) else { panic!() };
//! assert_eq!(to, there);
//!
//! participant.on_message(now, here, prepare, &mut out);
//! assert!(out.contains(&Action::Prepare(txn)));
//! out.clear();
//! participant.on_prepare_decided(now, txn, Vote::Yes, &mut out);
//! // The vote leaves once the record is stable, not before.
//! let [Action::Force(Record::Prepared { .. }, token)] = out[..] else { panic!() };
//! out.clear();
//! participant.on_forced(now, token, &mut out);
//! assert!(matches!(out[0], Action::Send(_, Message::Vote { vote: Vote::Yes, .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checker;
mod coordinator;
mod cost;
mod log;
mod message;
mod participant;
mod violation;

pub use crate::transaction::{AlreadyKnown, ConfigError, Outcome, Site, Txn};
pub use checker::Checker;
pub use coordinator::{Coordinator, CoordinatorConfig};
pub use cost::{Cost, Stamp};
pub use log::{Record, Token};
pub use message::{Message, Vote};
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
    /// Prepare to commit the transaction, then call [`Participant::on_prepare_decided`]. Asked at
    /// most once per transaction.
    Prepare(Txn),
    /// The outcome at this site: its locks may go, its client may be told. Told again, with the
    /// same outcome, when a crash came before the machine could note that it had been told.
    Decided(Txn, Outcome),
    /// The participant has only read: its locks may go, and it will not hear the outcome.
    Released(Txn),
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
    /// Coordinator: the votes.
    Votes,
    /// Coordinator: the acknowledgements.
    Acks,
    /// Participant: to be asked for its vote.
    Prepare,
    /// Participant: the outcome.
    Outcome,
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
