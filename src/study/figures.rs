//! The figures of one replication: one observation of each estimate, and what is pooled.
//!
//! It refuses to know names and other replications.

use crate::causes::PooledCauses;
use crate::deployments::DeploymentFigures;
use crate::discovery::DiscoveryMeasured;
use crate::groups::{GroupFigures, GroupTimes};
use crate::orders::States;
use crate::queues::QueueFigures;
use crate::recorder::{EdgeMeasured, Measured, ServiceMeasured};
use crate::sections::Sectioned;
use crate::stores::StoreFacts;
use crate::transactions::{TransactionFacts, TransactionFigures};
use crate::windows::{ServiceTotals, Windows};
use clock::Instant;
use model::LatencyQuantile;
use policy::Outcome;
use stats::Histogram;

/// What may be added in any order: whole numbers.
#[derive(Clone, Default)]
pub(crate) struct Pooled {
    pub(crate) windows: Windows,
    pub(crate) latencies: Vec<Histogram>,
    /// In the order of the replicated services.
    pub(crate) groups: Vec<GroupTimes>,
    /// Why requests failed.
    pub(crate) causes: PooledCauses,
}

impl Pooled {
    pub(crate) fn add(&mut self, measured: &Pooled) {
        if self.latencies.is_empty() {
            self.clone_from(measured);
            return;
        }
        self.windows.merge(&measured.windows);
        for (mine, theirs) in self.latencies.iter_mut().zip(&measured.latencies) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.groups.iter_mut().zip(&measured.groups) {
            mine.merge(theirs);
        }
        self.causes.merge(&measured.causes);
    }
}

/// The figures of one replication, each of which is one observation of an estimate.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Figures {
    /// Seconds after warm-up.
    pub(crate) seconds: f64,
    pub(crate) edges: Vec<EdgeMeasured>,
    /// By workload.
    pub(crate) latencies: Vec<Option<LatencyFigures>>,
    pub(crate) services: Vec<ServiceFigures>,
    /// By step.
    pub(crate) transactions: Vec<TransactionFigures>,
    /// In the order of the replicated services.
    pub(crate) groups: Vec<GroupFigures>,
    /// By service.
    pub(crate) discovery: Vec<DiscoveryMeasured>,
    /// By store.
    pub(crate) stores: Vec<StoreFacts>,
    /// Where the model follows orders.
    pub(crate) orders: Option<States>,
    /// By queue.
    pub(crate) queues: Vec<QueueFigures>,
    /// In the order in which the world counts changes.
    pub(crate) deployments: Vec<DeploymentFigures>,
    pub(crate) faults: Vec<(usize, Instant, Instant)>,
    /// Only of a replication that is alone.
    pub(crate) sections: Option<Sectioned>,
}

/// Milliseconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct LatencyFigures {
    pub(crate) mean: f64,
    pub(crate) quantiles: [f64; LatencyQuantile::ALL.len()],
    pub(crate) max: f64,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ServiceFigures {
    pub(crate) totals: ServiceTotals,
    pub(crate) max_queue: u64,
    pub(crate) max_instances: u64,
    /// Milliseconds: mean and 99 %.
    pub(crate) wait: Option<[f64; 2]>,
    /// Share of the busy time.
    pub(crate) wasted: Option<f64>,
}

/// Takes a replication apart: what is pooled, and what stays its own.
pub(crate) fn split(measured: Measured) -> (Pooled, Figures) {
    let groups = measured.groups.into_iter().map(|group| group.split());
    let (groups, group_times) = groups.unzip();
    let figures = Figures {
        groups,
        seconds: measured.time.as_secs_f64(),
        edges: measured.edges,
        latencies: measured.latencies.iter().map(LatencyFigures::of).collect(),
        services: measured.services.iter().map(ServiceFigures::of).collect(),
        transactions: measured
            .transactions
            .iter()
            .map(TransactionFacts::figures)
            .collect(),
        discovery: measured.discovery,
        stores: measured.stores,
        orders: None,
        queues: measured.queues,
        deployments: measured.deployments,
        faults: measured.faults,
        sections: measured.sections,
    };
    (
        Pooled {
            windows: measured.windows,
            latencies: measured.latencies,
            groups: group_times,
            causes: PooledCauses::default(),
        },
        figures,
    )
}

impl LatencyFigures {
    pub(crate) fn of(histogram: &Histogram) -> Option<Self> {
        let quantiles =
            histogram.quantiles(LatencyQuantile::ALL.map(LatencyQuantile::probability))?;
        Some(Self {
            mean: histogram.mean()? / 1e6,
            quantiles: quantiles.map(millis),
            max: millis(histogram.max()?),
        })
    }
}

impl ServiceFigures {
    fn of(service: &ServiceMeasured) -> Self {
        let wait = service.wait.mean().zip(service.wait.quantile(0.99));
        let busy = service.totals.busy;
        Self {
            totals: service.totals,
            max_queue: service.max_queue,
            max_instances: service.max_instances,
            wait: wait.map(|(mean, p99)| [mean / 1e6, millis(p99)]),
            wasted: (busy > 0).then(|| service.totals.wasted as f64 / busy as f64),
        }
    }
}

pub(crate) fn millis(ns: u64) -> f64 {
    ns as f64 / 1e6
}

impl EdgeMeasured {
    pub(crate) fn succeeded(&self) -> u64 {
        self.ended[Outcome::Success as usize] + self.ended[Outcome::Degraded as usize]
    }

    pub(crate) fn availability(&self) -> Option<f64> {
        per(
            self.succeeded() as f64,
            self.ended.iter().sum::<u64>() as f64,
        )
    }
}

/// `None` where there is nothing to divide by.
pub(crate) fn per(value: f64, by: f64) -> Option<f64> {
    (by > 0.0).then(|| value / by)
}
