//! Faults: what goes wrong, when it begins, and what it undoes when it is over.
//!
//! A fault acts on places; which instances lie there is fixed when the world is made.

use crate::event::Event;
use crate::network::DisturbanceKind;
use crate::observer::Observer;
use crate::place::contains;
use crate::sampler;
use crate::slab::NONE;
use crate::state::Doing;
use crate::world::World;
use clock::Instant;
use engine::{Keyed, Sampler, Stamp, Stream, stream_key};
use model::{CrashMode, FaultKind, Model, Occurrence, Place};
use policy::Outcome;

/// A fault while the world runs.
#[derive(Debug)]
pub(crate) struct Fault {
    when: When,
    pub(crate) kind: FaultKind,
    /// Where it acts, for the kinds that act on instances; of a leader's crash: whom it struck last.
    instances: Vec<u32>,
    pub(crate) active: bool,
    stream: Stream,
}

#[derive(Debug)]
enum When {
    Once { at: Instant, until: Instant },
    Renewal { mtbf: Sampler, mttr: Sampler },
}

/// The faults of a model, by their numbers.
pub(crate) fn faults(
    model: &Model,
    world: &[crate::state::Instance],
    seed: u64,
    replication: u32,
) -> Vec<Fault> {
    let located = |place: Place| {
        let there = world
            .iter()
            .enumerate()
            .filter(|(_, i)| contains(place, i.location));
        there.map(|(id, _)| id as u32).collect()
    };
    let faults = model
        .faults
        .iter()
        .enumerate()
        .map(|(number, fault)| Fault {
            when: match &fault.when {
                Occurrence::Once { at, lasts } => Once {
                    at: *at,
                    until: lasts.map_or(Instant::NEVER, |lasts| *at + lasts),
                },
                Occurrence::Renewal { mtbf, mttr } => Renewal {
                    mtbf: sampler::lower(mtbf),
                    mttr: sampler::lower(mttr),
                },
            },
            kind: fault.kind.clone(),
            instances: match fault.kind {
                FaultKind::Crash { place, .. }
                | FaultKind::Pause { place }
                | FaultKind::Slow { place, .. }
                | FaultKind::Errors { place, .. } => located(place),
                _ => Vec::new(),
            },
            active: false,
            stream: Stream::new(stream_key(
                seed,
                replication,
                &format!("faults.{number}"),
                "times",
            )),
        });
    use When::{Once, Renewal};
    faults.collect()
}

impl World {
    /// Schedules when every fault begins.
    pub(crate) fn schedule_faults(&mut self) {
        for number in 0..self.faults.len() {
            let fault = &mut self.faults[number];
            let at = match &fault.when {
                When::Once { at, .. } => *at,
                When::Renewal { mtbf, .. } => Instant::ZERO + mtbf.sample(&mut fault.stream),
            };
            self.engine.schedule(at, Event::Fault(number as u32));
        }
    }

