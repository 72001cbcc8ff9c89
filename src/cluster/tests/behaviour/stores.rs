//! Stores: versions, and writes that must not overtake each other.

use crate::log::{Log, run};
use policy::Outcome::{Conflict, Error, Success, Unavailable};

const UPDATE: &str = "[{read: rows.row}, {compute: 10ms}, {write: rows.row, if_unchanged: true}]";

fn updates(workload: &str) -> Log {
    run(&format!(
        "
policies: {{again: [{{retry: {{attempts: 9, retry_on: [conflict]}}}}]}}
stores: {{rows: {{owner: db}}}}
services: {{db: {{workers: 9, endpoints: {{update: {UPDATE}}}}}}}
workloads: {{w: {{target: db.update, {workload}}}}}
"
    ))
}

#[test]
fn a_write_fails_when_another_came_after_the_read() {
    // Read at 0 and 4; the first writes at 10. The third reads after that.
    let log = updates("AT(0 4 20)");
    assert_eq!(
        log.calls("w->db.update"),
        [
            (0.0, 10.0, Success),
            (4.0, 14.0, Conflict),
            (20.0, 30.0, Success)
        ]
    );
}

#[test]
fn whoever_lost_reads_again() {
    // Of three who begin together one wins each time.
    let log = updates("policy: again, AT(0 0 0)");
    assert_eq!(
        log.calls("w->db.update"),
        [
            (0.0, 10.0, Success),
            (0.0, 20.0, Success),
            (0.0, 30.0, Success)
        ]
    );
    assert_eq!(log.attempts("w->db.update").len(), 3 + 2 + 1);
}

#[test]
fn every_key_has_a_record_of_its_own() {
    // Nine requests of a million keys: two are alike once in thirty thousand times.
    let log = updates("keys: {count: 1000000}, AT(0 0 0 0 0 0 0 0 0)");
    assert_eq!(log.count("w->db.update", Success), 9);
    let log = updates("keys: {count: 1}, AT(0 0 0 0 0 0 0 0 0)");
    assert_eq!(log.count("w->db.update", Success), 1);
    assert_eq!(log.count("w->db.update", Conflict), 8);
}

#[test]
fn a_conflict_further_down_is_an_error_like_any_other() {
    let log = run(&format!(
        "
stores: {{rows: {{owner: db}}}}
services:
  web: {{workers: 9, endpoints: {{e: [call: db.update]}}}}
  db: {{workers: 9, endpoints: {{update: {UPDATE}}}}}
workloads: {{w: {{target: web.e, AT(0 0)}}}}
"
    ));
    assert_eq!(log.count("web->db.update", Conflict), 1);
    assert_eq!(log.count("w->web.e", Error), 1);
}

#[test]
fn a_conflict_in_a_branch_is_the_handlers() {
    let log = run("
stores: {rows: {owner: db}}
services:
  db:
    workers: 9
    threading: async
    endpoints:
      update:
        - read: rows.row
        - parallel: [[{wait: 10ms}, {write: rows.row, if_unchanged: true}], [wait: 20ms]]
workloads: {w: {target: db.update, AT(0 1)}}
");
    assert_eq!(
        log.calls("w->db.update"),
        [(1.0, 11.0, Conflict), (0.0, 20.0, Success)]
    );
}

#[test]
fn what_was_written_outlives_a_crash() {
    // One instance reads at 0 and writes at 50. The other writes at 10, and crashes: which is which,
    // the balancer's chance says.
    let crashed = |instance: u32| {
        let log = run(&format!(
            "
stores: {{rows: {{owner: db}}}}
services:
  db:
    instances: 2
    balancer: {{least_requests: {{}}}}
    endpoints:
      slow: [{{read: rows.row}}, {{compute: 50ms}}, {{write: rows.row, if_unchanged: true}}]
      quick: [{{compute: 5ms}}, {{write: rows.row}}]
  web:
    endpoints: {{e: [{{parallel: [[{{call: db.slow}}], [{{wait: 5ms}}, {{call: db.quick}}]]}}]}}
workloads: {{w: {{target: web.e, AT(0)}}}}
faults: [{{at: 20ms, for: 10ms, crash: {{instance: db-{instance}}}}}]
"
        ));
        assert_eq!(log.calls("web->db.quick"), [(5.0, 10.0, Success)]);
        log.calls("web->db.slow")
    };
    let mut slow = [crashed(1), crashed(2)].concat();
    slow.sort_by(|a, b| a.1.total_cmp(&b.1));
    assert_eq!(slow, [(0.0, 20.0, Unavailable), (0.0, 50.0, Conflict)]);
}

#[test]
fn others_read_at_copies_which_lag_and_the_owner_reads_what_it_wrote() {
    let log = run("
services:
  shop: {workers: 9, endpoints: {
    put: [{write: s.t}, {read: s.t}],
  }}
  page: {workers: 9, instances: 1, endpoints: {
    show: [{read: s.t}],
    sure: [{read: s.t, fresh: true}],
  }}
stores: {s: {owner: shop, replicas: 2, lag: 10ms}}
workloads:
  writes: {target: shop.put, AT(100 104 300)}
  reads: {target: page.show, AT(50 105 112 114 400)}
  sure: {target: page.sure, AT(301)}
");
    let expected = [
        (50.0, 0, None),
        (105.0, 0, Some(5.0)),
        (112.0, 0, Some(8.0)),
        (114.0, 0, None),
        (400.0, 0, None),
    ];
    assert_eq!(log.copies, expected);
}
