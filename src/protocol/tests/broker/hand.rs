//! What a broker does, by hand.

use clock::{Duration, Instant};
use stormglass_protocol::broker::*;

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

/// Publishes messages at an instant, whose write takes no time; answers what is wanted besides.
fn publish(broker: &mut Broker, now: Instant, messages: &[u64], partition: u32) -> Vec<Action> {
    let mut out = Vec::new();
    for &message in messages {
        broker.publish(now, Publish::new(Message(message), partition), &mut out);
        if out.contains(&Action::Force) {
            out.retain(|action| *action != Action::Force);
            broker.forced(now, &mut out);
        }
    }
    out
}

fn delivered(out: &[Action]) -> Vec<(u64, u32)> {
    let given = out.iter().filter_map(|action| match action {
        Action::Deliver {
            message, consumer, ..
        } => Some((message.0, consumer.0)),
        _ => None,
    });
    given.collect()
}

fn receipts(out: &[Action]) -> Vec<Receipt> {
    let given = out.iter().filter_map(|action| match action {
        Action::Deliver { receipt, .. } => Some(*receipt),
        _ => None,
    });
    given.collect()
}

#[test]
fn competing_consumers_are_given_messages_in_turn() {
    let config = Config {
        prefetch: 2,
        ..Config::default()
    };
    let mut broker = Broker::new(config, [0]).unwrap();
    let mut out = Vec::new();
    for consumer in [3, 7] {
        broker.connect(at(0), Group(0), Consumer(consumer), &mut out);
    }
    let given = publish(&mut broker, at(1), &[0, 1, 2, 3, 4], 0);
    assert_eq!(delivered(&given), [(0, 3), (1, 7), (2, 3), (3, 7)]);
    broker.acknowledge(at(2), receipts(&given)[1], &mut out);
    assert_eq!(delivered(&out), [(4, 7)]);
}

#[test]
fn exclusive_partitions_are_shared_out_by_their_numbers() {
    let rebalance = Duration::from_millis(50);
    let config = Config {
        sharing: Sharing::Exclusive { rebalance },
        prefetch: 9,
        ..Config::default()
    };
    let mut broker = Broker::new(config, [0, 1]).unwrap();
    let mut out = Vec::new();
    broker.connect(at(0), Group(0), Consumer(1), &mut out);
    let first = publish(&mut broker, at(1), &[0, 1], 0);
    // One after the other.
    assert_eq!(delivered(&first), [(0, 1)]);
    let first = [first, publish(&mut broker, at(1), &[2], 1)].concat();
    assert_eq!(delivered(&first), [(0, 1), (2, 1)]);
    // A second member takes partition 1 over, after a while, with what is out there.
    broker.connect(at(10), Group(0), Consumer(2), &mut out);
    assert_eq!(broker.due(), at(60));
    assert_eq!(delivered(&out), []);
    broker.on_timer(at(60), &mut out);
    assert_eq!(delivered(&out), [(2, 2)]);
    // The old one's word comes too late.
    out.clear();
    broker.acknowledge(at(61), receipts(&first)[1], &mut out);
    assert_eq!(out, []);
}

#[test]
fn a_replay_begins_with_the_first_message_since_then() {
    let config = Config {
        groups: 2,
        prefetch: 9,
        retain: true,
        ..Config::default()
    };
    let mut broker = Broker::new(config, [0]).unwrap();
    let mut out = Vec::new();
    for group in [0, 1] {
        broker.connect(at(0), Group(group), Consumer(group), &mut out);
    }
    for (ms, message) in [(1, 0), (2, 1), (3, 2)] {
        for receipt in receipts(&publish(&mut broker, at(ms), &[message], 0)) {
            // The last is still out at the second group.
            if (message, receipt.group) != (2, Group(1)) {
                broker.acknowledge(at(ms), receipt, &mut out);
            }
        }
    }
    assert_eq!(broker.depth(), 1);
    broker.stop();
    out.clear();
    broker.replay(at(9), at(2), &mut out);
    let over = out.iter().filter_map(|action| match action {
        Action::Replayed {
            message,
            group,
            was_over,
            ..
        } => Some((message.0, group.0, *was_over)),
        _ => None,
    });
    let over: Vec<_> = over.collect();
    assert_eq!(
        over,
        [(1, 0, true), (2, 0, true), (1, 1, true), (2, 1, false)]
    );
    assert_eq!(broker.depth(), 2);
    out.clear();
    broker.resume(at(9), &mut out);
    assert_eq!(delivered(&out), [(1, 0), (2, 0), (1, 1), (2, 1)]);
}

#[test]
fn numbers_below_the_floor_are_forgotten_and_refused() {
    let config = Config {
        idempotent: true,
        ..Config::default()
    };
    let mut broker = Broker::new(config, [0]).unwrap();
    let send = |broker: &mut Broker, message: u64, sequence: u64, floor: u64| {
        let origin = Origin {
            producer: 1,
            sequence,
            floor,
        };
        let publish = Publish {
            origin: Some(origin),
            ..Publish::new(Message(message), 0)
        };
        let mut out = Vec::new();
        broker.publish(at(0), publish, &mut out);
        if out.contains(&Action::Force) {
            broker.forced(at(0), &mut out);
        }
        out.iter().find_map(|action| match action {
            Action::Accepted { place, .. } => Some(place.map(|place| place.offset)),
            _ => None,
        })
    };
    assert_eq!(send(&mut broker, 10, 0, 0), Some(Some(0)));
    assert_eq!(send(&mut broker, 10, 0, 0), Some(None));
    assert_eq!(send(&mut broker, 12, 2, 1), Some(Some(1)));
    // 0 and 1 are nobody's any more; what of them still comes is not wanted.
    assert_eq!(send(&mut broker, 10, 0, 0), None);
    assert_eq!(send(&mut broker, 11, 1, 1), Some(Some(2)));
    assert_eq!(broker.depth(), 3);
}
