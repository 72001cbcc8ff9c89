//! A group of replicas with its network, its disks and its clients in virtual time. Refuses to know
//! the protocol: it holds a `Box<dyn Replica>` per node, does what it asks for and tells the checker.

mod faults;

use crate::random::Random;
use clock::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stormglass_protocol::replication::*;

/// Makes one replica of a group.
pub(crate) type Make = fn(&GroupConfig, Node) -> Box<dyn Replica>;

/// A kind of replica.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) make: Make,
    /// Whether its leader may answer reads alone, once all is well.
    pub(crate) reads_alone: bool,
    /// What it asks of a world beyond what all do: a heartbeat above a round trip, say.
    pub(crate) adjust: fn(&mut Settings),
}

/// Evenly spread, in milliseconds, to below the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Millis(pub(crate) u64, pub(crate) u64);

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) config: GroupConfig,
    /// Of [`Chance`]; from [`GroupConfig::least_election_timeout`].
    pub(crate) election: Millis,
    pub(crate) latency: Millis,
    /// One forced write.
    pub(crate) disk: Millis,
    pub(crate) loss: f64,
    pub(crate) doubling: f64,
    /// That a node crashes before one action.
    pub(crate) crash: f64,
    pub(crate) downtime: Millis,
    /// Between two faults of links and nodes, and how long one lasts.
    pub(crate) faults: Millis,
    pub(crate) fault: Millis,
    pub(crate) clients: u32,
    /// Between two requests of a client.
    pub(crate) think: Millis,
    /// From here on no fault happens.
    pub(crate) calm: Instant,
    /// Within this time of calm the group has to find itself, and then to commit.
    pub(crate) patience: Duration,
    /// Whether to keep what happens, for people.
    pub(crate) trace: bool,
}

/// What has happened, so that a swarm can say that it went through everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) events: u64,
    pub(crate) crashes: u64,
    pub(crate) cuts: u64,
    pub(crate) pauses: u64,
    pub(crate) reigns: u64,
    pub(crate) proposed: u64,
    pub(crate) acknowledged: u64,
    pub(crate) reads_at_leader: u64,
    pub(crate) stale_reads: u64,
    pub(crate) restored: u64,
    pub(crate) committed: u64,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) checker: Checker,
    pub(crate) totals: Totals,
    pub(crate) trace: VecDeque<String>,
    pub(crate) settings: Settings,
    reads_alone: bool,
    random: Random,
    nodes: Vec<Host>,
    clients: Vec<Client>,
    entries: u64,
    /// How many faults cut the link from one to another.
    cuts: BTreeMap<(Node, Node), u32>,
    events: BTreeMap<(Instant, u64), Event>,
    scheduled: u64,
}

/// A node and its disk.
struct Host {
    replica: Box<dyn Replica>,
    up: bool,
    /// Counts crashes: what belongs to an earlier life is passed over.
    life: u32,
    paused: Instant,
    dice: Dice,
    timers: BTreeMap<Timer, (Instant, u64)>,
    /// Writes on their way to the disk, and when the last of them ends.
    writing: VecDeque<Token>,
    busy: Instant,
    /// Taken in this life, and not yet committed.
    waiting: BTreeSet<Entry>,
    leads: bool,
}

struct Dice {
    random: Random,
    election: Millis,
}

impl Chance for Dice {
    fn election_timeout(&mut self) -> Duration {
        self.random.millis(self.election.0, self.election.1)
    }

    fn bits(&mut self) -> u64 {
        self.random.next()
    }
}

/// A client believes that somebody leads.
#[derive(Clone, Copy)]
struct Client {
    leader: Option<Node>,
}

#[derive(Clone, Debug)]
enum Event {
    Message {
        from: Node,
        to: Node,
        message: Message,
    },
    Timer(Node, u32, Timer),
    Forced(Node, u32, Token),
    Recover(Node),
    Think(usize),
    /// A read knows what was acknowledged when it began.
    Read(usize, Node, u64),
    Write(usize, Node),
    Fault,
    Heal(Vec<(Node, Node)>),
}

