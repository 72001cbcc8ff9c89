//! Message queues: what is published now and consumed later.

use super::{Distribution, ServiceId, Target};
use clock::Duration;

/// Index into [`Model::queues`](super::Model::queues).
pub type QueueId = usize;

/// A queue, and how it is produced to and consumed from.
#[derive(Clone, PartialEq, Debug)]
pub struct MessageQueue {
    /// The name in the model.
    pub name: String,
    /// Whose instances hold the partitions, in turn; `None`: a broker that never fails, a hop without
    /// latency away.
    pub broker: Option<ServiceId>,
    /// The groups of consumers, at least one; each gets every message, at one of its service's
    /// instances.
    pub consumers: Vec<Target>,
    /// At least 1. Messages of one key are in one partition, in the order in which it took them.
    pub partitions: u32,
    /// How a group shares the partitions.
    pub sharing: Sharing,
    /// Messages that wait or are out, over all partitions, of which each instance of the broker has its
    /// share; at least `partitions`; `None`: unbounded.
    pub capacity: Option<u64>,
    /// What becomes of one more.
    pub when_full: WhenFull,
    /// Messages that may be out from one broker instance at one consumer instance, at least 1.
    pub prefetch: u32,
    /// How long a consumer may take before its message is delivered again; [`Duration::MAX`]: for ever.
    pub ack_timeout: Duration,
    /// Deliveries after which a message is a dead letter, at least 1; `None`: never.
    pub max_deliveries: Option<u32>,
    /// The queue to which dead letters go; `None`: they are counted, and gone.
    pub dead_letter: Option<QueueId>,
    /// How long after a failed delivery the next one.
    pub redelivery: Redelivery,
    /// How messages get in.
    pub producer: Producer,
    /// One write of a partition's log; a message is acknowledged to its producer behind it.
    pub force: Distribution,
    /// For how long a group of consumers remembers what it has consumed, and drops what comes again;
    /// zero: it does not.
    pub deduplicate_for: Duration,
    /// What was out at a consumer that has crashed is delivered again at once; else after
    /// `ack_timeout`. Of competing consumers.
    pub requeue: bool,
    /// The share of messages that no consumer can handle.
    pub poison: f64,
}

/// How a group of consumers shares the partitions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sharing {
    /// Every instance takes from every partition: messages of one key may be out at once (SQS standard
    /// queues, RabbitMQ).
    #[default]
    Competing,
    /// One instance for each partition, one message after the other: the order per key holds (Kafka).
    /// When an instance leaves or comes, partitions move after `rebalance`.
    Exclusive {
        /// How long nobody takes from partitions that move.
        rebalance: Duration,
    },
}

/// What becomes of a message when the queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenFull {
    /// The producer is refused.
    #[default]
    Refuse,
    /// The producer waits for room, as long as its time-out says.
    Block,
    /// The oldest message that waits is dropped.
    DropOldest,
}

/// When a message whose delivery failed is delivered again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Redelivery {
    /// After the first failure.
    pub initial: Duration,
    /// For each further one, at least 1.
    pub factor: f64,
    /// The most.
    pub max: Duration,
}

/// How messages get in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Producer {
    /// How long one try waits for the broker's word; above 0.
    pub timeout: Duration,
    /// Further tries; the last one's failure is the `publish` step's.
    pub retries: u32,
    /// The broker knows a message that is tried again, and keeps it once.
    pub idempotent: bool,
    /// Whether the handler waits for the broker's word at all; else its message may be lost unnoticed.
    pub wait: bool,
}
