//! Stores: data that one service owns, and the steps that read and write it.

use crate::names::{Names, StoreNames};
use crate::quantity::{Count, PositiveDuration};
use crate::reader::{At, Named, Reader, did_you_mean, is_name};
use crate::shape::record;
use crate::tree::shortened;
use crate::types::{Distribution, ServiceId, Snapshot, Store, Table};
use clock::Duration;

/// How many tables a model may have.
const MOST_TABLES: usize = 10_000;

record! {
    /// Data with a single service that may write it.
    StoreShape {
        /// The service that may write.
        required owner: String,
        /// Copies from which other services read; at the owner's when 0.
        default replicas: Count<0, 1000> = "0",
        /// How long a write takes to reach a copy.
        default lag: Distribution = "0s",
        /// What a rollback restores it from.
        default snapshot: SnapshotShape = "{}",
    }
}

record! {
    /// Snapshots of a store: a restore begins with the newest before the change.
    SnapshotShape {
        /// Between two of them; there is only that of the beginning when absent.
        optional every: PositiveDuration,
        /// How long one write of the log since the snapshot takes to be applied.
        default apply: Duration = "0s",
    }
}

/// The names of stores, and who owns them.
pub(crate) fn gather(
    shapes: &Named<StoreShape>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Vec<StoreNames> {
    let named = shapes.0.iter().map(|(name, shape)| StoreNames {
        name: name.value.clone(),
        owner: shape
            .as_ref()
            .and_then(|shape| names.service(&shape.owner, cx)),
        shape: shape.clone(),
    });
    let stores: Vec<StoreNames> = named.collect();
    for (store, (_, shape)) in stores.iter().zip(&shapes.0) {
        if let (Some(owner), Some(shape)) = (store.owner, shape)
            && shape.replicas.0 > 0
            && names.is_replicated(owner)
        {
            let message = format!(
                "`{}` is replicated: its instances are the copies of `{}`",
                names.service_name(owner),
                store.name
            );
            cx.problem(shape.replicas.span, message)
                .help("leave `replicas` out, or the service's `replication`");
        }
    }
    stores
}

/// The stores with the tables that steps have named.
pub(crate) fn resolve(names: Vec<StoreNames>, tables: Vec<Vec<String>>) -> Vec<Store> {
    let mut tables = tables.into_iter();
    let store = |store: StoreNames| {
        let tables = tables.next().unwrap_or_default();
        let shape = store.shape?;
        Some(Store {
            name: store.name,
            owner: store.owner?,
            tables,
            replicas: shape.replicas.0,
            lag: shape.lag.value,
            snapshot: Snapshot {
                every: shape.snapshot.every.as_ref().map_or(Duration::MAX, |e| e.0),
                apply: *shape.snapshot.apply,
            },
        })
    };
    names.into_iter().filter_map(store).collect()
}

/// The table that `STORE.TABLE` names; a new name makes a new table.
pub(crate) fn table(word: &At<String>, names: &Names, cx: &mut Reader<'_>) -> Option<Table> {
    let stores = names.stores.as_ref()?;
    let (store, table) = word.split_once('.').unwrap_or((word, ""));
    let Some(index) = stores.iter().position(|known| known.name == store) else {
        let known = stores.iter().map(|store| store.name.as_str());
        let help = did_you_mean(store, known, "there is", "the model has no `stores`");
        let message = format!("there is no store `{}`", shortened(store));
        cx.problem(word.span, message).help(help);
        return None;
    };
    if !is_name(table) {
        let message = format!("`{}` names no table", shortened(word));
        cx.problem(word.span, message)
            .help(format!("write `{store}.TABLE`, such as `{store}.items`"));
        return None;
    }
    if cx.tables.len() <= index {
        cx.tables.resize(index + 1, Vec::new());
    }
    let tables = &mut cx.tables[index];
    let number = tables.iter().position(|known| known == table);
    let number = number.unwrap_or_else(|| {
        tables.push(table.to_owned());
        tables.len() - 1
    });
    if number >= MOST_TABLES {
        cx.problem(
            word.span,
            format!("a store has at most {MOST_TABLES} tables"),
        );
        return None;
    }
    Some(Table {
        store: index,
        table: number,
    })
}

/// Notes a write by a service that does not own the store.
pub(crate) fn check_owner(
    word: &At<String>,
    store: usize,
    service: ServiceId,
    names: &Names,
    cx: &mut Reader<'_>,
) {
    let Some(StoreNames {
        name,
        owner: Some(owner),
        ..
    }) = names.stores.as_ref().map(|stores| &stores[store])
    else {
        return;
    };
    if *owner == service {
        return;
    }
    let (owner, writer) = (names.service_name(*owner), names.service_name(service));
    cx.problem(
        word.span,
        format!("`{writer}` cannot write here: the store `{name}` belongs to `{owner}`"),
    )
    .help(format!(
        "`call` an endpoint of `{owner}` that writes; every service may `read`"
    ));
}
