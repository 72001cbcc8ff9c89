//! The figures of a model by name, such as `shoppers.latency.p99`: what sweeps tabulate and
//! comparisons compare.
//!
//! One replication gives one value of each; it refuses to know how values become estimates.

use crate::deployments::{DeploymentMetric, changes};
use crate::discovery::{can_crash, kind};
use crate::figures::{Figures, LatencyFigures, per};
use crate::groups::GroupCounts;
use crate::orders::OrderMetric;
use crate::queues::QueueMetric;
use crate::recorder::EdgeMeasured;
use crate::sections::Section;
use crate::stores::StoreMetric;
use crate::transactions::TransactionMetric;
use crate::windows::ServiceTotals;
use cluster::TransactionStep;
use model::{LatencyQuantile, Model, Scheduling};
use policy::Outcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A figure of a model.
#[derive(Clone, PartialEq, Debug)]
pub struct Metric {
    /// As an experiment writes it.
    pub name: String,
    /// What it is measured in.
    pub unit: Unit,
    /// Whether more of it is better, worse, or neither.
    pub better: Better,
    of: Of,
}

/// What a figure is measured in.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share, 0..=1.
    Ratio,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Per second.
    #[serde(rename = "per_s")]
    PerSecond,
    /// A number of things, not always whole.
    Count,
}

impl Unit {
    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Milliseconds => "ms",
            Self::PerSecond => "per_s",
            Self::Count => "count",
        }
    }

    /// Where a figure in this unit can lie at all; an interval is cut to it.
    pub const fn bounds(self) -> (f64, f64) {
        match self {
            Self::Ratio => (0.0, 1.0),
            _ => (0.0, f64::INFINITY),
        }
    }
}

