//! Deployments as the world hosts them: what each change of a running system is, and what is heard
//! of it.
//!
//! `swap` stops and starts instances, `forward` lets a version out, `back` takes a change back,
//! `probe` makes sure of what was put back, `watch` hears how requests of the changed instances end,
//! `number` starts and stops instances for an autoscaler.
//! The machines that decide are [`protocol::deploy`]'s. No person, balancer or pipeline that acts here
//! ever fails.

mod back;
mod forward;
mod number;
mod probe;
mod swap;
mod watch;

use crate::edition::Editions;
use crate::observer::{DeploymentFact, Observer};
use crate::post::{Alarm as AnyAlarm, Party};
use crate::sampler;
use crate::world::World;
use clock::Instant;
use engine::{Keyed, Sampler, stream_key};
use model::{Detector, Model, RollbackMode, Strategy, Verify};
use probe::Probes;
use protocol::deploy::{Delay, Roll, Rollback, Signal, Watch};
use swap::Fate;

/// What is waited for. Those of an earlier `round` of a change are stale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {
    /// A deployment begins.
    Begin(u32),
    /// An instance that is to stop may be empty by now.
    Drain(u32),
    /// The pause before the next batch is over.
    Batch { change: u32, round: u32 },
    /// A detector looks.
    Look { change: u32, watch: u32 },
    /// A person is ready for the next step.
    Wake { change: u32 },
    /// A store is restored.
    Restored { change: u32 },
    /// Probes are due.
    Probe { change: u32, round: u32 },
    /// A configuration that was put back may have reached everybody.
    Spread { change: u32, round: u32 },
}

/// A probe under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Errand {
    change: u32,
    round: u32,
}

/// All changes that are deployed, or that are rolled back when they go wrong.
#[derive(Debug, Default)]
pub(crate) struct Deployments {
    /// Deployments in their order, then the pushes of configuration that have a rollback.
    list: Vec<Change>,
    /// By instance: what is to become of it.
    fates: Vec<Option<Fate>>,
    /// By service: its instances that callers may choose, by their numbers in it.
    serving: Vec<Vec<bool>>,
    /// By service: the version that a deployment that begins now replaces.
    stable: Vec<u32>,
    /// By service: the instances that serve it, those that stand by not among them.
    home: Vec<Vec<u32>>,
    /// Somebody listens how requests end.
    pub(crate) listening: bool,
    key: u64,
    draws: u64,
}

/// A change of the running system.
#[derive(Debug)]
struct Change {
    what: What,
    mode: Mode,
    signals: Vec<Signal>,
    /// Queues that stop and are replayed, and stores that are restored.
    replay: Vec<u32>,
    restore: Vec<u32>,
    restore_time: Sampler,
    verify: Option<Verify>,
    attempts: u32,
    /// It changes nothing for the worse: an alarm is a false one.
    harmless: bool,
    phase: Phase,
    begun: Instant,
    /// By queue to be replayed: from when on.
    checkpoints: Vec<Instant>,
    /// The version, or the configuration, that it replaces.
    before: u32,
    /// Counts what alarms may be stale for.
    round: u32,
    /// Which way the instances are being replaced.
    roll: Option<Roll>,
    watches: Vec<Watch>,
    way: Option<Rollback>,
    probes: Option<Probes>,
    /// Instances that were put back and have not stood the probes.
    unproven: Vec<u32>,
    /// They have not stood them, and it is not tried again.
    failed: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Version {
        service: u32,
        version: u32,
        strategy: Strategy,
    },
    Push {
        config: u32,
    },
}

#[derive(Clone, Debug)]
enum Mode {
    None,
    Automatic,
    Manual { notice: Sampler, per_step: Sampler },
}

/// Where a change stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// It has not begun.
    Ahead,
    /// It goes out, or is out, and is watched.
    Out,
    /// There was an alarm; whoever must act has not begun.
    Alarmed,
    /// It is taken back.
    Returning,
    /// Nothing becomes of it any more.
    Over,
}

impl Deployments {
    pub(crate) fn new(
        model: &Model,
        editions: &Editions,
        first_instances: &[u32],
        seed: u64,
        replication: u32,
    ) -> Self {
        let versions = model.deployments.iter().map(|deployment| {
            let what = What::Version {
                service: deployment.service as u32,
                version: deployment.version,
                strategy: deployment.strategy,
            };
            let harmless = editions.is_harmless(deployment.service as u32, deployment.version);
            Change::new(model, what, &deployment.rollback, harmless)
        });
        let pushes = model.config.iter().flat_map(|centre| &centre.pushes);
        let pushes = pushes.filter_map(|push| {
            let what = What::Push {
                config: push.config,
            };
            Some(Change::new(model, what, push.rollback.as_ref()?, false))
        });
        let list: Vec<Change> = versions.chain(pushes).collect();
        let scales = model
            .services
            .iter()
            .any(|service| service.autoscale.is_some());
        if list.is_empty() && !scales {
            return Self::default();
        }
        let services = model.services.iter().enumerate();
        let home = services.map(|(s, service)| {
            let first = first_instances[s];
            (first..first + service.instances).collect()
        });
        let instances: u32 = (0..model.services.len()).map(|s| model.slots(s)).sum();
        let serving = model.services.iter().enumerate().map(|(s, service)| {
            (0..model.slots(s))
                .map(|local| local < service.instances)
                .collect()
        });
        Self {
            fates: (0..instances).map(|_| None).collect(),
            serving: serving.collect(),
            stable: vec![0; model.services.len()],
            home: home.collect(),
            listening: false,
            key: stream_key(seed, replication, "deployments", "times"),
            draws: 0,
            list,
        }
    }

