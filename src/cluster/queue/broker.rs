//! Brokers at work: their machines are asked, and what they want is done.

use super::{Alarm, Delivery, Word};
use crate::observer::{MessageFact, Observer};
use crate::post;
use crate::span::SpanFact;
use crate::world::World;
use clock::Instant;
use engine::Keyed;
use protocol::broker::{Action, Broker, End, Group, Message, Origin, Publish, Receipt};

/// The name under which what a broker's checker finds is reported.
const CHECKER: &str = "no message is lost";

/// Sets a dead letter apart from the message that it was.
const DEAD: u64 = 0x6465_6164_0000_0000;

impl World {
    /// Asks a broker something, and does what it wants, unless that is being done already.
    pub(super) fn ask_broker<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        queue: u32,
        broker: u32,
        question: impl FnOnce(&mut Broker, &mut Vec<Action>),
    ) {
        let queues = &mut self.queues;
        let host = &mut queues.hosted[queue as usize].brokers[broker as usize];
        question(&mut host.machine, &mut queues.out);
        for action in &queues.out {
            host.checker.heard(action);
        }
        let wanted = queues.out.drain(..).map(|action| (queue, broker, action));
        queues.actions.extend(wanted);
        queues.touched.insert((queue, broker));
        if queues.acting {
            return;
        }
        queues.acting = true;
        while let Some((queue, broker, action)) = self.queues.actions.pop_front() {
            self.do_for_broker(now, obs, queue, broker, action);
        }
        self.queues.acting = false;
        while let Some((queue, broker)) = self.queues.touched.pop_first() {
            self.broker_asked(now, obs, queue, broker);
        }
    }

    /// A consumer has answered.
    pub(super) fn answer_broker<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        queue: u32,
        broker: u32,
        receipt: Receipt,
        done: bool,
    ) {
        self.ask_broker(now, obs, queue, broker, |machine, out| match done {
            true => machine.acknowledge(now, receipt, out),
            false => machine.reject(now, receipt, out),
        });
    }

    /// What is to be seen to when a broker has been asked.
    fn broker_asked<O: Observer>(&mut self, now: Instant, obs: &mut O, queue: u32, broker: u32) {
        let hosted = &mut self.queues.hosted[queue as usize];
        let depth: u64 = hosted.brokers.iter().map(|b| b.machine.depth()).sum();
        if core::mem::replace(&mut hosted.depth, depth) != depth {
            obs.queue_depth(now, queue as usize, depth);
        }
        let host = &mut hosted.brokers[broker as usize];
        let found = host.checker.take_violations();
        let (due, whose) = (host.machine.due(), host.party());
        if host.is_up && host.bell.is_none_or(|(at, _)| due < at) && due < Instant::NEVER {
            let before = host.bell.take();
            if let Some((_, bell)) = before {
                self.silence(bell);
            }
            let alarm = post::Alarm::Queue(Alarm::Due { queue, broker });
            let bell = self.set_alarm(due.max(now), whose, alarm);
            let host = &mut self.queues.hosted[queue as usize].brokers[broker as usize];
            host.bell = Some((due, bell));
        }
        for violation in found {
            let name = &self.queues.hosted[queue as usize].name;
            let what = format!("queue {name}: {violation}");
            self.violation(CHECKER, what);
        }
    }

    fn do_for_broker<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        queue: u32,
        broker: u32,
        action: Action,
    ) {
        let number = queue as usize;
        match action {
            Action::Force => self.force_log(now, obs, queue, broker),
            Action::Taken(message) => self.queues.ledger.hold(message),
            Action::Gone(message) => self.queues.ledger.let_go(message),
            Action::Accepted { origin, place, .. } => {
                if place.is_some() {
                    obs.message(now, number, now, MessageFact::Published);
                }
                self.tell_producer(now, queue, broker, origin, true);
            }
            Action::Refused { origin, .. } => {
                obs.message(now, number, now, MessageFact::Refused);
                self.tell_producer(now, queue, broker, origin, false);
            }
            Action::Deliver {
                message,
                consumer,
                receipt,
                deliveries,
                published,
            } => {
                let again = deliveries > 1;
                obs.message(now, number, published, MessageFact::Delivered { again });
                let delivery = Delivery {
                    broker,
                    message,
                    receipt,
                    deliveries,
                    published,
                };
                self.queues.ledger.hold(message);
                let host = &self.queues.hosted[number].brokers[broker as usize];
                match host.home {
                    Some(home) => {
                        self.send_word(now, home, consumer.0, queue, Word::Deliver(delivery));
                    }
                    None => self.consume(now, obs, queue, consumer.0, delivery),
                }
            }
            Action::Ended {
                message,
                published,
                end,
                ..
            } => {
                let fact = match end {
                    End::Acknowledged => MessageFact::Acknowledged,
                    End::Dead => MessageFact::DeadLettered,
                    End::Dropped => MessageFact::Dropped,
                };
                obs.message(now, number, published, fact);
                if end == End::Dead {
                    self.bury_letter(now, obs, queue, message);
                }
            }
            Action::Replayed {
                message,
                group,
                published,
                was_over,
                ..
            } => {
                let Group(group) = group;
                if was_over {
                    obs.message(now, number, published, MessageFact::Replayed);
                }
                self.queues.ledger.replayed(message, group);
                let group = &mut self.queues.hosted[number].groups[group as usize];
                group.seen.forget(message);
            }
        }
    }

    fn force_log<O: Observer>(&mut self, now: Instant, obs: &mut O, queue: u32, broker: u32) {
        let hosted = &mut self.queues.hosted[queue as usize];
        let time = hosted.force();
        if time.is_zero() {
            self.ask_broker(now, obs, queue, broker, |machine, out| {
                machine.forced(now, out);
            });
            return;
        }
        let whose = hosted.brokers[broker as usize].party();
        let alarm = post::Alarm::Queue(Alarm::Forced { queue, broker });
        let bell = self.set_alarm(now + time, whose, alarm);
        self.queues.hosted[queue as usize].brokers[broker as usize].disk = Some(bell);
    }

    fn tell_producer(
        &mut self,
        now: Instant,
        queue: u32,
        broker: u32,
        origin: Option<Origin>,
        accepted: bool,
    ) {
        let Some(Origin {
            producer, sequence, ..
        }) = origin
        else {
            return;
        };
        let hosted = &self.queues.hosted[queue as usize];
        match hosted.brokers[broker as usize].home {
            None => self.told(queue, producer, sequence, accepted),
            Some(home) => {
                let word = Word::Told { sequence, accepted };
                self.send_word(now, home, producer, queue, word);
            }
        }
    }

    /// A message is dead: it goes to the queue for such, if there is one.
    fn bury_letter<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        queue: u32,
        message: Message,
    ) {
        let queues = &mut self.queues;
        let Some(target) = queues.hosted[queue as usize].dead_letter else {
            return;
        };
        let Some(&held) = queues.ledger.get(message) else {
            return;
        };
        let key = Keyed::child(held.key ^ DEAD, target.into());
        let own = queues.hosted[target as usize].is_poison(key);
        let letter = queues.ledger.begin(key, held.origin, held.is_poison || own);
        if O::SPANS {
            let (message, letter) = (message.0, letter.0);
            obs.span(now, SpanFact::DeadLetter { message, letter });
        }
        self.bring_letter(now, obs, target, letter);
    }

    /// A dead letter is taken in by its queue, or waits for the broker that is down.
    pub(super) fn bring_letter<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        queue: u32,
        letter: Message,
    ) {
        let hosted = &self.queues.hosted[queue as usize];
        let Some(held) = self.queues.ledger.get(letter) else {
            return;
        };
        let partition = hosted.partition_of(held.key, held.origin);
        let broker = hosted.broker_of(partition);
        if !hosted.brokers[broker as usize].is_up {
            self.queues.stranded.push((queue, letter));
            return;
        }
        let publish = Publish {
            always: true,
            ..Publish::new(letter, partition)
        };
        self.ask_broker(now, obs, queue, broker, |machine, out| {
            machine.publish(now, publish, out);
        });
        // The log holds it, or will.
        if self.queues.acting {
            let taken = (queue, broker, Action::Gone(letter));
            self.queues.actions.push_back(taken);
        } else {
            self.queues.ledger.let_go(letter);
        }
    }
}
