//! Replicated services: who serves, what waits for a leader, what replication costs, and what readers
//! see.

use crate::log::{Log, run};
use clock::Duration;
use policy::Outcome::{Conflict, Success, Timeout, Unavailable};
use stormglass_cluster::GroupFact;

/// Three replicas, 1 ms apart, of which the first leads at first: it stands for election when its
/// timeout is over, while the others, who have been down until 149 ms, would later, and has both votes
/// after a round trip. Callers who know no leader ask the replica `asked`.
fn three(asked: u32, replication: &str, rest: &str) -> Log {
    let weights = [1, 2, 3].map(|replica| u32::from(replica == asked));
    run(&format!(
        "
network: {{within_zone: {{latency: 1ms}}}}
policies: {{short: [timeout: 50ms]}}
stores: {{rows: {{owner: s}}}}
services:
  s:
    instances: 3
    workers: 9
    balancer: {{weighted: {weights:?}}}
    replication: {{protocol: raft, {replication}}}
    endpoints:
      put: [{{write: rows.row}}]
      get: [{{read: rows.row}}]
      go: [{{compute: 5ms}}]
      update: [{{read: rows.row}}, {{compute: 10ms}}, {{write: rows.row, if_unchanged: true}}]
      twice: [{{write: rows.row}}, {{write: rows.row}}]
{rest}
  - {{at: 0s, for: 149ms, crash: {{instance: s-2}}}}
  - {{at: 0s, for: 149ms, crash: {{instance: s-3}}}}
"
    ))
}

/// With this the first leads from 152 ms on.
const QUICK: &str = "election_timeout: 150ms";
/// With this it leads by 252 ms at the latest.
const USUAL: &str = "election_timeout: {uniform: {low: 150ms, high: 250ms}}";

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

fn leads(log: &Log) -> Vec<(f64, f64)> {
    let facts = log.group("s").into_iter();
    let leads = facts.filter_map(|(at, fact)| match fact {
        GroupFact::Leads { leaderless } => Some((at, leaderless.as_millis_f64())),
        _ => None,
    });
    leads.collect()
}

fn times_of(log: &Log, wanted: GroupFact) -> Vec<f64> {
    let facts = log.group("s").into_iter();
    facts
        .filter(|(_, fact)| *fact == wanted)
        .map(|(at, _)| at)
        .collect()
}

fn stale_reads(log: &Log) -> Vec<(f64, GroupFact)> {
    let facts = log.group("s").into_iter();
    facts
        .filter(|(_, fact)| matches!(fact, GroupFact::StaleRead(_)))
        .collect()
}

#[test]
fn a_write_takes_a_round_trip_to_a_majority() {
    let log = three(
        1,
        QUICK,
        "workloads: {w: {target: s.put, AT(200 300)}}\nfaults:",
    );
    assert_eq!(leads(&log), [(152.0, 152.0)]);
    // 1 ms to the leader, 1 to the followers and 1 back, 1 to the client.
    let calls = [(200.0, 204.0, Success), (300.0, 304.0, Success)];
    assert_eq!(log.calls("w->s.put"), calls);
    assert_eq!(times_of(&log, GroupFact::Acknowledged), [203.0, 303.0]);
}

#[test]
fn a_handler_without_a_store_is_a_command_that_comes_before_its_work() {
    let log = three(1, QUICK, "workloads: {w: {target: s.go, AT(200)}}\nfaults:");
    // It has its worker when it comes, at 201, and computes once the entry is committed, at 203.
    assert_eq!(log.calls("w->s.go"), [(200.0, 209.0, Success)]);
    assert_eq!(log.busy("s"), [(201.0, 1), (208.0, 0)]);
}

#[test]
fn writes_of_a_handler_are_committed_one_after_the_other() {
    let log = three(
        1,
        QUICK,
        "workloads: {w: {target: s.twice, AT(200)}}\nfaults:",
    );
    assert_eq!(log.calls("w->s.twice"), [(200.0, 206.0, Success)]);
}

#[test]
fn forced_writes_take_their_time_and_share_it() {
    // The leader's entry leaves at 201 while it is forced until 204; a follower's is stable at 205,
    // heard of at 206. Those of 202 and 203 are forced together by the followers from 205 to 208.
    let log = three(
        1,
        "election_timeout: 150ms, force: 3ms",
        "workloads: {w: {target: s.put, AT(200 201 202)}}\nfaults:",
    );
    let ends: Vec<f64> = log.calls("w->s.put").iter().map(|call| call.1).collect();
    assert_eq!(ends, [207.0, 210.0, 210.0]);
}

