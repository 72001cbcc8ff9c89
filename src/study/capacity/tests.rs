use super::*;
use crate::testing;

/// M/M/1 with service rate 100/s.
fn mm1(slo: &str, more: &str) -> Model {
    testing::model(&format!(
        "name: mm1\nrun: {{duration: 250s, warmup: 20s, seed: 5}}\nslo: {slo}\n\
         services: {{server: {{endpoints: {{serve: [{{compute: {{exponential: {{mean: 10ms}}}}}}]}}}}}}\n\
         workloads: {{users: {{target: server.serve, arrivals: {{poisson: {{rate: 30/s}}}}}}}}\n{more}"
    ))
}

fn plan() -> CapacityPlan {
    CapacityPlan {
        workload: None,
        without: Vec::new(),
        seed: None,
        replications: 8,
        most: 32,
        within: 0.02,
        points: 10,
        limits: Limits::default(),
    }
}

/// Kleinrock, Queueing Systems vol. 1, 3.2: the time in an M/M/1 queue is exponential with rate
/// mu - lambda. Its p99, ln(100)/(mu - lambda), is 150 ms at lambda = 100 - 4.60517/0.15 = 69.299/s;
/// and lambda times (mu - lambda), the power, is highest at mu/2.
#[test]
fn the_capacity_of_mm1_and_its_knee() {
    let model = mm1("{latency: {p99: 150ms}}", "");
    let found = capacity(&model, &plan(), &Progress::new()).unwrap();
    let case = &found.cases[0];
    let (low, high) = (case.low.unwrap(), case.high.unwrap());
    assert_eq!(case.outcome, Outcome::Found);
    assert!(low <= 69.299 && 69.299 <= high, "{low} {high}");
    assert!(high - low < 0.12 * low, "{low} {high}");
    assert!(
        (case.capacity.unwrap() / 69.299 - 1.0).abs() < 0.03,
        "{case:?}"
    );
    assert_eq!(case.limits[0].objective, "latency.p99");
    assert!((case.headroom.unwrap().value / (69.299 / 30.0) - 1.0).abs() < 0.03);
    let knee = case.knee.unwrap();
    assert!(knee.low <= 50.0 && 50.0 <= knee.high, "{knee:?}");
    // Every load with its closed form: the mean time is 1/(mu - lambda).
    for one in case.loads.iter().filter(|one| one.load < 80.0) {
        let mean = one.latency_ms.mean;
        let expected = 1000.0 / (100.0 - one.load);
        let slack = 2.0 * (mean.high.unwrap() - mean.low.unwrap());
        assert!((mean.mean.unwrap() - expected).abs() < slack, "{one:?}");
    }
}

#[test]
fn the_same_bytes_with_any_number_of_threads() {
    let model = mm1("{latency: {p50: 20ms}}", "");
    let plan = CapacityPlan {
        points: 3,
        most: 8,
        within: 0.2,
        ..plan()
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let found = pool
            .unwrap()
            .install(|| capacity(&model, &plan, &Progress::new()));
        crate::capacity_to_json(&found.unwrap())
    };
    let one = with(1);
    assert_eq!(one, with(3));
    let schema: serde_json::Value = serde_json::from_str(&crate::capacity_schema()).unwrap();
    crate::json::conforms_to(&serde_json::from_str(&one).unwrap(), &schema);
}

/// Two servers that each take 100/s, 5 ms each time, evenly: at 200/s both are full, and without one
/// of them the other is full at 100/s. Callers know which one is left.
#[test]
fn half_of_it_is_left_without_one_of_two() {
    let model = testing::model(
        "run: {duration: 40s, warmup: 5s}\n\
         slo: {availability: 99%}\n\
         zones: {a: {nodes: 2}}\n\
         policies: {impatient: [{retry: {attempts: 3, backoff: 1ms}}, {timeout: 100ms}]}\n\
         services:\n  s:\n    instances: 2\n    balancer: round_robin\n    queue: {capacity: 20}\n    \
         discovery: {health_check: {interval: 1s, timeout: 100ms, unhealthy: 1, healthy: 1}}\n    \
         endpoints: {e: [{compute: 10ms}]}\n\
         workloads: {users: {target: s.e, policy: impatient, arrivals: {deterministic: {rate: 50/s}}}}\n",
    );
    let plan = CapacityPlan {
        without: vec!["node:a-1".parse().unwrap()],
        points: 0,
        replications: 2,
        most: 2,
        ..plan()
    };
    let found = capacity(&model, &plan, &Progress::new()).unwrap();
    let [intact, without] = &found.cases[..] else {
        panic!("{found:?}");
    };
    assert_eq!(without.without, "node:a-1");
    for (case, capacity) in [(intact, 200.0), (without, 100.0)] {
        let (low, high) = (case.low.unwrap(), case.high.unwrap());
        // 1 % may fail: 200/0.99 is 202.
        assert!(low <= 1.02 * capacity && high >= capacity, "{low} {high}");
    }
    assert!(
        (without.left.unwrap().value - 0.5).abs() < 0.02,
        "{:?}",
        without.left
    );
    assert!(found.precise);
}

#[test]
fn what_is_met_always_or_never() {
    let always = testing::model(
        "run: {duration: 2s}\nslo: {latency: {p99: 50ms}}\n\
         services: {s: {endpoints: {e: []}}}\n\
         workloads: {users: {target: s.e, arrivals: {deterministic: {rate: 5/s}}}}\n",
    );
    let plan = CapacityPlan {
        points: 2,
        replications: 2,
        most: 2,
        ..plan()
    };
    let found = capacity(&always, &plan, &Progress::new()).unwrap();
    let case = &found.cases[0];
    assert_eq!((case.outcome, case.low), (Outcome::Above, Some(640.0)));
    assert!(!found.precise && case.capacity.is_none());
    let never = mm1("{latency: {p99: 1ms}}", "");
    let found = capacity(&never, &plan, &Progress::new()).unwrap();
    assert_eq!(found.cases[0].outcome, Outcome::Below);
}

#[test]
fn a_model_without_objectives_has_no_capacity() {
    let error = capacity(&mm1("{}", ""), &plan(), &Progress::new()).unwrap_err();
    assert!(error.to_string().contains("slo.availability"), "{error}");
}
