//! Pauses: nothing is lost, nothing is done.

use crate::log::{Log, run};
use policy::Outcome::{Error, Success, Timeout};

/// `s` is paused from 4 to 104 ms.
fn paused(steps: &str, more: &str, times: &str) -> Log {
    run(&format!(
        "
services: {{s: {{{more} endpoints: {{e: [{steps}]}}}}}}
workloads: {{w: {{target: s.e, AT({times})}}}}
faults: [{{at: 4ms, for: 100ms, pause: {{service: s}}}}]
"
    ))
}

#[test]
fn work_in_progress_takes_the_length_of_the_pause_longer() {
    for more in ["", "scheduling: processor_sharing,", "threading: async,"] {
        let log = paused("compute: 10ms", more, "0");
        assert_eq!(log.calls("w->s.e"), [(0.0, 110.0, Success)], "{more}");
    }
}

#[test]
fn requests_reach_it_when_the_pause_is_over() {
    let log = paused("compute: 10ms", "workers: 2,", "50 60 70");
    assert_eq!(log.arrived("s"), [104.0; 3]);
    let expected = [
        (50.0, 114.0, Success),
        (60.0, 114.0, Success),
        (70.0, 124.0, Success),
    ];
    assert_eq!(log.calls("w->s.e"), expected);
}

#[test]
fn the_queue_stays_until_the_pause_is_over() {
    let log = paused("compute: 3ms", "", "0 2");
    // The first ends before the pause; the second has 2 ms left when it begins.
    assert_eq!(
        log.calls("w->s.e"),
        [(0.0, 3.0, Success), (2.0, 106.0, Success)]
    );
}

/// Time passes for what it waits for; only it doesn't hear of it.
#[test]
fn a_wait_that_is_over_is_noticed_at_the_end_of_the_pause() {
    let log = paused("wait: 10ms", "", "0");
    assert_eq!(log.calls("w->s.e"), [(0.0, 104.0, Success)]);
    let log = paused("wait: 200ms", "", "0");
    assert_eq!(log.calls("w->s.e"), [(0.0, 200.0, Success)]);
}

/// `a` calls `b`, which takes some time, with a timeout; `a` is paused from 4 to 104 ms.
fn calling(takes: &str, timeout: &str) -> Log {
    run(&format!(
        "
policies: {{short: [timeout: {timeout}]}}
services:
  a: {{endpoints: {{e: [{{call: b.e, policy: short}}, compute: 1ms]}}}}
  b: {{endpoints: {{e: [compute: {takes}]}}}}
workloads: {{w: {{target: a.e, AT(0)}}}}
faults: [{{at: 4ms, for: 100ms, pause: {{instance: a-1}}}}]
"
    ))
}

#[test]
fn answers_are_heard_at_the_end_of_the_pause() {
    let log = calling("10ms", "1s");
    assert_eq!(log.completed("b"), [10.0]);
    assert_eq!(log.calls("a->b.e"), [(0.0, 104.0, Success)]);
    assert_eq!(log.calls("w->a.e"), [(0.0, 105.0, Success)]);
}

#[test]
fn what_came_first_in_the_pause_is_heard_first_after_it() {
    // The answer is there at 10 ms, the timer due at 20.
    let log = calling("10ms", "20ms");
    assert_eq!(log.calls("a->b.e"), [(0.0, 104.0, Success)]);
    // The timer is due at 20 ms, the answer there at 50.
    let log = calling("50ms", "20ms");
    assert_eq!(log.calls("a->b.e"), [(0.0, 104.0, Timeout)]);
    assert_eq!(log.calls("w->a.e"), [(0.0, 104.0, Error)]);
}

#[test]
fn clients_are_not_paused() {
    let log = run("
policies: {short: [timeout: 30ms]}
services: {s: {endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, policy: short, AT(0)}}
faults: [{at: 4ms, for: 100ms, pause: {service: s}}]
");
    assert_eq!(log.calls("w->s.e"), [(0.0, 30.0, Timeout)]);
    // The work is done all the same: 6 ms after the pause, all of it in vain. A stopped machine's
    // worker is held, and counts from when the client gave up.
    assert_eq!(log.busy("s"), [(0.0, 1), (110.0, 0)]);
    assert_eq!(log.wasted("s"), 80.0);
}

#[test]
fn overlapping_pauses_last_until_the_last_is_over() {
    let log = run("
services: {s: {endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, AT(0)}}
faults:
  - {at: 4ms, for: 100ms, pause: {service: s}}
  - {at: 50ms, for: 104ms, pause: {instance: s-1}}
");
    assert_eq!(log.calls("w->s.e"), [(0.0, 160.0, Success)]);
}

#[test]
fn a_crash_in_a_pause_loses_what_was_held() {
    let log = run("
services: {s: {startup: 1ms, endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, AT(0 10 60)}}
faults:
  - {at: 4ms, for: 100ms, pause: {service: s}}
  - {at: 50ms, for: 5ms, crash: {service: s}}
");
    use policy::Outcome::Unavailable;
    // What had not been taken in finds nobody there; what comes after the restart waits for the
    // end of the pause.
    let expected = [
        (0.0, 50.0, Unavailable),
        (10.0, 50.0, Unavailable),
        (60.0, 114.0, Success),
    ];
    assert_eq!(log.calls("w->s.e"), expected);
}
