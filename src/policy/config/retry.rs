//! Retry: how often, when, after what, and what bounds it over all calls.

mod presets;

use crate::outcome::{Outcome, OutcomeSet};
use clock::Duration;

/// Retry: attempts, the time between them, and what bounds their number over all calls.
#[derive(Clone, PartialEq, Debug)]
pub struct RetryConfig {
    /// Attempts in all, the first included; at least 1.
    pub attempts: u32,
    /// The time between the end of one attempt and the start of the next, before jitter.
    pub backoff: Backoff,
    /// How the back-off is spread.
    pub jitter: Jitter,
    /// The failures after which another attempt is made.
    pub retry_on: OutcomeSet,
    /// What bounds the retries over all calls of one scope; none by default.
    pub budget: Option<RetryBudget>,
    /// What is made of a server's word on when to come back ([`crate::Pushback`]).
    pub heed: Heed,
    /// The initial back-off after a callee's `rejected` (throttling), where it is another one: 1 s
    /// in the AWS SDKs of 2026. It grows with the number of the retry as the other one does. A
    /// refusal by a layer inside is not the callee's.
    pub throttled_initial: Option<Duration>,
    /// A call that the budget refuses fails only after the back-off that it would have taken (the
    /// AWS SDKs of 2026 for long-polling operations); `false` elsewhere.
    pub pause_when_exhausted: bool,
    /// A rate of attempts that adapts to throttling (the AWS SDKs' adaptive mode).
    pub adaptive: Option<AdaptiveRate>,
}

impl Default for RetryConfig {
    /// Three attempts, one right after the other.
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Backoff::Constant(Duration::ZERO),
            jitter: Jitter::None,
            retry_on: default_retry_on(),
            budget: None,
            heed: Heed::Ignore,
            throttled_initial: None,
            pause_when_exhausted: false,
            adaptive: None,
        }
    }
}

impl RetryConfig {
    /// The delay before the `n`-th retry of a call, from 1 on, for retries that somebody else
    /// wrote. `memory` is 0 before the first and then belongs to the call: some jitters look back.
    pub fn delay(&self, n: u32, memory: &mut u64, random: &mut impl FnMut() -> u64) -> Duration {
        crate::backoff::delay(self.backoff, self.jitter, n, memory, random)
    }
}

/// What a retry makes of a server's word on when to come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Heed {
    /// Nothing.
    #[default]
    Ignore,
    /// gRPC: it replaces the delay and starts the back-off anew; "never" ends the call (gRFC A6). As
    /// in grpc-go and gRPC's C-core a delay is heard only with a failure of `retry_on`; grpc-java
    /// retries after any.
    Replace,
    /// AWS SDKs of 2026: at least the back-off `b`, at most `b` + 5 s; "never" is not heard
    /// (smithy-kotlin's `ExponentialBackoffWithJitter.kt`).
    Clamp,
}

/// The AWS SDKs' adaptive mode: a token bucket for attempts whose rate follows a cubic curve after
/// each throttling, which is a callee's `rejected`. Names and defaults of the SDKs' specification; what
/// is not set here is fixed there, too: [`crate::AdaptiveRateLimiter`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdaptiveRate {
    /// What the rate is multiplied by on throttling; 0.7.
    pub beta: f64,
    /// How fast the cubic grows; 0.4.
    pub scale: f64,
}

impl Default for AdaptiveRate {
    fn default() -> Self {
        Self {
            beta: 0.7,
            scale: 0.4,
        }
    }
}

/// The default of `retry_on`: every failure but `rejected`, which says "not now".
pub fn default_retry_on() -> OutcomeSet {
    Outcome::FAILURES
        .into_iter()
        .collect::<OutcomeSet>()
        .without(Outcome::Rejected)
}

