//! Services, their queues and balancers, and the steps of their endpoints.

use crate::{around_service, around_steps, complaint, model, ms};
use clock::Duration;
use policy::config::{BalancerConfig, Codel, Discipline};
use stormglass_model::{
    Abandoned, Autoscale, Discovery, Distribution, Gossip, HealthCheck, Lease, ScaleMetric,
    Scheduling, Step,
};

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
fn discovery_of_every_kind() {
    let s = Duration::from_secs;
    let discovery =
        |text: &str| model(&around_service(&format!("discovery: {text}"))).services[0].discovery;
    assert_eq!(discovery("static"), Discovery::Static);
    let check = HealthCheck {
        interval: s(2),
        timeout: s(2),
        unhealthy: 3,
        healthy: 2,
    };
    assert_eq!(discovery("health_check"), Discovery::HealthCheck(check));
    let timeout = s(1);
    assert_eq!(
        discovery("{health_check: {timeout: 1s}}"),
        Discovery::HealthCheck(HealthCheck { timeout, ..check })
    );
    let lease = Lease {
        registry: None,
        heartbeat: s(30),
        expiry: s(90),
        eviction: s(60),
        refresh: s(30),
        self_preservation: 0.85,
    };
    assert_eq!(discovery("lease"), Discovery::Lease(lease));
    let (registry, self_preservation) = (Some(0), 0.0);
    assert_eq!(
        discovery("{lease: {registry: s, self_preservation: 0}}"),
        Discovery::Lease(Lease {
            registry,
            self_preservation,
            ..lease
        })
    );
    let gossip = Gossip {
        probe_interval: s(1),
        probe_timeout: ms(500),
        indirect_probes: 3,
        suspect_for: s(4),
    };
    assert_eq!(discovery("{gossip: {}}"), Discovery::Gossip(gossip));
}

#[test]
fn discovery_that_makes_no_sense() {
    for (text, told) in [
        (
            "{health_check: {interval: 1s, timeout: 2s}}",
            "`timeout` is longer than `interval`",
        ),
        (
            "{lease: {heartbeat: 30s, expiry: 30s}}",
            "`expiry` must be longer than `heartbeat`",
        ),
        ("{lease: {registry: t}}", "there is no service `t`"),
        (
            "{gossip: {probe_interval: 500ms}}",
            "`probe_timeout` must be shorter than `probe_interval`",
        ),
        ("{gossip: {indirect_probes: 0}}", "a whole number from 1"),
        ("consul", "unknown discovery `consul`"),
    ] {
        let complaint = complaint(&around_service(&format!("discovery: {text}")));
        assert!(complaint.contains(told), "{text}: {complaint}");
    }
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
fn an_autoscaler_has_the_defaults_of_kubernetes() {
    let autoscale = |text: &str| {
        let model = model(&around_service(&format!("instances: 2, autoscale: {text}")));
        assert_eq!(model.slots(0), 6);
        model.services[0].autoscale
    };
    let usual = Autoscale {
        min: 1,
        max: 6,
        metric: ScaleMetric::Utilization,
        target: 0.7,
        interval: Duration::from_secs(15),
        cooldown: Duration::from_secs(300),
    };
    assert_eq!(autoscale("{max: 6, utilization: 70%}"), Some(usual));
    let told = Autoscale {
        min: 2,
        metric: ScaleMetric::QueueLength,
        target: 2.5,
        interval: ms(100),
        cooldown: ms(0),
        ..usual
    };
    let text = "{min: 2, max: 6, queue_length: 2.5, interval: 100ms, cooldown: 0s}";
    assert_eq!(autoscale(text), Some(told));
}

#[test]
fn who_is_autoscaled_is_in_nothing_that_needs_a_number() {
    let refused = |keys: &str, sections: &str| {
        complaint(&format!(
            "services: {{s: {{instances: 2, {keys}, endpoints: {{e: []}}}}}}\n\
             workloads: {{w: {{target: s.e, batch: {{size: 1}}}}}}\n{sections}\n"
        ))
    };
    let scaled = "autoscale: {max: 6, utilization: 70%}";
    for (keys, sections, words) in [
        (
            "autoscale: {max: 1, utilization: 70%}",
            "",
            "`max` is too few",
        ),
        (
            "autoscale: {min: 3, max: 6, utilization: 70%}",
            "",
            "`min` is too many",
        ),
        (
            "autoscale: {min: 7, max: 6, utilization: 70%}",
            "",
            "`min` is more than `max`",
        ),
        ("autoscale: {max: 6}", "", "is missing"),
        (
            "replication: {protocol: raft}, autoscale: {max: 6, utilization: 70%}",
            "",
            "its group",
        ),
        (
            scaled,
            "deployments: [{service: s, at: 1m, strategy: blue_green, change: {slow: 2}}]",
            "beside those of an autoscaled service",
        ),
        (
            scaled,
            "queues: {q: {consumer: s.e, broker: s}}",
            "between brokers that come and go",
        ),
        (
            "discovery: {lease: {registry: s}}, autoscale: {max: 6, utilization: 70%}",
            "",
            "a registry that comes and goes",
        ),
    ] {
        let complaint = refused(keys, sections);
        assert!(complaint.contains(words), "{complaint}");
    }
}
