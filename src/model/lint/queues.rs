//! Queues whose consumers take longer than they may, or can hardly keep up.

use super::Warnings;
use super::answer::Answers;
use super::flow::Flow;
use super::graph::Graph;
use super::words::{rate, span};
use crate::types::Sharing;
use clock::Duration;

/// Warns of every queue that its consumers cannot empty.
pub(super) fn check(graph: &Graph<'_>, answers: &Answers, flow: &Flow, out: &mut Warnings<'_>) {
    for queue in &graph.model.queues {
        let path = format!("queues.{}", queue.name);
        for &consumer in &queue.consumers {
            let endpoint = graph.endpoint(consumer);
            let (name, time) = (graph.name(endpoint), answers.of[endpoint].typical);
            let timeout = queue.ack_timeout;
            if timeout < Duration::MAX && time > timeout.as_nanos() as f64 {
                out.warn(
                    &format!("{path}.ack_timeout"),
                    format!(
                        "`{name}` takes {} in the mean: most messages are delivered again while they are \
                         worked on, and the first word on them counts for nothing",
                        span(time)
                    ),
                    "make it several times as long as the handler takes",
                );
            }
            let service = &graph.model.services[consumer.service];
            let (at_once, what) = match queue.sharing {
                Sharing::Exclusive { .. } => (f64::from(queue.partitions), "partitions"),
                Sharing::Competing => {
                    let each = f64::from(queue.prefetch);
                    (f64::from(service.instances) * each, "prefetch")
                }
            };
            let come = flow.rates[endpoint];
            let most = at_once * 1e9 / time;
            if come > most * (1.0 + 1e-9) {
                out.warn(
                    &path,
                    format!(
                        "`{name}` handles at most {} messages: {at_once} at once, each for {}; {} come, and \
                         the queue grows",
                        rate(most),
                        span(time),
                        rate(come)
                    ),
                    format!("raise `{what}`, or let the handler take less"),
                );
            }
        }
    }
}
