//! Configuration that changes while requests come and go.

use crate::log::{Log, run};
use policy::Outcome::{self, Success, Timeout};

/// One service whose endpoint takes 10 ms, asked at these times, with these sections.
fn asked(at: &str, service: &str, sections: &str) -> Log {
    run(&format!(
        "
policies: {{p: [{{timeout: 100ms}}]}}
services:
  db: {{{service}, endpoints: {{get: [{{compute: 10ms}}]}}}}
  web: {{threading: async, workers: 9, endpoints: {{get: [{{call: db.get, policy: p}}]}}}}
workloads: {{w: {{target: db.get, AT({at})}}, v: {{target: web.get, AT({at})}}}}
{sections}
"
    ))
}

fn took(log: &Log, edge: &str) -> Vec<(f64, Outcome)> {
    let calls = log.calls(edge);
    calls
        .iter()
        .map(|(from, to, how)| (to - from, *how))
        .collect()
}

fn push(set: &str) -> String {
    format!("config: {{pushes: [{{at: 1s, set: {{{set}}}}}]}}")
}

#[test]
fn requests_that_come_after_a_push_get_what_it_says() {
    let sections = push("services.db.endpoints.get.0.compute: 30ms");
    // The second is under way when the push comes, and ends as it began.
    let log = asked("0 995 1001 2000", "workers: 9", &sections);
    assert_eq!(
        took(&log, "w->db.get"),
        [
            (10.0, Success),
            (10.0, Success),
            (30.0, Success),
            (30.0, Success)
        ]
    );
}

#[test]
fn more_workers_take_those_who_wait_and_fewer_end_what_they_have() {
    // Four of each workload at once: with one worker the last waits for seven others. From 1 s on there
    // are eight.
    let at = "0 0 0 0 990 990 990 990";
    let log = asked(at, "workers: 1", &push("services.db.workers: 8"));
    let ends: Vec<f64> = log.calls("w->db.get")[4..]
        .iter()
        .map(|call| call.1)
        .collect();
    let all: Vec<f64> = [log.calls("w->db.get"), log.calls("web->db.get")]
        .concat()
        .iter()
        .map(|c| c.1)
        .collect();
    assert!(ends.iter().all(|end| *end <= 1010.0), "{ends:?}");
    assert_eq!(all.iter().filter(|end| **end == 1010.0).count(), 7);
    // The other way round: eight are under way and end together; then one after the other.
    let at = ["995"; 8].join(" ");
    let log = asked(&at, "workers: 8", &push("services.db.workers: 1"));
    let both = [log.calls("w->db.get"), log.calls("web->db.get")].concat();
    let mut ends: Vec<f64> = both.iter().map(|call| call.1).collect();
    ends.sort_by(f64::total_cmp);
    assert_eq!(ends[..8], [1005.0; 8]);
    let after: Vec<f64> = (1..=8).map(|n| 1005.0 + 10.0 * f64::from(n)).collect();
    assert_eq!(ends[8..], after);
}

#[test]
fn a_policy_is_changed_for_handlers_and_not_for_clients() {
    let sections = push("policies.p.timeout: 5ms");
    let log = asked("0 1500", "workers: 9", &sections);
    assert_eq!(took(&log, "web->db.get"), [(10.0, Success), (5.0, Timeout)]);
    assert_eq!(took(&log, "w->db.get"), [(10.0, Success), (10.0, Success)]);
}

#[test]
fn a_watched_change_takes_its_time_and_an_older_one_does_not_come_back() {
    let slow = "services.db.endpoints.get.0.compute";
    let sections = format!(
        "config:\n  propagation: {{watch: {{latency: 500ms}}}}\n  pushes:\n  \
         - {{at: 1s, set: {{{slow}: 20ms}}}}\n  - {{at: 1200ms, set: {{{slow}: 40ms}}}}\n  \
         - {{at: 3s, back_to: 1}}\n  - {{at: 4s, back_to: 0}}\n"
    );
    let log = asked(
        "1400 1600 1800 3400 3600 4400 4600",
        "workers: 9",
        &sections,
    );
    let took: Vec<f64> = took(&log, "w->db.get").iter().map(|t| t.0).collect();
    assert_eq!(took, [10.0, 20.0, 40.0, 40.0, 20.0, 20.0, 10.0]);
}

#[test]
fn who_polls_learns_within_an_interval_and_who_starts_knows_at_once() {
    let sections = "config: {propagation: {poll: {interval: 1s}}, pushes: [{at: 1s, set: \
                    {services.db.endpoints.get.0.compute: 20ms}}]}";
    let log = asked("1000 2001 3000", "workers: 9", sections);
    let times: Vec<f64> = took(&log, "w->db.get").iter().map(|t| t.0).collect();
    assert_eq!(times[1..], [20.0, 20.0]);
    // An hour between two asks; it crashes after the push, and comes back with it.
    let sections = "config: {propagation: {poll: {interval: 1h}}, pushes: [{at: 1s, set: \
                    {services.db.endpoints.get.0.compute: 20ms}}]}\n\
                    faults: [{at: 2s, for: 1s, crash: {service: db}}]";
    let log = asked("1500 3500", "workers: 9", sections);
    let times: Vec<f64> = took(&log, "w->db.get").iter().map(|t| t.0).collect();
    assert_eq!(times, [10.0, 20.0]);
}

#[test]
fn a_bad_push_is_there_for_its_time() {
    let sections = "faults: [{at: 1s, for: 1s, config: {set: \
                    {services.db.endpoints.get.0.compute: 50ms}}}]";
    let log = asked("500 1500 2500", "workers: 9", sections);
    let times: Vec<f64> = took(&log, "w->db.get").iter().map(|t| t.0).collect();
    assert_eq!(times, [10.0, 50.0, 10.0]);
    assert_eq!(log.faults, [(1000.0, 0, true), (2000.0, 0, false)]);
}
