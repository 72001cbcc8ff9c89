//! Orders: in which state each ends, by what its services do and what its client hears.

use crate::log::{Log, run};
use stormglass_cluster::OrderState::{
    self, Confirmed, Corrupt, Duplicated, Lost, Open, Refused, Stuck, Unacknowledged,
};

/// Requests at these times; `pay` is what the second service does, `rest` further sections. The first
/// service writes, then calls.
fn shop(at: &str, policy: &str, pay: &str, rest: &str) -> Log {
    run(&format!(
        "
policies: {{p: [{policy}]}}
services:
  order: {{threading: async, workers: 9, endpoints: {{create: [{{write: orders.placed}}, {{call: money.pay, policy: p}}]}}}}
  money: {{workers: 9, startup: 500ms, endpoints: {{pay: [{pay}]}}}}
stores: {{orders: {{owner: order}}, money: {{owner: money}}}}
orders: {{workload: w, effects: [orders.placed, money.charged]}}
workloads: {{w: {{target: order.create, AT({at})}}}}
{rest}
"
    ))
}

fn states(log: &Log) -> Vec<(OrderState, u64)> {
    let states = log.orders.expect("orders are followed");
    let states = OrderState::ALL.into_iter().zip(states);
    states.filter(|(_, n)| *n > 0).collect()
}

const CHARGE: &str = "{compute: 10ms}, {write: money.charged}";

#[test]
fn an_order_that_does_all_once_is_confirmed() {
    assert_eq!(
        states(&shop("0 5 9995", "timeout: 1s", CHARGE, "")),
        [(Confirmed, 2), (Open, 1)]
    );
}

#[test]
fn what_a_client_does_not_hear_of_is_unacknowledged() {
    // The caller gives up at 5 ms, and is told so; the work goes on.
    assert_eq!(
        states(&shop("0", "timeout: 5ms", CHARGE, "")),
        [(Unacknowledged, 1)]
    );
}

#[test]
fn a_failure_after_the_first_effect_leaves_the_order_stuck() {
    let failing = "{compute: 10ms}, {fail: 100%}, {write: money.charged}";
    assert_eq!(states(&shop("0", "timeout: 1s", failing, "")), [(Stuck, 1)]);
}

#[test]
fn a_retry_charges_twice_unless_the_write_happens_once() {
    let twice = "{retry: {attempts: 2, backoff: 1ms, retry_on: [error]}}";
    let pay = |once| format!("{{compute: 10ms}}, {{write: money.charged{once}}}, {{fail: 100%}}");
    let log = shop("0", twice, &pay(""), "");
    assert_eq!(states(&log), [(Duplicated, 1)]);
    let log = shop("0", twice, &pay(", once: true"), "");
    assert_eq!(states(&log), [(Unacknowledged, 1)]);
}

#[test]
fn a_request_that_finds_nobody_is_refused() {
    let log = shop(
        "100",
        "timeout: 1s",
        CHARGE,
        "faults: [{at: 0s, for: 1s, crash: {service: order}}]",
    );
    assert_eq!(states(&log), [(Refused, 1)]);
}

#[test]
fn a_wrong_write_corrupts_and_a_restored_store_loses() {
    let times: Vec<String> = (0..20).map(|n| (n * 100 + 5).to_string()).collect();
    let deployment = |rollback: &str| {
        format!(
            "deployments: [{{service: money, at: 1s, change: {{corrupt: 1}}, rollback: {{{rollback}}}}}]"
        )
    };
    let bad = shop(
        &times.join(" "),
        "timeout: 1s",
        CHARGE,
        &deployment("mode: none"),
    );
    let bad = states(&bad);
    let of = |state| bad.iter().find(|(s, _)| *s == state).map_or(0, |(_, n)| *n);
    // Ten before; five while the new version starts; five by the new version.
    assert_eq!(
        (of(Confirmed), of(Stuck), of(Corrupt)),
        (10, 5, 5),
        "{bad:?}"
    );
    let rollback = "mode: automatic, detect: {error_rate: 10%, over: 1s, minimum: 1}, \
                    restore: [money], restore_time: 100ms";
    let restored = shop(
        &times.join(" "),
        "timeout: 1s",
        CHARGE,
        &deployment(rollback),
    );
    let restored = states(&restored);
    let of = |state| {
        restored
            .iter()
            .find(|(s, _)| *s == state)
            .map_or(0, |(_, n)| *n)
    };
    assert_eq!(
        of(Confirmed) + of(Lost) + of(Stuck) + of(Corrupt),
        20,
        "{restored:?}"
    );
}

