//! Cases on retries: the AWS SDKs', gRPC's, Polly's, Envoy's and Finagle's.

use super::number;
use crate::adaptive::{AdaptiveRateLimiter, Cubic};
use crate::config::{self, *};
use crate::layer::Layer;
use crate::{
    Action, Actions, Drawn, Env, Frame, Outcome, Pipeline, Pushback, RetryBudget, TimerId,
};
use clock::{Duration, Instant};
use serde_json::Value;

/// Runs a case, if it is one of these.
pub(super) fn run(id: &str, case: &Value) -> bool {
    let run: fn(&Value) = match id {
        "aws-std-v2.1: Shared multi-threaded scenarios" => aws_shared_quota,
        "aws-adaptive: End-to-end test for client sending rates" => aws_sending_rates,
        _ if id.starts_with("aws-std-v2.0") => aws_standard,
        _ if id.starts_with("aws-std-v2.1") => aws_standard_2026,
        _ if id.starts_with("aws-adaptive: Cubic") => aws_cubic,
        "grpc-backoff" => grpc_backoff,
        "grpc-throttle" => grpc_throttle,
        "polly-jitter" => polly_jitter,
        "envoy-retry-budget" => envoy_budget,
        "finagle-budget" => finagle_budget,
        _ => return false,
    };
    run(case);
    true
}

/// One call after the other through a pipeline of one retry.
struct Calls {
    pipeline: Pipeline,
    frames: [Frame; 2],
    now: Instant,
    chance: Chance,
    out: Actions,
}

/// What the driver answers.
struct Chance {
    /// Of 2^64.
    random: u64,
    pushback: Pushback,
}

impl Env for Chance {
    fn random(&mut self) -> u64 {
        self.random
    }
    fn sample(&mut self, _source: u32) -> Duration {
        Duration::ZERO
    }
    fn target(&mut self) -> u32 {
        0
    }
    fn pushback(&mut self) -> Pushback {
        self.pushback
    }
}

/// What the end of an attempt led to.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Then {
    /// The timer was set to this time from now.
    Waits(Duration),
    Ends(Outcome),
}

impl Calls {
    /// Draws are `random` of their range, 0..=1.
    fn new(retry: RetryConfig, random: f64) -> Self {
        let layers = vec![LayerConfig::Retry(retry)];
        Self {
            pipeline: Pipeline::new(&PolicyConfig { layers }, 1),
            frames: Default::default(),
            now: Instant::ZERO,
            chance: Chance {
                // Whole at 1: the conversion saturates.
                random: (random * 2f64.powi(64)) as u64,
                pushback: Pushback::None,
            },
            out: Actions::new(),
        }
    }

    /// Ends the attempt that is out, of a new call if there is none.
    fn attempt_ends(&mut self, outcome: Outcome) -> Then {
        if self.frames == <[Frame; 2]>::default() {
            let (frames, out) = (&mut self.frames, &mut self.out);
            self.pipeline
                .start(self.now, 0, frames, &mut self.chance, out);
        }
        let Some(&Action::Send(attempt)) = self.out.as_slice().last() else {
            panic!("nothing was sent but {:?}", self.out)
        };
        self.out.clear();
        self.pipeline.on_attempt_end(
            self.now,
            0,
            &mut self.frames,
            attempt,
            outcome,
            &mut self.chance,
            &mut self.out,
        );
        self.next()
    }

    fn next(&mut self) -> Then {
        let then = match self.out.as_slice() {
            [Action::SetTimer(0, at)] => Then::Waits(at.since(self.now)),
            [Action::Finish(outcome)] => {
                self.frames = Default::default();
                Then::Ends(*outcome)
            }
            other => panic!("{other:?}"),
        };
        self.out.clear();
        then
    }

    fn wait(&mut self, delay: Duration) {
        const RETRY: TimerId = 0;
        self.now += delay;
        let (frames, out) = (&mut self.frames, &mut self.out);
        self.pipeline
            .on_timer(self.now, 0, frames, RETRY, &mut self.chance, out);
    }

    fn quota(&mut self) -> f64 {
        let Layer::Retry(retry) = &mut self.pipeline.layers[0] else {
            panic!("it is a retry")
        };
        retry.budget().expect("it has one").balance(self.now)
    }
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs_f64(number(value))
}

fn with_capacity(budget: Option<config::RetryBudget>, tokens: f64) -> config::RetryBudget {
    let Some(config::RetryBudget::Aws {
        cost,
        timeout_cost,
        throttled_cost,
        ..
    }) = budget
    else {
        panic!("it is a quota")
    };
    config::RetryBudget::Aws {
        capacity: tokens,
        cost,
        timeout_cost,
        throttled_cost,
    }
}

fn aws_standard(case: &Value) {
    aws(case, RetryConfig::aws_standard());
}

fn aws_standard_2026(case: &Value) {
    aws(case, RetryConfig::aws_standard_2026());
}

