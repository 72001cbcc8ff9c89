//! The `transaction` step: its parts, its defaults, and what goes with which protocol.

use crate::{complaint, model, ms};
use clock::Duration;
use stormglass_model::*;

/// A model in which `order.create` runs a transaction with these keys.
fn around(keys: &str) -> String {
    format!(
        "services: {{order: {{endpoints: {{create: [{{transaction: {{{keys}}}}}], put: []}}}}, \
                     stock: {{endpoints: {{take: [], give: []}}}}, \
                     money: {{endpoints: {{pay: [{{compute: 1ms}}]}}}}}}\n\
         workloads: {{w: {{target: order.create, batch: {{size: 1}}}}}}\n"
    )
}

fn transaction(keys: &str) -> Transaction {
    let model = model(&around(keys));
    match &model.services[0].endpoints[0].steps[..] {
        [Step::Transaction(transaction)] => (**transaction).clone(),
        other => panic!("{other:?}"),
    }
}

fn target(service: usize, endpoint: usize) -> Target {
    Target { service, endpoint }
}

fn part(work: Target) -> Participant {
    Participant {
        work,
        undo: None,
        confirm: None,
    }
}

#[test]
fn what_is_absent_has_its_default() {
    let found =
        transaction("protocol: two_phase_commit, participants: [stock.take, {work: money.pay}]");
    assert_eq!(
        found,
        Transaction {
            protocol: TransactionProtocol::TwoPhaseCommit { cooperative: false },
            participants: vec![part(target(1, 0)), part(target(2, 0))],
            coordinator: None,
            prepare_timeout: ms(1000),
            retry_interval: ms(500),
            force: Distribution::Constant(Duration::ZERO),
            keys: TransactionKeys::OfRequest,
            on_conflict: OnConflict::Abort,
        }
    );
}

#[test]
fn every_key_is_read() {
    let found = transaction(
        "protocol: two_phase_commit, participants: [order.put, stock.take, stock.take], \
         coordinator: money, prepare_timeout: 200ms, retry_interval: 50ms, force: 2ms, \
         keys: {count: 100, zipf: 0.9, each: 2}, on_conflict: wait, cooperative: true",
    );
    assert_eq!(
        found,
        Transaction {
            protocol: TransactionProtocol::TwoPhaseCommit { cooperative: true },
            participants: vec![part(target(0, 1)), part(target(1, 0)), part(target(1, 0))],
            coordinator: Some(2),
            prepare_timeout: ms(200),
            retry_interval: ms(50),
            force: Distribution::Constant(ms(2)),
            keys: TransactionKeys::Drawn {
                count: 100,
                zipf: 0.9,
                each: 2
            },
            on_conflict: OnConflict::Wait,
        }
    );
}

#[test]
fn a_set_reaches_into_a_transaction() {
    let text = around("protocol: two_phase_commit, participants: [stock.take]");
    let set = "services.order.endpoints.create.0.transaction.prepare_timeout=7ms";
    let sets = [set.parse().expect("a set")];
    let model = read(&text, "model.yaml", &(), &sets)
        .expect("a model")
        .model;
    let Step::Transaction(found) = &model.services[0].endpoints[0].steps[0] else {
        panic!("the step is there");
    };
    assert_eq!(found.prepare_timeout, ms(7));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let two = "protocol: two_phase_commit, participants: ";
    for (keys, word) in [
        (format!("{two}[]"), "this list needs at least 1 entry"),
        (format!("{two}[stock.tak]"), "did you mean `take`?"),
        ("participants: [stock.take]".into(), "`protocol` is missing"),
        (
            "protocol: two_phase_comit, participants: [stock.take]".into(),
            "did you mean `two_phase_commit`?",
        ),
        (
            "protocol: saga, participants: [{work: stock.take, undo: money.pay}]".into(),
            "this is not an endpoint of `stock`, where the work is done",
        ),
        (
            "protocol: saga, participants: [stock.take], coordinator: money".into(),
            "`coordinator` goes with `protocol: two_phase_commit`",
        ),
        (
            "protocol: tcc, participants: [stock.take], cooperative: true".into(),
            "`cooperative` goes with `protocol: two_phase_commit`",
        ),
        (
            format!("{two}[stock.take], reserved_for: 3s"),
            "`reserved_for` goes with `protocol: tcc`",
        ),
        (
            format!("{two}[stock.take], prepare_timeout: 0s"),
            "expected a duration above 0",
        ),
        (
            format!("{two}[stock.take], coordinator: mony"),
            "did you mean `money`?",
        ),
        (
            format!("{two}[stock.take], keys: {{zipf: 1}}"),
            "`count` is missing",
        ),
        (
            format!("{two}[stock.take], on_conflict: queue"),
            "unknown answer to a conflict `queue` (allowed are `abort`, `wait`)",
        ),
    ] {
        let found = complaint(&around(&keys));
        assert!(found.contains(word), "{keys}:\n{found}");
    }
}

#[test]
fn a_circle_of_transactions_never_ends() {
    let text = "\
services:
  order:
    endpoints:
      create: [{transaction: {protocol: two_phase_commit, participants: [stock.take]}}]
  stock:
    endpoints:
      take: [{transaction: {protocol: two_phase_commit, participants: [order.create]}}]
workloads: {w: {target: order.create, batch: {size: 1}}}
";
    let found = complaint(text);
    let wanted = "this call never ends: order.create → stock.take → order.create";
    assert!(found.contains(wanted), "{found}");
    // A way out is enough.
    model(&text.replace("take: [{", "take: [{fail: 50%}, {"));
}
