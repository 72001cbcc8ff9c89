//! What a server does with a request before it queues it, and when it does without what is not
//! essential.

use crate::policies::concurrency::{AdmissionConcurrency, resolve_admission_concurrency};
use crate::policies::rate_limit::{AdmissionRateShape, resolve_admission_rate};
use crate::quantity::{Count, Number, PositiveDuration, PositiveRatio, Rate, Ratio};
use crate::reader::{List, Reader, Value};
use crate::schema::Defs;
use crate::shape::{choice, record};
use crate::tree::{Kind, Node};
use clock::Duration;
use policy::config::{
    AdmissionConfig, AdmissionControlConfig, AdmissionLayer, DegradeConfig, PriorityConfig,
};
use serde_json::{Map, Value as Json, json};

/// What a request passes, in order: a map, or a list of maps with one key.
#[derive(Clone, Debug)]
pub(crate) struct AdmissionShape(Vec<AdmissionStep>);

choice! {
    /// One layer of admission.
    "a layer of admission": AdmissionStep {
        /// Bounds the rate of requests.
        "rate_limit" => RateLimit(AdmissionRateShape),
        /// Bounds the requests in the instance, waiting or served.
        "concurrency_limit" => ConcurrencyLimit(AdmissionConcurrency),
        /// Sheds the least important first while requests wait too long (DAGOR).
        "priority_shedding" => PriorityShedding(PriorityShape),
        /// Sheds a share of the requests while many fail (Envoy's admission control).
        "admission_control" => AdmissionControl(AdmissionControlShape),
    }
}

impl Value for AdmissionShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            return <List<AdmissionStep>>::read(node, cx).map(|list| Self(list.0));
        };
        let layer = |(key, value): &(crate::tree::Key, Node)| {
            let one = Node {
                kind: Kind::Map(vec![(key.clone(), value.clone())]),
                extent: node.extent,
                span: key.span,
            };
            AdmissionStep::read(&one, cx)
        };
        Some(Self(entries.iter().filter_map(layer).collect()))
    }

    fn schema(defs: &mut Defs) -> Json {
        let list = <List<AdmissionStep>>::schema(defs);
        let forms = defs.get("AdmissionStep")["oneOf"].as_array();
        let mut properties = Map::new();
        for form in forms.into_iter().flatten() {
            for (key, schema) in form["properties"].as_object().into_iter().flatten() {
                let mut schema = schema.clone();
                schema["description"] = form["description"].clone();
                properties.insert(key.clone(), schema);
            }
        }
        let map = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        json!({"oneOf": [map, list]})
    }
}

record! {
    /// Sheds by priority, and within one by the request's key, while the mean wait of a window is
    /// too long (DAGOR).
    PriorityShape {
        /// The mean wait in the queue that is fine.
        default queue_wait: PositiveDuration = "20ms",
        /// A window ends after this long …
        default window: PositiveDuration = "1s",
        /// … or after so many requests.
        default window_requests: Count<1, 1_000_000_000> = "2000",
        /// How much fewer requests are let in after a window with too long a wait.
        default decrease: PositiveRatio = "5%",
        /// How much more after another one.
        default increase: PositiveRatio = "1%",
        /// Levels within one priority.
        default user_levels: Count<1, 100_000> = "128",
    }
}

record! {
    /// Refuses with probability `((n - s / success_threshold) / (n + 1)) ^ (1 / aggression)`, where s
    /// of the last n requests succeeded.
    AdmissionControlShape {
        /// The share of successes that is fine.
        default success_threshold: PositiveRatio = "95%",
        /// The higher, the sooner much is refused.
        default aggression: Number<1> = "1",
        /// Over which requests are counted.
        default window: PositiveDuration = "30s",
        /// Below this rate nothing is refused.
        default rps_threshold: Rate = "0/s",
        /// The highest probability.
        default max_rejection: Ratio = "80%",
    }
}

record! {
    /// An instance skips its optional steps from the moment that one of the bounds is exceeded until
    /// none has been for `recover_after`.
    DegradeShape {
        /// More than so many requests wait.
        optional queue_length: Count<0, 100_000_000>,
        /// A request waited longer than this.
        optional queue_wait: Duration,
        /// How long neither bound must have been exceeded.
        default recover_after: Duration = "1s",
    }
    some_of { "queue_length", "queue_wait" }
}

/// What the requests of a service pass.
pub(super) fn resolve_admission(shape: &AdmissionShape, cx: &mut Reader<'_>) -> AdmissionConfig {
    let layer = |step: &AdmissionStep| {
        Some(match step {
            AdmissionStep::RateLimit(limit) => resolve_admission_rate(limit, cx)?,
            AdmissionStep::ConcurrencyLimit(limit) => {
                AdmissionLayer::ConcurrencyLimit(resolve_admission_concurrency(limit, cx))
            }
            AdmissionStep::PriorityShedding(shape) => {
                AdmissionLayer::PriorityShedding(PriorityConfig {
                    queue_wait: shape.queue_wait.0,
                    window: shape.window.0,
                    window_requests: shape.window_requests.0,
                    decrease: shape.decrease.0,
                    increase: shape.increase.0,
                    user_levels: shape.user_levels.0,
                })
            }
            AdmissionStep::AdmissionControl(shape) => {
                AdmissionLayer::AdmissionControl(AdmissionControlConfig {
                    success_threshold: shape.success_threshold.0,
                    aggression: shape.aggression.0,
                    window: shape.window.0,
                    rps_threshold: shape.rps_threshold.0,
                    max_rejection: shape.max_rejection.0,
                })
            }
        })
    };
    AdmissionConfig {
        layers: shape.0.iter().filter_map(layer).collect(),
    }
}

impl DegradeShape {
    /// When an instance of a service degrades.
    pub(super) fn resolve(&self) -> DegradeConfig {
        DegradeConfig {
            queue_length: self.queue_length.map(|length| length.0),
            queue_wait: self.queue_wait.map(|wait| *wait),
            recover_after: *self.recover_after,
        }
    }
}
