//! Why requests failed: counted while a replication runs, added over replications, named at the end.
//!
//! Chains have other numbers in every replication, so that they are added by their links. It refuses to
//! know what a chain says.

use crate::combine::Combined;
use crate::faults;
use crate::record::{Cause, CauseCount, Causes, DueKind, DueTo, FaultSpan, What};
use clock::Instant;
use cluster::{ChainId, Chains, EdgeId, Link, Why};
use model::{FaultKind, Model};
use policy::Outcome;
use std::collections::BTreeMap;

/// Chains that are told apart in the record; rarer ones are put together.
const MOST_CHAINS: usize = 500;

/// What one recorder has heard.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct CauseFacts {
    window: BTreeMap<(EdgeId, Outcome, ChainId), Heard>,
    /// Windows that have ended, with their numbers.
    ended: Vec<(u32, EdgeId, Outcome, ChainId, Heard)>,
    windows: u32,
}

/// How often, and when first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Heard {
    count: u64,
    first: Instant,
}

impl Heard {
    const NEVER: Self = Self {
        count: 0,
        first: Instant::NEVER,
    };

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
    }
}

impl CauseFacts {
    pub(crate) fn hear(&mut self, now: Instant, edge: EdgeId, outcome: Outcome, chain: ChainId) {
        let of = self.window.entry((edge, outcome, chain));
        of.or_insert(Heard::NEVER).add(Heard {
            count: 1,
            first: now,
        });
    }

    pub(crate) fn close_window(&mut self) {
        let window = core::mem::take(&mut self.window);
        let rows = window
            .into_iter()
            .map(|((edge, outcome, chain), n)| (self.windows, edge, outcome, chain, n));
        self.ended.extend(rows);
        self.windows += 1;
    }

    /// What happened in the very last instant belongs to the window before.
    pub(crate) fn finish(mut self) -> Self {
        if !self.window.is_empty() {
            self.windows = self.windows.saturating_sub(1);
            self.close_window();
        }
        self
    }

    /// By links, so that it can be added to what others have heard.
    pub(crate) fn pooled(&self, chains: Option<&Chains>) -> PooledCauses {
        let mut pooled = PooledCauses::default();
        let Some(chains) = chains else {
            return pooled;
        };
        let mut known: BTreeMap<ChainId, Vec<Link>> = BTreeMap::new();
        for &(window, edge, outcome, chain, n) in &self.ended {
            let links = known
                .entry(chain)
                .or_insert_with(|| chains.links(chain).collect());
            let of = pooled.chains.entry(links.clone()).or_default();
            of.entry((window, edge, outcome))
                .or_insert(Heard::NEVER)
                .add(n);
        }
        pooled
    }
}

/// By window, workload and outcome.
type Counts = BTreeMap<(u32, EdgeId, Outcome), Heard>;

/// Counts by chain.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct PooledCauses {
    chains: BTreeMap<Vec<Link>, Counts>,
}

impl PooledCauses {
    pub(crate) fn merge(&mut self, other: &Self) {
        for (links, counts) in &other.chains {
            let mine = self.chains.entry(links.clone()).or_default();
            for (key, n) in counts {
                mine.entry(*key).or_insert(Heard::NEVER).add(*n);
            }
        }
    }
}

impl Combined<'_> {
    pub(crate) fn causes(&self) -> Causes {
        let pooled = &self.pooled.causes;
        let total = |counts: &Counts| -> u64 { counts.values().map(|n| n.count).sum() };
        let mut order: Vec<_> = pooled.chains.iter().collect();
        // Stable: equal counts stay in the order of their links.
        order.sort_by_key(|(_, counts)| core::cmp::Reverse(total(counts)));
        let told_apart = order.len().min(MOST_CHAINS);
        let names = Names {
            model: self.model,
            edges: self.edges,
        };
        let mut chains: Vec<Vec<Cause>> = order[..told_apart]
            .iter()
            .map(|(links, _)| links.iter().map(|link| names.cause(*link)).collect())
            .collect();
        if told_apart < order.len() {
            chains.push(Vec::new());
        }
        let mut counts: BTreeMap<(u32, EdgeId, Outcome, u32), Heard> = BTreeMap::new();
        for (chain, (_, of)) in order.into_iter().enumerate() {
            let chain = chain.min(told_apart) as u32;
            for (&(window, edge, outcome), n) in of {
                let of = counts.entry((window, edge, outcome, chain));
                of.or_insert(Heard::NEVER).add(*n);
            }
        }
        let workload = |w: usize| self.model.workloads[w].name.clone();
        let counts = counts
            .into_iter()
            .map(|((window, edge, outcome, chain), heard)| CauseCount {
                window,
                workload: workload(edge),
                outcome: outcome.name().to_owned(),
                chain,
                count: heard.count,
                first_s: heard.first.as_secs_f64(),
            });
        let ended = self.pooled.windows.workloads.iter().enumerate();
        let ended = ended.map(|(w, rows)| {
            let of = rows.iter().map(|row| row.ended.iter().sum());
            (workload(w), of.collect())
        });
        let surges = self
            .model
            .faults
            .iter()
            .filter_map(|fault| match fault.kind {
                FaultKind::Surge { workload: w, .. } => {
                    Some((faults::label(self.model, fault), workload(w)))
                }
                _ => None,
            });
        let workers = self.model.services.iter().map(|service| {
            let workers = f64::from(service.workers) * f64::from(service.instances);
            (service.name.clone(), workers)
        });
        Causes {
            events: self.events(&names),
            chains,
            counts: counts.collect(),
            ended: ended.collect(),
            surges: surges.collect(),
            workers: workers.collect(),
        }
    }
}

