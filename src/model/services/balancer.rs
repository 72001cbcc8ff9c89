//! How callers choose an instance, and when they leave one out.

use crate::quantity::{Count, Number, PositiveDuration, Ratio};
use crate::reader::{At, List, OrNone, Reader, Value};
use crate::schema::Defs;
use crate::shape::{choice, record};
use crate::tree::{Kind, Node};
use policy::config::{BalancerConfig, OutlierConfig, SuccessRate};
use serde_json::{Value as Json, json};

/// A balancer, and beside its kind what leaves instances out.
#[derive(Clone, Debug)]
pub(crate) struct Balancing {
    pub(super) kind: BalancerShape,
    pub(super) ejection: Option<At<OutlierShape>>,
}

/// The key that may stand beside the kind.
const BESIDE: &str = "outlier_ejection";

impl Value for Balancing {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Some(ejection) = node.get(BESIDE) else {
            let kind = BalancerShape::read(node, cx)?;
            return Some(Self {
                kind,
                ejection: None,
            });
        };
        let ejection = Value::read(ejection, cx);
        let mut rest = node.clone();
        if let Kind::Map(entries) = &mut rest.kind {
            entries.retain(|(key, _)| key.text != BESIDE);
            if entries.is_empty() {
                rest = Node::plain("random", node.span);
            }
        }
        let kind = BalancerShape::read(&rest, cx)?;
        Some(Self { kind, ejection })
    }

    fn schema(defs: &mut Defs) -> Json {
        let kind = BalancerShape::schema(defs);
        let ejection = OutlierShape::schema(defs);
        let name = kind["$ref"]
            .as_str()
            .and_then(|path| path.rsplit('/').next());
        let mut forms = defs.get(name.unwrap_or_default())["oneOf"].clone();
        for form in forms.as_array_mut().into_iter().flatten() {
            if form["type"] == "object" {
                form["properties"][BESIDE] = ejection.clone();
            }
        }
        if let Some(forms) = forms.as_array_mut() {
            forms.push(json!({
                "type": "object",
                "properties": {BESIDE: ejection},
                "additionalProperties": false,
                "required": [BESIDE],
            }));
        }
        json!({"oneOf": forms})
    }
}

choice! {
    /// How callers choose an instance.
    "a balancer": BalancerShape {
        /// Uniformly at random.
        "random" => Random(NoParts),
        /// One after the other.
        "round_robin" => RoundRobin(NoParts),
        /// The fewest outstanding requests, as this caller knows them.
        "least_requests" => LeastRequests(LeastRequestsShape),
        /// The least product of average latency and outstanding requests.
        "peak_ewma" => PeakEwma(PeakEwmaShape),
        /// By the request's key on a hash ring.
        "consistent_hash" => ConsistentHash(ConsistentHashShape),
        /// By the request's key in a Maglev table.
        "maglev" => Maglev(MaglevShape),
        /// The caller's own zone as far as its share of the instances allows (Envoy).
        "zone_aware" => ZoneAware(ZoneAwareShape),
        /// Shares in proportion to weights, by smooth weighted round robin.
        "weighted" => Weighted(WeightsShape),
    }
}

/// An empty map, so that a word can stand beside another key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoParts;

impl Value for NoParts {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) if entries.is_empty() => Some(Self),
            _ => {
                cx.expected("`{}`", node)
                    .help("there is nothing to be told");
                None
            }
        }
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": "object", "additionalProperties": false})
    }

    const BARE: bool = true;
}

record! {
    /// The fewest outstanding requests among some or all instances.
    LeastRequestsShape {
        /// How many are drawn and compared; all when absent.
        optional choices: Count<1, 10_000>,
        /// Whether one instance may be drawn twice.
        default with_replacement: bool = "false",
    }
}

record! {
    /// An exponentially weighted average of latency that takes peaks at once.
    PeakEwmaShape {
        /// The time constant of the average.
        default decay: PositiveDuration = "10s",
    }
}

record! {
    /// Requests of one key go to one instance.
    ConsistentHashShape {
        /// What the key is, for the reader.
        optional key: String,
        /// How many keys there are; each request has one of them, uniformly at random.
        default keys: Count<1, 1_000_000_000> = "1000",
    }
}

record! {
    /// Requests of one key go to one instance, by a table that changes little when instances do.
    MaglevShape {
        /// How many keys there are; each request has one of them, uniformly at random.
        default keys: Count<1, 1_000_000_000> = "1000",
        /// Entries of the table: a prime, well above the number of instances.
        default table_size: Count<2, 5_000_011> = "65537",
    }
}

record! {
    /// The caller's own zone first, the rest spread over the others.
    ZoneAwareShape {
        /// With fewer instances all are used alike.
        default min_cluster_size: Count<0, 10_000> = "6",
        /// How one is chosen within a zone.
        default within: Box<BalancerShape> = "random",
    }
}

/// Weights, bare or under `weights`.
#[derive(Clone, Debug)]
pub(crate) struct WeightsShape(Vec<u32>);

/// One weight per instance.
type WeightList = List<At<Count<0, 1_000_000>>, 1>;

record! {
    /// One weight per instance, repeated when there are more instances.
    WeightsRecord {
        /// One weight per instance, repeated when there are more instances.
        required weights: WeightList,
    }
}

