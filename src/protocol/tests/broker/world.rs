//! Producers, one broker, and consumers on a network that delays, doubles and loses; consumers and the
//! broker crash. What it does wrong on purpose is the host's doing: the machine is the same as
//! everywhere.

use crate::random::Random;
use clock::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};
use stormglass_protocol::broker::*;

/// What is wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sabotage {
    Nothing,
    /// The producer hears that its message is safe before it is written.
    ToldEarly,
    /// The broker's log does not survive a crash.
    ForgetsLog,
    /// A delivery that nobody worked on is acknowledged.
    InventsWork,
    /// The broker does not hear that it should stop.
    IgnoresStop,
    /// A broker of exclusive partitions takes its consumers for competing ones.
    MixesUp,
    /// Messages that are tried again have new numbers.
    Renumbers,
    /// Deliveries are counted anew after a crash.
    ForgetsDeliveries,
}

/// How the world is.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) partitions: u32,
    pub(crate) consumers: u32,
    pub(crate) producers: u32,
    pub(crate) messages: u64,
    pub(crate) latency: u64,
    pub(crate) disk: u64,
    pub(crate) work: u64,
    pub(crate) loss: f64,
    pub(crate) failing: f64,
    pub(crate) crash: f64,
    pub(crate) rollback: bool,
    /// From then on nothing fails.
    pub(crate) calm: Instant,
    pub(crate) sabotage: Sabotage,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Begin(u64),
    Try(u64),
    Publish(Publish),
    Told(u64),
    Deliver(u32, Group, Consumer, Receipt, Message),
    Work(u32, Group, Consumer, Receipt, Message),
    Answer(Receipt, bool),
    Forced(u32),
    Due,
    Crash,
    Recover,
    Down(Group, Consumer),
    Up(Group, Consumer),
    Stop,
    Resume,
}

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) now: Instant,
    pub(crate) broker: Broker,
    pub(crate) checker: Checker,
    random: Random,
    events: BTreeMap<(Instant, u64), Event>,
    next: u64,
    is_up: bool,
    /// Which life of the broker; what was set in another one does not come.
    life: u32,
    /// Lives of consumers.
    lives: BTreeMap<(Group, Consumer), (bool, u32)>,
    /// Messages whose producer waits for the word, with their numbers.
    waiting: BTreeMap<u64, Origin>,
    sequences: Vec<u64>,
    pub(crate) told: BTreeSet<u64>,
    pub(crate) consumed: BTreeMap<(u64, Group), u32>,
    pub(crate) crashes: u64,
    pub(crate) dead: u64,
    pub(crate) redelivered: u64,
    pub(crate) replayed: u64,
    pub(crate) dropped: u64,
    /// Messages that the broker holds, as it says.
    pub(crate) held: BTreeMap<u64, i64>,
}

