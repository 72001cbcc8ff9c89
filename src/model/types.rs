//! The checked model: names resolved to indices, quantities in nanoseconds and plain numbers.
//!
//! Whoever holds a [`Model`] need not doubt it: every index is in range, every number in the range
//! that its field states. Only `check` makes one.

mod deployments;
mod discovery;
mod editions;
mod orders;
mod queues;
mod replication;
mod transactions;

pub use deployments::{
    Autoscale, Deployment, Detector, Rollback, RollbackMode, ScaleMetric, Strategy, Verify,
};
pub use discovery::{Discovery, Gossip, HealthCheck, Lease};
pub use editions::{ConfigCentre, Edition, EditionId, Propagation, Push};
pub use orders::Orders;
pub use queues::{MessageQueue, Producer, QueueId, Redelivery, Sharing, WhenFull};
pub use replication::{FailoverBuffer, Reads, Replication, ReplicationProtocol};
pub use transactions::{
    OnConflict, Participant, Transaction, TransactionKeys, TransactionProtocol,
};

use clock::{Duration, Instant};
use policy::config::{
    AdmissionConfig, BalancerConfig, DegradeConfig, Discipline, OutlierConfig, PolicyConfig,
};

/// Index into [`Model::services`].
pub type ServiceId = usize;
/// Index into [`Model::policies`].
pub type PolicyId = usize;
/// Index into [`Model::zones`].
pub type ZoneId = usize;

/// What exists, and what happens to it.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    /// The model's name.
    pub name: String,
    /// How long and how often it runs.
    pub run: Run,
    /// The objectives.
    pub slo: Slo,
    /// At least one.
    pub zones: Vec<Zone>,
    /// Delays and losses between instances.
    pub network: Network,
    /// In the order of the file.
    pub policies: Vec<Policy>,
    /// Distributions that policies draw from ([`policy::config::Span::Sampled`] counts here).
    pub policy_spans: Vec<Distribution>,
    /// In the order of the file.
    pub services: Vec<Service>,
    /// In the order of the file.
    pub stores: Vec<Store>,
    /// In the order of the file.
    pub queues: Vec<MessageQueue>,
    /// How configuration changes; `None`: never.
    pub config: Option<ConfigCentre>,
    /// In the order of their times.
    pub deployments: Vec<Deployment>,
    /// Of each service that a deployment or a change of configuration concerns: one for each version
    /// and configuration but the model's own.
    pub editions: Vec<Edition>,
    /// Whose requests are orders; `None`: nobody follows any.
    pub orders: Option<Orders>,
    /// In the order of the file.
    pub workloads: Vec<Workload>,
    /// In the order of the file.
    pub faults: Vec<Fault>,
}

/// How long and how often a model runs.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// Simulated time, warm-up included; above 0, at most ten years.
    pub duration: Duration,
    /// What is cut off the front.
    pub warmup: Warmup,
    /// Fixes every random draw.
    pub seed: u64,
    /// Independent repetitions, at least 1.
    pub replications: u32,
}

/// How much is cut off the front of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Warmup {
    /// By the user's word; shorter than the run.
    Fixed(Duration),
    /// MSER-5 on the latency series.
    Auto,
}

/// The objectives; all optional.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Slo {
    /// The least share of successes, 0..=1.
    pub availability: Option<f64>,
    /// The most latency at each quantile, in the order p50, p90, p95, p99, p99_9.
    pub latency: Vec<(LatencyQuantile, Duration)>,
}

/// The quantiles that objectives and results speak of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LatencyQuantile {
    /// Median.
    P50,
    /// 90 %.
    P90,
    /// 95 %.
    P95,
    /// 99 %.
    P99,
    /// 99.9 %.
    P99_9,
}

impl LatencyQuantile {
    /// All, rising.
    pub const ALL: [Self; 5] = [Self::P50, Self::P90, Self::P95, Self::P99, Self::P99_9];

    /// The name in models and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P99_9 => "p99_9",
        }
    }

    /// The probability, 0..1.
    pub const fn probability(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
            Self::P99_9 => 0.999,
        }
    }
}