#[test]
fn entries_leave_the_leader_one_after_the_other() {
    // On the link from 201 to 211, for one follower: there at 212, answered at 213, told at 214; then
    // for the other until 221.
    let log = three(
        1,
        "election_timeout: 150ms, send: 10ms",
        "workloads: {w: {target: s.put, AT(200)}}\nfaults:",
    );
    assert_eq!(log.calls("w->s.put"), [(200.0, 214.0, Success)]);
}

#[test]
fn a_follower_sends_on_and_the_caller_learns_who_leads() {
    let log = three(
        2,
        QUICK,
        "workloads: {w: {target: s.put, AT(200 300)}}\nfaults:",
    );
    // The first goes by way of s-2, and its answer comes straight from s-1.
    let calls = [(200.0, 205.0, Success), (300.0, 304.0, Success)];
    assert_eq!(log.calls("w->s.put"), calls);
    // It counts where it is served.
    assert_eq!(log.arrived("s"), [202.0, 301.0]);
}

#[test]
fn the_leader_answers_reads_alone_while_it_has_its_lease() {
    let log = three(
        2,
        QUICK,
        "workloads: {w: {target: s.get, AT(200 300)}}\nfaults:",
    );
    assert_eq!(
        log.calls("w->s.get"),
        [(200.0, 203.0, Success), (300.0, 302.0, Success)]
    );
}

#[test]
fn reads_at_any_replica_are_as_old_as_what_they_miss() {
    // The writer knows the leader when s-3 is cut off. Its write of 400 is acknowledged at 403. The
    // readers ask s-3 after 1 ms: what they miss is then 47 and 97 ms old. The first write, which s-3
    // knows, is no matter.
    let log = three(
        3,
        &format!("{USUAL}, reads: any"),
        "
workloads:
  writer: {target: s.put, AT(300 400)}
  reader: {target: s.get, AT(350 449 499 2500)}
faults:
  - {at: 340ms, for: 500ms, partition: {groups: [[s-3], [s-1, s-2]]}}",
    );
    let reads = log.calls("reader->s.get");
    assert!(
        reads
            .iter()
            .all(|call| call.1 == call.0 + 2.0 && call.2 == Success)
    );
    let behind = |ms| GroupFact::StaleRead(Duration::from_millis(ms));
    assert_eq!(
        stale_reads(&log),
        [(450.0, behind(47)), (500.0, behind(97))]
    );
}

#[test]
fn a_conditional_write_is_decided_in_the_order_of_the_log() {
    // Both read at once and write at the same time; whose entry is first wins, wherever it is applied.
    let log = three(
        1,
        QUICK,
        "workloads: {w: {target: s.update, AT(200 200 240)}}\nfaults:",
    );
    assert_eq!(
        log.calls("w->s.update"),
        [
            (200.0, 214.0, Success),
            (200.0, 214.0, Conflict),
            (240.0, 254.0, Success)
        ]
    );
}

/// A group of one, which leads when its timeout is over, at 150 ms.
fn alone(buffer: &str, rest: &str) -> Log {
    run(&format!(
        "
network: {{within_zone: {{latency: 1ms}}}}
policies: {{short: [timeout: 30ms]}}
services:
  s:
    workers: 9
    replication: {{protocol: raft, election_timeout: 150ms, failover_buffer: {buffer}}}
    endpoints: {{go: []}}
{rest}
"
    ))
}

#[test]
fn requests_wait_for_a_leader_as_long_as_there_is_room() {
    let log = alone(
        "{capacity: 2}",
        "workloads: {w: {target: s.go, AT(0 10 20 160)}}",
    );
    assert_eq!(
        log.calls("w->s.go"),
        [
            (20.0, 22.0, Unavailable),
            (0.0, 151.0, Success),
            (10.0, 151.0, Success),
            (160.0, 162.0, Success)
        ]
    );
    assert_eq!(times_of(&log, GroupFact::Buffered), [1.0, 11.0]);
    assert_eq!(times_of(&log, GroupFact::Refused), [21.0]);
    assert_eq!(log.served("s").len(), 3);
}

#[test]
fn requests_wait_for_a_leader_for_a_while() {
    let log = alone("{wait: 50ms}", "workloads: {w: {target: s.go, AT(0 120)}}");
    let calls = [(0.0, 52.0, Unavailable), (120.0, 151.0, Success)];
    assert_eq!(log.calls("w->s.go"), calls);
    assert_eq!(times_of(&log, GroupFact::Refused), [51.0]);
}

