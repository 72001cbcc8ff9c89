//! Circuit breakers that never see enough calls to judge.

use super::Warnings;
use super::answer::callers;
use super::flow::{Flow, offered};
use super::graph::{Caller, Graph};
use super::words::{figure, rate};
use policy::config::{BreakerConfig, LayerConfig, Scope, Window};

/// Warns of every breaker whose window of time holds fewer calls than it needs. Windows of calls
/// always fill; where users or batches call, how often they do is not known.
pub(super) fn check(graph: &Graph<'_>, flow: &Flow, out: &mut Warnings<'_>) {
    let duration = graph.model.run.duration;
    let unknown = graph.reached(|source| offered(source, duration).is_none());
    for channel in &flow.channels {
        let site = &graph.sites[channel.sites[0]];
        let guessed = channel
            .sites
            .iter()
            .any(|&site| match graph.sites[site].caller {
                Caller::Endpoint(endpoint) => unknown[endpoint],
                Caller::Workload(workload) => {
                    offered(&graph.model.workloads[workload].source, duration).is_none()
                }
            });
        if guessed {
            continue;
        }
        for (index, layer) in graph.layers(site).iter().enumerate() {
            let LayerConfig::CircuitBreaker(breaker) = layer else {
                continue;
            };
            let BreakerConfig {
                window: Window::Time { length, .. },
                minimum_calls,
                ..
            } = *breaker
            else {
                continue;
            };
            let service = graph.service_of(site);
            let target = &graph.model.services[service];
            let by = callers(graph, site.caller);
            let to = match breaker.scope {
                Scope::Service => 1.0,
                Scope::Instance => f64::from(target.instances),
            };
            let calls = channel.entering[index];
            let expected = calls / (by * to) * length.as_secs_f64();
            // Nothing comes here at all: that is said elsewhere.
            if calls == 0.0 || expected >= f64::from(minimum_calls) {
                continue;
            }
            let split = match (by > 1.0, to > 1.0) {
                (false, false) => String::new(),
                (true, false) => format!(", over {by} callers with a breaker each"),
                (false, true) => format!(", over {to} instances with a breaker each"),
                (true, true) => {
                    format!(", over {by} callers with a breaker for each of {to} instances")
                }
            };
            let name = site
                .policy
                .map_or("", |policy| &graph.model.policies[policy].name);
            out.warn(
                &format!("{}.policy", site.path),
                format!(
                    "the circuit breaker of `{name}` judges from {minimum_calls} calls on, but its \
                     window of {length} holds {} on average: {} to `{}`{split}",
                    figure(expected),
                    rate(calls),
                    target.name
                ),
                "lower `minimum_calls`, widen the window, or use a window of calls, `{count: N}`",
            );
        }
    }
}
