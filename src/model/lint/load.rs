//! Services that are asked for more than they can do, by the model's own figures.

use super::Warnings;
use super::answer::{Answer, Answers};
use super::flow::Flow;
use super::graph::Graph;
use super::words::{at_least, figure, rate, span};
use crate::types::{Scheduling, Threading};

/// From this utilization on its figure says nothing more.
const BEYOND_WORDS: f64 = 1e6;

/// Warns of every service whose utilization would be above 1.
pub(super) fn check(graph: &Graph<'_>, answers: &Answers, flow: &Flow, out: &mut Warnings<'_>) {
    for (number, service) in graph.model.services.iter().enumerate() {
        let share = flow.use_of[number];
        let let_in = flow.let_in(graph, number);
        let utilization = share.most() * let_in;
        if utilization <= 1.0 + 1e-9 {
            continue;
        }
        let path = format!("services.{}", service.name);
        let asked = flow.to_service(graph, number);
        let served = asked * let_in;
        let each = |of: fn(&Answer) -> f64| {
            let endpoints = graph.endpoints_of(number);
            let asked_for = endpoints.filter(|&endpoint| flow.rates[endpoint] > 0.0);
            asked_for
                .map(|endpoint| flow.rates[endpoint] / asked * of(&answers.of[endpoint]))
                .sum::<f64>()
        };
        let blocking = service.threading == Threading::Blocking;
        let (work, held) = (each(|answer| answer.work), each(|answer| answer.held));
        let (time, places, place) = match service.scheduling {
            Scheduling::ProcessorSharing { cores } if share.cores > share.workers => {
                (work, cores, "core")
            }
            _ if blocking => (held, service.workers, "worker"),
            _ => (work, service.workers, "worker"),
        };
        let of = match (service.most_instances(), places) {
            (1, 1) => format!("its only {place}"),
            (1, n) | (n, 1) => format!("one of its {n} {place}s"),
            (instances, n) => format!("one of its {instances} × {n} {place}s"),
        };
        let calls = if time > work * (1.0 + 1e-9) {
            ", waiting included"
        } else {
            ""
        };
        let each = format!("a request takes {of} for {}{calls}", span(time));
        if utilization > BEYOND_WORDS {
            out.warn(
                &path,
                format!("busy without end at {}: {each}", rate(served)),
                "look for a time that has no mean, and for calls that lead back here more than once",
            );
            continue;
        }
        let needed = (f64::from(service.most_instances()) * utilization).floor() + 1.0;
        let then = f64::from(service.most_instances()) * utilization / needed;
        out.warn(
            &path,
            format!(
                "utilization {} at {}, and 1 at {}: {each}",
                at_least(utilization),
                rate(served),
                rate(served / utilization),
            ),
            format!(
                "`instances: {needed}` would make it {}; or ask for less",
                figure(then)
            ),
        );
    }
}