impl World {
    pub(crate) fn new(mut settings: Settings, kind: Kind) -> Self {
        (kind.adjust)(&mut settings);
        let config = settings.config;
        config.check().expect("a group");
        let host = |n| Host {
            replica: (kind.make)(&config, Node(n)),
            up: true,
            life: 0,
            paused: Instant::ZERO,
            dice: Dice {
                random: Random::new(settings.seed ^ (u64::from(n) + 1) << 32),
                election: settings.election,
            },
            timers: BTreeMap::new(),
            writing: VecDeque::new(),
            busy: Instant::ZERO,
            waiting: BTreeSet::new(),
            leads: false,
        };
        let mut world = Self {
            now: Instant::ZERO,
            checker: Checker::new(config.size, None),
            totals: Totals::default(),
            trace: VecDeque::new(),
            random: Random::new(settings.seed),
            nodes: (0..config.size).map(host).collect(),
            clients: vec![Client { leader: None }; settings.clients as usize],
            entries: 0,
            cuts: BTreeMap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            reads_alone: kind.reads_alone,
            settings,
        };
        for node in (0..config.size).map(Node) {
            world.drive(node, |replica, now, dice, out| {
                replica.start(now, dice, out);
            });
        }
        for client in 0..world.clients.len() {
            world.think(client);
        }
        world.next_fault();
        world
    }

    /// Runs until this time.
    pub(crate) fn run(&mut self, until: Instant) {
        while let Some(entry) = self.events.first_entry()
            && entry.key().0 <= until
        {
            let ((at, number), event) = entry.remove_entry();
            self.now = at;
            self.totals.events += 1;
            self.happen(number, event);
        }
        self.now = until;
    }

