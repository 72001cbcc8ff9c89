//! Services: what they run on, how they queue, and how callers find their instances.

mod admission;
mod autoscale;
mod balancer;
mod discovery;
mod replication;

use crate::names::Names;
use crate::quantity::{Count, PositiveDuration};
use crate::reader::{List, Named, Reader};
use crate::services::admission::{AdmissionShape, DegradeShape, resolve_admission};
use crate::services::autoscale::{AutoscaleShape, resolve_autoscale};
use crate::services::balancer::{Balancing, OutlierShape, resolve_balancer, resolve_outlier};
use crate::services::discovery::{DiscoveryShape, check_agreement, resolve_discovery};
use crate::services::replication::{ReplicationShape, resolve_replication};
use crate::shape::{choice, record};
use crate::steps::{Step as StepShape, resolve_steps};
use crate::types::{Abandoned, Distribution, Endpoint, Scheduling, Service, ServiceId, Threading};
use policy::config::{AdmissionConfig, Codel, Discipline};

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
        default balancer: Balancing = "random",
        /// When callers leave an instance out because it fails; never when absent.
        optional outlier_ejection: OutlierShape,
        /// How callers learn of instances.
        default discovery: DiscoveryShape = "static",
        /// What a request passes before it is queued; nothing when absent.
        optional admission: AdmissionShape,
        /// When an instance does without its optional steps; never when absent.
        optional degrade: DegradeShape,
        /// The instances keep one log, and one of them leads; each is on its own when absent.
        optional replication: ReplicationShape,
        /// How many of the instances there are follows from their load; never when absent.
        optional autoscale: AutoscaleShape,
        /// The time from a (re)start to readiness.
        default startup: Distribution = "0s",
        /// What can be called, and what is done then.
        needed endpoints: Named<Steps, 1>,
    }
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

/// Finds what services name; one that could not be read is left out.
pub(crate) fn resolve(
    services: Named<ServiceShape, 1>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Vec<Service> {
    check_agreement(&services, names, cx);
    let named = services.0.into_iter().enumerate();
    named
        .filter_map(|(id, (name, shape))| Some((id, name, shape?)))
        .map(|(id, name, shape)| resolve_service(id, name.value, shape, names, cx))
        .collect()
}

fn resolve_service(
    id: ServiceId,
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
        steps: steps.map_or_else(Vec::new, |steps| resolve_steps(steps, id, names, cx)),
    });
    let endpoints = endpoints.collect();
    let Balancing { kind, ejection } = shape.balancer.value;
    if let (Some(beside), Some(own)) = (&ejection, &shape.outlier_ejection) {
        cx.problem(beside.span, "`outlier_ejection` is told twice")
            .help("write it once: as a key of the service, or of its `balancer`")
            .note(own.span, "the service's own is here");
    }
    let ejection = shape.outlier_ejection.or(ejection);
    if let (Some(autoscale), Some(replication)) = (&shape.autoscale, &shape.replication) {
        cx.problem(
            autoscale.span,
            "the instances of a replicated service are its group, which stays",
        )
        .help("leave one of them out: `autoscale` or `replication`")
        .note(replication.span, "`replication` is here");
    }
    let autoscale = shape
        .autoscale
        .map(|autoscale| resolve_autoscale(autoscale.value, shape.instances.0, cx));
    Service {
        outlier_ejection: ejection.map(|shape| resolve_outlier(&shape, cx)),
        admission: shape
            .admission
            .map_or_else(AdmissionConfig::default, |layers| {
                resolve_admission(&layers, cx)
            }),
        degrade: shape.degrade.map(|degrade| degrade.resolve()),
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
        balancer: resolve_balancer(kind, shape.instances.0, cx),
        startup: shape.startup.value,
        discovery: resolve_discovery(&shape.discovery.value, names, cx),
        replication: shape
            .replication
            .map(|replication| resolve_replication(replication, shape.instances.0, cx)),
        autoscale,
        endpoints,
    }
}

fn resolve_codel(shape: &CodelShape) -> Codel {
    Codel {
        target: shape.target.0,
        interval: shape.interval.0,
    }
}
