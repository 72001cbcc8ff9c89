//! Whether one replication is well at its end, and since when.
//!
//! A window is healthy when the share of its requests that were answered is high enough, and when half
//! of the answers came soon enough. Requests are counted where they are issued or where they end,
//! whichever are more, so that neither failures nor a growing backlog go unseen. A replication is well
//! when the last tenth of the time after the trigger is healthy as a whole: a single bad window in it
//! is chance. It refuses to know loads and triggers.

use crate::windows::{Windows, WorkloadWindow};
use clock::{Duration, Instant};
use policy::Outcome;

/// What is asked of a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Health {
    /// The least share of requests that are answered.
    pub(super) share: f64,
    /// The most that half of the answers may take.
    pub(super) slowest: Option<Duration>,
}

/// What is looked at at the end: this part of the time after the trigger.
const LAST: u64 = 10;

impl Health {
    /// How long after `from` it took until a workload was well, to the end of a window; `None` when it
    /// was not before `end`.
    pub(super) fn recovery(
        &self,
        windows: &Windows,
        workload: usize,
        length: Duration,
        (from, end): (Instant, Instant),
    ) -> Option<Duration> {
        let all = &windows.workloads[workload];
        let last = Duration::from_nanos(end.since(from).as_nanos() / LAST);
        let start = |i: usize| Instant::ZERO + length.saturating_mul(i as u64);
        let settled = Instant::from_nanos(end.as_nanos().saturating_sub(last.as_nanos()));
        // A run that was cut short has not got there.
        let expected = end.as_nanos().div_ceil(length.as_nanos());
        if (all.len() as u64) < expected {
            return None;
        }
        let tail = (0..all.len()).filter(|i| start(i + 1) > settled);
        if !self.is_healthy(tail.map(|i| &all[i])) {
            return None;
        }
        let mut after = (0..all.len()).filter(|i| start(i + 1) > from && start(i + 1) <= settled);
        let bad = after.rfind(|i| !self.is_healthy(std::iter::once(&all[*i])));
        Some(bad.map_or(Duration::ZERO, |i| start(i + 1).since(from)))
    }

    fn is_healthy<'w>(&self, windows: impl Iterator<Item = &'w WorkloadWindow>) -> bool {
        let (mut answered, mut issued, mut ended) = (0, 0, 0);
        let (mut slow, mut measured) = (0u32, 0u32);
        for window in windows {
            answered +=
                window.ended[Outcome::Success as usize] + window.ended[Outcome::Degraded as usize];
            issued += window.issued;
            ended += window.ended.iter().sum::<u64>();
            if window.measured > 0 {
                measured += 1;
                let median = window.quantiles[0] / u128::from(window.measured);
                let most = self.slowest.map(|most| u128::from(most.as_nanos()));
                slow += u32::from(most.is_some_and(|most| median > most));
            }
        }
        answered as f64 >= self.share * issued.max(ended) as f64 && 2 * slow <= measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(1);

    /// Of each window: issued, answered, failed, median in ms.
    fn recovery(health: Health, rows: &[(u64, u64, u64, u64)], from: u64, end: u64) -> Option<u64> {
        let window = |&(issued, answered, failed, median): &(u64, u64, u64, u64)| {
            let mut window = WorkloadWindow {
                issued,
                quantiles: [u128::from(median) * 1_000_000; 5],
                measured: u32::from(answered > 0),
                ..Default::default()
            };
            window.ended[Outcome::Success as usize] = answered;
            window.ended[Outcome::Timeout as usize] = failed;
            window
        };
        let windows = Windows {
            workloads: vec![rows.iter().map(window).collect()],
            ..Default::default()
        };
        let at = |s| Instant::ZERO + Duration::from_secs(s);
        let time = health.recovery(&windows, 0, LENGTH, (at(from), at(end)))?;
        Some(time.as_nanos() / 1_000_000_000)
    }

    const NINETY: Health = Health {
        share: 0.9,
        slowest: None,
    };
    const GOOD: (u64, u64, u64, u64) = (100, 100, 0, 5);
    const BAD: (u64, u64, u64, u64) = (100, 10, 90, 5);

    fn rows(bad: std::ops::Range<usize>, all: usize) -> Vec<(u64, u64, u64, u64)> {
        (0..all)
            .map(|i| if bad.contains(&i) { BAD } else { GOOD })
            .collect()
    }

    #[test]
    fn the_last_bad_window_ends_the_recovery() {
        assert_eq!(recovery(NINETY, &rows(5..12, 40), 10, 40), Some(2));
        assert_eq!(recovery(NINETY, &rows(5..10, 40), 10, 40), Some(0));
        assert_eq!(recovery(NINETY, &rows(5..40, 40), 10, 40), None);
        // Well at the end, but a run that was cut short has no end.
        assert_eq!(recovery(NINETY, &rows(5..12, 30), 10, 40), None);
    }

    #[test]
    fn one_bad_window_at_the_end_is_chance() {
        let mut rows = rows(5..12, 110);
        rows[105] = (100, 85, 15, 5);
        assert_eq!(recovery(NINETY, &rows, 10, 110), Some(2));
    }

    #[test]
    fn a_backlog_and_late_answers_are_no_health() {
        let full = vec![(100, 80, 0, 5); 40];
        assert_eq!(recovery(NINETY, &full, 10, 40), None);
        let late = vec![(100, 100, 0, 400); 40];
        let soon = Health {
            slowest: Some(Duration::from_millis(300)),
            ..NINETY
        };
        assert_eq!(recovery(NINETY, &late, 10, 40), Some(0));
        assert_eq!(recovery(soon, &late, 10, 40), None);
        let idle = vec![(0, 0, 0, 0); 40];
        assert_eq!(recovery(soon, &idle, 10, 40), Some(0));
    }
}
