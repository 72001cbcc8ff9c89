//! Faults: what goes wrong, where, and when.

use crate::config::{BadPush, ConfigFault};
use crate::distribution::Moving;
use crate::names::{Kind, Names};
use crate::quantity::{Number, PositiveDuration, PositiveNumber, Ratio};
use crate::reader::{At, List, Reader};
use crate::shape::{choice, record};
use crate::types::{CrashMode, Distribution, Fault, FaultKind, Occurrence, Place};
use clock::{Duration, Instant};

record! {
    /// Something goes wrong, once (`at`, `for`) or again and again (`mtbf`, `mttr`).
    FaultShape {
        /// When it begins.
        optional at: Duration,
        /// How long it lasts; till the end of the run when absent.
        optional r#for: PositiveDuration,
        /// The time until it begins, drawn anew after each repair.
        optional mtbf: Moving,
        /// The time until it is over, drawn anew each time.
        optional mttr: Distribution,
        /// The instances there stop and lose the work in them; they start again when it is over.
        optional crash: CrashShape,
        /// The instances there do nothing, lose nothing, and go on when it is over.
        optional pause: PauseShape,
        /// `compute` takes longer there.
        optional slow: SlowShape,
        /// Requests fail there, once served.
        optional errors: ErrorsShape,
        /// Messages take longer.
        optional latency: LatencyFault,
        /// Messages vanish.
        optional loss: LossFault,
        /// Messages between groups vanish; places in no group reach everyone.
        optional partition: PartitionShape,
        /// A workload's rate is multiplied.
        optional surge: SurgeShape,
        /// A bad configuration is pushed.
        optional config: ConfigFault,
    }
    one_of { "at", "mtbf" }
    one_of { "crash", "pause", "slow", "errors", "latency", "loss", "partition", "surge", "config" }
    needs { "for" => "at", "mtbf" => "mttr", "mttr" => "mtbf" }
}

record! {
    /// Instances stop.
    CrashShape {
        /// One instance, such as `payment-1`.
        optional instance: String,
        /// All instances on a node, such as `a-1`.
        optional node: String,
        /// All instances of a service.
        optional service: String,
        /// All instances in a zone.
        optional zone: String,
        /// The instance that leads this replicated service when the fault begins; nobody when none does.
        optional leader: String,
        /// How callers find out.
        default mode: ModeWord = "refuse",
    }
    one_of { "instance", "node", "service", "zone", "leader" }
}

choice! {
    /// How callers find out that an instance is down.
    "a mode of crash": ModeWord {
        /// Connections are refused, and those that were open break.
        "refuse" => Refuse,
        /// Messages vanish.
        "blackhole" => Blackhole,
    }
}

record! {
    /// Instances do nothing for a while.
    PauseShape {
        /// One instance, such as `payment-1`.
        optional instance: String,
        /// All instances on a node, such as `a-1`.
        optional node: String,
        /// All instances of a service.
        optional service: String,
        /// All instances in a zone.
        optional zone: String,
    }
    one_of { "instance", "node", "service", "zone" }
}

record! {
    /// `compute` takes longer.
    SlowShape {
        /// One instance, such as `payment-1`.
        optional instance: String,
        /// All instances on a node, such as `a-1`.
        optional node: String,
        /// All instances of a service.
        optional service: String,
        /// All instances in a zone.
        optional zone: String,
        /// How many times as long; below 1 is faster.
        required factor: PositiveNumber,
    }
    one_of { "instance", "node", "service", "zone" }
}

record! {
    /// Requests fail.
    ErrorsShape {
        /// One instance, such as `payment-1`.
        optional instance: String,
        /// All instances on a node, such as `a-1`.
        optional node: String,
        /// All instances of a service.
        optional service: String,
        /// All instances in a zone.
        optional zone: String,
        /// The share of requests.
        required ratio: Ratio,
    }
    one_of { "instance", "node", "service", "zone" }
}

record! {
    /// Messages take longer, in the direction given.
    LatencyFault {
        /// A zone, service, workload, node or instance; anywhere when absent.
        optional from: String,
        /// A zone, service, workload, node or instance; anywhere when absent.
        optional to: String,
        /// What is added to each message.
        required add: Distribution,
    }
}

record! {
    /// Messages vanish, in the direction given.
    LossFault {
        /// A zone, service, workload, node or instance; anywhere when absent.
        optional from: String,
        /// A zone, service, workload, node or instance; anywhere when absent.
        optional to: String,
        /// The share of messages.
        required ratio: Ratio,
    }
}

record! {
    /// Messages between groups vanish.
    PartitionShape {
        /// Lists of zones, services, workloads, nodes or instances.
        required groups: List<List<At<String>, 1>, 2>,
    }
}

record! {
    /// A workload's rate is multiplied; closed workloads think the shorter.
    SurgeShape {
        /// Which workload.
        required workload: String,
        /// By how much.
        required factor: Number,
    }
}

