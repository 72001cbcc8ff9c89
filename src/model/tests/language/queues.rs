//! Queues: what is read, what presets say, and what does not fit together.

use clock::Duration;
use stormglass_model::{MessageQueue, Sharing, WhenFull, read};

/// A model with these queues.
fn text(queues: &str) -> String {
    format!(
        "
services:
  order: {{workers: 9, endpoints: {{create: [{{publish: mail}}]}}}}
  shipping: {{instances: 1, workers: 8, endpoints: {{dispatch: [{{compute: 10ms}}], look: []}}}}
queues: {queues}
workloads: {{w: {{target: order.create, batch: {{size: 1}}}}}}
"
    )
}

fn queues(queues: &str) -> Vec<MessageQueue> {
    let text = text(queues);
    match read(&text, "test.yaml", &(), &[]) {
        Ok(loaded) => loaded.model.queues,
        Err(report) => panic!("{report}"),
    }
}

fn wrong(queues: &str) -> String {
    let text = text(queues);
    read(&text, "test.yaml", &(), &[]).unwrap_err().to_string()
}

#[test]
fn the_example_of_the_language() {
    let found = queues(
        "{mail: {capacity: 100000, consumer: shipping.dispatch, ack_timeout: 30s, max_deliveries: 5}}",
    );
    let mail = &found[0];
    assert_eq!(
        (mail.capacity, mail.max_deliveries),
        (Some(100_000), Some(5))
    );
    assert_eq!(mail.ack_timeout, Duration::from_secs(30));
    assert_eq!((mail.consumers.len(), mail.partitions), (1, 1));
    // As many as the consumer has workers.
    assert_eq!(mail.prefetch, 8);
    assert_eq!(mail.sharing, Sharing::Competing);
    assert_eq!(mail.when_full, WhenFull::Refuse);
}

#[test]
fn presets_say_what_is_not_written() {
    let preset = |name: &str, more: &str| {
        let mut found = queues(&format!(
            "{{mail: {{preset: {name}, consumer: shipping.dispatch{more}}}}}"
        ));
        found.remove(0)
    };
    let sqs = preset("sqs", "");
    assert_eq!((sqs.prefetch, sqs.requeue), (1, false));
    assert_eq!(sqs.redelivery.initial, Duration::from_secs(30));
    let kafka = preset("kafka", ", max_deliveries: 3");
    assert!(matches!(kafka.sharing, Sharing::Exclusive { .. }));
    assert!(kafka.producer.idempotent);
    assert_eq!(kafka.max_deliveries, Some(3));
    let rabbit = preset("rabbitmq", ", max_deliveries: none");
    assert_eq!(rabbit.max_deliveries, None);
    assert_eq!(rabbit.ack_timeout, Duration::from_secs(1_800));
}

#[test]
fn what_does_not_fit_together_is_told() {
    let consumer = "consumer: shipping.dispatch";
    for (queues, told) in [
        ("{mail: {}}", "one of `consumer`, `consumers` is missing"),
        ("{mail: {consumer: shipping.dispach}}", "dispatch"),
        (
            "{mali: {consumer: shipping.dispatch}}",
            "there is no queue `mail`",
        ),
        (
            &format!("{{mail: {{{consumer}, partitions: 4, capacity: 3}}}}"),
            "partitions",
        ),
        (
            &format!("{{mail: {{{consumer}, dead_letter: mail}}}}"),
            "no message becomes a dead letter",
        ),
        (
            &format!("{{mail: {{{consumer}, max_deliveries: 2, dead_letter: mail}}}}"),
            "go round in a circle",
        ),
        (
            &format!("{{mail: {{{consumer}, ack_timeout: none, requeue: false}}}}"),
            "never be delivered again",
        ),
        (
            &format!("{{mail: {{{consumer}, redelivery: {{initial: 1s, factor: 0.5}}}}}}"),
            "does not shrink",
        ),
    ] {
        let report = wrong(queues);
        assert!(report.contains(told), "{queues}: {report}");
    }
}