impl Combined<'_> {
    /// Faults, deployments and pushes of the first replication.
    fn events(&self, names: &Names<'_>) -> Vec<FaultSpan> {
        let Some(first) = self.replications.first() else {
            return Vec::new();
        };
        let end = self.warmup.as_secs_f64() + first.seconds;
        let faults = first.faults.iter().map(|(fault, from, to)| FaultSpan {
            label: faults::label(self.model, &self.model.faults[*fault]),
            from_s: from.as_secs_f64(),
            to_s: to.as_secs_f64(),
        });
        let mut events: Vec<_> = faults.chain(self.changes_over_time(end)).collect();
        let pushes = self.model.config.iter().flat_map(|centre| &centre.pushes);
        for push in pushes.filter(|push| push.fault.is_none()) {
            let Some(due) = names.due_to(0, Why::Config(push.config)) else {
                continue;
            };
            let told = format!("config version {}", push.config);
            match events.iter_mut().find(|event| event.label == told) {
                Some(event) => event.label = due.label,
                None => events.push(FaultSpan {
                    label: due.label,
                    from_s: push.at.as_secs_f64(),
                    to_s: end,
                }),
            }
        }
        events
    }
}

/// Turns numbers into names.
struct Names<'a> {
    model: &'a Model,
    edges: &'a [String],
}

impl Names<'_> {
    fn cause(&self, link: Link) -> Cause {
        let edge = |what, edge: EdgeId| Cause {
            what,
            at: self.edges[edge].clone(),
            how: None,
            due_to: None,
        };
        let service = |what, service: u32, why| Cause {
            what,
            at: self.model.services[service as usize].name.clone(),
            how: None,
            due_to: self.due_to(service, why),
        };
        let because = |what, at: EdgeId, why| Cause {
            // Only faults act between services.
            due_to: self.due_to(0, why),
            ..edge(what, at)
        };
        match link {
            Link::Failed { edge: at, outcome } => Cause {
                how: Some(outcome.name().to_owned()),
                ..edge(What::Failed, at)
            },
            Link::Waiting { edge: at } => edge(What::Waiting, at),
            Link::BackingOff { edge: at } => edge(What::BackingOff, at),
            Link::Refused { edge: at, layer } => Cause {
                how: Some(layer.to_owned()),
                ..edge(What::Refused, at)
            },
            Link::Held { edge: at } => edge(What::Held, at),
            Link::Changed { service: at, why } => service(What::Changed, at, why),
            Link::Queued { service: at, why } => service(What::Queued, at, why),
            Link::Full { service: at, why } => service(What::Full, at, why),
            Link::Overdue { service: at, why } => service(What::Overdue, at, why),
            Link::Admission { service: at } => service(What::Admission, at, Why::Nothing),
            Link::InVain { service: at } => service(What::InVain, at, Why::Nothing),
            Link::Missed { service: at } => service(What::Missed, at, Why::Nothing),
            Link::Computing { service: at, why } => service(What::Computing, at, why),
            Link::Sleeping { service: at, why } => service(What::Sleeping, at, why),
            Link::Failing { service: at, why } => service(What::Failing, at, why),
            Link::Conflict { service: at } => service(What::Conflict, at, Why::Nothing),
            Link::Down { service: at, why } => service(What::Down, at, why),
            Link::Paused { service: at, why } => service(What::Paused, at, why),
            Link::Nobody { edge: at, why } => because(What::Nobody, at, why),
            Link::Lost { edge: at, why } => because(What::Lost, at, why),
            Link::Travelling { edge: at, why } => because(What::Travelling, at, why),
            Link::Leaderless { service: at, why } => service(What::Leaderless, at, why),
            Link::Replicating { service: at, why } => service(What::Replicating, at, why),
            Link::Transaction {
                service: at,
                aborted,
            } => {
                let what = if aborted {
                    What::Aborted
                } else {
                    What::Transaction
                };
                service(what, at, Why::Nothing)
            }
            Link::Publishing { queue, full } => Cause {
                what: if full {
                    What::QueueFull
                } else {
                    What::Publishing
                },
                at: self.model.queues[queue as usize].name.clone(),
                how: None,
                due_to: None,
            },
            Link::Unknown => Cause {
                what: What::Unknown,
                at: String::new(),
                how: None,
                due_to: None,
            },
        }
    }

    fn due_to(&self, service: u32, why: Why) -> Option<DueTo> {
        let fault = |number: usize| DueTo {
            kind: DueKind::Fault,
            label: faults::label(self.model, &self.model.faults[number]),
        };
        match why {
            Why::Nothing => None,
            Why::Fault(number) => Some(fault(number as usize)),
            Why::Version(version) => Some(DueTo {
                kind: DueKind::Deployment,
                label: format!(
                    "{} version {version}",
                    self.model.services[service as usize].name
                ),
            }),
            Why::Config(config) => {
                let pushes = self.model.config.iter().flat_map(|centre| &centre.pushes);
                let push = pushes.into_iter().find(|push| push.config == config)?;
                Some(match push.fault {
                    Some(number) => fault(number),
                    None => DueTo {
                        kind: DueKind::Config,
                        label: format!("config {}", push.label),
                    },
                })
            }
        }
    }
}
