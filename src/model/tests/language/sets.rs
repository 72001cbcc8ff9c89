//! `--set`, and where things stand.

use crate::{constant_poisson, ms};
use policy::config::{LayerConfig, Span};
use stormglass_model::{Abandoned, Distribution, Model, Set, Step, read};

#[test]
fn sets_change_what_they_name() {
    let changed = |sets: &[&str]| {
        let sets: Vec<Set> = sets.iter().map(|set| set.parse().expect("a set")).collect();
        match read(include_str!("../whole.yaml"), "whole.yaml", &(), &sets) {
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
        include_str!("../whole.yaml"),
        "whole.yaml",
        &(),
        &["run.seed=9".parse().expect("a set")],
    )
    .expect("a model");
    let place = |path: &str| {
        let location = loaded.sources.locate(path)?;
        Some((location.file, location.line, location.column))
    };
    let text = include_str!("../whole.yaml");
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
