use super::*;
use crate::testing;

/// A database of 300/s that serves whom nobody waits for any more, and callers who give up after a
/// second and try once more. While it stands still for ten seconds the callers' requests pile up twice
/// over. Then every request costs two attempts until the pile is gone, and it shrinks only while
/// twice the load is below 300/s: under 150/s.
fn database(attempts: u32, seconds: u32) -> Model {
    testing::model(&format!(
        "name: database\nrun: {{duration: {seconds}s, seed: 3}}\n\
         policies:\n  client: [{{retry: {{attempts: {attempts}, backoff: 0s}}}}, {{timeout: 1s}}]\n\
         services:\n  db: {{endpoints: {{get: [{{compute: {{exponential: {{mean: 3.333333ms}}}}}}]}}}}\n\
         workloads:\n  users: {{target: db.get, policy: client, arrivals: {{poisson: {{rate: 100/s}}}}}}\n\
         faults:\n  - {{at: 20s, for: 10s, pause: {{service: db}}}}\n"
    ))
}

fn plan(loads: &[f64]) -> StabilityPlan {
    StabilityPlan {
        workload: None,
        loads: loads.to_vec(),
        points: 0,
        triggers: Vec::new(),
        vary: None,
        replications: 1,
        seed: None,
        healthy: 0.9,
        within: 0.03,
        limits: Limits::default(),
    }
}

fn one(model: &Model, plan: &StabilityPlan) -> Stability {
    stability(&[(String::new(), model.clone())], plan, &Progress::new()).unwrap()
}

#[test]
fn the_hidden_capacity_of_a_database_with_one_retry() {
    let found = one(&database(2, 700), &plan(&[60.0, 220.0]));
    let setting = &found.settings[0];
    let hidden = setting.hidden_capacity;
    let (low, high) = (hidden.low.unwrap(), hidden.high.unwrap());
    assert!(low >= 140.0 && high <= 155.0, "{hidden:?}");
    assert!((hidden.value.unwrap() - 150.0).abs() <= 5.0, "{hidden:?}");
    // Without a trigger nearly all of the 300/s are served.
    let capacity = setting.capacity;
    assert!(
        capacity.low.unwrap() > 260.0 && capacity.high.unwrap() < 340.0,
        "{capacity:?}"
    );
    assert_eq!(setting.states, [State::Stable, State::Vulnerable]);
    let cells: Vec<&Cell> = setting.triggers[0]
        .cells
        .iter()
        .filter(|c| !c.searched)
        .collect();
    assert_eq!(cells[0].outcome, Outcome::Recovers);
    // 60/s for 10 s and for the second before it is over are twice as many attempts, 1200, which
    // shrink by 300 - 120 a second; the first who wait less than a second see that.
    let time = cells[0].time_to_recover_s.mean.unwrap();
    assert!((2.0..=10.0).contains(&time), "{time}");
    assert_eq!(
        (cells[1].outcome, cells[1].recovered),
        (Outcome::Metastable, 0)
    );
}

/// Without retries there is nothing that keeps the failure up: what is served without a trigger is
/// served again after it. And a short trigger does less than a long one.
#[test]
fn settings_and_lengths_of_the_trigger() {
    let settings = [2, 1].map(|attempts| (attempts.to_string(), database(attempts, 150)));
    let plan = StabilityPlan {
        triggers: vec![Duration::from_millis(200), Duration::from_secs(10)],
        vary: Some("policies.client.retry.attempts".into()),
        within: 0.2,
        ..plan(&[200.0, 400.0])
    };
    let found = stability(&settings, &plan, &Progress::new()).unwrap();
    let outcomes = |setting: usize, trigger: usize| -> Vec<Outcome> {
        let cells = found.settings[setting].triggers[trigger].cells.iter();
        cells.filter(|c| !c.searched).map(|c| c.outcome).collect()
    };
    use Outcome::{Metastable, Overloaded, Recovers};
    assert_eq!(
        outcomes(0, 0),
        [Recovers, Overloaded],
        "200 ms are less than the timeout"
    );
    assert_eq!(outcomes(0, 1), [Metastable, Overloaded]);
    assert_eq!(outcomes(1, 1), [Recovers, Overloaded]);
    let states = |setting: usize| found.settings[setting].states.clone();
    assert_eq!(states(0), [State::Vulnerable, State::Overloaded]);
    assert_eq!(states(1), [State::Stable, State::Overloaded]);
    let json = crate::stability_to_json(&found);
    let schema: serde_json::Value = serde_json::from_str(&crate::stability_schema()).unwrap();
    crate::json::conforms_to(&serde_json::from_str(&json).unwrap(), &schema);
}

#[test]
fn the_same_bytes_with_any_number_of_threads() {
    let model = testing::model(
        "run: {duration: 40s}\n\
         services: {db: {endpoints: {get: [{compute: {exponential: {mean: 50ms}}}]}}}\n\
         policies: {client: [{timeout: 500ms}]}\n\
         workloads: {users: {target: db.get, policy: client, arrivals: {poisson: {rate: 8/s}}}}\n\
         faults: [{at: 10s, for: 5s, pause: {service: db}}]\n",
    );
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            crate::stability_to_json(&one(
                &model,
                &StabilityPlan {
                    points: 4,
                    ..plan(&[])
                },
            ))
        })
    };
    assert_eq!(with(1), with(3));
}
