//! What services do about load and failure: admission, degradation, balancers, outlier ejection.

use crate::{around_service, complaint, model, ms};
use policy::config::{
    AdmissionControlConfig, AdmissionLayer, BalancerConfig, ConcurrencyAlgorithm, DegradeConfig,
    OutlierConfig, PriorityConfig, RateAlgorithm, SuccessRate,
};
use stormglass_model::Service;

fn service(keys: &str) -> Service {
    model(&around_service(keys)).services.remove(0)
}

fn layers(text: &str) -> Vec<AdmissionLayer> {
    service(&format!("admission: {text}")).admission.layers
}

#[test]
fn admission_keeps_its_order() {
    let rate = AdmissionLayer::RateLimit {
        algorithm: RateAlgorithm::Gcra {
            rate: 5.0,
            burst: 2,
        },
        keys: Some(3),
    };
    let fixed = AdmissionLayer::ConcurrencyLimit(ConcurrencyAlgorithm::Fixed(9));
    let map = "{rate_limit: {gcra: {rate: 5/s, burst: 2}, keys: 3}, concurrency_limit: {fixed: 9}}";
    assert_eq!(layers(map), [rate, fixed]);
    let map = "{concurrency_limit: {fixed: 9}, rate_limit: {gcra: {rate: 5/s, burst: 2}, keys: 3}}";
    assert_eq!(layers(map), [fixed, rate]);
    let list =
        "[{concurrency_limit: {fixed: 9}}, priority_shedding, {concurrency_limit: {fixed: 9}}]";
    let shedding = AdmissionLayer::PriorityShedding(PriorityConfig::default());
    assert_eq!(layers(list), [fixed, shedding, fixed]);
    assert_eq!(layers("{}"), []);
    assert_eq!(layers("[]"), []);
    assert_eq!(service("workers: 1").admission.layers, []);
}

#[test]
fn admission_of_every_kind() {
    assert_eq!(
        layers(
            "{priority_shedding: {queue_wait: 5ms, window: 2s, window_requests: 10, \
             decrease: 10%, increase: 2%, user_levels: 4}}"
        ),
        [AdmissionLayer::PriorityShedding(PriorityConfig {
            queue_wait: ms(5),
            window: ms(2000),
            window_requests: 10,
            decrease: 0.1,
            increase: 0.02,
            user_levels: 4
        })]
    );
    assert_eq!(
        layers("[admission_control]"),
        [AdmissionLayer::AdmissionControl(
            AdmissionControlConfig::default()
        )]
    );
    assert_eq!(
        layers(
            "{admission_control: {success_threshold: 90%, aggression: 2, window: 10s, \
             rps_threshold: 60/min, max_rejection: 50%}}"
        ),
        [AdmissionLayer::AdmissionControl(AdmissionControlConfig {
            success_threshold: 0.9,
            aggression: 2.0,
            window: ms(10_000),
            rps_threshold: 1.0,
            max_rejection: 0.5
        })]
    );
    let AdmissionLayer::ConcurrencyLimit(limit) = layers("{concurrency_limit: vegas}")[0] else {
        panic!("not a limit")
    };
    assert!(matches!(
        limit,
        ConcurrencyAlgorithm::Vegas { max: 1000, .. }
    ));
    let rate = |text: &str| match layers(&format!("{{rate_limit: {text}}}"))[0] {
        AdmissionLayer::RateLimit { algorithm, keys } => (algorithm, keys),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        rate("{token_bucket: {rate: 5/s, burst: 2.5}}"),
        (
            RateAlgorithm::TokenBucket {
                rate: 5.0,
                burst: 2.5
            },
            None
        )
    );
    assert_eq!(
        rate("{fixed_window: {limit: 5, window: 1s}}").0,
        RateAlgorithm::FixedWindow {
            limit: 5,
            window: ms(1000)
        }
    );
    assert_eq!(
        rate("{sliding_window: {limit: 5, window: 1s, kind: counter}}").0,
        RateAlgorithm::SlidingCounter {
            limit: 5,
            window: ms(1000)
        }
    );
    assert_eq!(
        rate("{cycles: {limit: 5, period: 1s}}").0,
        RateAlgorithm::Cycles {
            limit: 5,
            period: ms(1000)
        }
    );
}

