//! Autoscaling: looks at the load of a service from time to time, and asks how many instances there
//! should be.
//!
//! The rule is [`protocol::deploy::Autoscaler`]'s; how instances start and stop is that of deployments.
//! While a version of the service goes out, or comes back, it looks and changes nothing.

use crate::observer::Observer;
use crate::post::{Alarm as AnyAlarm, Party};
use crate::state::Instance;
use crate::world::World;
use clock::{Duration, Instant};
use model::{Model, ScaleMetric};
use protocol::deploy::{Autoscaler, Load, Terms};

/// The autoscaler of this number looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Alarm(u32);

/// All autoscalers.
#[derive(Debug)]
pub(crate) struct Scaling {
    list: Vec<Hosted>,
}

#[derive(Debug)]
struct Hosted {
    service: u32,
    interval: Duration,
    machine: Autoscaler,
}

impl Scaling {
    pub(crate) fn new(model: &Model) -> Self {
        let services = model.services.iter().enumerate();
        let list = services.filter_map(|(number, service)| {
            let autoscale = service.autoscale?;
            let terms = Terms {
                min: autoscale.min,
                max: autoscale.max,
                target: autoscale.target,
                cooldown: autoscale.cooldown,
            };
            Some(Hosted {
                service: number as u32,
                interval: autoscale.interval,
                machine: Autoscaler::new(Instant::ZERO, terms, service.instances),
            })
        });
        Self {
            list: list.collect(),
        }
    }
}

/// The load of an instance: its mean since it was looked at last, or since the instance was ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    metric: ScaleMetric,
    began: Instant,
    /// Busy workers, busy cores or waiting requests, since `changed`.
    level: u32,
    changed: Instant,
    /// Level × nanoseconds, from `began` to `changed`.
    sum: u128,
}

impl Meter {
    pub(crate) const fn new(metric: ScaleMetric) -> Self {
        Self {
            metric,
            began: Instant::ZERO,
            level: 0,
            changed: Instant::ZERO,
            sum: 0,
        }
    }

    fn set(&mut self, now: Instant, level: u32) {
        self.sum += u128::from(self.level) * u128::from(now.since(self.changed).as_nanos());
        (self.changed, self.level) = (now, level);
    }

    /// The mean since it began, and begins anew; `None` where that is now.
    fn take(&mut self, now: Instant) -> Option<f64> {
        self.set(now, self.level);
        let time = now.since(self.began).as_nanos();
        let sum = core::mem::take(&mut self.sum);
        self.began = now;
        (time > 0).then(|| sum as f64 / time as f64)
    }
}

impl Instance {
    /// What it does, or what waits there, has changed.
    #[inline]
    pub(crate) fn load_changed(&mut self, now: Instant) {
        if self.meter.is_some() {
            self.read_meter(now);
        }
    }

    #[cold]
    fn read_meter(&mut self, now: Instant) {
        if let Some(mut meter) = self.meter.take() {
            meter.set(now, self.level_of(meter.metric));
            self.meter = Some(meter);
        }
    }

    fn level_of(&self, metric: ScaleMetric) -> u32 {
        match (metric, &self.shared) {
            (ScaleMetric::QueueLength, _) => self.waiting,
            (ScaleMetric::Utilization, Some(shared)) => shared.busy(),
            (ScaleMetric::Utilization, None) => self.busy,
        }
    }

    /// Whether the meter shows what is.
    pub(crate) fn meter_is_right(&self) -> bool {
        let meter = self.meter.as_ref();
        meter.is_none_or(|meter| meter.level == self.level_of(meter.metric))
    }

    /// What it shows in the mean since it was asked last, as a share where its workers are looked at.
    fn take_load(&mut self, now: Instant) -> Option<f64> {
        let meter = self.meter.as_mut()?;
        let mean = meter.take(now)?;
        let workers = f64::from(self.workers);
        Some(match (meter.metric, &self.shared) {
            (ScaleMetric::QueueLength, _) => mean,
            (ScaleMetric::Utilization, Some(shared)) => mean / shared.cores().min(workers),
            (ScaleMetric::Utilization, None) => mean / workers,
        })
    }
}

impl World {
    pub(crate) fn start_scaling(&mut self) {
        for number in 0..self.scaling.list.len() as u32 {
            self.look_again(Instant::ZERO, number);
        }
    }

    fn look_again(&mut self, now: Instant, number: u32) {
        let at = now + self.scaling.list[number as usize].interval;
        self.set_alarm(at, Party::Nobody, AnyAlarm::Scaling(Alarm(number)));
    }

    /// An instance is ready: what it did before does not count.
    pub(crate) fn scaling_up(&mut self, now: Instant, id: u32) {
        if let Some(meter) = &mut self.instances[id as usize].meter {
            meter.take(now);
        }
    }

    pub(crate) fn scaling_alarm<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        Alarm(number): Alarm,
    ) {
        let service = self.scaling.list[number as usize].service;
        let serving = self.deployments.serves(service).to_vec();
        let mut load = Load::default();
        for (id, instance) in (0..).zip(&mut self.instances) {
            if instance.service != service {
                continue;
            }
            let shows = instance.take_load(now).filter(|_| instance.is_up());
            match shows {
                _ if !serving.contains(&id) => {}
                Some(mean) => {
                    load.ready += 1;
                    load.total += mean;
                }
                None => load.unready += 1,
            }
        }
        let machine = &mut self.scaling.list[number as usize].machine;
        let wanted = machine.look(now, &load);
        let before = load.instances();
        if wanted != before && !self.is_changing(service) {
            self.set_number(now, obs, service, wanted);
            obs.scaled(now, service as usize, before, wanted);
        }
        self.look_again(now, number);
    }
}
