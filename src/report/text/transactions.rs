//! The page's table of transactions: how they ended, how long participants were in doubt and held
//! their keys, and what one of them costs.

use super::{alone, heading, plain};
use crate::style::Style;
use crate::table::Table;
use crate::units::{count, milliseconds, three_digits};
use std::collections::BTreeMap;
use study::record::TransactionRecord;

/// A row for each step, with what is left of its transactions below it.
pub(super) fn write(
    transactions: &BTreeMap<String, TransactionRecord>,
    style: &Style,
    out: &mut String,
) {
    if transactions.is_empty() {
        return;
    }
    heading("Transactions", style, out);
    let mut table = Table::new(&[
        "transaction",
        "committed",
        "aborted",
        "p99",
        "in doubt p99",
        "longest",
        "locked p99",
    ]);
    for (name, t) in transactions {
        table.row(vec![
            plain(name),
            plain(count(t.committed)),
            plain(count(t.aborted)),
            plain(alone(&t.latency_ms.p99, milliseconds)),
            plain(alone(&t.in_doubt_ms.p99, milliseconds)),
            plain(alone(&t.in_doubt_ms.max, milliseconds)),
            plain(alone(&t.lock_ms.p99, milliseconds)),
        ]);
        let each = |n: u64| three_digits(n as f64 / t.started.max(1) as f64);
        let mut notes = vec![
            t.protocol.replace('_', "-"),
            format!("{} messages each", each(t.messages)),
            format!("{} forced writes each", each(t.forced_writes)),
        ];
        for (what, n) in [
            ("participants in doubt at the end", t.in_doubt),
            ("lost with their handlers", t.lost),
            ("in flight at the end", t.in_flight),
            ("compensations", t.compensations.unwrap_or(0)),
            ("anomalies", t.anomalies.unwrap_or(0)),
        ] {
            if n > 0 {
                notes.push(format!("{what}: {}", count(n)));
            }
        }
        table.note(notes.join(" · "));
    }
    table.render(style, out);
}
