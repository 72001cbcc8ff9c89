//! Retries and hedges: presets, and every key that overrides them.

use crate::{layer, ms};
use policy::config::{
    AdaptiveRate, AllFailed, Backoff, HedgeConfig, HedgeDelay, Heed, Jitter, LayerConfig,
    RetryBudget, RetryConfig, default_retry_on,
};
use policy::{Outcome, OutcomeSet};

fn retry(text: &str) -> RetryConfig {
    match layer(&format!("retry: {{{text}}}")) {
        LayerConfig::Retry(retry) => retry,
        other => panic!("{other:?}"),
    }
}

fn hedge(text: &str) -> HedgeConfig {
    match layer(&format!("hedge: {{{text}}}")) {
        LayerConfig::Hedge(hedge) => hedge,
        other => panic!("{other:?}"),
    }
}

#[test]
fn presets_are_the_policies_own() {
    for (name, config) in [
        ("resilience4j", RetryConfig::resilience4j()),
        ("polly", RetryConfig::polly()),
        ("spring_retry", RetryConfig::spring_retry()),
        ("grpc", RetryConfig::grpc()),
        ("envoy", RetryConfig::envoy()),
        ("istio", RetryConfig::istio()),
        ("finagle", RetryConfig::finagle()),
        ("aws_standard", RetryConfig::aws_standard()),
        ("aws_standard_2026", RetryConfig::aws_standard_2026()),
        ("aws_adaptive", RetryConfig::aws_adaptive()),
    ] {
        assert_eq!(retry(&format!("preset: {name}")), config, "{name}");
    }
}

#[test]
fn keys_override_a_preset() {
    assert_eq!(
        retry("preset: grpc, attempts: 2, jitter: polly, budget: none"),
        RetryConfig {
            attempts: 2,
            jitter: Jitter::Polly,
            budget: None,
            ..RetryConfig::grpc()
        }
    );
    assert_eq!(
        retry(
            "preset: aws_adaptive, backoff: 5ms, retry_on: [error], heed: clamp, \
             throttled_initial: 1s, pause_when_exhausted: true, adaptive: {beta: 0.5, scale: 2}"
        ),
        RetryConfig {
            backoff: Backoff::Constant(ms(5)),
            retry_on: OutcomeSet::NONE.with(Outcome::Error),
            heed: Heed::Clamp,
            throttled_initial: Some(ms(1000)),
            pause_when_exhausted: true,
            adaptive: Some(AdaptiveRate {
                beta: 0.5,
                scale: 2.0
            }),
            ..RetryConfig::aws_adaptive()
        }
    );
    let bare = retry("preset: aws_adaptive, adaptive: none, throttled_initial: none, heed: ignore");
    assert_eq!((bare.adaptive, bare.throttled_initial), (None, None));
    assert_eq!(bare.heed, Heed::Ignore);
    let plain = retry("attempts: 2, adaptive: {}, heed: replace");
    assert_eq!(plain.adaptive, Some(AdaptiveRate::default()));
    assert_eq!(plain.heed, Heed::Replace);
}

#[test]
fn budgets_of_every_stack() {
    let budget = |text: &str| retry(&format!("attempts: 2, budget: {text}")).budget;
    assert_eq!(
        budget("{ratio: 10%, ttl: 1m}"),
        Some(RetryBudget::Ratio {
            ratio: 0.1,
            min_per_second: 10.0,
            ttl: ms(60_000)
        })
    );
    assert_eq!(
        budget("{grpc: {max_tokens: 100, token_ratio: 0.5}}"),
        Some(RetryBudget::Grpc {
            max_tokens: 100.0,
            token_ratio: 0.5
        })
    );
    assert_eq!(
        budget("{tokens: {deposit: 0.5}}"),
        Some(RetryBudget::Tokens {
            capacity: 500.0,
            cost: 5.0,
            refund: 1.0,
            deposit: 0.5
        })
    );
    let failures = |window| Some(RetryBudget::FailureRate { most: 0.1, window });
    assert_eq!(budget("{failure_rate: 10%}"), failures(None));
    assert_eq!(
        budget("{failure_rate: 10%, window: 5s}"),
        failures(Some(ms(5000)))
    );
    assert_eq!(
        budget("{aws: {}}"),
        Some(RetryBudget::Aws {
            capacity: 500.0,
            cost: 5.0,
            timeout_cost: 10.0,
            throttled_cost: 5.0
        })
    );
    assert_eq!(
        budget("{aws: {capacity: 50, cost: 14, timeout_cost: 13, throttled_cost: 2.5}}"),
        Some(RetryBudget::Aws {
            capacity: 50.0,
            cost: 14.0,
            timeout_cost: 13.0,
            throttled_cost: 2.5
        })
    );
    assert_eq!(
        budget("{envoy: {}}"),
        Some(RetryBudget::Envoy {
            share: 0.2,
            min_concurrency: 3
        })
    );
    assert_eq!(
        budget("{envoy: {share: 50%, min_concurrency: 0}}"),
        Some(RetryBudget::Envoy {
            share: 0.5,
            min_concurrency: 0
        })
    );
}

#[test]
fn hedges_of_every_kind() {
    assert_eq!(
        hedge("delay: 20ms"),
        HedgeConfig {
            attempts: 2,
            delay: HedgeDelay::After(ms(20)),
            hedge_on: default_retry_on(),
            all_failed: AllFailed::Last,
            heed_pushback: true,
            budget: None,
        }
    );
    assert_eq!(
        hedge(
            "attempts: 4, delay: {quantile: 95%, initial: 1s}, hedge_on: [], all_failed: first, \
             heed_pushback: false, budget: {grpc: {max_tokens: 10, token_ratio: 0.1}}"
        ),
        HedgeConfig {
            attempts: 4,
            delay: HedgeDelay::Quantile {
                quantile: 0.95,
                initial: ms(1000)
            },
            hedge_on: OutcomeSet::NONE,
            all_failed: AllFailed::First,
            heed_pushback: false,
            budget: Some(RetryBudget::Grpc {
                max_tokens: 10.0,
                token_ratio: 0.1
            }),
        }
    );
    assert_eq!(hedge("delay: on_failure").delay, HedgeDelay::OnFailure);
    assert_eq!(hedge("preset: grpc"), HedgeConfig::grpc());
    assert_eq!(hedge("preset: polly"), HedgeConfig::polly());
    let slower = hedge("preset: polly, attempts: 3, delay: 5s, hedge_on: [timeout]");
    assert_eq!(
        (slower.attempts, slower.delay),
        (3, HedgeDelay::After(ms(5000)))
    );
    assert_eq!(slower.hedge_on, OutcomeSet::NONE.with(Outcome::Timeout));
}
