//! New versions: who serves which one when, what is left to serve meanwhile, and the way back.

use crate::log::{Log, run};
use policy::Outcome::{self, Error, Success, Unavailable};
use stormglass_cluster::DeploymentFact::{
    Acts, Alarm, Back, Began, Everywhere, GivenUp, HeldBack, PutBack, Restored, Unproven,
    WroteWrong,
};

/// A service whose endpoint takes 10 ms, asked at these times, with these sections.
fn asked(at: &str, service: &str, sections: &str) -> Log {
    run(&format!(
        "
services:
  db: {{{service}, endpoints: {{get: [{{compute: 10ms}}]}}}}
workloads: {{w: {{target: db.get, AT({at})}}}}
{sections}
"
    ))
}

/// When each request was made, how long it took, and how it ended.
fn took(log: &Log) -> Vec<(f64, f64, Outcome)> {
    let mut calls = log.calls("w->db.get");
    calls.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let calls = calls.into_iter();
    calls
        .map(|(from, to, how)| (from, to - from, how))
        .collect()
}

fn times(log: &Log) -> Vec<f64> {
    took(log).into_iter().map(|(_, time, _)| time).collect()
}

/// Version 1 takes three times as long; from 1 s on.
fn slower(strategy: &str) -> String {
    format!("deployments: [{{service: db, at: 1s, strategy: {strategy}, change: {{slow: 3}}}}]")
}

#[test]
fn all_at_once_is_nobody_for_a_while() {
    // The second is served to its end, at 1005; the instance is found empty at 1010, and is away for
    // a second.
    let log = asked(
        "500 995 1500 2005 2020",
        "startup: 1s",
        &slower("all_at_once"),
    );
    let expected = [
        (500.0, 10.0, Success),
        (995.0, 10.0, Success),
        (1500.0, 0.0, Unavailable),
        (2005.0, 0.0, Unavailable),
        (2020.0, 30.0, Success),
    ];
    assert_eq!(took(&log), expected);
    assert_eq!(
        log.deployments,
        [(1000.0, 0, Began), (2010.0, 0, Everywhere)]
    );
}

#[test]
fn a_roll_costs_a_batch_at_a_time() {
    // The first is away from 1000 to 1500, the second from 2500 to 3000.
    let log = asked(
        "500 500 1200 1200 2000 2000 2700 2700 3500 3500",
        "instances: 2, startup: 500ms, balancer: round_robin",
        &slower("{rolling: {batch: 1, pause: 1s}}"),
    );
    let expected = [
        10.0, 10.0, // both are there
        10.0, 20.0, // the old one alone
        10.0, 30.0, // one of each
        30.0, 60.0, // the new one alone
        30.0, 30.0,
    ];
    assert_eq!(times(&log), expected);
    assert_eq!(log.deployments.last(), Some(&(3000.0, 0, Everywhere)));
}

#[test]
fn a_canary_goes_first() {
    // One of four from 1 s on; the others two seconds later.
    let log = asked(
        "1500 1500 1500 1500 2900 2900 2900 2900 3100 3100 3100 3100",
        "instances: 4, balancer: round_robin",
        &slower("{canary: {share: 25%, for: 2s}}"),
    );
    let mut expected = [[10.0, 10.0, 10.0, 30.0]; 2].concat();
    expected.extend([30.0; 4]);
    assert_eq!(times(&log), expected);
}

#[test]
fn blue_and_green_are_both_there_and_callers_turn_at_once() {
    let log = asked(
        "1500 1500 1999 1999 2001 2001 9000 9000",
        "instances: 2, startup: 1s, balancer: round_robin",
        &slower("blue_green"),
    );
    let expected = [10.0, 10.0, 10.0, 10.0, 30.0, 30.0, 30.0, 30.0];
    assert_eq!(times(&log), expected);
    assert_eq!(
        log.deployments,
        [(1000.0, 0, Began), (2000.0, 0, Everywhere)]
    );
}

