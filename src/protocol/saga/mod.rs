//! Sagas, orchestrated, with backward recovery: an [`Orchestrator`] and [`Participant`]s as state
//! machines, and a [`Checker`] that stands outside of them. The machines refuse to know what a step
//! does and how it is compensated: both are the host's.
//!
//! # The protocol
//!
//! Garcia-Molina, Salem: *Sagas*, SIGMOD 1987. The steps `T1 … Tn` are transactions of their own, each
//! committed at its site as soon as it is done: nobody is in doubt and no lock outlives a step, but
//! others see what may still be compensated. A saga runs `T1 … Tn`, or `T1 … Tk` and then `Ck … C1`.
//!
//! ```text
//! host       orchestrator                    participant              host
//!  │ begin         │                              │                     │
//!  ├──────────────▶│ force Begun                  │                     │
//!  │               │ Do(1)                        │                     │
//!  │               ├─────────────────────────────▶│ Do(1)               │
//!  │               │                              ├────────────────────▶│
//!  │               │                              │ on_done(1, true)    │
//!  │               │              Answer(1, done) │◀────────────────────┤
//!  │               │◀─────────────────────────────┤ force Done(1)       │
//!  │               │ … Do(2): refused, or late    │                     │
//!  │ Decided(Abort)│ Undo(1), until acknowledged  │                     │
//!  │◀──────────────┼─────────────────────────────▶│ Undo(1)             │
//!  │               │                              ├────────────────────▶│
//!  │               │                              │ on_undone(1, true)  │
//!  │ Ended         │                    Undone(1) │◀────────────────────┤
//!  │◀──────────────│◀─────────────────────────────┤ force Undone(1)     │
//! ```
//!
//! * **What is forced.** [`Record::Begun`], before the first step may be done: a crashed orchestrator
//!   finds in it whom to ask for compensation. [`Record::Committed`], before the commit is told: without
//!   it a recovered orchestrator turns back. No record of a step that was done: it would have to be
//!   forced to tell which step may have begun, at the price of a write per step, only to spare a
//!   crashed saga some compensations that find nothing to do. At a participant both records are
//!   forced: what was answered holds.
//! * **Backward recovery.** A step that is refused, or has not answered after
//!   [`OrchestratorConfig::step_timeout`], turns the saga back; so does a crash of the orchestrator at
//!   any time before the commit record is stable. A compensation is asked for until it is acknowledged.
//! * **Tombstones.** Whoever is asked to compensate what it has not done notes that, and will never do
//!   it: *Undo* may overtake *Do*, and a step that timed out may still be under way. A step that is
//!   refused is noted likewise, so that *Do* doubled on its way finds the same answer.
//!
//! # What is asked of the host
//!
//! * It does every [`Action`] in the order given, and may take its time: a machine waits for `on_forced`,
//!   `on_done`, `on_undone`, for messages and for timers, never for anything else.
//! * Messages may be lost, doubled, late and out of order, but are what was sent.
//! * The log is sequential (see [`Record`]). A crash drops the machine, the timers and what is not yet
//!   stable of the log; `recover` makes a new machine from the rest.
//! * The work of a step and its record [`Record::Done`] become stable together, as the one local
//!   transaction that they are; so do its compensation and [`Record::Undone`]. What was worked for a step
//!   that the machine passes over is rolled back.
//! * A [`Txn`] is begun once, crashes included.
//!
//! # Example
//!
//! ```
//! use clock::{Duration, Instant};
//! use stormglass_protocol::saga::*;
//!
//! let (now, txn) = (Instant::ZERO, Txn(7));
//! let (here, there) = (Site(0), Site(1));
//! let mut out = Vec::new();
//! let mut orchestrator = Orchestrator::new(OrchestratorConfig {
//!     step_timeout: Duration::from_secs(1),
//!     retry_interval: Duration::from_millis(200),
//! })?;
//! orchestrator.begin(now, txn, &[there], &mut out)?;
//! let [Action::Force(Record::Begun { .. }, token)] = out[..] else { panic!() };
//! out.clear();
//! // The first step is asked for once the record is stable, not before.
//! orchestrator.on_forced(now, token, &mut out);
//! let Action::Send(to, message) = out.remove(0) else { panic!() };
//! assert_eq!(to, there);
//! out.clear();
//!
//! let mut participant = Participant::new();
//! participant.on_message(here, message, &mut out);
//! assert_eq!(out, [Action::Do(StepId { txn, step: 0 })]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checker;
mod log;
mod message;
mod orchestrator;
mod participant;
mod violation;

pub use crate::transaction::{AlreadyKnown, ConfigError, Outcome, Site, Traffic, Txn};
pub use checker::Checker;
pub use log::{Record, Token};
pub use message::{Message, StepId};
pub use orchestrator::{Orchestrator, OrchestratorConfig};
pub use participant::Participant;
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
    /// Do the work of the step, then call [`Participant::on_done`]. Asked at most once in a life of
    /// the participant.
    Do(StepId),
    /// Compensate the step, then call [`Participant::on_undone`]. Asked again when that failed.
    Undo(StepId),
    /// The outcome: the client may be told. Told again, with the same outcome, after a crash.
    Decided(Txn, Outcome),
    /// All steps are done, or nothing is left to compensate. Told again after a crash that took the
    /// note of it.
    Ended(Txn),
}

/// A timer of an orchestrator; a participant needs none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimerId {
    /// The saga that the timer is for.
    pub txn: Txn,
    /// What it waits for.
    pub wait: Wait,
}

/// What a timer waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wait {
    /// A step.
    Step,
    /// A compensation.
    Compensation,
}