impl World {
    pub(crate) fn new(settings: Settings, seed: u64) -> Self {
        let mut hosted = settings.config.clone();
        if settings.sabotage == Sabotage::MixesUp {
            hosted.sharing = Sharing::Competing;
        }
        if settings.sabotage == Sabotage::ForgetsDeliveries {
            hosted.max_deliveries = hosted.max_deliveries.map(|most| most + 2);
        }
        let broker = Broker::new(hosted, 0..settings.partitions).expect("it is in range");
        let mut world = Self {
            now: Instant::ZERO,
            broker,
            checker: Checker::new(settings.config.clone()),
            random: Random::new(seed),
            events: BTreeMap::new(),
            next: 0,
            is_up: true,
            life: 0,
            lives: BTreeMap::new(),
            waiting: BTreeMap::new(),
            sequences: vec![0; settings.producers as usize],
            told: BTreeSet::new(),
            consumed: BTreeMap::new(),
            crashes: 0,
            dead: 0,
            redelivered: 0,
            replayed: 0,
            dropped: 0,
            held: BTreeMap::new(),
            settings,
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        for group in (0..self.settings.config.groups).map(Group) {
            for consumer in (0..self.settings.consumers).map(Consumer) {
                self.lives.insert((group, consumer), (true, 0));
                self.ask(|broker, now, out| broker.connect(now, group, consumer, out));
            }
        }
        for message in 0..self.settings.messages {
            let at = self.random.millis(0, 5_000);
            self.at(at, Event::Begin(message));
        }
        self.at(Duration::from_millis(100), Event::Crash);
        for (group, consumer) in self.lives.clone().into_keys() {
            let at = self.random.millis(0, 1_000);
            self.at(at, Event::Down(group, consumer));
        }
        if self.settings.rollback {
            let at = self.random.millis(500, 4_000);
            self.at(at, Event::Stop);
        }
    }

    fn at(&mut self, delay: Duration, event: Event) {
        self.events.insert((self.now + delay, self.next), event);
        self.next += 1;
    }

    fn is_calm(&self) -> bool {
        self.now >= self.settings.calm
    }

    /// A message travels, twice, once or not at all.
    fn send(&mut self, event: Event) {
        let most = self.settings.latency + 1;
        if self.random.chance(self.settings.loss) && !self.is_calm() {
            return;
        }
        let delay = self.random.millis(0, most);
        self.at(delay, event);
        if self.random.chance(self.settings.loss) && !self.is_calm() {
            let delay = self.random.millis(0, most);
            self.at(delay, event);
        }
    }

    fn ask(&mut self, question: impl FnOnce(&mut Broker, Instant, &mut Vec<Action>)) {
        let mut out = Vec::new();
        question(&mut self.broker, self.now, &mut out);
        for action in out {
            self.checker.heard(&action);
            self.act(action);
        }
        let due = self.broker.due();
        if self.is_up && due < Instant::NEVER {
            self.at(due.since(self.now), Event::Due);
        }
        let capacity = self.settings.config.capacity;
        if let Some(capacity) = capacity
            && self.replayed == 0
        {
            assert!(
                self.broker.depth() <= capacity,
                "the queue is fuller than it can be"
            );
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Force => {
                let delay = self.random.millis(0, self.settings.disk + 1);
                let life = self.life;
                self.at(delay, Event::Forced(life));
            }
            Action::Taken(message) => {
                *self.held.entry(message.0).or_default() += 1;
                if self.settings.sabotage == Sabotage::ToldEarly {
                    let (place, origin) = (
                        Place {
                            partition: 0,
                            offset: u64::MAX - message.0,
                        },
                        None,
                    );
                    let early = Action::Accepted {
                        message,
                        origin,
                        place: Some(place),
                    };
                    self.checker.heard(&early);
                }
            }
            Action::Gone(message) => *self.held.entry(message.0).or_default() -= 1,
            Action::Accepted {
                message, origin, ..
            } => {
                if origin.is_some() {
                    self.send(Event::Told(message.0));
                }
            }
            Action::Refused { .. } => {}
            Action::Deliver {
                message,
                consumer,
                receipt,
                deliveries,
                ..
            } => {
                self.redelivered += u64::from(deliveries > 1);
                let life = self.lives[&(receipt.group, consumer)].1;
                self.send(Event::Deliver(
                    life,
                    receipt.group,
                    consumer,
                    receipt,
                    message,
                ));
                if self.settings.sabotage == Sabotage::InventsWork && self.random.chance(0.2) {
                    self.send(Event::Answer(receipt, true));
                }
            }
            Action::Ended { end, .. } => match end {
                End::Acknowledged => {}
                End::Dead => self.dead += 1,
                End::Dropped => self.dropped += 1,
            },
            Action::Replayed { was_over, .. } => self.replayed += u64::from(was_over),
        }
    }

    /// Runs until nothing is to be done, for so many events at most; answers whether it came to rest.
    pub(crate) fn run(&mut self, most: u64) -> bool {
        for _ in 0..most {
            let Some(((at, _), event)) = self.events.pop_first() else {
                return true;
            };
            self.now = at;
            self.happen(event);
        }
        false
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Begin(message) => {
                let producer = self.random.below(self.settings.producers.into()) as u32;
                let sequence = self.sequences[producer as usize];
                self.sequences[producer as usize] += 1;
                let origin = Origin {
                    producer,
                    sequence,
                    floor: 0,
                };
                self.waiting.insert(message, origin);
                self.happen(Event::Try(message));
            }
            Event::Try(message) => self.try_again(message),
            Event::Publish(publish) => {
                if self.is_up {
                    self.ask(|broker, now, out| broker.publish(now, publish, out));
                }
            }
            Event::Told(message) => {
                if self.waiting.remove(&message).is_some() {
                    self.told.insert(message);
                }
            }
            Event::Deliver(life, group, consumer, receipt, message) => {
                if self.lives[&(group, consumer)] == (true, life) {
                    let delay = self.random.millis(0, self.settings.work + 1);
                    self.at(delay, Event::Work(life, group, consumer, receipt, message));
                }
            }
            Event::Work(life, group, consumer, receipt, message) => {
                if self.lives[&(group, consumer)] != (true, life) {
                    return;
                }
                let done = self.is_calm() || !self.random.chance(self.settings.failing);
                if done {
                    *self.consumed.entry((message.0, group)).or_default() += 1;
                    self.checker.consumed(receipt);
                }
                self.send(Event::Answer(receipt, done));
            }
            Event::Answer(receipt, true) if self.is_up => {
                self.ask(|broker, now, out| broker.acknowledge(now, receipt, out));
            }
            Event::Answer(receipt, false) if self.is_up => {
                self.ask(|broker, now, out| broker.reject(now, receipt, out));
            }
            Event::Answer(..) => {}
            Event::Forced(life) => {
                if self.is_up && life == self.life {
                    self.ask(|broker, now, out| broker.forced(now, out));
                }
            }
            Event::Due => {
                if self.is_up && self.broker.due() <= self.now {
                    self.ask(|broker, now, out| broker.on_timer(now, out));
                }
            }
            Event::Crash => self.crash(),
            Event::Recover => self.recover(),
            Event::Down(group, consumer) => self.consumer_down(group, consumer),
            Event::Up(group, consumer) => {
                self.lives
                    .entry((group, consumer))
                    .and_modify(|life| life.0 = true);
                if self.is_up {
                    self.ask(|broker, now, out| broker.connect(now, group, consumer, out));
                }
                if !self.is_calm() {
                    let delay = self.random.millis(50, 2_000);
                    self.at(delay, Event::Down(group, consumer));
                }
            }
            Event::Stop => {
                self.checker.stopped(true);
                if self.settings.sabotage != Sabotage::IgnoresStop {
                    self.broker.stop();
                }
                let delay = self.random.millis(1, 1_000);
                self.at(delay, Event::Resume);
            }
            Event::Resume => {
                let from = self.random.below(self.now.as_nanos().max(1));
                let from = Instant::from_nanos(from);
                self.ask(|broker, now, out| broker.replay(now, from, out));
                self.checker.stopped(false);
                self.ask(|broker, now, out| broker.resume(now, out));
            }
        }
    }

