//! What models that can be read are warned of: one snapshot per rule, to be looked at by eye, and
//! nothing where all is well.

use proptest::prelude::*;
use std::path::Path;
use stormglass_model::{Diagnostic, Set, lint, load, read};

/// A model without a flaw; a case replaces parts of it.
const GOOD: &str = "\
policies:
  browser:
    - timeout: 3s
  patient:
    - timeout: 2s
    - retry: {attempts: 3, backoff: 50ms}
    - circuit_breaker: {window: {time: 10s}, minimum_calls: 20}
    - timeout: 300ms
services:
  web:
    instances: 5
    workers: 64
    threading: async
    endpoints:
      get:
        - compute: 1ms
        - call: shop.get
          policy: patient
  shop:
    instances: 2
    workers: 4
    endpoints:
      get:
        - compute: {exponential: {mean: 4ms}}
        - call: db.query
  db:
    workers: 4
    endpoints:
      query: [{compute: {exponential: {mean: 20ms}}}]
workloads:
  users: {target: web.get, policy: browser, arrivals: {poisson: {rate: 100/s}}}
";

/// The warnings, each on a line, and drawn.
fn warned(text: &str, sets: &[&str]) -> String {
    let sets: Vec<Set> = sets.iter().map(|set| set.parse().expect("a set")).collect();
    let loaded = match read(text, "model.yaml", &(), &sets) {
        Ok(loaded) => loaded,
        Err(report) => panic!("{report}"),
    };
    shown(&lint(&loaded))
}

fn shown(warnings: &[Diagnostic]) -> String {
    let lines: String = warnings.iter().map(|w| w.line() + "\n").collect();
    let drawn: String = warnings
        .iter()
        .map(|w| w.render(100, false) + "\n")
        .collect();
    format!("{lines}\n{drawn}")
}

/// The good model with one part replaced.
fn with(part: &str, other: &str) -> String {
    assert_eq!(GOOD.matches(part).count(), 1, "`{part}` must be there once");
    GOOD.replace(part, other)
}

macro_rules! cases {
    ($($name:ident: $text:expr $(, $set:literal)*;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(warned(&$text, &[$($set),*]));
        }
    )*};
}

#[test]
fn a_good_model_is_not_warned_of() {
    assert_eq!(warned(GOOD, &[]), "\n");
}

/// Each of the settings that may be without effect, where it has one.
#[test]
fn settings_with_an_effect_are_not_warned_of() {
    let text = GOOD
        .replace("- call: db.query", "- {call: db.query, optional: true}")
        .replace("  shop:\n", "  shop:\n    degrade: {queue_length: 10}\n")
        .replace("target: web.get,", "target: web.get, keys: {count: 9},")
        .replace(
            "  db:\n",
            "  db:\n    admission: {rate_limit: {gcra: {rate: 999/s}, keys: 5}}\n",
        );
    let sets = [
        "policies.browser=[{timeout: 3s}, {hedge: {delay: 2s}}]",
        "policies.patient=[{fallback: {on: [timeout]}}, {retry: {attempts: 3, retry_on: [timeout]}}, \
         {rate_limit: {gcra: {rate: 999/s}, keys: 5}}, {timeout: 300ms}]",
    ];
    assert_eq!(warned(&text, &sets), "\n");
    let sets = [
        "policies.patient=[{hedge: {delay: 400ms, hedge_on: [timeout]}}, {timeout: 300ms}]",
        "policies.browser=[{retry: {attempts: 1, retry_on: [timeout]}}, {timeout: 9s}]",
    ];
    assert_eq!(warned(&text, &sets), "\n");
}

/// The good model with a replicated `db` of this many instances.
fn replicated(instances: u32, replication: &str) -> String {
    with(
        "  db:\n",
        &format!(
            "  db:\n    instances: {instances}\n    replication: {{protocol: raft{replication}}}\n"
        ),
    )
}

#[test]
fn a_group_of_three_is_not_warned_of() {
    assert_eq!(warned(&replicated(3, ""), &[]), "\n");
}

