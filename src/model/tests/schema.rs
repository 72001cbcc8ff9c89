//! The JSON Schema says what the reader does: it accepts what the reader accepts, and refuses
//! unknown keys and misspelt quantities.

use granit_parser::{Event, Parser, ScalarStyle};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;
use stormglass_model::{Set, read, schema};

fn parsed() -> Json {
    serde_json::from_str(&schema()).expect("the schema is JSON")
}

/// The YAML text as the JSON that an editor checks: plain scalars that look like numbers are.
fn json_of(yaml: &str) -> Json {
    // Collections whose end has not come: with the key that waits for a value, and the anchor.
    let mut open: Vec<(Json, Option<String>, usize)> = vec![(json!([]), None, 0)];
    let mut anchors: BTreeMap<usize, Json> = BTreeMap::new();
    for event in Parser::new_from_str(yaml) {
        let (done, anchor) = match event.expect("YAML").0 {
            Event::Scalar(text, ScalarStyle::Plain, anchor, _) => (
                serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
                anchor,
            ),
            Event::Scalar(text, _, anchor, _) => (json!(text), anchor),
            Event::Alias(anchor) => (anchors[&anchor].clone(), 0),
            Event::SequenceStart(_, anchor, _) => {
                open.push((json!([]), None, anchor));
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                open.push((json!({}), None, anchor));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (done, _, anchor) = open.pop().expect("an open collection");
                (done, anchor)
            }
            _ => continue,
        };
        if anchor != 0 {
            anchors.insert(anchor, done.clone());
        }
        match open.last_mut().expect("the document") {
            (Json::Array(items), ..) => items.push(done),
            (Json::Object(map), key, _) => match key.take() {
                None => {
                    *key = Some(
                        done.as_str()
                            .map_or_else(|| done.to_string(), str::to_owned),
                    )
                }
                Some(key) => {
                    map.insert(key, done);
                }
            },
            _ => panic!("only collections are open"),
        }
    }
    open[0].0[0].take()
}

/// The part of JSON Schema that our schema uses. A keyword that is not known here fails the test.
struct Validator<'s> {
    root: &'s Json,
}

impl Validator<'_> {
    fn accepts(&self, schema: &Json, value: &Json) -> bool {
        let schema = schema.as_object().expect("a schema is an object");
        schema
            .iter()
            .all(|(keyword, rule)| self.keyword(schema, keyword, rule, value))
    }

    fn keyword(
        &self,
        schema: &Map<String, Json>,
        keyword: &str,
        rule: &Json,
        value: &Json,
    ) -> bool {
        let list = || rule.as_array().expect("a list").iter();
        match keyword {
            "$schema" | "$defs" | "title" | "description" | "default" | "examples" => true,
            "$ref" => {
                let name = rule
                    .as_str()
                    .and_then(|r| r.strip_prefix("#/$defs/"))
                    .expect("a local reference");
                self.accepts(self.root["$defs"].get(name).expect("a definition"), value)
            }
            "type" => match rule {
                Json::String(name) => has_type(name, value),
                _ => list().any(|name| has_type(name.as_str().expect("a name"), value)),
            },
            "const" => rule == value,
            "not" => !self.accepts(rule, value),
            "oneOf" => list().filter(|form| self.accepts(form, value)).count() == 1,
            "allOf" => list().all(|form| self.accepts(form, value)),
            "required" => value
                .as_object()
                .is_none_or(|map| list().all(|key| map.contains_key(key.as_str().expect("a key")))),
            "dependentRequired" => value.as_object().is_none_or(|map| {
                rule.as_object()
                    .expect("a map")
                    .iter()
                    .all(|(key, others)| {
                        let mut others = others.as_array().expect("a list").iter();
                        !map.contains_key(key)
                            || others.all(|other| map.contains_key(other.as_str().expect("a key")))
                    })
            }),
            "properties" => value.as_object().is_none_or(|map| {
                let properties = rule.as_object().expect("a map");
                properties.iter().all(|(key, schema)| {
                    map.get(key).is_none_or(|value| self.accepts(schema, value))
                })
            }),
            "additionalProperties" => value.as_object().is_none_or(|map| {
                let known = |key: &String| {
                    schema
                        .get("properties")
                        .is_some_and(|p| p.get(key).is_some())
                };
                let mut others = map.iter().filter(|(key, _)| !known(key));
                match rule {
                    Json::Bool(false) => others.next().is_none(),
                    rule => others.all(|(_, value)| self.accepts(rule, value)),
                }
            }),
            "propertyNames" => value
                .as_object()
                .is_none_or(|map| map.keys().all(|key| self.accepts(rule, &json!(key)))),
            "minProperties" => value
                .as_object()
                .is_none_or(|map| map.len() as u64 >= rule.as_u64().expect("a count")),
            "items" => value
                .as_array()
                .is_none_or(|items| items.iter().all(|item| self.accepts(rule, item))),
            "minItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 >= rule.as_u64().expect("a count")),
            "minLength" => value
                .as_str()
                .is_none_or(|text| text.len() as u64 >= rule.as_u64().expect("a count")),
            "maxLength" => value
                .as_str()
                .is_none_or(|text| text.len() as u64 <= rule.as_u64().expect("a count")),
            "pattern" => {
                let pattern = regex_lite::Regex::new(rule.as_str().expect("a pattern"))
                    .expect("a regular expression");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minimum" => value
                .as_f64()
                .is_none_or(|n| n >= rule.as_f64().expect("a number")),
            "maximum" => value
                .as_f64()
                .is_none_or(|n| n <= rule.as_f64().expect("a number")),
            "exclusiveMinimum" => value
                .as_f64()
                .is_none_or(|n| n > rule.as_f64().expect("a number")),
            other => panic!("the schema uses `{other}`"),
        }
    }
}

