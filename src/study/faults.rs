//! Faults in few words, for the marks on a chart.

use model::{CrashMode, Distribution, Fault, FaultKind, Model, Place};

/// `payment slow x8`, `node a-1 crash`, `a | b partition`.
pub(crate) fn label(model: &Model, fault: &Fault) -> String {
    let name = |place: &Place| place_name(model, *place);
    match &fault.kind {
        FaultKind::Crash {
            place,
            mode: CrashMode::Refuse,
        } => format!("{} crash", name(place)),
        FaultKind::Crash {
            place,
            mode: CrashMode::Blackhole,
        } => format!("{} crash, unnoticed", name(place)),
        FaultKind::CrashLeader { service, mode } => {
            let name = &model.services[*service].name;
            match mode {
                CrashMode::Refuse => format!("{name} leader crash"),
                CrashMode::Blackhole => format!("{name} leader crash, unnoticed"),
            }
        }
        FaultKind::Pause { place } => format!("{} pause", name(place)),
        FaultKind::Slow { place, factor } => format!("{} slow x{factor}", name(place)),
        FaultKind::Errors { place, ratio } => format!("{} errors {}", name(place), percent(*ratio)),
        FaultKind::Latency { from, to, add } => {
            let way = way(model, *from, *to);
            match add {
                Distribution::Constant(time) => format!("{way} latency +{time}"),
                _ => format!("{way} more latency"),
            }
        }
        FaultKind::Loss { from, to, ratio } => {
            format!("{} loss {}", way(model, *from, *to), percent(*ratio))
        }
        FaultKind::Partition { groups } => {
            let group = |group: &Vec<Place>| group.iter().map(name).collect::<Vec<_>>().join(", ");
            format!(
                "{} partition",
                groups.iter().map(group).collect::<Vec<_>>().join(" | ")
            )
        }
        FaultKind::Config { label, .. } => format!("config {label}"),
        FaultKind::Surge { workload, factor } => {
            format!("{} surge x{factor}", model.workloads[*workload].name)
        }
    }
}

fn place_name(model: &Model, place: Place) -> String {
    match place {
        Place::Zone(zone) => format!("zone {}", model.zones[zone].name),
        Place::Service(service) => model.services[service].name.clone(),
        Place::Workload(workload) => model.workloads[workload].name.clone(),
        Place::Node(zone, node) => format!("node {}-{}", model.zones[zone].name, node + 1),
        Place::Instance(service, instance) => {
            format!("{}-{}", model.services[service].name, instance + 1)
        }
    }
}

fn way(model: &Model, from: Option<Place>, to: Option<Place>) -> String {
    let name = |place| place_name(model, place);
    match (from, to) {
        (Some(from), Some(to)) => format!("{} to {}", name(from), name(to)),
        (Some(from), None) => format!("from {}", name(from)),
        (None, Some(to)) => format!("to {}", name(to)),
        (None, None) => "network".to_owned(),
    }
}

/// 0.2 is `20%`, 0.0001 is `0.01%`: rounded where binary can't hold the decimal.
fn percent(ratio: f64) -> String {
    format!("{}%", (ratio * 1e8).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "
name: broken
run: {duration: 1h}
zones: {a: {nodes: 2}, b: {nodes: 1}}
services:
  front: {instances: 2, endpoints: {get: [{call: payment.charge}]}}
  payment: {instances: 3, endpoints: {charge: [{compute: 1ms}]}}
workloads:
  shoppers: {target: front.get, arrivals: {poisson: {rate: 1/s}}}
faults:
  - {at: 1s, for: 1s, slow: {service: payment, factor: 8}}
  - {at: 2s, for: 1s, crash: {node: a-1}}
  - {at: 3s, for: 1s, crash: {zone: b, mode: blackhole}}
  - {at: 4s, for: 1s, pause: {instance: payment-2}}
  - {at: 5s, for: 1s, errors: {service: payment, ratio: 7%}}
  - {at: 6s, for: 1s, latency: {from: front, to: payment, add: 50ms}}
  - {at: 7s, for: 1s, loss: {to: payment, ratio: 0.01%}}
  - {at: 8s, for: 1s, partition: {groups: [[a], [b]]}}
  - {at: 9s, for: 1s, surge: {workload: shoppers, factor: 2.5}}
";

    #[test]
    fn labels_are_read_at_a_glance() {
        let model = crate::testing::model(MODEL);
        let labels: Vec<_> = model
            .faults
            .iter()
            .map(|fault| label(&model, fault))
            .collect();
        let expected = [
            "payment slow x8",
            "node a-1 crash",
            "zone b crash, unnoticed",
            "payment-2 pause",
            "payment errors 7%",
            "front to payment latency +50ms",
            "to payment loss 0.01%",
            "zone a | zone b partition",
            "shoppers surge x2.5",
        ];
        assert_eq!(labels, expected);
    }

    #[test]
    fn percentages_are_the_ones_that_were_written() {
        assert_eq!(percent(0.2), "20%");
        assert_eq!(percent(0.07), "7%");
        assert_eq!(percent(0.0001), "0.01%");
        assert_eq!(percent(1.0), "100%");
    }
}
