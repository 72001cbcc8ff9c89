//! Consumers: an instance is given a message, runs the handler, and answers.

use super::{Delivery, Word};
use crate::errand;
use crate::observer::{MessageFact, Observer};
use crate::span::Cause;
use crate::world::World;
use clock::Instant;
use engine::Keyed;
use policy::Outcome;

/// A message that a consumer works on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Errand {
    queue: u32,
    instance: u32,
    delivery: Delivery,
}

impl Errand {
    /// As facts have it.
    pub(crate) fn as_cause(&self, endpoint: Option<u32>) -> Cause {
        Cause::Message {
            queue: self.queue,
            message: self.delivery.message.0,
            delivery: self.delivery.deliveries,
            endpoint,
        }
    }
}

impl World {
    /// A message has come to a consumer, who holds it from now on as whoever brought it did.
    pub(super) fn consume<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        queue: u32,
        instance: u32,
        delivery: Delivery,
    ) {
        let queues = &mut self.queues;
        let group = delivery.receipt.group;
        let plan = &mut queues.hosted[queue as usize].groups[group.0 as usize];
        let errand = Errand {
            queue,
            instance,
            delivery,
        };
        if plan.seen.knows(now, delivery.message) {
            let fact = MessageFact::Recognized;
            obs.message(now, queue as usize, delivery.published, fact);
            self.consumed(now, obs, errand, true);
            return;
        }
        let entry = plan.entry;
        let Some(&held) = queues.ledger.get(delivery.message) else {
            return;
        };
        // Each delivery to each group has draws of its own.
        let which = u64::from(delivery.deliveries) << 32 | u64::from(group.0);
        let key = Keyed::child(held.key, which);
        self.run_errand(
            now,
            instance,
            entry,
            key,
            held.origin,
            errand::Errand::Message(errand),
        );
    }

    /// The handler has ended.
    pub(crate) fn message_consumed<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        errand: Errand,
        outcome: Outcome,
    ) {
        let Errand {
            queue, delivery, ..
        } = errand;
        let queues = &mut self.queues;
        let message = delivery.message;
        let poison = queues.ledger.get(message).is_none_or(|held| held.is_poison);
        let done = outcome.is_success() && !poison;
        if done {
            let group = delivery.receipt.group.0;
            if queues.ledger.handled(message, group) {
                let fact = MessageFact::Duplicate;
                obs.message(now, queue as usize, delivery.published, fact);
            }
            let plan = &mut queues.hosted[queue as usize].groups[group as usize];
            plan.seen.consumed(now, message);
        }
        self.consumed(now, obs, errand, done);
    }

    /// A consumer lets go of a message, and answers its broker.
    fn consumed<O: Observer>(&mut self, now: Instant, obs: &mut O, errand: Errand, done: bool) {
        let Errand {
            queue,
            instance,
            delivery:
                Delivery {
                    broker,
                    message,
                    receipt,
                    ..
                },
        } = errand;
        let host = &mut self.queues.hosted[queue as usize].brokers[broker as usize];
        if done {
            host.checker.consumed(receipt);
        }
        match host.home {
            None => self.answer_broker(now, obs, queue, broker, receipt, done),
            Some(home) => {
                let word = Word::Answer { receipt, done };
                self.send_word(now, instance, home, queue, word);
            }
        }
        self.queues.ledger.let_go(message);
    }

    /// A handler was lost with its instance.
    pub(crate) fn message_dropped(&mut self, errand: Errand) {
        self.queues.ledger.let_go(errand.delivery.message);
    }
}