fn has_type(name: &str, value: &Json) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("the schema uses the type `{other}`"),
    }
}

fn accepts(root: &Json, yaml: &str) -> bool {
    Validator { root }.accepts(root, &json_of(yaml))
}

#[test]
fn it_names_every_section_and_describes_every_key() {
    let schema = parsed();
    let sections = schema["$defs"]["Root"]["properties"]
        .as_object()
        .expect("properties");
    let names: Vec<_> = sections.keys().map(String::as_str).collect();
    let all = [
        "config",
        "deployments",
        "faults",
        "name",
        "network",
        "orders",
        "policies",
        "queues",
        "run",
        "services",
        "slo",
        "stores",
        "workloads",
        "zones",
    ];
    assert_eq!(names, all);
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        assert!(
            definition["description"]
                .as_str()
                .is_some_and(|d| !d.is_empty()),
            "{name}"
        );
        for (key, property) in definition["properties"].as_object().into_iter().flatten() {
            assert!(
                property["description"]
                    .as_str()
                    .is_some_and(|d| !d.is_empty()),
                "{name}.{key}"
            );
        }
    }
    assert!(
        !schema.to_string().contains("anyOf"),
        "editors explain it badly"
    );
}

#[test]
fn it_accepts_the_models_of_the_repository() {
    let schema = parsed();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    for entry in std::fs::read_dir(folder).expect("the folder of models") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "yaml") {
            let text = std::fs::read_to_string(&path).expect("a text");
            assert!(accepts(&schema, &text), "{}", path.display());
        }
    }
    assert!(accepts(&schema, include_str!("whole.yaml")));
}

/// Defaults are shown to users as what they would write themselves.
#[test]
fn its_defaults_fit_their_keys() {
    let schema = parsed();
    let validator = Validator { root: &schema };
    let mut count = 0;
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        for (key, property) in definition["properties"].as_object().into_iter().flatten() {
            if let Some(default) = property.get("default") {
                assert!(
                    validator.accepts(property, default),
                    "{name}.{key}: {default}"
                );
                count += 1;
            }
        }
    }
    assert!(count > 100, "only {count} defaults were found");
}

/// What a record says of its defaults is what it does: a layer with all of them written out is the
/// layer with none.
#[test]
fn its_defaults_are_those_of_the_reader() {
    let schema = parsed();
    let read_layer = |text: String| {
        let text = format!(
            "policies: {{p: [{{{text}}}]}}\nservices: {{s: {{endpoints: {{e: []}}}}}}\n\
             workloads: {{w: {{target: s.e, batch: {{size: 1}}}}}}\n"
        );
        match read(&text, "m.yaml", &(), &[]) {
            Ok(mut loaded) => loaded.model.policies.remove(0).config,
            Err(report) => panic!("{text}{report}"),
        }
    };
    for (layer, definition, required) in [
        ("circuit_breaker", "BreakerShape", ""),
        ("retry", "RetryShape", "attempts: 2"),
        ("hedge", "HedgeShape", "delay: 5ms"),
        ("bulkhead", "BulkheadShape", ""),
        ("client_throttle", "ClientThrottleShape", ""),
        ("rate_limit", "RateLimitShape", "cycles: {}"),
    ] {
        let properties = schema["$defs"][definition]["properties"].as_object();
        let defaults = properties.expect("properties").iter();
        let written: String = defaults
            .filter_map(|(key, property)| {
                let default = property.get("default")?;
                let text = default
                    .as_str()
                    .map_or_else(|| default.to_string(), str::to_owned);
                Some(format!(", {key}: {text}"))
            })
            .collect();
        let bare = read_layer(format!("{layer}: {{{required}}}"));
        let full = format!("{required}{written}");
        let full = full.trim_start_matches(", ");
        assert_eq!(read_layer(format!("{layer}: {{{full}}}")), bare, "{full}");
    }
}

