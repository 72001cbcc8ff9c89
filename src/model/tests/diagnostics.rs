//! What users are told about models that can not be read: one snapshot per mistake. Each holds the
//! one-line form and the drawing, so that lines, columns and marks can be checked by eye.

use stormglass_model::{Report, Set, read};

/// A model that is read without complaint; `{…}` in a case replaces a part of it.
const GOOD: &str = "\
run: {duration: 10m, warmup: 30s}
zones: {a: {nodes: 2}, b: {nodes: 2}}
policies:
  patient:
    - retry: {attempts: 3, backoff: 50ms}
    - timeout: 300ms
services:
  web:
    instances: 2
    endpoints:
      get:
        - compute: 1ms
        - call: db.query
          policy: patient
  db:
    workers: 4
    endpoints:
      query: [{compute: {exponential: {mean: 2ms}}}]
workloads:
  users: {target: web.get, arrivals: {poisson: {rate: 100/s}}}
faults:
  - {at: 2m, for: 30s, slow: {service: db, factor: 8}}
";

fn refused(text: &str, sets: &[&str]) -> Report {
    let sets: Vec<Set> = sets.iter().map(|set| set.parse().expect("a set")).collect();
    match read(text, "model.yaml", &(), &sets) {
        Ok(_) => panic!("this model was read:\n{text}"),
        Err(report) => report,
    }
}

fn shown(report: &Report) -> String {
    format!("{report}\n\n{}", report.render(100, false))
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
            insta::assert_snapshot!(shown(&refused(&$text, &[$($set),*])));
        }
    )*};
}

#[test]
fn the_good_model_is_good() {
    read(GOOD, "model.yaml", &(), &[]).expect("a model");
}

