//! What the rules know of a layer, whoever wrote it: how often it runs what is inside, and what it
//! lets through.

use policy::Outcome;
use policy::config::{
    ConcurrencyAlgorithm, HedgeConfig, HedgeDelay, LayerConfig, RateAlgorithm, RateLimitConfig,
    RetryBudget, RetryConfig, Role,
};

/// The retry that a layer is.
pub(super) fn retry(layer: &LayerConfig) -> Option<&RetryConfig> {
    match layer {
        LayerConfig::Retry(retry) => Some(retry),
        LayerConfig::Custom(custom) => match &custom.role {
            Role::Retry(retry) => Some(retry),
            _ => None,
        },
        _ => None,
    }
}

/// The rate limit that a layer is.
pub(super) fn rate_limit(layer: &LayerConfig) -> Option<&RateLimitConfig> {
    match layer {
        LayerConfig::RateLimit(limit) => Some(limit),
        LayerConfig::Custom(custom) => match &custom.role {
            Role::RateLimit(limit) => Some(limit),
            _ => None,
        },
        _ => None,
    }
}

/// The most calls at the same time that a layer ever lets through, for each of its states.
pub(super) fn most_at_once(layer: &LayerConfig) -> Option<u32> {
    match layer {
        LayerConfig::Bulkhead(bulkhead) => Some(bulkhead.max_concurrent),
        LayerConfig::ConcurrencyLimit(limit) => Some(match limit.algorithm {
            ConcurrencyAlgorithm::Fixed(most) => most,
            ConcurrencyAlgorithm::Aimd { max, .. }
            | ConcurrencyAlgorithm::Vegas { max, .. }
            | ConcurrencyAlgorithm::Gradient2 { max, .. } => max,
            ConcurrencyAlgorithm::Gradient {
                max_concurrency, ..
            } => max_concurrency,
        }),
        _ => None,
    }
}

/// Calls a second in the long run.
pub(super) fn long_run(algorithm: RateAlgorithm) -> f64 {
    match algorithm {
        RateAlgorithm::TokenBucket { rate, .. }
        | RateAlgorithm::Gcra { rate, .. }
        | RateAlgorithm::LeakyBucket { rate, .. } => rate,
        RateAlgorithm::FixedWindow { limit, window }
        | RateAlgorithm::SlidingLog { limit, window }
        | RateAlgorithm::SlidingCounter { limit, window }
        | RateAlgorithm::Cycles {
            limit,
            period: window,
        } => f64::from(limit) / window.as_secs_f64(),
    }
}

/// How often a retry or a hedge runs what is inside while everything fails, over many calls: its
/// attempts, or what its budget pays for.
pub(super) fn most_runs(attempts: u32, budget: Option<&RetryBudget>) -> f64 {
    let attempts = f64::from(attempts);
    match budget {
        None => attempts,
        Some(RetryBudget::Ratio { ratio, .. }) => attempts.min(1.0 + ratio),
        Some(RetryBudget::Tokens {
            cost,
            refund,
            deposit,
            ..
        }) => attempts.min(1.0 + (refund + deposit) / cost),
        Some(RetryBudget::FailureRate { .. }) => 1.0,
        Some(RetryBudget::Grpc { token_ratio, .. }) => attempts.min(1.0 + token_ratio),
        // Only successes pay the quota back, so while everything fails it runs out.
        Some(RetryBudget::Aws { .. }) => 1.0,
        Some(RetryBudget::Envoy { share, .. }) => attempts.min(1.0 / (1.0 - share).max(1e-9)),
    }
}

/// How many copies a hedge sends in any case of a call that takes at least so many nanoseconds.
pub(super) fn sure_copies(hedge: &HedgeConfig, least: f64) -> f64 {
    let copies = match hedge.delay {
        HedgeDelay::After(delay) if delay.is_zero() => f64::from(hedge.attempts),
        HedgeDelay::After(delay) => (least / delay.as_nanos() as f64).ceil().max(1.0),
        // So many are slower than it says.
        HedgeDelay::Quantile { quantile, .. } => 2.0 - quantile,
        HedgeDelay::OnFailure => 1.0,
    };
    copies.min(most_runs(hedge.attempts, hedge.budget.as_ref()))
}

/// The longest time, in nanoseconds, for which a hedge goes on when nobody answers and each copy
/// lasts so long.
pub(super) fn hedged_for(hedge: &HedgeConfig, each: f64) -> f64 {
    // A copy that ends without another try is the answer.
    if !hedge.hedge_on.contains(Outcome::Timeout) {
        return each;
    }
    let delay = match hedge.delay {
        HedgeDelay::After(delay) | HedgeDelay::Quantile { initial: delay, .. } => {
            (delay.as_nanos() as f64).min(each)
        }
        HedgeDelay::OnFailure => each,
    };
    f64::from(hedge.attempts - 1) * delay + each
}
