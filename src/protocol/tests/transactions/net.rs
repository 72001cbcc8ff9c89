//! A network of nodes in virtual time, for any protocol: each node has a sequential log. Messages are
//! delayed, lost, doubled, reordered and cut off by partitions; disks and hosts take time; nodes crash,
//! also in the middle of what a machine asked for, and recover from what was stable.

use crate::random::Random;
use clock::{Duration, Instant};
use std::collections::BTreeMap;
use stormglass_protocol::transaction::Site;

/// How a node runs its machines, and who listens.
pub(crate) trait Protocol: Sized {
    /// All machines of a node.
    type Machines;
    type Action;
    type Message: Clone;
    type Record: Clone;
    type Token: Copy;
    type Timer: Copy + Ord;
    /// What a host does for a machine.
    type Job: Copy;

    /// The machines of a node, from what is stable of its log.
    fn recover(
        &mut self,
        now: Instant,
        log: &[Self::Record],
        out: &mut Vec<Self::Action>,
    ) -> Self::Machines;
    fn drive(
        &mut self,
        machines: &mut Self::Machines,
        now: Instant,
        site: Site,
        input: Input<Self>,
        out: &mut Vec<Self::Action>,
    );
    /// What an action asks of the host; what it only tells is heard here.
    fn deed(&mut self, now: Instant, site: Site, action: Self::Action) -> Deed<Self>;
    /// Whether the host does it.
    fn succeeds(&self, site: Site, job: Self::Job, calm: bool, random: &mut Random) -> bool;
    fn sent(&mut self, from: Site, to: Site, msg: &Self::Message);
    fn forced(&mut self, record: &Self::Record);
    fn stable(&mut self, site: Site, record: &Self::Record);
}

pub(crate) enum Input<P: Protocol> {
    /// A transaction begins, by its number among the plans.
    Begin(usize),
    Message(Site, P::Message),
    Timer(P::Timer),
    Forced(P::Token),
    Job(P::Job, bool),
}

pub(crate) enum Deed<P: Protocol> {
    Nothing,
    Send(Site, P::Message),
    Set(P::Timer, Instant),
    Unset(P::Timer),
    Force(P::Record, P::Token),
    Write(P::Record),
    Job(P::Job),
    /// The same machine hears this at once.
    Hear(Input<P>),
}

/// From and below, in milliseconds; always the first where both are the same.
pub(crate) type Millis = (u64, u64);

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) nodes: u32,
    pub(crate) latency: Millis,
    pub(crate) disk: Millis,
    pub(crate) job: Millis,
    pub(crate) loss: f64,
    pub(crate) doubling: f64,
    /// That a node crashes at one step of the host.
    pub(crate) crash: f64,
    pub(crate) downtime: Millis,
    /// Between these times no message passes between nodes below the number and the others.
    pub(crate) partition: (Instant, Instant, u32),
    /// From here on no fault happens.
    pub(crate) calm: Instant,
}

pub(crate) struct Net<P: Protocol> {
    pub(crate) now: Instant,
    pub(crate) protocol: P,
    pub(crate) crashes: u64,
    settings: Settings,
    random: Random,
    nodes: Vec<Node<P>>,
    events: BTreeMap<(Instant, u64), (Site, Event<P>)>,
    scheduled: u64,
}

struct Node<P: Protocol> {
    /// Counts crashes: what belongs to an earlier life is passed over.
    life: u32,
    machines: Option<P::Machines>,
    log: Vec<P::Record>,
    /// This much of the log survives a crash.
    stable: usize,
    timers: BTreeMap<P::Timer, (Instant, u64)>,
}

enum Event<P: Protocol> {
    Begin(usize),
    Message(Site, P::Message),
    Timer(u32, P::Timer),
    /// The log is stable up to this length; the last record of it was forced.
    Forced(u32, P::Token, usize),
    Job(u32, P::Job),
    Recover,
}

impl<P: Protocol> Net<P> {
    /// `plans`: when each transaction begins, and where.
    pub(crate) fn new(
        settings: Settings,
        mut protocol: P,
        seed: u64,
        plans: &[(Instant, Site)],
    ) -> Self {
        let now = Instant::ZERO;
        let nodes = (0..settings.nodes).map(|_| Node {
            life: 0,
            machines: Some(protocol.recover(now, &[], &mut Vec::new())),
            log: Vec::new(),
            stable: 0,
            timers: BTreeMap::new(),
        });
        let nodes = nodes.collect();
        let mut net = Self {
            now,
            protocol,
            crashes: 0,
            settings,
            random: Random::new(seed),
            nodes,
            events: BTreeMap::new(),
            scheduled: 0,
        };
        for (n, &(at, site)) in plans.iter().enumerate() {
            net.schedule(at, site, Event::Begin(n));
        }
        net
    }

    /// Runs until nothing is left to happen. Timers are set only by what is not over, so that this
    /// ends when everything is; `false` when it does not end in `limit` events.
    pub(crate) fn run(&mut self, limit: u64) -> bool {
        for _ in 0..limit {
            let Some(((at, _), (site, event))) = self.events.pop_first() else {
                return true;
            };
            self.now = at;
            self.happen(site, event);
        }
        false
    }

    pub(crate) fn machines(&self) -> impl Iterator<Item = &P::Machines> {
        let nodes = self.nodes.iter();
        nodes.map(|node| node.machines.as_ref().expect("every node has recovered"))
    }

