//! Whom a burst hit, and its worst window. It refuses to know why.

use super::record::{Hit, Peak};
use super::words;
use crate::record::{CauseCount, RunRecord};
use std::collections::BTreeMap;
use std::ops::Range;

/// The share of failures from which on a service or a workload is hit.
const HIT: f64 = 0.05;

/// Services and workloads that were hit, in the order in which that began.
pub(super) fn hits(record: &RunRecord, range: &Range<usize>) -> Vec<Hit> {
    // By service: what came to it, and what of that failed, per second and window.
    let mut all: BTreeMap<(bool, &str), Vec<(f64, f64)>> = BTreeMap::new();
    for (edge, series) in &record.series.edges {
        let caller = words::caller(edge);
        let target = words::service(words::target(edge));
        let mut names = vec![(false, target)];
        if record.workloads.contains_key(caller) {
            names.push((true, caller));
        }
        for name in names {
            let of = all
                .entry(name)
                .or_insert_with(|| vec![(0.0, 0.0); range.len()]);
            for (sum, w) in of.iter_mut().zip(range.clone()) {
                let at = |values: &[f64]| values.get(w).copied().unwrap_or(0.0);
                let failed: f64 = series.failed.values().map(|values| at(values)).sum();
                *sum = (sum.0 + at(&series.succeeded) + failed, sum.1 + failed);
            }
        }
    }
    let mut hits: Vec<Hit> = all
        .into_iter()
        .filter_map(|((workload, name), windows)| {
            let share = |(all, failed): &(f64, f64)| if *all > 0.0 { failed / all } else { 0.0 };
            let first = windows.iter().position(|window| share(window) > HIT)?;
            Some(Hit {
                name: name.to_owned(),
                workload,
                from_s: (range.start + first) as f64 * record.series.window_s,
                worst: windows.iter().map(share).fold(0.0, f64::max),
            })
        })
        .collect();
    // Stable: what began together is in the order of names, services first.
    hits.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
    hits
}

/// The window in which most requests failed.
pub(super) fn peak(record: &RunRecord, range: &Range<usize>, rows: &[&CauseCount]) -> Peak {
    let mut failed = vec![0; range.len()];
    for row in rows {
        failed[row.window as usize - range.start] += row.count;
    }
    // The first of the worst.
    let most = failed.iter().copied().max().unwrap_or(0);
    let at = failed.iter().position(|n| *n == most).unwrap_or(0) + range.start;
    let ended: u64 = (record.causes.ended.values())
        .filter_map(|ended| ended.get(at))
        .sum();
    let value = |values: &[f64]| values.get(at).copied().unwrap_or(0.0);
    let (mut attempts, mut again) = (0.0, 0.0);
    for edge in record.series.edges.values() {
        attempts += value(&edge.attempts);
        again += (value(&edge.attempts) - value(&edge.calls)).max(0.0);
    }
    let (mut busy, mut wasted) = (0.0, 0.0);
    for (name, service) in &record.series.services {
        let workers = record.causes.workers.get(name).copied().unwrap_or(1.0);
        busy += value(&service.utilization) * workers;
        wasted += value(&service.wasted) * workers;
    }
    Peak {
        at_s: at as f64 * record.series.window_s,
        failed: if ended > 0 {
            most as f64 / ended as f64
        } else {
            0.0
        },
        retries: (attempts > 0.0).then(|| again / attempts),
        // Work that ends in this window was begun before.
        wasted: (busy > 0.0).then(|| (wasted / busy).min(1.0)),
    }
}
