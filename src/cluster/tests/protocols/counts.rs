//! What the published figures count, from the world's facts: attempts at one edge, and what became
//! of the workload's requests.

use clock::{Duration, Instant};
use policy::Outcome;
use stormglass_cluster::{EdgeId, Observer};

/// Hears one replication. The first edge is the workload's.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// The edge whose attempts are counted.
    pub(crate) edge: EdgeId,
    pub(crate) calls: u64,
    pub(crate) attempts: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// When the last request ended.
    pub(crate) last: Instant,
    /// Of the workload's requests.
    pub(crate) latencies: Vec<Duration>,
}

impl Counts {
    /// The share of requests that succeeded, in percent.
    pub(crate) fn success_percent(&self) -> f64 {
        100.0 * self.succeeded as f64 / (self.succeeded + self.failed) as f64
    }

    /// Attempts for a hundred calls.
    pub(crate) fn load_percent(&self) -> f64 {
        100.0 * self.attempts as f64 / self.calls as f64
    }

    /// The latency that a share `1 - tail` of the requests did not exceed, in milliseconds.
    pub(crate) fn quantile_ms(&mut self, tail: f64) -> f64 {
        self.latencies.sort_unstable();
        let above = (self.latencies.len() as f64 * tail) as usize;
        self.latencies[self.latencies.len() - 1 - above].as_secs_f64() * 1e3
    }
}

impl Observer for Counts {
    fn call_started(&mut self, _now: Instant, edge: EdgeId) {
        self.calls += u64::from(edge == self.edge);
    }

    fn attempt_sent(&mut self, _now: Instant, edge: EdgeId, _started: Instant) {
        self.attempts += u64::from(edge == self.edge);
    }

    fn call_ended(&mut self, now: Instant, edge: EdgeId, started: Instant, outcome: Outcome) {
        if edge == 0 {
            self.succeeded += u64::from(outcome.is_success());
            self.failed += u64::from(!outcome.is_success());
            self.last = now;
            self.latencies.push(now.since(started));
        }
    }
}
