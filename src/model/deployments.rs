//! Deployments: new versions of services, and what is done when they go wrong.

use crate::changes::{Changes, Version};
use crate::names::Names;
use crate::quantity::{Count, OpenRatio, PositiveDuration, PositiveNumber, PositiveRatio, Ratio};
use crate::reader::{At, List, Reader};
use crate::shape::{choice, record};
use crate::types::{
    Deployment, Detector, Distribution, LatencyQuantile, Rollback, RollbackMode, Strategy, Verify,
};
use clock::{Duration, Instant};

record! {
    /// A new version of a service goes out. The versions of a service count from 1 in the order of
    /// their times; each is the model with its own `change` made.
    DeploymentShape {
        /// Of which service.
        required service: String,
        /// When it begins.
        required at: Duration,
        /// In which order instances get it.
        default strategy: StrategyShape = "all_at_once",
        /// What is different.
        required change: ChangeShape,
        /// What is done when it goes wrong; nothing when absent.
        optional rollback: RollbackShape,
    }
}

choice! {
    /// In which order instances get a new version.
    "a strategy": StrategyShape {
        /// All at the same time.
        "all_at_once" => AllAtOnce,
        /// Some, then the next ones.
        "rolling" => Rolling(RollingShape),
        /// A few first; the others when they have done well for some time.
        "canary" => Canary(CanaryShape),
        /// As many new instances beside the old ones; callers turn when all are ready.
        "blue_green" => BlueGreen,
    }
}

record! {
    /// Some instances at a time.
    RollingShape {
        /// How many.
        default batch: Count<1, 10_000> = "1",
        /// From when they are ready to the next.
        default pause: Duration = "0s",
    }
}

record! {
    /// A few instances first.
    CanaryShape {
        /// Which share of the instances, rounded up.
        default share: PositiveRatio = "10%",
        /// For how long they are watched.
        default r#for: PositiveDuration = "1m",
    }
}

record! {
    /// What is different in a version.
    ChangeShape {
        /// Its work takes so many times as long.
        optional slow: PositiveNumber,
        /// The share of its requests that fail, once served.
        optional errors: Ratio,
        /// The share of its writes that are wrong: what a rollback must undo.
        optional corrupt: Ratio,
        /// Other values: PATH: VALUE, of the service or of its policies.
        optional set: Changes,
    }
    some_of { "slow", "errors", "corrupt", "set" }
}

record! {
    /// What is done when a change goes wrong.
    RollbackShape {
        /// Who decides and who acts.
        required mode: ModeShape,
        /// What tells that it goes wrong: any of these.
        optional detect: DetectShape,
        /// Queues that stop forwarding meanwhile, and are replayed from before the change.
        optional replay: List<At<String>>,
        /// Stores that are restored to before the change, from snapshot and log.
        optional restore: List<At<String>>,
        /// How long one store takes to be restored.
        default restore_time: Distribution = "5s",
        /// How it is made sure that the system is back; it is not when absent.
        optional verify: VerifyShape,
        /// How often it is tried when verification fails, the first time included.
        default attempts: Count<1, 100> = "2",
    }
}

choice! {
    /// Who decides and who acts.
    "a mode of rollback": ModeShape {
        /// Nobody.
        "none" => None,
        /// The system, at once.
        "automatic" => Automatic,
        /// A person, one step after the other.
        "manual" => Manual(ManualShape),
    }
}

record! {
    /// A person acts.
    ManualShape {
        /// From the alarm to the first step.
        default notice: Distribution = "5m",
        /// For each queue, store and service.
        default per_step: Distribution = "2m",
    }
}

record! {
    /// What tells that a change goes wrong: any of these.
    DetectShape {
        /// The share of requests that fail at the service, over the window.
        optional error_rate: OpenRatio,
        /// The time that the service takes, over the window.
        optional latency: LatencyDetector,
        /// The error budget burns too fast over two windows.
        optional burn_rate: BurnRateShape,
        /// An instance with the change is down, or does not become ready, for so long.
        optional unhealthy_for: PositiveDuration,
        /// The window.
        default over: PositiveDuration = "30s",
        /// Fewer requests in a window than this tell nothing.
        default minimum: Count<1, 1_000_000> = "20",
    }
    some_of { "error_rate", "latency", "burn_rate", "unhealthy_for" }
}

record! {
    /// The most time at a quantile.
    LatencyDetector {
        /// Median.
        optional p50: PositiveDuration,
        /// 90 %.
        optional p90: PositiveDuration,
        /// 95 %.
        optional p95: PositiveDuration,
        /// 99 %.
        optional p99: PositiveDuration,
    }
    some_of { "p50", "p90", "p95", "p99" }
}

record! {
    /// How fast the error budget of `slo.availability` burns, over both windows.
    BurnRateShape {
        /// Times the rate at which it lasts for ever.
        default above: PositiveNumber = "14.4",
        /// The long window.
        default long: PositiveDuration = "1h",
        /// The short one.
        default short: PositiveDuration = "5m",
    }
}

record! {
    /// Probes of every instance; one that fails is one too many.
    VerifyShape {
        /// For how long.
        default r#for: PositiveDuration = "10s",
        /// Between two probes.
        default interval: PositiveDuration = "1s",
    }
}

