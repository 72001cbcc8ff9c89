//! A workload: draws arrivals and begins requests; for closed ones, lets users think.

use crate::client::Done;
use crate::event::Event;
use crate::keys::Keys;
use crate::observer::Observer;
use crate::sampler;
use crate::slab::NONE;
use crate::source::{Mmpp, RateProcess, Renewal, Source};
use crate::state::Origin;
use crate::world::World;
use clock::{Duration, Instant};
use engine::{Keyed, Stamp, Stream, stream_key};

/// A workload while it runs. Its call site has the same number.
#[derive(Debug)]
pub(crate) struct Workload {
    source: Source,
    /// Arrivals, in order.
    stream: Stream,
    /// Identities of its requests.
    key: u64,
    pub(crate) issued: u64,
    batch: u32,
    surge: f64,
    /// Users who began to think while a surge of 0 let nobody come to an end, and for how long
    /// they want to think.
    held: Vec<Duration>,
    stamp: Stamp,
    origin: Origin,
    keys: Option<Box<Keys>>,
}

impl Workload {
    pub(crate) fn new(workload: &model::Workload, seed: u64, replication: u32) -> Self {
        let key = |purpose| stream_key(seed, replication, &workload.name, purpose);
        let source = match &workload.source {
            model::Source::Poisson(profile) => {
                Source::Rate(RateProcess::new(profile.clone(), false))
            }
            model::Source::Deterministic(profile) => {
                Source::Rate(RateProcess::new(profile.clone(), true))
            }
            model::Source::Renewal(gap) => Source::Renewal(Renewal::new(gap)),
            model::Source::Mmpp(states) => {
                Source::Mmpp(Mmpp::new(states, Stream::new(key("mmpp states"))))
            }
            model::Source::Times(times) => Source::Times {
                times: times.clone().into(),
                next: 0,
            },
            model::Source::Closed { think, .. } => Source::Closed {
                think: sampler::lower(think),
            },
            model::Source::Batch { .. } => Source::Batch,
        };
        let batch = if let model::Source::Batch { size, .. } = workload.source {
            size
        } else {
            1
        };
        Self {
            source,
            stream: Stream::new(key("arrivals")),
            key: key("requests"),
            issued: 0,
            batch,
            surge: 1.0,
            held: Vec::new(),
            stamp: Stamp::NONE,
            origin: Origin::new(workload.priority),
            keys: workload.keys.map(|keys| Box::new(Keys::new(keys))),
        }
    }
}

impl World {
    /// Schedules what every workload does first.
    pub(crate) fn open_workloads(&mut self) {
        for w in 0..self.workloads.len() {
            match self.starts[w] {
                Start::Users(users) => {
                    let users_key = Keyed::child(self.workloads[w].key, u64::MAX);
                    for user in 0..users {
                        self.think(
                            Instant::ZERO,
                            w as u32,
                            Keyed::child(users_key, u64::from(user)),
                        );
                    }
                }
                Start::At(at) => {
                    self.workloads[w].stamp = self.engine.schedule(at, Event::Arrival(w as u32));
                }
                Start::Drawn => self.schedule_arrival(Instant::ZERO, w as u32),
            }
        }
    }

    #[inline]
    fn schedule_arrival(&mut self, now: Instant, w: u32) {
        let workload = &mut self.workloads[w as usize];
        workload.stamp = match workload
            .source
            .next(now, workload.surge, &mut workload.stream)
        {
            Some(at) => self.engine.schedule_aside(at, Event::Arrival(w)),
            None => Stamp::NONE,
        };
    }

    /// The event of an open workload: its next request, and the one after that.
    #[inline(always)]
    pub(crate) fn arrive<O: Observer>(&mut self, now: Instant, obs: &mut O, w: u32, stamp: Stamp) {
        let workload = &self.workloads[w as usize];
        if workload.stamp != stamp {
            return;
        }
        // A source that only looks has nothing to request yet.
        let requests = if workload.source.only_looks() {
            0
        } else {
            workload.batch
        };
        for _ in 0..requests {
            if self.is_full() {
                return;
            }
            self.request(now, obs, w);
        }
        self.schedule_arrival(now, w);
    }

    /// One request of a workload.
    #[inline(always)]
    pub(crate) fn request<O: Observer>(&mut self, now: Instant, obs: &mut O, w: u32) {
        let workload = &mut self.workloads[w as usize];
        let key = Keyed::child(workload.key, workload.issued);
        workload.issued += 1;
        let mut origin = workload.origin;
        if let Some(keys) = &workload.keys {
            origin.key = keys.draw(&mut Keyed::new(key ^ KEY));
        }
        if self.orders.are_of(w) {
            origin.order = self.orders.begin();
        }
        self.start_call(now, obs, w, 0, key, NONE, origin);
    }

    /// A request of a workload has ended.
    #[inline(always)]
    pub(crate) fn request_ended(&mut self, now: Instant, done: Done) {
        if matches!(
            self.workloads[done.site as usize].source,
            Source::Closed { .. }
        ) {
            self.think(now, done.site, Keyed::child(done.key, THINK));
        }
    }

    fn think(&mut self, now: Instant, w: u32, key: u64) {
        let workload = &mut self.workloads[w as usize];
        let Source::Closed { think } = &workload.source else {
            return;
        };
        let time = think.sample(&mut Keyed::new(key));
        if workload.surge == 1.0 {
            self.engine.schedule(now + time, Event::Think(w));
        } else if workload.surge > 0.0 {
            let time = time.mul_f64(1.0 / workload.surge);
            self.engine.schedule(now + time, Event::Think(w));
        } else {
            workload.held.push(time);
        }
    }

    /// A fault changes the load of a workload.
    pub(crate) fn surge(&mut self, now: Instant, w: usize, surge: f64) {
        let workload = &mut self.workloads[w];
        let old = core::mem::replace(&mut workload.surge, surge);
        if let Some(at) = workload.source.resurge(now, old, surge) {
            workload.stamp = match at {
                Some(at) => self.engine.schedule(at.max(now), Event::Arrival(w as u32)),
                None => Stamp::NONE,
            };
        } else if surge > 0.0 {
            for time in core::mem::take(&mut workload.held) {
                let at = now + time.mul_f64(1.0 / surge);
                self.engine.schedule(at, Event::Think(w as u32));
            }
        }
    }
}

/// Sets the draw of a user's think time apart from those of the request before it.
const THINK: u64 = u64::MAX;

/// Draws the key of a request.
const KEY: u64 = 0x6b65_7973_0000_0000;

/// What a workload does first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    /// Its source says.
    Drawn,
    /// All at once, then.
    At(Instant),
    /// So many users begin to think.
    Users(u32),
}

impl From<&model::Source> for Start {
    fn from(source: &model::Source) -> Self {
        match *source {
            model::Source::Closed { users, .. } => Self::Users(users),
            model::Source::Batch { at, .. } => Self::At(at),
            _ => Self::Drawn,
        }
    }
}