/// The time before the n-th retry (n counts from 1), before jitter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Backoff {
    /// Always the same (zero: at once).
    Constant(Duration),
    /// `initial + (n-1) * increment`, at most `max`.
    Linear {
        /// Before the first retry.
        initial: Duration,
        /// What each further retry adds.
        increment: Duration,
        /// The most.
        max: Duration,
    },
    /// `initial * factor^(n-1)`, at most `max`.
    Exponential {
        /// Before the first retry.
        initial: Duration,
        /// What each further retry multiplies by; at least 1.
        factor: f64,
        /// The most.
        max: Duration,
    },
}

/// How a back-off `b` is spread at random (names of the AWS Architecture Blog, 2015).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Jitter {
    /// `b` itself.
    #[default]
    None,
    /// Uniform on `[0, b]`.
    Full,
    /// `b/2` plus uniform on `[0, b/2]`.
    Equal,
    /// `min(max, uniform on [initial, 3 * previous])`; the first previous is `initial`.
    Decorrelated,
    /// Uniform on `[b(1-r), b(1+r)]`, `r` in 0..=1.
    Ratio(f64),
    /// Polly v8: a ratio of 25 % around constant and linear back-offs; around exponential ones
    /// `(next - previous) * initial / 1.4` with `next = 2^t * tanh(sqrt(4t))`, `t = n - 1 + uniform`,
    /// whatever their factor, which is 2 there; the most is applied to what was drawn
    /// (`RetryHelper.cs`).
    Polly,
}

/// What bounds the retries over all calls of one scope.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum RetryBudget {
    /// Finagle's and tower's: each call deposits `ratio` of a retry, deposits expire after `ttl`
    /// (10 s), and `min_per_second` retries a second are free.
    Ratio {
        /// Retries per call, 0..=1 (0.2: one retry for five calls).
        ratio: f64,
        /// Retries a second that need no deposit; Finagle's default is 10.
        min_per_second: f64,
        /// How long a deposit is good; Finagle's default is 10 s.
        ttl: Duration,
    },
    /// A bucket of tokens: a retry takes `cost`, a success gives back `refund`, and every call pays
    /// in `deposit` (the older AWS SDKs: capacity 500, cost 5, refund 1, deposit 0).
    Tokens {
        /// The most that the bucket holds; it starts full.
        capacity: f64,
        /// What a retry takes.
        cost: f64,
        /// What a success gives back.
        refund: f64,
        /// What a call pays in when it starts.
        deposit: f64,
    },
    /// gRPC's retry throttling (gRFC A6): a failure of `retry_on`, or one with which the server says
    /// "never", takes 1, a success gives back `token_ratio`, and retries are made only above half of
    /// `max_tokens`. Counted in thousandths, as there; finer figures are rounded to them.
    Grpc {
        /// Above 0, at most 1000.
        max_tokens: f64,
        /// Above 0.
        token_ratio: f64,
    },
    /// The AWS SDKs' standard quota (`RetryQuotaChecker` in botocore's `retries/standard.py`): a retry takes what its failure
    /// costs; a success gives back what the call's last retry took, or 1 when there was none.
    Aws {
        /// The most; it starts full; 500.
        capacity: f64,
        /// What a retry takes: 5, 14 in 2026.
        cost: f64,
        /// After a timeout: 10, 14 in 2026.
        timeout_cost: f64,
        /// After a callee's `rejected` (throttling): 5 in both.
        throttled_cost: f64,
    },
    /// Envoy's: retries in flight, back-off included, stay below the larger of the whole part of
    /// `share` of the calls in flight, those that back off left out, and `min_concurrency`
    /// (`resource_manager_impl.h`). A share of 0 is Envoy's `max_retries`.
    Envoy {
        /// Of the calls in flight, 0..=1; 0.2.
        share: f64,
        /// As many are always allowed; 3.
        min_concurrency: u32,
    },
    /// A breaker for retries alone: none while failed attempts are more than this share of the calls.
    FailureRate {
        /// 0..=1; 0.1.
        most: f64,
        /// Over which time; `None`: since the beginning.
        window: Option<Duration>,
    },
}
