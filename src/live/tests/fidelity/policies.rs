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
        Just(Jitter::Polly),
    ]
}

fn budget() -> impl Strategy<Value = Option<RetryBudget>> {
    let tokens = || 1.0..20.0f64;
    prop_oneof![
        Just(None),
        (0.0..1.0f64, 0.0..0.1f64, span()).prop_map(|(ratio, min_per_second, ttl)| Some(
            RetryBudget::Ratio {
                ratio,
                min_per_second,
                ttl
            }
        )),
        (tokens(), 0.5..5.0f64, 0.0..2.0f64).prop_map(|(capacity, cost, refund)| Some(
            RetryBudget::Tokens {
                capacity,
                cost,
                refund,
                deposit: 0.0,
            }
        )),
        (tokens(), 0.01..2.0f64).prop_map(|(max_tokens, token_ratio)| Some(RetryBudget::Grpc {
            max_tokens,
            token_ratio
        })),
        (tokens(), tokens(), tokens(), tokens()).prop_map(
            |(capacity, cost, timeout_cost, throttled_cost)| Some(RetryBudget::Aws {
                capacity,
                cost,
                timeout_cost,
                throttled_cost
            })
        ),
        (0.0..1.0f64, 0u32..4).prop_map(|(share, min_concurrency)| Some(RetryBudget::Envoy {
            share,
            min_concurrency
        })),
    ]
}

fn heed() -> impl Strategy<Value = Heed> {
    prop_oneof![Just(Heed::Ignore), Just(Heed::Replace), Just(Heed::Clamp)]
}

/// Every back-off, jitter, budget, and whatever else a retry has.
pub(crate) fn retry() -> impl Strategy<Value = LayerConfig> {
    let adaptive =
        (0.1..1.0f64, 0.0..1.0f64).prop_map(|(beta, scale)| AdaptiveRate { beta, scale });
    let usual = (1u32..5, backoff(), jitter(), outcomes(), budget());
    let rare = (
        heed(),
        proptest::option::weighted(0.2, span()),
        proptest::bool::weighted(0.2),
        proptest::option::weighted(0.2, adaptive),
    );
    (usual, rare).prop_map(|(usual, rare)| {
        let (attempts, backoff, jitter, retry_on, budget) = usual;
        let (heed, throttled_initial, pause_when_exhausted, adaptive) = rare;
        LayerConfig::Retry(RetryConfig {
            attempts,
            backoff,
            jitter,
            retry_on,
            budget,
            heed,
            throttled_initial,
            pause_when_exhausted,
            adaptive,
        })
    })
}

/// The retries of other stacks, as they are.
pub(crate) fn preset_retry() -> impl Strategy<Value = LayerConfig> {
    prop::sample::select(vec![
        RetryConfig::resilience4j(),
        RetryConfig::polly(),
        RetryConfig::spring_retry(),
        RetryConfig::grpc(),
        RetryConfig::envoy(),
        RetryConfig::istio(),
        RetryConfig::finagle(),
        RetryConfig::aws_standard(),
        RetryConfig::aws_standard_2026(),
        RetryConfig::aws_adaptive(),
    ])
    .prop_map(LayerConfig::Retry)
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        (1u32..20).prop_map(Window::Count),
        (span(), 1u32..8).prop_map(|(length, buckets)| Window::Time { length, buckets }),
        (1u32..5).prop_map(Window::Consecutive),
    ]
}

/// Every window, and every edge in which other stacks' breakers differ.
pub(crate) fn breaker() -> impl Strategy<Value = LayerConfig> {
    let slow = proptest::option::of((span(), 0.1..1.0f64));
    let calls = (1u32..10, 1u32..5, proptest::option::of(1u32..5));
    let usual = (
        window(),
        0.1..1.0f64,
        slow,
        span(),
        calls,
        outcomes(),
        scope(),
    );
    let judged = prop_oneof![
        Just(Judged::EveryCall),
        Just(Judged::OnFailure),
        span().prop_map(Judged::Every),
    ];
    let edges = (
        prop::sample::select(vec![EndOfOpen::After, EndOfOpen::At]),
        judged,
        prop::sample::select(vec![Alignment::Epoch, Alignment::FirstCall]),
        prop::sample::select(vec![Late::Counts, Late::Ignored]),
        prop::sample::select(vec![
            Released::GivesBack,
            Released::Succeeds,
            Released::Reopens,
        ]),
    );
    (usual, edges).prop_map(|(usual, edges)| {
        let (window, failure_rate, slow, open_for, calls, failure_on, scope) = usual;
        let (end_of_open, judged, alignment, late, released) = edges;
        LayerConfig::CircuitBreaker(BreakerConfig {
            window,
            failure_rate,
            minimum_calls: calls.0,
            slow_call: slow.map(|(longer_than, rate)| SlowCall { longer_than, rate }),
            open_for,
            half_open_calls: calls.1,
            half_open_minimum: calls.2.map(|minimum| minimum.min(calls.1)),
            end_of_open,
            judged,
            alignment,
            failure_on,
            late,
            released,
            scope,
        })
    })
}

