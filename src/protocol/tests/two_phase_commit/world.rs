//! A network of nodes in virtual time: each hosts a coordinator and a participant that share one
//! sequential log. Messages are delayed, lost, doubled and reordered; disks take time; nodes crash,
//! also in the middle of what a machine asked for, and recover from what was stable.

use crate::random::Random;
use clock::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};
use stormglass_protocol::two_phase_commit::*;

/// How long a thing takes.
#[derive(Clone, Copy)]
pub(crate) enum Span {
    /// Always the same.
    Fixed(Duration),
    /// Evenly spread, in milliseconds.
    Millis(u64, u64),
    /// Exponential, with this mean.
    Exponential(Duration),
}

/// What a host does wrong on purpose. The machines stay as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    Nothing,
    /// When the votes are late, the coordinator hears a yes from everyone.
    InventVotes,
    /// The vote leaves while the prepared record is on its way to the disk.
    VoteEarly,
    /// The commit record is written, and taken for forced.
    ForgetCommitRecord,
    /// The acknowledgement leaves while the commit record is on its way to the disk.
    AckEarly,
}

pub(crate) struct Settings {
    pub(crate) nodes: u32,
    pub(crate) seed: u64,
    pub(crate) latency: Span,
    pub(crate) disk: Span,
    /// How long a host prepares.
    pub(crate) think: Span,
    pub(crate) loss: f64,
    pub(crate) doubling: f64,
    /// That a node crashes at one step of the host.
    pub(crate) crash: f64,
    pub(crate) downtime: Span,
    /// From here on no fault happens.
    pub(crate) calm: Instant,
    pub(crate) coordinator: CoordinatorConfig,
    pub(crate) participant: ParticipantConfig,
    pub(crate) sabotage: Sabotage,
}

/// One transaction to run.
pub(crate) struct Plan {
    pub(crate) txn: Txn,
    pub(crate) coordinator: Site,
    pub(crate) participants: Vec<Site>,
    /// Who votes what; yes where nothing is said.
    pub(crate) votes: BTreeMap<Site, Vote>,
    /// When the participants are enlisted.
    pub(crate) start: Instant,
    /// When their work is done.
    pub(crate) commit: Instant,
    /// Who starts the commit by a vote; otherwise the coordinator is told to begin.
    pub(crate) first: Option<Site>,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) checker: Checker,
    pub(crate) crashes: u64,
    settings: Settings,
    random: Random,
    plans: BTreeMap<Txn, Plan>,
    nodes: Vec<Node>,
    events: BTreeMap<(Instant, u64), Event>,
    scheduled: u64,
    /// When each site decided first.
    decided_at: BTreeMap<(Txn, Site), Instant>,
}

struct Node {
    /// Counts crashes: what belongs to an earlier life is passed over.
    life: u32,
    machines: Option<Machines>,
    log: Vec<Record>,
    /// This much of the log survives a crash.
    stable: usize,
    timers: BTreeMap<(Role, TimerId), (Instant, u64)>,
    /// Transactions whose records of a participant the host has cut from the log.
    cut: BTreeSet<Txn>,
}

struct Machines {
    coordinator: Coordinator,
    participant: Participant,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Coordinator,
    Participant,
}

enum Event {
    Enlist(Txn),
    Commit(Txn),
    Message {
        from: Site,
        to: Site,
        msg: Message,
        stamp: Option<Stamp>,
    },
    Timer(Site, u32, Role, TimerId),
    /// The log is stable up to this length; the last record of it was forced.
    Forced(Site, u32, Role, Token, usize),
    HostVotes(Site, u32, Txn),
    Recover(Site),
}

impl World {
    pub(crate) fn new(settings: Settings, plans: Vec<Plan>) -> Self {
        let nodes = (0..settings.nodes).map(|n| {
            let coordinator = Coordinator::new(settings.coordinator).expect("intervals");
            let participant = Participant::new(Site(n), settings.participant).expect("intervals");
            Node {
                life: 0,
                machines: Some(Machines {
                    coordinator,
                    participant,
                }),
                log: Vec::new(),
                stable: 0,
                timers: BTreeMap::new(),
                cut: BTreeSet::new(),
            }
        });
        let mut world = Self {
            now: Instant::ZERO,
            checker: Checker::new(),
            crashes: 0,
            nodes: nodes.collect(),
            random: Random::new(settings.seed),
            settings,
            plans: BTreeMap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            decided_at: BTreeMap::new(),
        };
        for plan in plans {
            world.checker.begun(plan.txn, &plan.participants);
            world.schedule(plan.start, Event::Enlist(plan.txn));
            world.schedule(plan.commit, Event::Commit(plan.txn));
            world.plans.insert(plan.txn, plan);
        }
        world
    }

    /// Runs until nothing is left to happen. Timers are set only by what is not over, so that this
    /// ends when everything is; `false` when it does not end in `limit` events.
    pub(crate) fn run(&mut self, limit: u64) -> bool {
        for _ in 0..limit {
            let Some(((at, _), event)) = self.events.pop_first() else {
                return true;
            };
            self.now = at;
            self.happen(event);
        }
        false
    }

