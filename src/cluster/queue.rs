//! Message queues as the world hosts them: the station where their letters, alarms and errands arrive.
//!
//! `plan` says what there is, `ledger` knows each message while anybody does, `produce` is the
//! `publish` step, `broker` does what the brokers' machines ask for, `consume` runs handlers,
//! `life` is what crashes and restarts mean to all of this, and `rollback` what a rollback asks for.
//! A checker listens to every broker.

mod broker;
mod consume;
mod ledger;
mod life;
mod plan;
mod produce;
mod rollback;

use crate::observer::Observer;
use crate::post::Party;
use crate::program::Program;
use crate::slab::Slab;
use crate::state::Instance;
use crate::world::World;
use clock::Instant;
pub(crate) use consume::Errand;
use ledger::Ledger;
use model::Model;
use plan::Hosted;
use produce::{Producing, Sending};
use protocol::broker::{Action, Message, Publish, Receipt};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What brokers, producers and consumers write to each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Letter {
    queue: u32,
    word: Word,
}

/// What a letter says.
#[derive(Clone, Copy, Debug)]
enum Word {
    /// To a broker: take this in.
    Publish(Publish),
    /// To a producer: the message of this number is safe, or there is no room for it.
    Told { sequence: u64, accepted: bool },
    /// To a consumer: do this.
    Deliver(Delivery),
    /// To a broker: it is done, or could not be.
    Answer { receipt: Receipt, done: bool },
}

/// A message on its way to a consumer, and what its broker said of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Delivery {
    broker: u32,
    message: Message,
    receipt: Receipt,
    deliveries: u32,
    published: Instant,
}

/// What a broker or a producer waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {
    /// A broker of a queue has something to do.
    Due { queue: u32, broker: u32 },
    /// Its forced write is done.
    Forced { queue: u32, broker: u32 },
    /// A producer has waited for its broker's word.
    Word(u32),
}

/// All queues.
#[derive(Debug)]
pub(crate) struct Queues {
    hosted: Vec<Hosted>,
    ledger: Ledger,
    sendings: Slab<Sending>,
    /// By instance and queue.
    producing: BTreeMap<(u32, u32), Producing>,
    /// Dead letters whose broker is down: the queue to which they go, and the message.
    stranded: Vec<(u32, Message)>,
    /// What brokers want done, the oldest first; empty between events.
    actions: VecDeque<(u32, u32, Action)>,
    /// They are being done.
    acting: bool,
    /// Brokers that have been asked something meanwhile.
    touched: BTreeSet<(u32, u32)>,
    /// A buffer, empty between questions.
    out: Vec<Action>,
}

impl Queues {
    /// Those of a model, in a world of these instances.
    pub(crate) fn new(
        model: &Model,
        program: &Program,
        instances: &[Instance],
        seed: u64,
        replication: u32,
    ) -> Self {
        let hosted = 0..model.queues.len();
        let hosted = hosted.map(|q| Hosted::new(model, q, program, instances, (seed, replication)));
        Self {
            hosted: hosted.collect(),
            ledger: Ledger::default(),
            sendings: Slab::new(),
            producing: BTreeMap::new(),
            stranded: Vec::new(),
            actions: VecDeque::new(),
            acting: false,
            touched: BTreeSet::new(),
            out: Vec::new(),
        }
    }
}

impl World {
    pub(crate) fn queue_mail<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        _from: Party,
        to: Party,
        letter: Letter,
    ) {
        let Party::Instance(to) = to else {
            return;
        };
        let queue = letter.queue;
        match letter.word {
            Word::Publish(publish) => {
                let broker = self.queues.hosted[queue as usize].broker_of(publish.partition);
                self.ask_broker(now, obs, queue, broker, |machine, out| {
                    machine.publish(now, publish, out);
                });
                self.queues.ledger.let_go(publish.message);
            }
            Word::Told { sequence, accepted } => self.told(queue, to, sequence, accepted),
            Word::Deliver(delivery) => self.consume(now, obs, queue, to, delivery),
            Word::Answer { receipt, done } => {
                let broker = self.queues.hosted[queue as usize].broker_of(receipt.place.partition);
                self.answer_broker(now, obs, queue, broker, receipt, done);
            }
        }
    }

    /// A letter has reached a machine that is down, or was lost on its way.
    pub(crate) fn queue_mail_lost(&mut self, letter: &Letter) {
        match letter.word {
            Word::Publish(Publish { message, .. }) | Word::Deliver(Delivery { message, .. }) => {
                self.queues.ledger.let_go(message);
            }
            Word::Told { .. } | Word::Answer { .. } => {}
        }
    }

    /// Sends a letter, which may be lost.
    fn send_word(&mut self, now: Instant, from: u32, to: u32, queue: u32, word: Word) {
        let letter = Letter { queue, word };
        let mail = crate::post::Mail::Queue(letter);
        let (from, to) = (Party::Instance(from), Party::Instance(to));
        if !self.post(now, from, to, mail) {
            self.queue_mail_lost(&letter);
        }
    }

    pub(crate) fn queue_alarm<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        _whose: Party,
        alarm: Alarm,
    ) {
        match alarm {
            Alarm::Due { queue, broker } => {
                self.queues.hosted[queue as usize].brokers[broker as usize].bell = None;
                self.ask_broker(now, obs, queue, broker, |machine, out| {
                    machine.on_timer(now, out);
                });
            }
            Alarm::Forced { queue, broker } => {
                self.queues.hosted[queue as usize].brokers[broker as usize].disk = None;
                self.ask_broker(now, obs, queue, broker, |machine, out| {
                    machine.forced(now, out);
                });
            }
            Alarm::Word(sending) => self.waited(now, obs, sending),
        }
    }

    /// The orders of messages that are on their way, wait, or are out.
    pub(crate) fn orders_in_queues(&self) -> BTreeSet<u32> {
        let queues = &self.queues;
        let hosts = queues.hosted.iter().flat_map(|hosted| &hosted.brokers);
        let open = hosts.flat_map(|host| {
            let places = host.machine.open();
            places.filter_map(|(place, _)| host.machine.message(place))
        });
        let letters = self.post.under_way().filter_map(|(_, mail)| match mail {
            crate::post::Mail::Queue(letter) => match letter.word {
                Word::Publish(Publish { message, .. })
                | Word::Deliver(Delivery { message, .. }) => Some(message),
                Word::Told { .. } | Word::Answer { .. } => None,
            },
            _ => None,
        });
        let stranded = queues.stranded.iter().map(|(_, message)| *message);
        let messages = open.chain(letters).chain(stranded);
        let held = messages.filter_map(|message| queues.ledger.get(message));
        held.map(|held| held.origin.order).collect()
    }

    /// What is wrong with the queues' books.
    pub(crate) fn audit_queues(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for hosted in &self.queues.hosted {
            for host in &hosted.brokers {
                let found = host.checker.compare(host.machine.open());
                let told = found.iter().map(|v| format!("queue {}: {v}", hosted.name));
                wrong.extend(told);
                for (place, _) in host.machine.open() {
                    let message = host.machine.message(place);
                    if message.is_none_or(|m| self.queues.ledger.get(m).is_none()) {
                        wrong.push(format!("queue {}: nobody knows {place:?}", hosted.name));
                    }
                }
            }
        }
        wrong
    }
}