/// The preset, but for what the case sets. Its "base" of 1 is the highest draw of the full jitter.
fn aws(case: &Value, mut retry: RetryConfig) {
    let given = &case["given"];
    if let Some(attempts) = given["max_attempts"].as_u64() {
        retry.attempts = attempts as u32;
    }
    if let Some(tokens) = given["initial_retry_tokens"].as_f64() {
        retry.budget = Some(with_capacity(retry.budget, tokens));
    }
    if !given["max_backoff_time"].is_null()
        && let Backoff::Exponential { max, .. } = &mut retry.backoff
    {
        *max = seconds(&given["max_backoff_time"]);
    }
    retry.pause_when_exhausted = given["long_polling"] == true;

    let mut calls = Calls::new(retry, number(&given["exponential_base"]));
    for step in case["steps"].as_array().expect("steps") {
        let (response, expected) = (&step["response"], &step["expected"]);
        let outcome = match response["status_code"].as_u64() {
            Some(200) => Outcome::Success,
            Some(400) if response["error_code"] == "Throttling" => Outcome::Rejected,
            Some(500 | 502) => Outcome::Error,
            // One that nobody retries.
            Some(404) => Outcome::Conflict,
            other => panic!("{other:?}"),
        };
        // Milliseconds; what is no number is as if it were not there: the driver reads headers.
        calls.chance.pushback = response["headers"]["x-amz-retry-after"]
            .as_str()
            .and_then(|header| header.parse().ok())
            .map_or(Pushback::None, |ms| {
                Pushback::After(Duration::from_millis(ms))
            });
        let then = calls.attempt_ends(outcome);
        match (expected["outcome"].as_str(), expected["delay"].is_null()) {
            (Some("retry_request"), _) => {
                assert_eq!(then, Then::Waits(seconds(&expected["delay"])), "{step}");
                calls.wait(seconds(&expected["delay"]));
            }
            // The delay, and then the failure.
            (Some("retry_quota_exceeded"), false) => {
                assert_eq!(then, Then::Waits(seconds(&expected["delay"])), "{step}");
                calls.wait(seconds(&expected["delay"]));
                assert_eq!(calls.next(), Then::Ends(outcome), "{step}");
            }
            (Some("success"), true) => {
                assert!(outcome.is_success());
                assert_eq!(then, Then::Ends(outcome), "{step}");
            }
            (Some("retry_quota_exceeded" | "max_attempts_exceeded" | "fail_request"), true) => {
                assert_eq!(then, Then::Ends(outcome), "{step}")
            }
            other => panic!("{other:?}"),
        }
        if let Some(quota) = expected["retry_quota"].as_f64() {
            assert_eq!(calls.quota(), quota, "{step}");
        }
    }
}

/// Calls that share a quota, in the order in which their steps are told by the quota: it falls with
/// each retry and rises with each success.
fn aws_shared_quota(case: &Value) {
    let budget = RetryConfig::aws_standard_2026().budget;
    let mut budget = RetryBudget::new(budget.expect("it has one"));
    let now = Instant::ZERO;
    let threads = case["steps"].as_array().expect("threads");
    let mut drawn = vec![Drawn::default(); threads.len()];
    let mut steps: Vec<(usize, &Value)> = Vec::new();
    for (thread, of_thread) in threads.iter().enumerate() {
        budget.call_started(now);
        let of_thread = of_thread.as_array().expect("steps");
        steps.extend(of_thread.iter().map(|step| (thread, step)));
    }
    steps.sort_by(|(_, a), (_, b)| {
        let done = |step: &Value| step["expected"]["outcome"] == "success";
        let left = |step: &Value| number(&step["expected"]["retry_quota"]);
        done(a).cmp(&done(b)).then(if done(a) {
            left(a).total_cmp(&left(b))
        } else {
            left(b).total_cmp(&left(a))
        })
    });
    for (thread, step) in steps {
        if step["expected"]["outcome"] == "success" {
            budget.call_ended(Outcome::Success, drawn[thread]);
        } else {
            assert!(budget.withdraw(now, Some(Outcome::Error), &mut drawn[thread]));
        }
        let left = number(&step["expected"]["retry_quota"]);
        assert_eq!(budget.balance(now), left);
    }
    assert_eq!(budget.balance(now), number(&case["expected_final_quota"]));
}

/// Of the SDK's own test; the cases are rounded.
const TOLERANCE: f64 = 0.000_000_5;

fn assert_close(actual: f64, expected: &Value, step: &Value) {
    let expected = number(expected);
    let error = (actual - expected).abs();
    assert!(error <= TOLERANCE, "{actual} for {step}");
}

fn at(seconds: &Value) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(number(seconds))
}

