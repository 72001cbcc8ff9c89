//! Results as JSON, and the schema that they keep to.

use crate::capacity::Capacity;
use crate::compare::Comparison;
use crate::record::RunRecord;
use crate::stability::Stability;
use crate::trace::record::Traces;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// The record of a run as indented JSON, without a newline at the end. The same record gives the
/// same bytes; `wall_s` is the only figure in it that differs between equal runs.
pub fn to_json(record: &RunRecord) -> String {
    serde_json::to_string_pretty(record).expect("maps of a record have names as keys")
}

/// A comparison as indented JSON, without a newline at the end; the same one gives the same bytes.
pub fn comparison_to_json(record: &Comparison) -> String {
    serde_json::to_string_pretty(record).expect("it has no maps")
}

/// A capacity as indented JSON, without a newline at the end; the same one gives the same bytes.
pub fn capacity_to_json(record: &Capacity) -> String {
    serde_json::to_string_pretty(record).expect("it has no maps")
}

/// The JSON Schema (2020-12) of what [`capacity_to_json`] writes.
pub fn capacity_schema() -> String {
    schema_of::<Capacity>()
}

/// A stability as indented JSON, without a newline at the end; the same one gives the same bytes.
pub fn stability_to_json(record: &Stability) -> String {
    serde_json::to_string_pretty(record).expect("it has no maps")
}

/// The JSON Schema (2020-12) of what [`stability_to_json`] writes.
pub fn stability_schema() -> String {
    schema_of::<Stability>()
}

/// Traces as indented JSON, without a newline at the end; the same ones give the same bytes.
pub fn traces_to_json(record: &Traces) -> String {
    serde_json::to_string_pretty(record).expect("its maps have names as keys")
}

/// The JSON Schema (2020-12) of what [`traces_to_json`] writes.
pub fn trace_schema() -> String {
    schema_of::<Traces>()
}

/// The JSON Schema (2020-12) of what [`to_json`] writes.
pub fn results_schema() -> String {
    schema_of::<RunRecord>()
}

/// The JSON Schema (2020-12) of what [`comparison_to_json`] writes.
pub fn comparison_schema() -> String {
    schema_of::<Comparison>()
}

/// The JSON Schema (2020-12) of what is serialised.
pub(crate) fn schema_of<T: JsonSchema>() -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<T>();
    serde_json::to_string_pretty(&schema).expect("a schema is JSON")
}

/// That a value keeps to a schema, as far as the schemas of this crate go.
#[cfg(test)]
pub(crate) fn conforms_to(value: &serde_json::Value, schema: &serde_json::Value) {
    tests::conforms(value, schema, schema, "it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Progress, run, testing};
    use serde_json::Value;

    const MODEL: &str = "
name: two-tiers
run: {duration: 20s, warmup: 1s, replications: 3}
slo: {availability: 99%, latency: {p99: 50ms}}
policies:
  patient: [{retry: {attempts: 2, backoff: 1ms}}, {timeout: 3ms}]
services:
  front: {workers: 4, threading: async, endpoints: {get: [{call: back.get, policy: patient}]}}
  back: {queue: {capacity: 10}, endpoints: {get: [{compute: {exponential: {mean: 1ms}}}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 600/s}}}
";

    fn results() -> (RunRecord, Value) {
        let record = run(
            &testing::model(MODEL),
            &Options::default(),
            &Progress::new(),
        )
        .unwrap();
        let json = serde_json::from_str(&to_json(&record)).unwrap();
        (record, json)
    }

    /// The keys that the model language fixes.
    #[test]
    fn results_have_the_keys_that_are_promised() {
        let (record, json) = results();
        for key in [
            "model",
            "seed",
            "replications",
            "simulated_s",
            "events",
            "wall_s",
            "fingerprint",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        for key in ["objective", "target", "value", "met"] {
            assert!(json["slo"][1].get(key).is_some(), "slo.{key}");
        }
        let users = &json["workloads"]["users"];
        for key in [
            "issued",
            "succeeded",
            "degraded",
            "in_flight",
            "failed",
            "throughput",
        ] {
            assert!(users.get(key).is_some(), "{key}");
        }
        for key in ["mean", "p50", "p90", "p95", "p99", "p99_9", "max"] {
            for part in ["mean", "low", "high"] {
                assert!(
                    users["latency_ms"][key][part].is_f64(),
                    "latency_ms.{key}.{part}"
                );
            }
        }
        let back = &json["services"]["back"];
        for key in ["utilization", "arrivals", "completed", "refused", "wasted"] {
            assert!(back.get(key).is_some(), "{key}");
        }
        for (key, part) in [
            ("queue_length", "mean"),
            ("queue_length", "max"),
            ("wait_ms", "mean"),
            ("wait_ms", "p99"),
        ] {
            assert!(back[key][part]["mean"].is_f64(), "{key}.{part}");
        }
        let call = &json["calls"]["front->back.get"];
        for key in ["calls", "attempts", "amplification", "succeeded"] {
            assert!(call[key].is_number(), "{key}");
        }
        assert_eq!(
            call["failed"]["timeout"].as_u64(),
            record.calls["front->back.get"]
                .failed
                .get("timeout")
                .copied()
        );
        assert_eq!(json["violations"], Value::Array(Vec::new()));
        assert_eq!(json["fingerprint"].as_str().map(str::len), Some(16));
        assert!(json.get("series").is_none() && json.get("stopped").is_none());
    }

    #[test]
    fn results_keep_to_their_schema() {
        let (_, json) = results();
        let schema: Value = serde_json::from_str(&results_schema()).unwrap();
        assert_eq!(schema["title"], "RunRecord");
        conforms(&json, &schema, &schema, "results");
    }

    /// As much of JSON Schema as the schema of results uses: references, types, the keys of
    /// objects.
    pub(super) fn conforms(value: &Value, schema: &Value, root: &Value, at: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = root.pointer(reference.trim_start_matches('#'));
            return conforms(
                value,
                target.unwrap_or_else(|| panic!("{at}: {reference}")),
                root,
                at,
            );
        }
        if let Some(branches) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let is_it = |branch: &&Value| {
                let words = branch["enum"].as_array();
                branch.get("const") == Some(value)
                    || (value.is_null() && branch["type"] == "null")
                    || words.is_some_and(|words| words.contains(value))
                    || (value.is_object() && branch["$ref"].is_string())
            };
            let branch = branches.iter().find(is_it);
            let branch = branch.unwrap_or_else(|| panic!("{at} is {value}: {branches:?}"));
            if branch["$ref"].is_string() {
                conforms(value, branch, root, at);
            }
            return;
        }
        let name = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let types = match &schema["type"] {
            Value::Array(types) => types.clone(),
            one => vec![one.clone()],
        };
        assert!(
            types.iter().any(|t| t == name),
            "{at} is {name}, the schema has {types:?}"
        );
        if let Value::Object(map) = value {
            for (key, value) in map {
                let at = format!("{at}.{key}");
                let inside = schema["properties"]
                    .get(key)
                    .unwrap_or(&schema["additionalProperties"]);
                assert!(inside.is_object(), "{at} is not in the schema");
                conforms(value, inside, root, &at);
            }
            for key in schema["required"].as_array().into_iter().flatten() {
                assert!(map.contains_key(key.as_str().unwrap()), "{at} lacks {key}");
            }
        } else if let Value::Array(items) = value {
            items
                .iter()
                .for_each(|item| conforms(item, &schema["items"], root, at));
        }
    }
}
