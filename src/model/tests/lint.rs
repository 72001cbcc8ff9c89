//! What models that can be read are warned of: one snapshot per rule, to be looked at by eye, and
//! nothing where all is well.

use std::path::Path;
use stormglass_model::{Set, lint, load, read};

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
    let warnings = lint(&loaded);
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

cases! {
    // Timeouts and the work that they wait for.
    timeout_below_the_mean: with("- timeout: 300ms", "- timeout: 20ms");
    timeout_below_the_least: with("{compute: {exponential: {mean: 20ms}}}", "{compute: 500ms}").replace("workers: 4\n", "workers: 99\n");
    timeout_of_a_workload: with("- timeout: 3s", "- timeout: 25ms").replace("instances: 5", "instances: 1");
    timeout_that_never_fires: GOOD, "policies.browser=[{timeout: 3s}, {timeout: 3s}, {timeout: 4s}, {timeout: 1s}]", "policies.patient.3.timeout=300us";
    timeout_shorter_than_the_retries: GOOD, "policies.browser.timeout=800ms", "policies.patient.0={timeout: 10s}";
    timeout_shorter_than_the_wait: GOOD, "policies.browser.timeout=800ms", "policies.patient=[{timeout: 1s}]";
    // Retries.
    retries_that_multiply: GOOD, "policies.browser=[{retry: {attempts: 3}}]", "policies.patient=[{retry: {attempts: 4}}]";
    retries_of_one_policy: GOOD, "policies.patient=[{fallback: {}}, {retry: {attempts: 3}}, {retry: {attempts: 5}}]";
    // Breakers.
    breaker_that_never_judges: with("minimum_calls: 20", "minimum_calls: 300");
    breaker_of_every_instance: with("minimum_calls: 20", "minimum_calls: 110, scope: instance");
    // Load.
    too_few_workers: with("  db:\n    workers: 4", "  db:\n    workers: 1");
    workers_that_wait: with("    instances: 2\n    workers: 4", "    workers: 2");
    shared_cores: with("  db:\n", "  db:\n    scheduling: processor_sharing\n");
    work_without_a_mean: with("exponential: {mean: 20ms}", "pareto: {minimum: 10ms, shape: 1}");
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
