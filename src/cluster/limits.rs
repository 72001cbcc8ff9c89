//! Bounds on a run, so that no model eats the machine, and why a run ended.

use clock::Instant;

/// What a run may use at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Requests and calls in flight at once; about 250 bytes each.
    pub in_flight: usize,
    /// Steps that are done without the simulated time moving on.
    pub steps_at_one_instant: u64,
    /// Events in all.
    pub events: u64,
}

impl Default for Limits {
    /// 4 million in flight (about 1 GiB), 50 million steps at one instant, no bound on events.
    fn default() -> Self {
        Self {
            in_flight: 4_000_000,
            steps_at_one_instant: 50_000_000,
            events: u64::MAX,
        }
    }
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Events that were dispatched.
    pub events: u64,
    /// Hash of the trajectory.
    pub fingerprint: u64,
    /// Simulated time that was reached.
    pub at: Instant,
    /// Why there.
    pub reason: Reason,
    /// Invariants that were broken, in the order of their discovery.
    pub violations: Vec<Violation>,
}

/// Why a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It reached the end that was asked for.
    Finished,
    /// The observer stopped it.
    Stopped,
    /// It met a limit; in words, for people.
    Limit(String),
}

/// A broken invariant, with what is needed to see it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which checker spoke.
    pub checker: &'static str,
    /// When.
    pub at: Instant,
    /// The number of the event before.
    pub event: u64,
    /// What it saw.
    pub what: String,
}