    fn happen(&mut self, site: Site, event: Event<P>) {
        match event {
            Event::Begin(n) => self.drive(site, Input::Begin(n)),
            Event::Message(from, msg) => self.drive(site, Input::Message(from, msg)),
            Event::Timer(life, timer) if self.node(site).life == life => {
                self.node(site).timers.remove(&timer);
                self.drive(site, Input::Timer(timer));
            }
            Event::Forced(life, token, upto) if self.node(site).life == life => {
                let node = self.node(site);
                let before = node.stable;
                node.stable = before.max(upto);
                for record in &node.log[before..before.max(upto)].to_vec() {
                    self.protocol.stable(site, record);
                }
                self.drive(site, Input::Forced(token));
            }
            Event::Job(life, job) if self.node(site).life == life => {
                let calm = !self.faulty();
                let done = self.protocol.succeeds(site, job, calm, &mut self.random);
                self.drive(site, Input::Job(job, done));
            }
            Event::Recover => {
                let node = &mut self.nodes[site.0 as usize];
                let mut out = Vec::new();
                let machines = self.protocol.recover(self.now, &node.log, &mut out);
                node.machines = Some(machines);
                self.perform(site, out);
            }
            Event::Timer(..) | Event::Forced(..) | Event::Job(..) => {}
        }
    }

    /// Lets the machines of a node that is up do something, and does what they ask for.
    fn drive(&mut self, site: Site, input: Input<P>) {
        let mut out = Vec::new();
        if let Some(machines) = &mut self.nodes[site.0 as usize].machines {
            self.protocol
                .drive(machines, self.now, site, input, &mut out);
        }
        self.perform(site, out);
    }

    fn perform(&mut self, site: Site, actions: Vec<P::Action>) {
        let life = self.node(site).life;
        for action in actions {
            if self.faulty() && self.random.chance(self.settings.crash) {
                return self.crash(site);
            }
            let deed = self.protocol.deed(self.now, site, action);
            self.perform_one(site, life, deed);
            if self.node(site).life != life {
                return;
            }
        }
    }

    fn perform_one(&mut self, site: Site, life: u32, deed: Deed<P>) {
        match deed {
            Deed::Nothing => {}
            Deed::Send(to, msg) => self.send(site, to, msg),
            Deed::Set(timer, at) => {
                let key = self.schedule(at, site, Event::Timer(life, timer));
                if let Some(old) = self.node(site).timers.insert(timer, key) {
                    self.events.remove(&old);
                }
            }
            Deed::Unset(timer) => {
                if let Some(key) = self.node(site).timers.remove(&timer) {
                    self.events.remove(&key);
                }
            }
            Deed::Force(record, token) => {
                self.protocol.forced(&record);
                self.node(site).log.push(record);
                let upto = self.node(site).log.len();
                let at = self.now + self.draw(self.settings.disk);
                self.schedule(at, site, Event::Forced(life, token, upto));
            }
            Deed::Write(record) => self.node(site).log.push(record),
            Deed::Job(job) => {
                let at = self.now + self.draw(self.settings.job);
                self.schedule(at, site, Event::Job(life, job));
            }
            Deed::Hear(input) => self.drive(site, input),
        }
    }

    fn send(&mut self, from: Site, to: Site, msg: P::Message) {
        self.protocol.sent(from, to, &msg);
        let mut copies = 1;
        if self.faulty() && from != to {
            copies += u32::from(self.random.chance(self.settings.doubling));
            let (begin, end, below) = self.settings.partition;
            let cut = (begin..end).contains(&self.now) && (from.0 < below) != (to.0 < below);
            if cut || self.random.chance(self.settings.loss) {
                copies -= 1;
            }
        }
        for _ in 0..copies {
            let mut at = self.now;
            if from != to {
                at += self.draw(self.settings.latency);
            }
            self.schedule(at, to, Event::Message(from, msg.clone()));
        }
    }

    fn crash(&mut self, site: Site) {
        self.crashes += 1;
        // Of what was on its way to the disk, some may have arrived.
        let pending = self.node(site).log.len() - self.node(site).stable;
        let lucky = self.random.below(pending as u64 + 1) as usize;
        let node = self.node(site);
        let kept = node.stable + lucky;
        let found = node.log[node.stable..kept].to_vec();
        node.log.truncate(kept);
        node.stable = kept;
        node.machines = None;
        node.life += 1;
        let timers = std::mem::take(&mut node.timers);
        for key in timers.values() {
            self.events.remove(key);
        }
        for record in &found {
            self.protocol.stable(site, record);
        }
        let at = self.now + self.draw(self.settings.downtime);
        self.schedule(at, site, Event::Recover);
    }

    fn schedule(&mut self, at: Instant, site: Site, event: Event<P>) -> (Instant, u64) {
        let key = (at, self.scheduled);
        self.scheduled += 1;
        self.events.insert(key, (site, event));
        key
    }

    fn draw(&mut self, (low, high): Millis) -> Duration {
        if low == high {
            return Duration::from_millis(low);
        }
        self.random.millis(low, high)
    }

    fn faulty(&self) -> bool {
        self.now < self.settings.calm
    }

    fn node(&mut self, site: Site) -> &mut Node<P> {
        &mut self.nodes[site.0 as usize]
    }
}
