//! Message queues: when a message is delivered, again, or never; what producers hear; what crashes
//! leave.

use crate::log::{Log, run};
use policy::Outcome::{Rejected, Success, Timeout};
use stormglass_cluster::MessageFact::{
    self, Acknowledged, DeadLettered, Dropped, Duplicate, Published, Recognized, Refused, Replayed,
};

const FIRST: MessageFact = MessageFact::Delivered { again: false };
const AGAIN: MessageFact = MessageFact::Delivered { again: true };

/// Orders at these times, each of which publishes to a queue of these keys. A message takes 1 ms: a
/// request that is sent at 0 reaches `order` at 1.
fn shop(keys: &str, at: &str, work: &str, rest: &str) -> Log {
    run(&format!(
        "
network: {{within_zone: {{latency: 1ms}}}}
services:
  order: {{workers: 99, endpoints: {{create: [publish: mail]}}}}
  post: {{workers: 9, endpoints: {{send: [{work}], bury: [compute: 1ms]}}}}
  log: {{instances: 2, endpoints: {{none: []}}}}
queues:
  mail: {{consumer: post.send, {keys}}}
  bad: {{consumer: post.bury}}
workloads: {{w: {{target: order.create, AT({at})}}}}
{rest}
"
    ))
}

#[test]
fn without_a_broker_there_is_no_way_to_go() {
    let log = shop("ack_timeout: 1s", "0", "compute: 5ms", "");
    assert_eq!(log.calls("w->order.create"), [(0.0, 2.0, Success)]);
    assert_eq!(log.messages("mail", Published), [1.0]);
    assert_eq!(log.messages("mail", FIRST), [1.0]);
    assert_eq!(log.messages("mail", Acknowledged), [6.0]);
    assert_eq!(log.depth("mail"), 0);
}

#[test]
fn a_broker_is_a_hop_away_from_all() {
    // To the broker at 2, written at 4, at the consumer at 5, done at 10, known at 11. The producer
    // hears of it at 5.
    let log = shop("broker: log, force: 2ms", "0", "compute: 5ms", "");
    assert_eq!(log.calls("w->order.create"), [(0.0, 6.0, Success)]);
    assert_eq!(log.messages("mail", Published), [4.0]);
    assert_eq!(log.arrived("post"), [5.0]);
    assert_eq!(log.messages("mail", Acknowledged), [11.0]);
}

#[test]
fn writes_are_made_together_while_another_one_is_under_way() {
    // The first is written from 1 to 11; the others come at 2 and 3, and are written together.
    let log = shop("force: 10ms", "0 1 2", "compute: 1ms", "");
    assert_eq!(log.messages("mail", Published), [11.0, 21.0, 21.0]);
}

#[test]
fn what_fails_comes_again_until_it_is_dead() {
    let keys = "max_deliveries: 3, redelivery: {initial: 10ms, factor: 2}, dead_letter: bad";
    let log = shop(keys, "0", "{compute: 5ms}, {fail: 100%}", "");
    // Delivered at 1, in vain at 6; again at 16, in vain at 21; again at 41, in vain at 46.
    assert_eq!(log.messages("mail", FIRST), [1.0]);
    assert_eq!(log.messages("mail", AGAIN), [16.0, 41.0]);
    assert_eq!(log.messages("mail", DeadLettered), [46.0]);
    assert_eq!(log.messages("bad", Published), [46.0]);
    assert_eq!(log.messages("bad", Acknowledged), [47.0]);
}

#[test]
fn a_consumer_that_is_too_slow_does_it_twice() {
    // Delivered at 1 and again at 11, as the handler takes 15 ms; done at 16, which comes too late, and
    // at 26, again too late, as it has been delivered once more at 21.
    let keys = "ack_timeout: 10ms, max_deliveries: 3";
    let log = shop(keys, "0", "compute: 15ms", "");
    assert_eq!(log.messages("mail", AGAIN), [11.0, 21.0]);
    assert_eq!(log.messages("mail", DeadLettered), [31.0]);
    assert_eq!(log.messages("mail", Duplicate), [26.0, 36.0]);
    assert_eq!(log.messages("mail", Acknowledged), [0.0; 0]);
}

#[test]
fn a_consumer_that_remembers_does_it_once() {
    // Out of 20 ms: the first is done at 26 and not acknowledged in time; the second delivery, which
    // waits for the only place, is recognized.
    let keys = "ack_timeout: 20ms, deduplicate_for: 1s, prefetch: 1";
    let log = shop(keys, "0", "compute: 25ms", "");
    assert_eq!(log.messages("mail", AGAIN)[..1], [21.0]);
    let known = log.messages("mail", Recognized);
    assert_eq!(known, [41.0]);
    assert_eq!(log.messages("mail", Acknowledged), [41.0]);
    assert_eq!(log.messages("mail", Duplicate), [46.0]);
}

#[test]
fn a_full_queue_refuses_blocks_or_drops() {
    let full = |when: &str| {
        let keys = format!(
            "capacity: 1, when_full: {when}, prefetch: 1, producer: {{timeout: 20ms, retries: 0}}"
        );
        shop(&keys, "0 1", "compute: 10ms", "")
    };
    // The second comes at 2, while the first is worked on until 11.
    let refuse = full("refuse");
    assert_eq!(refuse.messages("mail", Refused), [2.0]);
    assert_eq!(refuse.calls("w->order.create")[1], (1.0, 3.0, Rejected));
    let block = full("block");
    assert_eq!(block.messages("mail", Published), [1.0, 11.0]);
    assert_eq!(block.calls("w->order.create")[1], (1.0, 12.0, Success));
    // What is out is not dropped.
    let drop = full("drop_oldest");
    assert_eq!(drop.messages("mail", Refused), [2.0]);
    let keys = "capacity: 2, when_full: drop_oldest, prefetch: 1";
    let log = shop(keys, "0 1 2", "compute: 10ms", "");
    assert_eq!(log.messages("mail", Dropped), [3.0]);
    assert_eq!(log.messages("mail", Acknowledged), [11.0, 21.0]);
}

