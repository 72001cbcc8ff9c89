//! Two-phase commit: when it is decided, who is in doubt for how long, which keys are held until when.
//!
//! A message takes 1 ms. A request that is sent at 0 reaches `order` at 1, *Prepare* reaches `stock`
//! and `money` at 2; their work takes 5 and 3 ms, so that they vote at 7 and 5, and `order` hears of it
//! at 8 and 6. It decides at 8, the others know at 9.

use crate::log::{Log, run};
use clock::Duration;
use policy::Outcome::{Aborted, Success, Unavailable};
use stormglass_cluster::TransactionFact;

/// Requests at these times, the transaction with these keys beside what is said above.
fn shop(keys: &str, at: &str, rest: &str) -> Log {
    run(&format!(
        "
network: {{within_zone: {{latency: 1ms}}}}
services:
  order:
    threading: async
    workers: 9
    endpoints: {{create: [{{transaction: {{protocol: two_phase_commit, {keys}}}}}], put: [compute: 2ms]}}
  stock: {{workers: 9, endpoints: {{take: [compute: 5ms]}}}}
  money: {{workers: 9, endpoints: {{pay: [compute: 3ms], refuse: [fail: 100%]}}}}
  desk: {{endpoints: {{none: []}}}}
workloads: {{w: {{target: order.create, AT({at})}}}}
{rest}
"
    ))
}

const BOTH: &str = "participants: [stock.take, money.pay]";

/// When each transaction ended for its step, and whether it committed.
fn ended(log: &Log) -> Vec<(f64, bool)> {
    let ended = log
        .transactions()
        .iter()
        .filter_map(|(at, fact)| match fact {
            TransactionFact::Ended { committed } => Some((*at, *committed)),
            _ => None,
        });
    ended.collect()
}

/// When facts of a kind were stated.
fn when(log: &Log, kind: TransactionFact) -> Vec<f64> {
    let facts = log.transactions().iter().filter(|(_, fact)| *fact == kind);
    facts.map(|(at, _)| *at).collect()
}

/// When a time of a kind was over, and how long it was.
fn spans(log: &Log, kind: fn(Duration) -> TransactionFact) -> Vec<(f64, f64)> {
    let spans = log.transactions().iter().filter_map(|&(at, fact)| {
        let (TransactionFact::InDoubt(time) | TransactionFact::Locked(time)) = fact else {
            return None;
        };
        (kind(time) == fact).then_some((at, time.as_millis_f64()))
    });
    spans.collect()
}

fn in_doubt(log: &Log) -> Vec<(f64, f64)> {
    spans(log, TransactionFact::InDoubt)
}

fn locked(log: &Log) -> Vec<(f64, f64)> {
    spans(log, TransactionFact::Locked)
}

fn messages(log: &Log) -> Vec<f64> {
    when(log, TransactionFact::Message)
}

#[test]
fn all_agree() {
    let log = shop(&format!("{BOTH}, force: 2ms"), "0", "");
    // Each vote waits for 2 ms of the disk: it leaves at 9 and 7. The commit record is stable at 12.
    assert_eq!(when(&log, TransactionFact::Prepared), [7.0, 9.0]);
    assert_eq!(ended(&log), [(12.0, true)]);
    assert_eq!(log.calls("w->order.create"), [(0.0, 13.0, Success)]);
    assert_eq!(in_doubt(&log), [(13.0, 4.0), (13.0, 6.0)]);
    // Two each of Prepare, vote, decision, acknowledgement.
    let sent = [1.0, 1.0, 7.0, 9.0, 12.0, 12.0, 15.0, 15.0];
    assert_eq!(messages(&log), sent);
    let forced = [5.0, 7.0, 10.0, 13.0, 13.0];
    assert_eq!(when(&log, TransactionFact::Forced), forced);
    // No request had a key.
    assert_eq!(locked(&log), []);
}

#[test]
fn the_disk_of_an_instance_writes_one_record_after_the_other() {
    // Both prepare at `stock` at 7, and force 2 ms each: they vote at 9 and 11, and commit at 12 and
    // 14, where the disk of `order` is free.
    let log = shop("participants: [stock.take], force: 2ms", "0 0", "");
    assert_eq!(when(&log, TransactionFact::Prepared), [9.0, 11.0]);
    assert_eq!(ended(&log), [(12.0, true), (14.0, true)]);
}

