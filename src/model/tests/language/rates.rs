//! What bounds calls: rate limits, limits of concurrency, client-side throttling.

use crate::{around_layers, complaint, layer, ms};
use clock::Duration;
use policy::config::{
    ClientThrottleConfig, ConcurrencyAlgorithm, ConcurrencyConfig, LayerConfig, RateAlgorithm,
    RateLimitConfig, Scope,
};

#[test]
fn rate_limits_of_every_kind() {
    let limit = |text: &str| match layer(&format!("rate_limit: {{{text}}}")) {
        LayerConfig::RateLimit(limit) => limit,
        other => panic!("{other:?}"),
    };
    for (text, algorithm) in [
        (
            "token_bucket: {rate: 30/min}",
            RateAlgorithm::TokenBucket {
                rate: 0.5,
                burst: 1.0,
            },
        ),
        (
            "gcra: {rate: 10/s}",
            RateAlgorithm::Gcra {
                rate: 10.0,
                burst: 1,
            },
        ),
        (
            "gcra: {rate: 10/s, burst: 4}",
            RateAlgorithm::Gcra {
                rate: 10.0,
                burst: 4,
            },
        ),
        (
            "fixed_window: {limit: 5, window: 1s}",
            RateAlgorithm::FixedWindow {
                limit: 5,
                window: ms(1000),
            },
        ),
        (
            "sliding_window: {limit: 5, window: 1s}",
            RateAlgorithm::SlidingLog {
                limit: 5,
                window: ms(1000),
            },
        ),
        (
            "sliding_window: {limit: 5, window: 1s, kind: counter}",
            RateAlgorithm::SlidingCounter {
                limit: 5,
                window: ms(1000),
            },
        ),
        (
            "cycles: {}",
            RateAlgorithm::Cycles {
                limit: 50,
                period: Duration::from_nanos(500),
            },
        ),
    ] {
        assert_eq!(
            limit(text),
            RateLimitConfig {
                algorithm,
                max_wait: Duration::ZERO,
                scope: Scope::Service,
                keys: None,
            },
            "{text}"
        );
    }
    let leaky = RateAlgorithm::LeakyBucket {
        rate: 3.0,
        capacity: 7,
    };
    let long = limit("leaky_bucket: {rate: 3/s, capacity: 7}");
    assert_eq!((long.algorithm, long.max_wait), (leaky, Duration::ZERO));
    assert_eq!(
        limit("leaky_bucket: {rate: 3/s, capacity: 7}, max_wait: 5ms, scope: instance, keys: 9"),
        RateLimitConfig {
            algorithm: leaky,
            max_wait: ms(5),
            scope: Scope::Instance,
            keys: Some(9),
        }
    );
}

#[test]
fn concurrency_limits_of_every_kind() {
    let limit = |text: &str| match layer(&format!("concurrency_limit: {{{text}}}")) {
        LayerConfig::ConcurrencyLimit(limit) => limit.algorithm,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        layer("concurrency_limit: {fixed: 7, scope: instance}"),
        LayerConfig::ConcurrencyLimit(ConcurrencyConfig {
            algorithm: ConcurrencyAlgorithm::Fixed(7),
            scope: Scope::Instance
        })
    );
    assert_eq!(
        limit("aimd: {}"),
        ConcurrencyAlgorithm::Aimd {
            initial: 20,
            min: 20,
            max: 200,
            backoff: 0.9,
            timeout: ms(5000)
        }
    );
    assert_eq!(
        limit("aimd: {initial: 5, min: 1, max: 9, backoff: 0.5, timeout: 1s}"),
        ConcurrencyAlgorithm::Aimd {
            initial: 5,
            min: 1,
            max: 9,
            backoff: 0.5,
            timeout: ms(1000)
        }
    );
    assert_eq!(
        limit("vegas: {}"),
        ConcurrencyAlgorithm::Vegas {
            initial: 20,
            max: 1000,
            alpha: None,
            beta: None,
            smoothing: 1.0
        }
    );
    assert_eq!(
        limit("vegas: {initial: 5, max: 50, alpha: 2, beta: 4, smoothing: 0.5}"),
        ConcurrencyAlgorithm::Vegas {
            initial: 5,
            max: 50,
            alpha: Some(2),
            beta: Some(4),
            smoothing: 0.5
        }
    );
    assert_eq!(
        limit("gradient2: {}"),
        ConcurrencyAlgorithm::Gradient2 {
            initial: 20,
            min: 20,
            max: 200,
            queue: 4,
            smoothing: 0.2,
            long_window: 600,
            tolerance: 1.5
        }
    );
    assert_eq!(
        limit(
            "gradient2: {initial: 3, min: 2, max: 8, queue: 1, smoothing: 1, long_window: 60, \
             tolerance: 2}"
        ),
        ConcurrencyAlgorithm::Gradient2 {
            initial: 3,
            min: 2,
            max: 8,
            queue: 1,
            smoothing: 1.0,
            long_window: 60,
            tolerance: 2.0
        }
    );
    assert_eq!(
        limit("gradient: {}"),
        ConcurrencyAlgorithm::Gradient {
            sample_interval: ms(100),
            min_rtt_interval: ms(60_000),
            min_rtt_requests: 50,
            min_concurrency: 3,
            max_concurrency: 1000,
            buffer: 0.25,
            quantile: 0.5
        }
    );
    assert_eq!(
        limit(
            "gradient: {sample_interval: 1s, min_rtt_interval: 2s, min_rtt_requests: 3, \
             min_concurrency: 4, max_concurrency: 5, buffer: 0, quantile: 0.9}"
        ),
        ConcurrencyAlgorithm::Gradient {
            sample_interval: ms(1000),
            min_rtt_interval: ms(2000),
            min_rtt_requests: 3,
            min_concurrency: 4,
            max_concurrency: 5,
            buffer: 0.0,
            quantile: 0.9
        }
    );
}

#[test]
fn limits_out_of_order_are_refused() {
    for (text, word) in [
        ("aimd: {initial: 10}", "below `min`"),
        ("aimd: {initial: 300}", "above `max`"),
        ("aimd: {backoff: 0.4}", "at least 0.5"),
        ("vegas: {alpha: 5, beta: 4}", "more than `beta`"),
        ("vegas: {initial: 2000}", "above `max`"),
        ("gradient2: {min: 30}", "below `min`"),
        (
            "gradient: {min_concurrency: 2000}",
            "more than `max_concurrency`",
        ),
    ] {
        let told = complaint(&around_layers(&format!(
            "[{{concurrency_limit: {{{text}}}}}]"
        )));
        assert!(told.contains(word), "{text}: {told}");
    }
}

#[test]
fn client_throttles() {
    assert_eq!(
        layer("client_throttle: {}"),
        LayerConfig::ClientThrottle(ClientThrottleConfig::default())
    );
    assert_eq!(
        layer("client_throttle: {k: 1.1, window: 10s, scope: instance}"),
        LayerConfig::ClientThrottle(ClientThrottleConfig {
            k: 1.1,
            window: ms(10_000),
            scope: Scope::Instance
        })
    );
}
