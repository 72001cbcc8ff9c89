//! Deployments: a new version of a service goes out, and perhaps comes back.

use super::{Distribution, QueueId, ServiceId};
use clock::{Duration, Instant};

/// A new version of a service. Which edition an instance has follows from its service's deployments
/// and from the configuration: see [`Edition`](super::Edition).
#[derive(Clone, PartialEq, Debug)]
pub struct Deployment {
    /// Of which service.
    pub service: ServiceId,
    /// Counts the versions of the service; the model's own is 0.
    pub version: u32,
    /// When it begins.
    pub at: Instant,
    /// In which order instances get it.
    pub strategy: Strategy,
    /// What is done when it goes wrong.
    pub rollback: Rollback,
}

/// In which order instances get a new version. An instance that gets one stops as in a shutdown (what
/// it serves is served to its end), and is away for the service's `startup`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Strategy {
    /// All at the same time.
    AllAtOnce,
    /// Some, then the next ones.
    Rolling {
        /// How many at a time, at least 1.
        batch: u32,
        /// From when they are ready to the next.
        pause: Duration,
    },
    /// A few first; all others when they have done well for some time.
    Canary {
        /// The share of instances that are first, above 0, rounded up.
        share: f64,
        /// For how long they are watched.
        watch: Duration,
    },
    /// As many new instances beside the old ones; all callers turn at once when all are ready, and the
    /// old ones stay until the new version has proved itself.
    BlueGreen,
}

/// What is done when a version goes wrong.
#[derive(Clone, PartialEq, Debug)]
pub struct Rollback {
    /// Who decides and who acts.
    pub mode: RollbackMode,
    /// What tells that it goes wrong; any of them. Empty with [`RollbackMode::None`].
    pub detect: Vec<Detector>,
    /// Queues that stop forwarding when a rollback begins, and are replayed from the last message
    /// before the deployment.
    pub replay: Vec<QueueId>,
    /// Stores that are restored to what the snapshot and the log say of the time before the deployment.
    pub restore: Vec<usize>,
    /// How long one store takes to be restored.
    pub restore_time: Distribution,
    /// How it is made sure that the system is back, before traffic returns; `None`: it is not.
    pub verify: Option<Verify>,
    /// Attempts at all, when verification fails; at least 1.
    pub attempts: u32,
}

/// Probes after a rollback: every instance is asked again and again, and one failure is one too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verify {
    /// For how long; above 0.
    pub lasts: Duration,
    /// Between two probes of an instance; above 0, at most `lasts`.
    pub interval: Duration,
}

/// Who decides and who acts.
#[derive(Clone, PartialEq, Debug)]
pub enum RollbackMode {
    /// Nobody.
    None,
    /// The system does, at once.
    Automatic,
    /// A person does: notices after `notice`, then needs `per_step` for each thing to be done (a
    /// queue, a store, a service), one after the other.
    Manual {
        /// From the alarm to the first step.
        notice: Distribution,
        /// For each step.
        per_step: Distribution,
    },
}

/// What tells that a version goes wrong. It looks once for each tenth of its window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Detector {
    /// The share of failed requests at the service over a window.
    ErrorRate {
        /// Above it, 0..=1.
        above: f64,
        /// The window.
        over: Duration,
        /// Fewer requests than this tell nothing.
        minimum: u32,
    },
    /// A quantile of the time that the service takes, over a window.
    Latency {
        /// 0..1.
        quantile: f64,
        /// Above it.
        above: Duration,
        /// The window.
        over: Duration,
        /// Fewer requests than this tell nothing.
        minimum: u32,
    },
    /// The error budget of the model's availability burns faster than this over both windows (Google's
    /// SRE workbook, chapter 5).
    BurnRate {
        /// Times the rate at which the budget lasts for ever; above 0.
        above: f64,
        /// The long window.
        long: Duration,
        /// The short one.
        short: Duration,
        /// Fewer requests in the short window than this tell nothing.
        minimum: u32,
    },
    /// Instances of the new version that are down or do not become ready.
    Health {
        /// For how long.
        over: Duration,
    },
}

/// How many instances a service has, as its load says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Autoscale {
    /// At least 1, at most the service's `instances`.
    pub min: u32,
    /// At least the service's `instances`.
    pub max: u32,
    /// What is looked at.
    pub metric: ScaleMetric,
    /// What the metric should be: a ratio of utilisation, or waiting requests for each instance; above 0.
    pub target: f64,
    /// Between two looks; above 0. The metric is its mean since the last one, over the instances that
    /// are ready.
    pub interval: Duration,
    /// Fewer instances only when for so long no look wanted more.
    pub cooldown: Duration,
}

/// What an autoscaler looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScaleMetric {
    /// Busy workers ÷ workers; where cores are shared, busy cores ÷ cores.
    Utilization,
    /// Waiting requests for each instance.
    QueueLength,
}