    fn try_again(&mut self, message: u64) {
        let Some(&origin) = self.waiting.get(&message) else {
            return;
        };
        let mut origin = origin;
        let own = self
            .waiting
            .values()
            .filter(|o| o.producer == origin.producer);
        origin.floor = own.map(|o| o.sequence).min().unwrap_or(origin.sequence);
        if self.settings.sabotage == Sabotage::Renumbers {
            origin.floor = 0;
            origin.sequence = self.next + 1_000_000;
        }
        let partition = (origin.producer) % self.settings.partitions;
        let publish = Publish {
            origin: Some(origin),
            patience: Duration::from_millis(200),
            ..Publish::new(Message(message), partition)
        };
        self.send(Event::Publish(publish));
        self.at(Duration::from_millis(300), Event::Try(message));
    }

    fn crash(&mut self) {
        if self.is_calm() {
            return;
        }
        if self.random.chance(self.settings.crash) && self.is_up {
            self.crashes += 1;
            (self.is_up, self.life) = (false, self.life + 1);
            self.ask(|broker, _, out| broker.crash(out));
            if self.settings.sabotage == Sabotage::ForgetsLog {
                let config = self.settings.config.clone();
                let empty = Broker::new(config, 0..self.settings.partitions);
                self.broker = empty.expect("it is in range");
            }
            let delay = self.random.millis(1, 1_000);
            self.at(delay, Event::Recover);
        }
        self.at(Duration::from_millis(100), Event::Crash);
    }

    fn recover(&mut self) {
        self.is_up = true;
        let lives = self.lives.iter().filter(|(_, life)| life.0);
        let there: Vec<_> = lives.map(|(&who, _)| who).collect();
        self.ask(|broker, now, out| broker.recover(now, there, out));
    }

    fn consumer_down(&mut self, group: Group, consumer: Consumer) {
        if self.is_calm() {
            return;
        }
        if !self.random.chance(self.settings.crash) {
            let delay = self.random.millis(50, 2_000);
            self.at(delay, Event::Down(group, consumer));
            return;
        }
        self.crashes += 1;
        let life = self.lives.get_mut(&(group, consumer)).expect("it is there");
        *life = (false, life.1 + 1);
        if self.is_up {
            self.ask(|broker, now, out| broker.disconnect(now, group, consumer, out));
        }
        let delay = self.random.millis(1, 1_500);
        self.at(delay, Event::Up(group, consumer));
    }

    /// What is wrong now.
    pub(crate) fn wrong(&self) -> Vec<Violation> {
        let mut wrong = self.checker.violations().to_vec();
        wrong.extend(self.checker.compare(self.broker.open()));
        wrong
    }
}
