//! Services: what they run on, how they queue, and how callers find their instances.

use crate::names::Names;
use crate::quantity::{Count, PositiveDuration};
use crate::reader::{At, List, Named, Reader, Value};
use crate::schema::Defs;
use crate::shape::{choice, record};
use crate::steps::{Step as StepShape, resolve_steps};
use crate::tree::{Kind, Node};
use crate::types::{Abandoned, Distribution, Endpoint, Scheduling, Service, Threading};
use policy::config::{BalancerConfig, Codel, Discipline};
use serde_json::{Value as Json, json};

record! {
    /// A service: instances that serve endpoints.
    ServiceShape {
        /// How many instances; they are named SERVICE-1, SERVICE-2, …
        default instances: Count<1, 10_000> = "1",
        /// How many requests one instance serves at once.
        default workers: Count<1, 1_000_000> = "1",
        /// What a request holds while it waits for others.
        default threading: ThreadingWord = "blocking",
        /// How work shares the workers.
        default scheduling: SchedulingWord = "fcfs",
        /// What `processor_sharing` shares; 1 when absent.
        optional cores: Count<1, 1_000_000>,
        /// Requests that wait for a worker.
        default queue: QueueShape = "{}",
        /// What is done with a request whose caller has given up.
        default abandoned: AbandonedWord = "serve",
        /// How callers choose an instance.
        default balancer: BalancerShape = "random",
        /// How callers learn of instances.
        default discovery: DiscoveryWord = "static",
        /// The time from a (re)start to readiness.
        default startup: Distribution = "0s",
        /// What can be called, and what is done then.
        needed endpoints: Named<Steps, 1>,
    }
    later { "admission", "replication", "autoscale", "outlier_ejection" }
}

/// The steps of an endpoint.
pub(crate) type Steps = List<StepShape>;

choice! {
    /// What a request holds while it waits for others.
    "a threading": ThreadingWord {
        /// A worker, for the whole handler.
        "blocking" => Blocking,
        /// A worker for `compute` only.
        "async" => Async,
    }
}

choice! {
    /// How work shares the workers.
    "a scheduling": SchedulingWord {
        /// One worker, one request, in the order of the queue.
        "fcfs" => Fcfs,
        /// Up to `workers` requests share `cores` evenly.
        "processor_sharing" => ProcessorSharing,
    }
}

choice! {
    /// What is done with a request whose caller has given up.
    "what is done with abandoned requests": AbandonedWord {
        /// The work is still done and burns capacity.
        "serve" => Serve,
        /// It is dropped when it would leave the queue.
        "drop_queued" => DropQueued,
        /// It is dropped from the queue, and stopped where it is being served.
        "cancel" => Cancel,
    }
}

choice! {
    /// How callers learn of instances.
    "a discovery": DiscoveryWord {
        /// They know them all; one that is down stays in the list.
        "static" => Static,
    }
    later { "health_check", "lease", "gossip" }
}

record! {
    /// Requests that wait for a worker.
    QueueShape {
        /// How many may wait at one instance; unbounded when absent. A full queue refuses at once.
        optional capacity: Count<0, 100_000_000>,
        /// In which order they are served.
        default discipline: DisciplineShape = "fifo",
    }
}

choice! {
    /// In which order waiting requests are served.
    "a queue discipline": DisciplineShape {
        /// First come, first served.
        "fifo" => Fifo,
        /// Last come, first served.
        "lifo" => Lifo,
        /// The smallest priority number first, then first come; non-preemptive.
        "priority" => Priority,
        /// FIFO while the queue keeps emptying, LIFO while it does not.
        "adaptive_lifo" => AdaptiveLifo(CodelShape),
        /// Drops what has waited too long while the queue does not empty.
        "codel" => Codel(CodelShape),
    }
}

record! {
    /// Overloaded is who has let the least wait of an interval exceed the target.
    CodelShape {
        /// The wait that is fine.
        default target: PositiveDuration = "5ms",
        /// Over which the least wait is taken.
        default interval: PositiveDuration = "100ms",
    }
}

