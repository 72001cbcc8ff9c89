//! Stores, the steps that read and write them, optional calls, and the keys of workloads.

use crate::{around_source, around_steps, complaint, model, ms};
use stormglass_model::{Distribution, Keys, Snapshot, Step, Store, Table};

/// A model with the stores `stock` of `s` and `ledger` of `t`, around an endpoint of `s`.
fn around(steps: &str) -> String {
    format!(
        "stores: {{stock: {{owner: s}}, ledger: {{owner: t}}}}\n\
         services: {{t: {{endpoints: {{e: []}}}}, s: {{endpoints: {{e: {steps}}}}}}}\n\
         workloads: {{w: {{target: s.e, batch: {{size: 1}}}}}}\n"
    )
}

#[test]
fn tables_are_numbered_as_they_are_named() {
    let model = model(&around(
        "[{read: ledger.entries}, {read: stock.items}, {write: stock.shelves}, \
          {choose: [{weight: 1, steps: [{write: stock.items, if_unchanged: true}]}]}]",
    ));
    let table = |store, table| Table { store, table };
    let read = |table| Step::Read {
        table,
        fresh: false,
    };
    let write = |table, if_unchanged| Step::Write {
        table,
        if_unchanged,
        once: false,
    };
    assert_eq!(
        model.services[1].endpoints[0].steps,
        [
            read(table(1, 0)),
            read(table(0, 0)),
            write(table(0, 1), false),
            Step::Choose(vec![(1.0, vec![write(table(0, 0), true)])]),
        ]
    );
    let store = |name: &str, owner, tables: &[&str]| Store {
        name: name.to_owned(),
        owner,
        tables: tables.iter().map(|table| (*table).to_owned()).collect(),
        replicas: 0,
        lag: Distribution::Constant(ms(0)),
        snapshot: Snapshot {
            every: clock::Duration::MAX,
            apply: clock::Duration::ZERO,
        },
    };
    assert_eq!(
        model.stores,
        [
            store("stock", 1, &["items", "shelves"]),
            store("ledger", 0, &["entries"])
        ]
    );
}

#[test]
fn only_the_owner_writes_and_only_what_was_read_can_be_unchanged() {
    for (steps, word) in [
        (
            "[{write: ledger.entries}]",
            "the store `ledger` belongs to `t`",
        ),
        ("[{read: stok.items}]", "did you mean `stock`?"),
        ("[{read: stock}]", "names no table"),
        ("[{read: stock.a.b}]", "names no table"),
        (
            "[{write: stock.items, if_unchanged: true}]",
            "nothing has read `stock.items`",
        ),
        (
            "[{write: stock.items, if_unchanged: true}, {read: stock.items}]",
            "nothing has read `stock.items`",
        ),
        (
            "[{read: stock.shelves}, {write: stock.items, if_unchanged: true}]",
            "nothing has read `stock.items`",
        ),
        (
            "[{choose: [{weight: 1, steps: [{read: stock.items}]}, \
              {weight: 1, steps: [{write: stock.items, if_unchanged: true}]}]}]",
            "nothing has read `stock.items`",
        ),
    ] {
        let told = complaint(&around(steps));
        assert!(told.contains(word), "{steps}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    let told = complaint(&around_steps("[{read: stock.items}]"));
    assert!(told.contains("the model has no `stores`"), "{told}");
}

/// A read of another branch, or of the round before, may come first.
#[test]
fn what_may_have_been_read_may_be_unchanged() {
    for steps in [
        "[{parallel: [[{write: stock.items, if_unchanged: true}], [{read: stock.items}]]}]",
        "[{repeat: {times: 2, steps: [{write: stock.items, if_unchanged: true}, {read: stock.items}]}}]",
        "[{choose: [{weight: 1, steps: [{read: stock.items}]}, {weight: 1, steps: []}]}, \
          {write: stock.items, if_unchanged: true}]",
    ] {
        model(&around(steps));
    }
}

#[test]
fn optional_calls() {
    let steps = "[{call: t.e}, {call: t.e, optional: true}, {call: t.e, optional: false}]";
    let model = model(&around(steps));
    let optional: Vec<bool> = model.services[1].endpoints[0]
        .steps
        .iter()
        .map(|step| match step {
            Step::Call { optional, .. } => *optional,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(optional, [false, true, false]);
}

#[test]
fn keys_of_workloads() {
    let keys = |text: &str| {
        let text = around_source(&format!("{text}batch: {{size: 1}}"));
        model(&text).workloads[0].keys
    };
    assert_eq!(keys(""), None);
    let some = |count, zipf| Some(Keys { count, zipf });
    assert_eq!(keys("keys: {count: 9}, "), some(9, 0.0));
    assert_eq!(keys("keys: {count: 9, zipf: 1.5}, "), some(9, 1.5));
}