#[test]
fn a_producer_tries_again_and_gives_up() {
    let keys = "capacity: 1, prefetch: 1, producer: {timeout: 4ms, retries: 2}";
    // The second is refused at 2 and 6, and taken at 10; the third at 3, 7 and 11.
    let log = shop(keys, "0 1 2", "compute: 8ms", "");
    assert_eq!(log.calls("w->order.create")[1], (1.0, 11.0, Success));
    assert_eq!(log.calls("w->order.create")[2], (2.0, 12.0, Rejected));
    let keys = "broker: log, producer: {timeout: 5ms, retries: 1}";
    let down = "faults: [{at: 0s, for: 1s, crash: {service: log}}]";
    let log = shop(keys, "0", "compute: 1ms", down);
    assert_eq!(log.calls("w->order.create"), [(0.0, 12.0, Timeout)]);
}

#[test]
fn a_word_that_is_lost_makes_two_of_one_unless_the_broker_knows_it() {
    // The word that leaves at 2 is lost; the next try is at 11.
    let lost = "faults: [{at: 1500us, for: 2ms, loss: {from: log, to: order, ratio: 100%}}]";
    let two = shop(
        "broker: log, producer: {timeout: 10ms}",
        "0",
        "compute: 1ms",
        lost,
    );
    assert_eq!(two.messages("mail", Published), [2.0, 12.0]);
    assert_eq!(two.messages("mail", Duplicate), [14.0]);
    let keys = "broker: log, producer: {timeout: 10ms, idempotent: true}";
    let one = shop(keys, "0", "compute: 1ms", lost);
    assert_eq!(one.messages("mail", Published), [2.0]);
    assert_eq!(one.calls("w->order.create"), [(0.0, 14.0, Success)]);
}

#[test]
fn exclusive_sharing_keeps_the_order_however_long_it_takes() {
    let keys = "sharing: exclusive, redelivery: 10ms, max_deliveries: 2, poison: 100%";
    let log = shop(keys, "0 1", "compute: 5ms", "");
    // 1 to 6 in vain, 16 to 21 in vain, and only then the next.
    assert_eq!(log.messages("mail", FIRST), [1.0, 21.0]);
    assert_eq!(log.messages("mail", DeadLettered), [21.0, 41.0]);
}

#[test]
fn a_broker_keeps_what_it_has_written() {
    // The first is written at 12 and out; the second is still being written when the broker crashes at
    // 15, and is tried again.
    let keys = "broker: log, force: 10ms, producer: {timeout: 100ms, retries: 1}";
    let crash = "faults: [{at: 15ms, for: 20ms, crash: {instance: log-1}}]";
    let log = shop(keys, "0 5", "compute: 50ms", crash);
    assert_eq!(log.messages("mail", FIRST), [12.0, 117.0]);
    // The broker has forgotten who has it.
    assert_eq!(log.messages("mail", AGAIN), [35.0]);
    assert_eq!(log.messages("mail", Duplicate), [86.0]);
    assert_eq!(log.calls("w->order.create")[1].2, Success);
    assert_eq!(log.depth("mail"), 0);
}

#[test]
fn what_a_crashed_consumer_had_goes_to_another_one() {
    let crash = "faults: [{at: 10ms, for: 1s, crash: {instance: desk-1}}]";
    let with = |keys: &str| {
        run(&format!(
            "
services:
  order: {{workers: 9, endpoints: {{create: [publish: mail]}}}}
  desk: {{instances: 2, endpoints: {{send: [compute: 20ms]}}}}
queues: {{mail: {{consumer: desk.send, partitions: 2, {keys}}}}}
workloads: {{w: {{target: order.create, AT(0 0)}}}}
{crash}
"
        ))
    };
    let at_once = with("prefetch: 2");
    assert_eq!(at_once.messages("mail", AGAIN), [10.0]);
    let later = with("prefetch: 2, requeue: false, ack_timeout: 100ms");
    assert_eq!(later.messages("mail", AGAIN), [100.0]);
    // Nobody takes from its partition for a while.
    let moved = with("sharing: {exclusive: {rebalance: 300ms}}");
    let mut all = moved.messages("mail", AGAIN);
    all.extend(moved.messages("mail", FIRST));
    assert!(
        all.iter()
            .all(|at| *at < 10.0 || *at >= 310.0 || *at == 20.0),
        "{all:?}"
    );
    assert_eq!(moved.messages("mail", Acknowledged).len(), 2);
    assert_eq!(moved.messages("mail", Replayed), [0.0; 0]);
}

#[test]
fn every_group_gets_every_message() {
    let log = run("
services:
  order: {workers: 9, endpoints: {create: [publish: mail]}}
  a: {instances: 2, endpoints: {send: [compute: 20ms]}}
  b: {endpoints: {send: [compute: 10ms]}}
queues: {mail: {consumers: [a.send, b.send], partitions: 2}}
workloads: {w: {target: order.create, AT(0)}}
");
    assert_eq!(log.messages("mail", Published), [0.0]);
    assert_eq!(log.messages("mail", Acknowledged), [10.0, 20.0]);
    assert_eq!(log.depth("mail"), 0);
}
