//! Hears the facts of one replication and counts them.
//!
//! It sits on the path of every event, so that a fact costs a few additions: no allocation, no
//! division, no search for a window. Counters only ever rise; windows and the end of the warm-up
//! are differences taken in [`Observer::tick`]. A latency is counted once, in the histogram of
//! the window in hand, which is added to the run's when the window ends. Memory is bounded by the
//! model and the number of windows, not by the number of requests.
//!
//! It refuses to know other replications, and names.

use crate::causes::CauseFacts;
use crate::deployments::DeploymentFigures;
use crate::discovery::{DiscoveryFacts, DiscoveryMeasured};
use crate::fault_log::FaultLog;
use crate::groups::{GroupFacts, GroupMeasured};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::queues::{QueueFacts, QueueFigures};
use crate::sections::{Sectioned, Sections, Totals};
use crate::stores::StoreFacts;
use crate::transactions::TransactionFacts;
use crate::windows::{EdgeWindow, QUANTILES, ServiceTotals, Windows, WorkloadWindow};
use clock::{Duration, Instant};
use cluster::{
    ChainId, DeploymentFact, DiscoveryFact, EdgeId, GroupFact, MessageFact, Observer, Tick,
    TransactionFact,
};
use policy::Outcome;
use stats::{Gauge, Histogram};

/// Counts the facts of one replication.
pub(crate) struct Recorder<'a> {
    plan: Plan,
    progress: &'a Progress,
    edges: Vec<EdgeFacts>,
    /// The latencies of the first edges, which are those of workloads.
    latencies: Vec<Latency>,
    services: Vec<ServiceFacts>,
    /// By step: those begun after warm-up.
    transactions: Vec<TransactionFacts>,
    /// Of replicated services, by their numbers.
    groups: Vec<(usize, GroupFacts)>,
    /// By service.
    discovery: Vec<DiscoveryFacts>,
    queues: Vec<QueueFacts>,
    /// By store.
    stores: Vec<StoreFacts>,
    /// In the order in which the world counts changes.
    deployments: Vec<DeploymentFigures>,
    faults: FaultLog,
    /// Only where causes are wanted.
    causes: Option<CauseFacts>,
    windows: Windows,
    /// Only where an interval within the replication is wanted.
    sections: Option<Sections>,
    /// When the window in hand began.
    window_start: Instant,
    /// Whether the end of the warm-up was passed.
    warm: bool,
    /// How often progress is told.
    look: Duration,
    told: Instant,
}

/// Windows are too long to wait for when someone wants to stop.
const LOOKS_PER_WINDOW: u64 = 64;

/// What began before the end of the warm-up, and what began after it.
const PHASES: usize = 2;

#[derive(Clone, Default)]
struct EdgeFacts {
    started: u64,
    attempts: [u64; PHASES],
    /// By phase of the start, and number of the outcome.
    ended: [[u64; Outcome::ALL.len()]; PHASES],
    lost: u64,
    /// Attempts to instances that were down, after warm-up.
    sent_to_dead: u64,
    /// Open breakers of all callers.
    open: Gauge,
    /// Calls started before the end of the warm-up.
    started_before: u64,
    /// Nanoseconds: of every call that is over, from its start to its end, less the starts of those
    /// under way. The time that those have taken is added when it is asked for.
    taken: i128,
    /// Totals at the start of the window in hand.
    window: EdgeWindow,
    open_mark: u128,
}

#[derive(Clone, Default)]
struct Latency {
    /// Successes of the window in hand, by phase of the request's start.
    window: [Histogram; PHASES],
    /// Of requests issued after warm-up, in windows that have ended.
    measured: Histogram,
}

#[derive(Clone, Default)]
struct ServiceFacts {
    arrived: u64,
    completed: u64,
    refused: u64,
    skipped: u64,
    ejections: u64,
    queue: Gauge,
    busy: Gauge,
    /// Those that an autoscaler wants; 0 where there is none.
    instances: Gauge,
    scaled_up: u64,
    scaled_down: u64,
    /// Of requests that arrived after warm-up.
    wait: Histogram,
    /// Nanoseconds, after warm-up.
    wasted: u128,
    window: ServiceTotals,
    warmup: ServiceTotals,
}