cases! {
    // The text.
    empty_file: "";
    only_a_comment: "# nothing yet\n";
    not_yaml: "services: {web: [\nworkloads: }";
    indented_with_a_tab: "services:\n\tweb: {}\n";
    an_experiment: "name: storm\nmodel: shop.yaml\nvary: {run.seed: [1, 2]}\nsampling: grid\n";
    two_documents: format!("{GOOD}---\n{GOOD}");
    duplicate_key: with("    workers: 4\n", "    workers: 4\n    workers: 8\n");
    unknown_alias: with("compute: 1ms", "compute: *usual");
    alias_bomb: format!(
        "a: &a [x, x, x, x, x, x, x, x, x]\n{}services: *h\n",
        ('b'..='h').map(|c| {
            let before = (c as u8 - 1) as char;
            format!("{c}: &{c} [{}]\n", vec![format!("*{before}"); 9].join(", "))
        }).collect::<String>()
    );
    too_deep: format!("services: {}1{}", "[".repeat(240), "]".repeat(240));
    a_tag: with("compute: 1ms", "compute: !!str 1ms");

    // Keys.
    unknown_key: with("    workers: 4\n", "    wrokers: 4\n");
    unknown_section: with("zones:", "zone:");
    missing_sections: "name: nothing\n";
    sections_of_a_wrong_kind: "run: 5m\nservices: [web]\nworkloads: {users: {target: web.get, policy: p, batch: {size: 1}}}\npolicies: 3\n";
    no_value: with("  - {at: 2m, for: 30s, slow: {service: db, factor: 8}}\n", "");
    not_supported_yet: with("{target: web.get,", "{weight: 2, target: web.get,");
    more_instances_than_an_autoscaler_allows: with("instances: 2", "instances: 2\n    autoscale: {max: 1, utilization: 70%}");
    an_autoscaler_that_looks_at_nothing: with("workers: 4", "autoscale: {max: 4}");
    a_cache_of_nothing: with("- compute: 1ms", "- publish: shipments\n        - {cache: {ttl: 5s}}");
    bad_name: with("  db:\n", "  d.b:\n");

    // Quantities.
    bare_duration: with("compute: 1ms", "compute: 5");
    several_bad_quantities: GOOD.replace("1ms", "1 ms").replace("300ms", "-3s").replace("2ms", "2 sec").replace("100/s", "100").replace("workers: 4", "workers: \"4\"");
    bad_ratio: with("- compute: 1ms", "- fail: 120%");
    count_out_of_range: with("instances: 2", "instances: 20000");

    // References.
    unknown_endpoint: with("call: db.query", "call: db.qeury");
    unknown_service: with("call: db.query", "call: dv.query");
    target_without_endpoint: with("target: web.get", "target: web");
    unknown_policy: with("policy: patient", "policy: pateint");
    unknown_place: with("service: db", "instance: db-2");
    unknown_node: with("slow: {service: db, factor: 8}", "crash: {node: a-3}");
    ambiguous_place: GOOD.replace("slow: {service: db, factor: 8}", "latency: {to: db, add: 5ms}").replace("a: {nodes: 2}", "db: {nodes: 2}");
    mistakes_that_do_not_follow_from_each_other: GOOD.replace("1ms", "1").replace("2ms", "2").replace("db.query", "db.insert").replace("policy: patient", "policy: none").replace("web.get", "app.get");

    // Meanings.
    distribution_without_a_parameter: with("exponential: {mean: 2ms}", "lognormal: {p50: 2ms}");
    distribution_of_an_unknown_kind: with("exponential: {mean: 2ms}", "exponental: {mean: 2ms}");
    distribution_out_of_order: with("exponential: {mean: 2ms}", "uniform: {low: 3ms, high: 2ms}");
    hyperexponential_below_one: with("exponential: {mean: 2ms}", "hyperexponential: {mean: 2ms, cv: 0.5}");
    warmup_longer_than_the_run: with("warmup: 30s", "warmup: 10m");
    two_sources: with("arrivals:", "closed: {users: 3}, arrivals:");
    profile_out_of_order: with("rate: 100/s", "rate: [{at: 0s, rate: 1/s, ramp: 30s}, {at: 20s, rate: 2/s}, {at: 10s, rate: 3/s}]");
    two_steps_in_one: with("- compute: 1ms\n        - call", "- compute: 1ms\n          call");
    too_few_branches: with("- compute: 1ms", "- parallel: [[{compute: 1ms}], []]\n          require: 3");
    weights_of_zero: with("- compute: 1ms", "- choose: [{weight: 0, steps: []}]");
    calls_that_never_end: with("query: [", "query: [{call: web.get}, ");
    fault_without_a_time: with("{at: 2m, for: 30s, slow", "{for: 30s, slow");
    fault_of_two_kinds: with("slow:", "pause: {node: a-1}, slow:");
    too_many_attempts: with("- timeout: 300ms", "- retry: {attempts: 100}");
    missing_file: with("exponential: {mean: 2ms}", "empirical: {file: t.csv, column: ms, unit: ms}");

    // Policies.
    preset_of_nobody: with("retry: {attempts: 3, backoff: 50ms}", "retry: {preset: aws_standart}\n    - circuit_breaker: {preset: histrix}");
    neither_attempts_nor_preset: with("retry: {attempts: 3, backoff: 50ms}", "retry: {backoff: 50ms}\n    - hedge: {attempts: 2}");
    two_algorithms: with("retry: {attempts: 3, backoff: 50ms}", "rate_limit: {token_bucket: {rate: 5/s}, gcra: {rate: 5/s}}\n    - concurrency_limit: {aimd: {}, vegas: {}}");
    two_budgets: with("backoff: 50ms", "budget: {ratio: 20%, grpc: {max_tokens: 2000, token_ratio: 1}}");
    two_hedges: with("retry: {attempts: 3, backoff: 50ms}", "hedge: {delay: 5ms}\n    - hedge: {delay: 1ms}");
    hedges_and_retries_that_multiply: with("- timeout: 300ms", "- hedge: {delay: 5ms, attempts: 16}\n    - retry: {attempts: 9}");
    hedge_with_too_many_layers: with("- timeout: 300ms", format!("- hedge: {{delay: 5ms, attempts: 16}}\n{}", "    - timeout: 300ms\n".repeat(15)).trim_end());
    probes_beyond_half_open: with("retry: {attempts: 3, backoff: 50ms}", "circuit_breaker: {preset: hystrix, half_open_minimum: 3}");
    implementation_that_is_not_there: with("retry: {attempts: 3, backoff: 50ms}", "circuit_breaker: {implementation: failsafe, with: {window: [5]}}");
    log_of_too_many: with("retry: {attempts: 3, backoff: 50ms}", "rate_limit: {sliding_window: {limit: 20000, window: 1m}, keys: 1000}");
    limits_out_of_order: with("retry: {attempts: 3, backoff: 50ms}", "concurrency_limit: {aimd: {initial: 10, backoff: 10%}}\n    - concurrency_limit: {vegas: {alpha: 5, beta: 4}}");

    // Services, their stores and keys.
    admission_of_a_wrong_kind: with("    workers: 4\n", "    workers: 4\n    admission: {rate_limits: {gcra: {rate: 1/s}}, rate_limit: {leaky_bucket: {rate: 1/s}}}\n");
    degradation_without_a_bound: with("    workers: 4\n", "    workers: 4\n    degrade: {recover_after: 5s}\n");
    balancers_that_make_no_sense: with("    workers: 4\n", "    workers: 4\n    balancer: {maglev: {table_size: 65536}}\n").replace("    instances: 2\n", "    instances: 2\n    balancer: {zone_aware: {within: zone_aware}}\n");
    ejection_told_twice: with("    workers: 4\n", "    workers: 4\n    outlier_ejection: {consecutive: 3}\n    balancer: {round_robin: {}, outlier_ejection: {}}\n");
    write_by_a_stranger: format!("{}stores: {{stock: {{owner: db}}}}\n", with("- compute: 1ms", "- write: stock.items"));
    write_without_a_read: format!("{}stores: {{stock: {{owner: web}}}}\n", with("- compute: 1ms", "- read: stock.shelves\n        - {write: stock.items, if_unchanged: true}"));
    stores_that_are_not_there: format!("{}stores: {{stock: {{owner: dv, replicas: 3}}}}\n", with("- compute: 1ms", "- read: stok.items\n        - read: stock"));
    discovery_that_does_not_fit: with("  db:\n", "  db:\n    discovery: {lease: {registry: wbe, expiry: 10s, refesh: 1s}}\n");
    registries_that_do_not_agree: with("  web:\n", "  web:\n    discovery: {lease: {registry: db}}\n").replace("  db:\n", "  db:\n    discovery: {lease: {registry: db, self_preservation: 50%, eviction: 5s}}\n");
    keys_of_nobody: with("target: web.get, ", "target: web.get, keys: {zipf: 1}, ");

    // Sets.
    set_of_an_unknown_service: GOOD, "services.wbe.workers=3";
    set_of_an_unknown_key: GOOD, "services.web.wokrers=3";
    set_of_a_bad_value: GOOD, "policies.patient.retry.attempts=3ms";
    set_below_a_value: GOOD, "policies.patient.timeout.exponential.mean=3s";
    set_of_an_unknown_layer: GOOD, "policies.patient.rety.attempts=3", "services.web.endpoints.get.7.compute=1ms";
    set_that_is_not_yaml: GOOD, "services.web.queue={capacity: [}";
}