fn aws_cubic(case: &Value) {
    let given = &case["given"];
    let mut rate = number(&given["last_max_rate"]);
    let throttled_at = at(&given["last_throttle_time"]);
    let mut cubic = Cubic::new(AdaptiveRate::default(), rate, throttled_at);
    for step in case["steps"].as_array().expect("steps") {
        let now = at(&step["timestamp"]);
        rate = if step["response"] == "throttle" {
            cubic.throttle(now, rate)
        } else {
            cubic.success(now)
        };
        assert_close(rate, &step["calculated_rate"], step);
    }
}

fn aws_sending_rates(case: &Value) {
    let mut limiter = AdaptiveRateLimiter::new(AdaptiveRate::default());
    for step in case["steps"].as_array().expect("steps") {
        let outcome = if step["response"] == "throttle" {
            Outcome::Rejected
        } else {
            Outcome::Success
        };
        limiter.record(at(&step["timestamp"]), outcome);
        let (rate, measured) = limiter.rates();
        assert_close(rate, &step["new_token_bucket_rate"], step);
        assert_close(measured, &step["measured_tx_rate"], step);
    }
}

fn grpc_backoff(case: &Value) {
    let given = &case["given"];
    let ms = |value: &Value| Duration::from_millis(value.as_u64().expect("milliseconds"));
    let retry = RetryConfig {
        attempts: given["attempts"].as_u64().expect("a count") as u32,
        backoff: Backoff::Exponential {
            initial: ms(&given["initial"]),
            factor: number(&given["mult"]),
            max: ms(&given["max"]),
        },
        budget: None,
        ..RetryConfig::grpc()
    };
    let mut calls = Calls::new(retry, number(&given["random"]));
    for step in case["steps"].as_array().expect("steps") {
        let then = calls.attempt_ends(Outcome::Unavailable);
        assert_eq!(then, Then::Waits(ms(step)));
        calls.wait(ms(step));
    }
    let last = calls.attempt_ends(Outcome::Unavailable);
    assert_eq!(last, Then::Ends(Outcome::Unavailable));
}

/// Each step: a failure or a success, and whether a further attempt may be made after it.
fn grpc_throttle(case: &Value) {
    let given = &case["given"];
    let mut budget = RetryBudget::new(config::RetryBudget::Grpc {
        max_tokens: number(&given["max_tokens"]),
        token_ratio: number(&given["token_ratio"]),
    });
    for step in case["steps"].as_array().expect("steps") {
        let (word, above) = match step.as_str().and_then(|step| step.split_once(':')) {
            Some((word, "T")) => (word, true),
            Some((word, "F")) => (word, false),
            other => panic!("{other:?}"),
        };
        match word {
            "F" => budget.attempt_failed(Instant::ZERO),
            _ => budget.call_ended(Outcome::Success, Drawn::default()),
        }
        let granted = budget.withdraw(Instant::ZERO, None, &mut Drawn::default());
        assert_eq!(granted, above, "{step}");
    }
}

fn polly_jitter(case: &Value) {
    let initial = seconds(&case["given"]["base_s"]);
    for step in case["steps"].as_array().expect("steps") {
        let backoff = match step[0].as_str() {
            Some("Constant") => Backoff::Constant(initial),
            Some("Linear") => Backoff::Linear {
                initial,
                increment: initial,
                max: Duration::MAX,
            },
            other => panic!("{other:?}"),
        };
        let retry = RetryConfig {
            backoff,
            jitter: Jitter::Polly,
            ..RetryConfig::polly()
        };
        let mut calls = Calls::new(retry, number(&step[2]));
        // Attempts count from 0 there.
        for _ in 0..step[1].as_u64().expect("a count") {
            let Then::Waits(delay) = calls.attempt_ends(Outcome::Error) else {
                panic!("it is retried")
            };
            calls.wait(delay);
        }
        let then = calls.attempt_ends(Outcome::Error);
        assert_eq!(then, Then::Waits(seconds(&step[3])), "{step}");
    }
}

fn envoy_budget(case: &Value) {
    let given = &case["given"];
    for step in case["steps"].as_array().expect("steps") {
        let mut budget = RetryBudget::new(config::RetryBudget::Envoy {
            share: number(&given["budget_percent"]) / 100.0,
            min_concurrency: number(&given["min_retry_concurrency"]) as u32,
        });
        let active = match step[0].as_str() {
            Some("active0") => 0,
            Some("active100") => 100,
            other => panic!("{other:?}"),
        };
        let now = Instant::ZERO;
        (0..active).for_each(|_| budget.call_started(now));
        assert_eq!(budget.balance(now), number(&step[1]), "{step}");
        let granted = (0..200)
            .filter(|_| budget.withdraw(now, Some(Outcome::Error), &mut Drawn::default()))
            .count();
        assert_eq!(granted as f64, number(&step[1]), "{step}");
    }
}

fn finagle_budget(case: &Value) {
    let given = &case["given"];
    for step in case["steps"].as_array().expect("steps") {
        let mut budget = RetryBudget::new(config::RetryBudget::Ratio {
            ratio: number(&step[0]),
            min_per_second: number(&given["min_per_sec"]),
            ttl: seconds(&given["ttl_s"]),
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