    /// What is not over, as `(site, transaction)`, in either role.
    pub(crate) fn unfinished(&self) -> Vec<(u32, Txn)> {
        let mut left = Vec::new();
        for (site, node) in (0..).zip(&self.nodes) {
            let machines = node.machines.as_ref().expect("every node has recovered");
            left.extend(machines.coordinator.unfinished().map(|txn| (site, txn)));
            left.extend(machines.participant.unfinished().map(|txn| (site, txn)));
        }
        left
    }

    pub(crate) fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.plans.values()
    }

    /// When this site first decided.
    pub(crate) fn decided_at(&self, txn: Txn, site: Site) -> Option<Instant> {
        self.decided_at.get(&(txn, site)).copied()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Enlist(txn) => self.enlist(txn),
            Event::Commit(txn) => self.commit(txn),
            Event::Message {
                from,
                to,
                msg,
                stamp,
            } => {
                if self.node(to).machines.is_none() {
                    return;
                }
                if let Some(stamp) = stamp {
                    self.checker.received(to, &msg, stamp);
                }
                let role = if msg.to_coordinator() {
                    Role::Coordinator
                } else {
                    Role::Participant
                };
                self.drive(to, role, |m, now, out| match role {
                    Role::Coordinator => m.coordinator.on_message(now, from, msg, out),
                    Role::Participant => m.participant.on_message(now, from, msg, out),
                });
            }
            Event::Timer(site, life, role, id) => {
                let node = self.node(site);
                if node.life != life {
                    return;
                }
                node.timers.remove(&(role, id));
                if self.settings.sabotage == Sabotage::InventVotes && id.wait == Wait::Votes {
                    return self.invent_votes(site, id.txn);
                }
                self.drive(site, role, |m, now, out| match role {
                    Role::Coordinator => m.coordinator.on_timer(now, id, out),
                    Role::Participant => m.participant.on_timer(now, id, out),
                });
            }
            Event::Forced(site, life, role, token, upto) => {
                let node = self.node(site);
                if node.life != life {
                    return;
                }
                let before = node.stable.min(upto - 1);
                node.stable = node.stable.max(upto);
                let records = node.log[before..upto].to_vec();
                let (forced, others) = records.split_last().expect("at least the forced one");
                for record in others {
                    self.checker.stable(site, record);
                }
                self.checker.forced(site, forced);
                self.on_forced(site, role, token);
            }
            Event::HostVotes(site, life, txn) => {
                if self.node(site).life == life {
                    self.host_votes(site, txn);
                }
            }
            Event::Recover(site) => self.recover(site),
        }
    }

    fn enlist(&mut self, txn: Txn) {
        let plan = &self.plans[&txn];
        let (coordinator, sites) = (plan.coordinator, plan.participants.clone());
        if plan.first.is_some() {
            // The coordinator knows of the transaction before anyone can vote on it.
            let deadline = plan.commit + Duration::from_secs(2);
            let among = sites.clone();
            self.drive(coordinator, Role::Coordinator, |m, _, out| {
                m.coordinator
                    .open(txn, &among, deadline, out)
                    .expect("opened once");
            });
        }
        for site in sites {
            self.drive(site, Role::Participant, |m, now, out| {
                m.participant
                    .enlist(now, txn, coordinator, out)
                    .expect("enlisted once");
            });
        }
    }

    fn commit(&mut self, txn: Txn) {
        let plan = &self.plans[&txn];
        if let Some(first) = plan.first {
            return self.host_votes(first, txn);
        }
        let (coordinator, sites) = (plan.coordinator, plan.participants.clone());
        self.drive(coordinator, Role::Coordinator, |m, now, out| {
            m.coordinator
                .begin(now, txn, &sites, out)
                .expect("begun once");
        });
    }

    fn host_votes(&mut self, site: Site, txn: Txn) {
        let votes = &self.plans[&txn].votes;
        let vote = votes.get(&site).copied().unwrap_or(Vote::Yes);
        self.drive(site, Role::Participant, |m, now, out| {
            m.participant.on_prepare_decided(now, txn, vote, out);
        });
    }

    fn on_forced(&mut self, site: Site, role: Role, token: Token) {
        self.drive(site, role, |m, now, out| match role {
            Role::Coordinator => m.coordinator.on_forced(now, token, out),
            Role::Participant => m.participant.on_forced(now, token, out),
        });
    }

    fn invent_votes(&mut self, site: Site, txn: Txn) {
        for voter in self.plans[&txn].participants.clone() {
            let vote = Vote::Yes;
            self.drive(site, Role::Coordinator, |m, now, out| {
                let msg = Message::Vote { txn, vote };
                m.coordinator.on_message(now, voter, msg, out);
            });
        }
    }

    /// Lets a machine of a node that is up do something, and does what it asks for.
    fn drive(
        &mut self,
        site: Site,
        role: Role,
        step: impl FnOnce(&mut Machines, Instant, &mut Vec<Action>),
    ) {
        let now = self.now;
        let mut out = Vec::new();
        if let Some(machines) = &mut self.node(site).machines {
            step(machines, now, &mut out);
        }
        self.perform(site, role, out);
    }

    fn perform(&mut self, site: Site, role: Role, actions: Vec<Action>) {
        for action in actions {
            if self.faulty() && self.random.chance(self.settings.crash) {
                return self.crash(site);
            }
            self.perform_one(site, role, action);
            if self.node(site).machines.is_none() {
                return;
            }
        }
    }

    fn perform_one(&mut self, site: Site, role: Role, action: Action) {
        let life = self.node(site).life;
        match action {
            Action::Send(to, msg) => self.send(site, to, msg),
            Action::SetTimer(id, at) => {
                let key = self.schedule(at, Event::Timer(site, life, role, id));
                if let Some(old) = self.node(site).timers.insert((role, id), key) {
                    self.events.remove(&old);
                }
            }
            Action::CancelTimer(id) => {
                if let Some(key) = self.node(site).timers.remove(&(role, id)) {
                    self.events.remove(&key);
                }
            }
            Action::Force(record, token) => {
                let early = matches!(
                    (self.settings.sabotage, &record),
                    (Sabotage::VoteEarly, Record::Prepared { .. })
                        | (Sabotage::ForgetCommitRecord, Record::Commit { .. })
                        | (Sabotage::AckEarly, Record::Committed { .. })
                );
                self.node(site).log.push(record);
                if self.settings.sabotage != Sabotage::ForgetCommitRecord || !early {
                    let upto = self.node(site).log.len();
                    let at = self.now + self.draw(self.settings.disk);
                    self.schedule(at, Event::Forced(site, life, role, token, upto));
                }
                if early {
                    self.on_forced(site, role, token);
                }
            }
            Action::Write(record) => {
                let ended = matches!(record, Record::End { .. });
                let txn = record.txn();
                self.node(site).log.push(record);
                if ended && self.random.chance(0.5) {
                    self.forget(txn);
                }
            }
            Action::Prepare(txn) => {
                let at = self.now + self.draw(self.settings.think);
                self.schedule(at, Event::HostVotes(site, life, txn));
            }
            Action::Decided(txn, outcome) => {
                self.checker.decided(site, txn, outcome);
                let now = self.now;
                self.decided_at.entry((txn, site)).or_insert(now);
            }
            Action::Released(_) => {}
        }
    }

    fn send(&mut self, from: Site, to: Site, msg: Message) {
        if from == to {
            if let Message::Vote { txn, vote } = msg {
                self.checker.voted(from, txn, vote);
            }
            let stamp = None;
            let event = Event::Message {
                from,
                to,
                msg,
                stamp,
            };
            self.schedule(self.now, event);
            return;
        }
        let stamp = Some(self.checker.sent(from, &msg));
        let mut copies = 1;
        if self.faulty() {
            copies += u32::from(self.random.chance(self.settings.doubling));
            if self.random.chance(self.settings.loss) {
                copies -= 1;
            }
        }
        for _ in 0..copies {
            let at = self.now + self.draw(self.settings.latency);
            let msg = msg.clone();
            let event = Event::Message {
                from,
                to,
                msg,
                stamp,
            };
            self.schedule(at, event);
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
            self.checker.stable(site, record);
        }
        let at = self.now + self.draw(self.settings.downtime);
        self.schedule(at, Event::Recover(site));
    }

    fn recover(&mut self, site: Site) {
        let (coordinator, participant) = (self.settings.coordinator, self.settings.participant);
        let now = self.now;
        let node = self.node(site);
        let mut asks = Vec::new();
        let mut tells = Vec::new();
        let coordinator =
            Coordinator::recover(coordinator, now, &node.log, &mut tells).expect("intervals");
        let log = node.log.iter().filter(|r| !node.cut.contains(&r.txn()));
        let participant =
            Participant::recover(site, participant, now, log, &mut asks).expect("intervals");
        node.machines = Some(Machines {
            coordinator,
            participant,
        });
        let life = node.life;
        self.perform(site, Role::Coordinator, tells);
        if self.node(site).life == life {
            self.perform(site, Role::Participant, asks);
        }
    }

    /// All have acknowledged: hosts may cut their logs.
    fn forget(&mut self, txn: Txn) {
        for node in &mut self.nodes {
            if let Some(machines) = &mut node.machines
                && machines.participant.forget(txn)
            {
                node.cut.insert(txn);
            }
        }
    }

    fn schedule(&mut self, at: Instant, event: Event) -> (Instant, u64) {
        let key = (at, self.scheduled);
        self.scheduled += 1;
        self.events.insert(key, event);
        key
    }

    fn draw(&mut self, span: Span) -> Duration {
        match span {
            Span::Fixed(span) => span,
            Span::Millis(low, high) => self.random.millis(low, high),
            Span::Exponential(mean) => mean.mul_f64(-(1.0 - self.random.unit()).ln()),
        }
    }

    fn faulty(&self) -> bool {
        self.now < self.settings.calm
    }

    fn node(&mut self, site: Site) -> &mut Node {
        &mut self.nodes[site.0 as usize]
    }
}
