//! Hedging: further copies while the first is still out.

use super::retry::RetryBudget;
use crate::outcome::{Outcome, OutcomeSet};
use clock::Duration;

/// Hedging (Dean and Barroso, "The Tail at Scale", 2013): the first success is the answer, and the
/// other copies are cancelled. A pipeline has at most one such layer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HedgeConfig {
    /// Copies in all, the first included, 1..=16. gRPC's `maxAttempts` (at most 5 there); Polly's
    /// `MaxHedgedAttempts` + 1.
    pub attempts: u32,
    /// When the next copy is sent though none has failed.
    pub delay: HedgeDelay,
    /// A failure of these kinds sends the next copy at once, and is the answer only when no copy
    /// is left (gRPC's `nonFatalStatusCodes`, Polly's `ShouldHandle`); any other is the answer.
    pub hedge_on: OutcomeSet,
    /// What the call fails of when all copies have failed of a kind in `hedge_on`.
    pub all_failed: AllFailed,
    /// Whether a server's word on when to come back ([`crate::Pushback`]) is heard: the next copy is
    /// sent after the time that it says, or none at all. gRPC does so, Polly knows of none.
    pub heed_pushback: bool,
    /// What bounds the further copies over all calls; none by default. A call whose copy it has
    /// refused once gets no more of them. gRPC throttles hedges as it does retries.
    pub budget: Option<RetryBudget>,
}

/// Whose failure is the answer when all copies have failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AllFailed {
    /// That of the copy that failed last (gRPC).
    #[default]
    Last,
    /// That of the copy that was sent first (Polly).
    First,
}

/// When the next copy is sent though none has failed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum HedgeDelay {
    /// After this long since the last copy was sent; 0 sends all at once.
    After(Duration),
    /// After the time that this share of the calls took lately: of the last 1,000 to 2,000 that
    /// succeeded, within 3.2 %.
    Quantile {
        /// 0..1, such as 0.95.
        quantile: f64,
        /// Until 100 calls have succeeded.
        initial: Duration,
    },
    /// Never: only a failure sends the next copy (Polly with a negative delay).
    OnFailure,
}

impl HedgeConfig {
    /// The most copies; so many have a place in a call's memory.
    pub const MOST_ATTEMPTS: u32 = 16;

    /// `attempts`, as far as there can be so many.
    pub(crate) fn copies(&self) -> usize {
        self.attempts.clamp(1, Self::MOST_ATTEMPTS) as usize
    }

    /// The `hedgingPolicy` of gRPC's specification (gRFC A6), which leaves most to the user: as many
    /// copies as it allows, as soon as it allows, and any failure is the answer.
    ///
    /// grpc-java departs from the specification where a copy fails: the next one waits for the delay
    /// all the same, a pushback of some time is taken for none, and a failure that empties the
    /// throttle is the answer though other copies are out.
    pub fn grpc() -> Self {
        Self {
            attempts: 5,
            delay: HedgeDelay::After(Duration::ZERO),
            hedge_on: OutcomeSet::NONE,
            all_failed: AllFailed::Last,
            heed_pushback: true,
            budget: None,
        }
    }

    /// The defaults of Polly v8's `HedgingStrategyOptions`.
    pub fn polly() -> Self {
        Self {
            attempts: 2,
            delay: HedgeDelay::After(Duration::from_secs(2)),
            hedge_on: Outcome::FAILURES.into_iter().collect(),
            all_failed: AllFailed::First,
            heed_pushback: false,
            budget: None,
        }
    }
}

impl Default for HedgeConfig {
    /// Two copies, the second after two seconds or any failure: Polly's, but that the last failure
    /// is the answer and a pushback is heard.
    fn default() -> Self {
        Self {
            all_failed: AllFailed::Last,
            heed_pushback: true,
            ..Self::polly()
        }
    }
}
