//! Handlers as flat programs: the steps of every endpoint, compiled to operations that a strand
//! walks with a program counter.
//!
//! A program refuses to know who runs it: it holds no state, and is shared by all instances.

use crate::group::Demand;
use crate::sampler;
use engine::Sampler;
use model::{
    Cache, Edition, Endpoint, Model, PolicyId, Reads, ServiceId, Step, Target, Transaction,
};
use policy::config::PolicyConfig;

/// Index into [`Program::ops`].
pub(crate) type Pc = u32;

/// One operation. Samplers, sites and tables are indices into the program's lists.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Op {
    /// Work that needs a worker.
    Compute { sampler: u32 },
    /// Time that passes.
    Wait { sampler: u32 },
    /// A call from this call site, which the handler may do without.
    Call { site: u32, optional: bool },
    /// Strands for the branches; goes on after `require` of them.
    Fork { table: u32, require: u32 },
    /// Goes to one of the alternatives, by weight.
    Choose { table: u32 },
    /// `times` rounds of the body that begins at `body`, each by a strand of its own.
    Repeat { times: u32, body: Pc },
    /// Goes on elsewhere.
    Jump { to: Pc },
    /// The handler fails with this probability.
    Fail { ratio: f64 },
    /// Reads a record of this table (counted over all stores).
    Read { table: u32 },
    /// Reads one at a copy of its store.
    ReadCopy { table: u32 },
    /// Writes one.
    Write {
        table: u32,
        if_unchanged: bool,
        once: bool,
    },
    /// The beginning of an endpoint of a replicated service.
    Enter { demand: Demand },
    /// Reads a record of the own store of a replicated service; `anywhere`: as far as the replica
    /// that is asked has applied the log.
    ReadReplica { table: u32, anywhere: bool },
    /// Has a write of one replicated.
    WriteReplica {
        table: u32,
        if_unchanged: bool,
        once: bool,
    },
    /// Runs a transaction.
    Transaction { number: u32 },
    /// Publishes a message.
    Publish { queue: u32 },
    /// Looks something up: goes on at `hit` where it is there, else with what a miss takes.
    Look { cache: u32, hit: Pc },
    /// The end of a miss of the [`Op::Look`] at `look`.
    Keep { cache: u32, look: Pc },
    /// The end of a handler, of a branch, of a round.
    End,
}

/// A call step: whom it calls, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StepSite {
    /// The service whose handler calls.
    pub(crate) caller: usize,
    pub(crate) target: Target,
    pub(crate) policy: Option<PolicyId>,
}

/// The programs of all endpoints of a model.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) ops: Vec<Op>,
    pub(crate) samplers: Vec<Sampler>,
    /// First operations of the branches of a fork.
    pub(crate) forks: Vec<Box<[Pc]>>,
    /// Cumulated weight (the last is 1) and first operation of each alternative.
    pub(crate) choices: Vec<Box<[(f64, Pc)]>>,
    pub(crate) sites: Vec<StepSite>,
    /// The `cache` steps.
    pub(crate) caches: Vec<Cache>,
    /// Those of all handlers, with the endpoint whose handler runs them.
    pub(crate) transactions: Vec<(Target, Transaction)>,
    /// By service, by endpoint.
    pub(crate) entries: Vec<Vec<Pc>>,
    /// By edition, by endpoint.
    pub(crate) editions: Vec<Vec<Pc>>,
    /// Policies that differ in an edition; they are numbered after those of the model.
    pub(crate) more_policies: Vec<PolicyConfig>,
    /// While an edition is compiled: the number of each policy there.
    policies: Vec<PolicyId>,
    /// By store: the number of its first table, and its owner.
    stores: Vec<(u32, ServiceId)>,
    /// By store: others than its owner read at copies.
    copied: Vec<bool>,
    /// By service: who answers reads, where it is replicated.
    reads: Vec<Option<Reads>>,
    /// Who may serve the endpoint in hand, where its service is replicated.
    demand: Option<Demand>,
    /// What is done when a cache misses: from behind the look to the keeping.
    pub(crate) misses: Vec<core::ops::RangeInclusive<Pc>>,
    /// By table: the service that owns it.
    pub(crate) table_owners: Vec<u32>,
}