/// The breakers of other stacks, looking back ten times as far on a tenth of the calls, as traces
/// of so few calls need it.
pub(crate) fn preset_breaker() -> impl Strategy<Value = LayerConfig> {
    prop::sample::select(vec![
        BreakerConfig::resilience4j(),
        BreakerConfig::polly(),
        BreakerConfig::hystrix(),
    ])
    .prop_map(|preset| {
        LayerConfig::CircuitBreaker(BreakerConfig {
            window: match preset.window {
                Window::Count(n) => Window::Count(n / 10),
                Window::Time { length, buckets } => Window::Time {
                    length: length.saturating_mul(10),
                    buckets,
                },
                consecutive => consecutive,
            },
            minimum_calls: preset.minimum_calls / 10,
            ..preset
        })
    })
}

/// Those of which each call has a turn of its own.
fn own_turns() -> impl Strategy<Value = RateAlgorithm> {
    let rate = || 0.01..0.5f64;
    prop_oneof![
        (rate(), 1.0..5.0f64).prop_map(|(rate, burst)| RateAlgorithm::TokenBucket { rate, burst }),
        (rate(), 1u32..5).prop_map(|(rate, burst)| RateAlgorithm::Gcra { rate, burst }),
        (rate(), 0u32..5)
            .prop_map(|(rate, capacity)| RateAlgorithm::LeakyBucket { rate, capacity }),
        window_limit().prop_map(|(limit, window)| RateAlgorithm::SlidingLog { limit, window }),
    ]
}

/// Those of which the turns of several calls begin with a window.
fn shared_turns() -> impl Strategy<Value = RateAlgorithm> {
    prop_oneof![
        window_limit().prop_map(|(limit, window)| RateAlgorithm::FixedWindow { limit, window }),
        window_limit().prop_map(|(limit, window)| RateAlgorithm::SlidingCounter { limit, window }),
        window_limit().prop_map(|(limit, period)| RateAlgorithm::Cycles { limit, period }),
    ]
}

fn window_limit() -> impl Strategy<Value = (u32, Duration)> {
    let window = (10_000_000_000u64..120_000_000_000).prop_map(Duration::from_nanos);
    (1u32..6, window)
}

/// Every algorithm. Where turns are shared, nobody waits: see [`shared_windows`].
pub(crate) fn rate_limit() -> impl Strategy<Value = LayerConfig> {
    let own = (own_turns(), prop_oneof![Just(Duration::ZERO), span()]);
    let shared = (shared_turns(), Just(Duration::ZERO));
    limit(prop_oneof![own, shared])
}

/// The algorithms in which calls wait for the same moment.
pub(crate) fn shared_windows() -> impl Strategy<Value = LayerConfig> {
    limit((shared_turns(), span()))
}

fn limit(
    algorithm: impl Strategy<Value = (RateAlgorithm, Duration)>,
) -> impl Strategy<Value = LayerConfig> {
    let keys = proptest::option::of(1u32..4);
    (algorithm, scope(), keys).prop_map(|((algorithm, max_wait), scope, keys)| {
        LayerConfig::RateLimit(RateLimitConfig {
            algorithm,
            max_wait,
            scope,
            keys,
        })
    })
}

/// Every algorithm, at the scale of a few calls at a time.
pub(crate) fn concurrency_limit() -> impl Strategy<Value = LayerConfig> {
    let algorithm = prop_oneof![
        (1u32..5).prop_map(ConcurrencyAlgorithm::Fixed),
        (1u32..4, span()).prop_map(|(initial, timeout)| ConcurrencyAlgorithm::Aimd {
            initial,
            min: 1,
            max: 8,
            backoff: 0.7,
            timeout,
        }),
        (1u32..4).prop_map(|initial| ConcurrencyAlgorithm::Vegas {
            initial,
            max: 8,
            alpha: None,
            beta: None,
            smoothing: 1.0,
        }),
        (1u32..4, 2u32..20).prop_map(|(initial, long_window)| ConcurrencyAlgorithm::Gradient2 {
            initial,
            min: 1,
            max: 8,
            queue: 1,
            smoothing: 0.2,
            long_window,
            tolerance: 1.5,
        }),
        (span(), span()).prop_map(|(sample_interval, min_rtt_interval)| {
            ConcurrencyAlgorithm::Gradient {
                sample_interval,
                min_rtt_interval,
                min_rtt_requests: 3,
                min_concurrency: 1,
                max_concurrency: 8,
                buffer: 0.25,
                quantile: 0.5,
            }
        }),
    ];
    (algorithm, scope()).prop_map(|(algorithm, scope)| {
        LayerConfig::ConcurrencyLimit(ConcurrencyConfig { algorithm, scope })
    })
}

