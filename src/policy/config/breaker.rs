//! Circuit breaker: what it looks back on, and what opens and closes it.

mod presets;

use super::Scope;
use crate::outcome::{Outcome, OutcomeSet};
use clock::Duration;

/// Circuit breaker: closed, open, half-open.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BreakerConfig {
    /// Over which calls the rates are taken.
    pub window: Window,
    /// Opens when failures reach this share of the window, 0..=1; 1.0 and `consecutive` windows
    /// open on an unbroken run of failures.
    pub failure_rate: f64,
    /// No judgement before this many calls are in the window.
    pub minimum_calls: u32,
    /// Also opens when slow calls reach a share of the window.
    pub slow_call: Option<SlowCall>,
    /// How long it stays open before it lets probes through.
    pub open_for: Duration,
    /// How many probes half-open lets through.
    pub half_open_calls: u32,
    /// How many ended calls half-open is judged by, at most `half_open_calls`; `None`: so many.
    /// Resilience4j: `minimum_calls`.
    pub half_open_minimum: Option<u32>,
    /// Whether probes are let through at the end of `open_for` or after it.
    pub end_of_open: EndOfOpen,
    /// When the window is judged.
    pub judged: Judged,
    /// Where the buckets of a window of time begin.
    pub alignment: Alignment,
    /// Which outcomes are failures; the default is all. The others count as successes.
    pub failure_on: OutcomeSet,
    /// What is made of calls that end in another state than they began in.
    pub late: Late,
    /// What is made of calls whose end will never be known.
    pub released: Released,
    /// Whose state it keeps.
    pub scope: Scope,
}

impl Default for BreakerConfig {
    /// Resilience4j's.
    fn default() -> Self {
        Self {
            window: Window::Count(100),
            failure_rate: 0.5,
            minimum_calls: 100,
            slow_call: None,
            open_for: Duration::from_secs(60),
            half_open_calls: 10,
            half_open_minimum: None,
            end_of_open: EndOfOpen::After,
            judged: Judged::EveryCall,
            alignment: Alignment::Epoch,
            failure_on: Outcome::FAILURES.into_iter().collect(),
            late: Late::Counts,
            released: Released::GivesBack,
            scope: Scope::Service,
        }
    }
}

/// Whether the instant at which `open_for` ends belongs to open or to half-open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EndOfOpen {
    /// To open (`>`): Resilience4j, Hystrix.
    #[default]
    After,
    /// To half-open (`>=`): Polly.
    At,
}

/// When a closed breaker looks at its window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Judged {
    /// After every call (Resilience4j).
    #[default]
    EveryCall,
    /// After a failure (Polly), or a slow call where those are counted.
    OnFailure,
    /// At multiples of this span, as of the calls before it (Hystrix: 500 ms). Found out by the
    /// next word that the breaker hears.
    Every(Duration),
}

/// Where the buckets of a window of time begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Alignment {
    /// At multiples of their width from the clock's origin (Resilience4j, Hystrix).
    #[default]
    Epoch,
    /// The first with the first call, the next with the first call after the last one's width
    /// (Polly).
    FirstCall,
}

/// What becomes of a call that ends in another state of the breaker than the one that it was let in
/// by: one that began before it opened may end while it is half-open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Late {
    /// It counts where it ends: half-open, it is judged with the probes (Resilience4j, Polly,
    /// Hystrix, none of which knows the difference).
    #[default]
    Counts,
    /// It counts nowhere.
    Ignored,
}

/// What becomes of a call that went away before it ended: its caller gave up on it, or a layer
/// around the breaker did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Released {
    /// It counts nowhere, and a probe may be made again (Resilience4j's `releasePermission`; but a
    /// call from before half-open gives no probe back, as there, where each may add one).
    #[default]
    GivesBack,
    /// It is a success (Polly v8, to which every outcome is one that is not handled as a failure).
    Succeeds,
    /// It counts nowhere, but opens a half-open breaker again (Hystrix).
    Reopens,
}

/// When a call counts as slow, and how many are too many.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SlowCall {
    /// Slow is strictly longer than this (Resilience4j).
    pub longer_than: Duration,
    /// Opens at this share of slow calls, 0..=1.
    pub rate: f64,
}

/// The calls that a breaker looks back on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// The last `n` calls.
    Count(u32),
    /// The calls of the last `length`, in `buckets` aligned steps.
    Time {
        /// The length of the window.
        length: Duration,
        /// In how many steps it moves.
        buckets: u32,
    },
    /// Opens after `n` failures in a row.
    Consecutive(u32),
}