#[test]
fn it_refuses_what_the_reader_refuses_by_its_shape() {
    let schema = parsed();
    let whole = include_str!("whole.yaml");
    for (part, other) in [
        ("workers: 128", "wrokers: 128"),
        ("workers: 128", "workers: \"128\""),
        ("workers: 128", "workers: 0"),
        ("timeout: 2s", "timeout: 2"),
        ("timeout: 2s", "timeout: -2s"),
        ("timeout: 2s", "timeout: 2 sec"),
        ("rate: 200/s", "rate: 200"),
        ("loss: 0.01%", "loss: 120%"),
        ("loss: 0.01%", "loss: 1.2"),
        ("{exponential: {mean: 3ms}}", "{exponential: {}}"),
        ("{exponential: {mean: 3ms}}", "{lognormal: {p50: 3ms}}"),
        ("for: 20s, crash", "for: 20s, pause: {zone: a}, crash"),
        ("jitter: full", "jitter: fully"),
        ("at: 5m, for", "for"),
        ("threading: async", "replication: {}"),
        ("threading: async", "degrade: {recover_after: 3s}"),
        (
            "threading: async",
            "admission: {rate_limit: {leaky_bucket: {rate: 1/s, capacity: 1}}}",
        ),
        (
            "threading: async",
            "admission: [{concurrency_limit: {fixed: 0}}]",
        ),
        (
            "threading: async",
            "balancer: {random: {}, round_robin: {}}",
        ),
        (
            "threading: async",
            "balancer: {random: {}, outlier_ejection: {consecutive: never}}",
        ),
        ("fallback: {}", "retry: {backoff: 5ms}"),
        ("fallback: {}", "hedge: {attempts: 3}"),
        ("fallback: {}", "hedge: {preset: envoy}"),
        ("fallback: {}", "circuit_breaker: {with: {speed: 1}}"),
        (
            "fallback: {}",
            "circuit_breaker: {implementation: a, with: {speed: [1]}}",
        ),
        (
            "fallback: {}",
            "rate_limit: {gcra: {rate: 1/s}, cycles: {}}",
        ),
        ("fallback: {}", "concurrency_limit: {scope: instance}"),
        ("fallback: {}", "custom: {with: {speed: 1}}"),
        ("keys: {count: 100}", "keys: {zipf: 2}"),
    ] {
        assert_eq!(whole.matches(part).count(), 1, "{part}");
        let text = whole.replace(part, other);
        assert!(
            read(&text, "m.yaml", &(), &[]).is_err(),
            "the reader accepts {other}"
        );
        assert!(!accepts(&schema, &text), "the schema accepts {other}");
    }
}

/// Words that stand anywhere in models, in and out of place.
const WORDS: [&str; 72] = [
    "0",
    "1",
    "7",
    "0.5",
    "-1",
    "1e3",
    "100000000",
    "20%",
    "100%",
    "0s",
    "5ms",
    "1.5s",
    "2m",
    "1h",
    "3d",
    "200/s",
    "30/min",
    "1/ms",
    "random",
    "lifo",
    "codel",
    "{codel: {target: 1ms}}",
    "least_requests",
    "full",
    "none",
    "auto",
    "service",
    "async",
    "order",
    "order.create",
    "interactive",
    "a",
    "a-1",
    "payment-1",
    "[]",
    "{}",
    "[5ms]",
    "{exponential: {mean: 5ms}}",
    "{lognormal: {mean: 5ms, cv: 2}}",
    "{uniform: {low: 1ms, high: 2ms}}",
    "[{at: 0s, rate: 1/s}]",
    "{count: 5}",
    "{time: 5s, buckets: 5}",
    "{ratio: 10%}",
    "[timeout, error]",
    "{exponential: {initial: 5ms}}",
    "{linear: {initial: 5ms, max: 1s}}",
    "\"5\"",
    "polly",
    "grpc",
    "hystrix",
    "{every: 500ms}",
    "on_failure",
    "{quantile: 95%, initial: 1s}",
    "{envoy: {}}",
    "{grpc: {max_tokens: 10, token_ratio: 0.1}}",
    "{failure_rate: 10%, window: 1s}",
    "{longer_than: 1s}",
    "{rate: 5/s}",
    "{rate: 5/s, capacity: 3}",
    "{limit: 3, window: 1s, kind: counter}",
    "{hedge: {delay: 5ms}}",
    "[{hedge: {preset: grpc, budget: none}}, {retry: {preset: polly}}]",
    "[{concurrency_limit: {vegas: {}}}, client_throttle]",
    "{aimd: {max: 50}}",
    "{rate_limit: {cycles: {}, keys: 3}, priority_shedding: {}}",
    "[{concurrency_limit: gradient}, admission_control]",
    "{queue_length: 3}",
    "{count: 9, zipf: 1.1}",
    "{maglev: {table_size: 251}, outlier_ejection: {}}",
    "{zone_aware: {within: round_robin}}",
    "[{call: payment.charge, optional: true}, {read: orders.rows}, {write: orders.rows, if_unchanged: true}]",
];

