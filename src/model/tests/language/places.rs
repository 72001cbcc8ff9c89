//! Faults and links, and the places that they name.

use crate::{around_steps, at, model, ms};
use clock::Duration;
use stormglass_model::*;

#[test]
fn faults_of_every_kind() {
    let read = |fault: &str| {
        let text = format!(
            "zones: {{a: {{nodes: 2}}, b: {{}}}}\nservices: {{s: {{instances: 3, endpoints: {{e: []}}}}}}\n\
             workloads: {{w: {{target: s.e, batch: {{size: 1}}}}}}\nfaults: [{{at: 1s, {fault}}}]\n"
        );
        model(&text).faults.remove(0).kind
    };
    let crash = |place, mode| FaultKind::Crash { place, mode };
    assert_eq!(
        read("crash: {instance: s-3}"),
        crash(Place::Instance(0, 2), CrashMode::Refuse)
    );
    assert_eq!(
        read("crash: {zone: b, mode: blackhole}"),
        crash(Place::Zone(1), CrashMode::Blackhole)
    );
    assert_eq!(
        read("pause: {node: a-2}"),
        FaultKind::Pause {
            place: Place::Node(0, 1)
        }
    );
    assert_eq!(
        read("errors: {service: s, ratio: 30%}"),
        FaultKind::Errors {
            place: Place::Service(0),
            ratio: 0.3
        }
    );
    assert_eq!(
        read("latency: {from: w, to: s-1, add: 5ms}"),
        FaultKind::Latency {
            from: Some(Place::Workload(0)),
            to: Some(Place::Instance(0, 0)),
            add: Distribution::Constant(ms(5))
        }
    );
    assert_eq!(
        read("loss: {to: a, ratio: 1}"),
        FaultKind::Loss {
            from: None,
            to: Some(Place::Zone(0)),
            ratio: 1.0
        }
    );
    assert_eq!(
        read("partition: {groups: [[a, b-1], [service:s]]}"),
        FaultKind::Partition {
            groups: vec![
                vec![Place::Zone(0), Place::Node(1, 0)],
                vec![Place::Service(0)]
            ]
        }
    );
    assert_eq!(
        read("surge: {workload: w, factor: 0}"),
        FaultKind::Surge {
            workload: 0,
            factor: 0.0
        }
    );

    let text = format!(
        "{}faults: [{{mtbf: {{exponential: {{mean: 1h}}}}, mttr: 1m, pause: {{node: default-1}}}}, {{at: 5s, pause: {{service: s}}}}]\n",
        around_steps("[]")
    );
    let faults = model(&text).faults;
    assert_eq!(
        faults[0],
        Fault {
            when: Occurrence::Renewal {
                mtbf: Distribution::Exponential { mean: 3.6e12 },
                mttr: Distribution::Constant(Duration::from_secs(60)),
            },
            kind: FaultKind::Pause {
                place: Place::Node(0, 0)
            },
        }
    );
    assert_eq!(
        faults[1].when,
        Occurrence::Once {
            at: at(5),
            lasts: None
        }
    );
}

#[test]
fn links_name_zones_and_services() {
    let text = format!(
        "zones: {{a: {{}}, b: {{}}}}\nnetwork: {{links: [{{from: a, to: s, latency: 9ms}}, {{from: b, to: a, loss: 1%}}]}}\n{}",
        around_steps("[]")
    );
    let link = |latency, loss| Link {
        latency: Distribution::Constant(ms(latency)),
        loss,
    };
    assert_eq!(
        model(&text).network.links,
        [
            LinkRule {
                from: Place::Zone(0),
                to: Place::Service(0),
                link: link(9, 0.0)
            },
            LinkRule {
                from: Place::Zone(1),
                to: Place::Zone(0),
                link: link(0, 0.01)
            },
        ]
    );
}