#[test]
fn one_vote_against_is_enough() {
    let keys = "participants: [stock.take, money.refuse], keys: {count: 1}";
    let log = shop(keys, "0", "");
    // `money` refuses at 2, which `order` hears at 3, and `stock` at 4, at work.
    assert_eq!(ended(&log), [(3.0, false)]);
    assert_eq!(log.calls("w->order.create"), [(0.0, 4.0, Aborted)]);
    assert_eq!(messages(&log), [1.0, 1.0, 2.0, 3.0]);
    assert_eq!(locked(&log), [(2.0, 0.0), (4.0, 2.0)]);
    assert_eq!(in_doubt(&log), []);
    assert!(when(&log, TransactionFact::Forced).is_empty());
}

#[test]
fn who_is_too_slow_is_not_waited_for() {
    let log = shop(&format!("{BOTH}, prepare_timeout: 4ms"), "0", "");
    // The time is up at 5. `money` has voted then, and knows at 6; `stock` gives up by itself at 6.
    assert_eq!(ended(&log), [(5.0, false)]);
    assert_eq!(in_doubt(&log), [(6.0, 1.0)]);
    // The vote of `money` comes at 6 to a coordinator that has decided, and is answered.
    assert_eq!(messages(&log), [1.0, 1.0, 5.0, 5.0, 5.0, 6.0, 6.0]);
}

#[test]
fn who_votes_for_what_is_aborted_need_not_ask() {
    // As above, but `money` is not told at 5.
    let keys = format!("{BOTH}, prepare_timeout: 4ms");
    let lost = "faults: [{at: 4500us, for: 1ms, loss: {from: order, to: money, ratio: 100%}}]";
    assert_eq!(in_doubt(&shop(&keys, "0", lost)), [(7.0, 2.0)]);
}

#[test]
fn a_coordinator_that_crashes_undecided_has_aborted() {
    let keys = format!("{BOTH}, retry_interval: 4ms");
    let crash = "faults: [{at: 5500us, for: 10ms, crash: {service: order}}]";
    let log = shop(&keys, "0", crash);
    assert_eq!(when(&log, TransactionFact::Lost), [5.5]);
    assert_eq!(ended(&log), []);
    assert_eq!(log.calls("w->order.create"), [(0.0, 6.5, Unavailable)]);
    // `stock` asks at 11 and 15, `money` at 9, 13 and 17; what arrives after 15.5 is answered.
    assert_eq!(in_doubt(&log), [(17.0, 10.0), (19.0, 14.0)]);
}

#[test]
fn a_coordinator_that_crashes_decided_tells_when_it_is_back() {
    let faults = "
faults:
  - {at: 7500us, for: 1ms, loss: {from: order, to: stock, ratio: 100%}}
  - {at: 8500us, for: 10ms, crash: {service: order}}
";
    let log = shop(BOTH, "0", faults);
    assert_eq!(ended(&log), [(8.0, true)]);
    assert_eq!(log.calls("w->order.create"), [(0.0, 9.0, Success)]);
    // `money` heard at 9, but its acknowledgement came to nobody; both are told again at 18.5.
    assert_eq!(in_doubt(&log), [(9.0, 4.0), (19.5, 12.5)]);
    let sent = [1.0, 1.0, 5.0, 7.0, 8.0, 8.0, 9.0, 18.5, 18.5, 19.5, 19.5];
    assert_eq!(messages(&log), sent);
}

#[test]
fn peers_may_know_what_the_coordinator_cannot_say() {
    let faults = "
faults:
  - {at: 7500us, for: 1ms, loss: {from: order, to: stock, ratio: 100%}}
  - {at: 8500us, for: 100ms, crash: {service: order}}
";
    let ask = |cooperative| {
        let keys = format!("{BOTH}, retry_interval: 4ms, cooperative: {cooperative}");
        in_doubt(&shop(&keys, "0", faults))
    };
    // `stock` asks at 11, and `money` answers at 12.
    assert_eq!(ask(true), [(9.0, 4.0), (13.0, 6.0)]);
    // Else it hears at 108.5 + 1: it has been in doubt since 7.
    assert_eq!(ask(false), [(9.0, 4.0), (109.5, 102.5)]);
}

