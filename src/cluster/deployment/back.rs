//! A change is taken back: queues stop, stores are restored, the version or the configuration before
//! is put back and made sure of, queues are replayed.

use super::{Alarm, Phase, What};
use crate::observer::{DeploymentFact, Observer};
use crate::world::World;
use clock::{Duration, Instant};
use model::Strategy;
use protocol::deploy::{End, Next, Roll, Stage, Task};

/// Between two looks whether a configuration has reached everybody.
const SPREAD: Duration = Duration::from_millis(100);

impl World {
    /// Goes on with what comes next on the way back.
    pub(super) fn go_back<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        number: u32,
        next: Next,
    ) {
        let task = match next {
            Next::Wait(time) => {
                self.remind_of(now + time, Alarm::Wake { change: number });
                return;
            }
            Next::Over(end) => {
                self.is_back(now, obs, number, end);
                return;
            }
            Next::Do(task) => task,
        };
        let change = &mut self.deployments.list[number as usize];
        if change.phase == Phase::Alarmed {
            change.phase = Phase::Returning;
            change.round += 1;
            change.roll = None;
            self.tell_change(now, obs, number, DeploymentFact::Acts);
        }
        match task {
            Task::StopQueue(place) => {
                let queue = self.deployments.list[number as usize].replay[place as usize];
                self.stop_queue(now, obs, queue);
                self.step_is_done(now, obs, number, true);
            }
            Task::Replay(place) => {
                let change = &self.deployments.list[number as usize];
                let (queue, from) = (
                    change.replay[place as usize],
                    change.checkpoints[place as usize],
                );
                self.replay_queue(now, obs, queue, from);
                self.resume_queue(now, obs, queue);
                self.step_is_done(now, obs, number, true);
            }
            Task::Restore(place) => {
                self.keep_out(number);
                let key = self.deployments.next_key();
                let change = &self.deployments.list[number as usize];
                let time = change.restore_time.sample(&mut engine::Keyed::new(key));
                let applying = self.stores.replaying(change.restore[place as usize]);
                self.remind_of(now + time + applying, Alarm::Restored { change: number });
            }
            Task::PutBack => self.put_back(now, obs, number),
        }
    }

    /// A step of the way back is done; `holds`: what was put back stood its probes.
    pub(super) fn step_is_done<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        number: u32,
        holds: bool,
    ) {
        let Some(mut way) = self.deployments.list[number as usize].way.take() else {
            return;
        };
        let deployments = &mut self.deployments;
        let next = way.done(holds, &mut |what| deployments.delay(number, what));
        self.deployments.list[number as usize].way = Some(way);
        self.go_back(now, obs, number, next);
    }

    /// Nobody sends new requests to instances with the change while a store is restored.
    fn keep_out(&mut self, number: u32) {
        if let What::Version {
            service, version, ..
        } = self.deployments.list[number as usize].what
        {
            for id in 0..self.instances.len() as u32 {
                if self.instances[id as usize].service == service && self.has_or_gets(id, version) {
                    self.set_serving(id, false);
                }
            }
        }
    }

    /// A store is as it was before the change.
    pub(super) fn store_is_restored<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        number: u32,
    ) {
        let change = &self.deployments.list[number as usize];
        let (from, stores) = (change.begun, change.restore.clone());
        let done = change.way.as_ref().and_then(|way| way.present());
        if let Some(Task::Restore(place)) = done {
            let (undone, wrong) =
                self.stores
                    .restore(stores[place as usize], from, &mut self.orders);
            let restored = &self.stores;
            self.copies
                .restored(stores[place as usize], |record| restored.version(record));
            let fact = DeploymentFact::Restored { undone, wrong };
            self.tell_change(now, obs, number, fact);
        }
        self.step_is_done(now, obs, number, true);
    }

    /// What was before the change is put back.
    fn put_back<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32) {
        let change = &mut self.deployments.list[number as usize];
        change.round += 1;
        let before = change.before;
        match change.what {
            What::Push { config } => {
                if self.centre.as_ref().is_some_and(|c| c.newest() == config) {
                    self.push_config(now, obs, before);
                }
                self.await_spread(now, obs, number);
            }
            What::Version {
                service,
                version,
                strategy,
            } => {
                self.deployments.stable[service as usize] = before;
                let tried = core::mem::take(&mut change.unproven);
                if strategy == Strategy::BlueGreen {
                    self.turn_back(now, obs, number);
                    return;
                }
                let home = self.deployments.home[service as usize].clone();
                let size = match strategy {
                    Strategy::Rolling { batch, .. } => batch,
                    Strategy::Canary { share, .. } => {
                        protocol::deploy::canaries(home.len(), share) as u32
                    }
                    Strategy::AllAtOnce | Strategy::BlueGreen => u32::MAX,
                };
                let concerned = home
                    .into_iter()
                    .filter(|&id| self.has_or_gets(id, version) || tried.contains(&id));
                let concerned: Vec<u32> = concerned.collect();
                if concerned.is_empty() {
                    self.batch_is_back(now, obs, number, Stage::Finished);
                    return;
                }
                let roll = Roll::in_batches(concerned, size, Duration::ZERO);
                self.deployments.list[number as usize].roll = Some(roll);
                self.next_batch(now, obs, number);
            }
        }
    }

    /// Callers turn to the instances that stand by, once these have stood the probes; those with the
    /// change stop.
    fn turn_back<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32) {
        let change = &mut self.deployments.list[number as usize];
        let What::Version {
            service, version, ..
        } = change.what
        else {
            return;
        };
        let home = self.deployments.home[service as usize].clone();
        let turned = home.iter().any(|&id| self.has_or_gets(id, version));
        let old = match turned {
            true => self.beside(service),
            false => home,
        };
        self.deployments.list[number as usize].unproven = old;
        self.batch_is_back(now, obs, number, Stage::Finished);
    }

    /// Waits until a configuration that was put back has reached everybody who is up.
    pub(super) fn await_spread<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32) {
        let change = &self.deployments.list[number as usize];
        let (round, before) = (change.round, change.before);
        let newest = self.centre.as_ref().map_or(before, |c| c.newest());
        let instances = (0..).zip(&self.instances);
        let concerned = instances
            .filter(|(_, i)| self.editions.concerns(i.service) && i.is_up())
            .map(|(id, _)| id);
        let concerned: Vec<u32> = concerned.collect();
        if concerned.iter().any(|&id| self.editions.of(id).1 != newest) {
            let change = number;
            self.remind_of(now + SPREAD, Alarm::Spread { change, round });
            return;
        }
        self.deployments.list[number as usize].unproven = concerned;
        self.batch_is_back(now, obs, number, Stage::Finished);
    }

    /// A batch that was put back may be ready: it is made sure of, or the next one comes.
    pub(super) fn batch_is_back<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        number: u32,
        stage: Stage,
    ) {
        if stage == Stage::Waiting {
            return;
        }
        if stage == Stage::Finished {
            self.deployments.list[number as usize].roll = None;
            self.tell_change(now, obs, number, DeploymentFact::PutBack);
        }
        let change = &self.deployments.list[number as usize];
        let to_prove = !change.unproven.is_empty() && !change.failed;
        match change.verify {
            Some(verify) if to_prove => self.begin_probes(now, obs, number, verify),
            _ => self.batch_is_proven(now, obs, number),
        }
    }

    /// A batch has stood the probes, or there are none: it serves.
    pub(super) fn batch_is_proven<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32) {
        let change = &mut self.deployments.list[number as usize];
        let proven = core::mem::take(&mut change.unproven);
        let (what, failed) = (change.what, change.failed);
        let more = change.roll.is_some();
        match what {
            What::Push { .. } => {}
            What::Version {
                strategy: Strategy::BlueGreen,
                ..
            } => {
                if let Some(&one) = proven.first() {
                    self.turn(one);
                    for id in self.beside(self.instances[one as usize].service) {
                        self.shut_down(now, obs, id);
                    }
                }
            }
            What::Version { .. } => {
                for id in proven {
                    // One that has crashed since serves again when it is up.
                    self.set_serving(id, true);
                }
            }
        }
        if more {
            self.pause_roll(now, number, Duration::ZERO);
        } else {
            self.step_is_done(now, obs, number, !failed);
        }
    }

    /// What was put back has not stood its probes: again, or it serves as it is.
    pub(super) fn batch_fails<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32) {
        self.tell_change(now, obs, number, DeploymentFact::Unproven);
        let change = &mut self.deployments.list[number as usize];
        change.round += 1;
        let last = change.way.as_ref().is_none_or(|way| way.is_last());
        if last {
            change.failed = true;
            self.batch_is_proven(now, obs, number);
        } else {
            change.roll = None;
            self.step_is_done(now, obs, number, false);
        }
    }

    /// Writes are logged as long as a change may be taken back that restores a store.
    pub(super) fn settle_log(&mut self, now: Instant) {
        let needs_log = |change: &super::Change| {
            !change.restore.is_empty() && !matches!(change.phase, Phase::Ahead | Phase::Over)
        };
        let kept = self.deployments.list.iter().any(needs_log);
        self.stores.keep_log(now, kept);
    }

    fn is_back<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32, end: End) {
        let change = &mut self.deployments.list[number as usize];
        change.phase = Phase::Over;
        change.way = None;
        let verified = change.verify.is_some() && end == End::Back;
        self.settle_log(now);
        let fact = match end {
            End::Back => DeploymentFact::Back { verified },
            End::GivenUp => DeploymentFact::GivenUp,
        };
        self.tell_change(now, obs, number, fact);
    }
}