/// What one replication leaves.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Measured {
    /// Simulated time after warm-up.
    pub(crate) time: Duration,
    pub(crate) edges: Vec<EdgeMeasured>,
    pub(crate) services: Vec<ServiceMeasured>,
    /// By step.
    pub(crate) transactions: Vec<TransactionFacts>,
    /// By service.
    pub(crate) discovery: Vec<DiscoveryMeasured>,
    /// By queue.
    pub(crate) queues: Vec<QueueFigures>,
    /// By store.
    pub(crate) stores: Vec<StoreFacts>,
    /// By workload: successes of requests issued after warm-up.
    pub(crate) latencies: Vec<Histogram>,
    pub(crate) groups: Vec<GroupMeasured>,
    pub(crate) windows: Windows,
    /// Where they were wanted.
    pub(crate) causes: Option<CauseFacts>,
    pub(crate) deployments: Vec<DeploymentFigures>,
    /// Where they were wanted, and the replication ran to its end.
    pub(crate) sections: Option<Sectioned>,
    /// Fault, begin and end, in the order of their beginning.
    pub(crate) faults: Vec<(usize, Instant, Instant)>,
}

/// Calls that were started after warm-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct EdgeMeasured {
    pub(crate) calls: u64,
    pub(crate) attempts: u64,
    /// Attempts to instances that were down.
    pub(crate) sent_to_dead: u64,
    /// By the number of the outcome.
    pub(crate) ended: [u64; Outcome::ALL.len()],
}

/// A service after warm-up.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ServiceMeasured {
    pub(crate) totals: ServiceTotals,
    pub(crate) max_queue: u64,
    pub(crate) max_instances: u64,
    pub(crate) wait: Histogram,
}

impl<'a> Recorder<'a> {
    /// Hears a world of so many workloads, services and transaction steps, and of edges of which
    /// those marked have circuit breakers.
    pub(crate) fn new(
        plan: Plan,
        [workloads, services, transactions]: [usize; 3],
        edges: &[bool],
        progress: &'a Progress,
    ) -> Self {
        let breakers = edges
            .iter()
            .enumerate()
            .filter(|(_, has_breaker)| **has_breaker)
            .map(|(edge, _)| edge);
        Self {
            progress,
            edges: vec![EdgeFacts::default(); edges.len()],
            latencies: vec![Latency::default(); workloads],
            services: vec![ServiceFacts::default(); services],
            transactions: vec![TransactionFacts::default(); transactions],
            groups: Vec::new(),
            discovery: vec![DiscoveryFacts::default(); services],
            queues: Vec::new(),
            stores: Vec::new(),
            deployments: Vec::new(),
            faults: FaultLog::default(),
            windows: Windows::new(plan.windows(), workloads, services, edges.len(), breakers),
            causes: None,
            sections: None,
            window_start: Instant::ZERO,
            warm: plan.warmup_end == Instant::ZERO,
            look: Duration::from_nanos((plan.window.as_nanos() / LOOKS_PER_WINDOW).max(1)),
            told: Instant::ZERO,
            plan,
        }
    }

    /// These services are replicated.
    pub(crate) fn with_groups(mut self, services: impl IntoIterator<Item = usize>) -> Self {
        let groups = services.into_iter();
        self.groups = groups.map(|s| (s, GroupFacts::new())).collect();
        self
    }

    /// The same, where so many callers have a view of each service.
    pub(crate) fn watched(mut self, watchers: impl Iterator<Item = u32>) -> Self {
        self.discovery = watchers.map(DiscoveryFacts::new).collect();
        self
    }

    /// There are so many stores.
    pub(crate) fn with_stores(mut self, stores: usize) -> Self {
        self.stores = vec![StoreFacts::default(); stores];
        self
    }

    /// There are so many message queues.
    pub(crate) fn with_queues(mut self, queues: usize) -> Self {
        self.queues = vec![QueueFacts::default(); queues];
        self.windows.queues = vec![Vec::new(); queues];
        self
    }

    /// By service: how many instances it begins with, where an autoscaler changes that.
    pub(crate) fn scaled(mut self, instances: impl Iterator<Item = Option<u32>>) -> Self {
        for (service, instances) in self.services.iter_mut().zip(instances) {
            service.instances.set(0, instances.unwrap_or(0).into());
        }
        self
    }

    /// There are so many changes.
    pub(crate) fn with_deployments(mut self, changes: usize) -> Self {
        self.deployments = vec![DeploymentFigures::default(); changes];
        self
    }

    /// It is to be known why requests failed.
    pub(crate) fn with_causes(mut self) -> Self {
        self.causes = Some(CauseFacts::default());
        self
    }

    /// It is the only replication: an interval is to be made within it.
    pub(crate) fn in_sections(mut self) -> Self {
        self.sections = Sections::of(&self.plan, self.latencies.len());
        self
    }

