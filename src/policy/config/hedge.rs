//! Hedging: a second copy while the first is still out.

use super::retry::RetryBudget;
use crate::outcome::OutcomeSet;
use clock::Duration;

/// Hedging (Dean and Barroso, "The Tail at Scale", 2013): the first success is the answer, and the
/// other copies are cancelled.
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
    /// What bounds the further copies over all calls; none by default. gRPC throttles hedges as it
    /// does retries.
    pub budget: Option<RetryBudget>,
}

/// When the next copy is sent though none has failed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum HedgeDelay {
    /// After this long since the last copy was sent; 0 sends all at once.
    After(Duration),
    /// After the time that this share of the calls took lately.
    Quantile {
        /// 0..1, such as 0.95.
        quantile: f64,
        /// Until there are calls to look back on.
        initial: Duration,
    },
    /// Never: only a failure sends the next copy (Polly with a negative delay).
    OnFailure,
}