#[test]
fn whoever_gave_up_does_not_wait_in_the_buffer_where_work_is_cancelled() {
    let text = "workloads: {w: {target: s.go, policy: short, AT(0 10 45)}}";
    let log = alone("{capacity: 1}", text);
    // The first is still in the way when the others come.
    assert_eq!(times_of(&log, GroupFact::Refused), [11.0, 46.0]);
    let cancels = text.replace("workloads", "    abandoned: cancel\nworkloads");
    let log = alone("{capacity: 1}", &cancels);
    // It has left at 30.
    assert_eq!(times_of(&log, GroupFact::Refused), [11.0]);
    assert_eq!(
        log.calls("w->s.go"),
        [
            (10.0, 12.0, Unavailable),
            (0.0, 30.0, Timeout),
            (45.0, 75.0, Timeout)
        ]
    );
}

#[test]
fn a_crash_of_the_leader_is_a_time_without_one() {
    // Signs of life come every 50 ms: the last before the crash leaves between 950 and 1000, and is heard
    // 1 ms later. One of the others stands for election 150 to 250 ms after, and leads 2 ms later.
    let log = three(
        2,
        USUAL,
        "
workloads:
  learned: {target: s.put, AT(900 1040)}
  new: {target: s.put, AT(1050 1060)}
faults:
  - {at: 1s, for: 2s, crash: {leader: s}}",
    );
    let (at, leaderless) = leads(&log)[1];
    assert!((1103.0..=1253.0).contains(&at), "{at}");
    assert!(close(leaderless, at - 1000.0));
    // It asks whom it has learned of, whose machine refuses.
    let learned = log.calls("learned->s.put");
    assert_eq!(learned[1], (1040.0, 1042.0, Unavailable));
    // Those who ask s-2 are sent on to s-1 at 1051; that is down, and they come back to wait at s-2.
    // The second is not sent on any more.
    assert_eq!(times_of(&log, GroupFact::Buffered), [1053.0, 1061.0]);
    // If s-2 leads, they are committed 2 ms later and heard of after 3; else s-2 hears of it after 1,
    // and sends them on.
    for (_, end, outcome) in log.calls("new->s.put") {
        assert_eq!(outcome, Success);
        let after = end - at;
        assert!(close(after, 3.0) || close(after, 5.0), "{after}");
    }
}

#[test]
fn a_leader_that_is_cut_off_does_not_acknowledge() {
    // The write of 300 is accepted and reaches nobody. The leader steps down, hears of the later
    // reign when the partition is over, and what it had accepted is lost.
    let log = three(
        1,
        USUAL,
        "
workloads: {w: {target: s.put, AT(300)}, v: {target: s.put, AT(4000)}}
faults:
  - {at: 290ms, for: 1s, partition: {groups: [[s-1], [s-2, s-3]]}}",
    );
    let calls = log.calls("w->s.put");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].2, Unavailable);
    assert!(calls[0].1 > 1290.0, "{calls:?}");
    assert_eq!(log.count("v->s.put", Success), 1);
}

#[test]
fn a_paused_leader_leads_nobody_and_is_followed_by_another() {
    // The others hear the last sign of life by 501, and stand for election within 250 ms.
    let log = three(
        1,
        USUAL,
        "
workloads: {w: {target: s.put, AT(2000)}}
faults:
  - {at: 500ms, for: 400ms, pause: {instance: s-1}}",
    );
    let all = leads(&log);
    assert_eq!(all.len(), 2, "{all:?}");
    let (at, leaderless) = all[1];
    assert!(close(leaderless, at - 500.0));
    assert!((603.0..=753.0).contains(&at), "{at}");
    assert_eq!(log.count("w->s.put", Success), 1);
}

#[test]
fn an_instance_makes_up_for_what_it_has_missed() {
    // s-3 is down while the writes of 400 and 420 are acknowledged, at 403 and 423. The sign of life of
    // 552 shows the leader what it lacks: it is told at 555, and has made up for the first at 655, for the
    // second at 755. In between it misses the second.
    let log = three(
        3,
        &format!("{QUICK}, reads: any, catch_up: 100ms"),
        "
workloads:
  writer: {target: s.put, AT(200 400 420)}
  reader: {target: s.get, AT(680 780)}
faults:
  - {at: 350ms, for: 200ms, crash: {instance: s-3}}",
    );
    assert_eq!(log.count("writer->s.put", Success), 3);
    let behind = GroupFact::StaleRead(Duration::from_millis(681 - 423));
    assert_eq!(stale_reads(&log), [(681.0, behind)]);
}