cases! {
    a_group_of_one: replicated(1, "");
    an_even_group: replicated(4, "");
    no_time_to_find_a_leader: replicated(3, ", failover_buffer: {wait: 100ms}");
    // Timeouts and the work that they wait for.
    timeout_below_the_mean: with("- timeout: 300ms", "- timeout: 20ms");
    timeout_below_the_least: with("{compute: {exponential: {mean: 20ms}}}", "{compute: 500ms}").replace("workers: 4\n", "workers: 99\n");
    timeout_of_a_workload: with("- timeout: 3s", "- timeout: 20ms");
    timeout_that_never_fires: GOOD, "policies.browser=[{timeout: 3s}, {timeout: 3s}, {timeout: 4s}, {timeout: 2s}]";
    timeout_in_the_middle_of_a_policy: with("    - retry:", "    - timeout: 2s\n    - retry:");
    timeouts_of_many_calls: with("        - call: shop.get\n          policy: patient\n", "        - repeat: {times: 2, steps: [{call: shop.get, policy: patient}]}\n        - parallel: [[{call: shop.get, policy: patient}], []]\n        - choose: [{weight: 1, steps: [{call: shop.get, policy: patient}]}]\n").replace("- timeout: 300ms", "- timeout: 3ms").replace("rate: 100/s", "rate: 20/s").replace("minimum_calls: 20", "minimum_calls: 2");
    timeout_shorter_than_the_retries: GOOD, "policies.browser.timeout=800ms", "policies.patient.0={timeout: 10s}";
    timeout_shorter_than_the_wait: GOOD, "policies.browser.timeout=800ms", "policies.patient=[{timeout: 1s}]";
    // Retries.
    retries_that_multiply: GOOD, "policies.browser=[{retry: {attempts: 3}}]", "policies.patient=[{retry: {attempts: 4}}]";
    retries_of_one_policy: GOOD, "policies.patient=[{fallback: {}}, {retry: {attempts: 3}}, {retry: {attempts: 5}}]";
    retries_of_a_preset: GOOD, "policies.browser=[{retry: {preset: polly}}, {timeout: 20s}]", "policies.patient=[{retry: {preset: spring_retry}}, {timeout: 300ms}]";
    hedges_that_multiply: GOOD, "policies.browser=[{hedge: {attempts: 3, delay: 100ms}}]", "policies.patient=[{retry: {attempts: 4}}]";
    hedge_that_outlasts_its_caller: GOOD, "policies.browser.timeout=800ms", "policies.patient=[{hedge: {attempts: 4, delay: 200ms}}, {timeout: 300ms}]";
    // Breakers.
    breaker_of_a_preset: GOOD, "policies.patient.2={circuit_breaker: {preset: polly}}", "workloads.users.arrivals={poisson: {rate: 10/s}}";
    breaker_that_never_judges: with("minimum_calls: 20", "minimum_calls: 300");
    breaker_of_every_instance: with("minimum_calls: 20", "minimum_calls: 110, scope: instance");
    // Load.
    too_few_instances: with("    instances: 2\n    workers: 4", "    instances: 2\n    workers: 4").replace("rate: 100/s", "rate: 400/s").replace("db:\n    workers: 4", "db:\n    workers: 40");
    too_few_workers: with("  db:\n    workers: 4", "  db:\n    workers: 1");
    workers_that_wait: with("    instances: 2\n    workers: 4", "    workers: 2");
    shared_cores: with("  db:\n", "  db:\n    scheduling: processor_sharing\n");
    work_without_a_mean: with("exponential: {mean: 20ms}", "pareto: {minimum: 10ms, shape: 1}");
    admission_that_bounds_the_load: with("  db:\n    workers: 4", "  db:\n    admission: {rate_limit: {gcra: {rate: 60/s}}}\n    workers: 1");
    // Settings without effect.
    timeouts_that_nobody_sees: GOOD, "policies.patient=[{timeout: 2s}, {fallback: {on: [timeout]}}, {retry: {attempts: 3, retry_on: [timeout]}}, {circuit_breaker: {failure_on: [timeout]}}, {hedge: {delay: on_failure, hedge_on: [timeout]}}]";
    hedges_that_come_too_late: with("  browser:\n    - timeout: 3s\n", "  browser:\n    - timeout: 3s\n    - hedge: {delay: 3s}\n").replace("    - timeout: 300ms\n", "    - hedge: {delay: 400ms, hedge_on: [unavailable]}\n    - timeout: 300ms\n");
    keys_that_nobody_has: with("    - timeout: 3s\n", "    - rate_limit: {gcra: {rate: 999/s}, keys: 5}\n    - timeout: 3s\n").replace("  db:\n", "  db:\n    admission: [{rate_limit: {gcra: {rate: 999/s}, keys: 5}}]\n");
    nothing_to_leave_out: with("  shop:\n", "  shop:\n    degrade: {queue_length: 10}\n");
    // Discovery.
    leases_that_never_end: with("  db:\n", "  db:\n    discovery: lease\n");
    lists_that_are_old: with("  db:\n", "  db:\n    discovery: {lease: {self_preservation: 0, refresh: 5m}}\n");
    // Endpoints.
    endpoint_that_nothing_calls: with("      query:", "      drop: [{call: db.query}, {call: db.drop_all}]\n      drop_all: []\n      query:");
    endpoints_that_only_call_each_other: with("      query:", "      ping: [{fail: 50%}, {call: db.pong}]\n      pong: [{call: db.ping}]\n      query:");
    // Places.
    what_a_set_says: GOOD, "services.db.workers=1", "workloads.users.policy=patient", "policies.patient.3.timeout=20ms";
}

