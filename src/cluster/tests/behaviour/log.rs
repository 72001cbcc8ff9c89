//! Runs a small model and keeps all facts, with times in milliseconds, so that a test can say what
//! should have happened when.

use clock::{Duration, Instant};
use model::Files;
use policy::Outcome;
use std::collections::BTreeMap;
use std::io;
use stormglass_cluster::{
    ChainId, DeploymentFact, DiscoveryFact, EdgeId, GroupFact, Limits, Link, MessageFact, Observer,
    OrderState, Reason, TransactionFact, World,
};

/// What a world said, by the names of the model.
#[derive(Debug, Default)]
pub(crate) struct Log {
    edges: Vec<String>,
    services: Vec<String>,
    calls: Vec<(EdgeId, f64, f64, Outcome)>,
    lost: Vec<(EdgeId, f64, f64)>,
    started: Vec<(EdgeId, f64)>,
    attempts: Vec<(EdgeId, f64)>,
    served: Vec<(usize, f64, f64)>,
    arrived: Vec<(usize, f64)>,
    refused: Vec<(usize, f64)>,
    completed: Vec<(usize, f64)>,
    queue: BTreeMap<usize, Vec<(f64, u32)>>,
    busy: BTreeMap<usize, Vec<(f64, u32)>>,
    wasted: BTreeMap<usize, Duration>,
    breakers: Vec<(EdgeId, f64, (u32, u32))>,
    ejected: Vec<(usize, f64, i64)>,
    skipped: Vec<(usize, f64)>,
    dead: Vec<(EdgeId, f64)>,
    discovery: Vec<(usize, f64, DiscoveryFact)>,
    transactions: Vec<(f64, TransactionFact)>,
    groups: Vec<(usize, f64, GroupFact)>,
    queues: Vec<String>,
    messages: Vec<(usize, f64, MessageFact)>,
    depths: Vec<(usize, f64, u64)>,
    scaled: Vec<(usize, f64, u32, u32)>,
    pub(crate) faults: Vec<(f64, usize, bool)>,
    /// Facts on changes: when, which, what.
    pub(crate) deployments: Vec<(f64, usize, DeploymentFact)>,
    /// Reads at copies: when, of which store, and how many milliseconds they were behind.
    pub(crate) copies: Vec<(f64, usize, Option<f64>)>,
    /// By state, where orders are followed.
    pub(crate) orders: Option<[u64; OrderState::ALL.len()]>,
    blamed: Vec<(f64, ChainId)>,
    /// Requests of workloads that failed: when, and where they stood.
    pub(crate) causes: Vec<(f64, Vec<Link>)>,
    /// By edge.
    in_flight: Vec<u64>,
}

/// A trace's file is its times: `{file: "0 5 7", column: t, unit: ms}`.
struct Times;

impl Files for Times {
    fn read(&self, path: &str) -> io::Result<String> {
        Ok(format!("t\n{}\n", path.replace(' ', "\n")))
    }
}

/// Runs for ten simulated seconds. `AT(0 5 7)` in the text is a source of requests at these
/// milliseconds.
pub(crate) fn run(text: &str) -> Log {
    run_for("10s", text)
}

pub(crate) fn run_for(duration: &str, text: &str) -> Log {
    let mut expanded = format!("run: {{duration: {duration}, seed: 1}}\n");
    let mut pieces = text.split("AT(");
    expanded.push_str(pieces.next().expect("split gives one piece at least"));
    for piece in pieces {
        let (times, rest) = piece.split_once(')').expect("AT( is closed");
        expanded.push_str(&format!(
            "arrivals: {{trace: {{file: \"{times}\", column: t, unit: ms}}}}{rest}"
        ));
    }
    let model = model::read(&expanded, "test.yaml", &Times, &[])
        .unwrap_or_else(|report| panic!("{report}\n{expanded}"))
        .model;
    let mut world = World::new(&model, model.run.seed, 0);
    let edges = world.edges().iter();
    let mut log = Log {
        edges: edges
            .map(|edge| format!("{}->{}", edge.caller, edge.target))
            .collect(),
        services: model.services.iter().map(|s| s.name.clone()).collect(),
        queues: model.queues.iter().map(|q| q.name.clone()).collect(),
        ..Log::default()
    };
    let end = Instant::ZERO + model.run.duration;
    let ended = world.run(&mut log, end, &Limits::default());
    assert_eq!(ended.reason, Reason::Finished);
    assert_eq!(ended.violations, []);
    log.orders = world.orders();
    let chains = world.chains().expect("the log asks for causes");
    let blamed = log.blamed.iter();
    log.causes = blamed
        .map(|(at, chain)| (*at, chains.links(*chain).collect()))
        .collect();
    log.in_flight = (0..log.edges.len()).map(|e| world.in_flight(e)).collect();
    log
}

