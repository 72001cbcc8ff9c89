//! How far a study has come, for whoever watches it from another thread, and the way to stop it.

use clock::Duration;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Shared between the study and its watcher; starts at nothing done.
///
/// The figures are for people: they are not exact until the study has returned.
#[derive(Debug, Default)]
pub struct Progress {
    simulated: AtomicU64,
    total: AtomicU64,
    /// Of `total`, what was foreseen and is not asked for yet.
    foreseen: AtomicU64,
    finished: AtomicU32,
    cells: AtomicUsize,
    cells_finished: AtomicUsize,
    stop: AtomicBool,
}

impl Progress {
    /// Nothing done, nothing asked.
    pub const fn new() -> Self {
        Self {
            simulated: AtomicU64::new(0),
            total: AtomicU64::new(0),
            foreseen: AtomicU64::new(0),
            finished: AtomicU32::new(0),
            cells: AtomicUsize::new(0),
            cells_finished: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        }
    }

    /// Asks the study to stop soon and to return what it has measured. Safe in a signal handler.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Whether the study was asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Simulated time so far, over all replications.
    pub fn simulated(&self) -> Duration {
        Duration::from_nanos(self.simulated.load(Relaxed))
    }

    /// Replications that have ended.
    pub fn finished(&self) -> u32 {
        self.finished.load(Relaxed)
    }

    /// Of a sweep: how many cells have ended, and how many are to be run.
    pub fn cells(&self) -> (usize, usize) {
        (self.cells_finished.load(Relaxed), self.cells.load(Relaxed))
    }

    /// The share of the simulated time that is done, 0..=1; 0 before the study has begun.
    pub fn fraction(&self) -> f64 {
        match self.total.load(Relaxed) {
            0 => 0.0,
            total => (self.simulated().as_nanos() as f64 / total as f64).min(1.0),
        }
    }

    /// More to be simulated.
    pub(crate) fn expect(&self, time: Duration) {
        add(&self.total, time);
    }

    /// About so much will be simulated; what it is made of is told by
    /// [`expect_foreseen`](Self::expect_foreseen).
    pub(crate) fn foresee(&self, time: Duration) {
        add(&self.foreseen, time);
        add(&self.total, time);
    }

    /// This is to be simulated: part of what was foreseen, as long as that lasts.
    pub(crate) fn expect_foreseen(&self, time: Duration) {
        let wanted = time.as_nanos();
        let had = self.foreseen.load(Relaxed);
        self.foreseen.store(had.saturating_sub(wanted), Relaxed);
        add(
            &self.total,
            Duration::from_nanos(wanted.saturating_sub(had)),
        );
    }

    /// Less to be simulated than there was.
    pub(crate) fn advance(&self, time: Duration) {
        add(&self.simulated, time);
    }

    pub(crate) fn expect_cells(&self, count: usize) {
        self.cells.fetch_add(count, Relaxed);
    }

    pub(crate) fn finish_cell(&self) {
        self.cells_finished.fetch_add(1, Relaxed);
    }

    pub(crate) fn finish_one(&self) {
        self.finished.fetch_add(1, Relaxed);
    }
}

/// Saturates: ten thousand replications of ten years each leave the range of nanoseconds.
fn add(sum: &AtomicU64, time: Duration) {
    let _ = sum.fetch_update(Relaxed, Relaxed, |ns| {
        Some(ns.saturating_add(time.as_nanos()))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_is_of_what_is_expected() {
        let progress = Progress::new();
        assert_eq!(progress.fraction(), 0.0);
        progress.expect(Duration::from_secs(8));
        progress.advance(Duration::from_secs(2));
        assert_eq!(progress.fraction(), 0.25);
        // Half of what is left was foreseen, so that nothing comes on top until it is used up.
        progress.foresee(Duration::from_secs(8));
        assert_eq!(progress.fraction(), 0.125);
        progress.expect_foreseen(Duration::from_secs(6));
        assert_eq!(progress.fraction(), 0.125);
        progress.expect_foreseen(Duration::from_secs(18));
        assert_eq!(progress.fraction(), 0.0625);
        progress.advance(Duration::MAX);
        assert_eq!(progress.fraction(), 1.0);
    }
}