    /// A fault begins, or is over.
    #[cold]
    pub(crate) fn fault<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32) {
        let fault = &mut self.faults[number as usize];
        fault.active = !fault.active;
        let active = fault.active;
        let next = match &fault.when {
            When::Once { until, .. } => active.then_some(*until),
            When::Renewal { mtbf, mttr } => {
                let time = if active { mttr } else { mtbf }.sample(&mut fault.stream);
                Some(now + time)
            }
        };
        if let Some(next) = next {
            self.engine.schedule(next, Event::Fault(number));
        }
        obs.fault(now, number as usize, active);
        let kind = fault.kind.clone();
        if !active {
            self.transactions_calm(now);
        }
        if let FaultKind::CrashLeader { service, .. } = kind
            && active
        {
            // Whom it strikes is remembered, so that the same one starts again.
            let leader = self.leader_of(service);
            self.faults[number as usize].instances = leader.into_iter().collect();
        }
        let instances = self.faults[number as usize].instances.clone();
        self.apply(now, obs, number, &kind, &instances, active);
    }

    fn apply<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        number: u32,
        kind: &FaultKind,
        instances: &[u32],
        active: bool,
    ) {
        let disturbance = match kind {
            FaultKind::Crash { mode, .. } | FaultKind::CrashLeader { mode, .. } => {
                for &id in instances {
                    if active {
                        self.blame_crash(id, number);
                        self.crash(now, obs, id, *mode);
                    } else {
                        self.restart(now, id);
                    }
                    self.instances[id as usize].crash_mode = self.crash_mode(id);
                }
                return;
            }
            FaultKind::Pause { .. } => {
                for &id in instances {
                    if active {
                        self.pause(now, obs, id);
                    } else {
                        self.unpause(now, obs, id);
                    }
                }
                return;
            }
            FaultKind::Slow { .. } | FaultKind::Errors { .. } => {
                self.change_conditions(now, obs, instances);
                return;
            }
            FaultKind::Config { config, .. } => {
                if active {
                    self.push_config(now, obs, *config);
                } else {
                    self.take_config_back(now, obs);
                }
                return;
            }
            FaultKind::Surge { workload, .. } => {
                self.surge(now, *workload, self.surge_factor(*workload));
                return;
            }
            FaultKind::Latency { from, to, add } => DisturbanceKind::Delay {
                from: *from,
                to: *to,
                add: sampler::lower(add),
            },
            FaultKind::Loss { from, to, ratio } => DisturbanceKind::Loss {
                from: *from,
                to: *to,
                ratio: *ratio,
            },
            FaultKind::Partition { groups } => DisturbanceKind::Partition {
                groups: groups.clone(),
            },
        };
        if active {
            self.network.disturb(number, disturbance);
        } else {
            self.network.calm(number);
        }
    }

    /// Product of the surges of the moment.
    fn surge_factor(&self, of: usize) -> f64 {
        let factors = self
            .faults
            .iter()
            .filter(|fault| fault.active)
            .map(|fault| match fault.kind {
                FaultKind::Surge { workload, factor } if workload == of => factor,
                _ => 1.0,
            });
        factors.product()
    }

    /// Speed and errors follow the faults of the moment; work in progress changes its speed too.
    pub(crate) fn change_conditions<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        instances: &[u32],
    ) {
        let mut changed: Vec<(u32, f64)> = Vec::new();
        for &id in instances {
            let (mut slow, errors) = self
                .editions
                .conditions(self.instances[id as usize].edition);
            let mut good = 1.0 - errors;
            for fault in &self.faults {
                let place = match fault.kind {
                    FaultKind::Slow { place, .. } | FaultKind::Errors { place, .. } => place,
                    _ => continue,
                };
                if !fault.active || !contains(place, self.instances[id as usize].location) {
                    continue;
                }
                match fault.kind {
                    FaultKind::Slow { factor, .. } => slow *= factor,
                    FaultKind::Errors { ratio, .. } => good *= 1.0 - ratio,
                    _ => {}
                }
            }
            let instance = &mut self.instances[id as usize];
            instance.errors = 1.0 - good;
            if slow != instance.slow {
                changed.push((id, slow / instance.slow));
                instance.slow = slow;
            }
        }
        if changed.is_empty() {
            return;
        }
        let mut ratios = vec![1.0; self.instances.len()];
        for &(id, ratio) in &changed {
            ratios[id as usize] = ratio;
            let instance = &mut self.instances[id as usize];
            for (_, left) in &mut instance.frozen {
                *left = left.mul_f64(ratio);
            }
            self.set_shared_speed(now, obs, id);
        }
        for id in 0..self.strands.slots() {
            let strand = &mut self.strands[id];
            // What is paused, or shares cores, has no event of its own.
            if strand.doing == Doing::Computing && strand.stamp != Stamp::NONE {
                let ratio = ratios[strand.instance as usize];
                if ratio != 1.0 {
                    strand.due = now + strand.due.since(now).mul_f64(ratio);
                    strand.stamp = self.engine.schedule(strand.due, Event::Finish(id));
                }
            }
        }
    }

    fn set_shared_speed<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let instance = &mut self.instances[id as usize];
        let Some(shared) = &mut instance.shared else {
            return;
        };
        shared.set_speed(
            now,
            if instance.pauses > 0 {
                0.0
            } else {
                1.0 / instance.slow
            },
        );
        let busy = shared.busy();
        self.share_changed(now, obs, id, busy);
    }

    /// How callers find out that an instance is down: as long as one of its crashes makes the
    /// machine vanish, nobody is there to refuse.
    pub(crate) fn crash_mode(&self, id: u32) -> CrashMode {
        let location = self.instances[id as usize].location;
        let vanished = |fault: &Fault| {
            fault.active
                && match fault.kind {
                    FaultKind::Crash { place, mode } => {
                        mode == CrashMode::Blackhole && contains(place, location)
                    }
                    FaultKind::CrashLeader { mode, .. } => {
                        mode == CrashMode::Blackhole && fault.instances.contains(&id)
                    }
                    _ => false,
                }
        };
        if self.faults.iter().any(vanished) {
            CrashMode::Blackhole
        } else {
            CrashMode::Refuse
        }
    }

    /// The instance stops and loses the work in it.
    pub(crate) fn crash<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        mode: CrashMode,
    ) {
        let instance = &mut self.instances[id as usize];
        self.down += u32::from(instance.is_up());
        instance.crashes += 1;
        instance.starting = Stamp::NONE;
        instance.settle();
        if instance.crashes > 1 {
            return;
        }
        let queued: Vec<_> = instance.queue.drain().map(|(_, strand)| strand).collect();
        instance.queue.forget();
        if let Some(guard) = &mut instance.guard {
            guard.forget();
        }
        let service = &mut self.services[instance.service as usize];
        service.queued -= core::mem::take(&mut instance.waiting);
        instance.load_changed(now);
        obs.queue_length(now, instance.service as usize, service.queued);
        for id in queued {
            if self.strands[id].doing == Doing::Dead {
                self.free(id);
            } else {
                self.strands[id].doing = Doing::Stopped;
            }
        }
        for root in 0..self.strands.slots() {
            let strand = &self.strands[root];
            if strand.instance != id
                || strand.root != root
                || matches!(
                    strand.doing,
                    Doing::Nothing | Doing::Dead | Doing::Travelling
                )
            {
                continue;
            }
            self.stop_strands(now, obs, root);
            self.held.forget(root);
            match self.strands[root].doing {
                // The answer had left before.
                Doing::Answering | Doing::Lost => {}
                _ if self.strands[root].owner == NONE => {
                    self.drop_errand(root);
                    self.free(root);
                }
                // The connection breaks, or the caller hears nothing.
                _ => {
                    if self.blame.is_some() {
                        self.blame_down(root);
                    }
                    match mode {
                        CrashMode::Refuse => self.send_answer(now, root, Outcome::Unavailable),
                        CrashMode::Blackhole => self.lose(root),
                    }
                }
            }
        }
        self.protocols_down(now, obs, id);
        self.replay(id);
    }

    /// The crash is over: the instance starts.
    pub(crate) fn restart(&mut self, now: Instant, id: u32) {
        let instance = &mut self.instances[id as usize];
        instance.crashes -= 1;
        if instance.crashes > 0 {
            return;
        }
        let service = &self.services[instance.service as usize];
        let time = service.startup.sample(&mut Keyed::new(Keyed::child(
            self.startup_key,
            self.startups,
        )));
        self.startups += 1;
        instance.starting = self.engine.schedule(now + time, Event::Ready(id));
        instance.settle();
    }

    /// The instance has started, with fresh memory: its policies know nothing.
    pub(crate) fn ready<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, stamp: Stamp) {
        let instance = &mut self.instances[id as usize];
        if instance.starting != stamp {
            return;
        }
        instance.starting = Stamp::NONE;
        instance.settle();
        self.down -= 1;
        self.blame_ready(id);
        self.forget(now, obs, id);
        self.protocols_up(now, obs, id);
    }

    /// The instance does nothing from now on, and loses nothing.
    fn pause<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let instance = &mut self.instances[id as usize];
        instance.pauses += 1;
        instance.settle();
        if instance.pauses > 1 {
            return;
        }
        self.paused += 1;
        for strand_id in 0..self.strands.slots() {
            let strand = &mut self.strands[strand_id];
            if strand.instance == id
                && strand.doing == Doing::Computing
                && strand.stamp != Stamp::NONE
            {
                strand.stamp = Stamp::NONE;
                instance.frozen.push((strand_id, strand.due.since(now)));
            }
        }
        self.set_shared_speed(now, obs, id);
        self.group_paused(now, obs, id);
    }

    /// The instance goes on.
    fn unpause<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let instance = &mut self.instances[id as usize];
        instance.pauses -= 1;
        instance.settle();
        if instance.pauses > 0 {
            return;
        }
        self.paused -= 1;
        for (strand_id, left) in core::mem::take(&mut instance.frozen) {
            let strand = &mut self.strands[strand_id];
            strand.due = now + left;
            strand.stamp = self.engine.schedule(strand.due, Event::Finish(strand_id));
        }
        self.set_shared_speed(now, obs, id);
        self.group_paused(now, obs, id);
        self.replay(id);
        self.refill(now, obs, id);
    }

    /// What reached the instance while it was paused reaches it now.
    fn replay(&mut self, id: u32) {
        let deferred = core::mem::take(&mut self.instances[id as usize].deferred);
        self.urgent = true;
        for (event, stamp) in deferred.into_iter().rev() {
            self.replays.push((event, stamp));
        }
    }

    /// Whether a paused instance must hear of `event` later; then it will.
    #[cold]
    pub(crate) fn put_off(&mut self, id: u32, event: Event, stamp: Stamp) -> bool {
        let instance = &mut self.instances[id as usize];
        if instance.pauses > 0 {
            instance.deferred.push((event, stamp));
        }
        instance.pauses > 0
    }

    /// The same for what reaches the caller of `call`.
    #[cold]
    pub(crate) fn put_off_call(&mut self, call: u32, event: Event, stamp: Stamp) -> bool {
        match self.calls[call].parent {
            NONE => false,
            parent => self.put_off(self.strands[parent].instance, event, stamp),
        }
    }
}