impl Program {
    pub(crate) fn compile(model: &Model) -> Self {
        let mut program = Self::default();
        let mut tables = 0;
        for store in &model.stores {
            program.stores.push((tables, store.owner));
            program.copied.push(store.replicas > 0);
            tables += store.tables.len() as u32;
            let owner = store.owner as u32;
            program.table_owners.resize(tables as usize, owner);
        }
        let reads = |service: &model::Service| service.replication.as_ref().map(|told| told.reads);
        program.reads = model.services.iter().map(reads).collect();
        for (caller, service) in model.services.iter().enumerate() {
            let entries = program.endpoints(caller, &service.endpoints);
            program.entries.push(entries);
        }
        for edition in &model.editions {
            program.number_policies(model, edition);
            let endpoints = &edition.shape.endpoints;
            let entries = program.endpoints(edition.service, endpoints);
            program.editions.push(entries);
        }
        program
    }

    /// The first operations of the endpoints of a service.
    fn endpoints(&mut self, service: usize, endpoints: &[Endpoint]) -> Vec<Pc> {
        let entries = endpoints.iter().enumerate().map(|(endpoint, what)| {
            let entry = self.here();
            self.demand = self.demand_of(service, what);
            if let Some(demand) = self.demand {
                self.ops.push(Op::Enter { demand });
            }
            self.steps(Target { service, endpoint }, &what.steps);
            self.ops.push(Op::End);
            entry
        });
        entries.collect()
    }

    /// A policy that an edition does not change keeps its number, and so what it remembers.
    fn number_policies(&mut self, model: &Model, edition: &Edition) {
        let pairs = model.policies.iter().zip(&edition.policies).enumerate();
        self.policies = pairs
            .map(|(number, (own, here))| {
                if own.config == here.config {
                    return number;
                }
                let more = &mut self.more_policies;
                let known = more.iter().position(|config| *config == here.config);
                let known = known.unwrap_or_else(|| {
                    more.push(here.config.clone());
                    more.len() - 1
                });
                model.policies.len() + known
            })
            .collect();
    }

    /// Who may serve an endpoint of a replicated service, by what its steps do to the stores that the
    /// service owns.
    fn demand_of(&self, service: ServiceId, endpoint: &Endpoint) -> Option<Demand> {
        let from = self.reads[service]?;
        let (mut reads, mut writes) = (false, false);
        touch(&endpoint.steps, &mut |step| match step {
            Step::Read { table, .. } => reads |= self.stores[table.store].1 == service,
            Step::Write { .. } => writes = true,
            _ => {}
        });
        Some(match (writes, reads) {
            (true, _) => Demand::Leader,
            (false, false) => Demand::Command,
            (false, true) if from == Reads::Any => Demand::Anyone,
            (false, true) => Demand::Leader,
        })
    }

    /// Whether an endpoint that begins at `entry` is for the leader of a group.
    pub(crate) fn needs_leader(&self, entry: Pc) -> bool {
        match self.ops[entry as usize] {
            Op::Enter { demand } => demand != Demand::Anyone,
            _ => false,
        }
    }

    fn here(&self) -> Pc {
        self.ops.len() as Pc
    }

    fn sampler(&mut self, distribution: &model::Distribution) -> u32 {
        self.samplers.push(sampler::lower(distribution));
        self.samplers.len() as u32 - 1
    }

    pub(crate) fn table(&self, table: model::Table) -> u32 {
        self.stores[table.store].0 + table.table as u32
    }

    fn steps(&mut self, caller: Target, steps: &[Step]) {
        for step in steps {
            self.step(caller, step);
        }
    }