/// Finds the places that faults name; a fault that could not be read is left out.
/// Those that push a bad configuration are given beside it, too.
pub(crate) fn resolve(
    faults: List<FaultShape>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> (Vec<Fault>, Vec<BadPush>) {
    let mut resolved = Vec::with_capacity(faults.0.len());
    let mut pushes = Vec::new();
    for fault in faults.0 {
        let when = match (fault.at, fault.mtbf, fault.mttr) {
            (Some(at), None, None) => Some(Occurrence::Once {
                at: Instant::ZERO + *at,
                lasts: fault.r#for.map(|lasts| lasts.0),
            }),
            (None, Some(mtbf), Some(mttr)) => Some(Occurrence::Renewal {
                mtbf: mtbf.value.0,
                mttr: mttr.value,
            }),
            _ => None,
        };
        let kind = if let Some(crash) = fault.crash {
            let mode = match crash.mode.value {
                ModeWord::Refuse => CrashMode::Refuse,
                ModeWord::Blackhole => CrashMode::Blackhole,
            };
            let places = [&crash.instance, &crash.node, &crash.service, &crash.zone];
            match &crash.leader {
                Some(leader) => names
                    .replicated(leader, cx)
                    .map(|service| FaultKind::CrashLeader { service, mode }),
                None => place(places, names, cx).map(|place| FaultKind::Crash { place, mode }),
            }
        } else if let Some(pause) = fault.pause {
            let place = place(
                [&pause.instance, &pause.node, &pause.service, &pause.zone],
                names,
                cx,
            );
            place.map(|place| FaultKind::Pause { place })
        } else if let Some(slow) = fault.slow {
            let place = place(
                [&slow.instance, &slow.node, &slow.service, &slow.zone],
                names,
                cx,
            );
            place.map(|place| FaultKind::Slow {
                place,
                factor: slow.factor.0,
            })
        } else if let Some(errors) = fault.errors {
            let place = place(
                [
                    &errors.instance,
                    &errors.node,
                    &errors.service,
                    &errors.zone,
                ],
                names,
                cx,
            );
            place.map(|place| FaultKind::Errors {
                place,
                ratio: errors.ratio.0,
            })
        } else if let Some(latency) = fault.latency {
            let ends = ends(&latency.from, &latency.to, names, cx);
            ends.map(|(from, to)| FaultKind::Latency {
                from,
                to,
                add: latency.value.add.value,
            })
        } else if let Some(loss) = fault.loss {
            let ends = ends(&loss.from, &loss.to, names, cx);
            ends.map(|(from, to)| FaultKind::Loss {
                from,
                to,
                ratio: loss.ratio.0,
            })
        } else if let Some(partition) = fault.partition {
            let groups = partition.value.groups.value.0.iter();
            let groups = groups.map(|group| {
                group
                    .0
                    .iter()
                    .filter_map(|p| names.place(p, &Kind::ALL, cx))
                    .collect()
            });
            Some(FaultKind::Partition {
                groups: groups.collect(),
            })
        } else if let Some(surge) = fault.surge {
            let workload = names.workload(&surge.workload, cx);
            workload.map(|workload| FaultKind::Surge {
                workload,
                factor: surge.factor.0,
            })
        } else if let Some(config) = fault.config {
            let set = config.value.set;
            let label = set.label();
            match when {
                Some(Occurrence::Once { at, lasts }) => pushes.push(BadPush {
                    fault: resolved.len(),
                    at: at.since(Instant::ZERO),
                    lasts,
                    set,
                }),
                _ => {
                    cx.problem(config.span, "a bad configuration is pushed once")
                        .help("give the fault `at` and `for`, rather than `mtbf` and `mttr`");
                }
            }
            // Its number is known when all pushes are.
            let config = 0;
            Some(FaultKind::Config { config, label })
        } else {
            None
        };
        if let (Some(when), Some(kind)) = (when, kind) {
            resolved.push(Fault { when, kind });
        }
    }
    (resolved, pushes)
}

/// The one place among instance, node, service and zone.
fn place(words: [&Option<At<String>>; 4], names: &Names, cx: &mut Reader<'_>) -> Option<Place> {
    let kinds = [Kind::Instance, Kind::Node, Kind::Service, Kind::Zone];
    let (word, kind) = words
        .into_iter()
        .zip(kinds)
        .find_map(|(word, kind)| Some((word.as_ref()?, kind)))?;
    names.place(word, &[kind], cx)
}

/// Both ends of a direction; `None` where one is named that is not there.
fn ends(
    from: &Option<At<String>>,
    to: &Option<At<String>>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Option<(Option<Place>, Option<Place>)> {
    let mut end = |word: &Option<At<String>>| match word {
        Some(word) => names.place(word, &Kind::ALL, cx).map(Some),
        None => Some(None),
    };
    let (from, to) = (end(from), end(to));
    Some((from?, to?))
}
