//! Replicated services on the page: who was without a leader for how long, and what that did to
//! requests.

use super::{heading, plain};
use crate::style::{Ink, Style};
use crate::table::Table;
use crate::units::{NOTHING, count, milliseconds, seconds};
use std::collections::BTreeMap;
use study::record::GroupRecord;

/// The table of the groups, where there are any.
pub(super) fn write(groups: &BTreeMap<String, GroupRecord>, style: &Style, out: &mut String) {
    if groups.is_empty() {
        return;
    }
    heading("Replicated services", style, out);
    let mut table = Table::new(&[
        "group",
        "elections",
        "split",
        "no leader",
        "longest",
        "in all",
        "waited",
        "refused",
    ]);
    for (name, group) in groups {
        let times = &group.leaderless_ms;
        table.row(vec![
            plain(name),
            plain(count(group.elections)),
            plain(count(group.split_votes)),
            plain(format!("{} times", count(times.count))),
            plain(times.max.map_or(NOTHING.into(), milliseconds)),
            plain(seconds(times.total / 1e3)),
            plain(count(group.buffered)),
            (
                count(group.refused),
                if group.refused > 0 {
                    Ink::Bad
                } else {
                    Ink::Plain
                },
            ),
        ]);
        let mut notes = vec![
            format!(
                "{}: {} acknowledged",
                group.protocol,
                count(group.acknowledged)
            ),
            format!("{} messages", count(group.messages)),
            format!("{} forced writes", count(group.forced_writes)),
        ];
        if let Some(most) = group.staleness_ms.max {
            let reads = count(group.stale_reads);
            notes.push(format!(
                "{reads} stale reads, by {} at most",
                milliseconds(most)
            ));
        }
        table.note(notes.join(" · "));
    }
    table.render(style, out);
}
