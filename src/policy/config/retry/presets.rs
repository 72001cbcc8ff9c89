//! Retries as other stacks make them when nobody sets anything: what a caller gets by taking the
//! stack.
//!
//! Their words for failures are not ours. A status or an exception is mapped to the outcome that a
//! callee of that stack would have to have for a caller to see it; the mapping is told with each.

use super::{AdaptiveRate, Backoff, Heed, Jitter, RetryBudget, RetryConfig};
use crate::outcome::{Outcome, OutcomeSet};
use clock::Duration;

/// Every failure: stacks that retry on any exception.
fn any_failure() -> OutcomeSet {
    Outcome::FAILURES.into_iter().collect()
}

fn only(outcomes: &[Outcome]) -> OutcomeSet {
    outcomes.iter().copied().collect()
}

impl RetryConfig {
    /// Resilience4j: three attempts, 500 ms apart, after any exception; a `CallNotPermittedException`
    /// of a breaker inside is one. Defaults of `RetryConfig.java`. `IntervalFunction.java`'s
    /// exponential multiplies by 1.5 and its randomised ones spread by ±50 %, where they are chosen.
    pub fn resilience4j() -> Self {
        Self {
            attempts: 3,
            backoff: Backoff::Constant(Duration::from_millis(500)),
            retry_on: any_failure(),
            ..Self::default()
        }
    }

    /// Polly v8: three retries, 2 s apart, without jitter, after any exception. Defaults of
    /// `RetryStrategyOptions.TResult.cs` and `RetryConstants.cs`. Its `UseJitter` is
    /// [`Jitter::Polly`], its exponential back-off one of factor 2.
    pub fn polly() -> Self {
        Self {
            attempts: 4,
            backoff: Backoff::Constant(Duration::from_secs(2)),
            retry_on: any_failure(),
            ..Self::default()
        }
    }

    /// Spring Retry's `@Retryable`: three attempts, 1 s apart, after any exception. Defaults of
    /// `Retryable.java` and `Backoff.java`.
    pub fn spring_retry() -> Self {
        Self {
            attempts: 3,
            backoff: Backoff::Constant(Duration::from_secs(1)),
            retry_on: any_failure(),
            ..Self::default()
        }
    }

    /// gRPC has no retries that nobody sets; this is the service configuration that its design
    /// (gRFC A6) shows: four attempts, 100 ms doubling to 1 s and spread by ±20 %, after
    /// `UNAVAILABLE`, throttled by ten tokens of which a success returns a tenth. A server's
    /// pushback replaces the delay.
    pub fn grpc() -> Self {
        Self {
            attempts: 4,
            backoff: Backoff::Exponential {
                initial: Duration::from_millis(100),
                factor: 2.0,
                max: Duration::from_secs(1),
            },
            jitter: Jitter::Ratio(0.2),
            retry_on: only(&[Outcome::Unavailable]),
            budget: Some(RetryBudget::Grpc {
                max_tokens: 10.0,
                token_ratio: 0.1,
            }),
            heed: Heed::Replace,
            ..Self::default()
        }
    }

    /// Envoy with `retry_on: 5xx`: one retry, after a fully jittered 25 ms that doubles to 250 ms
    /// where there are more (`retry_state_impl.cc`, `backoff_strategy.cc`). A cluster that sets
    /// nothing bounds its retries in flight to three whatever its load (`max_retries` of
    /// `circuit_breaker.proto`); a `retry_budget` with nothing in it is a share of 0.2 instead of 0.
    /// Resets, connection failures, time-outs and handlers' errors are 5xx; what the local proxy or
    /// an overloaded one refuses (`x-envoy-overloaded`, `x-envoy-ratelimited`) is not retried.
    pub fn envoy() -> Self {
        Self {
            attempts: 2,
            backoff: envoy_backoff(),
            jitter: Jitter::Full,
            retry_on: only(&[Outcome::Timeout, Outcome::Unavailable, Outcome::Error]),
            budget: Some(RetryBudget::Envoy {
                share: 0.0,
                min_concurrency: 3,
            }),
            ..Self::default()
        }
    }

