//! What a model says, field by field: every section of the language, its defaults and its limits.

use clock::{Duration, Instant};
use policy::config::{
    Backoff, BalancerConfig, BreakerConfig, BulkheadConfig, Codel, Discipline, FallbackConfig,
    Jitter, LayerConfig, RateAlgorithm, RateLimitConfig, RetryBudget, RetryConfig, Scope, SlowCall,
    Span, Window, default_retry_on,
};
use policy::{Outcome, OutcomeSet};
use std::io;
use stormglass_model::*;

/// Files that are there by name.
struct Shelf(&'static [(&'static str, &'static str)]);

impl Files for Shelf {
    fn read(&self, path: &str) -> io::Result<String> {
        let found = self.0.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

const SHELF: Shelf = Shelf(&[
    ("service.csv", "ms,other\n4,x\n1,y\n2.5,z\n"),
    ("times.csv", "at\n0\n0.5\n0.5\n2\n"),
    ("bare.csv", "3\n1\n"),
    ("counts.csv", "period,count\na,60\nb,60\nc,0\nd,120\n"),
    ("falling.csv", "at\n1\n0.5\n"),
    ("words.csv", "at\n1\ntwo\n"),
]);

fn model(text: &str) -> Model {
    match read(text, "some/model.yaml", &SHELF, &[]) {
        Ok(loaded) => loaded.model,
        Err(report) => panic!("{}", report.render(100, false)),
    }
}

fn complaint(text: &str) -> String {
    match read(text, "model.yaml", &SHELF, &[]) {
        Ok(_) => panic!("this was read:\n{text}"),
        Err(report) => report.to_string(),
    }
}

/// A model around one endpoint, `s.e`, with these steps.
fn around_steps(steps: &str) -> String {
    format!(
        "services: {{s: {{endpoints: {{e: {steps}}}}}}}\nworkloads: {{w: {{target: s.e, batch: {{size: 1}}}}}}\n"
    )
}

/// A model around one policy, `p`, with these layers.
fn around_layers(layers: &str) -> String {
    format!("policies: {{p: {layers}}}\n{}", around_steps("[]"))
}

fn around_service(keys: &str) -> String {
    format!(
        "services: {{s: {{{keys}, endpoints: {{e: []}}}}}}\nworkloads: {{w: {{target: s.e, batch: {{size: 1}}}}}}\n"
    )
}

fn around_source(source: &str) -> String {
    format!(
        "services: {{s: {{endpoints: {{e: []}}}}}}\nworkloads: {{w: {{target: s.e, {source}}}}}\n"
    )
}

fn distribution(text: &str) -> Distribution {
    match model(&around_steps(&format!("[{{compute: {text}}}]")))
        .services
        .remove(0)
        .endpoints
        .remove(0)
        .steps
        .remove(0)
    {
        Step::Compute(distribution) => distribution,
        other => panic!("{other:?}"),
    }
}

fn layer(text: &str) -> LayerConfig {
    model(&around_layers(&format!("[{text}]")))
        .policies
        .remove(0)
        .config
        .layers
        .remove(0)
}

fn source(text: &str) -> Source {
    model(&around_source(text)).workloads.remove(0).source
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(secs: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(secs)
}

#[test]
fn a_whole_model() {
    let model = model(include_str!("whole.yaml"));
    assert_eq!(model.name, "checkout");
    assert_eq!(
        model.run,
        Run {
            duration: Duration::from_secs(600),
            warmup: Warmup::Fixed(Duration::from_secs(30)),
            seed: 7,
            replications: 1
        }
    );
    assert_eq!(model.slo.availability, Some(0.999));
    assert_eq!(model.slo.latency, [(LatencyQuantile::P99, ms(400))]);
    let zones: Vec<_> = model
        .zones
        .iter()
        .map(|zone| (zone.name.as_str(), zone.nodes))
        .collect();
    assert_eq!(zones, [("a", Some(2)), ("b", Some(2))]);
    assert_eq!(model.network.between_zones.loss, 0.0001);
    assert_eq!(model.network.within_zone.loss, 0.0);

    let names: Vec<_> = model
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["gateway", "order", "inventory", "payment", "shipping"]
    );
    let gateway = &model.services[0];
    assert_eq!(
        (gateway.instances, gateway.workers, gateway.threading),
        (2, 128, Threading::Async)
    );
    assert_eq!(gateway.queue_capacity, None);
    let order = &model.services[1];
    assert_eq!(
        (order.instances, order.workers, order.threading),
        (3, 32, Threading::Blocking)
    );
    assert_eq!(order.queue_capacity, Some(256));
    assert_eq!(
        order.balancer,
        BalancerConfig::LeastRequests {
            choices: Some(2),
            with_replacement: false
        }
    );
    assert_eq!(
        gateway.endpoints[0].steps,
        [
            Step::Compute(Distribution::Exponential { mean: 1e6 }),
            Step::Call {
                target: Target {
                    service: 1,
                    endpoint: 0
                },
                policy: Some(0)
            },
        ]
    );
    assert_eq!(
        model.target_name(Target {
            service: 1,
            endpoint: 0
        }),
        "order.create"
    );

    let kinds: Vec<_> = model
        .policies
        .iter()
        .map(|policy| (policy.name.as_str(), policy.config.layers.len()))
        .collect();
    assert_eq!(kinds, [("interactive", 4), ("browser", 1)]);
    let interactive = &model.policies[0].config.layers;
    assert_eq!(
        interactive[0],
        LayerConfig::Fallback(FallbackConfig::default())
    );
    assert_eq!(
        interactive[1],
        LayerConfig::Retry(RetryConfig {
            attempts: 3,
            backoff: Backoff::Exponential {
                initial: ms(50),
                factor: 2.0,
                max: ms(1000)
            },
            jitter: Jitter::Full,
            retry_on: default_retry_on(),
            budget: Some(RetryBudget::Ratio {
                ratio: 0.2,
                min_per_second: 10.0,
                ttl: Duration::from_secs(10)
            }),
        })
    );
    assert_eq!(
        interactive[2],
        LayerConfig::CircuitBreaker(BreakerConfig {
            window: Window::Count(100),
            failure_rate: 0.5,
            minimum_calls: 20,
            slow_call: None,
            open_for: Duration::from_secs(10),
            half_open_calls: 5,
            scope: Scope::Service,
        })
    );
    assert_eq!(
        interactive[3],
        LayerConfig::Timeout(Span::Constant(ms(300)))
    );

    let shoppers = &model.workloads[0];
    assert_eq!(
        (shoppers.target, shoppers.policy),
        (
            Target {
                service: 0,
                endpoint: 0
            },
            Some(1)
        )
    );
    assert_eq!(
        (shoppers.priority, &shoppers.source),
        (0, &constant_poisson(200.0))
    );

    let once = |minute: u64, secs| Occurrence::Once {
        at: at(minute * 60),
        lasts: Some(Duration::from_secs(secs)),
    };
    assert_eq!(
        model.faults,
        [
            Fault {
                when: once(2, 30),
                kind: FaultKind::Slow {
                    place: Place::Service(3),
                    factor: 8.0
                }
            },
            Fault {
                when: once(5, 20),
                kind: FaultKind::Crash {
                    place: Place::Node(0, 0),
                    mode: CrashMode::Refuse
                }
            },
        ]
    );
}

fn constant_poisson(rate: f64) -> Source {
    Source::Poisson(RateProfile(vec![RateSegment {
        at: Instant::ZERO,
        rate,
        ramp: Duration::ZERO,
    }]))
}

#[test]
fn what_is_absent_has_its_default() {
    let model = model(&around_steps("[]"));
    assert_eq!(model.name, "model");
    assert_eq!(
        model.run,
        Run {
            duration: Duration::from_secs(60),
            warmup: Warmup::Fixed(Duration::ZERO),
            seed: 1,
            replications: 1
        }
    );
    assert_eq!(model.slo, Slo::default());
    assert_eq!(
        model.zones,
        [Zone {
            name: "default".to_owned(),
            nodes: None
        }]
    );
    let nothing = Link {
        latency: Distribution::Constant(Duration::ZERO),
        loss: 0.0,
    };
    assert_eq!(
        model.network,
        Network {
            within_zone: nothing.clone(),
            between_zones: nothing,
            links: vec![]
        }
    );
    assert_eq!(
        (
            model.policies.len(),
            model.policy_spans.len(),
            model.faults.len()
        ),
        (0, 0, 0)
    );
    assert_eq!(
        model.services[0],
        Service {
            name: "s".to_owned(),
            instances: 1,
            workers: 1,
            threading: Threading::Blocking,
            scheduling: Scheduling::Fcfs,
            queue_capacity: None,
            discipline: Discipline::Fifo,
            abandoned: Abandoned::Serve,
            balancer: BalancerConfig::Random,
            startup: Distribution::Constant(Duration::ZERO),
            endpoints: vec![Endpoint {
                name: "e".to_owned(),
                steps: vec![]
            }],
        }
    );
    assert_eq!(
        (model.workloads[0].policy, model.workloads[0].priority),
        (None, 0)
    );
}

#[test]
fn distributions_by_the_numbers_that_people_know() {
    assert_eq!(distribution("5ms"), Distribution::Constant(ms(5)));
    assert_eq!(
        distribution("{uniform: {low: 1ms, high: 3ms}}"),
        Distribution::Uniform {
            low: 1e6,
            high: 3e6
        }
    );
    assert_eq!(
        distribution("{normal: {mean: 5ms, sd: 1ms}}"),
        Distribution::Normal { mean: 5e6, sd: 1e6 }
    );
    assert_eq!(
        distribution("{gamma: {mean: 5ms, cv: 0.5}}"),
        Distribution::Gamma {
            shape: 4.0,
            scale: 1.25e6
        }
    );
    assert_eq!(
        distribution("{erlang: {k: 4, mean: 5ms}}"),
        Distribution::Erlang { k: 4, mean: 5e6 }
    );
    assert_eq!(
        distribution("{weibull: {scale: 5ms, shape: 1.5}}"),
        Distribution::Weibull {
            scale: 5e6,
            shape: 1.5
        }
    );
    assert_eq!(
        distribution("{pareto: {minimum: 1ms, shape: 2.5}}"),
        Distribution::Pareto {
            minimum: 1e6,
            shape: 2.5,
            maximum: None
        }
    );
    assert_eq!(
        distribution("{pareto: {minimum: 1ms, shape: 2.5, maximum: 1s}}"),
        Distribution::Pareto {
            minimum: 1e6,
            shape: 2.5,
            maximum: Some(1e9)
        }
    );
    assert_eq!(
        distribution(
            "{mixture: [{weight: 9, value: 1ms}, {weight: 1, value: {exponential: {mean: 2ms}}}]}"
        ),
        Distribution::Mixture(vec![
            (9.0, Distribution::Constant(ms(1))),
            (1.0, Distribution::Exponential { mean: 2e6 }),
        ])
    );
    assert_eq!(
        distribution("{empirical: {file: service.csv, column: ms, unit: ms}}"),
        Distribution::Empirical(vec![1e6, 2.5e6, 4e6])
    );
    assert_eq!(
        distribution("{empirical: {file: service.csv, column: 1, unit: us}}"),
        Distribution::Empirical(vec![1e3, 2.5e3, 4e3])
    );
    assert_eq!(
        distribution("{empirical: {file: bare.csv, column: 1, unit: s}}"),
        Distribution::Empirical(vec![1e9, 3e9])
    );
}

/// The parameters must give back the moments and quantiles that they were made from.
#[test]
fn distributions_keep_their_moments() {
    let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} is not {b}");
    let Distribution::Lognormal { mu, sigma } = distribution("{lognormal: {p50: 4ms, p99: 30ms}}")
    else {
        panic!("not lognormal")
    };
    close(mu.exp(), 4e6);
    close((mu + sigma * 2.326_347_874_040_840_8).exp(), 30e6);

    let Distribution::Lognormal { mu, sigma } = distribution("{lognormal: {mean: 10ms, cv: 2}}")
    else {
        panic!("not lognormal")
    };
    close((mu + sigma * sigma / 2.0).exp(), 10e6);
    close(((sigma * sigma).exp() - 1.0).sqrt(), 2.0);

    for cv in ["1", "1.5", "40", "1000"] {
        let text = format!("{{hyperexponential: {{mean: 10ms, cv: {cv}}}}}");
        let Distribution::Hyperexponential { p, mean1, mean2 } = distribution(&text) else {
            panic!("not hyperexponential")
        };
        let (first, second) = (p * mean1, (1.0 - p) * mean2);
        // `1 - p` cancels for a large cv; the rest is exact.
        let tolerance = 1e-9 * 10e6;
        assert!(
            (first - 5e6).abs() <= tolerance && (second - 5e6).abs() <= tolerance,
            "balanced means"
        );
        let square = 2.0 * (p * mean1 * mean1 + (1.0 - p) * mean2 * mean2) / 1e14;
        let wanted = cv.parse::<f64>().expect("a number").powi(2) + 1.0;
        assert!(
            (square - wanted).abs() <= 1e-9 * wanted,
            "cv {cv}: {square} is not {wanted}"
        );
    }
}

#[test]
fn steps_of_every_kind() {
    let text = "\
        [{wait: 1ms}, {fail: 5%}, {repeat: {times: 3, steps: [{compute: 1ms}]}}, \
        {parallel: [[{compute: 1ms}], [], []], require: 2}, {parallel: [[]]}, \
        {choose: [{weight: 1, steps: []}, {weight: 0, steps: [{fail: 1}]}]}]";
    let compute = || Step::Compute(Distribution::Constant(ms(1)));
    assert_eq!(
        model(&around_steps(text)).services[0].endpoints[0].steps,
        [
            Step::Wait(Distribution::Constant(ms(1))),
            Step::Fail(0.05),
            Step::Repeat {
                times: 3,
                steps: vec![compute()]
            },
            Step::Parallel {
                branches: vec![vec![compute()], vec![], vec![]],
                require: 2
            },
            Step::Parallel {
                branches: vec![vec![]],
                require: 1
            },
            Step::Choose(vec![(1.0, vec![]), (0.0, vec![Step::Fail(1.0)])]),
        ]
    );
}

#[test]
fn services_of_every_kind() {
    let discipline = |text: &str| {
        model(&around_service(&format!("queue: {{discipline: {text}}}"))).services[0].discipline
    };
    let codel = |target, interval| Codel {
        target: ms(target),
        interval: ms(interval),
    };
    assert_eq!(discipline("fifo"), Discipline::Fifo);
    assert_eq!(discipline("lifo"), Discipline::Lifo);
    assert_eq!(discipline("priority"), Discipline::Priority);
    assert_eq!(
        discipline("adaptive_lifo"),
        Discipline::AdaptiveLifo(codel(5, 100))
    );
    assert_eq!(discipline("codel"), Discipline::Codel(codel(5, 100)));
    assert_eq!(
        discipline("{codel: {target: 20ms, interval: 1s}}"),
        Discipline::Codel(codel(20, 1000))
    );

    let balancer = |text: &str| {
        model(&around_service(&format!("balancer: {text}")))
            .services
            .remove(0)
            .balancer
    };
    assert_eq!(balancer("round_robin"), BalancerConfig::RoundRobin);
    let least = |choices, with_replacement| BalancerConfig::LeastRequests {
        choices,
        with_replacement,
    };
    assert_eq!(balancer("least_requests"), least(None, false));
    assert_eq!(
        balancer("{least_requests: {choices: 3, with_replacement: true}}"),
        least(Some(3), true)
    );
    assert_eq!(
        balancer("{peak_ewma: {decay: 5s}}"),
        BalancerConfig::PeakEwma {
            decay: Duration::from_secs(5)
        }
    );
    assert_eq!(
        balancer("{consistent_hash: {key: user}}"),
        BalancerConfig::ConsistentHash { keys: 1000 }
    );
    assert_eq!(
        balancer("{consistent_hash: {keys: 7}}"),
        BalancerConfig::ConsistentHash { keys: 7 }
    );
    let weights = BalancerConfig::Weighted {
        weights: vec![3, 1],
    };
    assert_eq!(balancer("{weighted: {weights: [3, 1]}}"), weights);
    assert_eq!(balancer("{weighted: [3, 1]}"), weights);

    let service = model(&around_service(
        "scheduling: processor_sharing, cores: 4, abandoned: cancel, discovery: static, startup: 3s",
    ))
    .services
    .remove(0);
    assert_eq!(
        service.scheduling,
        Scheduling::ProcessorSharing { cores: 4 }
    );
    assert_eq!(service.abandoned, Abandoned::Cancel);
    assert_eq!(
        service.startup,
        Distribution::Constant(Duration::from_secs(3))
    );
    let service = model(&around_service("scheduling: processor_sharing"))
        .services
        .remove(0);
    assert_eq!(
        service.scheduling,
        Scheduling::ProcessorSharing { cores: 1 }
    );
}

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
            },
        ),
        (
            "{tokens: {capacity: 10, cost: 2, refund: 0}}",
            RetryBudget::Tokens {
                capacity: 10.0,
                cost: 2.0,
                refund: 0.0,
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

#[test]
fn sources_of_every_kind() {
    assert_eq!(
        source("arrivals: {poisson: {rate: 30/min}}"),
        constant_poisson(0.5)
    );
    let segment = |secs, rate, ramp| RateSegment {
        at: at(secs),
        rate,
        ramp: Duration::from_secs(ramp),
    };
    assert_eq!(
        source(
            "arrivals: {deterministic: {rate: [{at: 0s, rate: 100/s}, {at: 60s, rate: 300/s, ramp: 10s}, {at: 70s, rate: 0/s}]}}"
        ),
        Source::Deterministic(RateProfile(vec![
            segment(0, 100.0, 0),
            segment(60, 300.0, 10),
            segment(70, 0.0, 0)
        ]))
    );
    assert_eq!(
        source("arrivals: {renewal: {exponential: {mean: 1s}}}"),
        Source::Renewal(Distribution::Exponential { mean: 1e9 })
    );
    assert_eq!(
        source(
            "arrivals: {mmpp: {states: [{rate: 10/s, hold: 1s}, {rate: 0/s, hold: {exponential: {mean: 2s}}}]}}"
        ),
        Source::Mmpp(vec![
            MmppState {
                rate: 10.0,
                hold: Distribution::Constant(ms(1000))
            },
            MmppState {
                rate: 0.0,
                hold: Distribution::Exponential { mean: 2e9 }
            },
        ])
    );
    assert_eq!(
        source("closed: {users: 5, think: 2s}"),
        Source::Closed {
            users: 5,
            think: Distribution::Constant(ms(2000))
        }
    );
    assert_eq!(
        source("batch: {size: 9, at: 3s}"),
        Source::Batch { size: 9, at: at(3) }
    );

    let millis =
        |list: &[u64]| Source::Times(list.iter().map(|n| Instant::ZERO + ms(*n)).collect());
    assert_eq!(
        source("arrivals: {trace: {file: times.csv, column: at, unit: s}}"),
        millis(&[0, 500, 500, 2000])
    );
    assert_eq!(
        source("arrivals: {trace: {file: times.csv, column: at, unit: s, scale: 2}}"),
        millis(&[0, 250, 250, 1000])
    );
    // 60 a minute is 1 a second; equal periods are one segment; after the end nothing comes.
    assert_eq!(
        source(
            "arrivals: {trace: {file: counts.csv, column: count, unit: per_minute, scale: 0.5}}"
        ),
        Source::Poisson(RateProfile(vec![
            segment(0, 0.5, 0),
            segment(120, 0.0, 0),
            segment(180, 1.0, 0),
            segment(240, 0.0, 0)
        ]))
    );
}

#[test]
fn traces_that_can_not_be_read() {
    let told =
        |trace: &str| complaint(&around_source(&format!("arrivals: {{trace: {{{trace}}}}}")));
    assert!(
        told("file: falling.csv, column: at, unit: s")
            .contains("times must rise, but value 2 is 0.5 after 1")
    );
    assert!(
        told("file: words.csv, column: at, unit: s")
            .contains("line 3 of the file has no number in this column: `two`")
    );
    assert!(
        told("file: counts.csv, column: cuont, unit: per_hour").contains("did you mean `count`?")
    );
    assert!(told("file: none.csv, column: at, unit: s").contains("`none.csv` cannot be read"));
}

#[test]
fn faults_of_every_kind() {
    let read = |fault: &str| {
        let text = format!(
            "zones: {{a: {{nodes: 2}}, b: {{}}}}\nservices: {{s: {{instances: 3, endpoints: {{e: []}}}}}}\n\
             workloads: {{w: {{target: s.e, batch: {{size: 1}}}}}}\nfaults: [{{at: 1s, {fault}}}]\n"
        );
        model(&text).faults.remove(0).kind
    };
    let crash = |place, mode| FaultKind::Crash { place, mode };
    assert_eq!(
        read("crash: {instance: s-3}"),
        crash(Place::Instance(0, 2), CrashMode::Refuse)
    );
    assert_eq!(
        read("crash: {zone: b, mode: blackhole}"),
        crash(Place::Zone(1), CrashMode::Blackhole)
    );
    assert_eq!(
        read("pause: {node: a-2}"),
        FaultKind::Pause {
            place: Place::Node(0, 1)
        }
    );
    assert_eq!(
        read("errors: {service: s, ratio: 30%}"),
        FaultKind::Errors {
            place: Place::Service(0),
            ratio: 0.3
        }
    );
    assert_eq!(
        read("latency: {from: w, to: s-1, add: 5ms}"),
        FaultKind::Latency {
            from: Some(Place::Workload(0)),
            to: Some(Place::Instance(0, 0)),
            add: Distribution::Constant(ms(5))
        }
    );
    assert_eq!(
        read("loss: {to: a, ratio: 1}"),
        FaultKind::Loss {
            from: None,
            to: Some(Place::Zone(0)),
            ratio: 1.0
        }
    );
    assert_eq!(
        read("partition: {groups: [[a, b-1], [service:s]]}"),
        FaultKind::Partition {
            groups: vec![
                vec![Place::Zone(0), Place::Node(1, 0)],
                vec![Place::Service(0)]
            ]
        }
    );
    assert_eq!(
        read("surge: {workload: w, factor: 0}"),
        FaultKind::Surge {
            workload: 0,
            factor: 0.0
        }
    );

    let text = format!(
        "{}faults: [{{mtbf: {{exponential: {{mean: 1h}}}}, mttr: 1m, pause: {{node: default-1}}}}, {{at: 5s, pause: {{service: s}}}}]\n",
        around_steps("[]")
    );
    let faults = model(&text).faults;
    assert_eq!(
        faults[0],
        Fault {
            when: Occurrence::Renewal {
                mtbf: Distribution::Exponential { mean: 3.6e12 },
                mttr: Distribution::Constant(Duration::from_secs(60)),
            },
            kind: FaultKind::Pause {
                place: Place::Node(0, 0)
            },
        }
    );
    assert_eq!(
        faults[1].when,
        Occurrence::Once {
            at: at(5),
            lasts: None
        }
    );
}

#[test]
fn links_name_zones_and_services() {
    let text = format!(
        "zones: {{a: {{}}, b: {{}}}}\nnetwork: {{links: [{{from: a, to: s, latency: 9ms}}, {{from: b, to: a, loss: 1%}}]}}\n{}",
        around_steps("[]")
    );
    let link = |latency, loss| Link {
        latency: Distribution::Constant(ms(latency)),
        loss,
    };
    assert_eq!(
        model(&text).network.links,
        [
            LinkRule {
                from: Place::Zone(0),
                to: Place::Service(0),
                link: link(9, 0.0)
            },
            LinkRule {
                from: Place::Zone(1),
                to: Place::Zone(0),
                link: link(0, 0.01)
            },
        ]
    );
}

#[test]
fn warmup_may_be_left_to_the_statistics() {
    let text = format!("run: {{warmup: auto}}\n{}", around_steps("[]"));
    assert_eq!(model(&text).run.warmup, Warmup::Auto);
}

#[test]
fn anchors_aliases_and_a_byte_order_mark_are_read() {
    let text = "\u{feff}policies: {p: &usual [{timeout: 1s}], q: *usual}\n".to_owned()
        + &around_steps("[]");
    let model = model(&text);
    assert_eq!(model.policies[0].config, model.policies[1].config);
}

/// Circles of calls: those that nothing leaves are refused, those with a way out are not.
#[test]
fn circles_of_calls() {
    let circle = |a: &str, b: &str| {
        format!(
            "policies: {{f: [{{fallback: {{}}}}]}}\nservices: {{s: {{endpoints: {{a: {a}, b: {b}}}}}}}\n\
             workloads: {{w: {{target: s.a, batch: {{size: 1}}}}}}\n"
        )
    };
    let to_b = "[{call: s.b}]";
    for endless in [
        "[{call: s.a}]",
        "[{call: s.b}, {fail: 1}]",
        "[{choose: [{weight: 1, steps: [{call: s.a}]}, {weight: 2, steps: [{call: s.b}]}]}]",
        "[{choose: [{weight: 1, steps: [{call: s.a}]}, {weight: 0, steps: []}]}]",
        "[{parallel: [[], [{call: s.a}]], require: 1}]",
        "[{repeat: {times: 2, steps: [{call: s.a}]}}]",
        "[{call: s.a, policy: f}]",
    ] {
        assert!(
            complaint(&circle(to_b, endless)).contains("this call never ends"),
            "{endless}"
        );
    }
    for ending in [
        "[]",
        "[{fail: 1}, {call: s.a}]",
        "[{fail: 0.1%}, {call: s.a}]",
        "[{choose: [{weight: 1, steps: [{call: s.a}]}, {weight: 1, steps: []}]}]",
        "[{repeat: {times: 0, steps: [{call: s.a}]}}]",
        "[{parallel: [[{fail: 1}], []]}, {call: s.a}]",
    ] {
        model(&circle(to_b, ending));
    }
    // What fails before the circle closes leads out of it, unless a fallback makes good for it.
    model(&circle("[{call: s.b}, {call: s.a}]", "[{fail: 0.5}]"));
    assert!(
        complaint(&circle(
            "[{call: s.b, policy: f}, {call: s.a}]",
            "[{fail: 1}]"
        ))
        .contains("never ends")
    );
}

#[test]
fn sets_change_what_they_name() {
    let changed = |sets: &[&str]| {
        let sets: Vec<Set> = sets.iter().map(|set| set.parse().expect("a set")).collect();
        match read(include_str!("whole.yaml"), "whole.yaml", &(), &sets) {
            Ok(loaded) => loaded.model,
            Err(report) => panic!("{report}"),
        }
    };
    let attempts = |model: &Model| match &model.policies[0].config.layers[1] {
        LayerConfig::Retry(retry) => retry.attempts,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        attempts(&changed(&["policies.interactive.retry.attempts=5"])),
        5
    );
    assert_eq!(
        attempts(&changed(&["policies.interactive.1.attempts=6"])),
        6
    );
    assert_eq!(
        attempts(&changed(&["policies.interactive.1.retry.attempts=7"])),
        7
    );
    let timeout = |model: &Model| model.policies[1].config.layers[0].clone();
    assert_eq!(
        timeout(&changed(&["policies.browser.timeout=3s"])),
        LayerConfig::Timeout(Span::Constant(ms(3000)))
    );
    assert_eq!(
        changed(&["workloads.shoppers.arrivals.poisson.rate=400/s"]).workloads[0].source,
        constant_poisson(400.0)
    );
    assert_eq!(
        changed(&["services.order.abandoned=cancel"]).services[1].abandoned,
        Abandoned::Cancel
    );
    assert_eq!(
        changed(&["services.gateway.queue.capacity=5"]).services[0].queue_capacity,
        Some(5),
        "a new key"
    );
    assert_eq!(
        changed(&["services.order.workers=5", "services.order.workers=6"]).services[1].workers,
        6
    );
    assert_eq!(
        changed(&[
            "services.gateway.endpoints.checkout.0.compute={uniform: {low: 1ms, high: 2ms}}"
        ])
        .services[0]
            .endpoints[0]
            .steps[0],
        Step::Compute(Distribution::Uniform {
            low: 1e6,
            high: 2e6
        })
    );
    assert_eq!(changed(&["faults=[]"]).faults, []);
    assert_eq!(
        changed(&["slo.availability=90%"]).slo.availability,
        Some(0.9)
    );
    assert_eq!(changed(&["name=other"]).name, "other");
}

#[test]
fn words_that_are_no_sets() {
    for word in [
        "",
        "policies",
        "=3",
        "a..b=3",
        ".a=3",
        "run.seed=",
        "run.seed= ",
    ] {
        assert!(word.parse::<Set>().is_err(), "{word}");
    }
    let set: Set = "run.seed = 3".parse().expect("a set");
    assert_eq!(set, Set::new("run.seed", "3"));
    assert_eq!(set.to_string(), "run.seed=3");
}

#[test]
fn named_things_are_located() {
    let loaded = read(
        include_str!("whole.yaml"),
        "whole.yaml",
        &(),
        &["run.seed=9".parse().expect("a set")],
    )
    .expect("a model");
    let place = |path: &str| {
        let location = loaded.sources.locate(path)?;
        Some((location.file, location.line, location.column))
    };
    let text = include_str!("whole.yaml");
    let line = |words: &str| {
        text.lines()
            .position(|line| line.contains(words))
            .expect("a line")
            + 1
    };
    let file = || "whole.yaml".to_owned();
    assert_eq!(place("services.order"), Some((file(), line("  order:"), 3)));
    assert_eq!(
        place("policies.interactive.retry"),
        Some((file(), line("- retry"), 7))
    );
    assert_eq!(
        place("policies.interactive.retry.budget.ratio"),
        Some((file(), line("- retry"), line_column(text, "ratio: 20%")))
    );
    assert_eq!(
        place("workloads.shoppers.target"),
        Some((file(), line("shoppers:"), 14))
    );
    assert_eq!(place("faults.1"), Some((file(), line("crash:"), 5)));
    assert_eq!(place("run.seed"), Some(("--set".to_owned(), 1, 10)));
    assert_eq!(place("services.none"), None);

    let warning = loaded.sources.warning("services.order", "is busy", None);
    assert_eq!(
        warning.line(),
        format!("whole.yaml:{}:3: services.order: is busy", line("  order:"))
    );
}

fn line_column(text: &str, words: &str) -> usize {
    text.lines()
        .find_map(|line| line.find(words))
        .expect("the words")
        + 1
}

#[test]
fn limits_keep_a_model_from_eating_the_machine() {
    let nested = |depth: usize| {
        let (open, close) = ("[{repeat: {times: 1, steps: ", "}}]");
        around_steps(&format!("{}[]{}", open.repeat(depth), close.repeat(depth)))
    };
    model(&nested(32));
    assert!(complaint(&nested(33)).contains("nested more than 32 deep"));
    let many = |count: usize| around_steps(&format!("[{}]", "{fail: 0}, ".repeat(count)));
    model(&many(100_000));
    assert!(complaint(&many(100_001)).contains("more than 100000 steps"));
    assert!(
        complaint(&format!(
            "run: {{duration: 87601h}}\n{}",
            around_steps("[]")
        ))
        .contains("ten years")
    );
    for (text, words) in [
        (around_service("instances: 10001"), "1 to 10000"),
        (around_service("workers: 1000001"), "1 to 1000000"),
        (around_source("closed: {users: 10000001}"), "1 to 10000000"),
        (around_source("batch: {size: 10000001}"), "1 to 10000000"),
        (
            around_source("arrivals: {renewal: 0s}"),
            "must not always be 0",
        ),
        (
            around_steps("[{compute: {erlang: {k: 10001, mean: 1ms}}}]"),
            "1 to 10000",
        ),
        (
            around_steps("[{repeat: {times: 1000001, steps: []}}]"),
            "0 to 1000000",
        ),
        (around_layers("[{retry: {attempts: 101}}]"), "1 to 100"),
        (around_layers("[{timeout: 0s}]"), "must not always be 0"),
        (
            format!("run: {{replications: 1000001}}\n{}", around_steps("[]")),
            "1 to 1000000",
        ),
    ] {
        let told = complaint(&text);
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn files_are_read_from_the_folder_of_the_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = around_steps("[{compute: {empirical: {file: data/t.csv, column: ms, unit: ms}}}]");
    std::fs::write(folder.path().join("mine.yaml"), text).expect("written");
    std::fs::create_dir(folder.path().join("data")).expect("made");
    std::fs::write(folder.path().join("data/t.csv"), "ms\n7\n").expect("written");
    let loaded = load(&folder.path().join("mine.yaml"), &[]).expect("a model");
    assert_eq!(loaded.model.name, "mine");
    assert_eq!(
        loaded.model.services[0].endpoints[0].steps,
        [Step::Compute(Distribution::Empirical(vec![7e6]))]
    );

    std::fs::write(folder.path().join("latin.yaml"), b"name: caf\xe9\n").expect("written");
    let report = load(&folder.path().join("latin.yaml"), &[]).expect_err("not UTF-8");
    assert!(
        report.to_string().contains("it is not UTF-8 (line 1)"),
        "{report}"
    );
    let report = load(&folder.path().join("none.yaml"), &[]).expect_err("no such file");
    assert!(
        report
            .to_string()
            .contains("none.yaml:1:1: the file cannot be read"),
        "{report}"
    );
}
