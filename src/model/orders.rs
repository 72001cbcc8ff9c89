//! Orders: which requests are orders, and what must be written for one to be whole.

use crate::names::Names;
use crate::reader::{At, List, Reader};
use crate::shape::record;
use crate::stores;
use crate::types::{Orders, Service, Step, Table};

/// How many tables may make an order whole.
pub(crate) const MOST_EFFECTS: usize = 16;

record! {
    /// The requests of a workload are orders: each is followed to its end.
    OrdersShape {
        /// Whose requests they are.
        required workload: String,
        /// A whole order has written each of these tables exactly once: STORE.TABLE.
        required effects: List<At<String>, 1>,
    }
}

pub(crate) fn resolve(
    shape: OrdersShape,
    services: &[Service],
    names: &Names,
    cx: &mut Reader<'_>,
) -> Option<Orders> {
    let workload = names.workload(&shape.workload, cx);
    if shape.effects.0.len() > MOST_EFFECTS {
        let message = format!("an order has at most {MOST_EFFECTS} effects");
        cx.problem(shape.effects.span, message);
        return None;
    }
    let mut effects: Vec<Table> = Vec::new();
    for word in &shape.effects.value.0 {
        let known = cx.tables.clone();
        let Some(table) = stores::table(word, names, cx) else {
            continue;
        };
        if effects.contains(&table) {
            cx.problem(word.span, format!("`{}` stands here twice", word.value));
        }
        let is_known = known
            .get(table.store)
            .is_some_and(|t| table.table < t.len());
        let written = services
            .iter()
            .flat_map(|service| &service.endpoints)
            .any(|endpoint| writes(&endpoint.steps, table));
        // What could not be read may well write it.
        if !written && cx.problems.is_empty() {
            let help = if is_known {
                "steps only read it: `write` it where the order does this"
            } else {
                "no step names it: `write` it where the order does this"
            };
            cx.problem(word.span, format!("nobody writes `{}`", word.value))
                .help(help);
        }
        effects.push(table);
    }
    Some(Orders {
        workload: workload?,
        effects,
    })
}

fn writes(steps: &[Step], table: Table) -> bool {
    steps.iter().any(|step| match step {
        Step::Write { table: other, .. } => *other == table,
        Step::Parallel { branches, .. } => branches.iter().any(|steps| writes(steps, table)),
        Step::Choose(choices) => choices.iter().any(|(_, steps)| writes(steps, table)),
        Step::Repeat { steps, .. } => writes(steps, table),
        Step::Cache(cache) => writes(&cache.miss, table),
        _ => false,
    })
}
