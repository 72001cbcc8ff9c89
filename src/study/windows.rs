//! What happened in each window of a run, as sums of whole numbers.
//!
//! Whole numbers, so that replications can be added in any order, by any number of threads, and
//! give the same bytes. Division waits until all are in.

use crate::queues::QueueTotals;
use clock::Duration;
use cluster::EdgeId;
use policy::Outcome;

/// Windows of one replication, or the sum of several.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Windows {
    /// Nanoseconds of each window that were simulated; only windows that were reached are there.
    pub(crate) covered: Vec<u128>,
    /// By workload, then window.
    pub(crate) workloads: Vec<Vec<WorkloadWindow>>,
    /// By service, then window.
    pub(crate) services: Vec<Vec<ServiceTotals>>,
    /// By queue, then window.
    pub(crate) queues: Vec<Vec<QueueTotals>>,
    /// By edge, then window.
    pub(crate) edges: Vec<Vec<EdgeWindow>>,
    /// Of edges with a breaker, rising: open breakers × nanoseconds by window.
    pub(crate) breakers: Vec<(EdgeId, Vec<u128>)>,
}

/// A workload's requests in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct WorkloadWindow {
    pub(crate) issued: u64,
    /// By the number of the outcome.
    pub(crate) ended: [u64; 8],
    /// Sums over replications of their [`QUANTILES`], in nanoseconds.
    pub(crate) quantiles: [u128; QUANTILES.len()],
    /// Sum of the squares of the 99 % quantiles: what their interval is made of.
    pub(crate) p99_squares: u128,
    /// In how many replications anything succeeded.
    pub(crate) measured: u32,
}

/// The quantiles of a window's successes that are kept.
pub(crate) const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];
/// The one that gets an interval: its place among them.
pub(crate) const P99: usize = 3;

/// The calls of an edge in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct EdgeWindow {
    pub(crate) started: u64,
    pub(crate) attempts: u64,
    /// By the number of the outcome.
    pub(crate) ended: [u64; Outcome::ALL.len()],
    /// Calls under way × nanoseconds.
    pub(crate) in_flight: u128,
}

/// What a service did; running totals, or their difference over a span.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ServiceTotals {
    pub(crate) arrived: u64,
    pub(crate) completed: u64,
    pub(crate) refused: u64,
    /// Optional steps that were left out.
    pub(crate) skipped: u64,
    /// How often a caller left an instance out.
    pub(crate) ejections: u64,
    /// Waiting requests × nanoseconds.
    pub(crate) queue: u128,
    /// Busy workers × nanoseconds.
    pub(crate) busy: u128,
    /// Busy workers whose caller had given up × nanoseconds, after warm-up.
    pub(crate) wasted: u128,
    /// Instances × nanoseconds; 0 where nobody was told how many there are.
    pub(crate) instances: u128,
    /// How often an autoscaler made them more, and fewer.
    pub(crate) scaled_up: u64,
    pub(crate) scaled_down: u64,
}

impl Windows {
    /// Room for so many windows; none is there yet.
    pub(crate) fn new(
        windows: usize,
        workloads: usize,
        services: usize,
        edges: usize,
        breakers: impl IntoIterator<Item = EdgeId>,
    ) -> Self {
        let breakers = breakers.into_iter();
        Self {
            covered: Vec::with_capacity(windows),
            workloads: (0..workloads)
                .map(|_| Vec::with_capacity(windows))
                .collect(),
            services: (0..services).map(|_| Vec::with_capacity(windows)).collect(),
            queues: Vec::new(),
            edges: (0..edges).map(|_| Vec::with_capacity(windows)).collect(),
            breakers: breakers
                .map(|edge| (edge, Vec::with_capacity(windows)))
                .collect(),
        }
    }

    /// Counts a window of this length; its rows are pushed by the caller.
    pub(crate) fn cover(&mut self, span: Duration) {
        self.covered.push(u128::from(span.as_nanos()));
    }

    /// Adds another replication of the same model.
    pub(crate) fn merge(&mut self, other: &Self) {
        add_rows(&mut self.covered, &other.covered, |a, b| *a += b);
        for (mine, theirs) in self.workloads.iter_mut().zip(&other.workloads) {
            add_rows(mine, theirs, WorkloadWindow::add);
        }
        for (mine, theirs) in self.services.iter_mut().zip(&other.services) {
            add_rows(mine, theirs, ServiceTotals::add);
        }
        for (mine, theirs) in self.queues.iter_mut().zip(&other.queues) {
            add_rows(mine, theirs, QueueTotals::add);
        }
        for (mine, theirs) in self.edges.iter_mut().zip(&other.edges) {
            add_rows(mine, theirs, EdgeWindow::add);
        }
        for ((_, mine), (_, theirs)) in self.breakers.iter_mut().zip(&other.breakers) {
            add_rows(mine, theirs, |a, b| *a += b);
        }
    }
}

