//! Every policy there is, with settings at the scale of the traces: seconds to minutes.

use clock::Duration;
use policy::config::*;
use policy::custom::{Admit, Custom, Record, Registry, Settings};
use policy::{Outcome, OutcomeSet};
use proptest::prelude::*;

/// Up to two minutes, to the nanosecond.
fn span() -> impl Strategy<Value = Duration> {
    (1u64..120_000_000_000).prop_map(Duration::from_nanos)
}

fn whole_span() -> impl Strategy<Value = Duration> {
    (1u64..120_000).prop_map(Duration::from_millis)
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Service), Just(Scope::Instance)]
}

fn outcomes() -> impl Strategy<Value = OutcomeSet> {
    prop_oneof![
        Just(Outcome::FAILURES.into_iter().collect()),
        Just(default_retry_on()),
        proptest::collection::vec(0usize..6, 0..6)
            .prop_map(|set| set.into_iter().map(|i| Outcome::FAILURES[i]).collect()),
    ]
}

pub(crate) fn fallback() -> impl Strategy<Value = LayerConfig> {
    outcomes().prop_map(|on| LayerConfig::Fallback(FallbackConfig { on }))
}

pub(crate) fn timeout() -> impl Strategy<Value = LayerConfig> {
    prop_oneof![
        span().prop_map(|d| LayerConfig::Timeout(Span::Constant(d))),
        (1u32..120_000).prop_map(|source| LayerConfig::Timeout(Span::Sampled(source))),
    ]
}

fn backoff() -> impl Strategy<Value = Backoff> {
    prop_oneof![
        Just(Backoff::Constant(Duration::ZERO)),
        span().prop_map(Backoff::Constant),
        (span(), span(), span()).prop_map(|(initial, increment, max)| Backoff::Linear {
            initial,
            increment,
            max
        }),
        (span(), 1.0..3.0f64, span()).prop_map(|(initial, factor, max)| Backoff::Exponential {
            initial,
            factor,
            max
        }),
    ]
}

fn jitter() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::None),
        Just(Jitter::Full),
        Just(Jitter::Equal),
        Just(Jitter::Decorrelated),
        (0.0..1.0f64).prop_map(Jitter::Ratio),
    ]
}

fn budget() -> impl Strategy<Value = Option<RetryBudget>> {
    prop_oneof![
        Just(None),
        (0.0..1.0f64, 0.0..0.1f64, span()).prop_map(|(ratio, min_per_second, ttl)| Some(
            RetryBudget::Ratio {
                ratio,
                min_per_second,
                ttl
            }
        )),
        (1.0..20.0f64, 0.5..5.0f64, 0.0..2.0f64).prop_map(|(capacity, cost, refund)| Some(
            RetryBudget::Tokens {
                capacity,
                cost,
                refund
            }
        )),
    ]
}

pub(crate) fn retry() -> impl Strategy<Value = LayerConfig> {
    let heed = Just(Heed::Ignore);
    (1u32..5, backoff(), jitter(), outcomes(), budget(), heed).prop_map(
        |(attempts, backoff, jitter, retry_on, budget, heed)| {
            LayerConfig::Retry(RetryConfig {
                attempts,
                backoff,
                jitter,
                retry_on,
                budget,
                heed,
                ..RetryConfig::default()
            })
        },
    )
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        (1u32..20).prop_map(Window::Count),
        (span(), 1u32..8).prop_map(|(length, buckets)| Window::Time { length, buckets }),
        (1u32..5).prop_map(Window::Consecutive),
    ]
}

pub(crate) fn breaker() -> impl Strategy<Value = LayerConfig> {
    let slow = proptest::option::of((span(), 0.1..1.0f64));
    let calls = (1u32..10, 1u32..5);
    (
        window(),
        0.1..1.0f64,
        slow,
        span(),
        calls,
        outcomes(),
        scope(),
    )
        .prop_map(
            |(window, failure_rate, slow, open_for, calls, failure_on, scope)| {
                LayerConfig::CircuitBreaker(BreakerConfig {
                    window,
                    failure_rate,
                    minimum_calls: calls.0,
                    slow_call: slow.map(|(longer_than, rate)| SlowCall { longer_than, rate }),
                    open_for,
                    half_open_calls: calls.1,
                    failure_on,
                    scope,
                    ..BreakerConfig::default()
                })
            },
        )
}