    /// Closes the last window where the run ended, and hands out what was measured.
    pub(crate) fn finish(mut self, end: Instant) -> Measured {
        self.pass(end);
        if self.window_start < end {
            self.close_window(end);
        } else {
            // What happened in the very instant at which a run was stopped is in no window.
            for latency in &mut self.latencies {
                latency.close_window();
            }
        }
        // What is left when a run ends early is done, too.
        self.progress.advance(self.plan.end.since(self.told));
        let warm = self.warm;
        let edges = self.edges.iter().map(|edge| EdgeMeasured {
            calls: if warm {
                edge.started - edge.started_before
            } else {
                0
            },
            attempts: edge.attempts[1],
            sent_to_dead: edge.sent_to_dead,
            ended: edge.ended[1],
        });
        let discovery = self.discovery.iter().map(|facts| facts.finish(end, warm));
        let services = self.services.into_iter().map(|service| {
            let totals = service.totals(end);
            ServiceMeasured {
                totals: if warm {
                    totals.since(&service.warmup)
                } else {
                    ServiceTotals::default()
                },
                max_queue: if warm { service.queue.max() } else { 0 },
                max_instances: if warm { service.instances.max() } else { 0 },
                wait: service.wait,
            }
        });
        let seconds = end.since(self.plan.warmup_end).as_secs_f64();
        let queues = self.queues.iter().map(|facts| facts.figures(end, seconds));
        let groups = self.groups.into_iter();
        Measured {
            groups: groups
                .map(|(service, facts)| facts.finish(service, end, warm))
                .collect(),
            time: end.since(self.plan.warmup_end),
            edges: edges.collect(),
            services: services.collect(),
            transactions: self.transactions,
            discovery: discovery.collect(),
            queues: queues.collect(),
            stores: self.stores,
            latencies: self
                .latencies
                .into_iter()
                .map(|latency| latency.measured)
                .collect(),
            windows: self.windows,
            causes: self.causes.map(CauseFacts::finish),
            deployments: self.deployments,
            sections: self.sections.and_then(Sections::finish),
            faults: self.faults.finish(end),
        }
    }

    /// Calls at an edge that were heard to begin and not to end: what the world must still hold.
    /// `None` when more ended than began.
    pub(crate) fn in_flight(&self, edge: EdgeId) -> Option<u64> {
        let edge = &self.edges[edge];
        edge.started
            .checked_sub(edge.ended_in_all().iter().sum::<u64>() + edge.lost)
    }

    #[inline]
    fn phase(&self, started: Instant) -> usize {
        usize::from(started >= self.plan.warmup_end)
    }

    /// Passes the ends of windows and warm-up up to `now`, at which nothing has happened yet. The
    /// window that ends with the run stays open for what happens in the last instant.
    fn pass(&mut self, now: Instant) {
        loop {
            let window_end = self.window_start + self.plan.window;
            if !self.warm && self.plan.warmup_end <= now.min(window_end) {
                self.end_warmup();
            } else if window_end <= now && window_end < self.plan.end {
                self.close_window(window_end);
            } else {
                return;
            }
        }
    }

    fn end_warmup(&mut self) {
        self.warm = true;
        for edge in &mut self.edges {
            edge.started_before = edge.started;
        }
        for service in &mut self.services {
            service.warmup = service.totals(self.plan.warmup_end);
            service.queue.restart_max();
            service.instances.restart_max();
        }
        for facts in &mut self.discovery {
            facts.end_warmup(self.plan.warmup_end);
        }
        for facts in &mut self.queues {
            facts.end_warmup(self.plan.warmup_end);
        }
    }

    /// Before the window's latencies are put away.
    fn pass_sections(&mut self, end: Instant) {
        let Some(sections) = &mut self.sections else {
            return;
        };
        let edges = self.edges.iter().map(|edge| EdgeMeasured {
            calls: edge.started,
            attempts: edge.attempts[1],
            sent_to_dead: edge.sent_to_dead,
            ended: edge.ended[1],
        });
        let services = self.services.iter().map(|service| service.totals(end));
        let totals = || Totals {
            edges: edges.collect(),
            services: services.collect(),
        };
        let latencies = self.latencies.iter().map(|latency| &latency.window[1]);
        sections.pass(end, totals, latencies);
    }