    fn step(&mut self, caller: Target, step: &Step) {
        match step {
            Step::Compute(d) => {
                let sampler = self.sampler(d);
                self.ops.push(Op::Compute { sampler });
            }
            Step::Wait(d) => {
                let sampler = self.sampler(d);
                self.ops.push(Op::Wait { sampler });
            }
            Step::Call {
                target,
                policy,
                optional,
            } => {
                let site = self.sites.len() as u32;
                self.sites.push(StepSite {
                    caller: caller.service,
                    target: *target,
                    policy: policy.map(|p| self.policies.get(p).copied().unwrap_or(p)),
                });
                self.ops.push(Op::Call {
                    site,
                    optional: *optional,
                });
            }
            Step::Parallel { branches, require } => {
                let table = self.forks.len() as u32;
                self.forks.push(Box::default());
                self.ops.push(Op::Fork {
                    table,
                    require: *require,
                });
                let skip = self.jump_later();
                let starts = branches.iter().map(|steps| {
                    let start = self.here();
                    self.steps(caller, steps);
                    self.ops.push(Op::End);
                    start
                });
                self.forks[table as usize] = starts.collect::<Vec<_>>().into();
                self.land(skip);
            }
            Step::Choose(alternatives) => {
                let table = self.choices.len() as u32;
                self.choices.push(Box::default());
                self.ops.push(Op::Choose { table });
                let total: f64 = alternatives.iter().map(|(weight, _)| weight).sum();
                let mut reached = 0.0;
                let mut choices = Vec::with_capacity(alternatives.len());
                let mut ends = Vec::with_capacity(alternatives.len());
                for (weight, steps) in alternatives {
                    reached += weight / total;
                    choices.push((reached, self.here()));
                    self.steps(caller, steps);
                    ends.push(self.jump_later());
                }
                // Rounding must not leave a gap below 1 behind the last alternative that can be
                // chosen, nor open one for an alternative of weight 0.
                if let Some(last) = alternatives.iter().rposition(|(weight, _)| *weight > 0.0) {
                    for choice in &mut choices[last..] {
                        choice.0 = 1.0;
                    }
                }
                self.choices[table as usize] = choices.into();
                for end in ends {
                    self.land(end);
                }
            }
            Step::Repeat { times, steps } => {
                let body = self.here() + 2;
                self.ops.push(Op::Repeat {
                    times: *times,
                    body,
                });
                let skip = self.jump_later();
                self.steps(caller, steps);
                self.ops.push(Op::End);
                self.land(skip);
            }
            Step::Fail(ratio) => self.ops.push(Op::Fail { ratio: *ratio }),
            Step::Transaction(transaction) => {
                let number = self.transactions.len() as u32;
                self.transactions.push((caller, (**transaction).clone()));
                self.ops.push(Op::Transaction { number });
            }
            Step::Publish(queue) => self.ops.push(Op::Publish {
                queue: *queue as u32,
            }),
            Step::Cache(step) => {
                let cache = self.caches.len() as u32;
                self.caches.push((**step).clone());
                let look = self.here();
                self.ops.push(Op::Look { cache, hit: 0 });
                self.steps(caller, &step.miss);
                self.misses.push(look + 1..=self.here());
                self.ops.push(Op::Keep { cache, look });
                let hit = self.here();
                self.ops[look as usize] = Op::Look { cache, hit };
            }
            Step::Read { table: read, fresh } => {
                let table = self.table(*read);
                let is_owners = self.stores[read.store].1 == caller.service;
                self.ops.push(match self.demand {
                    Some(demand) if is_owners => Op::ReadReplica {
                        table,
                        anywhere: demand == Demand::Anyone,
                    },
                    _ if self.copied[read.store] && !is_owners && !fresh => Op::ReadCopy { table },
                    _ => Op::Read { table },
                });
            }
            Step::Write {
                table,
                if_unchanged,
                once,
            } => {
                let (table, if_unchanged, once) = (self.table(*table), *if_unchanged, *once);
                self.ops.push(match self.demand {
                    Some(_) => Op::WriteReplica {
                        table,
                        if_unchanged,
                        once,
                    },
                    None => Op::Write {
                        table,
                        if_unchanged,
                        once,
                    },
                });
            }
        }
    }

    /// A jump whose target is not known yet.
    fn jump_later(&mut self) -> usize {
        self.ops.push(Op::Jump { to: 0 });
        self.ops.len() - 1
    }

    fn land(&mut self, jump: usize) {
        self.ops[jump] = Op::Jump { to: self.here() };
    }
}

/// All steps, nested ones too.
fn touch(steps: &[Step], see: &mut impl FnMut(&Step)) {
    for step in steps {
        see(step);
        match step {
            Step::Parallel { branches, .. } => branches.iter().for_each(|b| touch(b, see)),
            Step::Choose(alternatives) => alternatives.iter().for_each(|(_, s)| touch(s, see)),
            Step::Repeat { steps, .. } => touch(steps, see),
            Step::Cache(cache) => touch(&cache.miss, see),
            _ => {}
        }
    }
}