/// Deployments in the order of their times, and the versions that they make, in that order.
pub(crate) fn resolve(
    shapes: Vec<DeploymentShape>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> (Vec<Deployment>, Vec<Version>) {
    let mut shapes = shapes;
    shapes.sort_by_key(|shape| shape.at.value);
    let mut versions: Vec<Version> = Vec::new();
    let mut deployments: Vec<Deployment> = Vec::new();
    for shape in shapes {
        let Some(service) = names.service(&shape.service, cx) else {
            continue;
        };
        let at = Instant::ZERO + shape.at.value;
        if deployments
            .iter()
            .any(|d| d.service == service && d.at == at)
        {
            cx.problem(
                shape.at.span,
                "two versions of a service come at the same time",
            )
            .help("let some time pass between them");
        }
        let change = shape.change.value;
        if let Some(set) = &change.set {
            set.check_of(names.service_name(service), cx);
        }
        if matches!(shape.strategy.value, StrategyShape::BlueGreen) && names.is_replicated(service)
        {
            cx.problem(
                shape.strategy.span,
                "a replicated service has no instances beside those of its group",
            )
            .help("deploy it with `rolling`, `canary` or `all_at_once`");
        }
        if matches!(shape.strategy.value, StrategyShape::BlueGreen) && names.is_broker(service) {
            cx.problem(
                shape.strategy.span,
                "the partitions of a queue do not move to brokers beside those that have them",
            )
            .help("deploy it with `rolling`, `canary` or `all_at_once`");
        }
        if matches!(shape.strategy.value, StrategyShape::BlueGreen) && names.is_autoscaled(service)
        {
            cx.problem(
                shape.strategy.span,
                "how many instances stand beside those of an autoscaled service is not known",
            )
            .help("deploy it with `rolling`, `canary` or `all_at_once`");
        }
        versions.push(Version {
            service,
            slow: change.slow.map_or(1.0, |slow| slow.0),
            errors: change.errors.map_or(0.0, |ratio| ratio.0),
            corrupt: change.corrupt.map_or(0.0, |ratio| ratio.0),
            changes: change.set.map(|set| set.value),
        });
        let version = versions.iter().filter(|v| v.service == service).count() as u32;
        deployments.push(Deployment {
            service,
            version,
            at,
            strategy: match shape.strategy.value {
                StrategyShape::AllAtOnce => Strategy::AllAtOnce,
                StrategyShape::Rolling(rolling) => Strategy::Rolling {
                    batch: rolling.batch.0,
                    pause: rolling.pause.value,
                },
                StrategyShape::Canary(canary) => Strategy::Canary {
                    share: canary.share.0,
                    watch: canary.r#for.0,
                },
                StrategyShape::BlueGreen => Strategy::BlueGreen,
            },
            rollback: shape.rollback.map_or_else(nothing, |rollback| {
                resolve_rollback(rollback.value, names, cx)
            }),
        });
    }
    (deployments, versions)
}

/// Nobody does anything.
fn nothing() -> Rollback {
    Rollback {
        mode: RollbackMode::None,
        detect: Vec::new(),
        replay: Vec::new(),
        restore: Vec::new(),
        restore_time: Distribution::Constant(Duration::ZERO),
        verify: None,
        attempts: 1,
    }
}

/// What a rollback names is looked up, and what it needs is there.
pub(crate) fn resolve_rollback(
    shape: RollbackShape,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Rollback {
    let mode = match shape.mode.value {
        ModeShape::None => RollbackMode::None,
        ModeShape::Automatic => RollbackMode::Automatic,
        ModeShape::Manual(manual) => {
            let manual = manual.value;
            RollbackMode::Manual {
                notice: manual.notice.value,
                per_step: manual.per_step.value,
            }
        }
    };
    if shape.detect.is_none() && mode != RollbackMode::None {
        cx.problem(shape.mode.span, "nothing tells when to roll back")
            .help("add `detect`, such as `detect: {error_rate: 5%, over: 30s}`");
    }
    let verify = shape.verify.map(|verify| {
        let verify = verify.value;
        if verify.interval.0 > verify.r#for.0 {
            cx.problem(
                verify.interval.span,
                "no probe fits into the time of verification",
            )
            .help("make `interval` shorter than `for`");
        }
        Verify {
            lasts: verify.r#for.0,
            interval: verify.interval.0,
        }
    });
    let named = |list: Option<At<List<At<String>>>>| list.map_or_else(Vec::new, |l| l.value.0);
    let replay = named(shape.replay);
    let restore = named(shape.restore);
    Rollback {
        mode,
        detect: shape
            .detect
            .map_or_else(Vec::new, |detect| detectors(detect.value, cx)),
        replay: replay
            .iter()
            .filter_map(|word| names.queue(word, cx))
            .collect(),
        restore: restore
            .iter()
            .filter_map(|word| names.store(word, cx))
            .collect(),
        restore_time: shape.restore_time.value,
        verify,
        attempts: shape.attempts.0,
    }
}

fn detectors(shape: DetectShape, cx: &mut Reader<'_>) -> Vec<Detector> {
    let (over, minimum) = (shape.over.0, shape.minimum.0);
    let mut found = Vec::new();
    if let Some(ratio) = shape.error_rate {
        found.push(Detector::ErrorRate {
            above: ratio.0,
            over,
            minimum,
        });
    }
    if let Some(latency) = shape.latency {
        use LatencyQuantile::{P50, P90, P95, P99};
        let latency = latency.value;
        let bounds = [
            (P50, latency.p50),
            (P90, latency.p90),
            (P95, latency.p95),
            (P99, latency.p99),
        ];
        let bounds = bounds
            .into_iter()
            .filter_map(|(q, above)| Some((q, above?)));
        found.extend(bounds.map(|(quantile, above)| Detector::Latency {
            quantile: quantile.probability(),
            above: above.0,
            over,
            minimum,
        }));
    }
    if let Some(burn) = shape.burn_rate {
        cx.burn_rates.push(burn.span);
        let burn = burn.value;
        found.push(Detector::BurnRate {
            above: burn.above.0,
            long: burn.long.0,
            short: burn.short.0,
            minimum,
        });
    }
    if let Some(over) = shape.unhealthy_for {
        found.push(Detector::Health { over: over.0 });
    }
    found
}