fn ms(at: Instant) -> f64 {
    at.since(Instant::ZERO).as_millis_f64()
}

impl Log {
    fn edge(&self, name: &str) -> EdgeId {
        let found = self.edges.iter().position(|edge| edge == name);
        found.unwrap_or_else(|| panic!("no edge {name} in {:?}", self.edges))
    }

    fn service(&self, name: &str) -> usize {
        let found = self.services.iter().position(|service| service == name);
        found.unwrap_or_else(|| panic!("no service {name}"))
    }

    /// Begin, end and outcome of the calls of an edge that have ended, in the order of their ends.
    pub(crate) fn calls(&self, edge: &str) -> Vec<(f64, f64, Outcome)> {
        of(
            &self.calls,
            self.edge(edge),
            |&(e, began, ended, outcome)| (e, (began, ended, outcome)),
        )
    }

    /// How many calls of an edge ended in a way.
    pub(crate) fn count(&self, edge: &str, outcome: Outcome) -> usize {
        let calls = self.calls(edge);
        calls.iter().filter(|call| call.2 == outcome).count()
    }

    /// Begin and end of the calls of an edge whose callers were lost.
    pub(crate) fn lost(&self, edge: &str) -> Vec<(f64, f64)> {
        of(&self.lost, self.edge(edge), |&(e, began, lost)| {
            (e, (began, lost))
        })
    }

    /// When calls of an edge began.
    pub(crate) fn started(&self, edge: &str) -> Vec<f64> {
        of(&self.started, self.edge(edge), |&pair| pair)
    }

    /// When attempts of an edge were sent.
    pub(crate) fn attempts(&self, edge: &str) -> Vec<f64> {
        of(&self.attempts, self.edge(edge), |&pair| pair)
    }

    /// Calls of an edge that had not ended at the end.
    pub(crate) fn in_flight(&self, edge: &str) -> u64 {
        self.in_flight[self.edge(edge)]
    }

    /// When an autoscaler changed the number of instances of a service, from what, to what.
    pub(crate) fn scaled(&self, service: &str) -> Vec<(f64, u32, u32)> {
        of(
            &self.scaled,
            self.service(service),
            |&(s, at, before, after)| (s, (at, before, after)),
        )
    }

    /// When requests reached an instance, and when they began to be served.
    pub(crate) fn served(&self, service: &str) -> Vec<(f64, f64)> {
        of(&self.served, self.service(service), |&(s, arrived, at)| {
            (s, (arrived, at))
        })
    }

    pub(crate) fn arrived(&self, service: &str) -> Vec<f64> {
        of(&self.arrived, self.service(service), |&pair| pair)
    }

    pub(crate) fn refused(&self, service: &str) -> Vec<f64> {
        of(&self.refused, self.service(service), |&pair| pair)
    }

    /// When attempts of an edge were sent to an instance that was down.
    pub(crate) fn sent_to_dead(&self, edge: &str) -> Vec<f64> {
        of(&self.dead, self.edge(edge), |&pair| pair)
    }

    /// When callers stopped believing that an instance of a service is alive (+1), or began to (-1).
    pub(crate) fn left_out(&self, service: &str) -> Vec<(f64, i64)> {
        let facts = self.facts(service);
        let changes = facts.filter_map(|(at, fact)| match fact {
            DiscoveryFact::LeftOut { before, after } => {
                Some((at, i64::from(after) - i64::from(before)))
            }
            _ => None,
        });
        changes.collect()
    }

