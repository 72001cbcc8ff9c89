//! Hears every fact of a world and keeps its own books: whatever is stated must be possible.

use clock::{Duration, Instant};
use model::{Discovery, FaultKind, Model, Scheduling, Threading};
use policy::Outcome;
use std::collections::BTreeMap;
use stormglass_cluster::{ChainId, DiscoveryFact, EdgeId, Observer, Tick, TransactionFact};

/// Between two looks at the limits of a run.
const TICK: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct Ledger {
    now: Instant,
    pub(crate) edges: Vec<Edge>,
    pub(crate) services: Vec<Service>,
    faults: Vec<bool>,
    transactions: BTreeMap<(usize, Instant), Transactions>,
    /// A fault may crash something.
    crashes: bool,
    /// Whose requests are orders.
    pub(crate) orders: Option<usize>,
    /// A request whose failure was explained, and has not ended yet.
    blamed: Option<(EdgeId, Instant, Outcome)>,
    /// Every explanation of a failed request.
    pub(crate) chains: Vec<ChainId>,
    /// How many workloads there are: theirs are the first edges.
    workloads: usize,
    /// What was impossible.
    pub(crate) wrong: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) lost: u64,
    attempts: u64,
    /// Attempts to instances that were down; no more than there were.
    dead: u64,
    /// Calls that have not ended, by their start.
    open: BTreeMap<Instant, u64>,
    breakers: (i64, i64),
}

/// The transactions that a step began at one instant.
#[derive(Clone, Copy, Debug, Default)]
struct Transactions {
    open: i64,
    in_doubt: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// `None`: unbounded.
    most_queued: Option<u32>,
    most_busy: u32,
    pub(crate) queued: u32,
    pub(crate) busy: u32,
    degrades: bool,
    /// Instances that callers leave out, each counted for each, and how many there may be.
    ejected: i64,
    most_ejected: i64,
    /// The same for those that callers do not know of.
    unknown: i64,
    most_unknown: i64,
    arrived: u64,
    served: u64,
    completed: u64,
    /// Nanoseconds of busy workers by `busy_at`, and of those in vain.
    busy_time: u128,
    busy_at: Instant,
    wasted: u128,
}

impl Service {
    fn pass(&mut self, now: Instant) {
        self.busy_time += u128::from(now.since(self.busy_at).as_nanos()) * u128::from(self.busy);
        self.busy_at = now;
    }
}

impl Ledger {
    pub(crate) fn new(model: &Model, edges: usize) -> Self {
        // At most every instance and client of everybody leaves out every instance.
        let callers = (0..model.services.len()).map(|s| i64::from(model.slots(s)));
        let callers = callers.sum::<i64>() + model.workloads.len() as i64;
        let service = |(number, service): (usize, &model::Service)| {
            // Those that stand by may be up, too.
            let instances = model.slots(number);
            // Requests of an asynchronous handler come back to the queue, which then can not
            // refuse them.
            let bound = service
                .queue_capacity
                .filter(|_| service.threading == Threading::Blocking);
            let at_once = match service.scheduling {
                Scheduling::Fcfs => service.workers,
                Scheduling::ProcessorSharing { cores } => cores.min(service.workers),
            };
            Service {
                most_queued: bound.map(|bound| bound * instances),
                most_busy: at_once * instances,
                queued: 0,
                busy: 0,
                degrades: service.degrade.is_some(),
                ejected: 0,
                most_ejected: match service.outlier_ejection {
                    Some(_) if instances > 1 => callers * i64::from(instances),
                    _ => 0,
                },
                unknown: 0,
                most_unknown: match service.discovery {
                    Discovery::Static => 0,
                    _ => callers * i64::from(instances),
                },
                arrived: 0,
                served: 0,
                completed: 0,
                busy_time: 0,
                busy_at: Instant::ZERO,
                wasted: 0,
            }
        };
        Self {
            now: Instant::ZERO,
            edges: vec![Edge::default(); edges],
            services: model.services.iter().enumerate().map(service).collect(),
            faults: vec![false; model.faults.len()],
            transactions: BTreeMap::new(),
            // Who gets another version is down for a while, too.
            crashes: !model.deployments.is_empty()
                || model.services.iter().any(|s| s.autoscale.is_some())
                || model.faults.iter().any(|fault| {
                    matches!(
                        fault.kind,
                        FaultKind::Crash { .. } | FaultKind::CrashLeader { .. }
                    )
                }),
            orders: model.orders.as_ref().map(|orders| orders.workload),
            blamed: None,
            chains: Vec::new(),
            workloads: model.workloads.len(),
            wrong: Vec::new(),
        }
    }

