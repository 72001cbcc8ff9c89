//! What bounds the retries over all calls, so that a failing callee is not hit with many times the
//! load that made it fail.
//!
//! Six budgets of the field, one file each, behind one set of words: a call starts, an attempt of
//! it fails, a further one is asked for, the call ends or goes away. Each budget listens to those
//! words that it needs. Who asks (a retry after a failure, a hedge before one) is not its concern.

mod aws;
mod envoy;
mod failure_rate;
mod grpc;
mod ratio;
mod tokens;

use crate::config;
use crate::outcome::Outcome;
use aws::Aws;
use clock::Instant;
use envoy::Envoy;
use failure_rate::FailureRate;
use grpc::Grpc;
use ratio::Ratio;
use tokens::Tokens;

/// Bounds retries, or hedges, over many calls.
///
/// Stand-alone, every call goes like this:
/// ```
/// use clock::Instant;
/// use stormglass_policy::{Drawn, Outcome, RetryBudget, config};
///
/// let mut budget = RetryBudget::new(config::RetryBudget::Envoy { share: 0.2, min_concurrency: 3 });
/// let now = Instant::ZERO;
///
/// let mut drawn = Drawn::default(); // kept with the call
/// budget.call_started(now);
/// // The first attempt failed, in a way that is retried on:
/// budget.attempt_failed(now);
/// let end = if budget.withdraw(now, Some(Outcome::Error), &mut drawn) {
///     // … one more attempt, which succeeds
///     Outcome::Success
/// } else {
///     Outcome::Error
/// };
/// budget.call_ended(end, drawn);
/// ```
#[derive(Clone, Debug)]
pub struct RetryBudget(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Ratio(Ratio),
    Tokens(Tokens),
    Grpc(Grpc),
    Aws(Aws),
    Envoy(Envoy),
    FailureRate(FailureRate),
}

/// What one call holds of a budget, to be kept with the call from its start to its end; nothing by
/// default. It belongs to the budget that wrote it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drawn(u8);

impl Drawn {
    /// What the latest further attempt was paid by: two bits of the AWS quota's.
    const PAID: u8 = 0b0011;
    /// A further attempt of this call counts among those in flight.
    const RETRYING: u8 = 0b0100;
    /// The call waits, and does not count among those in flight.
    const PAUSED: u8 = 0b1000;

    /// For a frame; below 16.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Sets the flag; false when it was set.
    fn set(&mut self, flag: u8) -> bool {
        let new = self.0 & flag == 0;
        self.0 |= flag;
        new
    }

    /// Clears the flag; false when it was clear.
    fn clear(&mut self, flag: u8) -> bool {
        let was = self.0 & flag != 0;
        self.0 &= !flag;
        was
    }
}

impl RetryBudget {
    /// A budget in its first state: nothing paid in, all tokens there, nobody in flight.
    pub fn new(config: config::RetryBudget) -> Self {
        use config::RetryBudget as Config;
        Self(match config {
            Config::Ratio {
                ratio,
                min_per_second,
                ttl,
            } => Kind::Ratio(Ratio::new(ratio, min_per_second, ttl)),
            Config::Tokens {
                capacity,
                cost,
                refund,
                deposit,
            } => Kind::Tokens(Tokens::new(capacity, cost, refund, deposit)),
            Config::Grpc {
                max_tokens,
                token_ratio,
            } => Kind::Grpc(Grpc::new(max_tokens, token_ratio)),
            Config::Aws {
                capacity,
                cost,
                timeout_cost,
                throttled_cost,
            } => Kind::Aws(Aws::new(capacity, [cost, timeout_cost, throttled_cost])),
            Config::Envoy {
                share,
                min_concurrency,
            } => Kind::Envoy(Envoy::new(share, min_concurrency)),
            Config::FailureRate { most, window } => {
                Kind::FailureRate(FailureRate::new(most, window))
            }
        })
    }

    /// A call starts, and with it its first attempt.
    #[inline]
    pub fn call_started(&mut self, now: Instant) {
        match &mut self.0 {
            Kind::Ratio(budget) => budget.deposit(now),
            Kind::Envoy(budget) => budget.call_started(),
            Kind::Tokens(budget) => budget.call_started(),
            Kind::FailureRate(budget) => budget.call_started(now),
            Kind::Grpc(_) | Kind::Aws(_) => {}
        }
    }