    /// After how long callers noticed that an instance of a service was down.
    pub(crate) fn noticed(&self, service: &str) -> Vec<f64> {
        let noticed = self.facts(service).filter_map(|(_, fact)| match fact {
            DiscoveryFact::Noticed { after } => Some(after.as_millis_f64()),
            _ => None,
        });
        noticed.collect()
    }

    /// How often callers left out an instance that was up.
    pub(crate) fn false_alarms(&self, service: &str) -> usize {
        let facts = self.facts(service);
        facts
            .filter(|(_, fact)| *fact == DiscoveryFact::FalseAlarm)
            .count()
    }

    fn facts(&self, service: &str) -> impl Iterator<Item = (f64, DiscoveryFact)> + '_ {
        let service = self.service(service);
        let theirs = self.discovery.iter().filter(move |fact| fact.0 == service);
        theirs.map(|&(_, at, fact)| (at, fact))
    }

    /// When callers left instances of a service out (+1) and took them back (-1).
    pub(crate) fn ejected(&self, service: &str) -> Vec<(f64, i64)> {
        of(&self.ejected, self.service(service), |&(s, at, change)| {
            (s, (at, change))
        })
    }

    /// When degraded instances of a service skipped an optional step.
    pub(crate) fn skipped(&self, service: &str) -> Vec<f64> {
        of(&self.skipped, self.service(service), |&pair| pair)
    }

    /// What happened to transactions, of whatever step.
    pub(crate) fn transactions(&self) -> &[(f64, TransactionFact)] {
        &self.transactions
    }

    pub(crate) fn completed(&self, service: &str) -> Vec<f64> {
        of(&self.completed, self.service(service), |&pair| pair)
    }

    /// The number of waiting requests at the end of each instant at which it changed.
    pub(crate) fn queue(&self, service: &str) -> Vec<(f64, u32)> {
        changes(self.queue.get(&self.service(service)))
    }

    /// The number of busy workers likewise.
    pub(crate) fn busy(&self, service: &str) -> Vec<(f64, u32)> {
        changes(self.busy.get(&self.service(service)))
    }

    /// Worker time for callers who had given up, in milliseconds.
    pub(crate) fn wasted(&self, service: &str) -> f64 {
        let wasted = self.wasted.get(&self.service(service));
        wasted.map_or(0.0, |wasted| wasted.as_millis_f64())
    }

    /// What was said of the group of a service, but for its messages.
    pub(crate) fn group(&self, service: &str) -> Vec<(f64, GroupFact)> {
        of(&self.groups, self.service(service), |&(s, at, fact)| {
            (s, (at, fact))
        })
    }

    /// When something happened to messages of a queue.
    pub(crate) fn messages(&self, queue: &str, fact: MessageFact) -> Vec<f64> {
        let queue = self.queues.iter().position(|name| name == queue);
        let facts = self.messages.iter();
        let theirs = facts.filter(|(q, _, what)| Some(*q) == queue && *what == fact);
        theirs.map(|(_, at, _)| *at).collect()
    }

    /// How many messages were in a queue at the end.
    pub(crate) fn depth(&self, queue: &str) -> u64 {
        let queue = self.queues.iter().position(|name| name == queue);
        let last = self.depths.iter().rfind(|(q, ..)| Some(*q) == queue);
        last.map_or(0, |(_, _, depth)| *depth)
    }

    /// When the number of open and half-open breakers of a caller changed, and to what.
    pub(crate) fn breakers(&self, edge: &str) -> Vec<(f64, (u32, u32))> {
        of(&self.breakers, self.edge(edge), |&(e, at, state)| {
            (e, (at, state))
        })
    }
}

/// What is said of `id`.
fn of<F, T>(facts: &[F], id: usize, split: impl Fn(&F) -> (usize, T)) -> Vec<T> {
    let facts = facts.iter().map(split).filter(|(of, _)| *of == id);
    facts.map(|(_, fact)| fact).collect()
}

/// The last level of each instant, where it differs from the one before.
fn changes(levels: Option<&Vec<(f64, u32)>>) -> Vec<(f64, u32)> {
    let mut changes: Vec<(f64, u32)> = Vec::new();
    let levels = levels.map_or(&[][..], Vec::as_slice);
    for (index, &(at, level)) in levels.iter().enumerate() {
        let is_last = levels.get(index + 1).is_none_or(|next| next.0 > at);
        let before = changes.last().map_or(0, |change| change.1);
        if is_last && before != level {
            changes.push((at, level));
        }
    }
    changes
}

