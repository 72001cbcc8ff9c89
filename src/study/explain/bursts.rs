//! When bursts of failures were: windows in which clearly more requests failed than in quiet ones.
//!
//! A window of a workload burns when the share of its requests that failed is above three times that of
//! its quieter windows (the lower quartile of those after the warm-up), held between 1 % and 5 %, and the
//! number of failures is above what that share would bring by more than three times its square root, so that
//! chance alone seldom makes a burst of few requests. Burning windows with at most three quiet ones between
//! them are one burst, and what burns in several workloads at once is one burst, too.

use crate::record::RunRecord;
use std::collections::BTreeMap;
use std::ops::Range;

/// Quiet windows within a burst.
const PAUSE: usize = 3;
/// How far beyond the expected number, in its standard deviations, failures are no chance.
const CLEAR: f64 = 3.0;

/// Windows of bursts, in order and apart.
pub(super) fn find(record: &RunRecord) -> Vec<Range<usize>> {
    let failed = failed(record);
    let windows = record.causes.ended.values().map(Vec::len).max();
    let mut burning = vec![false; windows.unwrap_or(0)];
    let first = (record.series.warmup_s / record.series.window_s).ceil() as usize;
    for (workload, ended) in &record.causes.ended {
        let none = Vec::new();
        let failed = failed.get(workload.as_str()).unwrap_or(&none);
        let failed_in = |w: usize| failed.get(w).copied().unwrap_or(0);
        let share = |w: usize| match ended[w] {
            0 => 0.0,
            n => failed_in(w) as f64 / n as f64,
        };
        let most = threshold((first.min(ended.len())..ended.len()).map(share).collect());
        for (w, burns) in burning.iter_mut().enumerate().take(ended.len()) {
            *burns |= burning_at(failed_in(w), ended[w], most);
        }
    }
    join(&burning)
}

/// By workload: failures of each window.
pub(super) fn failed(record: &RunRecord) -> BTreeMap<&str, Vec<u64>> {
    let mut all: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for count in &record.causes.counts {
        let of = all.entry(&count.workload).or_default();
        let w = count.window as usize;
        if of.len() <= w {
            of.resize(w + 1, 0);
        }
        of[w] += count.count;
    }
    all
}

fn burning_at(failed: u64, ended: u64, most: f64) -> bool {
    let expected = ended as f64 * most;
    failed as f64 > expected + CLEAR * expected.sqrt()
}

fn threshold(mut shares: Vec<f64>) -> f64 {
    shares.sort_by(f64::total_cmp);
    let quiet = shares.get(shares.len() / 4).copied().unwrap_or(0.0);
    (3.0 * quiet).clamp(0.01, 0.05)
}

fn join(burning: &[bool]) -> Vec<Range<usize>> {
    let mut bursts: Vec<Range<usize>> = Vec::new();
    for (w, _) in burning.iter().enumerate().filter(|(_, burns)| **burns) {
        match bursts.last_mut() {
            Some(last) if w <= last.end + PAUSE => last.end = w + 1,
            _ => bursts.push(w..w + 1),
        }
    }
    bursts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_per_cent_burn_and_one_does_not() {
        assert_eq!(threshold(vec![0.0; 8]), 0.01);
        assert_eq!(threshold(vec![0.3; 8]), 0.05);
        assert_eq!(threshold(vec![0.01, 0.01, 0.01, 0.5]), 0.03);
        assert_eq!(threshold(Vec::new()), 0.01);
    }

    #[test]
    fn few_failures_of_few_requests_are_chance() {
        // One in a hundred is expected, and four are not clearly more.
        assert!(!burning_at(4, 100, 0.01) && burning_at(5, 100, 0.01));
        assert!(!burning_at(130, 10_000, 0.01) && burning_at(131, 10_000, 0.01));
        assert!(!burning_at(0, 0, 0.01));
    }

    #[test]
    fn short_pauses_do_not_part_a_burst() {
        let windows = |text: &str| text.chars().map(|c| c == '#').collect::<Vec<_>>();
        assert_eq!(join(&windows(".##...#....#")), [1..7, 11..12]);
        assert_eq!(join(&windows("....")), []);
    }
}