/// Adds window by window; the longer run goes on alone.
fn add_rows<T: Copy + Default>(mine: &mut Vec<T>, theirs: &[T], add: impl Fn(&mut T, &T)) {
    if mine.len() < theirs.len() {
        mine.resize(theirs.len(), T::default());
    }
    for (a, b) in mine.iter_mut().zip(theirs) {
        add(a, b);
    }
}

impl WorkloadWindow {
    /// With the quantiles of one replication.
    pub(crate) fn measure(&mut self, quantiles: [u64; QUANTILES.len()]) {
        self.quantiles = quantiles.map(u128::from);
        self.p99_squares = self.quantiles[P99].saturating_mul(self.quantiles[P99]);
        self.measured = 1;
    }

    /// Half of the 95 % interval of the mean of the 99 % quantiles, in nanoseconds: Student's t over
    /// replications. `None` where fewer than two measured any.
    pub(crate) fn p99_half_width(&self) -> Option<f64> {
        let n = u128::from(self.measured);
        if n < 2 {
            return None;
        }
        // Whole numbers until here: nothing is lost by taking the difference of large sums.
        let sum = self.quantiles[P99];
        let squares = self.p99_squares.checked_mul(n)?;
        let spread = squares.checked_sub(sum.checked_mul(sum)?)? as f64;
        let n = n as f64;
        let variance_of_mean = spread / (n * (n - 1.0)) / n;
        Some(stats::student_t_quantile(0.975, n - 1.0) * variance_of_mean.sqrt())
    }

    fn add(&mut self, other: &Self) {
        self.issued += other.issued;
        for (a, b) in self.ended.iter_mut().zip(other.ended) {
            *a += b;
        }
        for (a, b) in self.quantiles.iter_mut().zip(other.quantiles) {
            *a += b;
        }
        self.p99_squares = self.p99_squares.saturating_add(other.p99_squares);
        self.measured += other.measured;
    }
}

impl EdgeWindow {
    fn add(&mut self, other: &Self) {
        self.started += other.started;
        self.attempts += other.attempts;
        for (a, b) in self.ended.iter_mut().zip(other.ended) {
            *a += b;
        }
        self.in_flight += other.in_flight;
    }

    /// What was added to these totals since `mark`.
    pub(crate) fn since(&self, mark: &Self) -> Self {
        Self {
            started: self.started - mark.started,
            attempts: self.attempts - mark.attempts,
            ended: std::array::from_fn(|i| self.ended[i] - mark.ended[i]),
            in_flight: self.in_flight - mark.in_flight,
        }
    }
}

impl ServiceTotals {
    fn add(&mut self, other: &Self) {
        self.arrived += other.arrived;
        self.completed += other.completed;
        self.refused += other.refused;
        self.skipped += other.skipped;
        self.ejections += other.ejections;
        self.queue += other.queue;
        self.busy += other.busy;
        self.wasted += other.wasted;
        self.instances += other.instances;
        self.scaled_up += other.scaled_up;
        self.scaled_down += other.scaled_down;
    }

    /// What was added to the totals since `mark`.
    pub(crate) fn since(&self, mark: &Self) -> Self {
        Self {
            arrived: self.arrived - mark.arrived,
            completed: self.completed - mark.completed,
            refused: self.refused - mark.refused,
            skipped: self.skipped - mark.skipped,
            ejections: self.ejections - mark.ejections,
            queue: self.queue - mark.queue,
            busy: self.busy - mark.busy,
            wasted: self.wasted - mark.wasted,
            instances: self.instances - mark.instances,
            scaled_up: self.scaled_up - mark.scaled_up,
            scaled_down: self.scaled_down - mark.scaled_down,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_windows_p99_is_students() {
        let mut sum = WorkloadWindow::default();
        for p99 in [100, 110, 90, 120] {
            let mut one = WorkloadWindow::default();
            one.measure([0, 0, 0, p99, 0]);
            assert_eq!(one.p99_half_width(), None, "one has no interval");
            sum.add(&one);
        }
        // Mean 105, standard deviation 12.9099, t(0.975, 3) = 3.18245: 3.18245 × 12.9099 / 2.
        let half = sum.p99_half_width().unwrap();
        assert!((half - 20.5426).abs() < 1e-3, "{half}");
        sum.p99_squares = u128::MAX;
        assert_eq!(sum.p99_half_width(), None, "beyond what can be counted");
    }
}
