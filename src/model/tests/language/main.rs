//! What a model says, field by field: every section of the language, its defaults and its limits.

mod admission;
mod breakers;
mod changes;
mod custom;
mod distributions;
mod limits;
mod places;
mod policies;
mod queues;
mod rates;
mod replication;
mod retries;
mod services;
mod sets;
mod stores;
mod transactions;
mod workloads;

use clock::{Duration, Instant};
use policy::config::{
    Backoff, BalancerConfig, BreakerConfig, Discipline, FallbackConfig, Jitter, LayerConfig,
    RetryBudget, RetryConfig, Scope, Span, Window, default_retry_on,
};
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
    let model = model(include_str!("../whole.yaml"));
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
                optional: false,
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
    assert_eq!(kinds, [("interactive", 4), ("browser", 1), ("bounded", 4)]);
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
            ..RetryConfig::default()
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
            ..BreakerConfig::default()
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
            outlier_ejection: None,
            admission: Default::default(),
            degrade: None,
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
            discovery: Discovery::Static,
            replication: None,
            autoscale: None,
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
