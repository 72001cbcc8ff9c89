//! Stores: data that one service owns, and the steps that read and write it.

use crate::names::{Names, StoreNames};
use crate::reader::{At, Named, Reader, did_you_mean, is_name};
use crate::shape::record;
use crate::tree::shortened;
use crate::types::{Distribution, ServiceId, Store, Table};
use clock::Duration;

/// How many tables a model may have.
const MOST_TABLES: usize = 10_000;

record! {
    /// Data with a single service that may write it.
    StoreShape {
        /// The service that may write.
        required owner: String,
    }
    later { "replicas", "lag" }
}

/// The names of stores, and who owns them.
pub(crate) fn gather(
    stores: &Named<StoreShape>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Vec<StoreNames> {
    let stores = stores.0.iter().map(|(name, shape)| StoreNames {
        name: name.value.clone(),
        owner: shape
            .as_ref()
            .and_then(|shape| names.service(&shape.owner, cx)),
    });
    stores.collect()
}

/// The stores with the tables that steps have named.
pub(crate) fn resolve(names: Vec<StoreNames>, tables: Vec<Vec<String>>) -> Vec<Store> {
    let mut tables = tables.into_iter();
    let store = |store: StoreNames| {
        let tables = tables.next().unwrap_or_default();
        Some(Store {
            name: store.name,
            owner: store.owner?,
            tables,
            replicas: 0,
            lag: Distribution::Constant(Duration::ZERO),
            snapshot: None,
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
