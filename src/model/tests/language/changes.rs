//! What changes while a model runs: pushes of configuration, bad ones, deployments, and the editions of
//! services that follow.

use crate::{SHELF, at, complaint, model, ms};
use stormglass_model::*;

/// Two services under one policy, and these sections.
fn with(sections: &str) -> String {
    format!(
        "policies: {{p: [{{timeout: 100ms}}]}}\n\
         services:\n  \
           front: {{workers: 4, endpoints: {{get: [{{compute: 1ms}}, {{call: back.get, policy: p}}]}}}}\n  \
           back: {{workers: 8, endpoints: {{get: [{{compute: 5ms}}]}}}}\n\
         workloads: {{w: {{target: front.get, batch: {{size: 1}}}}}}\n\
         {sections}\n"
    )
}

fn edition(model: &Model, service: usize, version: u32, config: u32) -> &Edition {
    let known = (service, version, config);
    let of = |e: &&Edition| (e.service, e.version, e.config) == known;
    model
        .editions
        .iter()
        .find(of)
        .unwrap_or_else(|| panic!("no edition {known:?}"))
}

fn compute(steps: &[Step]) -> &Distribution {
    let Step::Compute(distribution) = &steps[0] else {
        panic!("{steps:?}");
    };
    distribution
}

#[test]
fn pushes_make_configurations_one_on_top_of_the_other() {
    let model = model(&with(
        "config:\n  propagation: {poll: {interval: 10s}}\n  pushes:\n    \
         - {at: 20s, set: {services.back.endpoints.get.0.compute: 7ms}}\n    \
         - {at: 10s, set: {services.back.workers: 2}}\n    \
         - {at: 30s, back_to: 1}\n",
    ));
    let centre = model.config.as_ref().expect("a centre");
    let interval = ms(10_000);
    assert_eq!(centre.propagation, Propagation::Poll { interval });
    assert_eq!(centre.configs, 3);
    let pushed: Vec<_> = centre
        .pushes
        .iter()
        .map(|p| (p.at, p.config, p.label.as_str()))
        .collect();
    assert_eq!(
        pushed,
        [
            (at(10), 1, "services.back.workers = 2"),
            (at(20), 2, "services.back.endpoints.get.0.compute = 7ms"),
            (at(30), 1, "back to 1"),
        ]
    );
    // Only `back` is concerned.
    let all: Vec<_> = model
        .editions
        .iter()
        .map(|e| (e.service, e.version, e.config))
        .collect();
    assert_eq!(all, [(1, 0, 1), (1, 0, 2)]);
    let (first, second) = (edition(&model, 1, 0, 1), edition(&model, 1, 0, 2));
    assert_eq!((first.shape.workers, second.shape.workers), (2, 2));
    let five = Distribution::Constant(ms(5));
    let seven = Distribution::Constant(ms(7));
    assert_eq!(compute(&first.shape.endpoints[0].steps), &five);
    assert_eq!(compute(&second.shape.endpoints[0].steps), &seven);
    assert_eq!((first.slow, first.errors, first.corrupt), (1.0, 0.0, 0.0));
    // What the model itself says stays.
    assert_eq!(model.services[1].workers, 8);
}

#[test]
fn a_policy_concerns_every_service() {
    let model = model(&with(
        "config: {pushes: [{at: 1s, set: {policies.p.timeout: 10ms}}]}",
    ));
    assert_eq!(model.editions.len(), 2);
    for edition in &model.editions {
        assert_ne!(edition.policies, model.policies);
        assert_eq!(edition.shape, model.services[edition.service]);
    }
}

#[test]
fn a_bad_push_is_a_fault_that_is_taken_back() {
    let model = model(&with(
        "faults:\n  - {at: 5s, for: 2s, slow: {service: back, factor: 2}}\n  \
         - {at: 10s, for: 5s, config: {set: {services.back.workers: 1}}}\n",
    ));
    let centre = model.config.as_ref().expect("a centre of its own");
    assert_eq!(centre.pushes.len(), 1);
    assert_eq!(
        (centre.pushes[0].config, centre.pushes[0].fault),
        (1, Some(1))
    );
    let label = "services.back.workers = 1".to_owned();
    assert_eq!(model.faults[1].kind, FaultKind::Config { config: 1, label });
    assert_eq!(edition(&model, 1, 0, 1).shape.workers, 1);
}

#[test]
fn versions_are_the_model_with_their_own_change() {
    let model = model(&with(
        "deployments:\n  \
         - {service: back, at: 2m, change: {slow: 3, errors: 5%}, strategy: {rolling: {batch: 2}}}\n  \
         - {service: back, at: 1m, change: {set: {services.back.workers: 2}, corrupt: 1%}, strategy: blue_green}\n\
         config: {pushes: [{at: 90s, set: {services.back.workers: 16}}]}",
    ));
    let order: Vec<_> = model
        .deployments
        .iter()
        .map(|d| (d.service, d.version, d.at))
        .collect();
    assert_eq!(order, [(1, 1, at(60)), (1, 2, at(120))]);
    let (batch, pause) = (2, ms(0));
    assert_eq!(
        model.deployments[1].strategy,
        Strategy::Rolling { batch, pause }
    );
    let shown = |version, config| {
        let e = edition(&model, 1, version, config);
        (e.shape.workers, e.slow, e.errors, e.corrupt)
    };
    assert_eq!(shown(1, 0), (2, 1.0, 0.0, 0.01));
    assert_eq!(shown(2, 0), (8, 3.0, 0.05, 0.0));
    assert_eq!(shown(0, 1), (16, 1.0, 0.0, 0.0));
    // A version's own word is the last.
    assert_eq!(shown(1, 1), (2, 1.0, 0.0, 0.01));
    assert_eq!(shown(2, 1), (16, 3.0, 0.05, 0.0));
    assert_eq!(model.editions.len(), 5);
}