/// A zone with its nodes `NAME-1 … NAME-n`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// The zone's name; `default` where the model has none.
    pub name: String,
    /// How many nodes; `None` (the implied zone only): one node per instance.
    pub nodes: Option<u32>,
}

/// Delays and losses of messages.
#[derive(Clone, PartialEq, Debug)]
pub struct Network {
    /// Both ends in one zone; also between a workload's clients and the instance they reach.
    pub within_zone: Link,
    /// The ends in different zones.
    pub between_zones: Link,
    /// Exceptions; the closest match wins: two services, then a service and a zone, then two
    /// zones, and among equals the later one.
    pub links: Vec<LinkRule>,
}

/// What a message meets on its way.
#[derive(Clone, PartialEq, Debug)]
pub struct Link {
    /// One way, per message.
    pub latency: Distribution,
    /// The share of messages that vanish, 0..=1.
    pub loss: f64,
}

/// A link between two named places, in the direction given.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkRule {
    /// Where the message comes from.
    pub from: Place,
    /// Where it goes.
    pub to: Place,
    /// What it meets.
    pub link: Link,
}

/// A place that network rules and faults name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// All nodes of a zone.
    Zone(ZoneId),
    /// All instances of a service.
    Service(ServiceId),
    /// All clients of a workload.
    Workload(usize),
    /// A node of a zone, counted from 0.
    Node(ZoneId, u32),
    /// An instance of a service, counted from 0 (`payment-1` in a model is number 0).
    Instance(ServiceId, u32),
}

/// A duration, fixed or random. Times are in nanoseconds.
#[derive(Clone, PartialEq, Debug)]
pub enum Distribution {
    /// Always the same.
    Constant(Duration),
    /// Mean above 0.
    Exponential {
        /// In nanoseconds.
        mean: f64,
    },
    /// `low <= high`.
    Uniform {
        /// In nanoseconds.
        low: f64,
        /// In nanoseconds.
        high: f64,
    },
    /// Truncated at 0 (negative draws are drawn again).
    Normal {
        /// In nanoseconds.
        mean: f64,
        /// In nanoseconds, at least 0.
        sd: f64,
    },
    /// `exp(mu + sigma Z)` nanoseconds.
    Lognormal {
        /// Of the logarithm of nanoseconds.
        mu: f64,
        /// At least 0.
        sigma: f64,
    },
    /// Shape `1/cv²`.
    Gamma {
        /// Above 0.
        shape: f64,
        /// In nanoseconds, above 0.
        scale: f64,
    },
    /// Sum of `k` exponentials of mean `mean/k`.
    Erlang {
        /// 1..=10000.
        k: u32,
        /// Of the sum, in nanoseconds.
        mean: f64,
    },
    /// `scale * E^(1/shape)`.
    Weibull {
        /// In nanoseconds, above 0.
        scale: f64,
        /// Above 0.
        shape: f64,
    },
    /// `minimum * U^(-1/shape)`, cut to `maximum` by conditioning where one is given.
    Pareto {
        /// In nanoseconds, above 0.
        minimum: f64,
        /// Above 0.
        shape: f64,
        /// In nanoseconds, above `minimum`.
        maximum: Option<f64>,
    },
    /// Two exponentials with balanced means: with probability `p` of mean `mean1`, else `mean2`.
    Hyperexponential {
        /// 0..1.
        p: f64,
        /// In nanoseconds.
        mean1: f64,
        /// In nanoseconds.
        mean2: f64,
    },
    /// One of several, by weight (above 0).
    Mixture(Vec<(f64, Distribution)>),
    /// Inverse-CDF sampling with linear interpolation between sorted values; at least one.
    Empirical(Vec<f64>),
}

/// A named policy.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    /// The name in the model.
    pub name: String,
    /// Its layers.
    pub config: PolicyConfig,
}

