//! Retries and hedges: presets, and every key that overrides them.

use crate::{layer, ms};
use policy::config::{
    AdaptiveRate, Backoff, HedgeConfig, HedgeDelay, Heed, Jitter, LayerConfig, RetryBudget,
    RetryConfig, default_retry_on,
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
            budget: None,
        }
    );
    assert_eq!(
        hedge(
            "attempts: 4, delay: {quantile: 95%, initial: 1s}, hedge_on: [], \
             budget: {grpc: {max_tokens: 10, token_ratio: 0.1}}"
        ),
        HedgeConfig {
            attempts: 4,
            delay: HedgeDelay::Quantile {
                quantile: 0.95,
                initial: ms(1000)
            },
            hedge_on: OutcomeSet::NONE,
            budget: Some(RetryBudget::Grpc {
                max_tokens: 10.0,
                token_ratio: 0.1
            }),
        }
    );
    assert_eq!(hedge("delay: on_failure").delay, HedgeDelay::OnFailure);
    // gRFC A6: at most five copies, without a delay all at once; a fatal status ends the call.
    let grpc = hedge("preset: grpc");
    assert_eq!((grpc.attempts, grpc.delay), (5, HedgeDelay::After(ms(0))));
    assert_eq!(grpc.hedge_on, OutcomeSet::NONE);
    // HedgingStrategyOptions: one further copy after 2 s, for any exception.
    let polly = hedge("preset: polly");
    assert_eq!(
        (polly.attempts, polly.delay),
        (2, HedgeDelay::After(ms(2000)))
    );
    assert!(
        Outcome::FAILURES
            .iter()
            .all(|kind| polly.hedge_on.contains(*kind))
    );
    let slower = hedge("preset: polly, attempts: 3, delay: 5s, hedge_on: [timeout]");
    assert_eq!(
        (slower.attempts, slower.delay),
        (3, HedgeDelay::After(ms(5000)))
    );
    assert_eq!(slower.hedge_on, OutcomeSet::NONE.with(Outcome::Timeout));
}
