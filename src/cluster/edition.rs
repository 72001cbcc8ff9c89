//! Editions: what an instance runs while versions and configurations change.
//!
//! Requests that an instance has begun go on as they began; those that reach it afterwards are served
//! by its new edition. It refuses to know why one changes.

use crate::guard::Guard;
use crate::observer::Observer;
use crate::program::{Pc, Program};
use crate::slab::NONE;
use crate::world::World;
use clock::Instant;
use model::{Model, Service};
use std::collections::BTreeMap;

/// All editions, and which one each instance should run.
#[derive(Debug, Default)]
pub(crate) struct Editions {
    list: Vec<Edition>,
    by: BTreeMap<(u32, u32, u32), u32>,
    /// The services as the model has them.
    own: Vec<Service>,
    /// By instance: the version and the configuration that it has.
    has: Vec<(u32, u32)>,
}

#[derive(Debug)]
struct Edition {
    /// By endpoint: its first operation in the model's own program, and here.
    entries: Vec<(Pc, Pc)>,
    shape: Service,
    slow: f64,
    errors: f64,
    corrupt: f64,
    same_policies: bool,
}

impl Editions {
    pub(crate) fn new(model: &Model, program: &Program, instances: usize) -> Self {
        if model.editions.is_empty() {
            return Self::default();
        }
        let list = model.editions.iter().enumerate();
        let list = list.map(|(number, edition)| Edition {
            entries: {
                let own = program.entries[edition.service].iter();
                own.copied()
                    .zip(program.editions[number].iter().copied())
                    .collect()
            },
            shape: edition.shape.clone(),
            slow: edition.slow,
            errors: edition.errors,
            corrupt: edition.corrupt,
            same_policies: edition.policies == model.policies,
        });
        let by = model.editions.iter().enumerate();
        let by = by.map(|(n, e)| ((e.service as u32, e.version, e.config), n as u32));
        Self {
            list: list.collect(),
            by: by.collect(),
            own: model.services.clone(),
            has: vec![(0, 0); instances],
        }
    }

    /// Whether a service ever changes.
    pub(crate) fn concerns(&self, service: u32) -> bool {
        let first = self.by.range((service, 0, 0)..).next();
        first.is_some_and(|((of, ..), _)| *of == service)
    }

    /// The version and the configuration that an instance has.
    pub(crate) fn of(&self, instance: u32) -> (u32, u32) {
        self.has.get(instance as usize).copied().unwrap_or((0, 0))
    }

    /// Whether a version makes nothing worse: it is as the model has it, or faster.
    pub(crate) fn is_harmless(&self, service: u32, version: u32) -> bool {
        let Some(&edition) = self.by.get(&(service, version, 0)) else {
            return true;
        };
        let Edition {
            shape,
            slow,
            errors,
            corrupt,
            same_policies,
            ..
        } = &self.list[edition as usize];
        let same = *same_policies && *shape == self.own[service as usize];
        same && *slow <= 1.0 && *errors == 0.0 && *corrupt == 0.0
    }

    /// Whether a configuration changes anything about a service.
    pub(crate) fn is_changed(&self, service: u32, config: u32) -> bool {
        let Some(&edition) = self.by.get(&(service, 0, config)) else {
            return false;
        };
        let edition = &self.list[edition as usize];
        let same = edition.same_policies && edition.shape == self.own[service as usize];
        !same || edition.slow != 1.0 || edition.errors != 0.0
    }

    /// The version that an instance has.
    pub(crate) fn version(&self, instance: u32) -> u32 {
        self.has.get(instance as usize).map_or(0, |has| has.0)
    }

    /// Where a handler begins in an edition that begins at `entry` in the model's own.
    pub(crate) fn entry(&self, edition: u32, entry: Pc) -> Pc {
        let entries = &self.list[edition as usize].entries;
        let found = entries.iter().find(|(own, _)| *own == entry);
        found.map_or(entry, |(_, here)| *here)
    }

    /// How many times as long work takes, and which share of requests fails, by an edition alone.
    pub(crate) fn conditions(&self, edition: u32) -> (f64, f64) {
        match edition {
            NONE => (1.0, 0.0),
            edition => {
                let edition = &self.list[edition as usize];
                (edition.slow, edition.errors)
            }
        }
    }

    /// Which share of writes is wrong.
    pub(crate) fn corrupt(&self, edition: u32) -> f64 {
        match edition {
            NONE => 0.0,
            edition => self.list[edition as usize].corrupt,
        }
    }
}

impl World {
    /// An instance gets a version of its service. It is without requests, or takes them on.
    pub(crate) fn set_version<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        version: u32,
    ) {
        if let Some(has) = self.editions.has.get_mut(id as usize) {
            has.0 = version;
            self.adopt(now, obs, id);
        }
    }

    /// An instance learns of a configuration.
    pub(crate) fn set_config<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        config: u32,
    ) {
        if let Some(has) = self.editions.has.get_mut(id as usize) {
            has.1 = config;
            self.adopt(now, obs, id);
        }
    }

    /// The instance runs the edition of the version and the configuration that it has.
    fn adopt<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let service = self.instances[id as usize].service;
        let (version, config) = self.editions.has[id as usize];
        let edition = self.editions.by.get(&(service, version, config));
        let edition = edition.copied().unwrap_or(NONE);
        if self.instances[id as usize].edition == edition {
            return;
        }
        let shape = |edition| match edition {
            NONE => &self.editions.own[service as usize],
            edition => &self.editions.list[edition as usize].shape,
        };
        let instance = &mut self.instances[id as usize];
        let before = shape(core::mem::replace(&mut instance.edition, edition));
        let shape = shape(edition);
        instance.workers = shape.workers;
        instance.queue_capacity = shape.queue_capacity.unwrap_or(u32::MAX);
        instance.abandoned = shape.abandoned;
        if (&before.admission, &before.degrade) != (&shape.admission, &shape.degrade) {
            instance.guard = Guard::new(shape);
            // The new door has let nobody in yet.
            for root in 0..self.strands.slots() {
                if self.strands[root].instance == id && self.strands[root].root == root {
                    self.held.forget(root);
                }
            }
        }
        instance.settle();
        self.change_conditions(now, obs, &[id]);
        self.refill(now, obs, id);
        obs.adopted(now, service as usize, version, config);
    }
}
