//! The configuration centre: tells instances of what is pushed, or is asked by them.
//!
//! It never fails, and knows nothing of what a configuration says: it is a number.

use crate::observer::Observer;
use crate::post::{Alarm as AnyAlarm, Bell, Party};
use crate::sampler;
use crate::world::World;
use clock::{Duration, Instant};
use engine::{Bits, Keyed, Sampler, stream_key};
use model::{Model, Propagation};

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {
    /// The push of this number is made.
    Push(u32),
    /// An instance hears of a push: the configuration, and how many there had been.
    Learn { config: u32, pushes: u32 },
    /// An instance asks.
    Poll,
}

/// The centre, and who knows what.
#[derive(Debug)]
pub(crate) struct Centre {
    how: How,
    /// When each is made and its configuration; those of faults are made by the faults.
    pushes: Vec<(Option<Instant>, u32)>,
    newest: u32,
    /// What was the newest before the bad push of the moment.
    before: u32,
    /// How many pushes there were.
    made: u32,
    /// By instance: the number of the newest push that it has heard of, and its next ask.
    heard: Vec<u32>,
    polls: Vec<Option<Bell>>,
    key: u64,
}

#[derive(Debug)]
enum How {
    Watch(Sampler),
    Poll(Duration),
}

impl Centre {
    /// `None` where nothing is ever pushed.
    pub(crate) fn new(
        model: &Model,
        instances: usize,
        seed: u64,
        replication: u32,
    ) -> Option<Box<Self>> {
        let centre = model.config.as_ref()?;
        let pushes = centre.pushes.iter();
        Some(Box::new(Self {
            how: match &centre.propagation {
                Propagation::Watch { latency } => How::Watch(sampler::lower(latency)),
                Propagation::Poll { interval } => How::Poll(*interval),
            },
            pushes: pushes
                .map(|push| (push.fault.is_none().then_some(push.at), push.config))
                .collect(),
            newest: 0,
            before: 0,
            made: 0,
            heard: vec![0; instances],
            polls: vec![None; instances],
            key: stream_key(seed, replication, "config", "propagation"),
        }))
    }
}

impl Centre {
    /// The configuration that was pushed last.
    pub(crate) fn newest(&self) -> u32 {
        self.newest
    }
}

impl World {
    /// The pushes of the centre stand in the calendar; who polls begins to.
    pub(crate) fn start_config(&mut self) {
        let Some(centre) = &self.centre else {
            return;
        };
        let pushes: Vec<_> = centre.pushes.iter().map(|(at, _)| *at).collect();
        for (number, at) in pushes.into_iter().enumerate() {
            if let Some(at) = at {
                let alarm = AnyAlarm::Config(Alarm::Push(number as u32));
                self.set_alarm(at, Party::Nobody, alarm);
            }
        }
        for id in 0..self.instances.len() as u32 {
            self.poll_after(Instant::ZERO, id, |interval, bits| {
                interval.mul_f64(bits.unit())
            });
        }
    }

    /// Sets the next ask of an instance, where instances ask.
    fn poll_after(
        &mut self,
        now: Instant,
        id: u32,
        time: impl FnOnce(Duration, &mut Keyed) -> Duration,
    ) {
        if !self.editions.concerns(self.instances[id as usize].service) {
            return;
        }
        let Some(centre) = &mut self.centre else {
            return;
        };
        let How::Poll(interval) = centre.how else {
            return;
        };
        let at = now
            + time(
                interval,
                &mut Keyed::new(Keyed::child(centre.key, id.into())),
            );
        let old = centre.polls[id as usize].take();
        if let Some(old) = old {
            self.silence(old);
        }
        let bell = self.set_alarm(at, Party::Instance(id), AnyAlarm::Config(Alarm::Poll));
        if let Some(centre) = &mut self.centre {
            centre.polls[id as usize] = Some(bell);
        }
    }

    /// A configuration is the newest from now on.
    pub(crate) fn push_config<O: Observer>(&mut self, now: Instant, obs: &mut O, config: u32) {
        let Some(centre) = &mut self.centre else {
            return;
        };
        centre.before = core::mem::replace(&mut centre.newest, config);
        centre.made += 1;
        obs.config_pushed(now, config);
        let pushes = centre.made;
        let How::Watch(latency) = &centre.how else {
            return;
        };
        let (latency, key) = (latency.clone(), Keyed::child(centre.key, pushes.into()));
        for id in 0..self.instances.len() as u32 {
            if self.editions.concerns(self.instances[id as usize].service) {
                let mut bits = Keyed::new(Keyed::child(key, id.into()));
                let at = now + latency.sample(&mut bits);
                let alarm = Alarm::Learn { config, pushes };
                self.set_alarm(at, Party::Instance(id), AnyAlarm::Config(alarm));
            }
        }
    }

    /// The bad push of the moment is taken back.
    pub(crate) fn take_config_back<O: Observer>(&mut self, now: Instant, obs: &mut O) {
        if let Some(centre) = &self.centre {
            let before = centre.before;
            self.push_config(now, obs, before);
        }
    }

    pub(crate) fn config_alarm<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        whose: Party,
        alarm: Alarm,
    ) {
        let Some(centre) = &mut self.centre else {
            return;
        };
        match (alarm, whose) {
            (Alarm::Push(number), _) => {
                let (config, before) = (centre.pushes[number as usize].1, centre.newest);
                self.push_config(now, obs, config);
                self.config_changes(now, obs, config, before);
            }
            (Alarm::Learn { config, pushes }, Party::Instance(id)) => {
                // What was pushed later may be heard of first.
                let heard = &mut centre.heard[id as usize];
                if *heard < pushes {
                    *heard = pushes;
                    self.set_config(now, obs, id, config);
                }
            }
            (Alarm::Poll, Party::Instance(id)) => {
                centre.polls[id as usize] = None;
                self.fetch_config(now, obs, id);
                self.poll_after(now, id, |interval, _| interval);
            }
            _ => {}
        }
    }

    /// An instance has started: it fetches the newest configuration.
    pub(crate) fn config_up<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        self.fetch_config(now, obs, id);
        self.poll_after(now, id, |interval, _| interval);
    }

    fn fetch_config<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        if let Some(centre) = &mut self.centre {
            let newest = centre.newest;
            centre.heard[id as usize] = centre.made;
            self.set_config(now, obs, id, newest);
        }
    }
}