#[test]
fn a_rollback_says_who_acts_on_what_and_when_it_is_back() {
    let model = model(&with(
        "stores: {orders: {owner: back}}\n\
         deployments:\n  - service: back\n    at: 1m\n    change: {errors: 20%}\n    rollback:\n      \
         mode: {manual: {notice: 3m}}\n      \
         detect: {error_rate: 5%, latency: {p99: 400ms}, over: 20s}\n      \
         restore: [orders]\n      verify: {for: 20s, interval: 2s}\n",
    ));
    let rollback = &model.deployments[0].rollback;
    let RollbackMode::Manual { notice, per_step } = &rollback.mode else {
        panic!("{rollback:?}");
    };
    assert_eq!(notice, &Distribution::Constant(ms(180_000)));
    assert_eq!(per_step, &Distribution::Constant(ms(120_000)));
    let (over, minimum) = (ms(20_000), 20);
    assert_eq!(
        rollback.detect,
        [
            Detector::ErrorRate {
                above: 0.05,
                over,
                minimum
            },
            Detector::Latency {
                quantile: 0.99,
                above: ms(400),
                over,
                minimum
            },
        ]
    );
    assert_eq!(rollback.restore, [0]);
    let verify = Verify {
        lasts: ms(20_000),
        interval: ms(2_000),
    };
    assert_eq!((rollback.verify, rollback.attempts), (Some(verify), 2));
}

#[test]
fn what_can_not_change_is_refused_where_it_stands() {
    let push = |set: &str| with(&format!("config: {{pushes: [{{at: 1s, set: {set}}}]}}"));
    for (text, words) in [
        (push("{}"), "this changes nothing"),
        (
            push("{run.seed: 3}"),
            "`run.seed` does not change while a model runs",
        ),
        (
            push("{services.back.instances: 3}"),
            "`instances` of a service does not change",
        ),
        (push("{services.back.worker: 3}"), "did you mean `workers`?"),
        (push("{services.bakc.workers: 3}"), "did you mean `back`?"),
        (push("{services.back.workers: 0}"), "workers"),
        (
            push("{services.back.queue.discipline: lifo}"),
            "only its `capacity`",
        ),
        (
            push("{services.back.endpoints: {}}"),
            "the endpoints of a service stay",
        ),
        (
            push("{services.back.endpoints.got: []}"),
            "did you mean `get`?",
        ),
        (
            push("{services.back.endpoints.get: [{call: front.get}]}"),
            "this call never ends",
        ),
        (
            with("config: {pushes: [{at: 1s, back_to: 1}]}"),
            "until then there are 0 configurations",
        ),
        (
            with(
                "config: {pushes: [{at: 1s, set: {services.back.workers: 1}}, {at: 1s, back_to: 0}]}",
            ),
            "at the same time",
        ),
        (
            with(
                "config: {pushes: [{at: 12s, back_to: 0}]}\n\
                 faults: [{at: 10s, for: 5s, config: {set: {services.back.workers: 1}}}]",
            ),
            "while a bad configuration is there",
        ),
        (
            with("faults: [{mtbf: 10s, mttr: 5s, config: {set: {services.back.workers: 1}}}]"),
            "is pushed once",
        ),
        (
            with(
                "deployments: [{service: back, at: 1s, change: {set: {services.front.workers: 1}}}]",
            ),
            "a version of `back` does not change `front`",
        ),
        (
            with("deployments: [{service: back, at: 1s, change: {}}]"),
            "`slow`",
        ),
        (
            with(
                "deployments: [{service: back, at: 1s, change: {slow: 2}, rollback: {mode: automatic}}]",
            ),
            "nothing tells when to roll back",
        ),
        (
            with(
                "deployments: [{service: back, at: 1s, change: {slow: 2}, \
                 rollback: {mode: automatic, detect: {error_rate: 5%}, replay: [shipments]}}]",
            ),
            "there is no queue `shipments`",
        ),
        (
            with(
                "deployments: [{service: back, at: 1s, change: {slow: 2}, \
                 rollback: {mode: automatic, detect: {burn_rate: {}}}}]",
            ),
            "there is no error budget to burn",
        ),
        (
            with(
                "queues: {mails: {consumer: back.get, broker: back}}\n\
                 deployments: [{service: back, at: 1s, change: {slow: 2}, strategy: blue_green}]",
            ),
            "do not move to brokers beside those",
        ),
    ] {
        let complaint = complaint(&text);
        assert!(
            complaint.contains(words),
            "{words} is not in\n{complaint}\nof\n{text}"
        );
    }
}

#[test]
fn sets_reach_into_pushes_and_deployments() {
    let text = with(
        "config: {pushes: [{at: 1s, set: {services.back.workers: 2}}]}\n\
         deployments: [{service: back, at: 1m, change: {slow: 3}}]",
    );
    let sets = ["deployments.0.change.slow=5".parse().expect("a set")];
    let model = read(&text, "m.yaml", &SHELF, &sets).expect("a model").model;
    assert_eq!(edition(&model, 1, 1, 0).slow, 5.0);
}
