//! Policies: every layer, its settings and defaults.

use crate::{around_layers, layer, model, ms};
use clock::Duration;
use policy::config::{
    Backoff, BreakerConfig, BulkheadConfig, FallbackConfig, Jitter, LayerConfig, RateAlgorithm,
    RateLimitConfig, RetryBudget, Scope, SlowCall, Span, Window,
};
use policy::{Outcome, OutcomeSet};
use stormglass_model::Distribution;

#[test]
fn layers_and_their_defaults() {
    assert_eq!(
        layer("circuit_breaker: {}"),
        LayerConfig::CircuitBreaker(BreakerConfig {
            window: Window::Count(100),
            failure_rate: 0.5,
            minimum_calls: 100,
            slow_call: None,
            open_for: Duration::from_secs(60),
            half_open_calls: 10,
            scope: Scope::Service,
            ..BreakerConfig::default()
        })
    );
    let LayerConfig::CircuitBreaker(breaker) = layer(
        "circuit_breaker: {window: {count: 20}, slow_call: {longer_than: 1s, rate: 80%}, scope: instance}",
    ) else {
        panic!("not a breaker")
    };
    assert_eq!(
        breaker.minimum_calls, 20,
        "never more than the window holds"
    );
    assert_eq!(
        breaker.slow_call,
        Some(SlowCall {
            longer_than: ms(1000),
            rate: 0.8
        })
    );
    assert_eq!(breaker.scope, Scope::Instance);
    let window = |text: &str| match layer(&format!("circuit_breaker: {{window: {text}}}")) {
        LayerConfig::CircuitBreaker(breaker) => (breaker.window, breaker.minimum_calls),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        window("{time: 10s}"),
        (
            Window::Time {
                length: ms(10_000),
                buckets: 10
            },
            100
        )
    );
    assert_eq!(
        window("{time: 10s, buckets: 4}"),
        (
            Window::Time {
                length: ms(10_000),
                buckets: 4
            },
            100
        )
    );
    assert_eq!(window("{consecutive: 5}"), (Window::Consecutive(5), 100));

    let retry = |text: &str| match layer(&format!("retry: {{attempts: 4, {text}}}")) {
        LayerConfig::Retry(retry) => retry,
        other => panic!("{other:?}"),
    };
    let plain = retry("retry_on: [error, timeout]");
    assert_eq!(
        (plain.backoff, plain.jitter, plain.budget),
        (Backoff::Constant(Duration::ZERO), Jitter::None, None)
    );
    assert_eq!(
        plain.retry_on,
        OutcomeSet::NONE.with(Outcome::Error).with(Outcome::Timeout)
    );
    assert_eq!(
        retry("backoff: {exponential: {initial: 5ms}}").backoff,
        Backoff::Exponential {
            initial: ms(5),
            factor: 2.0,
            max: Duration::MAX
        }
    );
    assert_eq!(
        retry("backoff: {linear: {initial: 5ms}}").backoff,
        Backoff::Linear {
            initial: ms(5),
            increment: ms(5),
            max: Duration::MAX
        }
    );
    for (text, jitter) in [
        ("equal", Jitter::Equal),
        ("decorrelated", Jitter::Decorrelated),
        ("0.5", Jitter::Ratio(0.5)),
        ("20%", Jitter::Ratio(0.2)),
    ] {
        assert_eq!(retry(&format!("jitter: {text}")).jitter, jitter);
    }
    let ttl = Duration::from_secs(10);
    for (text, budget) in [
        (
            "{ratio: 0.1, min_per_second: 3}",
            RetryBudget::Ratio {
                ratio: 0.1,
                min_per_second: 3.0,
                ttl,
            },
        ),
        (
            "{ratio: 0.1, min_per_second: 30/min}",
            RetryBudget::Ratio {
                ratio: 0.1,
                min_per_second: 0.5,
                ttl,
            },
        ),
        (
            "{tokens: {}}",
            RetryBudget::Tokens {
                capacity: 500.0,
                cost: 5.0,
                refund: 1.0,
                deposit: 0.0,
            },
        ),
        (
            "{tokens: {capacity: 10, cost: 2, refund: 0}}",
            RetryBudget::Tokens {
                capacity: 10.0,
                cost: 2.0,
                refund: 0.0,
                deposit: 0.0,
            },
        ),
    ] {
        assert_eq!(retry(&format!("budget: {text}")).budget, Some(budget));
    }

    assert_eq!(
        layer(
            "rate_limit: {token_bucket: {rate: 100/s, burst: 20}, max_wait: 5ms, scope: instance}"
        ),
        LayerConfig::RateLimit(RateLimitConfig {
            algorithm: RateAlgorithm::TokenBucket {
                rate: 100.0,
                burst: 20.0
            },
            max_wait: ms(5),
            scope: Scope::Instance,
            keys: None,
        })
    );
    assert_eq!(
        layer("bulkhead: {queue: 3, max_wait: 5ms}"),
        LayerConfig::Bulkhead(BulkheadConfig {
            max_concurrent: 25,
            queue: 3,
            max_wait: Some(ms(5)),
            scope: Scope::Service,
        })
    );
    assert_eq!(
        layer("fallback: {on: [rejected]}"),
        LayerConfig::Fallback(FallbackConfig {
            on: OutcomeSet::NONE.with(Outcome::Rejected)
        })
    );

    let drawn = model(&around_layers(
        "[{timeout: {exponential: {mean: 1s}}}, {timeout: 5ms}, {timeout: {uniform: {low: 0s, high: 1s}}}]",
    ));
    let timeouts: Vec<_> = drawn.policies[0].config.layers.iter().collect();
    assert_eq!(timeouts[0], &LayerConfig::Timeout(Span::Sampled(0)));
    assert_eq!(timeouts[1], &LayerConfig::Timeout(Span::Constant(ms(5))));
    assert_eq!(timeouts[2], &LayerConfig::Timeout(Span::Sampled(1)));
    assert_eq!(
        drawn.policy_spans,
        [
            Distribution::Exponential { mean: 1e9 },
            Distribution::Uniform {
                low: 0.0,
                high: 1e9
            }
        ]
    );
}