impl Observer for Log {
    fn call_started(&mut self, now: Instant, edge: EdgeId) {
        self.started.push((edge, ms(now)));
    }
    fn attempt_sent(&mut self, now: Instant, edge: EdgeId, _: Instant) {
        self.attempts.push((edge, ms(now)));
    }
    fn wants_causes(&self) -> bool {
        true
    }

    fn blamed(&mut self, now: Instant, _: EdgeId, _: Instant, _: Outcome, chain: ChainId) {
        self.blamed.push((ms(now), chain));
    }

    fn call_ended(&mut self, now: Instant, edge: EdgeId, started: Instant, outcome: Outcome) {
        self.calls.push((edge, ms(started), ms(now), outcome));
    }
    fn call_lost(&mut self, now: Instant, edge: EdgeId, started: Instant) {
        self.lost.push((edge, ms(started), ms(now)));
    }
    fn arrived(&mut self, now: Instant, service: usize) {
        self.arrived.push((service, ms(now)));
    }
    fn refused(&mut self, now: Instant, service: usize) {
        self.refused.push((service, ms(now)));
    }
    fn served(&mut self, now: Instant, service: usize, arrived: Instant) {
        self.served.push((service, ms(arrived), ms(now)));
    }
    fn completed(&mut self, now: Instant, service: usize) {
        self.completed.push((service, ms(now)));
    }
    fn queue_length(&mut self, now: Instant, service: usize, length: u32) {
        self.queue
            .entry(service)
            .or_default()
            .push((ms(now), length));
    }
    fn busy_workers(&mut self, now: Instant, service: usize, busy: u32) {
        self.busy.entry(service).or_default().push((ms(now), busy));
    }
    fn wasted(&mut self, _: Instant, service: usize, time: Duration) {
        let wasted = self.wasted.entry(service).or_default();
        *wasted = wasted.saturating_add(time);
    }
    fn breakers(&mut self, now: Instant, edge: EdgeId, _: (u32, u32), after: (u32, u32)) {
        self.breakers.push((edge, ms(now), after));
    }
    fn ejected(&mut self, now: Instant, service: usize, before: u32, after: u32) {
        let change = i64::from(after) - i64::from(before);
        self.ejected.push((service, ms(now), change));
    }
    fn skipped(&mut self, now: Instant, service: usize) {
        self.skipped.push((service, ms(now)));
    }
    fn sent_to_dead(&mut self, now: Instant, edge: EdgeId) {
        self.dead.push((edge, ms(now)));
    }

    fn discovery(&mut self, now: Instant, service: usize, fact: DiscoveryFact) {
        self.discovery.push((service, ms(now), fact));
    }

    fn transaction(&mut self, now: Instant, _: usize, _: Instant, fact: TransactionFact) {
        self.transactions.push((ms(now), fact));
    }
    fn group(&mut self, now: Instant, service: usize, fact: GroupFact) {
        if fact != GroupFact::Message {
            self.groups.push((service, ms(now), fact));
        }
    }
    fn message(&mut self, now: Instant, queue: usize, _: Instant, fact: MessageFact) {
        self.messages.push((queue, ms(now), fact));
    }

    fn copy_read(&mut self, now: Instant, store: usize, behind: Option<Duration>) {
        let behind = behind.map(|behind| behind.as_millis_f64());
        self.copies.push((ms(now), store, behind));
    }

    fn queue_depth(&mut self, now: Instant, queue: usize, depth: u64) {
        self.depths.push((queue, ms(now), depth));
    }

    fn deployment(&mut self, now: Instant, change: usize, fact: DeploymentFact) {
        self.deployments.push((ms(now), change, fact));
    }

    fn scaled(&mut self, now: Instant, service: usize, before: u32, after: u32) {
        self.scaled.push((service, ms(now), before, after));
    }

    fn fault(&mut self, now: Instant, fault: usize, active: bool) {
        self.faults.push((ms(now), fault, active));
    }
}