/// A service: instances that serve endpoints.
#[derive(Clone, PartialEq, Debug)]
pub struct Service {
    /// The name in the model.
    pub name: String,
    /// At least 1.
    pub instances: u32,
    /// How many requests one instance serves at once, at least 1.
    pub workers: u32,
    /// What a request holds while it waits for others.
    pub threading: Threading,
    /// How work shares the workers.
    pub scheduling: Scheduling,
    /// How many may wait at one instance; `None`: unbounded.
    pub queue_capacity: Option<u32>,
    /// In which order they are served.
    pub discipline: Discipline,
    /// What becomes of work that nobody waits for.
    pub abandoned: Abandoned,
    /// How callers choose an instance.
    pub balancer: BalancerConfig,
    /// When callers leave an instance out; `None`: never.
    pub outlier_ejection: Option<OutlierConfig>,
    /// What a request passes before it is queued.
    pub admission: AdmissionConfig,
    /// When an instance skips the steps marked optional; `None`: never.
    pub degrade: Option<DegradeConfig>,
    /// From (re)start to readiness.
    pub startup: Distribution,
    /// How callers learn of instances.
    pub discovery: Discovery,
    /// How the instances keep one log; `None`: they have nothing in common.
    pub replication: Option<Replication>,
    /// How many of the instances serve; `None`: all, always. `instances` is how many serve at first.
    pub autoscale: Option<Autoscale>,
    /// At least one.
    pub endpoints: Vec<Endpoint>,
}

impl Service {
    /// The most instances that may serve at once: `instances`, or what an autoscaler may make of them.
    pub fn most_instances(&self) -> u32 {
        let most = self.autoscale.map_or(0, |autoscale| autoscale.max);
        most.max(self.instances)
    }
}

/// What a request holds while it waits for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Threading {
    /// A worker, for the whole handler.
    #[default]
    Blocking,
    /// A worker for `compute` only.
    Async,
}

/// How work shares the workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scheduling {
    /// One worker, one request, in the order of the queue's discipline.
    #[default]
    Fcfs,
    /// Up to `workers` requests share `cores` evenly, none faster than one core.
    ProcessorSharing {
        /// At least 1.
        cores: u32,
    },
}

/// What is done with a request whose caller has given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Abandoned {
    /// The work is still done and burns capacity.
    #[default]
    Serve,
    /// It is dropped when it would leave the queue.
    DropQueued,
    /// It is dropped from the queue, and stopped where it is being served.
    Cancel,
}

/// An endpoint and what its handler does.
#[derive(Clone, PartialEq, Debug)]
pub struct Endpoint {
    /// The name in the model.
    pub name: String,
    /// In order; empty answers at once.
    pub steps: Vec<Step>,
}

/// A service's endpoint, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Target {
    /// The service.
    pub service: ServiceId,
    /// Index into its endpoints.
    pub endpoint: usize,
}

/// One step of a handler.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Work that needs a worker.
    Compute(Distribution),
    /// Time that passes without work.
    Wait(Distribution),
    /// A call of another endpoint; the handler fails when the call does.
    Call {
        /// Whom.
        target: Target,
        /// Around the call; none sends it once and waits for ever.
        policy: Option<PolicyId>,
        /// The handler can do without: the step is skipped while its instance degrades, and its
        /// failure is not the handler's. Either way the answer is degraded.
        optional: bool,
    },
    /// Branches at the same time; goes on when `require` have succeeded (the rest run on,
    /// unheard), fails when that has become impossible.
    Parallel {
        /// At least one.
        branches: Vec<Vec<Step>>,
        /// 1..=branches.
        require: u32,
    },
    /// One alternative, by weight (at least 0, their sum above 0).
    Choose(Vec<(f64, Vec<Step>)>),
    /// The steps, one round after the other.
    Repeat {
        /// How many rounds; may be 0.
        times: u32,
        /// One round.
        steps: Vec<Step>,
    },
    /// The handler fails with this probability, 0..=1.
    Fail(f64),
    /// Reads a record of a table; remembers its version for a conditional write. Takes no time of
    /// its own.
    Read {
        /// Which.
        table: Table,
        /// At the owner's, where the store has copies.
        fresh: bool,
    },
    /// Writes a record of a table. Takes no time of its own.
    Write {
        /// Which.
        table: Table,
        /// Fails with `conflict` when another write came after this handler's read of the table.
        if_unchanged: bool,
        /// Does nothing where the request's order has written the table before.
        once: bool,
    },
    /// Several services commit or abort as one.
    Transaction(Box<Transaction>),
    /// Publishes a message; the handler fails when the queue does not take it.
    Publish(QueueId),
    /// Looks something up; what is not there is made by the steps of a miss.
    Cache(Box<Cache>),
}