    /// A key that no other draw has.
    fn next_key(&mut self) -> u64 {
        self.draws += 1;
        Keyed::child(self.key, self.draws)
    }

    /// How long whoever acts needs.
    fn delay(&mut self, change: u32, what: Delay) -> clock::Duration {
        let key = self.next_key();
        match (&self.list[change as usize].mode, what) {
            (Mode::Manual { notice, .. }, Delay::Notice) => notice.sample(&mut Keyed::new(key)),
            (Mode::Manual { per_step, .. }, Delay::Step) => per_step.sample(&mut Keyed::new(key)),
            (Mode::None | Mode::Automatic, _) => clock::Duration::ZERO,
        }
    }

    /// Whether somebody still needs to know how requests end.
    fn settle(&mut self) {
        let listens = |change: &Change| change.phase == Phase::Out && !change.watches.is_empty();
        self.listening = self.list.iter().any(listens);
    }
}

impl Change {
    fn new(model: &Model, what: What, rollback: &model::Rollback, harmless: bool) -> Self {
        // Without an objective a budget is everything: it never burns. The reader refuses that.
        let budget = 1.0 - model.slo.availability.unwrap_or(0.0);
        let signals = rollback.detect.iter().map(|detector| match *detector {
            Detector::ErrorRate {
                above,
                over,
                minimum,
            } => Signal::ErrorRate {
                above,
                over,
                minimum,
            },
            Detector::Latency {
                quantile,
                above,
                over,
                minimum,
            } => Signal::Latency {
                quantile,
                above,
                over,
                minimum,
            },
            Detector::BurnRate {
                above,
                long,
                short,
                minimum,
            } => Signal::BurnRate {
                above,
                budget,
                long,
                short,
                minimum,
            },
            Detector::Health { over } => Signal::Health { over },
        });
        Self {
            what,
            mode: match &rollback.mode {
                RollbackMode::None => Mode::None,
                RollbackMode::Automatic => Mode::Automatic,
                RollbackMode::Manual { notice, per_step } => Mode::Manual {
                    notice: sampler::lower(notice),
                    per_step: sampler::lower(per_step),
                },
            },
            signals: signals.collect(),
            replay: rollback.replay.iter().map(|&queue| queue as u32).collect(),
            restore: rollback.restore.iter().map(|&store| store as u32).collect(),
            restore_time: sampler::lower(&rollback.restore_time),
            verify: rollback.verify,
            attempts: rollback.attempts,
            harmless,
            phase: Phase::Ahead,
            begun: Instant::ZERO,
            checkpoints: Vec::new(),
            before: 0,
            round: 0,
            roll: None,
            watches: Vec::new(),
            way: None,
            probes: None,
            unproven: Vec::new(),
            failed: false,
        }
    }
}

impl World {
    /// Deployments stand in the calendar; what stands by is down, and nobody sends anything there.
    pub(crate) fn start_deployments(&mut self, model: &Model) {
        for (number, deployment) in model.deployments.iter().enumerate() {
            let alarm = AnyAlarm::Deployment(Alarm::Begin(number as u32));
            self.set_alarm(deployment.at, Party::Nobody, alarm);
        }
        for service in 0..self.deployments.serving.len() {
            if self.deployments.serving[service].contains(&false) {
                self.show_serving(service as u32);
            }
        }
    }

    fn tell_change<O: Observer>(
        &self,
        now: Instant,
        obs: &mut O,
        change: u32,
        fact: DeploymentFact,
    ) {
        obs.deployment(now, change as usize, fact);
    }

    pub(crate) fn deployment_alarm<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        alarm: Alarm,
    ) {
        let is_present = |world: &Self, change: u32, round: u32| {
            world.deployments.list[change as usize].round == round
        };
        match alarm {
            Alarm::Begin(change) => self.begin_deployment(now, obs, change),
            Alarm::Drain(instance) => self.drain(now, obs, instance),
            Alarm::Batch { change, round } if is_present(self, change, round) => {
                self.next_batch(now, obs, change);
            }
            Alarm::Look { change, watch } => self.look(now, obs, change, watch),
            Alarm::Wake { change } => {
                let way = self.deployments.list[change as usize].way.as_mut();
                if let Some(next) = way.map(Rollback::wake) {
                    self.go_back(now, obs, change, next);
                }
            }
            Alarm::Restored { change } => self.store_is_restored(now, obs, change),
            Alarm::Probe { change, round } if is_present(self, change, round) => {
                self.probe_again(now, obs, change);
            }
            Alarm::Spread { change, round } if is_present(self, change, round) => {
                self.await_spread(now, obs, change);
            }
            Alarm::Batch { .. } | Alarm::Probe { .. } | Alarm::Spread { .. } => {}
        }
    }

    fn remind_of(&mut self, at: Instant, alarm: Alarm) {
        self.set_alarm(at, Party::Nobody, AnyAlarm::Deployment(alarm));
    }
}