/// Paths of the whole model, and keys that it leaves out.
const PATHS: [&str; 62] = [
    "run.duration",
    "run.warmup",
    "run.seed",
    "run.replications",
    "slo.availability",
    "slo.latency.p50",
    "zones.a.nodes",
    "network.between_zones.latency",
    "network.between_zones.loss",
    "policies.interactive.retry.attempts",
    "policies.interactive.retry.backoff",
    "policies.interactive.retry.jitter",
    "policies.interactive.retry.budget",
    "policies.interactive.retry.retry_on",
    "policies.interactive.circuit_breaker.window",
    "policies.interactive.circuit_breaker.failure_rate",
    "policies.interactive.circuit_breaker.scope",
    "policies.interactive.timeout",
    "policies.browser",
    "services.order.instances",
    "services.order.workers",
    "services.order.threading",
    "services.order.scheduling",
    "services.order.queue.capacity",
    "services.order.queue.discipline",
    "services.order.balancer",
    "services.order.startup",
    "services.order.endpoints.create",
    "services.order.endpoints.create.0.compute",
    "workloads.shoppers.target",
    "workloads.shoppers.priority",
    "workloads.shoppers.arrivals.poisson.rate",
    "faults",
    "faults.0.slow.factor",
    "policies.interactive.retry.preset",
    "policies.interactive.retry.heed",
    "policies.interactive.retry.throttled_initial",
    "policies.interactive.retry.adaptive",
    "policies.interactive.circuit_breaker.preset",
    "policies.interactive.circuit_breaker.judged",
    "policies.interactive.circuit_breaker.slow_call",
    "policies.interactive.circuit_breaker.half_open_minimum",
    "policies.interactive.circuit_breaker.failure_on",
    "policies.bounded.hedge.delay",
    "policies.bounded.hedge.budget",
    "policies.bounded.hedge.hedge_on",
    "policies.bounded.hedge.attempts",
    "policies.bounded.rate_limit.max_wait",
    "policies.bounded.rate_limit.keys",
    "policies.bounded.rate_limit.sliding_window.kind",
    "policies.bounded.concurrency_limit.aimd",
    "policies.bounded.concurrency_limit.scope",
    "policies.bounded.client_throttle",
    "services.order.admission",
    "services.order.degrade",
    "services.order.outlier_ejection",
    "services.order.outlier_ejection.consecutive",
    "services.order.endpoints.create.2.if_unchanged",
    "stores.orders.owner",
    "workloads.shoppers.keys",
    "workloads.shoppers.keys.zipf",
    "run",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever the reader accepts, the schema accepts.
    #[test]
    fn it_accepts_what_the_reader_accepts(
        changes in proptest::collection::vec((proptest::sample::select(&PATHS[..]), proptest::sample::select(&WORDS[..])), 1..3),
    ) {
        let whole = include_str!("whole.yaml");
        let sets: Vec<Set> = changes.iter().map(|(path, value)| Set::new(*path, *value)).collect();
        if read(whole, "whole.yaml", &(), &sets).is_ok() {
            let mut json = json_of(whole);
            for (path, value) in &changes {
                put(&mut json, path, json_of(value));
            }
            let schema = parsed();
            prop_assert!(Validator { root: &schema }.accepts(&schema, &json), "{:?}", changes);
        }
    }
}

/// The same as a set does, on JSON.
fn put(mut json: &mut Json, path: &str, value: Json) {
    for segment in path.split('.') {
        json = match json {
            Json::Array(items) => match segment.parse::<usize>() {
                Ok(index) => &mut items[index],
                Err(_) => {
                    let item = items
                        .iter_mut()
                        .find(|item| item.get(segment).is_some())
                        .expect("an element");
                    &mut item[segment]
                }
            },
            other => &mut other[segment],
        };
    }
    *json = value;
}
