//! Cases on breakers and on the ejection of outliers.

use crate::config::{Alignment, BreakerConfig, Scope, Window};
use crate::outlier::threshold;
use crate::window::Window as CallWindow;
use crate::{BreakerState, CircuitBreaker, Outcome};
use clock::{Duration, Instant};
use serde_json::Value;

/// Runs a case, if it is one of these.
pub(super) fn run(id: &str, case: &Value) -> bool {
    let run: fn(&Value) = match id {
        "r4j-cb-failure-rate" => resilience4j_breaker,
        "r4j-fixed-window-4" | "r4j-time-window-5s" => resilience4j_window,
        "envoy-success-rate" => envoy_success_rate,
        _ => return false,
    };
    run(case);
    true
}

fn envoy_success_rate(case: &Value) {
    let given = &case["given"];
    let rates: Vec<f64> = given["rates"]
        .as_array()
        .expect("rates")
        .iter()
        .map(super::number)
        .collect();
    let factor = super::number(&given["factor"]);
    let (mean, threshold) = threshold(rates.iter().copied(), factor).expect("there are rates");
    for step in case["steps"].as_array().expect("steps") {
        let figure = match step[0].as_str() {
            Some("mean") => mean,
            Some("stdev") => (mean - threshold) / factor,
            _ => threshold,
        };
        assert_eq!(figure, super::number(&step[1]), "{step}");
    }
}

fn resilience4j_breaker(case: &Value) {
    let given = &case["given"];
    let seconds = given["window_s"].as_u64().expect("seconds");
    let mut breaker = CircuitBreaker::new(&BreakerConfig {
        window: Window::Time {
            length: Duration::from_secs(seconds),
            buckets: seconds as u32,
        },
        failure_rate: super::number(&given["failure_rate"]) / 100.0,
        minimum_calls: given["min_calls"].as_u64().expect("a count") as u32,
        slow_call: None,
        open_for: Duration::from_secs(60),
        half_open_calls: 10,
        scope: Scope::Service,
        ..BreakerConfig::default()
    });
    let now = Instant::ZERO;
    for step in case["steps"].as_array().expect("steps") {
        let permit = breaker.admit(now).expect("it is closed");
        let outcome = if step[0] == "E" {
            Outcome::Error
        } else {
            Outcome::Success
        };
        breaker.record(now, permit, outcome);
        let open = step[1] == "OPEN";
        let state = if open {
            BreakerState::Open
        } else {
            BreakerState::Closed
        };
        assert_eq!(breaker.state(now), state, "{step}");
        if open {
            let until = now + Duration::from_secs_f64(super::number(&step[2]));
            assert_eq!(breaker.state(until), BreakerState::Open);
            assert_eq!(
                breaker.state(until + Duration::from_nanos(1)),
                BreakerState::HalfOpen
            );
        }
    }
}

fn resilience4j_window(case: &Value) {
    let given = &case["given"];
    let config = match given["window_s"].as_u64() {
        Some(s) => Window::Time {
            length: Duration::from_secs(s),
            buckets: s as u32,
        },
        None => Window::Count(given["window"].as_u64().expect("a count") as u32),
    };
    let mut window = CallWindow::new(config, Alignment::Epoch, u32::MAX);
    let column = |name: &str| {
        let names = case["columns"].as_array().expect("columns");
        names.iter().position(|n| n == name)
    };
    let mut now = Instant::ZERO;
    for step in case["steps"].as_array().expect("steps") {
        let cell = |name| column(name).map(|i| &step[i]);
        if let Some(pause) = cell("advance_ms_before").and_then(Value::as_u64) {
            now += Duration::from_millis(pause);
        }
        let failed = cell("outcome").expect("an outcome") == "E";
        window.record(now, failed, false, None);
        let sum = window.sum(now);
        assert_eq!(cell("total"), Some(&Value::from(sum.total)), "{step}");
        assert_eq!(cell("failed"), Some(&Value::from(sum.failed)), "{step}");
        assert_eq!(
            cell("ok"),
            Some(&Value::from(sum.total - sum.failed)),
            "{step}"
        );
    }
}