/// A cache that each instance holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Cache {
    /// What is in it.
    pub content: CacheContent,
    /// How long an entry lives; [`Duration::MAX`]: for ever.
    pub ttl: Duration,
    /// What a miss takes; the entry is there when they have succeeded.
    pub miss: Vec<Step>,
}

/// What is in a cache.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum CacheContent {
    /// A lookup hits with this probability, whatever it looks for.
    HitRatio {
        /// 0..=1.
        ratio: f64,
        /// After a start, the probability rises in a straight line over so many lookups; 0: it is there
        /// at once.
        warm_after: u32,
    },
    /// Entries by key, the least recently used leaving first; an instance starts without any.
    Keys {
        /// What is looked up; `None`: the key of the request.
        drawn: Option<Keys>,
        /// How many entries; `None`: unbounded.
        capacity: Option<u32>,
    },
}

/// A table of a store, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Table {
    /// Index into [`Model::stores`].
    pub store: usize,
    /// Index into its tables.
    pub table: usize,
}

/// Data with a single service that may write it.
#[derive(Clone, PartialEq, Debug)]
pub struct Store {
    /// The name in the model.
    pub name: String,
    /// Who may write.
    pub owner: ServiceId,
    /// The tables that steps name, in the order in which they are first named. Each holds one
    /// record for each key of the request (one record where the workload has no keys).
    pub tables: Vec<String>,
    /// Copies that other services read from; 0: everyone reads at the owner's.
    pub replicas: u32,
    /// How long a write takes to reach a copy, drawn for each write and copy.
    pub lag: Distribution,
    /// What a rollback restores from.
    pub snapshot: Snapshot,
}

/// Snapshots of a store. A restore takes up the newest one before the change, and then the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Between two of them; [`Duration::MAX`]: there is only that of the beginning.
    pub every: Duration,
    /// How long one write of the log takes to be applied to one.
    pub apply: Duration,
}

/// Who calls the system from outside.
#[derive(Clone, PartialEq, Debug)]
pub struct Workload {
    /// The name in the model.
    pub name: String,
    /// What its requests ask for.
    pub target: Target,
    /// The clients' own policy; none waits for ever.
    pub policy: Option<PolicyId>,
    /// Smaller is served first where a queue's discipline is `priority`; default 0. Calls made on
    /// behalf of a request inherit it.
    pub priority: u32,
    /// The keys (customers) that requests come from; `None`: all from key 0. Calls made on behalf of
    /// a request have its key.
    pub keys: Option<Keys>,
    /// When requests are made.
    pub source: Source,
}

/// Keys of requests, such as customers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Keys {
    /// At least 1.
    pub count: u32,
    /// The share of the k-th key is proportional to `k^-zipf`; 0: all alike.
    pub zipf: f64,
}

/// When requests are made.
#[derive(Clone, PartialEq, Debug)]
pub enum Source {
    /// Exponential gaps.
    Poisson(RateProfile),
    /// Even gaps.
    Deterministic(RateProfile),
    /// Independent gaps of this distribution.
    Renewal(Distribution),
    /// Poisson with a rate that jumps between states; after each hold the next state in order, the
    /// first after the last.
    Mmpp(Vec<MmppState>),
    /// At these times, rising.
    Times(Vec<Instant>),
    /// Users who each wait for their answer, think, and ask again.
    Closed {
        /// At least 1.
        users: u32,
        /// Between an answer and the next request; also before the first.
        think: Distribution,
    },
    /// All at once.
    Batch {
        /// At least 1.
        size: u32,
        /// When.
        at: Instant,
    },
}

/// One state of a Markov-modulated Poisson process.
#[derive(Clone, PartialEq, Debug)]
pub struct MmppState {
    /// Requests a second, at least 0.
    pub rate: f64,
    /// How long it lasts.
    pub hold: Distribution,
}

/// A rate over time: the first segment starts at 0, starts rise; the last one goes on for ever.
#[derive(Clone, PartialEq, Debug)]
pub struct RateProfile(pub Vec<RateSegment>);

