//! The page's table of stores with copies: who read what was out of date.

use super::{heading, plain};
use crate::style::{Ink, Style};
use crate::table::Table;
use crate::units::{NOTHING, count, milliseconds, percent};
use std::collections::BTreeMap;
use study::record::StoreRecord;

/// A row for each store that has copies.
pub(super) fn write(stores: &BTreeMap<String, StoreRecord>, style: &Style, out: &mut String) {
    if stores.is_empty() {
        return;
    }
    heading("Stores", style, out);
    let mut table = Table::new(&[
        "store",
        "reads of copies",
        "stale",
        "",
        "behind mean",
        "max",
    ]);
    for (name, s) in stores {
        let ink = if s.stale_reads > 0 {
            Ink::Warning
        } else {
            Ink::Plain
        };
        let time = |ms: Option<f64>| plain(ms.map_or(NOTHING.into(), milliseconds));
        table.row(vec![
            plain(name),
            plain(count(s.reads)),
            (count(s.stale_reads), ink),
            plain(percent(s.stale_reads as f64 / s.reads as f64)),
            time(s.staleness_ms.mean),
            time(s.staleness_ms.max),
        ]);
    }
    table.render(style, out);
}