    fn at(&mut self, now: Instant) {
        self.expect(now >= self.now, || format!("the time fell back to {now}"));
        self.now = now;
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds && self.wrong.len() < 10 {
            let what = format!("at {}: {}", self.now, what());
            self.wrong.push(what);
        }
    }

    /// A call is over, in one way or the other.
    fn close(&mut self, edge: EdgeId, started: Instant) {
        let open = self.edges[edge].open.get_mut(&started);
        let found = open.is_some();
        if let Some(open) = open {
            *open -= 1;
            if *open == 0 {
                self.edges[edge].open.remove(&started);
            }
        }
        self.expect(found, || {
            format!("a call of edge {edge}, begun at {started}, ended twice or never began")
        });
    }
}

impl Observer for Ledger {
    fn tick(&mut self, now: Instant) -> Tick {
        self.at(now);
        Tick::At(now + TICK)
    }

    fn call_started(&mut self, now: Instant, edge: EdgeId) {
        self.at(now);
        let edge = &mut self.edges[edge];
        edge.started += 1;
        *edge.open.entry(now).or_default() += 1;
    }

    fn attempt_sent(&mut self, now: Instant, edge: EdgeId, started: Instant) {
        self.at(now);
        self.edges[edge].attempts += 1;
        let open = self.edges[edge].open.contains_key(&started);
        self.expect(open, || {
            format!("an attempt of a call of edge {edge} that is over")
        });
    }

    fn wants_causes(&self) -> bool {
        true
    }

    fn blamed(
        &mut self,
        now: Instant,
        edge: EdgeId,
        started: Instant,
        outcome: Outcome,
        chain: ChainId,
    ) {
        self.at(now);
        let before = self.blamed.replace((edge, started, outcome));
        self.chains.push(chain);
        self.expect(before.is_none() && edge < self.workloads, || {
            format!("{before:?} was blamed, and did not end before {edge} was")
        });
    }

    fn call_ended(&mut self, now: Instant, edge: EdgeId, started: Instant, outcome: Outcome) {
        self.at(now);
        let blamed = self.blamed.take();
        let failed = edge < self.workloads && !outcome.is_success();
        let expected = failed.then_some((edge, started, outcome));
        self.expect(blamed == expected, || {
            format!("{blamed:?} was blamed for {expected:?}")
        });
        self.edges[edge].ended += 1;
        self.close(edge, started);
    }

    fn call_lost(&mut self, now: Instant, edge: EdgeId, started: Instant) {
        self.at(now);
        self.edges[edge].lost += 1;
        self.close(edge, started);
    }

    fn arrived(&mut self, now: Instant, service: usize) {
        self.at(now);
        self.services[service].arrived += 1;
    }

    fn refused(&mut self, now: Instant, _: usize) {
        self.at(now);
    }

    fn served(&mut self, now: Instant, service: usize, arrived: Instant) {
        self.at(now);
        self.services[service].served += 1;
        let Service {
            arrived: all,
            served,
            ..
        } = self.services[service];
        self.expect(arrived <= now && served <= all, || {
            format!("service {service} served {served} of {all}, one from {arrived}")
        });
    }

    fn completed(&mut self, now: Instant, service: usize) {
        self.at(now);
        self.services[service].completed += 1;
        let Service {
            arrived, completed, ..
        } = self.services[service];
        self.expect(completed <= arrived, || {
            format!("service {service} completed {completed} of {arrived}")
        });
    }