#[test]
fn a_prepared_participant_holds_its_keys_through_a_crash() {
    let keys = format!("{BOTH}, keys: {{count: 1}}");
    let crash = "faults: [{at: 7500us, for: 10ms, crash: {service: stock}}]";
    let log = shop(&keys, "0 17 30", crash);
    // Back at 17.5 it asks, and hears at 19.5. The second transaction, at `stock` at 19, finds the key
    // held; the third commits.
    assert_eq!(ended(&log), [(8.0, true), (20.0, false), (38.0, true)]);
    assert_eq!(in_doubt(&log)[..2], [(9.0, 4.0), (19.5, 12.5)]);
    assert_eq!(locked(&log)[..2], [(9.0, 7.0), (19.5, 17.5)]);
    let calls = log.calls("w->order.create");
    assert_eq!(calls[1], (17.0, 21.0, Aborted));
}

#[test]
fn who_crashes_before_its_vote_has_lost_its_work_and_its_keys() {
    let keys = format!("{BOTH}, keys: {{count: 1}}, prepare_timeout: 20ms");
    let crash = "faults: [{at: 5ms, for: 4ms, crash: {service: stock}}]";
    let log = shop(&keys, "0", crash);
    // `stock` has held its key since 2. Nobody tells `order`, whose time is up at 21; `money`, in doubt
    // since 5, knows at 22.
    assert_eq!(locked(&log), [(5.0, 3.0), (22.0, 20.0)]);
    assert_eq!(ended(&log), [(21.0, false)]);
    assert_eq!(in_doubt(&log), [(22.0, 17.0)]);
}

#[test]
fn a_lost_prepare_costs_the_time_out_and_a_lost_decision_an_inquiry() {
    let keys = format!("{BOTH}, prepare_timeout: 20ms, retry_interval: 5ms");
    let lost = |from: &str| {
        let fault = format!("{{at: {from}, for: 1ms, loss: {{from: order, ratio: 100%}}}}");
        shop(&keys, "0", &format!("faults: [{fault}]"))
    };
    let log = lost("500us");
    assert_eq!(ended(&log), [(21.0, false)]);
    assert_eq!(in_doubt(&log), []);
    // In doubt since 7 and 5, they ask at 12 and 10, and hear 2 ms later.
    let log = lost("7500us");
    assert_eq!(ended(&log), [(8.0, true)]);
    assert_eq!(in_doubt(&log), [(12.0, 7.0), (14.0, 7.0)]);
}

#[test]
fn a_partition_blocks_until_it_heals() {
    let keys = format!("{BOTH}, retry_interval: 5ms");
    let cut = "faults: [{at: 6500us, for: 20ms, partition: {groups: [[order], [stock, money]]}}]";
    let log = shop(&keys, "0", cut);
    // The vote of `stock` is lost at 7. `order` waits for a second, from 1; `stock` asks at 12, 17,
    // 22, 27, `money` at 10, 15, …: nobody may tell before it is decided.
    assert_eq!(ended(&log), [(1001.0, false)]);
    let doubt = in_doubt(&log);
    assert_eq!(doubt, [(1002.0, 995.0), (1002.0, 997.0)]);
}

#[test]
fn a_pause_of_the_coordinator_lasts_for_all() {
    let pause = "faults: [{at: 6500us, for: 10ms, pause: {service: order}}]";
    let log = shop(BOTH, "0", pause);
    assert_eq!(ended(&log), [(16.5, true)]);
    assert_eq!(in_doubt(&log), [(17.5, 10.5), (17.5, 12.5)]);
    assert_eq!(log.calls("w->order.create"), [(0.0, 17.5, Success)]);
}

#[test]
fn a_key_that_is_held_is_a_vote_against_or_waited_for() {
    let stock = "participants: [stock.take], keys: {count: 1}, on_conflict:";
    let log = shop(&format!("{stock} abort"), "0 1", "");
    assert_eq!(ended(&log), [(4.0, false), (8.0, true)]);
    assert_eq!(locked(&log), [(9.0, 7.0)]);
    // The second gets the key at 9, has worked at 14, and votes.
    let log = shop(&format!("{stock} wait"), "0 1", "");
    assert_eq!(ended(&log), [(8.0, true), (15.0, true)]);
    assert_eq!(locked(&log), [(9.0, 7.0), (16.0, 7.0)]);
    // Unless its time is up at 2 + 5, which `stock` finds out by itself at 3 + 5.
    let log = shop(&format!("{stock} wait, prepare_timeout: 6500us"), "0 1", "");
    assert_eq!(ended(&log), [(7.5, false), (8.5, false)]);
}