#[test]
fn degradation() {
    assert_eq!(service("workers: 1").degrade, None);
    assert_eq!(
        service("degrade: {queue_length: 0}").degrade,
        Some(DegradeConfig {
            queue_length: Some(0),
            queue_wait: None,
            recover_after: ms(1000)
        })
    );
    assert_eq!(
        service("degrade: {queue_length: 9, queue_wait: 20ms, recover_after: 0s}").degrade,
        Some(DegradeConfig {
            queue_length: Some(9),
            queue_wait: Some(ms(20)),
            recover_after: ms(0)
        })
    );
    let told = complaint(&around_service("degrade: {recover_after: 3s}"));
    assert!(
        told.contains("`queue_length` or `queue_wait` is missing"),
        "{told}"
    );
}

#[test]
fn balancers_by_key_and_by_zone() {
    let balancer = |text: &str| service(&format!("instances: 9, balancer: {text}")).balancer;
    let maglev = |keys, table_size| BalancerConfig::Maglev { keys, table_size };
    assert_eq!(balancer("maglev"), maglev(1000, 65_537));
    assert_eq!(
        balancer("{maglev: {keys: 7, table_size: 251}}"),
        maglev(7, 251)
    );
    for (size, word) in [
        ("250", "the next one is 251"),
        ("7", "no room for 9 instances"),
    ] {
        let text = around_service(&format!(
            "instances: 9, balancer: {{maglev: {{table_size: {size}}}}}"
        ));
        let told = complaint(&text);
        assert!(told.contains(word), "{told}");
    }
    let zone_aware = |min_cluster_size, within| BalancerConfig::ZoneAware {
        min_cluster_size,
        within: Box::new(within),
    };
    assert_eq!(
        balancer("zone_aware"),
        zone_aware(6, BalancerConfig::Random)
    );
    assert_eq!(
        balancer("{zone_aware: {min_cluster_size: 0, within: {peak_ewma: {decay: 1s}}}}"),
        zone_aware(0, BalancerConfig::PeakEwma { decay: ms(1000) })
    );
    let told = complaint(&around_service(
        "balancer: {zone_aware: {within: zone_aware}}",
    ));
    assert!(told.contains("within a zone there are no zones"), "{told}");
}

#[test]
fn outlier_ejection_stands_in_two_places() {
    let both = |text: &str| {
        let service = service(text);
        (service.balancer, service.outlier_ejection)
    };
    let usual = Some(OutlierConfig::default());
    assert_eq!(both("workers: 1"), (BalancerConfig::Random, None));
    assert_eq!(
        both("outlier_ejection: {}"),
        (BalancerConfig::Random, usual)
    );
    assert_eq!(
        both("balancer: {outlier_ejection: {}}"),
        (BalancerConfig::Random, usual)
    );
    assert_eq!(
        both("balancer: {outlier_ejection: {}, round_robin: {}}"),
        (BalancerConfig::RoundRobin, usual)
    );
    let (balancer, ejection) = both(
        "balancer: {peak_ewma: {decay: 1s}, outlier_ejection: {consecutive: none, interval: 1s, \
         base_ejection_time: 2s, max_ejection_time: 2s, max_ejection: 100%, \
         success_rate: {factor: 1, minimum_hosts: 2, request_volume: 3}, failure_percentage: 85%}}",
    );
    assert_eq!(balancer, BalancerConfig::PeakEwma { decay: ms(1000) });
    assert_eq!(
        ejection,
        Some(OutlierConfig {
            consecutive: None,
            interval: ms(1000),
            base_ejection_time: ms(2000),
            max_ejection_time: ms(2000),
            max_ejection: 1.0,
            success_rate: Some(SuccessRate {
                factor: 1.0,
                minimum_hosts: 2,
                request_volume: 3
            }),
            failure_percentage: Some(0.85)
        })
    );
    let (_, ejection) = both("outlier_ejection: {success_rate: none}");
    assert_eq!(ejection.and_then(|ejection| ejection.success_rate), None);
    for (text, word) in [
        (
            "balancer: {outlier_ejection: {}}, outlier_ejection: {}",
            "told twice",
        ),
        (
            "outlier_ejection: {max_ejection_time: 1s}",
            "below `base_ejection_time`",
        ),
        (
            "balancer: {random: 3, outlier_ejection: {}}",
            "expected `{}`",
        ),
        (
            "balancer: {outlier_ejection: {}, random: {}, maglev: {}}",
            "has one key",
        ),
    ] {
        let told = complaint(&around_service(text));
        assert!(told.contains(word), "{text}: {told}");
    }
}