    fn queue_length(&mut self, now: Instant, service: usize, length: u32) {
        self.at(now);
        self.services[service].queued = length;
        let most = self.services[service].most_queued.unwrap_or(1 << 20);
        self.expect(length <= most, || {
            format!("{length} in the queues of service {service}, which hold {most}")
        });
    }

    fn busy_workers(&mut self, now: Instant, service: usize, busy: u32) {
        self.at(now);
        self.services[service].pass(now);
        self.services[service].busy = busy;
        let most = self.services[service].most_busy;
        self.expect(busy <= most, || {
            format!("{busy} of {most} busy at service {service}")
        });
    }

    fn wasted(&mut self, now: Instant, service: usize, time: Duration) {
        self.at(now);
        let of = &mut self.services[service];
        of.pass(now);
        of.wasted += u128::from(time.as_nanos());
        // Times of shared cores are rounded, each to a nanosecond.
        let (wasted, busy) = (of.wasted, of.busy_time + u128::from(of.arrived) * 100);
        self.expect(wasted <= busy, || {
            format!("service {service} wasted {wasted} ns of {busy}")
        });
    }

    fn breakers(&mut self, now: Instant, edge: EdgeId, before: (u32, u32), after: (u32, u32)) {
        self.at(now);
        self.expect(before != after, || {
            format!("breakers of edge {edge} did not change")
        });
        let sum = &mut self.edges[edge].breakers;
        sum.0 += i64::from(after.0) - i64::from(before.0);
        sum.1 += i64::from(after.1) - i64::from(before.1);
        let sum = *sum;
        self.expect(sum.0 >= 0 && sum.1 >= 0, || {
            format!("edge {edge} has {sum:?} breakers")
        });
    }

    fn skipped(&mut self, now: Instant, service: usize) {
        self.at(now);
        let degrades = self.services[service].degrades;
        self.expect(degrades, || format!("service {service} never degrades"));
    }

    fn ejected(&mut self, now: Instant, service: usize, before: u32, after: u32) {
        self.at(now);
        let of = &mut self.services[service];
        of.ejected += i64::from(after) - i64::from(before);
        let (ejected, most) = (of.ejected, of.most_ejected);
        self.expect(before != after && (0..=most).contains(&ejected), || {
            format!("{ejected} of {most} instances of service {service} are left out")
        });
    }

    fn transaction(&mut self, now: Instant, step: usize, started: Instant, fact: TransactionFact) {
        self.at(now);
        let begun = self.transactions.entry((step, started)).or_default();
        match fact {
            TransactionFact::Started => begun.open += 1,
            TransactionFact::Ended { .. } | TransactionFact::Lost => begun.open -= 1,
            TransactionFact::Prepared => begun.in_doubt += 1,
            TransactionFact::InDoubt(_) => begun.in_doubt -= 1,
            _ => {}
        }
        let begun = *begun;
        self.expect(begun.open >= 0 && begun.in_doubt >= 0, || {
            format!("{fact:?} at step {step} for what began at {started}: {begun:?}")
        });
    }

    fn sent_to_dead(&mut self, now: Instant, edge: EdgeId) {
        self.at(now);
        self.edges[edge].dead += 1;
        let Edge { attempts, dead, .. } = self.edges[edge];
        let possible = dead <= attempts && self.crashes;
        self.expect(possible, || {
            format!("{dead} of {attempts} attempts of edge {edge} went to the dead")
        });
    }

    fn discovery(&mut self, now: Instant, service: usize, fact: DiscoveryFact) {
        self.at(now);
        let DiscoveryFact::LeftOut { before, after } = fact else {
            return;
        };
        let of = &mut self.services[service];
        of.unknown += i64::from(after) - i64::from(before);
        let (unknown, most) = (of.unknown, of.most_unknown);
        self.expect(before != after && (0..=most).contains(&unknown), || {
            format!("{unknown} of {most} instances of service {service} are unknown")
        });
    }

    fn fault(&mut self, now: Instant, fault: usize, active: bool) {
        self.at(now);
        let was = core::mem::replace(&mut self.faults[fault], active);
        self.expect(was != active, || format!("fault {fault} is {active} again"));
    }
}
