//! What crashes and restarts of instances mean to queues: a broker's memory is gone and its log stays; a
//! consumer's connection breaks, and it connects again when it has started.

use crate::observer::Observer;
use crate::world::World;
use clock::Instant;
use protocol::broker::{Consumer, Group};

impl World {
    /// Whoever is up takes part from the beginning.
    pub(crate) fn start_queues(&mut self) {
        for id in 0..self.instances.len() as u32 {
            if self.instances[id as usize].is_up() {
                self.connect_consumer(Instant::ZERO, &mut (), id);
            }
        }
    }

    pub(crate) fn queues_down<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let service = self.instances[id as usize].service;
        for queue in 0..self.queues.hosted.len() as u32 {
            for broker in 0..self.queues.hosted[queue as usize].brokers.len() as u32 {
                let host = &mut self.queues.hosted[queue as usize].brokers[broker as usize];
                if host.home == Some(id) {
                    self.broker_down(now, obs, queue, broker);
                    continue;
                }
                if !host.is_up {
                    continue;
                }
                for group in self.groups_at(queue, service) {
                    self.ask_broker(now, obs, queue, broker, |machine, out| {
                        machine.disconnect(now, group, Consumer(id), out);
                    });
                }
            }
        }
    }

    /// A consumer is about to stop: it takes no more messages. What it has and does not acknowledge is
    /// delivered again, to others.
    pub(crate) fn consumer_leaves<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let service = self.instances[id as usize].service;
        for queue in 0..self.queues.hosted.len() as u32 {
            for group in self.groups_at(queue, service) {
                for broker in 0..self.queues.hosted[queue as usize].brokers.len() as u32 {
                    let host = &self.queues.hosted[queue as usize].brokers[broker as usize];
                    if host.is_up {
                        self.ask_broker(now, obs, queue, broker, |machine, out| {
                            machine.disconnect(now, group, Consumer(id), out);
                        });
                    }
                }
            }
        }
    }

    fn groups_at(&self, queue: u32, service: u32) -> Vec<Group> {
        let hosted = &self.queues.hosted[queue as usize];
        hosted.groups_at(service).collect()
    }

    fn broker_down<O: Observer>(&mut self, now: Instant, obs: &mut O, queue: u32, broker: u32) {
        let host = &mut self.queues.hosted[queue as usize].brokers[broker as usize];
        host.is_up = false;
        let bells = [host.bell.take().map(|(_, bell)| bell), host.disk.take()];
        for bell in bells.into_iter().flatten() {
            self.silence(bell);
        }
        self.ask_broker(now, obs, queue, broker, |machine, out| machine.crash(out));
    }

    pub(crate) fn queues_up<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        for queue in 0..self.queues.hosted.len() as u32 {
            for broker in 0..self.queues.hosted[queue as usize].brokers.len() as u32 {
                let host = &self.queues.hosted[queue as usize].brokers[broker as usize];
                if host.home == Some(id) && !host.is_up {
                    self.broker_up(now, obs, queue, broker);
                }
            }
        }
        self.connect_consumer(now, obs, id);
        for (queue, letter) in core::mem::take(&mut self.queues.stranded) {
            self.bring_letter(now, obs, queue, letter);
        }
    }

    fn broker_up<O: Observer>(&mut self, now: Instant, obs: &mut O, queue: u32, broker: u32) {
        let mut consumers = Vec::new();
        for id in 0..self.instances.len() as u32 {
            let instance = &self.instances[id as usize];
            if instance.is_up() {
                let groups = self.groups_at(queue, instance.service).into_iter();
                consumers.extend(groups.map(|group| (group, Consumer(id))));
            }
        }
        let host = &mut self.queues.hosted[queue as usize].brokers[broker as usize];
        host.is_up = true;
        self.ask_broker(now, obs, queue, broker, |machine, out| {
            machine.recover(now, consumers, out);
        });
    }

    /// An instance takes part in the groups of its service.
    fn connect_consumer<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let service = self.instances[id as usize].service;
        for queue in 0..self.queues.hosted.len() as u32 {
            for group in self.groups_at(queue, service) {
                for broker in 0..self.queues.hosted[queue as usize].brokers.len() as u32 {
                    let host = &self.queues.hosted[queue as usize].brokers[broker as usize];
                    if host.is_up {
                        self.ask_broker(now, obs, queue, broker, |machine, out| {
                            machine.connect(now, group, Consumer(id), out);
                        });
                    }
                }
            }
        }
    }
}