/// What is deliberate there is listed here; all else is a flaw of the model or of a rule.
#[test]
fn models_of_the_repository() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of models")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let loaded = load(&file, &[]).expect("a model");
        let name = file.file_name().expect("a name").to_string_lossy();
        let warnings: Vec<_> = lint(&loaded).iter().map(|w| w.key().to_owned()).collect();
        let meant: &[&str] = match &*name {
            // The browser goes away while the gateway still tries.
            "checkout.yaml" => &["workloads.shoppers.policy"],
            // The same timeouts at all levels, as in the originals.
            // What its caches hide.
            "cold_cache.yaml" => &["services.db"],
            "sock_shop.yaml" => &[
                "services.front-end.endpoints.catalogue.2.policy",
                "services.front-end.endpoints.login.1.policy",
            ],
            "train_ticket.yaml" => &["services.ts-ticketinfo-service.endpoints.journey.1.policy"],
            _ => &[],
        };
        assert_eq!(warnings, meant, "{name}");
    }
}

/// A random model: services that call each other in any direction, around circles too.
fn model() -> impl Strategy<Value = String> {
    let time = prop::sample::select(vec![
        "0s",
        "1ms",
        "3h",
        "{exponential: {mean: 5ms}}",
        "{uniform: {low: 1ms, high: 9ms}}",
        "{pareto: {minimum: 1ms, shape: 0.7}}",
        "{weibull: {scale: 1ms, shape: 0.001}}",
        "{lognormal: {mean: 1ms, cv: 1000}}",
    ]);
    let call = (0..8_usize, 0..7_usize).prop_map(|(target, policy)| match policy {
        0 => format!("{{call: s{}.e{}}}", target / 2, target % 2),
        p => format!(
            "{{call: s{}.e{}, policy: p{}}}",
            target / 2,
            target % 2,
            p % 3
        ),
    });
    let leaf = prop_oneof![
        2 => time.clone().prop_map(|time| format!("{{compute: {time}}}")),
        1 => time.clone().prop_map(|time| format!("{{wait: {time}}}")),
        3 => call,
        1 => prop::sample::select(vec!["0", "1%", "50%", "100%"]).prop_map(|p| format!("{{fail: {p}}}")),
    ];
    let step = leaf.prop_recursive(3, 24, 3, |step| {
        let steps = prop::collection::vec(step, 0..3).prop_map(|steps| steps.join(", "));
        let weighted = (
            prop::sample::select(vec![0.0, 1e-9, 1.0, 99.0]),
            steps.clone(),
        );
        prop_oneof![
            (prop::collection::vec(steps.clone(), 1..4), 1..4_usize).prop_map(|(branches, k)| {
                let (n, all) = (branches.len(), branches.join("], ["));
                format!("{{parallel: [[{all}]], require: {}}}", k.min(n))
            }),
            prop::collection::vec(weighted, 1..4).prop_map(|alternatives| {
                let one = |(weight, steps)| format!("{{weight: {weight}, steps: [{steps}]}}");
                let all: Vec<_> = alternatives.into_iter().map(one).collect();
                format!("{{choose: [{}, {{weight: 1, steps: []}}]}}", all.join(", "))
            }),
            (prop::sample::select(vec![0, 1, 2, 1_000_000]), steps).prop_map(
                |(times, steps)| format!("{{repeat: {{times: {times}, steps: [{steps}]}}}}")
            ),
        ]
    });
    let layer = prop_oneof![
        time.prop_map(|time| format!("{{timeout: {}}}", time.replace("0s", "1ns"))),
        Just("{retry: {attempts: 5}}".to_owned()),
        Just("{retry: {attempts: 3, backoff: {exponential: {initial: 1s, factor: 1e300}}, jitter: decorrelated, budget: {tokens: {}}}}".to_owned()),
        Just("{retry: {attempts: 2, retry_on: [unavailable], backoff: {linear: {initial: 1h}}, budget: {ratio: 0}}}".to_owned()),
        Just("{fallback: {}}".to_owned()),
        Just("{bulkhead: {max_concurrent: 1}}".to_owned()),
        Just("{rate_limit: {token_bucket: {rate: 1/h}, scope: instance}}".to_owned()),
        Just("{circuit_breaker: {window: {time: 1s}, scope: instance}}".to_owned()),
        Just("{circuit_breaker: {preset: hystrix, failure_on: [timeout]}}".to_owned()),
        Just("{retry: {preset: aws_adaptive}}".to_owned()),
        Just("{retry: {preset: envoy, budget: {envoy: {share: 1}}}}".to_owned()),
        Just("{concurrency_limit: {gradient: {}, scope: instance}}".to_owned()),
        Just("{client_throttle: {}}".to_owned()),
        Just("{rate_limit: {cycles: {}, keys: 100000}}".to_owned()),
    ];
    let source = prop::sample::select(vec![
        "arrivals: {poisson: {rate: 0/s}}",
        "arrivals: {poisson: {rate: [{at: 0s, rate: 1/s}, {at: 1m, rate: 1000000/s}]}}",
        "arrivals: {deterministic: {rate: 30/min}}",
        "arrivals: {renewal: {pareto: {minimum: 1ms, shape: 0.5}}}",
        "arrivals: {mmpp: {states: [{rate: 0/s, hold: 1s}, {rate: 99/s, hold: {exponential: {mean: 1s}}}]}}",
        "closed: {users: 10}",
        "batch: {size: 10, at: 1s}",
    ]);
    let steps = prop::collection::vec(step, 0..3).prop_map(|steps| steps.join(", "));
    let endpoints = prop::collection::vec(steps, 8);
    let kinds = prop::collection::vec(
        prop::sample::select(vec![
            "threading: async",
            "scheduling: processor_sharing",
            "workers: 3, scheduling: processor_sharing, cores: 2, threading: async",
            "instances: 3, abandoned: cancel",
        ]),
        4,
    );
    let policies = prop::collection::vec(prop::collection::vec(layer, 0..4), 3);
    let sources = prop::collection::vec(source, 1..3);
    (endpoints, kinds, policies, sources).prop_map(|(endpoints, kinds, policies, sources)| {
        let mut text = "policies:\n".to_owned();
        for (number, layers) in policies.iter().enumerate() {
            text += &format!("  p{number}: [{}]\n", layers.join(", "));
        }
        text += "services:\n";
        for (number, kind) in kinds.iter().enumerate() {
            let [a, b] = [&endpoints[2 * number], &endpoints[2 * number + 1]];
            text += &format!("  s{number}: {{{kind}, endpoints: {{e0: [{a}], e1: [{b}]}}}}\n");
        }
        text += "workloads:\n";
        for (number, source) in sources.iter().enumerate() {
            text +=
                &format!("  w{number}: {{target: s{number}.e0, policy: p{number}, {source}}}\n");
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Every model that can be read is looked at to its end, and its figures are figures.
    #[test]
    fn any_model_is_looked_at_to_its_end(text in model()) {
        let loaded = read(&text, "model.yaml", &(), &[]);
        // Calls that never end are refused.
        prop_assume!(loaded.is_ok());
        let loaded = loaded.expect("looked at above");
        let warnings = lint(&loaded);
        prop_assert!(!shown(&warnings).contains("NaN"), "{}", shown(&warnings));
        for warning in &warnings {
            prop_assert!(loaded.sources.locate(warning.key()).is_some(), "{}", warning.line());
            prop_assert!(warning.help().is_some());
        }
    }
}

/// Sizes at which anything that is worse than linear, or recursive, would be noticed.
#[test]
fn large_models() {
    let service = |n: usize, steps: &str| format!("  s{n}: {{endpoints: {{e: [{steps}]}}}}\n");
    let model = |services: String| {
        format!(
            "policies: {{p: [{{retry: {{attempts: 2}}}}, {{timeout: 1ms}}]}}\nservices:\n{services}\
             workloads: {{w: {{target: s0.e, policy: p, arrivals: {{poisson: {{rate: 1/s}}}}}}}}\n"
        )
    };
    let count = 10_000;
    let last = service(count - 1, "{compute: 2ms}");
    let chain = (0..count - 1)
        .map(|n| service(n, &format!("{{call: s{}.e, policy: p}}", n + 1)))
        .chain([last.clone()]);
    let circle = (0..count).map(|n| {
        let next = (n + 1) % count;
        let steps = format!("{{choose: [{{weight: 99, steps: [{{call: s{next}.e}}, {{call: s{next}.e}}]}}, {{weight: 1, steps: []}}]}}");
        service(n, &steps)
    });
    let wide: Vec<_> = (1..count)
        .map(|n| format!("[{{call: s{n}.e, policy: p}}]"))
        .collect();
    let fan = (1..count).map(|n| service(n, "{fail: 1%}")).chain([service(
        0,
        &format!(
            "{{parallel: [{}], require: {}}}",
            wide.join(", "),
            count / 2
        ),
    )]);
    for text in [
        model(chain.collect()),
        model(circle.collect()),
        model(fan.collect()),
    ] {
        let loaded = read(&text, "model.yaml", &(), &[]).expect("a model");
        let warnings = lint(&loaded);
        assert!(warnings.len() <= 100);
        assert!(!shown(&warnings).contains("NaN"));
    }
}