impl Value for WeightsShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let list = match &node.kind {
            Kind::Map(_) => WeightsRecord::read(node, cx)?.weights.value,
            _ => WeightList::read(node, cx)?,
        };
        let weights: Vec<u32> = list.0.iter().map(|weight| weight.0).collect();
        if !weights.is_empty() && weights.iter().all(|weight| *weight == 0) {
            cx.problem(node.span, "at least one weight must be above 0");
        }
        Some(Self(weights))
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [WeightList::schema(defs), WeightsRecord::schema(defs)]})
    }
}

record! {
    /// Leaves instances out that fail (Envoy's outlier detection).
    OutlierShape {
        /// An instance is left out at once after so many failures in a row, or `none`.
        default consecutive: OrNone<Count<1, 1_000_000>> = "5",
        /// Between two looks at the rates, and at who comes back.
        default interval: PositiveDuration = "10s",
        /// How long an instance is left out, times how often it was.
        default base_ejection_time: PositiveDuration = "30s",
        /// But at most so long.
        default max_ejection_time: PositiveDuration = "300s",
        /// At most this share of the instances is left out; one always may be.
        default max_ejection: Ratio = "10%",
        /// Leaves out by the spread of success rates, or `none`.
        default success_rate: OrNone<SuccessRateShape> = "{}",
        /// Leaves out from this share of failures on (Envoy: 85 %), or `none`.
        default failure_percentage: OrNone<Ratio> = "none",
    }
}

record! {
    /// Leaves instances out whose success rate is below the mean less `factor` standard deviations.
    SuccessRateShape {
        /// How many standard deviations.
        default factor: Number = "1.9",
        /// With fewer instances of enough volume nobody is judged.
        default minimum_hosts: Count<1, 10_000> = "5",
        /// Requests in an interval below which an instance is not judged.
        default request_volume: Count<1, 1_000_000_000> = "100",
    }
}

/// What callers of a service are given.
pub(super) fn resolve_balancer(
    shape: BalancerShape,
    instances: u32,
    cx: &mut Reader<'_>,
) -> BalancerConfig {
    match shape {
        BalancerShape::Random(_) => BalancerConfig::Random,
        BalancerShape::RoundRobin(_) => BalancerConfig::RoundRobin,
        BalancerShape::LeastRequests(shape) => BalancerConfig::LeastRequests {
            choices: shape.choices.map(|choices| choices.0),
            with_replacement: *shape.with_replacement,
        },
        BalancerShape::PeakEwma(shape) => BalancerConfig::PeakEwma {
            decay: shape.decay.0,
        },
        BalancerShape::ConsistentHash(shape) => BalancerConfig::ConsistentHash {
            keys: u64::from(shape.keys.0),
        },
        BalancerShape::Maglev(shape) => {
            let size = shape.table_size;
            if !is_prime(size.0) {
                cx.problem(size.span, format!("{} is not a prime", size.0))
                    .help(format!("the next one is {}", next_prime(size.0)));
            } else if size.0 < instances {
                cx.problem(
                    size.span,
                    format!(
                        "a table of {} has no room for {instances} instances",
                        size.0
                    ),
                );
            }
            BalancerConfig::Maglev {
                keys: u64::from(shape.keys.0),
                table_size: size.0,
            }
        }
        BalancerShape::ZoneAware(shape) => {
            let ZoneAwareShape {
                min_cluster_size,
                within,
            } = shape.value;
            if matches!(*within.value, BalancerShape::ZoneAware(_)) {
                cx.problem(
                    within.span,
                    "within a zone there are no zones to be aware of",
                )
                .help("write another balancer");
            }
            BalancerConfig::ZoneAware {
                min_cluster_size: min_cluster_size.0,
                within: Box::new(resolve_balancer(*within.value, instances, cx)),
            }
        }
        BalancerShape::Weighted(shape) => BalancerConfig::Weighted {
            weights: shape.value.0,
        },
    }
}

/// When callers of a service leave an instance out.
pub(super) fn resolve_outlier(shape: &OutlierShape, cx: &mut Reader<'_>) -> OutlierConfig {
    let (base, most) = (shape.base_ejection_time, shape.max_ejection_time);
    if most.0 < base.0 {
        cx.problem(
            most.span,
            format!(
                "`max_ejection_time` is below `base_ejection_time`, which is {}",
                base.0
            ),
        );
    }
    let success_rate = shape.success_rate.0.as_ref().map(|rate| SuccessRate {
        factor: rate.factor.0,
        minimum_hosts: rate.minimum_hosts.0,
        request_volume: rate.request_volume.0,
    });
    OutlierConfig {
        consecutive: shape.consecutive.0.map(|count| count.0),
        interval: shape.interval.0,
        base_ejection_time: base.0,
        max_ejection_time: most.0,
        max_ejection: shape.max_ejection.0,
        success_rate,
        failure_percentage: shape.failure_percentage.0.map(|share| share.0),
    }
}

fn is_prime(n: u32) -> bool {
    n >= 2
        && (2..)
            .take_while(|d| d * d <= n)
            .all(|d| !n.is_multiple_of(d))
}

/// The least prime above `n`.
fn next_prime(n: u32) -> u32 {
    (n + 1..).find(|n| is_prime(*n)).unwrap_or(n)
}
