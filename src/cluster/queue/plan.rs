//! What the model says of a queue, as brokers and consumers need it.

use crate::post::{Bell, Party};
use crate::program::{Pc, Program};
use crate::sampler;
use crate::state::{Instance, NO_KEY, Origin};
use clock::{Duration, Instant};
use engine::random::mix;
use engine::{Bits, Keyed, Sampler, stream_key};
use model::{MessageQueue, Model, WhenFull};
use protocol::broker::{self, Backoff, Broker, Checker, Config, Deduplicator, Sharing};

/// Draws the partition of a message without a key.
const PARTITION: u64 = 0x7061_7274_6974_696f;
/// Draws whether a message is poison.
const POISON: u64 = 0x706f_6973_6f6e_0000;

/// A queue.
#[derive(Debug)]
pub(super) struct Hosted {
    pub(super) name: String,
    pub(super) producer: model::Producer,
    pub(super) partitions: u32,
    /// Partition p is at broker p modulo their number.
    pub(super) brokers: Vec<Host>,
    pub(super) groups: Vec<GroupPlan>,
    pub(super) dead_letter: Option<u32>,
    poison: f64,
    force: Sampler,
    /// Forced writes so far, each with draws of its own.
    forces: u64,
    key: u64,
    /// As last stated.
    pub(super) depth: u64,
}

/// A broker: a machine, and where it runs.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) machine: Broker,
    pub(super) checker: Checker,
    /// The instance; `None`: nowhere, and so it never fails.
    pub(super) home: Option<u32>,
    pub(super) is_up: bool,
    /// When it is to be asked next, at the latest.
    pub(super) bell: Option<(Instant, Bell)>,
    /// The end of the forced write under way.
    pub(super) disk: Option<Bell>,
}

/// A group of consumers.
#[derive(Debug)]
pub(super) struct GroupPlan {
    pub(super) service: u32,
    /// First operation of the handler.
    pub(super) entry: Pc,
    pub(super) seen: Deduplicator,
}

impl Hosted {
    pub(super) fn new(
        model: &Model,
        number: usize,
        program: &Program,
        instances: &[Instance],
        (seed, replication): (u64, u32),
    ) -> Self {
        let queue = &model.queues[number];
        let pushes = model.config.iter().flat_map(|centre| &centre.pushes);
        let pushes = pushes.filter_map(|push| push.rollback.as_ref());
        let mut rollbacks = model.deployments.iter().map(|d| &d.rollback).chain(pushes);
        let retain = rollbacks.any(|rollback| rollback.replay.contains(&number));
        let homes: Vec<Option<u32>> = match queue.broker {
            None => vec![None],
            Some(service) => {
                let all = (0..).zip(instances);
                let own = all.filter(|(_, i)| i.service as usize == service && !i.stands_by);
                own.map(|(id, _)| Some(id)).collect()
            }
        };
        let count = homes.len().min(queue.partitions as usize) as u32;
        let brokers = homes.into_iter().zip(0..count).map(|(home, broker)| {
            let numbers = (broker..queue.partitions).step_by(count as usize);
            let share = numbers.clone().count() as u64;
            let config = config(queue, retain, share);
            let machine = Broker::new(config.clone(), numbers);
            let Ok(machine) = machine else {
                unreachable!("a model has no group, prefetch or delivery of 0");
            };
            Host {
                machine,
                checker: Checker::new(config),
                home,
                is_up: true,
                bell: None,
                disk: None,
            }
        });
        let groups = queue.consumers.iter().map(|consumer| GroupPlan {
            service: consumer.service as u32,
            entry: program.entries[consumer.service][consumer.endpoint],
            seen: Deduplicator::new(queue.deduplicate_for),
        });
        Self {
            name: queue.name.clone(),
            producer: queue.producer,
            partitions: queue.partitions,
            brokers: brokers.collect(),
            groups: groups.collect(),
            dead_letter: queue.dead_letter.map(|q| q as u32),
            poison: queue.poison,
            force: sampler::lower(&queue.force),
            forces: 0,
            key: stream_key(seed, replication, &queue.name, "force"),
            depth: 0,
        }
    }

    /// The broker of a partition.
    pub(super) fn broker_of(&self, partition: u32) -> u32 {
        partition % self.brokers.len() as u32
    }

    /// The partition of a message: that of its request's key, or any.
    pub(super) fn partition_of(&self, key: u64, origin: Origin) -> u32 {
        let bits = match origin.key {
            NO_KEY => key ^ PARTITION,
            own => mix(u64::from(own) + 1),
        };
        Keyed::new(bits).below(self.partitions)
    }

    pub(super) fn is_poison(&self, key: u64) -> bool {
        self.poison > 0.0 && Keyed::new(key ^ POISON).unit() < self.poison
    }

    /// How long the next forced write takes.
    pub(super) fn force(&mut self) -> Duration {
        let key = Keyed::child(self.key, self.forces);
        self.forces += 1;
        self.force.sample(&mut Keyed::new(key))
    }

    /// The groups whose consumers are instances of a service.
    pub(super) fn groups_at(&self, service: u32) -> impl Iterator<Item = broker::Group> {
        let groups = (0..).zip(&self.groups);
        let there = groups.filter(move |(_, group)| group.service == service);
        there.map(|(number, _)| broker::Group(number))
    }
}

impl Host {
    pub(super) fn party(&self) -> Party {
        self.home.map_or(Party::Nobody, Party::Instance)
    }
}

/// The configuration of a broker with so many of the partitions.
fn config(queue: &MessageQueue, retain: bool, share: u64) -> Config {
    let all = u64::from(queue.partitions);
    Config {
        groups: queue.consumers.len() as u32,
        // Rounded up, so that all shares together hold what the queue does.
        capacity: queue.capacity.map(|capacity| {
            let part = (u128::from(capacity) * u128::from(share)).div_ceil(u128::from(all));
            part as u64
        }),
        when_full: match queue.when_full {
            WhenFull::Refuse => broker::WhenFull::Refuse,
            WhenFull::Block => broker::WhenFull::Block,
            WhenFull::DropOldest => broker::WhenFull::DropOldest,
        },
        sharing: match queue.sharing {
            model::Sharing::Competing => Sharing::Competing,
            model::Sharing::Exclusive { rebalance } => Sharing::Exclusive { rebalance },
        },
        prefetch: queue.prefetch,
        ack_timeout: queue.ack_timeout,
        max_deliveries: queue.max_deliveries,
        backoff: Backoff {
            initial: queue.redelivery.initial,
            factor: queue.redelivery.factor,
            max: queue.redelivery.max,
        },
        idempotent: queue.producer.idempotent,
        requeue: queue.requeue,
        retain,
    }
}
