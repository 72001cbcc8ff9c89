//! Cases that other implementations are tested with, each naming its source file: what they decide,
//! the policies here decide.
//!
//! Every case of `tests/data/policy_vectors.json` is run, or named as one that is not.

mod admission;
mod breakers;
mod limits;
mod retries;

use crate::config::*;
use crate::layer::Layer;
use crate::{Action, Actions, Codel, Drawn, Env, Frame, Outcome, Pipeline, RetryBudget};
use clock::{Duration, Instant};
use serde_json::Value;

/// Cases that are not run.
const NOT_RUN: &[&str] = &[
    "aws-adaptive: Cubic success #1",
    "aws-adaptive: Cubic success #2",
    "aws-adaptive: End-to-end test for client sending rates",
    "aws-std-v2.1: Throttling error token bucket drain and backoff duration",
    "aws-std-v2.1: Honor x-amz-retry-after header",
    "aws-std-v2.1: x-amz-retry-after minimum is exponential backoff duration",
    "aws-std-v2.1: x-amz-retry-after maximum is 5+exponential backoff duration",
    "aws-std-v2.1: Invalid x-amz-retry-after falls back to exponential backoff",
    "aws-std-v2.1: Long-polling backoff after transient error when token bucket empty",
    "aws-std-v2.1: Long-polling backoff after throttling error when token bucket empty",
    "aws-std-v2.1: Long-polling max attempts exceeded must NOT delay",
    "aws-std-v2.1: Long-polling success must NOT delay",
    "aws-std-v2.1: Long-polling non-retryable errors must NOT delay",
    "grpc-throttle",
    "polly-jitter",
    "envoy-retry-budget",
];

#[test]
fn the_cases_of_others_come_out_the_same() {
    let text = include_str!("tests/data/policy_vectors.json");
    let cases: Vec<Value> = serde_json::from_str(text).expect("the file is JSON");
    let mut not_run = Vec::new();
    for case in &cases {
        let id = case["id"].as_str().expect("a case has a name");
        let mut areas = [breakers::run, retries::run, limits::run, admission::run].into_iter();
        if !areas.any(|run| run(id, case)) && !run(id, case) {
            not_run.push(id);
        }
    }
    not_run.sort_unstable();
    let mut named = NOT_RUN.to_vec();
    named.sort_unstable();
    assert_eq!(not_run, named);
}

/// Cases that need nothing special.
fn run(id: &str, case: &Value) -> bool {
    let run: fn(&Value) = match id {
        "aws-std-v2.1: Shared multi-threaded scenarios" => shared_quota,
        _ if NOT_RUN.contains(&id) => return false,
        _ if id.starts_with("aws-std") => aws_standard,
        "grpc-backoff" => grpc_backoff,
        "codel-basic" => codel,
        "finagle-budget" => finagle_budget,
        _ => return false,
    };
    run(case);
    true
}

struct NoChance;

