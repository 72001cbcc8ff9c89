//! Admission in front of a tower service, under tokio's paused time.

use clock::Duration;
use policy::config::{
    AdmissionConfig, AdmissionControlConfig, AdmissionLayer as Rule, ConcurrencyAlgorithm,
    PriorityConfig, RateAlgorithm,
};
use policy::{Arriving, Outcome};
use std::time::Duration as StdDuration;
use stormglass_live::{AdmissionLayer, Results, Triage, Unserved};
use tokio::time::{sleep, timeout};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, ServiceExt, service_fn};

fn rules(layers: Vec<Rule>) -> AdmissionConfig {
    AdmissionConfig { layers }
}

fn ms(ms: u64) -> StdDuration {
    StdDuration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_when_to_come_back() {
    let algorithm = RateAlgorithm::Gcra {
        rate: 10.0,
        burst: 1,
    };
    let keys = None;
    let layer = AdmissionLayer::new(rules(vec![Rule::RateLimit { algorithm, keys }]), Results);
    let service = layer.layer(service_fn(|n: u32| async move { Ok::<u32, ()>(n) }));
    assert_eq!(service.clone().oneshot(1).await, Ok(1));
    let retry_after = Some(ms(100));
    assert_eq!(
        service.clone().oneshot(2).await,
        Err(Unserved::Refused { retry_after })
    );
    sleep(ms(100)).await;
    assert_eq!(service.oneshot(3).await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn places_come_back_from_answers_errors_and_those_who_go_away() {
    let limit = Rule::ConcurrencyLimit(ConcurrencyAlgorithm::Fixed(1));
    let service = AdmissionLayer::new(rules(vec![limit]), Results).layer(service_fn(
        |length: u64| async move {
            sleep(ms(length)).await;
            if length == 7 {
                Err("seven")
            } else {
                Ok(length)
            }
        },
    ));
    let call = |length| service.clone().oneshot(length);
    assert_eq!(service.concurrency_limit(), Some(1));
    assert_eq!(call(5).await, Ok(5));
    assert_eq!(call(7).await, Err(Unserved::Inner("seven")));
    assert!(timeout(ms(10), call(1000)).await.is_err());
    assert_eq!(call(6).await, Ok(6));
    let first = tokio::spawn(call(50));
    sleep(ms(1)).await;
    let refused = Err(Unserved::Refused { retry_after: None });
    assert_eq!(call(1).await, refused);
    assert_eq!(first.await.unwrap(), Ok(50));
}

/// Important requests have a small number; those above 99 fail.
#[derive(Clone)]
struct Shop;

impl Triage<u32, u32, ()> for Shop {
    fn arriving(&self, request: &u32) -> Arriving {
        Arriving {
            priority: request % 10,
            key: 0,
        }
    }

    fn outcome(&self, result: &Result<u32, ()>) -> Outcome {
        match result {
            Ok(n) if *n < 100 => Outcome::Success,
            _ => Outcome::Error,
        }
    }
}

/// One at a time, 100 ms each, 50 of each of two priorities in the first five seconds: the queue
/// grows, and after the first overloaded windows the less important are refused.
#[tokio::test(start_paused = true)]
async fn while_requests_wait_too_long_the_least_important_are_shed() {
    let shedding = Rule::PriorityShedding(PriorityConfig {
        decrease: 0.5,
        user_levels: 1,
        ..PriorityConfig::default()
    });
    let slow = service_fn(|n: u32| async move {
        sleep(ms(100)).await;
        Ok::<u32, ()>(n)
    });
    let busy = ConcurrencyLimitLayer::new(1).layer(slow);
    let service = AdmissionLayer::new(rules(vec![shedding]), Shop).layer(busy);
    let mut calls = Vec::new();
    for n in 0..100 {
        calls.push((n % 2, tokio::spawn(service.clone().oneshot(1 + n % 2 * 5))));
        sleep(ms(50)).await;
    }
    let mut refused = [0, 0];
    for (priority, call) in calls {
        match call.await.unwrap() {
            Ok(_) => {}
            Err(Unserved::Refused { .. }) => refused[priority as usize] += 1,
            Err(Unserved::Inner(())) => panic!("nothing fails"),
        }
    }
    assert_eq!(refused[0], 0, "the important ones");
    assert!(refused[1] > 10, "{refused:?}");
}

/// With nine of ten requests failing, Envoy's filter refuses its most, 80 %.
#[tokio::test(start_paused = true)]
async fn a_share_is_refused_while_many_fail() {
    let control = Rule::AdmissionControl(AdmissionControlConfig {
        window: Duration::from_secs(1000),
        ..AdmissionControlConfig::default()
    });
    let layer = AdmissionLayer::new(rules(vec![control]), Shop).seed(1);
    let service = layer.layer(service_fn(|n: u32| async move { Ok::<u32, ()>(n) }));
    let mut refused = 0;
    for n in 0..2000 {
        let request = if n % 10 == 0 { 1 } else { 101 };
        let answer = service.clone().oneshot(request).await;
        refused += u32::from(matches!(answer, Err(Unserved::Refused { .. })));
        sleep(ms(1)).await;
    }
    // 1600 in the long run; the filter needs some failures first, and five standard errors are 89.
    assert!((1500..1690).contains(&refused), "{refused}");
}
