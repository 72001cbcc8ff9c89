//! The configuration centre: what is pushed when, and how instances learn of it.

use crate::changes::Changes;
use crate::deployments::{RollbackShape, resolve_rollback};
use crate::names::Names;
use crate::problem::Span;
use crate::quantity::{Count, PositiveDuration};
use crate::reader::{At, List, Reader};
use crate::shape::{choice, record};
use crate::types::{ConfigCentre, Distribution, Propagation, Push};
use clock::{Duration, Instant};

record! {
    /// The configuration centre. An instance that starts has the newest configuration.
    ConfigShape {
        /// How the others learn of a change.
        default propagation: PropagationShape = "watch",
        /// What is changed, and when.
        optional pushes: List<PushShape>,
    }
}

choice! {
    /// How instances learn of a change of configuration.
    "a propagation": PropagationShape {
        /// The centre tells each of them.
        "watch" => Watch(WatchShape),
        /// Each asks from time to time, beginning at a moment of its own.
        "poll" => Poll(PollShape),
    }
}

record! {
    /// The centre tells each instance.
    WatchShape {
        /// From the push until an instance has it, drawn for each.
        default latency: Distribution = "0s",
    }
}

record! {
    /// Each instance asks.
    PollShape {
        /// Between two asks.
        default interval: PositiveDuration = "30s",
    }
}

record! {
    /// A change of configuration, on top of those before it.
    PushShape {
        /// When.
        required at: Duration,
        /// What: PATH: VALUE.
        optional set: Changes,
        /// Take the newest changes back, so that the first so many pushes stay; 0 is the model's own
        /// configuration.
        optional back_to: Count<0, 1_000>,
        /// What is done when it goes wrong; nothing when absent.
        optional rollback: RollbackShape,
    }
    one_of { "set", "back_to" }
}

record! {
    /// A bad configuration is pushed; when the fault is over, it is taken back.
    ConfigFault {
        /// What it says: PATH: VALUE.
        required set: Changes,
    }
}

/// A bad push, from the section of faults.
pub(crate) struct BadPush {
    pub(crate) fault: usize,
    pub(crate) at: Duration,
    pub(crate) lasts: Option<Duration>,
    pub(crate) set: At<Changes>,
}

/// A push before its number is known.
struct Planned {
    at: Duration,
    place: Span,
    what: What,
    rollback: Option<RollbackShape>,
}

enum What {
    Set(Changes),
    BackTo(At<u32>),
    Bad(Changes, usize, Option<Duration>),
}

/// The centre, and the changes that make its configurations, in their order.
pub(crate) fn resolve(
    shape: Option<ConfigShape>,
    bad: Vec<BadPush>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> (Option<ConfigCentre>, Vec<Changes>) {
    let mut planned: Vec<Planned> = Vec::new();
    let mut propagation = Propagation::Watch {
        latency: Distribution::Constant(Duration::ZERO),
    };
    if let Some(shape) = shape {
        propagation = match shape.propagation.value {
            PropagationShape::Watch(watch) => Propagation::Watch {
                latency: watch.value.latency.value,
            },
            PropagationShape::Poll(poll) => Propagation::Poll {
                interval: poll.interval.0,
            },
        };
        let pushes = shape.pushes.map_or_else(Vec::new, |list| list.value.0);
        planned.extend(pushes.into_iter().filter_map(|push| {
            let what = match (push.set, push.back_to) {
                (Some(set), None) => What::Set(set.value),
                (None, Some(back)) => What::BackTo(At {
                    value: back.0,
                    span: back.span,
                }),
                _ => return None,
            };
            Some(Planned {
                at: push.at.value,
                place: push.at.span,
                what,
                rollback: push.rollback.map(|rollback| rollback.value),
            })
        }));
    }
    planned.extend(bad.into_iter().map(|bad| Planned {
        at: bad.at,
        place: bad.set.span,
        what: What::Bad(bad.set.value, bad.fault, bad.lasts),
        rollback: None,
    }));
    planned.sort_by_key(|push| push.at);
    check_times(&planned, cx);

    let mut changes: Vec<Changes> = Vec::new();
    let mut pushes = Vec::with_capacity(planned.len());
    for push in planned {
        let (config, label, fault) = match push.what {
            What::Set(set) => {
                let label = set.label();
                changes.push(set);
                (changes.len() as u32, label, None)
            }
            What::Bad(set, fault, _) => {
                let label = set.label();
                changes.push(set);
                (changes.len() as u32, label, Some(fault))
            }
            What::BackTo(to) => {
                if to.value as usize > changes.len() {
                    let made = changes.len();
                    cx.problem(
                        to.span,
                        format!("until then there are {made} configurations to go back to"),
                    )
                    .help("0 is the model's own, 1 the first push, and so on");
                }
                (to.value, format!("back to {}", to.value), None)
            }
        };
        pushes.push(Push {
            at: Instant::ZERO + push.at,
            config,
            label,
            fault,
            rollback: push
                .rollback
                .map(|shape| resolve_rollback(shape, names, cx)),
        });
    }
    let configs = changes.len() as u32 + 1;
    let centre = (!pushes.is_empty()).then_some(ConfigCentre {
        propagation,
        pushes,
        configs,
    });
    (centre, changes)
}

/// Two pushes must not meet, and none may come while a bad one is there: its end takes back
/// everything since.
fn check_times(planned: &[Planned], cx: &mut Reader<'_>) {
    for pair in planned.windows(2) {
        if pair[0].at == pair[1].at {
            cx.problem(
                pair[1].place,
                "two changes of configuration come at the same time",
            )
            .help("make one of them, or let some time pass between them");
        }
    }
    for (index, push) in planned.iter().enumerate() {
        let What::Bad(_, _, lasts) = push.what else {
            continue;
        };
        let end = lasts.map_or(Duration::MAX, |lasts| push.at.saturating_add(lasts));
        for later in &planned[index + 1..] {
            if later.at > push.at && later.at <= end {
                cx.problem(
                    later.place,
                    "this push comes while a bad configuration is there",
                )
                .help("the end of that fault would take it back, too: push before or after it")
                .note(push.place, "the bad one is here");
            }
        }
    }
}
