//! The `publish` step: a handler hands a message to the broker of its partition, waits for the word,
//! tries again, and gives up.

use super::{Alarm, Word};
use crate::handler::step_key;
use crate::observer::Observer;
use crate::post::{self, Bell, Party};
use crate::slab::NONE;
use crate::span;
use crate::world::World;
use clock::Instant;
use core::mem::take;
use policy::Outcome;
use protocol::broker::{self, Message, Publish};
use std::collections::BTreeMap;

/// A message whose producer waits for the word.
#[derive(Debug)]
pub(crate) struct Sending {
    strand: u32,
    instance: u32,
    queue: u32,
    message: Message,
    partition: u32,
    sequence: u64,
    /// Further tries.
    left: u32,
    /// The answer to the last try was that there is no room.
    refused: bool,
    bell: Option<Bell>,
}

/// What an instance publishes to a queue.
#[derive(Debug, Default)]
pub(crate) struct Producing {
    /// The number of the next message.
    next: u64,
    /// Those that wait for the word, by number.
    waiting: BTreeMap<u64, u32>,
}

impl World {
    /// A strand has come to a `publish` step.
    #[cold]
    pub(crate) fn publish<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        strand: u32,
        queue: u32,
    ) {
        let publishing = &mut self.strands[strand];
        publishing.awaits = NONE;
        let (key, origin) = (step_key(publishing, publishing.pc), publishing.origin);
        let instance = publishing.instance;
        let queues = &mut self.queues;
        let hosted = &queues.hosted[queue as usize];
        let message = queues.ledger.begin(key, origin, hosted.is_poison(key));
        let partition = hosted.partition_of(key, origin);
        let producer = hosted.producer;
        let producing = queues.producing.entry((instance, queue)).or_default();
        let sequence = producing.next;
        producing.next += 1;
        let sending = queues.sendings.insert(Sending {
            strand,
            instance,
            queue,
            message,
            partition,
            sequence,
            left: producer.retries,
            refused: false,
            bell: None,
        });
        producing.waiting.insert(sequence, sending);
        self.strands[strand].awaits = sending;
        if O::SPANS {
            let message = message.0;
            span::does(now, obs, strand, span::Doing::Publishing { queue, message });
        }
        self.try_to_publish(now, obs, sending);
        if !producer.wait {
            self.publish_ended(sending, Outcome::Success);
            return;
        }
        let still = self.queues.producing.get(&(instance, queue));
        if still.is_some_and(|p| p.waiting.get(&sequence) == Some(&sending)) {
            self.wait_for_word(now, sending);
        }
    }

    fn wait_for_word(&mut self, now: Instant, sending: u32) {
        let Sending {
            queue, instance, ..
        } = self.queues.sendings[sending];
        let timeout = self.queues.hosted[queue as usize].producer.timeout;
        let alarm = post::Alarm::Queue(Alarm::Word(sending));
        let bell = self.set_alarm(now + timeout, Party::Instance(instance), alarm);
        self.queues.sendings[sending].bell = Some(bell);
    }

    fn try_to_publish<O: Observer>(&mut self, now: Instant, obs: &mut O, sending: u32) {
        let queues = &mut self.queues;
        let Sending {
            queue,
            instance,
            message,
            partition,
            sequence,
            ..
        } = queues.sendings[sending];
        let hosted = &queues.hosted[queue as usize];
        let producing = queues.producing.get(&(instance, queue));
        let floor = producing.and_then(|p| p.waiting.first_key_value());
        let publish = Publish {
            message,
            partition,
            // Whoever does not wait does not try again.
            origin: hosted.producer.wait.then_some(broker::Origin {
                producer: instance,
                sequence,
                floor: floor.map_or(sequence, |(first, _)| *first),
            }),
            patience: hosted.producer.timeout,
            always: false,
        };
        let broker = hosted.broker_of(partition);
        match hosted.brokers[broker as usize].home {
            Some(home) => {
                queues.ledger.hold(message);
                self.send_word(now, instance, home, queue, Word::Publish(publish));
            }
            None => self.ask_broker(now, obs, queue, broker, |machine, out| {
                machine.publish(now, publish, out);
            }),
        }
    }

    /// A producer hears its broker's word.
    pub(super) fn told(&mut self, queue: u32, instance: u32, sequence: u64, accepted: bool) {
        let producing = self.queues.producing.get(&(instance, queue));
        let Some(&sending) = producing.and_then(|p| p.waiting.get(&sequence)) else {
            return;
        };
        if accepted {
            self.publish_ended(sending, Outcome::Success);
            return;
        }
        let waiting = &mut self.queues.sendings[sending];
        waiting.refused = true;
        // The next try comes when the time of this one is up: a full queue needs some.
        if waiting.left == 0 {
            self.publish_ended(sending, Outcome::Rejected);
        }
    }

    /// A producer has waited for the word long enough.
    pub(super) fn waited<O: Observer>(&mut self, now: Instant, obs: &mut O, sending: u32) {
        let waiting = &mut self.queues.sendings[sending];
        waiting.bell = None;
        if waiting.left == 0 {
            self.publish_ended(sending, Outcome::Timeout);
            return;
        }
        waiting.left -= 1;
        waiting.refused = false;
        let (key, sequence) = ((waiting.instance, waiting.queue), waiting.sequence);
        self.try_to_publish(now, obs, sending);
        let still = self.queues.producing.get(&key);
        if still.is_some_and(|p| p.waiting.get(&sequence) == Some(&sending)) {
            self.wait_for_word(now, sending);
        }
    }

    /// Whether a strand waits for the word on this message.
    pub(crate) fn producer_knows(&self, strand: u32, awaits: u32) -> bool {
        let mut waiting = self
            .queues
            .producing
            .values()
            .flat_map(|p| p.waiting.values());
        waiting.any(|&sending| sending == awaits && self.queues.sendings[sending].strand == strand)
    }

    /// The step goes on, or fails.
    fn publish_ended(&mut self, sending: u32, outcome: Outcome) {
        let strand = self.queues.sendings[sending].strand;
        self.publish_unheard(sending);
        self.strands[strand].awaits = NONE;
        self.agreed(strand, outcome);
    }

    /// Who waited for the word no longer does: it is not tried again.
    pub(crate) fn publish_unheard(&mut self, awaits: u32) {
        if awaits == NONE {
            return;
        }
        let queues = &mut self.queues;
        let Sending {
            instance,
            queue,
            message,
            sequence,
            ref mut bell,
            ..
        } = queues.sendings[awaits];
        let bell = take(bell);
        if let Some(producing) = queues.producing.get_mut(&(instance, queue)) {
            producing.waiting.remove(&sequence);
        }
        queues.ledger.let_go(message);
        queues.sendings.remove(awaits);
        if let Some(bell) = bell {
            self.silence(bell);
        }
    }
}