choice! {
    /// How callers choose an instance.
    "a balancer": BalancerShape {
        /// Uniformly at random.
        "random" => Random,
        /// One after the other.
        "round_robin" => RoundRobin,
        /// The fewest outstanding requests, as this caller knows them.
        "least_requests" => LeastRequests(LeastRequestsShape),
        /// The least product of average latency and outstanding requests.
        "peak_ewma" => PeakEwma(PeakEwmaShape),
        /// By the request's key on a hash ring.
        "consistent_hash" => ConsistentHash(ConsistentHashShape),
        /// Shares in proportion to weights, by smooth weighted round robin.
        "weighted" => Weighted(WeightsShape),
    }
    later { "outlier_ejection" }
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

/// Finds what services name; one that could not be read is left out.
pub(crate) fn resolve(
    services: Named<ServiceShape, 1>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Vec<Service> {
    let named = services
        .0
        .into_iter()
        .filter_map(|(name, shape)| Some((name, shape?)));
    named
        .map(|(name, shape)| resolve_service(name.value, shape, names, cx))
        .collect()
}

fn resolve_service(
    name: String,
    shape: ServiceShape,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Service {
    let scheduling = match shape.scheduling.value {
        SchedulingWord::ProcessorSharing => Scheduling::ProcessorSharing {
            cores: shape.cores.map_or(1, |cores| cores.0),
        },
        SchedulingWord::Fcfs => {
            if let Some(cores) = shape.cores {
                cx.problem(
                    cores.span,
                    "`cores` goes with `scheduling: processor_sharing`",
                )
                .help("with `fcfs` the number of `workers` says how much is done at once");
            }
            Scheduling::Fcfs
        }
    };
    let queue = shape.queue.value;
    let endpoints = shape
        .endpoints
        .map_or_else(Named::empty, |endpoints| endpoints.value);
    let endpoints = endpoints.0.into_iter().map(|(name, steps)| Endpoint {
        name: name.value,
        steps: steps.map_or_else(Vec::new, |steps| resolve_steps(steps, names, cx)),
    });
    let endpoints = endpoints.collect();
    Service {
        outlier_ejection: None,
        admission: policy::config::AdmissionConfig::default(),
        degrade: None,
        name,
        instances: shape.instances.0,
        workers: shape.workers.0,
        threading: match shape.threading.value {
            ThreadingWord::Blocking => Threading::Blocking,
            ThreadingWord::Async => Threading::Async,
        },
        scheduling,
        queue_capacity: queue.capacity.map(|capacity| capacity.0),
        discipline: match queue.discipline.value {
            DisciplineShape::Fifo => Discipline::Fifo,
            DisciplineShape::Lifo => Discipline::Lifo,
            DisciplineShape::Priority => Discipline::Priority,
            DisciplineShape::AdaptiveLifo(shape) => Discipline::AdaptiveLifo(resolve_codel(&shape)),
            DisciplineShape::Codel(shape) => Discipline::Codel(resolve_codel(&shape)),
        },
        abandoned: match shape.abandoned.value {
            AbandonedWord::Serve => Abandoned::Serve,
            AbandonedWord::DropQueued => Abandoned::DropQueued,
            AbandonedWord::Cancel => Abandoned::Cancel,
        },
        balancer: resolve_balancer(shape.balancer.value),
        startup: shape.startup.value,
        endpoints,
    }
}

fn resolve_codel(shape: &CodelShape) -> Codel {
    Codel {
        target: shape.target.0,
        interval: shape.interval.0,
    }
}

fn resolve_balancer(shape: BalancerShape) -> BalancerConfig {
    match shape {
        BalancerShape::Random => BalancerConfig::Random,
        BalancerShape::RoundRobin => BalancerConfig::RoundRobin,
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
        BalancerShape::Weighted(shape) => BalancerConfig::Weighted {
            weights: shape.value.0,
        },
    }
}
