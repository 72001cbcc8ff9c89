//! Sagas and TCC: when they are decided, what is undone and when, who sees what is not yet decided.
//!
//! A message takes 1 ms. A request that is sent at 0 reaches `order` at 1. The work of `stock` takes 5 ms,
//! that of `money` 3 ms; undoing or confirming at `stock` takes 2 ms.

use crate::log::{Log, run};
use clock::Duration;
use policy::Outcome::{Aborted, Success};
use stormglass_cluster::TransactionFact;

/// Requests at these times, a transaction with these keys.
fn shop(keys: &str, at: &str, rest: &str) -> Log {
    run(&format!(
        "
network: {{within_zone: {{latency: 1ms}}}}
services:
  order: {{threading: async, workers: 9, endpoints: {{create: [{{transaction: {{{keys}}}}}]}}}}
  stock: {{workers: 9, endpoints: {{take: [compute: 5ms], put: [compute: 2ms]}}}}
  money: {{workers: 9, endpoints: {{pay: [compute: 3ms], refuse: [fail: 100%]}}}}
  desk: {{endpoints: {{none: []}}}}
workloads: {{w: {{target: order.create, AT({at})}}}}
{rest}
"
    ))
}

const NEVER: [f64; 0] = [];

const TAKE: &str = "{work: stock.take, undo: stock.put}";
const SAGA: &str = "protocol: saga, participants: [{work: stock.take, undo: stock.put}, money.pay]";
const FAILING: &str =
    "protocol: saga, participants: [{work: stock.take, undo: stock.put}, money.refuse]";
const TCC: &str = "protocol: tcc, participants: [{work: stock.take, undo: stock.put, \
                   confirm: stock.put}, money.pay]";

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

fn compensated(log: &Log) -> Vec<f64> {
    when(log, TransactionFact::Compensated)
}