fn rate_algorithm() -> impl Strategy<Value = RateAlgorithm> {
    prop_oneof![
        (0.01..0.5f64, 1.0..5.0f64)
            .prop_map(|(rate, burst)| RateAlgorithm::TokenBucket { rate, burst }),
    ]
}

pub(crate) fn rate_limit() -> impl Strategy<Value = LayerConfig> {
    let max_wait = prop_oneof![Just(Duration::ZERO), span()];
    (rate_algorithm(), max_wait, scope()).prop_map(|(algorithm, max_wait, scope)| {
        LayerConfig::RateLimit(RateLimitConfig {
            algorithm,
            max_wait,
            scope,
            keys: None,
        })
    })
}

pub(crate) fn bulkhead() -> impl Strategy<Value = LayerConfig> {
    (1u32..4, 0u32..4, proptest::option::of(span()), scope()).prop_map(
        |(max_concurrent, queue, max_wait, scope)| {
            LayerConfig::Bulkhead(BulkheadConfig {
                max_concurrent,
                queue,
                max_wait,
                scope,
            })
        },
    )
}

/// A layer that does, by chance, whatever a layer may.
#[derive(Clone, Debug)]
struct Moody;

impl Custom for Moody {
    fn admit(
        &mut self,
        _: clock::Instant,
        call: &mut u64,
        random: &mut dyn FnMut() -> u64,
    ) -> Admit {
        *call = 1;
        let chance = random();
        match chance % 5 {
            0 => Admit::Refuse,
            1 | 2 => Admit::Wait(Duration::from_nanos((chance >> 8) % 60_000_000_000)),
            _ => Admit::Pass,
        }
    }

    fn record(
        &mut self,
        _: clock::Instant,
        call: &mut u64,
        outcome: Outcome,
        random: &mut dyn FnMut() -> u64,
    ) -> Record {
        let chance = random();
        *call += 1;
        match chance % 4 {
            0 if *call < 5 => Record::Again(Duration::from_nanos((chance >> 8) % 60_000_000_000)),
            1 if *call < 5 => Record::Again(Duration::ZERO),
            _ => Record::End(outcome),
        }
    }

    fn boxed_clone(&self) -> Box<dyn Custom> {
        Box::new(self.clone())
    }
}

pub(crate) fn custom() -> impl Strategy<Value = LayerConfig> {
    let registry = Registry::new().with("moody", |_| Ok(Box::new(Moody)));
    let maker = registry.get("moody").expect("it was added").clone();
    Just(LayerConfig::Custom(CustomConfig {
        role: Role::Other,
        settings: Settings::default(),
        maker,
    }))
}

/// Any of them.
pub(crate) fn any() -> impl Strategy<Value = LayerConfig> {
    prop_oneof![
        1 => fallback(),
        3 => retry(),
        3 => breaker(),
        2 => rate_limit(),
        2 => bulkhead(),
        3 => timeout(),
        2 => custom(),
    ]
}

/// Those that wait for whole milliseconds only.
pub(crate) fn whole_milliseconds() -> impl Strategy<Value = LayerConfig> {
    let retry = (1u32..5, whole_span(), outcomes(), budget()).prop_map(
        |(attempts, backoff, retry_on, budget)| {
            LayerConfig::Retry(RetryConfig {
                attempts,
                backoff: Backoff::Constant(backoff),
                retry_on,
                budget,
                ..RetryConfig::default()
            })
        },
    );
    let bulkhead = (1u32..4, 0u32..4, whole_span()).prop_map(|(max_concurrent, queue, wait)| {
        LayerConfig::Bulkhead(BulkheadConfig {
            max_concurrent,
            queue,
            max_wait: Some(wait),
            scope: Scope::Service,
        })
    });
    prop_oneof![
        fallback(),
        retry,
        breaker(),
        bulkhead,
        whole_span().prop_map(|d| LayerConfig::Timeout(Span::Constant(d))),
    ]
}
