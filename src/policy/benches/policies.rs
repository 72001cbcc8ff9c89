//! What a policy costs a call: each alone, and stacked.

use clock::{Duration, Instant};
use divan::{Bencher, black_box};
use stormglass_policy::config::*;
use stormglass_policy::{
    Action, Actions, Admission, Arriving, Bulkhead, CircuitBreaker, ClientThrottle,
    ConcurrencyLimit, Drawn, Env, Frame, KeyedRateLimiter, Outcome, OutlierDetector, Pipeline,
    RateLimiter, RetryBudget, Sink, TokenBucket, Usable,
};

fn main() {
    divan::main();
}

/// Time that goes on by a microsecond a call.
struct Ticks(u64);

impl Ticks {
    fn next(&mut self) -> Instant {
        self.0 += 1_000;
        Instant::from_nanos(self.0)
    }
}

struct NoChance;

impl Env for NoChance {
    fn random(&mut self) -> u64 {
        0
    }
    fn sample(&mut self, _source: u32) -> Duration {
        Duration::ZERO
    }
    fn target(&mut self) -> u32 {
        1
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn breaker(window: Window) -> BreakerConfig {
    BreakerConfig {
        window,
        failure_rate: 0.5,
        minimum_calls: 20,
        slow_call: Some(SlowCall {
            longer_than: ms(60),
            rate: 1.0,
        }),
        open_for: ms(1_000),
        half_open_calls: 5,
        scope: Scope::Service,
        ..BreakerConfig::default()
    }
}

const WINDOWS: [(&str, Window); 3] = [
    ("count", Window::Count(100)),
    (
        "time",
        Window::Time {
            length: Duration::from_secs(10),
            buckets: 10,
        },
    ),
    ("consecutive", Window::Consecutive(5)),
];

/// Every eighth call fails, so that the rates are really taken.
fn breaker_of(name: &str) -> BreakerConfig {
    match name {
        "resilience4j" => BreakerConfig::resilience4j(),
        "polly" => BreakerConfig {
            failure_rate: 0.5,
            ..BreakerConfig::polly()
        },
        "hystrix" => BreakerConfig::hystrix(),
        _ => {
            let window = WINDOWS.into_iter().find(|(n, _)| *n == name);
            breaker(window.expect("a window's name").1)
        }
    }
}

/// Every eighth call fails, so that the rates are really taken and it stays closed.
#[divan::bench(args = ["count", "time", "consecutive", "resilience4j", "polly", "hystrix"])]
fn breaker_admit_record(bencher: Bencher<'_, '_>, name: &str) {
    let mut breaker = CircuitBreaker::new(&breaker_of(name));
    let mut ticks = Ticks(0);
    bencher.bench_local(|| {
        let now = ticks.next();
        let failed = (ticks.0 / 1_000).is_multiple_of(8);
        let outcome = if failed {
            Outcome::Error
        } else {
            Outcome::Success
        };
        if let Ok(permit) = breaker.admit(black_box(now)) {
            breaker.record(now, permit, black_box(outcome));
        }
    });
}

/// What an attempt costs: a look at who is usable, and a word on how it ended. With nobody ejected,
/// and with one.
#[divan::bench(args = [0, 1])]
fn outlier_usable_record(bencher: Bencher<'_, '_>, ejected: u32) {
    let config = OutlierConfig {
        base_ejection_time: Duration::MAX,
        max_ejection_time: Duration::MAX,
        ..OutlierConfig::default()
    };
    let mut detector = OutlierDetector::new(&config, 10);
    for _ in 0..5 * ejected {
        detector.record(Instant::ZERO, 3, Outcome::Error);
    }
    let mut ticks = Ticks(0);
    bencher.bench_local(|| {
        let now = ticks.next();
        let all = detector.usable(black_box(now)) == Usable::All;
        let failed = (ticks.0 / 1_000).is_multiple_of(8);
        let outcome = if failed {
            Outcome::Error
        } else {
            Outcome::Success
        };
        detector.record(now, (ticks.0 / 1_000 % 9) as u32, black_box(outcome));
        all
    });
}

#[divan::bench]
fn token_bucket(bencher: Bencher<'_, '_>) {
    let mut bucket = TokenBucket::new(700_000.0, 100.0);
    let mut ticks = Ticks(0);
    bencher.bench_local(|| bucket.try_take(black_box(ticks.next())).is_ok());
}

/// The same for every algorithm: a million asks a second, of which seven in ten may go.
const RATES: [(&str, RateAlgorithm); 7] = [
    (
        "token_bucket",
        RateAlgorithm::TokenBucket {
            rate: 700_000.0,
            burst: 100.0,
        },
    ),
    (
        "gcra",
        RateAlgorithm::Gcra {
            rate: 700_000.0,
            burst: 100,
        },
    ),
    (
        "fixed_window",
        RateAlgorithm::FixedWindow {
            limit: 70,
            window: Duration::from_nanos(100_000),
        },
    ),
    (
        "sliding_log",
        RateAlgorithm::SlidingLog {
            limit: 70,
            window: Duration::from_nanos(100_000),
        },
    ),
    (
        "sliding_counter",
        RateAlgorithm::SlidingCounter {
            limit: 70,
            window: Duration::from_nanos(100_000),
        },
    ),
    (
        "leaky_bucket",
        RateAlgorithm::LeakyBucket {
            rate: 700_000.0,
            capacity: 100,
        },
    ),
    (
        "cycles",
        RateAlgorithm::Cycles {
            limit: 70,
            period: Duration::from_nanos(100_000),
        },
    ),
];

fn rate(name: &str) -> RateAlgorithm {
    let rate = RATES.into_iter().find(|(n, _)| *n == name);
    rate.expect("a limit's name").1
}

const RATE_NAMES: [&str; 7] = [
    RATES[0].0, RATES[1].0, RATES[2].0, RATES[3].0, RATES[4].0, RATES[5].0, RATES[6].0,
];

#[divan::bench(args = RATE_NAMES)]
fn rate_limit_try_acquire(bencher: Bencher<'_, '_>, name: &str) {
    let mut limiter = RateLimiter::new(&rate(name));
    let mut ticks = Ticks(0);
    bencher.bench_local(|| limiter.try_acquire(black_box(ticks.next())).is_ok());
}

/// With calls that wait for up to twenty microseconds, as a standing queue.
#[divan::bench(args = RATE_NAMES)]
fn rate_limit_reserve(bencher: Bencher<'_, '_>, name: &str) {
    let mut limiter = RateLimiter::new(&rate(name));
    let mut ticks = Ticks(0);
    let max_wait = Duration::from_nanos(20_000);
    bencher.bench_local(|| limiter.reserve(black_box(ticks.next()), max_wait).is_ok());
}

/// A hundred thousand keys in some order: what it costs to find one.
#[divan::bench(sample_size = 10_000)]
fn rate_limit_keyed(bencher: Bencher<'_, '_>) {
    let algorithm = RateAlgorithm::Gcra {
        rate: 7.0,
        burst: 10,
    };
    let mut limiter = KeyedRateLimiter::new(&algorithm, 100_000);
    for key in 0..100_000 {
        assert!(limiter.try_acquire(key, Instant::ZERO).is_ok());
    }
    let mut ticks = Ticks(0);
    bencher.bench_local(|| {
        let now = ticks.next();
        let key = now.as_nanos().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        limiter.try_acquire(black_box(key), now).is_ok()
    });
}

/// A callee that refuses every other request.
#[divan::bench]
fn client_throttle(bencher: Bencher<'_, '_>) {
    let mut throttle = ClientThrottle::new(&ClientThrottleConfig::default());
    let mut ticks = Ticks(0);
    bencher.bench_local(|| {
        let now = ticks.next();
        let bits = now.as_nanos().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let admitted = throttle.admit(black_box(now), bits).is_ok();
        if admitted {
            let refused = bits & 1 == 0;
            let outcome = if refused {
                Outcome::Rejected
            } else {
                Outcome::Success
            };
            throttle.record(now, outcome);
        }
        admitted
    });
}

#[divan::bench]
fn bulkhead(bencher: Bencher<'_, '_>) {
    let mut bulkhead = Bulkhead::new(25, 10);
    bencher.bench_local(|| {
        let admitted = bulkhead.admit(black_box(7));
        let _ = black_box(admitted);
        bulkhead.release()
    });
}

const LIMITS: [(&str, ConcurrencyAlgorithm); 5] = [
    ("fixed", ConcurrencyAlgorithm::Fixed(20)),
    ("aimd", ConcurrencyAlgorithm::AIMD),
    ("vegas", ConcurrencyAlgorithm::VEGAS),
    ("gradient2", ConcurrencyAlgorithm::GRADIENT2),
    ("gradient", ConcurrencyAlgorithm::GRADIENT),
];

/// Latencies around ten microseconds, so that each answer is judged; about a hundred of them in a
/// window of the gradient.
#[divan::bench(args = ["fixed", "aimd", "vegas", "gradient2", "gradient"])]
fn concurrency_acquire_record(bencher: Bencher<'_, '_>, name: &str) {
    let (_, algorithm) = LIMITS
        .into_iter()
        .find(|(n, _)| *n == name)
        .expect("an algorithm's name");
    let algorithm = match algorithm {
        ConcurrencyAlgorithm::Gradient {
            min_rtt_interval,
            min_rtt_requests,
            min_concurrency,
            max_concurrency,
            buffer,
            quantile,
            ..
        } => ConcurrencyAlgorithm::Gradient {
            sample_interval: ms(1),
            min_rtt_interval,
            min_rtt_requests,
            min_concurrency,
            max_concurrency,
            buffer,
            quantile,
        },
        other => other,
    };
    let mut limit = ConcurrencyLimit::new(&algorithm);
    let mut now = Instant::ZERO;
    // All places but one are taken all the time.
    let _others: Vec<_> = (1..limit.limit())
        .map_while(|_| limit.acquire(now).ok())
        .collect();
    bencher.bench_local(|| {
        now += Duration::from_nanos(1_000);
        let jitter = (now.as_nanos() / 1_000) % 7;
        if let Ok(held) = limit.acquire(black_box(now)) {
            now += Duration::from_nanos(10_000 + jitter * 100);
            limit.record(now, held, black_box(Outcome::Success));
        }
    });
}

fn admit_end(bencher: Bencher<'_, '_>, layers: Vec<AdmissionLayer>) {
    let mut admission = Admission::new(&AdmissionConfig { layers });
    let mut ticks = Ticks(0);
    bencher.bench_local(|| {
        let now = ticks.next();
        let request = Arriving {
            priority: 1,
            key: ticks.0,
        };
        let admitted = admission.admit(now, black_box(&request), &mut || u64::MAX);
        if let Ok(token) = admitted {
            admission.dequeued(now, Duration::ZERO);
            admission.ended(now, token, black_box(Outcome::Success));
        }
    });
}

#[divan::bench]
fn admission_priority_shedding(bencher: Bencher<'_, '_>) {
    let layer = AdmissionLayer::PriorityShedding(PriorityConfig::default());
    admit_end(bencher, vec![layer]);
}

#[divan::bench]
fn admission_control(bencher: Bencher<'_, '_>) {
    let layer = AdmissionLayer::AdmissionControl(AdmissionControlConfig::default());
    admit_end(bencher, vec![layer]);
}

/// A rate limit, a concurrency limit, and both kinds of shedding.
#[divan::bench]
fn admission_four_layers(bencher: Bencher<'_, '_>) {
    let layers = vec![
        AdmissionLayer::RateLimit {
            algorithm: RateAlgorithm::TokenBucket {
                rate: 2_000_000.0,
                burst: 100.0,
            },
            keys: None,
        },
        AdmissionLayer::ConcurrencyLimit(ConcurrencyAlgorithm::VEGAS),
        AdmissionLayer::PriorityShedding(PriorityConfig::default()),
        AdmissionLayer::AdmissionControl(AdmissionControlConfig::default()),
    ];
    admit_end(bencher, layers);
}

#[divan::bench]
fn retry_budget(bencher: Bencher<'_, '_>) {
    let ttl = Duration::from_secs(10);
    let config = config_ratio(ttl);
    let mut budget = RetryBudget::new(config);
    let mut ticks = Ticks(0);
    bencher.bench_local(|| {
        let now = ticks.next();
        budget.call_started(black_box(now));
        let mut drawn = Drawn::default();
        budget.withdraw(now, Some(Outcome::Error), &mut drawn);
        drawn
    });
}

const fn config_ratio(ttl: Duration) -> stormglass_policy::config::RetryBudget {
    stormglass_policy::config::RetryBudget::Ratio {
        ratio: 0.2,
        min_per_second: 10.0,
        ttl,
    }
}

fn run(bencher: Bencher<'_, '_>, layers: Vec<LayerConfig>) {
    let mut pipeline = Pipeline::new(&PolicyConfig { layers }, 3);
    // Of a fixed size, so that clearing it is a few stores and not a part of the figure.
    let mut frames = [Frame::default(); 6];
    let mut out = Actions::new();
    let mut ticks = Ticks(0);
    bencher.bench_local(|| {
        let now = black_box(ticks.next());
        frames = [Frame::default(); 6];
        out.clear();
        pipeline.start(now, 1, &mut frames, &mut NoChance, &mut out);
        out.clear();
        let env = &mut NoChance;
        pipeline.on_attempt_end(now, 1, &mut frames, 0, Outcome::Success, env, &mut out);
        out.len()
    });
}

#[divan::bench]
fn pipeline_without_layers(bencher: Bencher<'_, '_>) {
    run(bencher, vec![]);
}

/// A driver that does what it is asked for on the spot, which here is to count.
struct Counts([u32; 2]);

impl Sink for Counts {
    #[inline]
    fn push(&mut self, action: Action) {
        self.0[usize::from(matches!(action, Action::SetTimer(..)))] += 1;
    }
}

/// Without the buffer in between.
#[divan::bench]
fn pipeline_timeout_only_on_the_spot(bencher: Bencher<'_, '_>) {
    let layers = vec![LayerConfig::Timeout(Span::Constant(ms(300)))];
    let mut pipeline = Pipeline::new(&PolicyConfig { layers }, 3);
    let mut ticks = Ticks(0);
    let mut out = Counts([0; 2]);
    bencher.bench_local(|| {
        let now = black_box(ticks.next());
        let mut frames = [Frame::default(); 2];
        pipeline.start(now, 1, &mut frames, &mut NoChance, &mut out);
        let env = &mut NoChance;
        pipeline.on_attempt_end(now, 1, &mut frames, 0, Outcome::Success, env, &mut out);
        out.0
    });
}

#[divan::bench]
fn pipeline_timeout_only(bencher: Bencher<'_, '_>) {
    run(bencher, vec![LayerConfig::Timeout(Span::Constant(ms(300)))]);
}

const BUDGETS: [(&str, Option<stormglass_policy::config::RetryBudget>); 6] = {
    use stormglass_policy::config::RetryBudget;
    [
        ("none", None),
        ("ratio", Some(config_ratio(Duration::from_secs(10)))),
        (
            "tokens",
            Some(RetryBudget::Tokens {
                capacity: 500.0,
                cost: 5.0,
                refund: 1.0,
                deposit: 0.0,
            }),
        ),
        (
            "grpc",
            Some(RetryBudget::Grpc {
                max_tokens: 10.0,
                token_ratio: 0.1,
            }),
        ),
        (
            "aws",
            Some(RetryBudget::Aws {
                capacity: 500.0,
                cost: 5.0,
                timeout_cost: 10.0,
                throttled_cost: 5.0,
            }),
        ),
        (
            "envoy",
            Some(RetryBudget::Envoy {
                share: 0.2,
                min_concurrency: 3,
            }),
        ),
    ]
};

fn retry(budget: &str) -> RetryConfig {
    let (_, budget) = BUDGETS
        .into_iter()
        .find(|(name, _)| *name == budget)
        .expect("a budget's name");
    RetryConfig {
        budget,
        ..RetryConfig::default()
    }
}

/// A call that succeeds at once, under a retry with each budget.
#[divan::bench(args = ["none", "ratio", "tokens", "grpc", "aws", "envoy"])]
fn pipeline_retry_not_needed(bencher: Bencher<'_, '_>, budget: &str) {
    run(bencher, vec![LayerConfig::Retry(retry(budget))]);
}

/// The same under the AWS SDKs' adaptive rate, with nothing throttled.
#[divan::bench]
fn pipeline_retry_adaptive_not_throttled(bencher: Bencher<'_, '_>) {
    run(
        bencher,
        vec![LayerConfig::Retry(RetryConfig::aws_adaptive())],
    );
}

/// A call whose first attempt fails and whose second succeeds, with no time between them, under the
/// budgets that grant every call one.
#[divan::bench(args = ["none", "aws", "envoy"])]
fn pipeline_retry_needed(bencher: Bencher<'_, '_>, budget: &str) {
    let layers = vec![LayerConfig::Retry(retry(budget))];
    let mut pipeline = Pipeline::new(&PolicyConfig { layers }, 3);
    let mut out = Actions::new();
    let mut ticks = Ticks(0);
    bencher.bench_local(|| {
        let now = black_box(ticks.next());
        let mut frames = [Frame::default(); 2];
        out.clear();
        let env = &mut NoChance;
        pipeline.start(now, 1, &mut frames, env, &mut out);
        pipeline.on_attempt_end(now, 1, &mut frames, 0, Outcome::Error, env, &mut out);
        pipeline.on_attempt_end(now, 1, &mut frames, 1, Outcome::Success, env, &mut out);
        out.len()
    });
}

/// Fallback, retry with a budget, breaker, bulkhead, timeout.
#[divan::bench(args = [Scope::Service, Scope::Instance])]
fn pipeline_five_layers(bencher: Bencher<'_, '_>, scope: Scope) {
    let layers = vec![
        LayerConfig::Fallback(FallbackConfig::default()),
        LayerConfig::Retry(RetryConfig {
            attempts: 3,
            backoff: Backoff::Exponential {
                initial: ms(50),
                factor: 2.0,
                max: ms(1_000),
            },
            jitter: Jitter::Full,
            retry_on: default_retry_on(),
            budget: Some(config_ratio(Duration::from_secs(10))),
            ..RetryConfig::default()
        }),
        LayerConfig::CircuitBreaker(BreakerConfig {
            scope,
            ..breaker(Window::Count(100))
        }),
        LayerConfig::Bulkhead(BulkheadConfig {
            max_concurrent: 25,
            queue: 10,
            max_wait: None,
            scope,
        }),
        LayerConfig::Timeout(Span::Constant(ms(300))),
    ];
    run(bencher, layers);
}
