//! Calls that never end: endpoints that call each other in a circle which no `choose` and no
//! `fail` can leave.

use crate::problem::Span;
use crate::reader::{Named, Reader};
use crate::services::{ServiceShape, Steps};
use crate::steps;
use crate::transactions;
use crate::types::{Model, Step, Target};
use policy::Outcome;
use policy::config::LayerConfig;

/// Where the calls of every endpoint stand, in the order of the file.
pub(crate) type Calls = Vec<Vec<Vec<Span>>>;

/// The calls of services that were read.
pub(crate) fn calls<const MIN: usize>(services: &Named<ServiceShape, MIN>) -> Calls {
    let of_endpoint = |steps: &Option<Steps>| {
        let mut found = Vec::new();
        if let Some(steps) = steps {
            steps::calls(&steps.0, &mut found);
        }
        found.iter().map(|call| call.span).collect()
    };
    let of_service = |service: &ServiceShape| {
        let endpoints = service.endpoints.iter().flat_map(|endpoints| &endpoints.0);
        endpoints.map(|(_, steps)| of_endpoint(steps)).collect()
    };
    services
        .0
        .iter()
        .filter_map(|(_, service)| service.as_ref().map(of_service))
        .collect()
}

/// How a handler, or a part of one, can end. Neither: it never ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ends {
    well: bool,
    badly: bool,
}

impl Ends {
    const WELL: Self = Self {
        well: true,
        badly: false,
    };
    const NEVER: Self = Self {
        well: false,
        badly: false,
    };

    fn at_all(self) -> bool {
        self.well || self.badly
    }
}

/// Notes every circle of calls that nothing can leave.
pub(crate) fn check(model: &Model, calls: &Calls, cx: &mut Reader<'_>) {
    let ends = fixpoint(model);
    let stuck = |target: Target| !ends[target.service][target.endpoint].at_all();
    let mut seen: Vec<Target> = Vec::new();
    for (service, endpoints) in model.services.iter().enumerate() {
        for endpoint in 0..endpoints.endpoints.len() {
            let start = Target { service, endpoint };
            if !stuck(start) || seen.contains(&start) {
                continue;
            }
            // Every stuck endpoint calls a stuck one, so this walk comes back to itself.
            let mut path: Vec<(Target, usize)> = Vec::new();
            let mut at = start;
            loop {
                if let Some(begin) = path.iter().position(|(target, _)| *target == at) {
                    report(model, &path[begin..], calls, cx);
                    break;
                }
                if seen.contains(&at) {
                    break;
                }
                seen.push(at);
                let steps = &model.services[at.service].endpoints[at.endpoint].steps;
                let mut targets = Vec::new();
                targets_of(steps, &mut targets);
                let Some(call) = targets.iter().position(|target| stuck(*target)) else {
                    break;
                };
                path.push((at, call));
                at = targets[call];
            }
        }
    }
}

fn report(model: &Model, circle: &[(Target, usize)], calls: &Calls, cx: &mut Reader<'_>) {
    let (target, call) = circle[circle.len() - 1];
    let mut names: Vec<_> = circle
        .iter()
        .map(|(target, _)| model.target_name(*target))
        .collect();
    names.push(model.target_name(circle[0].0));
    let at = calls[target.service][target.endpoint][call];
    cx.problem(at, format!("this call never ends: {}", names.join(" → ")))
        .help("let a `choose` or a `fail` lead out of the circle");
}

/// The least solution: what can end by a chain of calls that ends.
fn fixpoint(model: &Model) -> Vec<Vec<Ends>> {
    let mut ends: Vec<Vec<Ends>> = model
        .services
        .iter()
        .map(|service| vec![Ends::NEVER; service.endpoints.len()])
        .collect();
    loop {
        let mut changed = false;
        for (index, service) in model.services.iter().enumerate() {
            for (number, endpoint) in service.endpoints.iter().enumerate() {
                let now = sequence(&endpoint.steps, model, &ends);
                changed |= ends[index][number] != now;
                ends[index][number] = now;
            }
        }
        if !changed {
            return ends;
        }
    }
}

