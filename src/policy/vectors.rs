//! Cases that other implementations are tested with, each naming its source file: what they decide,
//! the policies here decide.
//!
//! Every case of `tests/data/policy_vectors.json` is run.

mod admission;
mod breakers;
mod limits;
mod retries;

use crate::Codel;
use clock::{Duration, Instant};
use serde_json::Value;

#[test]
fn the_cases_of_others_come_out_the_same() {
    let text = include_str!("tests/data/policy_vectors.json");
    let cases: Vec<Value> = serde_json::from_str(text).expect("the file is JSON");
    for case in &cases {
        let id = case["id"].as_str().expect("a case has a name");
        let mut areas = [
            breakers::run,
            retries::run,
            limits::run,
            admission::run,
            run,
        ]
        .into_iter();
        assert!(areas.any(|run| run(id, case)), "nobody runs {id}");
    }
}

/// Cases that need nothing special.
fn run(id: &str, case: &Value) -> bool {
    let known = id == "codel-basic";
    if known {
        codel(case);
    }
    known
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn codel(case: &Value) {
    let ms = |value: &Value| Duration::from_millis(value.as_u64().expect("milliseconds"));
    let (target, interval) = (
        ms(&case["given"]["target_ms"]),
        ms(&case["given"]["interval_ms"]),
    );
    let mut codel = Codel::new(crate::config::Codel { target, interval });
    let mut now = Instant::ZERO;
    for step in case["steps"].as_array().expect("steps") {
        now += ms(&step[0]);
        assert_eq!(
            Some(codel.observe(now, ms(&step[1]))),
            step[2].as_bool(),
            "{step}"
        );
    }
}