fn anomalies(log: &Log) -> Vec<f64> {
    when(log, TransactionFact::Anomaly)
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

#[test]
fn a_saga_takes_one_step_after_the_other() {
    let log = shop(&format!("{SAGA}, keys: {{count: 1}}"), "0", "");
    // Asked at 1, `stock` has worked from 2 to 7; `money`, asked at 8, from 9 to 12.
    assert_eq!(ended(&log), [(13.0, true)]);
    assert_eq!(log.calls("w->order.create"), [(0.0, 14.0, Success)]);
    assert_eq!(when(&log, TransactionFact::Message), [1.0, 7.0, 8.0, 12.0]);
    assert_eq!(when(&log, TransactionFact::Forced), [1.0, 7.0, 12.0, 13.0]);
    // Keys are held no longer than the work, and nobody is in doubt.
    assert_eq!(locked(&log), [(7.0, 5.0), (12.0, 3.0)]);
    assert!(in_doubt(&log).is_empty());
    assert_eq!(compensated(&log), NEVER);
    assert_eq!(anomalies(&log), NEVER);
}

#[test]
fn a_saga_waits_for_its_log_before_and_behind_every_step() {
    // Four forced writes of 2 ms, one after the other.
    let log = shop(&format!("{SAGA}, force: 2ms"), "0", "");
    assert_eq!(ended(&log), [(21.0, true)]);
    assert_eq!(when(&log, TransactionFact::Forced), [1.0, 9.0, 16.0, 19.0]);
}

#[test]
fn what_was_done_is_undone_when_a_step_fails() {
    let log = shop(FAILING, "0", "");
    // `money` refuses at 9, which `order` hears at 10, and `stock` at 11; it undoes until 13.
    assert_eq!(ended(&log), [(10.0, false)]);
    assert_eq!(log.calls("w->order.create"), [(0.0, 11.0, Aborted)]);
    assert_eq!(compensated(&log), [13.0]);
    let sent = [1.0, 7.0, 8.0, 9.0, 10.0, 13.0];
    assert_eq!(when(&log, TransactionFact::Message), sent);
}

#[test]
fn a_compensation_is_asked_for_until_it_is_done() {
    let keys = format!("{FAILING}, retry_interval: 4ms");
    // The first to ask is lost at 10, the second comes at 15.
    let lost = "faults: [{at: 9500us, for: 1ms, loss: {from: order, to: stock, ratio: 100%}}]";
    assert_eq!(compensated(&shop(&keys, "0", lost)), [17.0]);
    // The crash takes what is undone by half; asked at 14, it undoes it all from 15 on.
    let crash = "faults: [{at: 12ms, for: 2ms, crash: {service: stock}}]";
    assert_eq!(compensated(&shop(&keys, "0", crash)), [17.0]);
    // The acknowledgement is lost at 13; asked at 14, it need not undo it again.
    let lost = "faults: [{at: 12500us, for: 1ms, loss: {from: stock, ratio: 100%}}]";
    let log = shop(&keys, "0", lost);
    assert_eq!(compensated(&log), [13.0]);
    let sent = [1.0, 7.0, 8.0, 9.0, 10.0, 13.0, 14.0, 15.0];
    assert_eq!(when(&log, TransactionFact::Message), sent);
}

#[test]
fn a_step_that_is_late_is_never_done() {
    let keys = format!("{SAGA}, prepare_timeout: 4500us, keys: {{count: 1}}");
    let log = shop(&keys, "0", "");
    // The time is up at 5.5; `stock` gives up by itself at 6.5, and has nothing to undo.
    assert_eq!(ended(&log), [(5.5, false)]);
    assert_eq!(compensated(&log), NEVER);
    assert_eq!(locked(&log), [(6.5, 4.5)]);
}

#[test]
fn an_orchestrator_that_crashes_turns_back_all_that_may_have_begun() {
    let crash = "faults: [{at: 9500us, for: 10ms, crash: {service: order}}]";
    let log = shop(SAGA, "0", crash);
    assert_eq!(when(&log, TransactionFact::Lost), [9.5]);
    assert!(ended(&log).is_empty());
    // Back at 19.5 it asks `money`, which has worked until 12; `stock` at 21.5.
    assert_eq!(compensated(&log), [20.5, 24.5]);
}

#[test]
fn a_crash_takes_work_that_is_not_done_and_nothing_else() {
    let keys = format!("{SAGA}, prepare_timeout: 20ms, keys: {{count: 1}}");
    let crash = "faults: [{at: 5ms, for: 4ms, crash: {service: stock}}]";
    let log = shop(&keys, "0", crash);
    assert_eq!(ended(&log), [(21.0, false)]);
    assert_eq!(locked(&log), [(5.0, 3.0)]);
    assert_eq!(compensated(&log), NEVER);
    let crash = "faults: [{at: 7500us, for: 4ms, crash: {service: stock}}]";
    assert_eq!(ended(&shop(&keys, "0", crash)), [(13.0, true)]);
}

#[test]
fn another_saga_sees_what_is_not_yet_decided() {
    let keys = format!("{SAGA}, keys: {{count: 1}}");
    // The second finds the key of `stock` held at 3, the third free at 8: but the first may still be
    // undone, until 13.
    let log = shop(&keys, "0 1 6", "");
    assert_eq!(ended(&log), [(4.0, false), (13.0, true), (19.0, true)]);
    assert_eq!(anomalies(&log), [8.0]);
    assert_eq!(anomalies(&shop(&keys, "0 12", "")), NEVER);
}

#[test]
fn a_reader_sees_what_is_not_yet_decided() {
    let log = run("
network: {within_zone: {latency: 1ms}}
stores: {pieces: {owner: stock}}
services:
  order:
    threading: async
    workers: 9
    endpoints: {create: [{transaction: {protocol: saga, participants: [stock.take, money.refuse]}}]}
  stock:
    workers: 9
    endpoints: {take: [{read: pieces.row}, {compute: 5ms}, {write: pieces.row}], look: [read: pieces.row]}
  money: {workers: 9, endpoints: {refuse: [fail: 100%]}}
workloads:
  w: {target: order.create, keys: {count: 1}, AT(0)}
  r: {target: stock.look, keys: {count: 1}, AT(5 7 9 11)}
");
    // Done at 7 and undone at 11, it is seen at 8 and 10; not at 6 and 12.
    assert_eq!(compensated(&log), [11.0]);
    assert_eq!(anomalies(&log), [8.0, 10.0]);
}

#[test]
fn tcc_reserves_and_confirms_at_the_same_time_everywhere() {
    let log = shop(&format!("{TCC}, keys: {{count: 1}}"), "0", "");
    // Tried from 2 to 7 and 5, which `order` knows at 8. Told at 9, `stock` confirms until 11.
    assert_eq!(ended(&log), [(8.0, true)]);
    assert_eq!(log.calls("w->order.create"), [(0.0, 9.0, Success)]);
    assert_eq!(when(&log, TransactionFact::Prepared), [5.0, 7.0]);
    let sent = [1.0, 1.0, 5.0, 7.0, 8.0, 8.0, 9.0, 11.0];
    assert_eq!(when(&log, TransactionFact::Message), sent);
    assert_eq!(
        when(&log, TransactionFact::Forced),
        [5.0, 7.0, 8.0, 9.0, 11.0]
    );
    assert_eq!(in_doubt(&log), [(9.0, 2.0), (9.0, 4.0)]);
    assert_eq!(locked(&log), [(9.0, 7.0), (11.0, 9.0)]);
    assert_eq!(compensated(&log), NEVER);
    assert_eq!(anomalies(&log), NEVER);
}

#[test]
fn who_cannot_reserve_cancels_the_others() {
    let keys = format!("protocol: tcc, participants: [{TAKE}, money.refuse]");
    let log = shop(&keys, "0", "");
    // `money` refuses at 2, which `stock` hears at 4, at work: there is nothing to give back.
    assert_eq!(ended(&log), [(3.0, false)]);
    let sent = [1.0, 1.0, 2.0, 3.0, 4.0];
    assert_eq!(when(&log, TransactionFact::Message), sent);
    assert_eq!(compensated(&log), NEVER);
    // When the time is up at 6.5 `money` has reserved, and at 7 `stock`, too.
    let log = shop(&format!("{TCC}, prepare_timeout: 5500us"), "0", "");
    assert_eq!(ended(&log), [(6.5, false)]);
    assert_eq!(in_doubt(&log), [(7.5, 0.5), (7.5, 2.5)]);
    assert_eq!(compensated(&log), [7.5, 9.5]);
}

#[test]
fn what_is_reserved_is_kept_from_others() {
    let keys = format!("{TCC}, keys: {{count: 1}}, on_conflict:");
    let log = shop(&format!("{keys} abort"), "0 1", "");
    assert_eq!(ended(&log), [(4.0, false), (8.0, true)]);
    // The second gets the key of `stock` at 11, and has tried at 16.
    let log = shop(&format!("{keys} wait"), "0 1", "");
    assert_eq!(ended(&log), [(8.0, true), (17.0, true)]);
    assert_eq!(anomalies(&log), NEVER);
}

#[test]
fn reservations_expire_when_the_coordinator_is_silent() {
    let keys = format!("{TCC}, reserved_for: 20ms, keys: {{count: 1}}");
    let crash = "faults: [{at: 7500us, for: 100ms, crash: {service: order}}]";
    let log = shop(&keys, "0", crash);
    assert_eq!(when(&log, TransactionFact::Lost), [7.5]);
    // Reserved at 5 and 7, expired at 25 and 27; `stock` gives back until 29.
    assert_eq!(in_doubt(&log), [(25.0, 20.0), (27.0, 20.0)]);
    assert_eq!(compensated(&log), [25.0, 29.0]);
    assert_eq!(locked(&log), [(25.0, 23.0), (29.0, 27.0)]);
    assert_eq!(anomalies(&log), NEVER);
}

#[test]
fn a_confirm_that_comes_too_late_is_an_anomaly() {
    let keys = format!("{TCC}, reserved_for: 20ms, retry_interval: 10ms");
    let lost = "faults: [{at: 7500us, for: 25ms, loss: {from: order, to: stock, ratio: 100%}}]";
    let log = shop(&keys, "0", lost);
    // Told at 8, 18, 28 in vain, `stock` expires at 27; told at 38, it refuses at 39.
    assert_eq!(ended(&log), [(8.0, true)]);
    assert_eq!(in_doubt(&log), [(9.0, 4.0), (27.0, 20.0)]);
    assert_eq!(compensated(&log), [29.0]);
    assert_eq!(anomalies(&log), [40.0]);
}

#[test]
fn a_decided_coordinator_and_a_reserved_participant_remember_through_a_crash() {
    // Decided at 8, it is back at 18.5 and tells again; both have confirmed.
    let crash = "faults: [{at: 8500us, for: 10ms, crash: {service: order}}]";
    let log = shop(TCC, "0", crash);
    assert_eq!(ended(&log), [(8.0, true)]);
    assert_eq!(in_doubt(&log), [(9.0, 2.0), (9.0, 4.0)]);
    assert_eq!(
        when(&log, TransactionFact::Message)[8..],
        [18.5, 18.5, 19.5, 19.5]
    );
    assert_eq!(compensated(&log), NEVER);
    // `stock`, reserved at 7, is back at 11.5, and is told again at 12 by a coordinator of patience 4.
    let crash = "faults: [{at: 7500us, for: 4ms, crash: {service: stock}}]";
    let log = shop(&format!("{TCC}, retry_interval: 4ms"), "0", crash);
    assert_eq!(ended(&log), [(8.0, true)]);
    assert_eq!(in_doubt(&log), [(9.0, 4.0), (13.0, 6.0)]);
    assert_eq!(
        when(&log, TransactionFact::Forced),
        [5.0, 7.0, 8.0, 9.0, 15.0]
    );
}
