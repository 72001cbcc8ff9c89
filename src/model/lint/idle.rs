//! Settings that never do anything: kinds of failure that cannot come, copies that are never sent,
//! keys that nobody has, degradation without anything to leave out.

use super::Warnings;
use super::graph::Graph;
use super::layers::{rate_limit, retry};
use super::words::span;
use crate::types::{Service, Step};
use policy::config::{AdmissionLayer, HedgeConfig, HedgeDelay, LayerConfig};
use policy::{Outcome, OutcomeSet};

/// Warns of everything in a model that is without effect.
pub(super) fn check(graph: &Graph<'_>, out: &mut Warnings<'_>) {
    for policy in &graph.model.policies {
        let path = format!("policies.{}", policy.name);
        deaf(&policy.config.layers, &path, out);
        single(graph, &policy.config.layers, &path, out);
    }
    keyless(graph, out);
    for service in &graph.model.services {
        indispensable(service, out);
    }
}

/// Layers that act on timeouts only, without a timeout inside of them.
fn deaf(layers: &[LayerConfig], path: &str, out: &mut Warnings<'_>) {
    let only = OutcomeSet::NONE.with(Outcome::Timeout);
    for (index, layer) in layers.iter().enumerate() {
        let (name, on) = match layer {
            LayerConfig::Fallback(fallback) => ("fallback", fallback.on),
            LayerConfig::CircuitBreaker(breaker) => ("circuit_breaker", breaker.failure_on),
            LayerConfig::Hedge(hedge) if hedge.delay == HedgeDelay::OnFailure => {
                ("hedge", hedge.hedge_on)
            }
            _ => match retry(layer) {
                Some(retry) if retry.attempts > 1 => ("retry", retry.retry_on),
                _ => continue,
            },
        };
        // Another's layer may end a call as it likes.
        let comes = layers[index + 1..]
            .iter()
            .any(|inner| matches!(inner, LayerConfig::Timeout(_) | LayerConfig::Custom(_)));
        if on == only && !comes {
            out.warn(
                &format!("{path}.{index}.{name}"),
                format!(
                    "this `{name}` acts on `timeout` only, and none comes: there is no `timeout` \
                     inside of it"
                ),
                "move the `timeout` inwards, after it, or name other kinds",
            );
        }
    }
}

/// Hedges that never send a second copy, because the call has timed out before.
fn single(graph: &Graph<'_>, layers: &[LayerConfig], path: &str, out: &mut Warnings<'_>) {
    let hedges = layers.iter().enumerate();
    let hedges = hedges.filter_map(|(index, layer)| match layer {
        LayerConfig::Hedge(hedge) => Some((index, hedge)),
        _ => None,
    });
    for (index, hedge) in hedges {
        let HedgeConfig {
            delay: HedgeDelay::After(delay),
            attempts: 2..,
            ..
        } = *hedge
        else {
            continue;
        };
        let delay = delay.as_nanos() as f64;
        let timeouts = |layers: &[LayerConfig]| {
            let times = layers.iter().filter_map(|layer| match layer {
                LayerConfig::Timeout(time @ policy::config::Span::Constant(_)) => {
                    Some(graph.span(*time))
                }
                _ => None,
            });
            times.fold(f64::INFINITY, f64::min)
        };
        let (around, inside) = (timeouts(&layers[..index]), timeouts(&layers[index + 1..]));
        // A failure sends the next copy, too; but not one that comes as late as the end of all.
        let (time, place) = if around <= delay {
            (around, "around")
        } else if inside <= delay && !hedge.hedge_on.contains(Outcome::Timeout) {
            (inside, "inside")
        } else {
            continue;
        };
        out.warn(
            &format!("{path}.{index}.hedge"),
            format!(
                "this hedge sends no copy to a slow call: it waits {}, and a timeout {place} it ends \
                 after {}",
                span(delay),
                span(time)
            ),
            "give it a shorter `delay`, well below the timeout, such as `{quantile: 95%, initial: …}`",
        );
    }
}

/// Limits for each key, where no request has one.
fn keyless(graph: &Graph<'_>, out: &mut Warnings<'_>) {
    let mut workloads = graph.model.workloads.iter();
    if workloads.any(|workload| workload.keys.is_some()) {
        return;
    }
    let mut warn = |path: String| {
        out.warn(
            &path,
            "this limit is for each key, and no workload has `keys`: all requests share one",
            "give a workload `keys: {count: …}`, or take `keys` out here",
        );
    };
    for policy in &graph.model.policies {
        for (index, layer) in policy.config.layers.iter().enumerate() {
            if rate_limit(layer).is_some_and(|limit| limit.keys > Some(1)) {
                warn(format!("policies.{}.{index}.rate_limit.keys", policy.name));
            }
        }
    }
    for service in &graph.model.services {
        let keyed = |layer: &AdmissionLayer| {
            matches!(
                layer,
                AdmissionLayer::RateLimit {
                    keys: Some(2..),
                    ..
                }
            )
        };
        if service.admission.layers.iter().any(keyed) {
            warn(format!("services.{}.admission", service.name));
        }
    }
}

/// Services that degrade and have no step to leave out.
fn indispensable(service: &Service, out: &mut Warnings<'_>) {
    let mut endpoints = service.endpoints.iter();
    if service.degrade.is_none() || endpoints.any(|endpoint| leaves_out(&endpoint.steps)) {
        return;
    }
    out.warn(
        &format!("services.{}.degrade", service.name),
        format!(
            "`{}` has no optional step that it could leave out",
            service.name
        ),
        "mark the calls that it can do without by `optional: true`",
    );
}

fn leaves_out(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Call { optional, .. } => *optional,
        Step::Parallel { branches, .. } => branches.iter().any(|branch| leaves_out(branch)),
        Step::Choose(alternatives) => alternatives.iter().any(|(_, steps)| leaves_out(steps)),
        Step::Repeat { steps, .. } => leaves_out(steps),
        _ => false,
    })
}
