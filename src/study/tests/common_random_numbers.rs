//! Two settings of a policy see the same arrivals and demands: their difference is known much better
//! than that of independent runs. Measured on the model that the README shows.

use std::path::Path;
use stormglass_study::Progress;
use stormglass_study::compare::{ComparePlan, Correction, Setting, compare};

fn setting(name: &str, sets: &[&str]) -> Setting {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("models/checkout.yaml");
    let sets: Vec<model::Set> = sets.iter().map(|set| set.parse().unwrap()).collect();
    Setting {
        name: name.to_owned(),
        file: "checkout.yaml".to_owned(),
        sets: sets.iter().map(ToString::to_string).collect(),
        model: model::load(&file, &sets).ok().unwrap().model,
    }
}

/// The whole model, slow payment and lost node included, with another time-out of its reservations.
/// Independent runs would have a ratio of 1; with 10 pairs one of 5 is far out of chance's reach.
#[test]
fn pairs_cut_the_variance_of_the_difference_at_least_five_times() {
    let settings = [
        setting("checkout", &[]),
        setting("hasty", &["policies.reserve.timeout=30ms"]),
    ];
    let names = ["availability", "latency.mean", "latency.p50", "latency.p99"];
    let plan = ComparePlan {
        seed: None,
        replications: 10,
        precision: None,
        most: 10,
        metrics: names.map(|name| format!("shoppers.{name}")).to_vec(),
        correction: Correction::Holm,
        limits: Default::default(),
    };
    let record = compare(&settings, &plan, &Progress::new()).unwrap();
    for difference in &record.differences {
        let ratio = difference.variance_ratio.unwrap();
        assert!(ratio >= 5.0, "{}: {ratio}", difference.metric);
    }
}