    fn close_window(&mut self, end: Instant) {
        self.windows.cover(end.since(self.window_start));
        self.pass_sections(end);
        for (edge, rows) in self.edges.iter_mut().zip(&mut self.windows.edges) {
            let totals = edge.totals(end);
            rows.push(totals.since(&edge.window));
            edge.window = totals;
        }
        let edges = self.windows.edges.iter().filter_map(|rows| rows.last());
        let latencies = self.latencies.iter_mut();
        for ((latency, edge), rows) in latencies.zip(edges).zip(&mut self.windows.workloads) {
            let mut row = WorkloadWindow {
                issued: edge.started,
                ended: edge.ended,
                ..Default::default()
            };
            if let Some(quantiles) = latency.close_window() {
                row.measure(quantiles);
            }
            rows.push(row);
        }
        for (service, rows) in self.services.iter_mut().zip(&mut self.windows.services) {
            let totals = service.totals(end);
            rows.push(totals.since(&service.window));
            service.window = totals;
        }
        for (queue, rows) in self.queues.iter_mut().zip(&mut self.windows.queues) {
            rows.push(queue.close_window(end));
        }
        for (edge, rows) in &mut self.windows.breakers {
            let edge = &mut self.edges[*edge];
            let open = edge.open.integral(end.as_nanos());
            rows.push(open - edge.open_mark);
            edge.open_mark = open;
        }
        if let Some(causes) = &mut self.causes {
            causes.close_window();
        }
        self.window_start = end;
    }
}

impl Observer for Recorder<'_> {
    fn tick(&mut self, now: Instant) -> Tick {
        self.pass(now);
        self.progress.advance(now.since(self.told));
        self.told = now;
        if self.progress.is_stopped() {
            return Tick::Stop;
        }
        if now >= self.plan.end {
            return Tick::At(Instant::NEVER);
        }
        let mut next = (now + self.look).min(self.window_start + self.plan.window);
        if !self.warm {
            next = next.min(self.plan.warmup_end);
        }
        Tick::At(next)
    }

    #[inline]
    fn call_started(&mut self, now: Instant, edge: EdgeId) {
        let facts = &mut self.edges[edge];
        facts.started += 1;
        facts.taken -= i128::from(now.as_nanos());
    }

    #[inline]
    fn attempt_sent(&mut self, _now: Instant, edge: EdgeId, started: Instant) {
        let phase = self.phase(started);
        self.edges[edge].attempts[phase] += 1;
    }

    #[inline]
    fn call_ended(&mut self, now: Instant, edge: EdgeId, started: Instant, outcome: Outcome) {
        let phase = self.phase(started);
        let facts = &mut self.edges[edge];
        facts.ended[phase][outcome as usize] += 1;
        facts.taken += i128::from(now.as_nanos());
        if outcome.is_success()
            && let Some(latency) = self.latencies.get_mut(edge)
        {
            latency.window[phase].record(now.since(started).as_nanos());
        }
    }

    fn wants_causes(&self) -> bool {
        self.causes.is_some()
    }

    fn blamed(
        &mut self,
        now: Instant,
        edge: EdgeId,
        _started: Instant,
        outcome: Outcome,
        chain: ChainId,
    ) {
        if let Some(causes) = &mut self.causes {
            causes.hear(now, edge, outcome, chain);
        }
    }

    #[inline]
    fn call_lost(&mut self, now: Instant, edge: EdgeId, _started: Instant) {
        let facts = &mut self.edges[edge];
        facts.lost += 1;
        facts.taken += i128::from(now.as_nanos());
    }

    #[inline]
    fn arrived(&mut self, _now: Instant, service: usize) {
        self.services[service].arrived += 1;
    }

    #[inline]
    fn refused(&mut self, _now: Instant, service: usize) {
        self.services[service].refused += 1;
    }

    fn skipped(&mut self, _now: Instant, service: usize) {
        self.services[service].skipped += 1;
    }

    fn ejected(&mut self, _now: Instant, service: usize, before: u32, after: u32) {
        self.services[service].ejections += u64::from(after.saturating_sub(before));
    }

    #[inline]
    fn served(&mut self, now: Instant, service: usize, arrived: Instant) {
        if arrived >= self.plan.warmup_end {
            self.services[service]
                .wait
                .record(now.since(arrived).as_nanos());
        }
    }

    #[inline]
    fn completed(&mut self, _now: Instant, service: usize) {
        self.services[service].completed += 1;
    }

    #[inline]
    fn queue_length(&mut self, now: Instant, service: usize, length: u32) {
        self.services[service]
            .queue
            .set(now.as_nanos(), length.into());
    }

    #[inline]
    fn busy_workers(&mut self, now: Instant, service: usize, busy: u32) {
        self.services[service].busy.set(now.as_nanos(), busy.into());
    }

    fn scaled(&mut self, now: Instant, service: usize, before: u32, after: u32) {
        let facts = &mut self.services[service];
        facts.instances.set(now.as_nanos(), after.into());
        facts.scaled_up += u64::from(after > before);
        facts.scaled_down += u64::from(after < before);
    }

    fn wasted(&mut self, now: Instant, service: usize, time: Duration) {
        // Of work that began in the warm-up, the part after it.
        let time = time.min(now.since(self.plan.warmup_end));
        self.services[service].wasted += u128::from(time.as_nanos());
    }

    fn breakers(&mut self, now: Instant, edge: EdgeId, before: (u32, u32), after: (u32, u32)) {
        let gauge = &mut self.edges[edge].open;
        gauge.set(
            now.as_nanos(),
            gauge.level() + u64::from(after.0) - u64::from(before.0),
        );
    }

    fn transaction(&mut self, now: Instant, step: usize, started: Instant, fact: TransactionFact) {
        if started >= self.plan.warmup_end {
            self.transactions[step].hear(now, started, fact);
        }
    }

    fn group(&mut self, now: Instant, service: usize, fact: GroupFact) {
        let mut groups = self.groups.iter_mut();
        if let Some((_, facts)) = groups.find(|(of, _)| *of == service) {
            facts.hear(now, fact, self.warm);
        }
    }

    fn sent_to_dead(&mut self, _now: Instant, edge: EdgeId) {
        self.edges[edge].sent_to_dead += u64::from(self.warm);
    }

    fn copy_read(&mut self, _now: Instant, store: usize, behind: Option<Duration>) {
        if self.warm {
            self.stores[store].hear(behind);
        }
    }

    fn discovery(&mut self, now: Instant, service: usize, fact: DiscoveryFact) {
        self.discovery[service].hear(now, self.warm, fact);
    }

    fn message(&mut self, now: Instant, queue: usize, published: Instant, fact: MessageFact) {
        self.queues[queue].hear(now, self.plan.warmup_end, published, fact);
    }

    fn queue_depth(&mut self, now: Instant, queue: usize, depth: u64) {
        self.queues[queue].set_depth(now, depth);
    }

    fn deployment(&mut self, now: Instant, change: usize, fact: DeploymentFact) {
        if let Some(facts) = self.deployments.get_mut(change) {
            facts.hear(now, fact);
        }
    }

    fn fault(&mut self, now: Instant, fault: usize, active: bool) {
        self.faults.set(now, fault, active);
    }
}

