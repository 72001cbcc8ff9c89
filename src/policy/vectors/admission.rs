//! Cases on admission.

use crate::config::ConcurrencyAlgorithm;
use crate::{ConcurrencyLimit, Outcome};
use clock::{Duration, Instant};
use serde_json::Value;

/// Runs a case, if it is one of these.
pub(super) fn run(id: &str, case: &Value) -> bool {
    match id {
        "aimd" => aimd(case),
        _ if id.starts_with("vegas-") => vegas(case),
        _ => return false,
    }
    true
}

/// One call ends while `in_flight` are out, or as many as there can be: the cases ask for more at
/// times, which an algorithm may hear of and a limit never has.
fn sample(limit: &mut ConcurrencyLimit, rtt: Duration, in_flight: u64, outcome: Outcome) {
    let now = Instant::ZERO;
    let mut held: Vec<_> = (0..in_flight.max(1))
        .map_while(|_| limit.acquire(now).ok())
        .collect();
    let last = held.pop().expect("a limit is at least 1");
    limit.record(now + rtt, last, outcome);
    for held in held {
        limit.release(held);
    }
    assert_eq!(limit.in_flight(), 0);
}

fn whole(value: &Value) -> u64 {
    value.as_u64().expect("a whole number")
}

fn vegas(case: &Value) {
    let given = |name: &str| case["given"].get(name).map(|value| whole(value) as u32);
    let mut limit = ConcurrencyLimit::new(&ConcurrencyAlgorithm::Vegas {
        initial: given("initial").expect("an initial limit"),
        max: given("max").expect("a maximum"),
        alpha: given("alpha"),
        beta: given("beta"),
        smoothing: 1.0,
    });
    for step in case["steps"].as_array().expect("steps") {
        let rtt = Duration::from_millis(whole(&step[0]));
        sample(&mut limit, rtt, whole(&step[1]), Outcome::Success);
        assert_eq!(u64::from(limit.limit()), whole(&step[2]), "{step}");
    }
}

/// Each step is a limiter of its own, told in words: `init30 drop`, `init20 rtt1 inflight10 ok`.
fn aimd(case: &Value) {
    for step in case["steps"].as_array().expect("steps") {
        let words: Vec<_> = step[0].as_str().expect("words").split(' ').collect();
        let number = |name| {
            let word = words.iter().find_map(|word| word.strip_prefix(name));
            word.map(|digits: &str| digits.parse::<u32>().expect("digits"))
        };
        let outcome = if words.contains(&"drop") {
            Outcome::Timeout
        } else {
            Outcome::Success
        };
        let mut limit = ConcurrencyLimit::new(&ConcurrencyAlgorithm::Aimd {
            initial: number("init").expect("an initial limit"),
            min: number("min").unwrap_or(20),
            max: number("max").unwrap_or(200),
            backoff: 0.9,
            timeout: Duration::from_secs(5),
        });
        let rtt = Duration::from_millis(number("rtt").unwrap_or(0).into());
        sample(
            &mut limit,
            rtt,
            number("inflight").unwrap_or(0).into(),
            outcome,
        );
        assert_eq!(u64::from(limit.limit()), whole(&step[1]), "{step}");
    }
}