#[test]
fn the_next_version_takes_the_place_of_one_under_way() {
    // The roll of the first has reached one of two when the second comes.
    let sections = "deployments:\n- {service: db, at: 1s, strategy: {rolling: {pause: 1s}}, \
                    change: {slow: 3}}\n- {service: db, at: 1500ms, change: {slow: 2}}";
    let service = "instances: 2, balancer: round_robin";
    let log = asked("1200 1200 1600 1600 3000 3000", service, sections);
    assert_eq!(times(&log), [10.0, 30.0, 20.0, 20.0, 20.0, 20.0]);
}

/// Every tenth of a second from 1050 ms on, which is 50 ms behind the deployment.
fn steadily() -> String {
    let times = (0..60).map(|n| (1050 + 100 * n).to_string());
    times.collect::<Vec<_>>().join(" ")
}

/// Version 1 fails always, and comes back by these means.
fn broken(strategy: &str, rollback: &str) -> String {
    format!(
        "deployments: [{{service: db, at: 1s, strategy: {strategy}, change: {{errors: 1}}, rollback: \
         {{detect: {{error_rate: 50%, over: 1s, minimum: 5}}, {rollback}}}}}]"
    )
}

fn failures(log: &Log) -> usize {
    log.count("w->db.get", Error)
}

#[test]
fn errors_are_found_out_and_taken_back_at_once() {
    let log = asked(
        &steadily(),
        "workers: 9",
        &broken("all_at_once", "mode: automatic"),
    );
    // Looks come every 100 ms; that at 1500 is the first to see five requests.
    let expected = [
        (1000.0, 0, Began),
        (1000.0, 0, Everywhere),
        (1500.0, 0, Alarm { harmless: false }),
        (1500.0, 0, Acts),
        (1500.0, 0, PutBack),
        (1500.0, 0, Back { verified: false }),
    ];
    assert_eq!(log.deployments, expected);
    assert_eq!(failures(&log), 5);
}

#[test]
fn a_person_takes_time_to_notice_and_for_each_step() {
    let manual = "mode: {manual: {notice: 2s, per_step: 500ms}}";
    let log = asked(&steadily(), "workers: 9", &broken("all_at_once", manual));
    assert_eq!(log.deployments[3], (4000.0, 0, Acts));
    assert_eq!(failures(&log), 30);
    let log = asked(
        &steadily(),
        "workers: 9",
        &broken("all_at_once", "mode: none"),
    );
    assert_eq!(failures(&log), 60);
    assert_eq!(
        log.deployments.last(),
        Some(&(1500.0, 0, Alarm { harmless: false }))
    );
}

#[test]
fn a_roll_that_goes_wrong_stops_where_it_is() {
    // Of four, two have it at 1500; these are away for 100 ms again, one after the other.
    let strategy = "{rolling: {batch: 1, pause: 150ms}}";
    let service = "instances: 4, workers: 9, startup: 100ms, balancer: round_robin";
    let at = (0..300).map(|n| (1105 + 10 * n).to_string());
    let log = asked(
        &at.collect::<Vec<_>>().join(" "),
        service,
        &broken(strategy, "mode: automatic"),
    );
    let facts: Vec<_> = log
        .deployments
        .iter()
        .map(|(at, _, fact)| (*at, *fact))
        .collect();
    let alarm = facts.iter().find(|f| f.1 == Alarm { harmless: false });
    let alarm = alarm.expect("it fails").0;
    assert!(!facts.iter().any(|f| f.1 == Everywhere), "{facts:?}");
    let back = facts.last().expect("there are some");
    assert_eq!(back.1, Back { verified: false });
    let after = log.calls("w->db.get").into_iter().filter(|c| c.0 > back.0);
    assert!(after.clone().count() > 50 && after.clone().all(|c| c.2 == Success));
    assert!(
        back.0 >= alarm + 100.0 && back.0 < alarm + 450.0,
        "{facts:?}"
    );
}

