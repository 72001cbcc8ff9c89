//! What a rollback asks of a queue: not to forward for a while, and to go back. It reaches the brokers at
//! once, those that are down included: what it says is kept with their logs.

use crate::observer::Observer;
use crate::world::World;
use clock::Instant;
use protocol::broker::{Action, Broker};

impl World {
    /// A queue forwards nothing from now on. Messages come in, and what is out may still be
    /// acknowledged.
    pub(crate) fn stop_queue<O: Observer>(&mut self, now: Instant, obs: &mut O, queue: u32) {
        for host in &mut self.queues.hosted[queue as usize].brokers {
            host.checker.stopped(true);
        }
        self.ask_brokers(now, obs, queue, |machine, _| machine.stop());
    }

    /// A queue forwards again.
    pub(crate) fn resume_queue<O: Observer>(&mut self, now: Instant, obs: &mut O, queue: u32) {
        for host in &mut self.queues.hosted[queue as usize].brokers {
            host.checker.stopped(false);
        }
        self.ask_brokers(now, obs, queue, |machine, out| machine.resume(now, out));
    }

    /// From when on a queue must be replayed for nothing to be missed that is not done now.
    pub(crate) fn checkpoint(&self, now: Instant, queue: u32) -> Instant {
        let brokers = &self.queues.hosted[queue as usize].brokers;
        let open = brokers.iter().filter_map(|host| host.machine.oldest_open());
        open.min().map_or(now, |oldest| oldest.min(now))
    }

    /// Every group of a queue goes back to the first message that was published at or after `from`. Of
    /// messages that are over, the logs hold those of queues that a rollback of the model replays.
    pub(crate) fn replay_queue<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        queue: u32,
        from: Instant,
    ) {
        self.ask_brokers(now, obs, queue, |machine, out| {
            machine.replay(now, from, out)
        });
    }

    fn ask_brokers<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        queue: u32,
        question: impl Fn(&mut Broker, &mut Vec<Action>),
    ) {
        for broker in 0..self.queues.hosted[queue as usize].brokers.len() as u32 {
            self.ask_broker(now, obs, queue, broker, &question);
        }
    }
}