/// Which way a figure should go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// The more the better.
    More,
    /// The less the better.
    Less,
    /// Neither.
    Neither,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Of {
    Availability(usize),
    Throughput(usize),
    Degraded(usize),
    Failed(usize, Outcome),
    LatencyMean(usize),
    LatencyQuantile(usize, usize),
    LatencyMax(usize),
    Utilization(usize, Places),
    InstancesMean(usize),
    InstancesMax(usize),
    ScaledUp(usize),
    ScaledDown(usize),
    Wasted(usize),
    QueueMean(usize),
    QueueMax(usize),
    WaitMean(usize),
    WaitP99(usize),
    Amplification(usize),
    CallFailures(usize),
    Transaction(usize, TransactionMetric),
    Order(OrderMetric),
    Store(usize, StoreMetric),
    Queue(usize, QueueMetric),
    SentToDead(usize),
    /// A service, and how many instances it has.
    Known(usize, u32),
    DetectionMean(usize),
    DetectionMax(usize),
    FalsePositives(usize),
    DiscoveryMessages(usize),
    Deployment(usize, DeploymentMetric),
    /// A figure of a group, by its place among the replicated services.
    Group(usize, OfGroup),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum OfGroup {
    /// By its place in [`GroupCounts::NAMES`].
    Count(usize),
    LeaderlessMean,
    LeaderlessMax,
    LeaderlessTotal,
    StalenessMean,
    StalenessMax,
}

impl Metric {
    /// All figures of a model: workloads, then services, calls, discovery and transactions, each in
    /// the order of the file. `edges` are named `caller->service.endpoint`, those of workloads first.
    pub(crate) fn all(
        model: &Model,
        edges: &[String],
        transactions: &[TransactionStep],
    ) -> Vec<Self> {
        use Better::{Less, More, Neither};
        use Unit::{Count, Milliseconds, PerSecond, Ratio};
        let mut all = Vec::new();
        let mut add = |name: String, unit, better, of| {
            all.push(Self {
                name,
                unit,
                better,
                of,
            });
        };
        for (w, workload) in model.workloads.iter().enumerate() {
            let name = &workload.name;
            add(
                format!("{name}.availability"),
                Ratio,
                More,
                Of::Availability(w),
            );
            add(
                format!("{name}.throughput"),
                PerSecond,
                More,
                Of::Throughput(w),
            );
            add(format!("{name}.degraded"), Ratio, Less, Of::Degraded(w));
            for kind in Outcome::FAILURES {
                let failed = format!("{name}.failed.{}", kind.name());
                add(failed, Ratio, Less, Of::Failed(w, kind));
            }
            let latency = |what: &str| format!("{name}.latency.{what}");
            add(latency("mean"), Milliseconds, Less, Of::LatencyMean(w));
            for (i, quantile) in LatencyQuantile::ALL.into_iter().enumerate() {
                let of = Of::LatencyQuantile(w, i);
                add(latency(quantile.name()), Milliseconds, Less, of);
            }
            add(latency("max"), Milliseconds, Less, Of::LatencyMax(w));
        }
        for (s, service) in model.services.iter().enumerate() {
            let name = |what: &str| format!("services.{}.{what}", service.name);
            let of = Of::Utilization(s, Places::of(model, s));
            add(name("utilization"), Ratio, Neither, of);
            add(name("wasted"), Ratio, Less, Of::Wasted(s));
            add(name("queue_length.mean"), Count, Less, Of::QueueMean(s));
            add(name("queue_length.max"), Count, Less, Of::QueueMax(s));
            add(name("wait.mean"), Milliseconds, Less, Of::WaitMean(s));
            add(name("wait.p99"), Milliseconds, Less, Of::WaitP99(s));
            if service.autoscale.is_some() {
                let of = [Of::InstancesMean(s), Of::InstancesMax(s)];
                add(name("instances.mean"), Count, Less, of[0]);
                add(name("instances.max"), Count, Less, of[1]);
                add(name("scaled_up"), Count, Neither, Of::ScaledUp(s));
                add(name("scaled_down"), Count, Neither, Of::ScaledDown(s));
            }
        }
        for (g, s) in model.replicated().enumerate() {
            let mut add = |what: &str, unit, better, of| {
                let name = format!("groups.{}.{what}", model.services[s].name);
                add(name, unit, better, Of::Group(g, of));
            };
            let times = [
                ("leaderless.mean", OfGroup::LeaderlessMean),
                ("leaderless.max", OfGroup::LeaderlessMax),
                ("leaderless.total", OfGroup::LeaderlessTotal),
                ("staleness.mean", OfGroup::StalenessMean),
                ("staleness.max", OfGroup::StalenessMax),
            ];
            for (what, of) in times {
                add(what, Milliseconds, Less, of);
            }
            for (number, what) in GroupCounts::NAMES.into_iter().enumerate() {
                let better = if what == "acknowledged" {
                    Neither
                } else {
                    Less
                };
                add(what, Count, better, OfGroup::Count(number));
            }
        }
        for (e, edge) in edges.iter().enumerate() {
            let name = |what: &str| format!("calls.{edge}.{what}");
            add(name("amplification"), Count, Less, Of::Amplification(e));
            add(name("failed"), Ratio, Less, Of::CallFailures(e));
            if can_crash(model) {
                add(name("sent_to_dead"), Ratio, Less, Of::SentToDead(e));
            }
        }
        for (s, service) in model.services.iter().enumerate() {
            if kind(&service.discovery).is_none() {
                continue;
            }
            let name = |what: &str| format!("discovery.{}.{what}", service.name);
            add(
                name("known"),
                Count,
                Neither,
                Of::Known(s, service.most_instances()),
            );
            add(
                name("down_detected.mean"),
                Milliseconds,
                Less,
                Of::DetectionMean(s),
            );
            add(
                name("down_detected.max"),
                Milliseconds,
                Less,
                Of::DetectionMax(s),
            );
            add(name("false_positives"), Count, Less, Of::FalsePositives(s));
            add(name("messages"), Count, Less, Of::DiscoveryMessages(s));
        }
        for (t, step) in transactions.iter().enumerate() {
            for (what, unit, better, metric) in TransactionMetric::all() {
                let name = format!("transactions.{}.{what}", step.name);
                add(name, unit, better, Of::Transaction(t, metric));
            }
        }
        let stores = model.stores.iter().enumerate();
        for (s, store) in stores.filter(|(_, store)| store.replicas > 0) {
            for (what, unit, better, metric) in StoreMetric::all() {
                let name = format!("stores.{}.{what}", store.name);
                add(name, unit, better, Of::Store(s, metric));
            }
        }
        if model.orders.is_some() {
            for (what, unit, better, metric) in OrderMetric::all() {
                add(format!("orders.{what}"), unit, better, Of::Order(metric));
            }
        }
        for (q, queue) in model.queues.iter().enumerate() {
            for (what, unit, better, metric) in QueueMetric::all() {
                let name = format!("queues.{}.{what}", queue.name);
                add(name, unit, better, Of::Queue(q, metric));
            }
        }
        for (number, (service, version)) in changes(model).into_iter().enumerate() {
            for (what, unit, metric) in DeploymentMetric::ALL {
                let name = format!("deployments.{service}.{version}.{what}");
                add(
                    name,
                    unit,
                    DeploymentMetric::BETTER,
                    Of::Deployment(number, metric),
                );
            }
        }
        all
    }

    /// The value in one replication; `None` where nothing was measured.
    pub(crate) fn value(&self, figures: &Figures) -> Option<f64> {
        let service = |s: usize| &figures.services[s];
        match self.of {
            Of::LatencyMax(w) => figures.latencies[w].map(|l| l.max),
            Of::Wasted(s) => service(s).wasted,
            Of::InstancesMax(s) => {
                (figures.seconds > 0.0).then_some(service(s).max_instances as f64)
            }
            Of::ScaledUp(s) => Some(service(s).totals.scaled_up as f64),
            Of::ScaledDown(s) => Some(service(s).totals.scaled_down as f64),
            Of::QueueMax(s) => (figures.seconds > 0.0).then_some(service(s).max_queue as f64),
            Of::WaitMean(s) => service(s).wait.map(|wait| wait[0]),
            Of::WaitP99(s) => service(s).wait.map(|wait| wait[1]),
            Of::Group(g, of) => {
                let group = &figures.groups[g];
                match of {
                    OfGroup::Count(count) => Some(group.counts.values()[count] as f64),
                    OfGroup::LeaderlessMean => group.leaderless.map(|times| times[0]),
                    OfGroup::LeaderlessMax => group.leaderless.map(|times| times[1]),
                    OfGroup::LeaderlessTotal => Some(group.counts.leaderless as f64 / 1e6),
                    OfGroup::StalenessMean => group.staleness.map(|times| times[0]),
                    OfGroup::StalenessMax => group.staleness.map(|times| times[1]),
                }
            }
            Of::Known(s, instances) => figures.discovery[s].known(instances, figures.seconds),
            Of::DetectionMean(s) => figures.discovery[s].mean_detection(),
            Of::DetectionMax(s) => figures.discovery[s].slowest_detection(),
            Of::FalsePositives(s) => Some(figures.discovery[s].false_positives as f64),
            Of::DiscoveryMessages(s) => Some(figures.discovery[s].messages as f64),
            Of::Deployment(number, metric) => metric.value(&figures.deployments[number]),
            Of::Transaction(t, metric) => metric.value(&figures.transactions[t]),
            Of::Store(s, metric) => metric.value(&figures.stores[s]),
            Of::Order(metric) => metric.value(figures.orders.as_ref()?),
            Of::Queue(q, metric) => metric.value(&figures.queues[q]),
            _ => {
                let calls = (&*figures.edges, &*figures.latencies);
                self.in_span(figures.seconds, calls, |s| service(s).totals)
            }
        }
    }

    /// The value in a section of a replication; `None` where nothing was measured, and always of
    /// figures that are not of sections, such as a maximum.
    pub(crate) fn in_section(&self, section: &Section) -> Option<f64> {
        let calls = (&*section.edges, &*section.latencies);
        self.in_span(section.seconds, calls, |s| section.services[s])
    }

    /// Whether a section has enough for the figure to be one of it: five answers above a quantile.
    /// Fewer, and what von Neumann's test sees of far quantiles is mostly noise (docs/statistics.md).
    pub(crate) fn fills(&self, section: &Section) -> bool {
        match self.of {
            Of::LatencyQuantile(w, i) => {
                let above = 1.0 - LatencyQuantile::ALL[i].probability();
                section.edges[w].succeeded() as f64 * above >= 5.0
            }
            _ => true,
        }
    }

    /// The figures of a span of time, whole replication or not.
    fn in_span(
        &self,
        seconds: f64,
        (edges, latencies): (&[EdgeMeasured], &[Option<LatencyFigures>]),
        totals: impl Fn(usize) -> ServiceTotals,
    ) -> Option<f64> {
        let ended = |e: usize| edges[e].ended.iter().sum::<u64>() as f64;
        match self.of {
            Of::Availability(w) => edges[w].availability(),
            Of::Throughput(w) => per(edges[w].succeeded() as f64, seconds),
            Of::Degraded(w) => {
                let degraded = edges[w].ended[Outcome::Degraded as usize];
                per(degraded as f64, ended(w))
            }
            Of::Failed(w, kind) => per(edges[w].ended[kind as usize] as f64, ended(w)),
            Of::LatencyMean(w) => latencies[w].map(|l| l.mean),
            Of::LatencyQuantile(w, i) => latencies[w].map(|l| l.quantiles[i]),
            Of::Utilization(s, places) => places.busy_share(&totals(s), seconds),
            Of::InstancesMean(s) => per(totals(s).instances as f64 / 1e9, seconds),
            Of::QueueMean(s) => per(totals(s).queue as f64 / 1e9, seconds),
            Of::Amplification(e) => per(edges[e].attempts as f64, edges[e].calls as f64),
            Of::SentToDead(e) => per(edges[e].sent_to_dead as f64, edges[e].attempts as f64),
            Of::CallFailures(e) => per(ended(e) - edges[e].succeeded() as f64, ended(e)),
            _ => None,
        }
    }

    /// Where the figure can lie at all; an interval is cut to it.
    pub fn bounds(&self) -> (f64, f64) {
        self.unit.bounds()
    }
}

/// What can be busy at once in a service: workers, or the cores that they share.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Places {
    /// In all of its instances, however many of them are up.
    All(f64),
    /// In each of its instances, whose number changes with the load.
    Each(f64),
}