    /// An attempt failed in a way after which further ones are made (`retry_on`, `hedge_on`), or its
    /// server said "never". To be said whether or not a further attempt is asked for, and before.
    #[inline]
    pub fn attempt_failed(&mut self, now: Instant) {
        match &mut self.0 {
            Kind::Grpc(budget) => budget.failed(),
            Kind::FailureRate(budget) => budget.failed(now),
            _ => {}
        }
    }

    /// Draws one further attempt for the call; false, and nothing drawn, when there is none left.
    ///
    /// `failure` is what the callee said and what is now answered by another attempt; `None` for an
    /// attempt that no answer of the callee's caused: a hedge, or a retry after a refusal of the
    /// caller's own limits.
    pub fn withdraw(&mut self, now: Instant, failure: Option<Outcome>, drawn: &mut Drawn) -> bool {
        match &mut self.0 {
            Kind::Ratio(budget) => budget.withdraw(now),
            Kind::Tokens(budget) => budget.withdraw(),
            Kind::Grpc(budget) => budget.is_above_threshold(),
            Kind::Aws(budget) => budget.withdraw(failure, drawn),
            Kind::Envoy(budget) => budget.withdraw(drawn),
            Kind::FailureRate(budget) => budget.is_below(now),
        }
    }

    /// The call has no attempt out from now on: it backs off. Only Envoy's budget listens, which
    /// counts the load on the callee; who does not say it is taken to be in flight until the end.
    pub fn pause(&mut self, drawn: &mut Drawn) {
        if let Kind::Envoy(budget) = &mut self.0 {
            budget.pause(drawn);
        }
    }

    /// The call goes on after a [`pause`](Self::pause).
    pub fn resume(&mut self, drawn: &mut Drawn) {
        if let Kind::Envoy(budget) = &mut self.0 {
            budget.resume(drawn);
        }
    }

    /// A call that started ends with an outcome.
    #[inline]
    pub fn call_ended(&mut self, outcome: Outcome, drawn: Drawn) {
        match &mut self.0 {
            Kind::Tokens(budget) if outcome.is_success() => budget.success(),
            Kind::Grpc(budget) if outcome.is_success() => budget.succeeded(),
            Kind::Aws(budget) if outcome.is_success() => budget.success(drawn),
            Kind::Envoy(budget) => budget.call_ended(drawn),
            Kind::Ratio(_)
            | Kind::Tokens(_)
            | Kind::Grpc(_)
            | Kind::Aws(_)
            | Kind::FailureRate(_) => {}
        }
    }

    /// A call that started goes away without an outcome.
    pub fn call_given_up(&mut self, drawn: Drawn) {
        if let Kind::Envoy(budget) = &mut self.0 {
            budget.call_ended(drawn);
        }
    }

    /// What is left: retries of a ratio (its reserve included) and of Envoy's concurrency, failures
    /// that a failure rate still bears, tokens of the others.
    pub fn balance(&mut self, now: Instant) -> f64 {
        match &mut self.0 {
            Kind::Ratio(budget) => budget.balance(now),
            Kind::Tokens(budget) => budget.balance(),
            Kind::Grpc(budget) => budget.balance(),
            Kind::Aws(budget) => budget.balance(),
            Kind::Envoy(budget) => budget.balance(),
            Kind::FailureRate(budget) => budget.balance(now),
        }
    }

    /// Whether tokens are neither owed nor hoarded.
    #[cfg(test)]
    pub(crate) fn is_sound(&self) -> bool {
        match &self.0 {
            Kind::Tokens(budget) => budget.is_sound(),
            Kind::Grpc(budget) => budget.is_sound(),
            Kind::Aws(budget) => budget.is_sound(),
            Kind::Ratio(_) | Kind::Envoy(_) | Kind::FailureRate(_) => true,
        }
    }

    /// Whether no call is counted any more.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        match &self.0 {
            Kind::Envoy(budget) => budget.is_idle(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
