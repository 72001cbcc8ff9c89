//! Where the figures of closed forms are read in what a run gives.
//!
//! Models count in seconds where the closed forms count in units of the mean service time.

use crate::meter::Meter;
use study::record::{Estimate, RunRecord};

/// Where a figure is read.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    /// In the record of a run, which has its interval.
    Record(fn(&RunRecord) -> Measured),
    /// In the facts of each replication.
    Facts(fn(&Meter) -> f64),
    /// The time until two units are down; ends each replication.
    FirstPassage,
}

/// A figure over replications.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) mean: f64,
    /// Of the 95 % interval; 0 where the record has none.
    pub(crate) half_width: f64,
}

impl Measured {
    pub(crate) fn of(estimate: Estimate) -> Self {
        match (estimate.mean, estimate.low, estimate.high) {
            (Some(mean), Some(low), Some(high)) => Self {
                mean,
                half_width: (high - low) / 2.0,
            },
            found => panic!("not measured over replications: {found:?}"),
        }
    }

    /// The figure times `scale`, plus `offset`.
    pub(crate) fn map(self, scale: f64, offset: f64) -> Self {
        Self {
            mean: self.mean * scale + offset,
            half_width: self.half_width * scale.abs(),
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            mean: self.mean + other.mean,
            half_width: self.half_width + other.half_width,
        }
    }
}

/// Milliseconds of a record, in seconds.
pub(crate) fn seconds(estimate: Estimate) -> Measured {
    Measured::of(estimate).map(1e-3, 0.0)
}

/// A workload's mean latency, in seconds.
pub(crate) fn sojourn(record: &RunRecord, workload: &str) -> Measured {
    seconds(record.workloads[workload].latency_ms.mean)
}

/// What a class waits: its latency without its mean service, which the model fixes.
pub(crate) fn wait(record: &RunRecord, workload: &str, service: f64) -> Measured {
    sojourn(record, workload).map(1.0, -service)
}

pub(crate) fn customers_mean(record: &RunRecord) -> Measured {
    sojourn(record, "customers")
}

pub(crate) fn customers_p99(record: &RunRecord) -> Measured {
    seconds(record.workloads["customers"].latency_ms.p99)
}

pub(crate) fn callers_p99(record: &RunRecord) -> Measured {
    seconds(record.workloads["callers"].latency_ms.p99)
}

pub(crate) fn server_wait(record: &RunRecord) -> Measured {
    seconds(record.services["server"].wait_ms.mean)
}

pub(crate) fn server_wait_p99(record: &RunRecord) -> Measured {
    seconds(record.services["server"].wait_ms.p99)
}

pub(crate) fn loss(record: &RunRecord) -> Measured {
    Measured::of(record.workloads["customers"].availability).map(-1.0, 1.0)
}

pub(crate) fn callers_availability(record: &RunRecord) -> Measured {
    Measured::of(record.workloads["callers"].availability)
}

/// Attempts per call, summed over replications.
pub(crate) fn load_factor(record: &RunRecord) -> Measured {
    let call = &record.calls["callers->server.serve"];
    Measured {
        mean: call.amplification.expect("calls were made"),
        half_width: 0.0,
    }
}

/// Requests waiting and being served, where there is one worker.
pub(crate) fn number_in_system(record: &RunRecord) -> Measured {
    let server = &record.services["server"];
    Measured::of(server.queue_length.mean).plus(Measured::of(server.utilization))
}

/// The sum of load times wait over two classes of load 0.4 each.
pub(crate) fn wait_of_both_classes(record: &RunRecord) -> Measured {
    let weighted = |class| wait(record, class, 1.0).map(0.4, 0.0);
    weighted("first").plus(weighted("second"))
}