pub(crate) fn client_throttle() -> impl Strategy<Value = LayerConfig> {
    (1.0..3.0f64, span(), scope()).prop_map(|(k, window, scope)| {
        LayerConfig::ClientThrottle(ClientThrottleConfig {
            k,
            window: window.saturating_mul(10),
            scope,
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

pub(crate) fn hedge() -> impl Strategy<Value = LayerConfig> {
    let delay = prop_oneof![
        Just(HedgeDelay::After(Duration::ZERO)),
        span().prop_map(HedgeDelay::After),
        (0.5..0.99f64, span())
            .prop_map(|(quantile, initial)| HedgeDelay::Quantile { quantile, initial }),
        Just(HedgeDelay::OnFailure),
    ];
    let all_failed = prop::sample::select(vec![AllFailed::Last, AllFailed::First]);
    (
        1u32..5,
        delay,
        outcomes(),
        all_failed,
        any::<bool>(),
        budget(),
    )
        .prop_map(
            |(attempts, delay, hedge_on, all_failed, heed_pushback, budget)| {
                LayerConfig::Hedge(HedgeConfig {
                    attempts,
                    delay,
                    hedge_on,
                    all_failed,
                    heed_pushback,
                    budget,
                })
            },
        )
}

/// Layers with a hedge somewhere among them.
pub(crate) fn hedged_stack() -> impl Strategy<Value = Vec<LayerConfig>> {
    let some = || proptest::collection::vec(any_layer(), 0..3);
    (some(), hedge(), some()).prop_map(|(outside, hedge, inside)| {
        outside.into_iter().chain([hedge]).chain(inside).collect()
    })
}

/// Layers of other crates, beside which a trace means what it means to them.
pub(crate) fn third_party() -> impl Strategy<Value = LayerConfig> {
    let registry = adapters::registry();
    let layer = move |name: &str, role| {
        LayerConfig::Custom(CustomConfig {
            role,
            settings: Settings::default(),
            maker: registry.get(name).expect("it is compiled in").clone(),
        })
    };
    let doubling = Backoff::Exponential {
        initial: Duration::from_secs(3),
        factor: 2.0,
        max: Duration::from_secs(50),
    };
    let limit = RateLimitConfig {
        algorithm: RateAlgorithm::Gcra {
            rate: 0.07,
            burst: 3,
        },
        max_wait: Duration::from_secs(30),
        scope: Scope::Instance,
        keys: None,
    };
    let breaker = |window| BreakerConfig {
        window,
        failure_rate: 0.3,
        minimum_calls: 3,
        open_for: Duration::from_secs(40),
        scope: Scope::Instance,
        ..BreakerConfig::default()
    };
    let minute = Window::Time {
        length: Duration::from_secs(60),
        buckets: 5,
    };
    let retry = |budget| RetryConfig {
        backoff: doubling,
        budget,
        ..RetryConfig::default()
    };
    let ratio = RetryBudget::Ratio {
        ratio: 0.3,
        min_per_second: 0.0,
        ttl: Duration::from_secs(60),
    };
    prop::sample::select(vec![
        layer("governor", Role::RateLimit(limit)),
        layer(
            "failsafe",
            Role::CircuitBreaker(breaker(Window::Consecutive(2))),
        ),
        layer("failsafe", Role::CircuitBreaker(breaker(minute))),
        layer("backon", Role::Retry(retry(None))),
        layer("tower_budget", Role::Retry(retry(Some(ratio)))),
    ])
}

/// Any of them, but a hedge: there is at most one in a stack.
pub(crate) fn any_layer() -> impl Strategy<Value = LayerConfig> {
    prop_oneof![
        1 => fallback(),
        3 => retry(),
        1 => preset_retry(),
        3 => breaker(),
        1 => preset_breaker(),
        2 => rate_limit(),
        2 => bulkhead(),
        2 => concurrency_limit(),
        1 => client_throttle(),
        3 => timeout(),
        2 => custom(),
        2 => third_party(),
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