impl EdgeFacts {
    fn totals(&self, now: Instant) -> EdgeWindow {
        let ended = self.ended_in_all();
        // Fewer than none only where a call ended twice, which is told as a violation.
        let over = ended.iter().sum::<u64>() + self.lost;
        let under_way = i128::from(self.started) - i128::from(over);
        let in_flight = self.taken + under_way * i128::from(now.as_nanos());
        EdgeWindow {
            started: self.started,
            attempts: self.attempts[0] + self.attempts[1],
            ended,
            in_flight: in_flight.max(self.window.in_flight as i128) as u128,
        }
    }

    /// By the number of the outcome, whenever the call started.
    fn ended_in_all(&self) -> [u64; Outcome::ALL.len()] {
        std::array::from_fn(|i| self.ended[0][i] + self.ended[1][i])
    }
}

impl Latency {
    /// Takes the quantiles of the window's successes, and starts the next one.
    fn close_window(&mut self) -> Option<[u64; QUANTILES.len()]> {
        let [early, late] = &mut self.window;
        self.measured.merge(late);
        if !early.is_empty() {
            late.merge(early);
            early.clear();
        }
        let quantiles = late.quantiles(QUANTILES);
        late.clear();
        quantiles
    }
}

impl ServiceFacts {
    fn totals(&self, now: Instant) -> ServiceTotals {
        ServiceTotals {
            arrived: self.arrived,
            completed: self.completed,
            refused: self.refused,
            skipped: self.skipped,
            ejections: self.ejections,
            queue: self.queue.integral(now.as_nanos()),
            busy: self.busy.integral(now.as_nanos()),
            wasted: self.wasted,
            instances: self.instances.integral(now.as_nanos()),
            scaled_up: self.scaled_up,
            scaled_down: self.scaled_down,
        }
    }
}

#[cfg(test)]
mod tests;