#[test]
fn callers_turn_back_to_those_who_stood_by() {
    let service = "workers: 9, startup: 1s";
    let log = asked(
        &steadily(),
        service,
        &broken("blue_green", "mode: automatic"),
    );
    // Green from 2000 on, five requests later blue again, without anybody being away.
    let expected = [
        (1000.0, 0, Began),
        (2000.0, 0, Everywhere),
        (2500.0, 0, Alarm { harmless: false }),
        (2500.0, 0, Acts),
        (2500.0, 0, PutBack),
        (2500.0, 0, Back { verified: false }),
    ];
    assert_eq!(log.deployments, expected);
    assert_eq!(failures(&log), 5);
    assert_eq!(log.count("w->db.get", Unavailable), 0);
}

#[test]
fn latency_is_a_reason_and_so_is_an_instance_that_does_not_come() {
    let detect = |change: &str, detect: &str| {
        format!(
            "deployments: [{{service: db, at: 1s, change: {{{change}}}, rollback: {{mode: automatic, \
             detect: {{{detect}, over: 1s, minimum: 5}}}}}}]"
        )
    };
    let slow = detect("slow: 3", "latency: {p90: 29ms}");
    let log = asked(&steadily(), "workers: 9", &slow);
    assert_eq!(log.deployments[2], (1500.0, 0, Alarm { harmless: false }));
    let log = asked(
        &steadily(),
        "workers: 9",
        &detect("slow: 3", "latency: {p90: 30ms}"),
    );
    assert_eq!(log.deployments.len(), 2);
    // It is down from 2 s on; a second later that is too long. It comes back as it was before.
    let faults = "faults: [{at: 2s, for: 3s, crash: {service: db}}]";
    let ill = detect("slow: 3", "unhealthy_for: 1s");
    let log = asked("1500 6000", "workers: 9", &format!("{ill}\n{faults}"));
    assert_eq!(log.deployments[2], (3000.0, 0, Alarm { harmless: false }));
    assert_eq!(log.deployments[5], (5000.0, 0, Back { verified: false }));
    assert_eq!(times(&log), [30.0, 10.0]);
}

#[test]
fn an_alarm_about_a_harmless_version_is_a_false_one() {
    let log = run(&format!(
        "
services: {{db: {{workers: 9, endpoints: {{get: [{{compute: 10ms}}, {{fail: 1}}]}}}}}}
workloads: {{w: {{target: db.get, AT({})}}}}
deployments: [{{service: db, at: 1s, change: {{slow: 1}}, rollback: {{mode: automatic, detect:
  {{error_rate: 50%, over: 1s, minimum: 5}}}}}}]
",
        steadily()
    ));
    assert_eq!(log.deployments[2], (1500.0, 0, Alarm { harmless: true }));
}

#[test]
fn what_is_put_back_serves_when_it_has_stood_its_probes() {
    let verify = "mode: automatic, verify: {for: 500ms, interval: 100ms}";
    let log = asked(&steadily(), "workers: 9", &broken("all_at_once", verify));
    assert_eq!(log.deployments[4], (1500.0, 0, PutBack));
    assert_eq!(log.deployments[5], (2000.0, 0, Back { verified: true }));
    let away: Vec<f64> = took(&log)
        .into_iter()
        .filter(|(.., how)| *how == Unavailable)
        .map(|(at, ..)| at)
        .collect();
    assert_eq!(away, [1550.0, 1650.0, 1750.0, 1850.0, 1950.0]);
}

