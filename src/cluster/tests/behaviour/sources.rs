//! Workloads: when requests are made.

use crate::log::{run, run_for};

fn starts(duration: &str, source: &str) -> Vec<f64> {
    let log = run_for(
        duration,
        &format!(
            "
services: {{s: {{workers: 9, endpoints: {{e: []}}}}}}
workloads: {{w: {{target: s.e, {source}}}}}
"
        ),
    );
    log.started("w->s.e")
}

fn near(times: &[f64], expected: &[f64]) {
    // The root is drawn in floating point, and every time rounded to a nanosecond.
    let near = |(time, expected): (&f64, &f64)| (time - expected).abs() < 1e-4;
    assert!(
        times.iter().zip(expected).all(near),
        "{times:?} {expected:?}"
    );
}

#[test]
fn even_arrivals_begin_after_one_gap() {
    let times = starts("50ms", "arrivals: {deterministic: {rate: 100/s}}");
    assert_eq!(times, [10.0, 20.0, 30.0, 40.0, 50.0]);
}

#[test]
fn a_profile_may_fall_silent_and_speak_again() {
    let profile = "[{at: 0s, rate: 100/s}, {at: 35ms, rate: 0/s}, {at: 100ms, rate: 200/s}]";
    let times = starts(
        "120ms",
        &format!("arrivals: {{deterministic: {{rate: {profile}}}}}"),
    );
    // Half a gap has passed at 35 ms; the other half takes 2.5 ms from 100 on.
    assert_eq!(times, [10.0, 20.0, 30.0, 102.5, 107.5, 112.5, 117.5]);
}

#[test]
fn a_ramp_gives_the_requests_under_its_line() {
    let profile = "[{at: 0s, rate: 0/s}, {at: 1s, rate: 100/s, ramp: 2s}]";
    let times = starts(
        "3100ms",
        &format!("arrivals: {{deterministic: {{rate: {profile}}}}}"),
    );
    // 50 t per second after t seconds: 25 t² requests, so that the n-th comes at 1 s + √n / 5.
    let ramp: Vec<_> = (1..=100)
        .map(|n| 1000.0 + 200.0 * f64::from(n).sqrt())
        .collect();
    near(&times[..100], &ramp);
    let level: Vec<_> = (1..=9).map(|n| 3000.0 + 10.0 * f64::from(n)).collect();
    near(&times[100..109], &level);
    assert!(times.len() == 109 || times.len() == 110, "{}", times.len());
}

#[test]
fn a_trace_is_played_as_it_stands() {
    assert_eq!(starts("1s", "AT(0 0 5 7.25)"), [0.0, 0.0, 5.0, 7.25]);
    let scaled = "arrivals: {trace: {file: \"0 5 10\", column: t, unit: ms, scale: 2}}";
    // Twice the load: in half the time.
    assert_eq!(starts("1s", scaled), [0.0, 2.5, 5.0]);
}

#[test]
fn a_batch_comes_at_once() {
    assert_eq!(starts("1s", "batch: {size: 4, at: 30ms}"), [30.0; 4]);
}

#[test]
fn renewals_begin_after_one_gap() {
    assert_eq!(
        starts("35ms", "arrivals: {renewal: 10ms}"),
        [10.0, 20.0, 30.0]
    );
}

#[test]
fn users_think_before_each_request() {
    let log = run_for(
        "60ms",
        "
services: {s: {endpoints: {e: [compute: 5ms]}}}
workloads: {w: {target: s.e, closed: {users: 2, think: 11ms}}}
",
    );
    // One is served 11..16, 27..32, 43..48, the other 16..21, 32..37, 48..53; they meet at 59 and 64.
    assert_eq!(
        log.started("w->s.e"),
        [11.0, 11.0, 27.0, 32.0, 43.0, 48.0, 59.0]
    );
    let ends: Vec<_> = log.calls("w->s.e").iter().map(|call| call.1).collect();
    assert_eq!(ends, [16.0, 21.0, 32.0, 37.0, 48.0, 53.0]);
}

#[test]
fn poisson_arrivals_come_at_their_rate() {
    let profile = "[{at: 0s, rate: 1000/s}, {at: 5s, rate: 3000/s}]";
    let times = starts(
        "10s",
        &format!("arrivals: {{poisson: {{rate: {profile}}}}}"),
    );
    let before = times.iter().filter(|at| **at < 5000.0).count() as f64;
    let after = times.len() as f64 - before;
    // Five standard deviations: √5000 and √15000.
    assert!((before - 5_000.0).abs() < 354.0, "{before}");
    assert!((after - 15_000.0).abs() < 613.0, "{after}");
}

#[test]
fn a_modulated_source_holds_its_states_in_turn() {
    let states = "[{rate: 1000/s, hold: 1s}, {rate: 0/s, hold: 1s}]";
    let times = starts("10s", &format!("arrivals: {{mmpp: {{states: {states}}}}}"));
    assert!(
        times
            .iter()
            .all(|at| ((at / 1000.0) as u64).is_multiple_of(2))
    );
    assert!(
        (times.len() as f64 - 5000.0).abs() < 354.0,
        "{}",
        times.len()
    );
}

/// A hundred thousand states go by between two requests.
#[test]
fn a_modulated_source_may_change_its_state_very_often() {
    let states = "[{rate: 5/s, hold: 1us}, {rate: 15/s, hold: 1us}]";
    let times = starts("10s", &format!("arrivals: {{mmpp: {{states: {states}}}}}"));
    // 10 a second: five standard deviations of √100, and to the very end.
    assert!((times.len() as f64 - 100.0).abs() < 50.0, "{}", times.len());
    assert!(times.last().is_some_and(|last| *last > 9000.0));
}

#[test]
fn two_workloads_are_independent_of_each_other() {
    let alone = starts("1s", "arrivals: {poisson: {rate: 100/s}}");
    let log = run("
services: {s: {workers: 9, endpoints: {e: []}}}
workloads:
  v: {target: s.e, arrivals: {poisson: {rate: 300/s}}}
  w: {target: s.e, arrivals: {poisson: {rate: 100/s}}}
");
    let mut beside = log.started("w->s.e");
    beside.retain(|at| *at <= 1000.0);
    assert_eq!(alone, beside);
}
