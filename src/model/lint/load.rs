//! Services that are asked for more than they can do, by the model's own figures.

use super::Warnings;
use super::answer::Answers;
use super::flow::Flow;
use super::graph::Graph;
use super::words::{figure, rate, span};
use crate::types::Scheduling;

/// Warns of every service whose utilization would be above 1.
pub(super) fn check(graph: &Graph<'_>, answers: &Answers, flow: &Flow, out: &mut Warnings<'_>) {
    for (number, service) in graph.model.services.iter().enumerate() {
        let share = flow.use_of[number];
        let utilization = share.most();
        if utilization <= 1.0 + 1e-9 {
            continue;
        }
        let path = format!("services.{}", service.name);
        let asked = flow.to_service(graph, number);
        let each = |of: fn(&super::answer::Answer) -> f64| {
            let sum: f64 = graph
                .endpoints_of(number)
                .filter(|&endpoint| flow.rates[endpoint] > 0.0)
                .map(|endpoint| flow.rates[endpoint] * of(&answers.of[endpoint]))
                .sum();
            sum / asked
        };
        let by_workers = share.workers >= share.cores;
        let blocking = graph.endpoints[graph.endpoints_of(number).start].blocking;
        let (time, places, kind) = match service.scheduling {
            Scheduling::ProcessorSharing { cores } if !by_workers => {
                (each(|answer| answer.work), cores, "core")
            }
            _ if blocking => (each(|answer| answer.held), service.workers, "worker"),
            _ => (each(|answer| answer.work), service.workers, "worker"),
        };
        if !(utilization < 1e6) {
            out.warn(
                &path,
                format!(
                    "asked for {}, it is busy without end: a request needs a {kind} for {} on average",
                    rate(asked),
                    span(time)
                ),
                "find the time that has no mean, or the calls that lead back here more than once",
            );
            continue;
        }
        let held = if blocking && by_workers {
            "holds a worker, its calls included,".to_owned()
        } else {
            format!("needs a {kind}")
        };
        let message = format!(
            "utilization {} at {}: {} x {places} {kind}s can do {}, since each request {held} for {} \
             on average",
            figure(utilization),
            rate(asked),
            service.instances,
            rate(asked / utilization),
            span(time),
        );
        let needed = (f64::from(service.instances) * utilization).floor() + 1.0;
        let then = f64::from(service.instances) * utilization / needed;
        out.warn(
            &path,
            message,
            format!(
                "`instances: {needed}` would make it {}; or ask for less",
                figure(then)
            ),
        );
    }
}
