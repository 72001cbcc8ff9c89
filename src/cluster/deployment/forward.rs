//! A version goes out, batch after batch.

use super::{Alarm, Phase, What};
use crate::observer::{DeploymentFact, Observer};
use crate::world::World;
use clock::Instant;
use model::Strategy;
use protocol::deploy::{Roll, Stage, Watch};

impl World {
    /// A deployment begins. One that is under way gives way to it; while one is taken back, it does
    /// not begin at all.
    pub(super) fn begin_deployment<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32) {
        let What::Version {
            service,
            version,
            strategy,
        } = self.deployments.list[number as usize].what
        else {
            return;
        };
        let of_service =
            |what: &What| matches!(what, What::Version { service: s, .. } if *s == service);
        let others = self.deployments.list.iter();
        let returns = |phase| matches!(phase, Phase::Alarmed | Phase::Returning);
        if others
            .clone()
            .any(|other| of_service(&other.what) && returns(other.phase))
        {
            self.deployments.list[number as usize].phase = Phase::Over;
            self.tell_change(now, obs, number, DeploymentFact::HeldBack);
            return;
        }
        for other in &mut self.deployments.list {
            if of_service(&other.what) && other.phase == Phase::Out {
                other.phase = Phase::Over;
                other.round += 1;
                other.roll = None;
            }
        }
        let before = core::mem::replace(&mut self.deployments.stable[service as usize], version);
        let home = self.deployments.home[service as usize].clone();
        let roll = match strategy {
            Strategy::AllAtOnce => Roll::all_at_once(home),
            Strategy::Rolling { batch, pause } => Roll::in_batches(home, batch, pause),
            Strategy::Canary { share, watch } => Roll::canary(home, share, watch),
            Strategy::BlueGreen => Roll::all_at_once(self.beside(service)),
        };
        self.deployments.list[number as usize].roll = Some(roll);
        self.begin_change(now, obs, number, before);
        self.next_batch(now, obs, number);
    }

    /// A push of configuration that is watched is made, by its number among all.
    pub(crate) fn config_changes<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        config: u32,
        before: u32,
    ) {
        let list = &mut self.deployments.list;
        let mut pushed = None;
        for (number, change) in list.iter_mut().enumerate() {
            let What::Push { config: of } = change.what else {
                continue;
            };
            if change.phase == Phase::Out {
                change.phase = Phase::Over;
                change.round += 1;
            }
            if of == config && change.phase == Phase::Ahead && pushed.is_none() {
                pushed = Some(number as u32);
            }
        }
        self.deployments.settle();
        if let Some(number) = pushed {
            self.begin_change(now, obs, number, before);
        }
    }

    fn begin_change<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32, before: u32) {
        let queues = self.deployments.list[number as usize].replay.iter();
        let checkpoints = queues.map(|&queue| self.checkpoint(now, queue)).collect();
        let change = &mut self.deployments.list[number as usize];
        (change.phase, change.begun, change.before) = (Phase::Out, now, before);
        change.checkpoints = checkpoints;
        let signals = change.signals.iter();
        change.watches = signals.map(|&signal| Watch::new(now, signal)).collect();
        self.settle_log(now);
        let intervals = self.deployments.list[number as usize].watches.iter();
        let intervals: Vec<_> = intervals.map(Watch::interval).collect();
        for (watch, interval) in (0..).zip(intervals) {
            let change = number;
            self.remind_of(now + interval, Alarm::Look { change, watch });
        }
        self.deployments.settle();
        self.tell_change(now, obs, number, DeploymentFact::Began);
    }

    /// The instances of a service that stand by, or stood by last.
    pub(super) fn beside(&self, service: u32) -> Vec<u32> {
        let home = &self.deployments.home[service as usize];
        let instances = (0..).zip(&self.instances);
        let beside = instances.filter(|(id, i)| i.service == service && !home.contains(id));
        beside.map(|(id, _)| id).collect()
    }

    /// The next batch is replaced, forwards or backwards.
    pub(super) fn next_batch<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32) {
        let change = &mut self.deployments.list[number as usize];
        let What::Version { version, .. } = change.what else {
            return;
        };
        let version = match change.phase {
            Phase::Returning => change.before,
            _ => version,
        };
        let batch = change.roll.as_mut().and_then(Roll::next_batch);
        for id in batch.unwrap_or_default() {
            self.swap(now, obs, id, version);
        }
    }

    /// An instance is ready with the version that it was to get.
    pub(super) fn has_version<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let waits = |roll: &Roll| roll.outstanding().contains(&id);
        let mut changes = (0..).zip(&mut self.deployments.list);
        let waiting = changes.find(|(_, change)| change.roll.as_ref().is_some_and(waits));
        let Some((number, change)) = waiting else {
            // Nobody waits for it any more; it serves with what it has.
            let service = self.instances[id as usize].service as usize;
            let serves = self.deployments.home[service].contains(&id);
            self.set_serving(id, serves);
            return;
        };
        let is_back = change.phase == Phase::Returning;
        let is_beside = matches!(
            change.what,
            What::Version {
                strategy: Strategy::BlueGreen,
                ..
            }
        );
        let roll = change.roll.as_mut().expect("it waits");
        let stage = roll.ready(id);
        let proven = change.verify.is_none() || change.failed;
        if is_back && !proven {
            change.unproven.push(id);
        } else if is_back || !is_beside {
            self.set_serving(id, true);
        }
        if is_back {
            self.batch_is_back(now, obs, number, stage);
            return;
        }
        match stage {
            Stage::Waiting => {}
            Stage::Pause(pause) => self.pause_roll(now, number, pause),
            Stage::Finished => {
                self.deployments.list[number as usize].roll = None;
                if is_beside {
                    self.turn(id);
                }
                self.tell_change(now, obs, number, DeploymentFact::Everywhere);
            }
        }
    }

    pub(super) fn pause_roll(&mut self, now: Instant, number: u32, pause: clock::Duration) {
        let round = self.deployments.list[number as usize].round;
        let change = number;
        self.remind_of(now + pause, Alarm::Batch { change, round });
    }

    /// All callers turn to the side on which an instance is.
    pub(super) fn turn(&mut self, to: u32) {
        let service = self.instances[to as usize].service;
        let beside = self.beside(service);
        if !beside.contains(&to) {
            return;
        }
        let serving = &mut self.deployments.serving[service as usize];
        serving.fill(false);
        for &id in &beside {
            serving[self.instances[id as usize].local as usize] = true;
        }
        self.deployments.home[service as usize] = beside;
        self.show_serving(service);
    }
}