#[test]
fn what_waits_in_a_queue_is_open_and_what_comes_twice_is_done_twice() {
    let shop = |queue: &str, send: &str, duration: u32| {
        let log = run(&format!(
            "
services:
  order: {{workers: 9, endpoints: {{create: [{{publish: jobs}}]}}}}
  ship: {{workers: 1, endpoints: {{send: [{{compute: {duration}ms}}, {send}]}}}}
stores: {{ship: {{owner: ship}}}}
queues: {{jobs: {{consumer: ship.send, {queue}}}}}
orders: {{workload: w, effects: [ship.sent]}}
workloads: {{w: {{target: order.create, AT(0)}}}}
"
        ));
        states(&log)
    };
    let write = "{write: ship.sent}";
    assert_eq!(shop("prefetch: 1", write, 10), [(Confirmed, 1)]);
    assert_eq!(shop("prefetch: 1", write, 20_000), [(Open, 1)]);
    // It takes 30 ms, and the broker waits for 20.
    let late = "prefetch: 1, ack_timeout: 20ms, max_deliveries: 2";
    assert_eq!(shop(late, write, 30), [(Duplicated, 1)]);
    assert_eq!(
        shop(late, "{write: ship.sent, once: true}", 30),
        [(Confirmed, 1)]
    );
    // A message that goes nowhere is an order that its client believes in.
    assert_eq!(
        shop("max_deliveries: 1", "{fail: 100%}, {write: ship.sent}", 10),
        [(Lost, 1)]
    );
}

#[test]
fn a_transaction_that_aborts_leaves_no_half_order() {
    for protocol in ["two_phase_commit", "saga", "tcc"] {
        let undo = if protocol == "two_phase_commit" {
            ["stock.take", "money.pay"]
        } else {
            [
                "{work: stock.take, undo: stock.put}",
                "{work: money.pay, undo: money.back}",
            ]
        };
        let shop = |fails: &str| {
            let log = run(&format!(
                "
services:
  order: {{threading: async, workers: 9, endpoints: {{create: [{{transaction: {{protocol: {protocol}, participants: [{}, {}]}}}}]}}}}
  stock: {{workers: 9, endpoints: {{take: [{{write: stock.taken}}], put: [compute: 2ms]}}}}
  money: {{workers: 9, endpoints: {{pay: [{{fail: {fails}}}, {{write: money.charged}}], back: [compute: 1ms]}}}}
stores: {{stock: {{owner: stock}}, money: {{owner: money}}}}
orders: {{workload: w, effects: [stock.taken, money.charged]}}
workloads: {{w: {{target: order.create, AT(0 10 20)}}}}
",
                undo[0], undo[1]
            ));
            states(&log)
        };
        assert_eq!(shop("0"), [(Confirmed, 3)], "{protocol}");
        assert_eq!(shop("100%"), [(OrderState::Compensated, 3)], "{protocol}");
    }
}

#[test]
fn a_replay_brings_back_what_was_under_way_when_the_change_began() {
    // The first message is published before the change, and handled after it began: its write is undone.
    let later: Vec<String> = (0..20).map(|n| (1500 + n * 50).to_string()).collect();
    let log = run(&format!(
        "
services:
  order: {{workers: 9, endpoints: {{create: [{{publish: jobs}}]}}}}
  ship: {{workers: 9, endpoints: {{send: [{{compute: 100ms}}, {{write: ship.sent}}]}}}}
stores: {{ship: {{owner: ship}}}}
queues: {{jobs: {{consumer: ship.send, redelivery: {{initial: 100ms, max: 100ms}}}}}}
orders: {{workload: w, effects: [ship.sent]}}
workloads: {{w: {{target: order.create, AT(950 {})}}}}
deployments: [{{service: ship, at: 1s, change: {{errors: 1, corrupt: 1}}, rollback: {{mode: automatic,
  detect: {{error_rate: 50%, over: 1s, minimum: 5}}, replay: [jobs], restore: [ship], restore_time: 1s}}}}]
",
        later.join(" ")
    ));
    assert_eq!(states(&log), [(Confirmed, 21)]);
}