#[test]
fn what_does_not_stand_its_probes_is_put_back_again() {
    let verify = "mode: automatic, attempts: 3, verify: {for: 500ms, interval: 100ms}";
    // Whatever is put back fails until 1515: the probes of 1500 and 1510, and not those of 1520.
    let faults = |until: u32| {
        format!("faults: [{{at: 1100ms, for: {until}ms, errors: {{service: db, ratio: 1}}}}]")
    };
    let broken = broken("all_at_once", verify);
    let sections = format!("{broken}\n{}", faults(415));
    let log = asked(&steadily(), "workers: 9", &sections);
    let expected = [
        (1500.0, 0, PutBack),
        (1510.0, 0, Unproven),
        (1510.0, 0, PutBack),
        (2010.0, 0, Back { verified: true }),
    ];
    let facts: Vec<_> = log.deployments[4..].to_vec();
    assert_eq!(facts, expected);
    // It never gets well: after three attempts it serves as it is.
    let sections = format!("{broken}\n{}", faults(5000));
    let log = asked(&steadily(), "workers: 9", &sections);
    let tried = log.deployments.iter().filter(|f| f.2 == Unproven).count();
    assert_eq!(tried, 3);
    assert_eq!(log.deployments.last(), Some(&(1530.0, 0, GivenUp)));
    assert_eq!(log.count("w->db.get", Unavailable), 0);
}

#[test]
fn wrong_writes_are_undone_with_the_right_ones_since() {
    let log = run(&format!(
        "
services: {{db: {{workers: 9, endpoints: {{put: [{{compute: 10ms}}, {{write: s.t}}]}}}}}}
stores: {{s: {{owner: db}}}}
workloads: {{w: {{target: db.put, AT(500 {})}}}}
deployments: [{{service: db, at: 1s, change: {{errors: 1, corrupt: 1}}, rollback: {{mode: automatic,
  detect: {{error_rate: 50%, over: 1s, minimum: 5}}, restore: [s], restore_time: 1s}}}}]
",
        steadily()
    ));
    let wrong = log.deployments.iter().filter(|f| f.2 == WroteWrong).count();
    assert_eq!(wrong, 5);
    // Nobody writes while it is restored: the version is out of the rotation.
    let (undone, wrong) = (5, 5);
    let restored = (2500.0, 0, Restored { undone, wrong });
    assert!(log.deployments.contains(&restored), "{:?}", log.deployments);
    assert_eq!(log.count("w->db.put", Unavailable), 10);
}

#[test]
fn nothing_goes_out_while_something_is_taken_back() {
    let manual = "mode: {manual: {notice: 2s, per_step: 0s}}";
    let mut sections = broken("all_at_once", manual);
    sections.truncate(sections.len() - 1);
    sections.push_str(", {service: db, at: 2s, change: {slow: 3}}]");
    let log = asked(&steadily(), "workers: 9", &sections);
    assert!(log.deployments.contains(&(2000.0, 1, HeldBack)));
    assert!(times(&log).iter().all(|time| *time == 10.0));
}

#[test]
fn a_bad_push_is_taken_back() {
    let log = asked(
        &steadily(),
        "workers: 9",
        "config: {propagation: {watch: {latency: 200ms}}, pushes: [{at: 1s, set: \
         {services.db.endpoints.get.0.compute: 50ms}, rollback: {mode: automatic, detect: \
         {latency: {p50: 40ms}, over: 1s, minimum: 5}}}]}",
    );
    // The change is there from 1200 on: five requests have ended at 1700. It is gone 200 ms later, as
    // is seen every 100 ms.
    let facts: Vec<_> = log.deployments.iter().map(|f| (f.0, f.2)).collect();
    let expected = [
        (1000.0, Began),
        (1800.0, Alarm { harmless: false }),
        (1800.0, Acts),
        (2000.0, PutBack),
        (2000.0, Back { verified: false }),
    ];
    assert_eq!(facts, expected);
    let slow: Vec<f64> = took(&log)
        .into_iter()
        .filter(|(_, time, _)| *time == 50.0)
        .map(|(at, ..)| at)
        .collect();
    assert_eq!(
        slow,
        [
            1250.0, 1350.0, 1450.0, 1550.0, 1650.0, 1750.0, 1850.0, 1950.0
        ]
    );
}
