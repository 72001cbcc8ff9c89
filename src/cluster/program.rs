//! Handlers as flat programs: the steps of every endpoint, compiled to operations that a strand
//! walks with a program counter.
//!
//! A program refuses to know who runs it: it holds no state, and is shared by all instances.

use crate::sampler;
use engine::Sampler;
use model::{Model, PolicyId, Step, Target, Transaction};

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
    /// Writes one.
    Write { table: u32, if_unchanged: bool },
    /// Runs a transaction.
    Transaction { number: u32 },
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
    /// Those of all handlers, with the endpoint whose handler runs them.
    pub(crate) transactions: Vec<(Target, Transaction)>,
    /// By service, by endpoint.
    pub(crate) entries: Vec<Vec<Pc>>,
    /// By store: the number of its first table.
    first_tables: Vec<u32>,
}

impl Program {
    pub(crate) fn compile(model: &Model) -> Self {
        let mut program = Self::default();
        let mut tables = 0;
        for store in &model.stores {
            program.first_tables.push(tables);
            tables += store.tables.len() as u32;
        }
        for (caller, service) in model.services.iter().enumerate() {
            let entries = service
                .endpoints
                .iter()
                .enumerate()
                .map(|(index, endpoint)| {
                    let entry = program.here();
                    let caller = Target {
                        service: caller,
                        endpoint: index,
                    };
                    program.steps(caller, &endpoint.steps);
                    program.ops.push(Op::End);
                    entry
                });
            let entries = entries.collect();
            program.entries.push(entries);
        }
        program
    }

    fn here(&self) -> Pc {
        self.ops.len() as Pc
    }

    fn sampler(&mut self, distribution: &model::Distribution) -> u32 {
        self.samplers.push(sampler::lower(distribution));
        self.samplers.len() as u32 - 1
    }

    fn table(&self, table: model::Table) -> u32 {
        self.first_tables[table.store] + table.table as u32
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
                    policy: *policy,
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
            Step::Read(table) => {
                let table = self.table(*table);
                self.ops.push(Op::Read { table });
            }
            Step::Write {
                table,
                if_unchanged,
            } => {
                let table = self.table(*table);
                self.ops.push(Op::Write {
                    table,
                    if_unchanged: *if_unchanged,
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