    /// Istio: two retries with Envoy's back-off after `connect-failure`, `refused-stream`,
    /// `unavailable` and `cancelled`, without a bound over all calls: Istio sets Envoy's `max_retries`
    /// to the most there is. Defaults of `route/retry/retry.go` and `cluster_traffic_policy.go` in
    /// `pilot/pkg/networking/core`. Versions that retry any 503 as well retry `error` and `rejected`,
    /// too.
    pub fn istio() -> Self {
        Self {
            attempts: 3,
            backoff: envoy_backoff(),
            jitter: Jitter::Full,
            retry_on: only(&[Outcome::Unavailable]),
            ..Self::default()
        }
    }

    /// Finagle's requeues: at once, of what was never begun (connections that failed, and servers'
    /// nacks), within the default budget of 20 % and ten a second. One request takes at most a fifth
    /// of the balance (`RequeueFilter.scala`); of the hundred that a new client has, that is twenty,
    /// and twenty they are here whatever the balance.
    pub fn finagle() -> Self {
        Self {
            attempts: 21,
            retry_on: only(&[Outcome::Unavailable, Outcome::Rejected]),
            budget: Some(RetryBudget::Ratio {
                ratio: 0.2,
                min_per_second: 10.0,
                ttl: Duration::from_secs(10),
            }),
            ..Self::default()
        }
    }

    /// The AWS SDKs' standard mode: three attempts; `uniform(0, min(2^(n-1) s, 20 s))`; a quota of
    /// 500, of which a retry takes 5 and one after a time-out 10. Transient, throttling and server
    /// errors are retried. The figures are those of botocore's
    /// `retries/standard.py`.
    pub fn aws_standard() -> Self {
        Self {
            attempts: 3,
            backoff: Backoff::Exponential {
                initial: Duration::from_secs(1),
                factor: 2.0,
                max: Duration::from_secs(20),
            },
            jitter: Jitter::Full,
            retry_on: aws_retryable(),
            budget: Some(RetryBudget::Aws {
                capacity: 500.0,
                cost: 5.0,
                timeout_cost: 10.0,
                throttled_cost: 5.0,
            }),
            ..Self::default()
        }
    }

    /// The AWS SDKs' standard mode of 2026: the first back-off is 50 ms, and 1 s after throttling; a
    /// retry takes 14, and 5 after throttling; `x-amz-retry-after` is heeded. smithy-kotlin's
    /// `ExponentialBackoffWithJitter.kt` and `StandardRetryTokenBucket.kt` with their new retries on.
    /// Long-polling operations have [`pause_when_exhausted`](Self::pause_when_exhausted), too.
    pub fn aws_standard_2026() -> Self {
        Self {
            backoff: Backoff::Exponential {
                initial: Duration::from_millis(50),
                factor: 2.0,
                max: Duration::from_secs(20),
            },
            budget: Some(RetryBudget::Aws {
                capacity: 500.0,
                cost: 14.0,
                timeout_cost: 14.0,
                throttled_cost: 5.0,
            }),
            heed: Heed::Clamp,
            throttled_initial: Some(Duration::from_secs(1)),
            ..Self::aws_standard()
        }
    }

    /// The AWS SDKs' adaptive mode: [`aws_standard`](Self::aws_standard), and a rate of attempts
    /// that follows throttling.
    pub fn aws_adaptive() -> Self {
        Self {
            adaptive: Some(AdaptiveRate::default()),
            ..Self::aws_standard()
        }
    }
}

fn envoy_backoff() -> Backoff {
    Backoff::Exponential {
        initial: Duration::from_millis(25),
        factor: 2.0,
        max: Duration::from_millis(250),
    }
}

fn aws_retryable() -> OutcomeSet {
    only(&[
        Outcome::Timeout,
        Outcome::Rejected,
        Outcome::Unavailable,
        Outcome::Error,
    ])
}