impl Env for NoChance {
    fn random(&mut self) -> u64 {
        unreachable!("the cases are without jitter")
    }
    fn sample(&mut self, _source: u32) -> Duration {
        Duration::ZERO
    }
    fn target(&mut self) -> u32 {
        0
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn cost(case: &Value) -> f64 {
    let id = case["id"].as_str().unwrap_or_default();
    if id.starts_with("aws-std-v2.0") {
        5.0
    } else {
        14.0
    }
}

/// The SDKs give back, after a retry that succeeded, what that retry took; in these cases every
/// success is one of a retry, so the cost is the refund.
fn quota(case: &Value) -> crate::config::RetryBudget {
    let cost = cost(case);
    let capacity = case["given"]["initial_retry_tokens"]
        .as_f64()
        .unwrap_or(500.0);
    crate::config::RetryBudget::Tokens {
        capacity,
        cost,
        refund: cost,
    }
}

fn aws_standard(case: &Value) {
    let given = &case["given"];
    let max = Duration::from_secs_f64(given["max_backoff_time"].as_f64().unwrap_or(20.0));
    let initial = Duration::from_millis(if cost(case) == 5.0 { 1_000 } else { 50 });
    let layers = vec![LayerConfig::Retry(RetryConfig {
        attempts: given["max_attempts"].as_u64().unwrap_or(3) as u32,
        backoff: Backoff::Exponential {
            initial,
            factor: 2.0,
            max,
        },
        jitter: Jitter::None,
        retry_on: default_retry_on(),
        budget: Some(quota(case)),
        ..RetryConfig::default()
    })];
    let mut pipeline = Pipeline::new(&PolicyConfig { layers }, 1);
    let mut frames = [Frame::default(); 2];
    let mut now = Instant::ZERO;
    let (env, mut out) = (&mut NoChance, Actions::new());
    for step in case["steps"].as_array().expect("steps") {
        if frames == [Frame::default(); 2] {
            pipeline.start(now, 0, &mut frames, env, &mut out);
        }
        let Some(&Action::Send(attempt)) = out.as_slice().last() else {
            panic!("{}: nothing was sent but {out:?}", case["id"])
        };
        out.clear();
        let success = step["response"]["status_code"] == 200;
        let outcome = if success {
            Outcome::Success
        } else {
            Outcome::Error
        };
        pipeline.on_attempt_end(now, 0, &mut frames, attempt, outcome, env, &mut out);

        let expected = &step["expected"];
        let actions = match expected["outcome"].as_str() {
            Some("retry_request") => {
                let delay = Duration::from_secs_f64(number(&expected["delay"]));
                vec![Action::SetTimer(0, now + delay)]
            }
            Some("success") => vec![Action::Finish(Outcome::Success)],
            _ => vec![Action::Finish(Outcome::Error)],
        };
        assert_eq!(out.as_slice(), actions, "{}: {step}", case["id"]);
        out.clear();
        match actions[0] {
            Action::SetTimer(timer, at) => {
                now = at;
                pipeline.on_timer(now, 0, &mut frames, timer, env, &mut out);
            }
            _ => frames = [Frame::default(); 2],
        }
        let Layer::Retry(retry) = &mut pipeline.layers[0] else {
            panic!("it is a retry")
        };
        assert_eq!(
            retry.budget().expect("it has one").balance(now),
            number(&expected["retry_quota"]),
            "{}",
            case["id"]
        );
    }
}

/// Two calls that share a quota, in the order in which their steps are told by the quota.
fn shared_quota(case: &Value) {
    let mut budget = RetryBudget::new(quota(case));
    let now = Instant::ZERO;
    let mut steps: Vec<&Value> = case["steps"]
        .as_array()
        .expect("threads")
        .iter()
        .flat_map(|t| t.as_array().unwrap())
        .collect();
    steps.sort_by(|a, b| {
        let done = |step: &Value| step["expected"]["outcome"] == "success";
        let left = |step: &Value| number(&step["expected"]["retry_quota"]);
        done(a).cmp(&done(b)).then(if done(a) {
            left(a).total_cmp(&left(b))
        } else {
            left(b).total_cmp(&left(a))
        })
    });
    for step in steps {
        if step["expected"]["outcome"] == "success" {
            budget.call_ended(Outcome::Success, Drawn::default());
        } else {
            assert!(budget.withdraw(now, None, &mut Drawn::default()));
        }
        assert_eq!(
            budget.balance(now),
            number(&step["expected"]["retry_quota"])
        );
    }
    assert_eq!(budget.balance(now), number(&case["expected_final_quota"]));
}

fn grpc_backoff(case: &Value) {
    let given = &case["given"];
    let ms = |value: &Value| Duration::from_millis(value.as_u64().expect("milliseconds"));
    let backoff = Backoff::Exponential {
        initial: ms(&given["initial"]),
        factor: number(&given["mult"]),
        max: ms(&given["max"]),
    };
    let mut half = || (number(&given["random"]) * 2f64.powi(64)) as u64;
    for (n, expected) in (1..).zip(case["steps"].as_array().expect("steps")) {
        let delay = crate::backoff::delay(backoff, Jitter::Ratio(0.2), n, &mut 0, &mut half);
        assert_eq!(delay, ms(expected), "retry {n}");
    }
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

fn finagle_budget(case: &Value) {
    let given = &case["given"];
    for step in case["steps"].as_array().expect("steps") {
        let mut budget = RetryBudget::new(crate::config::RetryBudget::Ratio {
            ratio: number(&step[0]),
            min_per_second: number(&given["min_per_sec"]),
            ttl: Duration::from_secs(given["ttl_s"].as_u64().expect("seconds")),
        });
        let calls = given["n"].as_u64().expect("a count");
        let retries = (0..calls)
            .filter(|_| {
                budget.call_started(Instant::ZERO);
                budget.withdraw(Instant::ZERO, None, &mut Drawn::default())
            })
            .count();
        assert!(
            (retries as f64 - number(&step[1])).abs() <= 1.0,
            "{step}: {retries}"
        );
    }
}