impl Places {
    pub(crate) fn of(model: &Model, s: usize) -> Self {
        let service = &model.services[s];
        let most = match service.scheduling {
            Scheduling::Fcfs => service.workers,
            Scheduling::ProcessorSharing { cores } => cores.min(service.workers),
        };
        match service.autoscale {
            Some(_) => Self::Each(f64::from(most)),
            None => Self::All(f64::from(most) * f64::from(service.instances)),
        }
    }

    /// The share of them that was busy over so many seconds.
    pub(crate) fn busy_share(self, totals: &ServiceTotals, seconds: f64) -> Option<f64> {
        self.share(totals.busy, totals, seconds)
    }

    /// What share of them these workers × nanoseconds are.
    pub(crate) fn share(self, time: u128, totals: &ServiceTotals, seconds: f64) -> Option<f64> {
        let time = time as f64 / 1e9;
        match self {
            Self::All(places) => per(time, places * seconds),
            Self::Each(places) => per(time, places * (totals.instances as f64 / 1e9)),
        }
    }
}

/// The position of the metric that is meant by a word: its name, also with `workloads.` before a
/// workload's, and with the `_ms` of results behind what is a time.
pub fn find_metric(metrics: &[Metric], word: &str) -> Option<usize> {
    let word = plain_name(word);
    metrics.iter().position(|metric| metric.name == word)
}

/// Whether the metric of this name is a workload's; all others begin with what they are of.
pub fn is_of_workload(name: &str) -> bool {
    const OTHERS: [&str; 9] = [
        "calls.",
        "deployments.",
        "discovery.",
        "groups.",
        "orders.",
        "queues.",
        "services.",
        "stores.",
        "transactions.",
    ];
    !OTHERS.iter().any(|of| name.starts_with(of))
}

/// The name of a metric that is meant by a word.
pub(crate) fn plain_name(word: &str) -> String {
    let mut word = word.strip_prefix("workloads.").unwrap_or(word).to_owned();
    for time in [
        "latency",
        "in_doubt",
        "lock",
        "leaderless",
        "staleness",
        "down_detected",
        "wait",
        "time",
    ] {
        word = word.replace(&format!(".{time}_ms."), &format!(".{time}."));
    }
    word
}