    /// Runs through all faults and the calm after them.
    ///
    /// # Errors
    /// What was not as it has to be once faults have ceased.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.run(self.settings.calm + self.settings.patience);
        let leaders: Vec<Node> = self.all().filter(|&node| self.host(node).leads).collect();
        let &[leader] = leaders.as_slice() else {
            return Err(format!("{leaders:?} lead once faults have ceased"));
        };
        let lost = |&node: &Node| self.host(node).replica.leader() != Some(leader);
        if let Some(node) = self.all().find(lost) {
            return Err(format!("{node} does not know that {leader} leads"));
        }
        if self.reads_alone && !self.host(leader).replica.may_read(self.now) {
            return Err(format!("{leader} leads, and may not read"));
        }
        let entry = self.propose(leader);
        self.run(self.now + self.settings.patience);
        if self.host(leader).waiting.contains(&entry) {
            return Err(format!("{entry}, proposed at {leader}, is not committed"));
        }
        let last = self.checker.last();
        let behind = |&node: &Node| self.checker.told(node) != last;
        match self.all().find(behind) {
            Some(node) => Err(format!(
                "{node} knows {} of {last} entries",
                self.checker.told(node)
            )),
            None => Ok(()),
        }
    }

    fn happen(&mut self, number: u64, event: Event) {
        if let Some(node) = event.node() {
            let until = self.host(node).paused;
            if until > self.now {
                return self.put_off(until, number, event);
            }
        }
        if self.settings.trace {
            self.note(&format!("{event:?}"));
        }
        match event {
            Event::Message { from, to, message } => {
                self.drive(to, |replica, now, dice, out| {
                    replica.on_message(now, from, message, dice, out);
                });
            }
            Event::Timer(node, life, timer) => {
                if self.host(node).life != life {
                    return;
                }
                self.host_mut(node).timers.remove(&timer);
                self.drive(node, |replica, now, dice, out| {
                    replica.on_timer(now, timer, dice, out);
                });
            }
            Event::Forced(node, life, token) => {
                if self.host(node).life != life {
                    return;
                }
                let first = self.host_mut(node).writing.pop_front();
                assert_eq!(first, Some(token), "writes end in order");
                self.drive(node, |replica, now, dice, out| {
                    replica.on_forced(now, token, dice, out);
                });
            }
            Event::Recover(node) => {
                self.host_mut(node).up = true;
                self.drive(node, |replica, now, dice, out| {
                    replica.start(now, dice, out);
                });
            }
            Event::Think(client) => self.request(client),
            Event::Read(client, node, floor) => self.read(client, node, floor),
            Event::Write(client, node) => self.write(client, node),
            Event::Fault => self.fault(),
            Event::Heal(links) => {
                for link in links {
                    *self.cuts.get_mut(&link).expect("it was cut") -= 1;
                }
            }
        }
    }

    /// A paused node does nothing until the pause is over; then all at once, in order.
    /// It keeps its number: what was put off comes before what was due at that very instant.
    fn put_off(&mut self, until: Instant, number: u64, event: Event) {
        let key = (until, number);
        self.events.insert(key, event.clone());
        if let Event::Timer(node, life, timer) = event
            && self.host(node).life == life
        {
            self.host_mut(node).timers.insert(timer, key);
        }
    }

    fn request(&mut self, client: usize) {
        let some = Node(self.random.below(self.nodes.len() as u64) as u32);
        let to = self.clients[client].leader.unwrap_or(some);
        // Some ask anyone, to see what a replica says that does not lead.
        let to = if self.random.chance(0.1) { some } else { to };
        let at = self.now + self.draw(self.settings.latency);
        let event = if self.random.chance(0.5) {
            Event::Read(client, to, self.checker.floor())
        } else {
            Event::Write(client, to)
        };
        self.schedule(at, event);
        self.think(client);
    }

    fn think(&mut self, client: usize) {
        let at = self.now + self.draw(self.settings.think);
        if at < self.settings.calm {
            self.schedule(at, Event::Think(client));
        }
    }

    fn read(&mut self, client: usize, node: Node, floor: u64) {
        let host = self.host(node);
        if !host.up {
            self.clients[client].leader = None;
            return;
        }
        let (alone, leader) = (host.replica.may_read(self.now), host.replica.leader());
        if alone {
            self.totals.reads_at_leader += 1;
            self.checker.read_at_leader(node, floor);
        } else {
            self.clients[client].leader = leader.filter(|&leader| leader != node);
        }
        let behind = self.checker.read(self.now, node);
        self.totals.stale_reads += u64::from(!behind.is_zero());
    }

    fn write(&mut self, client: usize, node: Node) {
        if !self.host(node).up {
            self.clients[client].leader = None;
            return;
        }
        self.propose(node);
        let leader = self.host(node).replica.leader();
        self.clients[client].leader = leader;
    }

    /// Proposes a new entry; it is waited for when it was taken.
    fn propose(&mut self, node: Node) -> Entry {
        self.entries += 1;
        let entry = Entry(self.entries);
        let mut taken = false;
        // Told before the replica acts on it: a group of one could commit at once.
        self.checker.proposed(entry);
        let mut out = Vec::new();
        let now = self.now;
        let host = self.host_mut(node);
        if host.replica.propose(now, entry, &mut out).is_ok() {
            host.waiting.insert(entry);
            taken = true;
        }
        self.totals.proposed += u64::from(taken);
        self.perform(node, out);
        entry
    }

    /// Lets the replica of a node that is up do something, and does what it asks for.
    fn drive(
        &mut self,
        node: Node,
        step: impl FnOnce(&mut dyn Replica, Instant, &mut Dice, &mut Vec<Action>),
    ) {
        let now = self.now;
        let mut out = Vec::new();
        let host = self.host_mut(node);
        if host.up {
            step(host.replica.as_mut(), now, &mut host.dice, &mut out);
        }
        self.perform(node, out);
    }

    fn perform(&mut self, node: Node, actions: Vec<Action>) {
        for action in actions {
            if self.faulty() && self.random.chance(self.settings.crash) {
                return self.crash(node);
            }
            if self.settings.trace && !matches!(action, Action::SetTimer(..)) {
                self.note(&format!("  {node}: {action:?}"));
            }
            self.perform_one(node, action);
        }
    }

    fn perform_one(&mut self, node: Node, action: Action) {
        let life = self.host(node).life;
        match action {
            Action::Send(to, message) => self.send(node, to, message),
            Action::SetTimer(timer, at) => {
                assert!(at >= self.now, "{node} sets a timer in the past");
                let key = self.schedule(at, Event::Timer(node, life, timer));
                if let Some(old) = self.host_mut(node).timers.insert(timer, key) {
                    self.events.remove(&old);
                }
            }
            Action::CancelTimer(timer) => {
                if let Some(key) = self.host_mut(node).timers.remove(&timer) {
                    self.events.remove(&key);
                }
            }
            Action::Force(token) => {
                let at = (self.now + self.draw(self.settings.disk)).max(self.host(node).busy);
                let host = self.host_mut(node);
                host.busy = at;
                host.writing.push_back(token);
                self.schedule(at, Event::Forced(node, life, token));
            }
            Action::Role(role) => {
                self.host_mut(node).leads = matches!(role, Role::Leader(_));
                if let Role::Leader(term) = role {
                    self.totals.reigns += 1;
                    self.checker.leads(node, term);
                }
            }
            Action::Committed { index, entry } => {
                self.totals.committed += 1;
                self.checker.committed(node, index, entry);
                if let Some(entry) = entry
                    && self.host_mut(node).waiting.remove(&entry)
                {
                    self.totals.acknowledged += 1;
                    self.checker.acknowledged(self.now, entry);
                }
            }
            Action::Restored { index } => {
                self.totals.restored += 1;
                self.checker.restored(node, index);
            }
        }
    }

    fn send(&mut self, from: Node, to: Node, message: Message) {
        assert_ne!(from, to, "messages are for others");
        if self.cuts.get(&(from, to)).is_some_and(|&cuts| cuts > 0) {
            return;
        }
        let mut copies = 1;
        if self.faulty() {
            copies += u32::from(self.random.chance(self.settings.doubling));
            copies -= u32::from(self.random.chance(self.settings.loss));
        }
        for _ in 0..copies {
            let at = self.now + self.draw(self.settings.latency);
            let message = message.clone();
            self.schedule(at, Event::Message { from, to, message });
        }
    }

    fn schedule(&mut self, at: Instant, event: Event) -> (Instant, u64) {
        let key = (at, self.scheduled);
        self.scheduled += 1;
        self.events.insert(key, event);
        key
    }

    fn note(&mut self, what: &str) {
        const LINES: usize = 150;
        if self.trace.len() == LINES {
            self.trace.pop_front();
        }
        self.trace.push_back(format!("{} {what}", self.now));
    }

    fn draw(&mut self, span: Millis) -> Duration {
        self.random.millis(span.0, span.1)
    }

    fn faulty(&self) -> bool {
        self.now < self.settings.calm
    }

    fn all(&self) -> impl Iterator<Item = Node> + Clone + use<> {
        (0..self.nodes.len() as u32).map(Node)
    }

    fn host(&self, node: Node) -> &Host {
        &self.nodes[node.0 as usize]
    }

    fn host_mut(&mut self, node: Node) -> &mut Host {
        &mut self.nodes[node.0 as usize]
    }
}

impl Event {
    /// Whose it is, where a pause holds it up.
    fn node(&self) -> Option<Node> {
        match *self {
            Self::Message { to, .. } => Some(to),
            Self::Timer(node, ..)
            | Self::Forced(node, ..)
            | Self::Read(_, node, _)
            | Self::Write(_, node) => Some(node),
            Self::Recover(_) | Self::Think(_) | Self::Fault | Self::Heal(_) => None,
        }
    }
}
