//! Cases on limits.

use crate::config::RateAlgorithm;
use crate::{RateLimiter, Rejected};
use clock::{Duration, Instant};
use serde_json::Value;

/// Runs a case, if it is one of these.
pub(super) fn run(id: &str, case: &Value) -> bool {
    if id != "r4j-ratelimiter-reserve" {
        return false;
    }
    resilience4j_reserve(case);
    true
}

/// A cycle; the case names no length.
const CYCLE: Duration = Duration::from_millis(250);

/// A time as the case writes it: `0`, `C`, `6C+10`.
fn time(text: &str) -> Duration {
    let (cycles, rest) = text.split_once('C').unwrap_or(("0", text));
    let cycles = if cycles.is_empty() {
        1
    } else {
        cycles.parse().expect("cycles")
    };
    let rest = match rest.trim_start_matches('+') {
        "" => 0,
        rest => rest.parse().expect("nanoseconds"),
    };
    CYCLE
        .saturating_mul(cycles)
        .saturating_add(Duration::from_nanos(rest))
}

fn resilience4j_reserve(case: &Value) {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut limiter = RateLimiter::new(&RateAlgorithm::Cycles {
        limit: case["given"]["limit_for_period"].as_u64().expect("a count") as u32,
        period: time(&text(&case["given"]["period"])),
    });
    let timeout = time(&text(&case["given"]["timeout"]));
    for step in case["steps"].as_array().expect("steps") {
        let at = text(&step[0]);
        let now = Instant::ZERO + time(at.strip_prefix("t=").expect("a time"));
        if step[1] == "reserve" {
            let turn = limiter.reserve(now, timeout);
            match text(&step[2]).split(' ').next().expect("a word") {
                "-1" => assert!(turn.is_err(), "{step}"),
                "0" => assert_eq!(turn, Ok(now), "{step}"),
                // Within a cycle: at the beginning of the next one.
                wait => assert_eq!(turn, Ok(now + time(wait)), "{step}"),
            }
        }
        let state = text(&step[3]);
        let (available, wait) = state.split_once(", nanosToWait ").expect("a state");
        let wait = time(wait);
        let expected = if wait.is_zero() {
            Ok(())
        } else {
            Err(Rejected {
                retry_at: Some(now + wait),
            })
        };
        assert_eq!(limiter.clone().try_acquire(now), expected, "{step}");
        let available: i64 = available
            .strip_prefix("avail ")
            .map(str::parse)
            .expect("a state")
            .expect("a number");
        let mut probe = limiter.clone();
        let left = (0..9).take_while(|_| probe.try_acquire(now).is_ok());
        assert_eq!(left.count() as i64, available.max(0), "{step}");
    }
}