fn sequence(steps: &[Step], model: &Model, ends: &[Vec<Ends>]) -> Ends {
    let mut badly = false;
    for step in steps {
        let step = one(step, model, ends);
        badly |= step.badly;
        if !step.well {
            return Ends { well: false, badly };
        }
    }
    Ends { well: true, badly }
}

fn one(step: &Step, model: &Model, ends: &[Vec<Ends>]) -> Ends {
    match step {
        Step::Compute(_) | Step::Wait(_) | Step::Read { .. } => Ends::WELL,
        // A queue answers, or its producer's time-out does.
        Step::Publish(_) => Ends {
            well: true,
            badly: true,
        },
        Step::Cache(cache) => {
            let miss = sequence(&cache.miss, model, ends);
            Ends {
                well: true,
                badly: miss.badly,
            }
        }
        Step::Write { if_unchanged, .. } => Ends {
            well: true,
            badly: *if_unchanged,
        },
        Step::Fail(ratio) => Ends {
            well: *ratio < 1.0,
            badly: *ratio > 0.0,
        },
        Step::Call {
            target,
            policy,
            optional,
        } => {
            let callee = ends[target.service][target.endpoint];
            // What a handler that fails ends in is an error.
            let mended = policy.is_some_and(|policy| {
                let layers = &model.policies[policy].config.layers;
                layers.iter().any(|layer| match layer {
                    LayerConfig::Fallback(fallback) => fallback.on.contains(Outcome::Error),
                    _ => false,
                })
            });
            let mended = mended || *optional;
            // Another's layer may end a call as it likes.
            let may_mend = policy.is_some_and(|policy| {
                let layers = &model.policies[policy].config.layers;
                layers
                    .iter()
                    .any(|layer| matches!(layer, LayerConfig::Custom(_)))
            });
            Ends {
                well: callee.well || callee.badly && (mended || may_mend),
                badly: callee.badly && !mended,
            }
        }
        Step::Parallel { branches, require } => {
            // Branches run on when the step has been decided, so each must end.
            let branches: Vec<_> = branches
                .iter()
                .map(|branch| sequence(branch, model, ends))
                .collect();
            if !branches.iter().all(|branch| branch.at_all()) {
                return Ends::NEVER;
            }
            let require = *require as usize;
            let well = branches.iter().filter(|branch| branch.well).count() >= require;
            let badly =
                branches.iter().filter(|branch| branch.badly).count() + require > branches.len();
            Ends { well, badly }
        }
        Step::Choose(alternatives) => {
            let possible = alternatives.iter().filter(|(weight, _)| *weight > 0.0);
            possible
                .map(|(_, steps)| sequence(steps, model, ends))
                .fold(Ends::NEVER, |a, b| Ends {
                    well: a.well || b.well,
                    badly: a.badly || b.badly,
                })
        }
        Step::Repeat { times: 0, .. } => Ends::WELL,
        Step::Repeat { steps, .. } => sequence(steps, model, ends),
        Step::Transaction(transaction) => {
            let ends_of = |target: Target| ends[target.service][target.endpoint];
            // Time-outs end the transaction, but not what it has begun.
            if !transactions::targets(transaction).all(|target| ends_of(target).at_all()) {
                return Ends::NEVER;
            }
            let mut parts = transaction.participants.iter();
            Ends {
                well: parts.all(|part| ends_of(part.work).well),
                badly: true,
            }
        }
    }
}

/// The targets of calls, in the order of the file.
fn targets_of(steps: &[Step], found: &mut Vec<Target>) {
    for step in steps {
        match step {
            Step::Call { target, .. } => found.push(*target),
            Step::Parallel { branches, .. } => {
                branches.iter().for_each(|branch| targets_of(branch, found))
            }
            Step::Choose(alternatives) => alternatives
                .iter()
                .for_each(|(_, steps)| targets_of(steps, found)),
            Step::Repeat { steps, .. } => targets_of(steps, found),
            Step::Transaction(transaction) => found.extend(transactions::targets(transaction)),
            Step::Compute(_)
            | Step::Wait(_)
            | Step::Fail(_)
            | Step::Read { .. }
            | Step::Write { .. }
            | Step::Publish(_) => {}
            Step::Cache(cache) => targets_of(&cache.miss, found),
        }
    }
}
