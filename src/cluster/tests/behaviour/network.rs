//! Messages: how long they take, which vanish, and in which direction.

use crate::log::{Log, run};
use policy::Outcome::{Error, Success, Timeout};

#[test]
fn a_message_takes_its_latency_there_and_back() {
    let log = run("
network: {within_zone: {latency: 3ms}}
services: {s: {endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, AT(0)}}
");
    assert_eq!(log.arrived("s"), [3.0]);
    assert_eq!(log.calls("w->s.e"), [(0.0, 16.0, Success)]);
}

/// `front` in zone a calls `back` in zone b, which computes for 10 ms. Clients stand where they
/// are served.
fn two_zones(links: &str) -> Log {
    run(&format!(
        "
zones: {{a: {{nodes: 1}}, b: {{nodes: 1}}}}
network:
  within_zone: {{latency: 1ms}}
  between_zones: {{latency: 5ms}}
  links: [{links}]
services:
  front: {{endpoints: {{e: [call: back.e]}}}}
  back: {{endpoints: {{e: [compute: 10ms]}}}}
workloads: {{w: {{target: front.e, AT(0)}}}}
"
    ))
}

#[test]
fn zones_are_near_within_and_far_between() {
    let log = two_zones("");
    // 1 to front, 5 to back, 10 of work, 5, 1.
    assert_eq!(log.calls("w->front.e"), [(0.0, 22.0, Success)]);
    assert_eq!(log.calls("front->back.e"), [(1.0, 21.0, Success)]);
}

#[test]
fn a_link_has_a_direction() {
    let log = two_zones("{from: front, to: back, latency: 7ms}");
    assert_eq!(log.arrived("back"), [8.0]);
    assert_eq!(log.calls("front->back.e"), [(1.0, 23.0, Success)]);
}

#[test]
fn the_closest_link_wins_and_among_equals_the_later() {
    let near = "{from: front, to: back, latency: 7ms}";
    let mixed = "{from: a, to: back, latency: 30ms}";
    let far = "{from: a, to: b, latency: 50ms}";
    let arrived = |links: &[&str]| two_zones(&links.join(", ")).arrived("back");
    assert_eq!(arrived(&[near, mixed, far]), [8.0]);
    assert_eq!(arrived(&[far, mixed, near]), [8.0]);
    assert_eq!(arrived(&[far, mixed]), [31.0]);
    assert_eq!(arrived(&[mixed, far]), [31.0]);
    assert_eq!(arrived(&[far]), [51.0]);
    let later = "{from: front, to: back, latency: 9ms}";
    assert_eq!(arrived(&[near, later]), [10.0]);
    assert_eq!(arrived(&[later, near]), [8.0]);
}

#[test]
fn an_instance_that_calls_itself_uses_no_network() {
    let log = run("
network: {within_zone: {latency: 3ms, loss: 0}}
services: {s: {workers: 2, endpoints: {e: [call: s.f], f: [compute: 10ms]}}}
workloads: {w: {target: s.e, AT(0)}}
");
    assert_eq!(log.calls("s->s.f"), [(3.0, 13.0, Success)]);
    assert_eq!(log.calls("w->s.e"), [(0.0, 16.0, Success)]);
}

/// Requests at 0, 20 and 200 ms under a fault from 10 to 100 ms.
fn faulty(fault: &str) -> Log {
    run(&format!(
        "
policies: {{patient: [timeout: 30ms]}}
services:
  front: {{workers: 9, endpoints: {{e: [{{call: back.e, policy: patient}}]}}}}
  back: {{workers: 9, endpoints: {{e: [compute: 8ms]}}}}
workloads: {{w: {{target: front.e, AT(0 20 200)}}}}
faults: [{{at: 10ms, for: 90ms, {fault}}}]
"
    ))
}

#[test]
fn a_latency_fault_delays_its_direction_and_ends() {
    let log = faulty("latency: {from: front, to: back, add: 5ms}");
    let expected = [
        (0.0, 8.0, Success),
        (20.0, 33.0, Success),
        (200.0, 208.0, Success),
    ];
    assert_eq!(log.calls("w->front.e"), expected);
    assert_eq!(log.arrived("back"), [0.0, 25.0, 200.0]);
    // The other way, the answer is late, not the request.
    let log = faulty("latency: {from: back, to: front, add: 5ms}");
    assert_eq!(log.calls("w->front.e"), expected);
    assert_eq!(log.arrived("back"), [0.0, 20.0, 200.0]);
}

#[test]
fn a_place_that_is_not_named_is_anywhere() {
    // To front go the client's request and the callee's answer.
    let log = faulty("latency: {to: front, add: 5ms}");
    assert_eq!(log.arrived("front"), [0.0, 25.0, 200.0]);
    assert_eq!(log.calls("w->front.e")[1], (20.0, 38.0, Success));
    // All four messages.
    let log = faulty("latency: {add: 5ms}");
    assert_eq!(log.calls("w->front.e")[1], (20.0, 48.0, Success));
    // Clients are a place too.
    let log = faulty("latency: {from: w, add: 5ms}");
    assert_eq!(log.calls("w->front.e")[1], (20.0, 33.0, Success));
    let log = faulty("latency: {from: back, to: w, add: 5ms}");
    assert_eq!(log.calls("w->front.e")[1], (20.0, 28.0, Success));
}

#[test]
fn latency_faults_add_up() {
    let log = run("
services: {s: {endpoints: {e: []}}}
workloads: {w: {target: s.e, AT(20)}}
faults:
  - {at: 0s, latency: {from: w, add: 5ms}}
  - {at: 10ms, for: 15ms, latency: {to: s, add: 7ms}}
  - {at: 0s, for: 10ms, latency: {to: s, add: 100ms}}
");
    assert_eq!(log.calls("w->s.e"), [(20.0, 32.0, Success)]);
}

#[test]
fn a_lost_request_is_never_served_and_a_lost_answer_is() {
    let expected = [
        (0.0, 8.0, Success),
        (20.0, 50.0, Timeout),
        (200.0, 208.0, Success),
    ];
    let log = faulty("loss: {from: front, to: back, ratio: 1}");
    assert_eq!(log.calls("front->back.e"), expected);
    assert_eq!(log.calls("w->front.e")[1], (20.0, 50.0, Error));
    assert_eq!(log.completed("back"), [8.0, 208.0]);
    let log = faulty("loss: {from: back, to: front, ratio: 1}");
    assert_eq!(log.calls("front->back.e"), expected);
    assert_eq!(log.completed("back"), [8.0, 28.0, 208.0]);
}

#[test]
fn a_partition_parts_both_directions_and_ends() {
    let expected = [
        (0.0, 8.0, Success),
        (20.0, 50.0, Timeout),
        (200.0, 208.0, Success),
    ];
    for groups in [
        "[front], [back]",
        "[back], [front, w]",
        "[back-1], [front-1]",
    ] {
        let log = faulty(&format!("partition: {{groups: [{groups}]}}"));
        assert_eq!(log.calls("front->back.e"), expected, "{groups}");
        assert_eq!(log.completed("back"), [8.0, 208.0], "{groups}");
    }
    // Who is in no group reaches everyone; those of one group reach each other.
    for groups in ["[back], [w]", "[front, back], [w-x]"] {
        let groups = groups.replace("w-x", "other");
        let log = run(&format!(
            "
services:
  front: {{endpoints: {{e: [call: back.e]}}}}
  back: {{endpoints: {{e: []}}}}
  other: {{endpoints: {{e: []}}}}
workloads: {{w: {{target: front.e, AT(1)}}}}
faults: [{{at: 0s, partition: {{groups: [{groups}]}}}}]
"
        ));
        assert_eq!(log.calls("w->front.e"), [(1.0, 1.0, Success)], "{groups}");
    }
}

#[test]
fn messages_under_way_when_a_partition_begins_arrive() {
    let log = run("
network: {within_zone: {latency: 10ms}}
services: {s: {endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, AT(0 6)}}
faults: [{at: 5ms, for: 10ms, partition: {groups: [[w], [s]]}}]
");
    // The first request is sent before, its answer after it.
    assert_eq!(log.calls("w->s.e"), [(0.0, 30.0, Success)]);
    assert_eq!(log.in_flight("w->s.e"), 1);
}

/// Messages are lost one by one: two of them are both there with the square of the probability.
#[test]
fn loss_takes_its_share_of_messages() {
    let log = run("
policies: {short: [timeout: 500us]}
network: {within_zone: {loss: 20%}}
services: {s: {endpoints: {e: []}}}
workloads: {w: {target: s.e, policy: short, arrivals: {deterministic: {rate: 1000/s}}}}
");
    // 10 000 draws with p = 0.8 and 0.64; five standard deviations of 40 and 48.
    let (arrived, answered) = (log.arrived("s").len(), log.count("w->s.e", Success));
    assert!((arrived as f64 - 8000.0).abs() < 200.0, "{arrived}");
    assert!((answered as f64 - 6400.0).abs() < 240.0, "{answered}");
}