/// From `at` on, the rate moves in a straight line to `rate` over `ramp`, then stays.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RateSegment {
    /// When it begins.
    pub at: Instant,
    /// Per second, at least 0.
    pub rate: f64,
    /// How long the change takes; 0 jumps. Ends before the next segment begins.
    pub ramp: Duration,
}

/// Something goes wrong.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// Once, or again and again.
    pub when: Occurrence,
    /// What.
    pub kind: FaultKind,
}

/// When a fault is there.
#[derive(Clone, PartialEq, Debug)]
pub enum Occurrence {
    /// From `at`, for a while; `None`: until the end.
    Once {
        /// When it begins.
        at: Instant,
        /// How long it lasts.
        lasts: Option<Duration>,
    },
    /// Alternating: good for `mtbf`, bad for `mttr`, each drawn anew, beginning good.
    Renewal {
        /// Time until it begins.
        mtbf: Distribution,
        /// Time until it is over.
        mttr: Distribution,
    },
}

/// What goes wrong.
#[derive(Clone, PartialEq, Debug)]
pub enum FaultKind {
    /// The instances there stop, and lose the work in them; they start again when it is over.
    Crash {
        /// Where.
        place: Place,
        /// How callers find out.
        mode: CrashMode,
    },
    /// Whoever leads the group of a service when it begins stops, as in a crash; nobody when nobody
    /// leads.
    CrashLeader {
        /// Of which service.
        service: ServiceId,
        /// How callers find out.
        mode: CrashMode,
    },
    /// The instances there do nothing, lose nothing, and go on when it is over.
    Pause {
        /// Where.
        place: Place,
    },
    /// `compute` takes `factor` times as long there.
    Slow {
        /// Where.
        place: Place,
        /// Above 0; below 1 is faster.
        factor: f64,
    },
    /// Requests fail there, once served, with this probability.
    Errors {
        /// Where.
        place: Place,
        /// 0..=1.
        ratio: f64,
    },
    /// Messages take longer, in the direction given; no `from` or `to` means anywhere.
    Latency {
        /// Where from.
        from: Option<Place>,
        /// Where to.
        to: Option<Place>,
        /// What is added to each.
        add: Distribution,
    },
    /// Messages vanish, in the direction given; no `from` or `to` means anywhere.
    Loss {
        /// Where from.
        from: Option<Place>,
        /// Where to.
        to: Option<Place>,
        /// 0..=1.
        ratio: f64,
    },
    /// Messages between different groups vanish; places in no group reach everyone.
    Partition {
        /// At least two.
        groups: Vec<Vec<Place>>,
    },
    /// A bad configuration is pushed, and taken back when the fault is over.
    Config {
        /// The configuration of the push.
        config: u32,
        /// What it says, for people.
        label: String,
    },
    /// A workload's rate is multiplied (closed workloads: thinking is divided).
    Surge {
        /// Which.
        workload: usize,
        /// At least 0.
        factor: f64,
    },
}

/// How callers find out that an instance is down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CrashMode {
    /// Connections are refused, and those that were open break: callers learn `unavailable`.
    #[default]
    Refuse,
    /// Messages vanish: callers learn nothing.
    Blackhole,
}

impl Model {
    /// How many instances of a service may be there at once: twice its own where a version goes out
    /// beside them, the most that its autoscaler may want.
    pub fn slots(&self, service: ServiceId) -> u32 {
        let beside = |deployment: &Deployment| {
            deployment.service == service && deployment.strategy == Strategy::BlueGreen
        };
        let own = self.services[service].most_instances();
        match self.deployments.iter().any(beside) {
            true => own.saturating_mul(2),
            false => own,
        }
    }

    /// The services that are replicated.
    pub fn replicated(&self) -> impl Iterator<Item = ServiceId> {
        let services = self.services.iter().enumerate();
        services
            .filter(|(_, service)| service.replication.is_some())
            .map(|(id, _)| id)
    }

    /// `service.endpoint`, as a model writes it.
    pub fn target_name(&self, target: Target) -> String {
        let service = &self.services[target.service];
        format!(
            "{}.{}",
            service.name, service.endpoints[target.endpoint].name
        )
    }
}
