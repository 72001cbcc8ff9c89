//! Why did it fail? Failures are parted into bursts, and each burst is followed from the user to its root.
//!
//! Every failed request has stated where it stood when it failed ([`crate::record::Causes`]); here these
//! chains are counted, and what their figures say is read beside them. So every failed request of a burst
//! is in exactly one chain and has exactly one root. This module refuses to run anything: the same record
//! gives the same explanation.

mod blast;
mod bursts;
mod ladder;
mod record;
mod roots;
mod words;

pub use record::{
    Background, Burst, BurstWorkload, ChainCount, End, Explanation, Hit, Peak, Root, RootKind, Rung,
};

use crate::record::{CauseCount, RunRecord};
use roots::{Key, Tally};
use std::collections::BTreeMap;
use std::ops::Range;

/// Explains the failures of a run.
pub fn explain(record: &RunRecord) -> Explanation {
    let ranges = bursts::find(record);
    let burst = |window: u32| ranges.iter().position(|r| r.contains(&(window as usize)));
    let mut rows: Vec<Vec<&CauseCount>> = vec![Vec::new(); ranges.len()];
    let mut outside = Vec::new();
    for row in &record.causes.counts {
        match burst(row.window) {
            Some(at) => rows[at].push(row),
            None => outside.push(row),
        }
    }
    let bursts = ranges.iter().zip(&rows);
    Explanation {
        model: record.model.clone(),
        replications: record.replications,
        window_s: record.series.window_s,
        bursts: bursts
            .map(|(range, rows)| one(record, range, rows))
            .collect(),
        background: background(record, &ranges, &outside),
    }
}

/// A counted row of a burst, and what it goes back to.
struct Blamed<'a> {
    row: &'a CauseCount,
    key: Key,
    direct: bool,
    /// The service that has too much to do of what the root has left behind.
    left_behind: Option<String>,
}

fn one(record: &RunRecord, range: &Range<usize>, rows: &[&CauseCount]) -> Burst {
    let blamed = blame(record, rows);
    let roots = roots::listed(record, tally(&blamed));
    let first = roots.first().map(|(key, _)| key.clone());
    let of_first = |one: &&Blamed<'_>| Some(&one.key) == first.as_ref();
    let window = record.series.window_s;
    let run_end = record.simulated_s;
    let main: Vec<&Blamed<'_>> = blamed.iter().filter(of_first).collect();
    let first_failure_s = (main.iter().filter(|one| one.direct))
        .map(|one| one.row.first_s)
        .fold(f64::INFINITY, f64::min);
    let first_failure_s = if first_failure_s.is_finite() {
        first_failure_s
    } else {
        range.start as f64 * window
    };
    let root = roots.first().map(|(_, root)| root);
    let began = root.and_then(|root| root.from_s);
    let over = root
        .and_then(|root| root.to_s)
        .filter(|to| *to < run_end - 1e-9);
    let to_s = (range.end as f64 * window).min(run_end);
    let windows = record
        .causes
        .ended
        .values()
        .map(Vec::len)
        .max()
        .unwrap_or(0);
    let peak = blast::peak(record, range, rows);
    let failed = rows.iter().map(|row| row.count).sum();
    Burst {
        from_s: range.start as f64 * window,
        to_s,
        requests: requests(record, |w| range.contains(&w)),
        failed,
        workloads: workloads(record, range, rows),
        first_failure_s,
        root_to_user_s: began
            .map(|from| first_failure_s - from)
            .filter(|s| *s >= 0.0),
        ladder: ladder::climb(record, root, &main),
        chains: chains(record, &blamed, &roots),
        blast: blast::hits(record, range),
        peak,
        end: End {
            recovered: range.end < windows,
            after_root_s: over.map(|over| to_s - over),
        },
        roots: roots.into_iter().map(|(_, root)| root).collect(),
    }
}

/// What each row goes back to. Load that a burst's own root has left behind is due to that root.
fn blame<'a>(record: &RunRecord, rows: &[&'a CauseCount]) -> Vec<Blamed<'a>> {
    let links = |row: &CauseCount| record.causes.chains[row.chain as usize].as_slice();
    let mut blamed: Vec<Blamed<'_>> = rows
        .iter()
        .map(|row| Blamed {
            key: roots::of_chain(record, links(row), row.window as usize),
            row,
            direct: true,
            left_behind: None,
        })
        .collect();
    // Events, with the window of the first failure that goes back to each.
    let mut events: BTreeMap<Key, (u64, u32)> = BTreeMap::new();
    for one in &blamed {
        let event = matches!(
            one.key.kind,
            RootKind::Fault | RootKind::Deployment | RootKind::Config | RootKind::Surge
        );
        if event {
            let of = events.entry(one.key.clone()).or_insert((0, u32::MAX));
            *of = (of.0 + one.row.count, of.1.min(one.row.window));
        }
    }
    let main = events.into_iter().max_by_key(|(_, (failed, _))| *failed);
    if let Some((event, (_, since))) = main {
        for one in &mut blamed {
            if one.key.overloaded.is_some() && one.row.window >= since {
                let before = core::mem::replace(&mut one.key, event.clone());
                (one.left_behind, one.direct) = (before.overloaded, false);
            }
        }
    }
    blamed
}

