//! How requests at changed instances end, and the alarm when that is too bad.
//!
//! A detector hears the requests that instances with the change have answered or refused, as they
//! end there; latency is counted from when the request was sent.

use super::{Alarm, Change, Mode, Phase, What};
use crate::handler::step_key;
use crate::observer::{DeploymentFact, Observer};
use crate::order::Effect;
use crate::world::World;
use clock::Instant;
use engine::{Bits, Keyed};
use policy::Outcome;
use protocol::deploy::{Plan, Rollback};

impl World {
    /// A request has ended at an instance.
    #[cold]
    pub(crate) fn hears_request(&mut self, now: Instant, root: u32, outcome: Outcome) {
        let strand = &self.strands[root];
        let id = strand.instance;
        let (service, took) = (self.instances[id as usize].service, now.since(strand.sent));
        let (version, config) = self.editions.of(id);
        for change in &mut self.deployments.list {
            let has_it = match change.what {
                What::Version {
                    service: of,
                    version: new,
                    ..
                } => of == service && new == version,
                What::Push { config: new } => new == config && self.editions.concerns(service),
            };
            if has_it && change.phase == Phase::Out {
                for watch in &mut change.watches {
                    watch.record(now, !outcome.is_success(), took);
                }
            }
        }
    }

    /// A detector looks.
    pub(super) fn look<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32, watch: u32) {
        if self.deployments.list[number as usize].phase != Phase::Out {
            return;
        }
        let healthy = self.is_healthy(number);
        let change = &mut self.deployments.list[number as usize];
        // An alarm that nobody acts upon is given once.
        let Some(looks) = change.watches.get_mut(watch as usize) else {
            return;
        };
        if !looks.look(now, healthy) {
            let (at, change) = (now + looks.interval(), number);
            self.remind_of(at, Alarm::Look { change, watch });
            return;
        }
        let harmless = change.harmless;
        self.tell_change(now, obs, number, DeploymentFact::Alarm { harmless });
        let change = &mut self.deployments.list[number as usize];
        change.watches = Vec::new();
        if let Mode::None = change.mode {
            self.deployments.settle();
            return;
        }
        change.phase = Phase::Alarmed;
        let plan = Plan {
            queues: change.replay.len() as u32,
            stores: change.restore.len() as u32,
            attempts: change.attempts,
        };
        self.deployments.settle();
        let deployments = &mut self.deployments;
        let (way, next) = Rollback::begin(plan, &mut |what| deployments.delay(number, what));
        self.deployments.list[number as usize].way = Some(way);
        self.go_back(now, obs, number, next);
    }

    /// Whether all instances that have the change are up.
    fn is_healthy(&self, number: u32) -> bool {
        let mut instances = (0..).zip(&self.instances);
        match self.deployments.list[number as usize].what {
            What::Version {
                service, version, ..
            } => !instances.any(|(id, instance)| {
                let has_it = instance.service == service && self.editions.version(id) == version;
                has_it && !instance.stands_by && !instance.is_up()
            }),
            What::Push { config } => !instances.any(|(id, instance)| {
                let concerned = self.editions.concerns(instance.service);
                concerned && self.editions.of(id).1 == config && !instance.is_up()
            }),
        }
    }
}

/// Draws whether a write is wrong.
const WRONG: u64 = 0x7772_6f6e_6700_0000;

impl World {
    /// A strand has written a record at its step `pc`; answers whether wrongly, as its version may.
    #[cold]
    pub(crate) fn note_write<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        pc: u32,
        record: crate::store::Record,
        effect: Option<Effect>,
    ) -> bool {
        let strand = &self.strands[id];
        let instance = &self.instances[strand.instance as usize];
        let corrupt = self.editions.corrupt(instance.edition);
        let mut bits = Keyed::new(step_key(strand, pc) ^ WRONG);
        let wrong = corrupt > 0.0 && bits.unit() < corrupt;
        self.stores.note(now, record, wrong, effect);
        if wrong {
            let (service, version) = (instance.service, self.editions.version(strand.instance));
            let of = |change: &Change| matches!(change.what, What::Version { service: s, version: v, .. } if (s, v) == (service, version));
            if let Some(change) = self.deployments.list.iter().position(of) {
                self.tell_change(now, obs, change as u32, DeploymentFact::WroteWrong);
            }
        }
        wrong
    }
}