#[test]
fn keys_of_requests_are_locked_where_workloads_have_them() {
    let log = run("
network: {within_zone: {latency: 1ms}}
services:
  order: {workers: 9, endpoints: {create: [{transaction: {protocol: two_phase_commit, participants: [stock.take]}}]}}
  stock: {workers: 9, endpoints: {take: [compute: 5ms]}}
workloads: {w: {target: order.create, keys: {count: 1}, AT(0 1)}}
");
    assert_eq!(ended(&log), [(4.0, false), (8.0, true)]);
}

#[test]
fn a_coordinator_elsewhere_is_told_to_begin_and_tells_the_end() {
    let log = shop(&format!("{BOTH}, coordinator: desk"), "0", "");
    // One message more on either side.
    assert_eq!(ended(&log), [(10.0, true)]);
    assert_eq!(in_doubt(&log), [(10.0, 2.0), (10.0, 4.0)]);
    let sent = [1.0, 2.0, 2.0, 6.0, 8.0, 9.0, 9.0, 9.0, 10.0, 10.0];
    assert_eq!(messages(&log), sent);
    assert_eq!(log.calls("w->order.create"), [(0.0, 11.0, Success)]);
}

#[test]
fn a_lost_beginning_is_told_again_and_a_lost_end_too() {
    let lost = |from: &str, to: &str, at: &str| {
        let fault =
            format!("{{at: {at}, for: 1ms, loss: {{from: {from}, to: {to}, ratio: 100%}}}}");
        let keys = format!("{BOTH}, coordinator: desk, retry_interval: 4ms");
        ended(&shop(&keys, "0", &format!("faults: [{fault}]")))
    };
    assert_eq!(lost("order", "desk", "500us"), [(14.0, true)]);
    // Told at 9 in vain; asked at 5, 9 and 13, and the last time it answers.
    assert_eq!(lost("desk", "order", "8500us"), [(11.0, true)]);
}

#[test]
fn a_coordinator_elsewhere_that_crashes_has_aborted() {
    let keys = format!("{BOTH}, coordinator: desk, retry_interval: 4ms");
    let crash = "faults: [{at: 7ms, for: 9500us, crash: {service: desk}}]";
    let log = shop(&keys, "0", crash);
    // Prepared at 6 and 8, they ask at 10, 14, 18 and 12, 16, which arrives when it is back; the
    // handler asks at 5, 9, 13, 17.
    assert_eq!(in_doubt(&log), [(18.0, 10.0), (20.0, 14.0)]);
    assert_eq!(ended(&log), [(19.0, false)]);
}

#[test]
fn the_first_vote_comes_unasked_from_where_it_began() {
    let keys = "participants: [order.put, stock.take], coordinator: desk";
    let log = shop(keys, "0", "");
    // Its own work is done at 3, `desk` knows at 4, `stock` at 5, which has worked at 10; decided at
    // 11, known to both at 12.
    assert_eq!(ended(&log), [(12.0, true)]);
    assert_eq!(in_doubt(&log), [(12.0, 9.0), (12.0, 2.0)]);
    assert_eq!(messages(&log), [3.0, 4.0, 10.0, 11.0, 11.0, 12.0, 12.0]);
}

#[test]
fn who_begins_takes_part_without_a_message() {
    let log = shop("participants: [order.put, stock.take]", "0", "");
    assert_eq!(ended(&log), [(8.0, true)]);
    assert_eq!(in_doubt(&log), [(8.0, 5.0), (9.0, 2.0)]);
    assert_eq!(messages(&log), [1.0, 7.0, 8.0, 9.0]);
}

#[test]
fn a_worker_is_waited_for_like_by_any_request() {
    // `one` has one worker, which both want at 2: they have worked at 7 and 12.
    let log = run("
network: {within_zone: {latency: 1ms}}
services:
  order:
    workers: 9
    endpoints: {create: [{transaction: {protocol: two_phase_commit, participants: [one.e, one.e]}}]}
  one: {endpoints: {e: [compute: 5ms]}}
workloads: {w: {target: order.create, AT(0)}}
");
    assert_eq!(ended(&log), [(13.0, true)]);
    assert_eq!(messages(&log), [1.0, 12.0, 13.0, 14.0]);
}