fn tally(blamed: &[Blamed<'_>]) -> BTreeMap<Key, Tally> {
    let mut tallies: BTreeMap<Key, Tally> = BTreeMap::new();
    for one in blamed {
        let of = tallies.entry(one.key.clone()).or_insert(Tally {
            failed: 0,
            direct: 0,
            first: f64::INFINITY,
            left_behind: None,
        });
        if let Some(service) = &one.left_behind {
            let at = one.row.first_s;
            let known = of.left_behind.get_or_insert_with(|| (service.clone(), at));
            known.1 = known.1.min(at);
        }
        of.failed += one.row.count;
        of.direct += if one.direct { one.row.count } else { 0 };
        of.first = of.first.min(one.row.first_s);
    }
    tallies
}

/// Requests that ended in some windows.
fn requests(record: &RunRecord, of: impl Fn(usize) -> bool) -> u64 {
    let ended = record
        .causes
        .ended
        .values()
        .flat_map(|ended| ended.iter().enumerate());
    ended.filter(|(w, _)| of(*w)).map(|(_, n)| n).sum()
}

fn workloads(
    record: &RunRecord,
    range: &Range<usize>,
    rows: &[&CauseCount],
) -> BTreeMap<String, BurstWorkload> {
    let mut all: BTreeMap<String, BurstWorkload> = BTreeMap::new();
    for row in rows {
        let of = all.entry(row.workload.clone()).or_insert_with(|| {
            let ended = record.causes.ended.get(&row.workload);
            let ended = ended.and_then(|ended| ended.get(range.clone()));
            BurstWorkload {
                requests: ended.map_or(0, |ended| ended.iter().sum()),
                failed: 0,
                kinds: BTreeMap::new(),
            }
        });
        of.failed += row.count;
        *of.kinds.entry(row.outcome.clone().into()).or_default() += row.count;
    }
    all
}

fn chains(record: &RunRecord, blamed: &[Blamed<'_>], roots: &[(Key, Root)]) -> Vec<ChainCount> {
    let mut counts: BTreeMap<(usize, u32, &str, &str), u64> = BTreeMap::new();
    for one in blamed {
        let root = roots.iter().position(|(key, _)| *key == one.key);
        let root = root.expect("every key was listed");
        let row = one.row;
        *counts
            .entry((root, row.chain, &row.workload, &row.outcome))
            .or_default() += row.count;
    }
    let mut chains: Vec<_> = counts.into_iter().collect();
    // Stable: equal counts stay in the order of their roots.
    chains.sort_by_key(|(_, failed)| std::cmp::Reverse(*failed));
    let chain = |((root, chain, workload, outcome), failed): ((usize, u32, &str, &str), u64)| {
        let links = &record.causes.chains[chain as usize];
        ChainCount {
            words: words::chain(outcome, links),
            workload: workload.to_owned(),
            outcome: outcome.to_owned().into(),
            links: links.clone(),
            failed,
            root,
        }
    };
    chains.into_iter().map(chain).collect()
}

fn background(record: &RunRecord, ranges: &[Range<usize>], rows: &[&CauseCount]) -> Background {
    let links = |row: &CauseCount| record.causes.chains[row.chain as usize].as_slice();
    let blamed: Vec<_> = rows
        .iter()
        .map(|row| Blamed {
            key: roots::of_chain(record, links(row), row.window as usize),
            row,
            direct: true,
            left_behind: None,
        })
        .collect();
    let roots = roots::listed(record, tally(&blamed));
    Background {
        requests: requests(record, |w| !ranges.iter().any(|range| range.contains(&w))),
        failed: rows.iter().map(|row| row.count).sum(),
        roots: roots.into_iter().map(|(_, root)| root).collect(),
    }
}

/// An explanation as indented JSON, without a newline at the end; the same one gives the same bytes.
pub fn to_json(explanation: &Explanation) -> String {
    serde_json::to_string_pretty(explanation).expect("names are its only keys")
}

/// The JSON Schema (2020-12) of what [`to_json`] writes.
pub fn schema() -> String {
    crate::json::schema_of::<Explanation>()
}

#[cfg(test)]
mod tests;
